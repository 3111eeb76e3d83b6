/* store.h — one SQLite file for everything gatetrail remembers: opening, migrations, statements.
 * The tables belong to the files beside this one (events.c, …); each adds its own by a row of
 * migrations.def.
 *
 * Invariants
 *  - The file carries gatetrail's application id, and in user_version how many rows of
 *    migrations.def it has seen. Another program's database, or one made by a newer gatetrail, is
 *    refused, never touched.
 *  - WAL journal: readers never wait for the writer. One writer at a time; others wait busy_ms.
 *  - A failed call leaves its reason in gt_store_message until the next failure.
 * A gt_store is used by one thread at a time; open one for each thread that needs one. */
#ifndef GT_STORE_STORE_H
#define GT_STORE_STORE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

typedef struct gt_store gt_store;

/* What a power cut may cost. A killed process never costs a committed transaction. */
typedef enum gt_store_sync {
    GT_STORE_SYNC_FULL,   /* nothing: each commit reaches the disk (alerts, checkpoints) */
    GT_STORE_SYNC_NORMAL, /* the last transactions; the file stays sound (filling) */
} gt_store_sync;

typedef struct gt_store_options {
    bool read_only;  /* never writes; the file must exist and be up to date */
    bool must_exist; /* GT_NOTFOUND instead of a new file */
    gt_store_sync sync;
    int busy_ms;     /* how long to wait for another writer; 0: GT_STORE_BUSY_MS */
} gt_store_options;

/* Open or create the database and bring its tables up to date.
 * path     a file, or "" for a private one in the temporary folder that vanishes when closed.
 * options  NULL: all defaults.
 * arena    for the message only.
 * Returns GT_OK; GT_NOTFOUND; GT_IO (cannot be opened or written, disk full); GT_CORRUPT (no
 * database, or a damaged one); GT_INVALID (another program's, or a newer gatetrail's); GT_RETRY
 * (locked for longer than busy_ms); GT_NOMEM. reterr_message says what to tell the user. */
gt_status gt_store_open(const char *path, const gt_store_options *options, gt_arena *arena,
                        gt_store **ret, gt_str *reterr_message) GT_MUST_CHECK;
/* Roll back what is open, finalize all statements, close. NULL is allowed. */
void gt_store_close(gt_store *store);

/* Why the last failed call failed: "FILE: database is locked"; lives until the next failure. */
gt_str gt_store_message(const gt_store *store);
/* SQLite's handle, for what has no helper here. */
sqlite3 *gt_store_db(gt_store *store);

/* SQLite's own check of the whole file, for `gatetrail status` and after a crash: GT_OK, or
 * GT_CORRUPT with the first finding as the message. */
gt_status gt_store_check(gt_store *store) GT_MUST_CHECK;

/* Run statements that give no rows. */
gt_status gt_store_exec(gt_store *store, const char *sql) GT_MUST_CHECK;

/* A prepared statement, reset and without bindings. sql is a string literal: its address is the key
 * under which the statement is kept for the next call, until gt_store_close. Not for nesting: the
 * same literal in a recursive call is the same statement. */
gt_status gt_store_prepare(gt_store *store, const char *sql, sqlite3_stmt **ret) GT_MUST_CHECK;
/* Next row: *ret_row tells whether there is one. After the last row, and on failure, the statement
 * is reset. */
gt_status gt_store_step(gt_store *store, sqlite3_stmt *stmt, bool *ret_row) GT_MUST_CHECK;
/* Run a statement that gives no rows (or whose rows do not matter) to its end. */
gt_status gt_store_run(gt_store *store, sqlite3_stmt *stmt) GT_MUST_CHECK;

/* Bind by 1-based place. Text and blobs are not copied: they must live until the statement is reset.
 * A NULL ptr binds NULL. A binding that fails for want of memory makes the next step fail. */
void gt_store_bind_str(sqlite3_stmt *stmt, int place, gt_str s);
void gt_store_bind_blob(sqlite3_stmt *stmt, int place, gt_str bytes);
void gt_store_bind_i64(sqlite3_stmt *stmt, int place, int64_t n);
void gt_store_bind_null(sqlite3_stmt *stmt, int place);
/* Columns by 0-based place; views that live until the next step. ptr NULL for NULL. */
gt_str gt_store_col_str(sqlite3_stmt *stmt, int column);
gt_str gt_store_col_blob(sqlite3_stmt *stmt, int column);
int64_t gt_store_col_i64(sqlite3_stmt *stmt, int column);
bool gt_store_col_is_null(sqlite3_stmt *stmt, int column);

/* A write transaction; they do not nest. Commit on GT_OK of the work, else roll back. */
gt_status gt_store_begin(gt_store *store) GT_MUST_CHECK;
gt_status gt_store_commit(gt_store *store) GT_MUST_CHECK;
void gt_store_rollback(gt_store *store);
/* gt_store_commit when status is GT_OK, else gt_store_rollback; returns the first failure. */
gt_status gt_store_end(gt_store *store, gt_status status) GT_MUST_CHECK;

/* A failed SQLite result as a status, its reason kept for gt_store_message. For direct users of
 * gt_store_db. SQLITE_OK, ROW and DONE are GT_OK. */
gt_status gt_store_fail(gt_store *store, int sqlite_result) GT_MUST_CHECK;

#endif
