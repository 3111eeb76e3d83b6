#include "store/feeds.h"

#include "base/limits.h"

gt_status gt_feeds_seen_put(gt_store *store, gt_str source, gt_str key, gt_str mark, gt_time_ms at)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO feed_seen(source, key, mark, at) VALUES(?1,?2,?3,?4)"
                                   " ON CONFLICT(source, key) DO UPDATE SET mark = ?3, at = ?4",
                            &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_blob(stmt, 2, key);
    gt_store_bind_str(stmt, 3, mark);
    gt_store_bind_i64(stmt, 4, at);
    return gt_store_run(store, stmt);
}

gt_status gt_feeds_seen_has(gt_store *store, gt_str source, gt_str key, gt_str mark, bool *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT mark FROM feed_seen WHERE source = ?1 AND key = ?2",
                            &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_blob(stmt, 2, key);
    bool row = false;
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row && gt_str_eq(gt_store_col_str(stmt, 0), mark);
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

gt_status gt_feeds_seen_prune(gt_store *store, gt_str source, gt_time_ms before, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "DELETE FROM feed_seen WHERE source = ?1 AND at < ?2", &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_i64(stmt, 2, before);
    GT_TRY(gt_store_run(store, stmt));
    *ret = sqlite3_changes64(gt_store_db(store));
    return GT_OK;
}

static gt_status collect_gone(gt_store *store, gt_str source, bool (*gone)(gt_str key), size_t most,
                              gt_arena *arena, gt_str *keys, size_t *ret_count)
{
    sqlite3_stmt *stmt;
    size_t count = 0;
    GT_TRY(gt_store_prepare(store, "SELECT key FROM feed_seen WHERE source = ?1", &stmt));
    gt_store_bind_str(stmt, 1, source);
    for (bool row = true; count < most;) {
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            break;
        gt_str key = gt_arena_dup(arena, gt_store_col_blob(stmt, 0));
        if (key.ptr && gone(key))
            keys[count++] = key;
    }
    (void)sqlite3_reset(stmt);
    *ret_count = count;
    return gt_arena_status(arena);
}

static gt_status delete_keys(gt_store *store, gt_str source, const gt_str *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *stmt;
        GT_TRY(gt_store_prepare(store, "DELETE FROM feed_seen WHERE source = ?1 AND key = ?2", &stmt));
        gt_store_bind_str(stmt, 1, source);
        gt_store_bind_blob(stmt, 2, keys[i]);
        GT_TRY(gt_store_run(store, stmt));
    }
    return GT_OK;
}

gt_status gt_feeds_seen_forget(gt_store *store, gt_str source, bool (*gone)(gt_str key), size_t most,
                               size_t *ret)
{
    gt_arena *arena = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_str *keys = arena ? gt_arena_array(arena, gt_str, most + 1) : NULL;
    size_t count = 0;
    gt_status status = keys ? collect_gone(store, source, gone, most, arena, keys, &count) : GT_NOMEM;
    if (status == GT_OK && count)
        status = gt_store_begin(store);
    if (status == GT_OK && count)
        status = gt_store_end(store, delete_keys(store, source, keys, count));
    gt_arena_free(arena);
    if (status == GT_OK)
        *ret = count;
    return status;
}

gt_status gt_feeds_checkpoint_put(gt_store *store, gt_str source, gt_str text)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO feed_checkpoint(source, text) VALUES(?1,?2)"
                                   " ON CONFLICT(source) DO UPDATE SET text = ?2",
                            &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_str(stmt, 2, text);
    return gt_store_run(store, stmt);
}

gt_status gt_feeds_checkpoint_get(gt_store *store, gt_str source, gt_arena *arena, gt_str *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT text FROM feed_checkpoint WHERE source = ?1", &stmt));
    gt_store_bind_str(stmt, 1, source);
    bool row = false;
    GT_TRY(gt_store_step(store, stmt, &row));
    gt_str text = gt_arena_dup(arena, row ? gt_store_col_str(stmt, 0) : GT_STR(""));
    (void)sqlite3_reset(stmt);
    if (!text.ptr)
        return gt_arena_status(arena);
    *ret = text;
    return GT_OK;
}

gt_status gt_feeds_dead_put(gt_store *store, gt_str source, gt_str name, gt_str reason, gt_str body,
                            gt_time_ms at)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store, "INSERT INTO feed_dead(source, name, reason, body, at) VALUES(?1,?2,?3,?4,?5)", &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_str(stmt, 2, name);
    gt_store_bind_str(stmt, 3, reason);
    gt_store_bind_blob(stmt, 4, body);
    gt_store_bind_i64(stmt, 5, at);
    return gt_store_run(store, stmt);
}

gt_status gt_feeds_dead_count(gt_store *store, gt_str source, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT count(*) FROM feed_dead WHERE source = ?1", &stmt));
    gt_store_bind_str(stmt, 1, source);
    bool row = false;
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

gt_status gt_feeds_finding_put(gt_store *store, gt_str source, const char *kind, gt_str name,
                               gt_str detail, gt_time_ms at)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO feed_finding(source, kind, name, detail, at)"
                                   " VALUES(?1,?2,?3,?4,?5)"
                                   " ON CONFLICT(source, kind, name) DO NOTHING",
                            &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_str(stmt, 2, gt_str_c(kind));
    gt_store_bind_str(stmt, 3, name);
    gt_store_bind_str(stmt, 4, detail);
    gt_store_bind_i64(stmt, 5, at);
    return gt_store_run(store, stmt);
}

gt_status gt_feeds_findings_each(gt_store *store, gt_feed_finding_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    gt_status status = GT_OK;
    GT_TRY(gt_store_prepare(store, "SELECT source, kind, name, detail, at FROM feed_finding"
                                   " ORDER BY at, source, kind, name",
                            &stmt));
    for (bool row = true; status == GT_OK;) {
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        const gt_feed_finding finding = {
            gt_store_col_str(stmt, 0), gt_store_col_str(stmt, 1), gt_store_col_str(stmt, 2),
            gt_store_col_str(stmt, 3), gt_store_col_i64(stmt, 4)};
        status = fn(ctx, &finding);
    }
    (void)sqlite3_reset(stmt);
    return status == GT_END ? GT_OK : status;
}
