#include "store/sinks.h"

#include "store/rows.h"

#include "base/limits.h"
#include "store/alerts_internal.h"

/* --- the queue -------------------------------------------------------------------------------- */

gt_status gt_sinks_put(gt_store *store, gt_str sink, int64_t alert, gt_time_ms now)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO sink_queue(sink, alert, queued, due, attempts)"
                            " VALUES(?1,?2,?3,?3,0) ON CONFLICT(sink, alert) DO NOTHING",
                            &stmt));
    gt_store_bind_str(stmt, 1, sink);
    gt_store_bind_i64(stmt, 2, alert);
    gt_store_bind_i64(stmt, 3, now);
    return gt_store_run(store, stmt);
}

static gt_status read_row(gt_arena *arena, sqlite3_stmt *stmt, gt_sink_row *ret)
{
    gt_buf text = GT_BUF(GT_ALERT_BYTES_MAX);
    gt_status status = alerts_unpack(gt_store_col_blob(stmt, 8), gt_store_col_str(stmt, 10), &text);
    *ret = (gt_sink_row){.seq = gt_store_col_i64(stmt, 0),
                         .attempts = gt_store_col_i64(stmt, 1),
                         .queued = gt_store_col_i64(stmt, 2),
                         .id = gt_arena_dup(arena, gt_store_col_str(stmt, 3)),
                         .rule_id = gt_arena_dup(arena, gt_store_col_str(stmt, 4)),
                         .rule_name = gt_arena_dup(arena, gt_store_col_str(stmt, 5)),
                         .severity = (int)gt_store_col_i64(stmt, 6),
                         .event = gt_store_col_i64(stmt, 7),
                         .created = gt_store_col_i64(stmt, 9)};
    if (status == GT_OK)
        ret->text = gt_arena_dup(arena, gt_buf_str(&text));
    gt_buf_done(&text);
    return status != GT_OK ? status : gt_arena_status(arena);
}

static gt_status read_rows(gt_store *store, gt_arena *arena, sqlite3_stmt *stmt, size_t max,
                           size_t max_bytes, gt_sink_row *rows, size_t *ret_count)
{
    size_t count = 0, bytes = 0;
    while (count < max && bytes < max_bytes) {
        bool row = false;
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            break;
        GT_TRY(read_row(arena, stmt, &rows[count]));
        if (count && bytes + rows[count].text.len > max_bytes)
            break;
        bytes += rows[count++].text.len;
    }
    *ret_count = count;
    return GT_OK;
}

gt_status gt_sinks_take(gt_store *store, gt_arena *arena, gt_str sink, gt_time_ms now, size_t max,
                        size_t max_bytes, gt_sink_row **ret, size_t *ret_count)
{
    sqlite3_stmt *stmt;
    gt_sink_row *rows = gt_arena_array(arena, gt_sink_row, max);
    if (!rows)
        return gt_arena_status(arena);
    /* "+": by the index of (sink, alert), whose order is wanted, not by that of due times */
    GT_TRY(gt_store_prepare(
        store,
        "SELECT q.seq, q.attempts, q.queued, alerts.id, rule_id, rule_name, severity, event,"
        " document, created, " ALERTS_TAIL " FROM sink_queue q JOIN alerts ON alerts.seq = q.alert"
        " WHERE q.sink = ?1 AND +q.due <= ?2 ORDER BY q.alert LIMIT ?3",
        &stmt));
    gt_store_bind_str(stmt, 1, sink);
    gt_store_bind_i64(stmt, 2, now);
    gt_store_bind_i64(stmt, 3, (int64_t)max);
    gt_status status = read_rows(store, arena, stmt, max, max_bytes, rows, ret_count);
    (void)sqlite3_reset(stmt);
    if (status == GT_OK)
        *ret = rows;
    return status;
}

gt_status gt_sinks_due(gt_store *store, gt_str sink, bool *ret_has, gt_time_ms *ret)
{
    sqlite3_stmt *stmt;
    bool row = false;
    GT_TRY(gt_store_prepare(store, "SELECT min(due) FROM sink_queue WHERE sink = ?1", &stmt));
    gt_store_bind_str(stmt, 1, sink);
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret_has = row && !gt_store_col_is_null(stmt, 0);
    if (*ret_has)
        *ret = gt_store_col_i64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

/* --- what became of a row --------------------------------------------------------------------- */

gt_status gt_sinks_done(gt_store *store, int64_t seq)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "DELETE FROM sink_queue WHERE seq = ?1", &stmt));
    gt_store_bind_i64(stmt, 1, seq);
    return gt_store_run(store, stmt);
}

gt_status gt_sinks_again(gt_store *store, int64_t seq, gt_time_ms due)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store, "UPDATE sink_queue SET due = ?2, attempts = attempts + 1 WHERE seq = ?1", &stmt));
    gt_store_bind_i64(stmt, 1, seq);
    gt_store_bind_i64(stmt, 2, due);
    return gt_store_run(store, stmt);
}

gt_status gt_sinks_give_up(gt_store *store, int64_t seq, gt_str reason, gt_time_ms now)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO sink_dead(sink, alert, id, reason, attempts, queued, at)"
                            " SELECT q.sink, q.alert, a.id, ?2, q.attempts + 1, q.queued, ?3"
                            " FROM sink_queue q JOIN alerts a ON a.seq = q.alert WHERE q.seq = ?1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, seq);
    gt_store_bind_str(stmt, 2, reason);
    gt_store_bind_i64(stmt, 3, now);
    GT_TRY(gt_store_run(store, stmt));
    return gt_sinks_done(store, seq);
}

/* --- how sinks are ---------------------------------------------------------------------------- */

gt_status gt_sinks_state_put(gt_store *store, gt_str sink, gt_str type, int64_t sent,
                             gt_str problem, gt_time_ms since, gt_time_ms answered, int64_t place)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store,
        "INSERT INTO sink_state(name, type, sent, problem, since, answered, place)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(name) DO UPDATE SET type = ?2, sent = sent + ?3,"
        " problem = ?4, since = ?5, answered = max(answered, ?6), place = ?7",
        &stmt));
    gt_store_bind_str(stmt, 1, sink);
    gt_store_bind_str(stmt, 2, type);
    gt_store_bind_i64(stmt, 3, sent);
    gt_store_bind_str(stmt, 4, problem.len ? problem : GT_STR(""));
    gt_store_bind_i64(stmt, 5, since);
    gt_store_bind_i64(stmt, 6, answered);
    gt_store_bind_i64(stmt, 7, place);
    return gt_store_run(store, stmt);
}

gt_status gt_sinks_place(gt_store *store, gt_str sink, int64_t *ret)
{
    sqlite3_stmt *stmt;
    bool row = false;
    GT_TRY(gt_store_prepare(store, "SELECT place FROM sink_state WHERE name = ?1", &stmt));
    gt_store_bind_str(stmt, 1, sink);
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

#define NAMES                                                                                      \
    "(SELECT name FROM sink_state UNION SELECT sink FROM sink_queue"                               \
    " UNION SELECT sink FROM sink_dead)"

static gt_status on_sink(void *ctx, sqlite3_stmt *stmt, void *row)
{
    *(gt_sink_state *)row = (gt_sink_state){.name = gt_arena_dup(ctx, gt_store_col_str(stmt, 0)),
                                            .type = gt_arena_dup(ctx, gt_store_col_str(stmt, 1)),
                                            .sent = gt_store_col_i64(stmt, 2),
                                            .problem = gt_arena_dup(ctx, gt_store_col_str(stmt, 3)),
                                            .since = gt_store_col_i64(stmt, 4),
                                            .answered = gt_store_col_i64(stmt, 5),
                                            .queued = gt_store_col_i64(stmt, 6),
                                            .oldest = gt_store_col_i64(stmt, 7),
                                            .dead = gt_store_col_i64(stmt, 8)};
    return GT_OK;
}

gt_status gt_sinks_list(gt_store *store, gt_arena *arena, gt_sink_state **ret, size_t *ret_count)
{
    sqlite3_stmt *stmt;
    void *rows;
    GT_TRY(gt_store_prepare(
        store,
        "SELECT n.name, coalesce(s.type, ''), coalesce(s.sent, 0), coalesce(s.problem, ''),"
        " coalesce(s.since, 0), coalesce(s.answered, 0),"
        " (SELECT count(*) FROM sink_queue q WHERE q.sink = n.name),"
        " (SELECT coalesce(min(queued), 0) FROM sink_queue q WHERE q.sink = n.name),"
        " (SELECT count(*) FROM sink_dead d WHERE d.sink = n.name)"
        " FROM " NAMES " n LEFT JOIN sink_state s ON s.name = n.name ORDER BY n.name",
        &stmt));
    GT_TRY(gt_store_rows(store, stmt, arena, sizeof(gt_sink_state), on_sink, arena, &rows,
                         ret_count));
    *ret = rows;
    return GT_OK;
}

/* --- dead letters ----------------------------------------------------------------------------- */

gt_status gt_sinks_dead_each(gt_store *store, gt_str sink, gt_sink_dead_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT seq, sink, id, reason, attempts, queued, at FROM sink_dead"
                            " WHERE ?1 = '' OR sink = ?1 ORDER BY seq",
                            &stmt));
    gt_store_bind_str(stmt, 1, sink.len ? sink : GT_STR(""));
    for (;;) {
        bool row = false;
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        gt_sink_dead dead = {.seq = gt_store_col_i64(stmt, 0),
                             .sink = gt_store_col_str(stmt, 1),
                             .id = gt_store_col_str(stmt, 2),
                             .reason = gt_store_col_str(stmt, 3),
                             .attempts = gt_store_col_i64(stmt, 4),
                             .queued = gt_store_col_i64(stmt, 5),
                             .at = gt_store_col_i64(stmt, 6)};
        gt_status status = fn(ctx, &dead);
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status == GT_END ? GT_OK : status;
        }
    }
}

gt_status gt_sinks_dead_retry(gt_store *store, gt_str sink, gt_time_ms now, int64_t *ret)
{
    static const char *const steps[] = {
        "INSERT INTO sink_queue(sink, alert, queued, due, attempts)"
        " SELECT sink, alert, ?2, ?2, 0 FROM sink_dead WHERE (?1 = '' OR sink = ?1)"
        " AND alert IN (SELECT seq FROM alerts) ORDER BY seq ON CONFLICT(sink, alert) DO NOTHING",
        "DELETE FROM sink_dead WHERE (?1 = '' OR sink = ?1) AND ?2 <> 0",
    };
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *stmt;
        GT_TRY(gt_store_prepare(store, steps[i], &stmt));
        gt_store_bind_str(stmt, 1, sink.len ? sink : GT_STR(""));
        gt_store_bind_i64(stmt, 2, now);
        GT_TRY(gt_store_run(store, stmt));
        if (i == 0)
            *ret = sqlite3_changes64(gt_store_db(store));
    }
    return GT_OK;
}

gt_status gt_sinks_drop(gt_store *store, gt_str sink, int64_t *ret)
{
    static const char *const steps[] = {
        "DELETE FROM sink_queue WHERE sink = ?1",
        "DELETE FROM sink_dead WHERE sink = ?1",
        "DELETE FROM sink_state WHERE name = ?1",
    };
    int64_t dropped = 0;
    for (int i = 0; i < 3; i++) {
        sqlite3_stmt *stmt;
        GT_TRY(gt_store_prepare(store, steps[i], &stmt));
        gt_store_bind_str(stmt, 1, sink);
        GT_TRY(gt_store_run(store, stmt));
        dropped += i < 2 ? sqlite3_changes64(gt_store_db(store)) : 0;
    }
    *ret = dropped;
    return GT_OK;
}
