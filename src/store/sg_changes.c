#include "store/sg_changes.h"

#include "base/hash.h"

/* A few witnesses of an account's default VPC are enough. */
#define WITNESSES_MAX 4

static gt_status key_add(gt_store *store, gt_str key, int64_t change)
{
    sqlite3_stmt *stmt;
    if (gt_str_starts(key, GT_STR("default:")))
        GT_TRY(gt_store_prepare(store,
                                "INSERT OR IGNORE INTO sg_keys(key, change) SELECT ?1, ?2 WHERE "
                                "(SELECT count(*) FROM sg_keys WHERE key = ?1) < ?3",
                                &stmt));
    else
        GT_TRY(gt_store_prepare(store, "INSERT OR IGNORE INTO sg_keys(key, change) VALUES(?1, ?2)",
                                &stmt));
    gt_store_bind_str(stmt, 1, key);
    gt_store_bind_i64(stmt, 2, change);
    if (gt_str_starts(key, GT_STR("default:")))
        gt_store_bind_i64(stmt, 3, WITNESSES_MAX);
    return gt_store_run(store, stmt);
}

gt_status gt_store_sg_add(gt_store *store, gt_str packed, const gt_str *keys, size_t key_count)
{
    sqlite3_stmt *stmt;
    gt_hash128 hash = gt_hash128_of(packed);
    GT_TRY(gt_store_prepare(store, "INSERT OR IGNORE INTO sg_changes(hash, data) VALUES(?1, ?2)",
                            &stmt));
    gt_store_bind_blob(stmt, 1, (gt_str){(const char *)&hash, sizeof hash});
    gt_store_bind_blob(stmt, 2, packed);
    GT_TRY(gt_store_run(store, stmt));
    if (sqlite3_changes(gt_store_db(store)) == 0)
        return GT_OK;
    int64_t id = sqlite3_last_insert_rowid(gt_store_db(store));
    for (size_t i = 0; i < key_count; i++)
        GT_TRY(key_add(store, keys[i], id));
    return GT_OK;
}

/* fn gets column 0 of every row. A failure of fn ends it and is what comes back. */
static gt_status each(gt_store *store, sqlite3_stmt *stmt, gt_store_sg_fn *fn, void *ctx)
{
    for (;;) {
        bool row;
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        gt_status status = fn(ctx, gt_store_col_blob(stmt, 0));
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status;
        }
    }
}

gt_status gt_store_sg_find(gt_store *store, gt_str key, gt_store_sg_fn *fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT c.data FROM sg_keys k JOIN sg_changes c ON c.id = k.change "
                            "WHERE k.key = ?1 ORDER BY k.change",
                            &stmt));
    gt_store_bind_str(stmt, 1, key);
    return each(store, stmt, fn, ctx);
}

gt_status gt_store_sg_all(gt_store *store, gt_store_sg_fn *fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT data FROM sg_changes ORDER BY id", &stmt));
    return each(store, stmt, fn, ctx);
}

gt_status gt_store_sg_keys(gt_store *store, gt_str prefix, gt_store_sg_fn *fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT DISTINCT key FROM sg_keys WHERE key >= ?1 "
                            "AND substr(key, 1, length(?1)) = ?1 AND key < ?1 || x'ff' ORDER BY key",
                            &stmt));
    gt_store_bind_str(stmt, 1, prefix);
    return each(store, stmt, fn, ctx);
}

gt_status gt_store_sg_newest(gt_store *store, int64_t *ret)
{
    sqlite3_stmt *stmt;
    bool row;
    GT_TRY(gt_store_prepare(store, "SELECT max(id) FROM sg_changes", &stmt));
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

gt_status gt_store_sg_facts_put(gt_store *store, int64_t newest, gt_str text)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO meta(key, value) VALUES('sg_facts', ?1 || ' ' || ?2) "
                            "ON CONFLICT(key) DO UPDATE SET value = ?1 || ' ' || ?2",
                            &stmt));
    gt_store_bind_i64(stmt, 1, newest);
    gt_store_bind_str(stmt, 2, text);
    return gt_store_run(store, stmt);
}

gt_status gt_store_sg_facts_get(gt_store *store, gt_arena *arena, int64_t *ret_newest, gt_str *ret)
{
    sqlite3_stmt *stmt;
    bool row;
    gt_str number;
    GT_TRY(gt_store_prepare(store, "SELECT value FROM meta WHERE key = 'sg_facts'", &stmt));
    GT_TRY(gt_store_step(store, stmt, &row));
    gt_str text = gt_arena_dup(arena, row ? gt_store_col_str(stmt, 0) : GT_STR(""));
    (void)sqlite3_reset(stmt);
    text = gt_str_cut(text, ' ', &number);
    if (!gt_str_to_i64(number, ret_newest))
        *ret_newest = 0;
    *ret = text.ptr ? text : GT_STR("");
    return gt_arena_status(arena);
}

gt_status gt_store_sg_nameless(gt_store *store, bool *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT 1 FROM sg_keys k WHERE k.key >= 'name:' AND k.key < 'name;' AND "
                            "NOT EXISTS(SELECT 1 FROM sg_keys n WHERE "
                            "n.key = 'named:' || substr(k.key, 6)) LIMIT 1",
                            &stmt));
    GT_TRY(gt_store_step(store, stmt, ret));
    (void)sqlite3_reset(stmt);
    return GT_OK;
}
