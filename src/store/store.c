#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"

/* "GTRL": what file(1) and other programs see at offset 68 of the file. */
#define APPLICATION_ID 0x4754524c

typedef struct cached_stmt {
    const char *sql;
    sqlite3_stmt *stmt;
} cached_stmt;

struct gt_store {
    sqlite3 *db;
    char *path;
    cached_stmt *stmts;
    size_t stmt_count;
    size_t stmt_cap;
    char message[512];
};

typedef struct migration {
    const char *name;
    const char *sql;
} migration;

static const migration MIGRATIONS[] = {
#define GT_MIGRATION(name, sql) {name, sql},
#include "store/migrations.def"
#undef GT_MIGRATION
};
#define MIGRATION_COUNT (sizeof MIGRATIONS / sizeof *MIGRATIONS)

static GT_PRINTF(2, 3) void set_message(gt_store *store, const char *fmt, ...)
{
    const char *path = store->path && store->path[0] ? store->path : "temporary database";
    int n = snprintf(store->message, sizeof store->message, "%s: ", path);
    if (n < 0 || (size_t)n >= sizeof store->message)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(store->message + n, sizeof store->message - (size_t)n, fmt, args);
    va_end(args);
}

static gt_status status_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return GT_OK;
    case SQLITE_NOMEM:
        return GT_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GT_RETRY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return GT_CORRUPT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return GT_INVALID;
    case SQLITE_TOOBIG:
        return GT_LIMIT;
    default:
        return GT_IO;
    }
}

gt_status gt_store_fail(gt_store *store, int sqlite_result)
{
    gt_status status = status_of(sqlite_result);
    if (status != GT_OK)
        set_message(store, "%s", store->db ? sqlite3_errmsg(store->db) : "out of memory");
    return status;
}

gt_str gt_store_message(const gt_store *store)
{
    return gt_str_c(store->message);
}

sqlite3 *gt_store_db(gt_store *store)
{
    return store->db;
}

gt_status gt_store_exec(gt_store *store, const char *sql)
{
    return gt_store_fail(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

/* One number that a pragma or a query gives. */
static gt_status query_number(gt_store *store, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, sql, &stmt));
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

static gt_status run_migration(gt_store *store, size_t index)
{
    GT_TRY(gt_store_begin(store));
    /* Another process may have been faster between our look and our lock. */
    int64_t version;
    gt_status status = query_number(store, "PRAGMA user_version", &version);
    if (status == GT_OK && version == (int64_t)index) {
        char pragma[80];
        (void)snprintf(pragma, sizeof pragma,
                       "PRAGMA user_version = %zu; PRAGMA application_id = %d", index + 1,
                       APPLICATION_ID);
        status = gt_store_exec(store, MIGRATIONS[index].sql);
        if (status == GT_OK)
            status = gt_store_exec(store, pragma);
    }
    return gt_store_end(store, status);
}

static gt_status migrate(gt_store *store, bool read_only)
{
    int64_t app, version, tables;
    GT_TRY(query_number(store, "PRAGMA application_id", &app));
    GT_TRY(query_number(store, "PRAGMA user_version", &version));
    GT_TRY(query_number(store, "SELECT count(*) FROM sqlite_schema", &tables));
    if (app != APPLICATION_ID && (tables || version || app)) {
        set_message(store, "is another program's SQLite database");
        return GT_INVALID;
    }
    if (version > (int64_t)MIGRATION_COUNT) {
        set_message(store, "was made by a newer gatetrail (schema %lld, this one knows %zu)",
                    (long long)version, MIGRATION_COUNT);
        return GT_INVALID;
    }
    if (read_only && version < (int64_t)MIGRATION_COUNT) {
        set_message(store, "was made by an older gatetrail; open it once for writing");
        return GT_INVALID;
    }
    for (size_t i = (size_t)version; i < MIGRATION_COUNT; i++)
        GT_TRY(run_migration(store, i));
    return GT_OK;
}

static gt_status configure(gt_store *store, const gt_store_options *options)
{
    int busy_ms = options->busy_ms ? options->busy_ms : GT_STORE_BUSY_MS;
    GT_TRY(gt_store_fail(store, sqlite3_busy_timeout(store->db, busy_ms)));
    (void)sqlite3_extended_result_codes(store->db, 1);
    /* A database is data that others may have made: its schema must not call functions on its own. */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!options->read_only)
        GT_TRY(gt_store_exec(store, "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;"
                                    "PRAGMA journal_size_limit = 67108864"));
    GT_TRY(gt_store_exec(store, options->sync == GT_STORE_SYNC_FULL ? "PRAGMA synchronous = FULL"
                                                                    : "PRAGMA synchronous = NORMAL"));
    return gt_store_exec(store, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                                "PRAGMA cache_size = -16384");
}

static gt_status open_handle(gt_store *store, const char *path, const gt_store_options *options)
{
    int flags = SQLITE_OPEN_NOMUTEX;
    if (options->read_only)
        flags |= SQLITE_OPEN_READONLY;
    else
        flags |= SQLITE_OPEN_READWRITE | (options->must_exist ? 0 : SQLITE_OPEN_CREATE);
    int result = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (result != SQLITE_OK) {
        bool missing = path[0] && (options->read_only || options->must_exist) &&
                       (result & 0xff) == SQLITE_CANTOPEN;
        gt_status status = gt_store_fail(store, result);
        return missing ? GT_NOTFOUND : status;
    }
    GT_TRY(configure(store, options));
    return migrate(store, options->read_only);
}

gt_status gt_store_open(const char *path, const gt_store_options *options, gt_arena *arena,
                        gt_store **ret, gt_str *reterr_message)
{
    static const gt_store_options defaults;
    if (!options)
        options = &defaults;
    gt_store *store = gt_calloc(1, sizeof *store);
    gt_status status = store ? GT_OK : GT_NOMEM;
    if (store) {
        store->path = gt_malloc(strlen(path) + 1);
        status = store->path ? GT_OK : GT_NOMEM;
    }
    if (status == GT_OK) {
        memcpy(store->path, path, strlen(path) + 1);
        status = open_handle(store, path, options);
    }
    if (status == GT_OK) {
        *ret = store;
        return GT_OK;
    }
    if (reterr_message)
        *reterr_message = store && store->message[0]
                              ? gt_arena_dup(arena, gt_str_c(store->message))
                              : gt_str_c(gt_status_text(status));
    gt_store_close(store);
    return status;
}

void gt_store_close(gt_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->stmt_count; i++)
        (void)sqlite3_finalize(store->stmts[i].stmt);
    gt_free(store->stmts);
    (void)sqlite3_close(store->db);
    gt_free(store->path);
    gt_free(store);
}

gt_status gt_store_check(gt_store *store)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "PRAGMA integrity_check(1)", &stmt));
    bool row;
    GT_TRY(gt_store_step(store, stmt, &row));
    gt_str finding = row ? gt_store_col_str(stmt, 0) : GT_STR("no answer");
    bool sound = gt_str_is(finding, "ok");
    if (!sound)
        set_message(store, "%.*s", GT_STR_ARG(finding));
    (void)sqlite3_reset(stmt);
    return sound ? GT_OK : GT_CORRUPT;
}

gt_status gt_store_prepare(gt_store *store, const char *sql, sqlite3_stmt **ret)
{
    for (size_t i = 0; i < store->stmt_count; i++) {
        if (store->stmts[i].sql == sql) {
            (void)sqlite3_reset(store->stmts[i].stmt);
            (void)sqlite3_clear_bindings(store->stmts[i].stmt);
            *ret = store->stmts[i].stmt;
            return GT_OK;
        }
    }
    if (store->stmt_count == store->stmt_cap) {
        size_t cap = store->stmt_cap ? store->stmt_cap * 2 : 32;
        cached_stmt *stmts = gt_realloc(store->stmts, cap * sizeof *stmts);
        if (!stmts)
            return GT_NOMEM;
        store->stmts = stmts;
        store->stmt_cap = cap;
    }
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_fail(store,
                         sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt,
                                            NULL)));
    store->stmts[store->stmt_count++] = (cached_stmt){sql, stmt};
    *ret = stmt;
    return GT_OK;
}

gt_status gt_store_step(gt_store *store, sqlite3_stmt *stmt, bool *ret_row)
{
    int result = sqlite3_step(stmt);
    gt_status status = gt_store_fail(store, result);
    if (result != SQLITE_ROW)
        (void)sqlite3_reset(stmt);
    if (status == GT_OK)
        *ret_row = result == SQLITE_ROW;
    return status;
}

gt_status gt_store_run(gt_store *store, sqlite3_stmt *stmt)
{
    bool row = true;
    while (row)
        GT_TRY(gt_store_step(store, stmt, &row));
    return GT_OK;
}

/* Only want of memory and a wrong place can fail here. The first makes SQLite's later calls on this
 * connection fail too; the second is a programmer's error. */
static void bound(int result)
{
    gt_assert(result == SQLITE_OK || result == SQLITE_NOMEM || result == SQLITE_TOOBIG);
}

void gt_store_bind_str(sqlite3_stmt *stmt, int place, gt_str s)
{
    bound(sqlite3_bind_text64(stmt, place, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8));
}

void gt_store_bind_blob(sqlite3_stmt *stmt, int place, gt_str bytes)
{
    bound(sqlite3_bind_blob64(stmt, place, bytes.ptr, bytes.len, SQLITE_STATIC));
}

void gt_store_bind_i64(sqlite3_stmt *stmt, int place, int64_t n)
{
    bound(sqlite3_bind_int64(stmt, place, n));
}

void gt_store_bind_null(sqlite3_stmt *stmt, int place)
{
    bound(sqlite3_bind_null(stmt, place));
}

gt_str gt_store_col_blob(sqlite3_stmt *stmt, int column)
{
    if (gt_store_col_is_null(stmt, column))
        return GT_STR_NULL;
    const char *ptr = sqlite3_column_blob(stmt, column);
    return (gt_str){ptr ? ptr : "", (size_t)sqlite3_column_bytes(stmt, column)};
}

gt_str gt_store_col_str(sqlite3_stmt *stmt, int column)
{
    if (gt_store_col_is_null(stmt, column))
        return GT_STR_NULL;
    const unsigned char *ptr = sqlite3_column_text(stmt, column);
    return (gt_str){ptr ? (const char *)ptr : "", (size_t)sqlite3_column_bytes(stmt, column)};
}

int64_t gt_store_col_i64(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

bool gt_store_col_is_null(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

gt_status gt_store_begin(gt_store *store)
{
    return gt_store_exec(store, "BEGIN IMMEDIATE");
}

gt_status gt_store_commit(gt_store *store)
{
    return gt_store_exec(store, "COMMIT");
}

void gt_store_rollback(gt_store *store)
{
    /* A failure may have rolled back already (disk full); then there is nothing to do. */
    if (!sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

gt_status gt_store_end(gt_store *store, gt_status status)
{
    if (status == GT_OK)
        status = gt_store_commit(store);
    if (status != GT_OK)
        gt_store_rollback(store);
    return status;
}
