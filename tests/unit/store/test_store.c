/* Opening, refusing, migrating, transactions. */
#include "test.h"

#include <unistd.h>

#include "base/limits.h"
#include "store/store.h"

typedef struct fixture {
    gt_arena *arena;
    char path[64];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    (void)snprintf(f->path, sizeof f->path, "/tmp/gatetrail-test-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char name[80];
    (void)unlink(f->path);
    (void)snprintf(name, sizeof name, "%s-wal", f->path);
    (void)unlink(name);
    (void)snprintf(name, sizeof name, "%s-shm", f->path);
    (void)unlink(name);
    gt_arena_free(f->arena);
    free(f);
    return 0;
}

static gt_store *open_ok(fixture *f, const gt_store_options *options)
{
    gt_store *store = NULL;
    gt_str message = GT_STR_NULL;
    gt_status status = gt_store_open(f->path, options, f->arena, &store, &message);
    if (status != GT_OK)
        print_message("# %.*s\n", GT_STR_ARG(message));
    assert_int_equal(status, GT_OK);
    return store;
}

static void opens_twice(void **state)
{
    fixture *f = *state;
    gt_store *store = open_ok(f, NULL);
    assert_int_equal(gt_store_check(store), GT_OK);
    sqlite3_stmt *stmt;
    assert_int_equal(gt_store_prepare(store, "INSERT INTO meta VALUES(?1, ?2)", &stmt), GT_OK);
    gt_store_bind_str(stmt, 1, GT_STR("key"));
    gt_store_bind_i64(stmt, 2, 7);
    assert_int_equal(gt_store_run(store, stmt), GT_OK);
    gt_store_close(store);

    store = open_ok(f, &(gt_store_options){.read_only = true});
    assert_int_equal(gt_store_prepare(store, "SELECT value, key, NULL FROM meta", &stmt), GT_OK);
    bool row;
    assert_int_equal(gt_store_step(store, stmt, &row), GT_OK);
    assert_true(row);
    assert_int_equal(gt_store_col_i64(stmt, 0), 7);
    assert_true(gt_str_is(gt_store_col_str(stmt, 1), "key"));
    assert_null(gt_store_col_str(stmt, 2).ptr);
    assert_int_equal(gt_store_step(store, stmt, &row), GT_OK);
    assert_false(row);
    gt_store_close(store);
}

static void rolls_back(void **state)
{
    fixture *f = *state;
    gt_store *store = open_ok(f, NULL);
    assert_int_equal(gt_store_begin(store), GT_OK);
    assert_int_equal(gt_store_exec(store, "INSERT INTO meta VALUES('a', 1)"), GT_OK);
    gt_status bad = gt_store_exec(store, "INSERT INTO meta VALUES('a', 2)");
    assert_int_equal(bad, GT_INVALID);
    assert_int_equal(gt_store_end(store, bad), GT_INVALID);
    sqlite3_stmt *stmt;
    assert_int_equal(gt_store_prepare(store, "SELECT count(*) FROM meta", &stmt), GT_OK);
    bool row;
    assert_int_equal(gt_store_step(store, stmt, &row), GT_OK);
    assert_int_equal(gt_store_col_i64(stmt, 0), 0);
    gt_store_close(store);
}

static void expect_refused(fixture *f, gt_status want, const char *words)
{
    gt_store *store = NULL;
    gt_str message = GT_STR_NULL;
    assert_int_equal(gt_store_open(f->path, NULL, f->arena, &store, &message), want);
    assert_null(store);
    if (gt_str_find(message, gt_str_c(words)) == GT_NPOS)
        fail_msg("'%.*s' does not say '%s'", GT_STR_ARG(message), words);
}

static void refuses_others(void **state)
{
    fixture *f = *state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    expect_refused(f, GT_INVALID, "another program's");
}

static void refuses_newer(void **state)
{
    fixture *f = *state;
    gt_store *store = open_ok(f, NULL);
    assert_int_equal(gt_store_exec(store, "PRAGMA user_version = 100000"), GT_OK);
    gt_store_close(store);
    expect_refused(f, GT_INVALID, "newer gatetrail");
}

static void refuses_garbage(void **state)
{
    fixture *f = *state;
    FILE *file = fopen(f->path, "wb");
    for (int i = 0; i < 1000; i++)
        (void)fputs("no database at all\n", file);
    (void)fclose(file);
    expect_refused(f, GT_CORRUPT, "not a database");
}

static void refuses_missing(void **state)
{
    fixture *f = *state;
    (void)unlink(f->path);
    gt_store *store = NULL;
    gt_str message;
    gt_store_options options = {.read_only = true};
    assert_int_equal(gt_store_open(f->path, &options, f->arena, &store, &message), GT_NOTFOUND);
    options = (gt_store_options){.must_exist = true};
    assert_int_equal(gt_store_open(f->path, &options, f->arena, &store, &message), GT_NOTFOUND);
    assert_int_equal(gt_store_open("/", NULL, f->arena, &store, &message), GT_IO);
}

static void locked_is_retry(void **state)
{
    fixture *f = *state;
    gt_store *one = open_ok(f, NULL);
    gt_store *two = open_ok(f, &(gt_store_options){.busy_ms = 1});
    assert_int_equal(gt_store_begin(one), GT_OK);
    assert_int_equal(gt_store_begin(two), GT_RETRY);
    assert_true(gt_str_find(gt_store_message(two), GT_STR("locked")) != GT_NPOS);
    gt_store_rollback(one);
    assert_int_equal(gt_store_begin(two), GT_OK);
    gt_store_close(two);
    gt_store_close(one);
}

static void temporary_is_private(void **state)
{
    fixture *f = *state;
    gt_store *store = NULL;
    assert_int_equal(gt_store_open("", NULL, f->arena, &store, NULL), GT_OK);
    assert_int_equal(gt_store_exec(store, "INSERT INTO meta VALUES('a', 1)"), GT_OK);
    gt_store_close(store);
    assert_int_equal(gt_store_open("", NULL, f->arena, &store, NULL), GT_OK);
    assert_int_equal(gt_store_exec(store, "INSERT INTO meta VALUES('a', 1)"), GT_OK);
    gt_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(opens_twice), T(rolls_back), T(refuses_others), T(refuses_newer), T(refuses_garbage),
        T(refuses_missing), T(locked_is_retry), T(temporary_is_private),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
