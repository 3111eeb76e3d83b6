#include "store/watch.h"

#include "store/rows.h"

/* --- sources ------------------------------------------------------------------------------------- */

gt_status gt_watch_counts_add(gt_store *store, gt_str source, gt_str type,
                              const gt_watch_counts *c, gt_time_ms now)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store,
        "INSERT INTO watch_source(name, type, read, evaluated, duplicate, rejected, changed,"
        " deliveries, bytes, problems, alerts, event_last, arrived_last, stored)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)"
        " ON CONFLICT(name) DO UPDATE SET type = ?2, read = read + ?3, evaluated = evaluated + ?4,"
        " duplicate = duplicate + ?5, rejected = rejected + ?6, changed = changed + ?7,"
        " deliveries = deliveries + ?8, bytes = bytes + ?9, problems = problems + ?10,"
        " alerts = alerts + ?11, event_last = max(event_last, ?12),"
        " arrived_last = max(arrived_last, ?13), stored = ?14",
        &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_str(stmt, 2, type);
    const uint64_t numbers[] = {c->read,    c->evaluated, c->duplicate, c->rejected, c->changed,
                                c->deliveries, c->bytes,  c->problems,  c->alerts};
    for (int i = 0; i < 9; i++)
        gt_store_bind_i64(stmt, 3 + i, (int64_t)numbers[i]);
    gt_store_bind_i64(stmt, 12, c->event_last);
    gt_store_bind_i64(stmt, 13, c->arrived_last);
    gt_store_bind_i64(stmt, 14, now);
    return gt_store_run(store, stmt);
}

gt_status gt_watch_health_put(gt_store *store, gt_str source, gt_str type, gt_str problem,
                              gt_time_ms since, gt_time_ms looked, int64_t waiting)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO watch_source(name, type, problem, since, looked, waiting)"
                            " VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(name) DO UPDATE SET type = ?2,"
                            " problem = ?3, since = ?4, looked = ?5, waiting = ?6",
                            &stmt));
    gt_store_bind_str(stmt, 1, source);
    gt_store_bind_str(stmt, 2, type);
    gt_store_bind_str(stmt, 3, problem);
    gt_store_bind_i64(stmt, 4, since);
    gt_store_bind_i64(stmt, 5, looked);
    gt_store_bind_i64(stmt, 6, waiting);
    return gt_store_run(store, stmt);
}

static gt_watch_source source_of_row(sqlite3_stmt *stmt, gt_arena *arena)
{
    gt_watch_source s = {.name = gt_arena_dup(arena, gt_store_col_str(stmt, 0)),
                         .type = gt_arena_dup(arena, gt_store_col_str(stmt, 1))};
    uint64_t *const numbers[] = {&s.counts.read,      &s.counts.evaluated,  &s.counts.duplicate,
                                 &s.counts.rejected,  &s.counts.changed,    &s.counts.deliveries,
                                 &s.counts.bytes,     &s.counts.problems,   &s.counts.alerts};
    for (int i = 0; i < 9; i++)
        *numbers[i] = (uint64_t)gt_store_col_i64(stmt, 2 + i);
    s.counts.event_last = gt_store_col_i64(stmt, 11);
    s.counts.arrived_last = gt_store_col_i64(stmt, 12);
    s.stored = gt_store_col_i64(stmt, 13);
    s.problem = gt_arena_dup(arena, gt_store_col_str(stmt, 14));
    s.since = gt_store_col_i64(stmt, 15);
    s.looked = gt_store_col_i64(stmt, 16);
    s.waiting = gt_store_col_i64(stmt, 17);
    s.set_aside = gt_store_col_i64(stmt, 18);
    s.findings = gt_store_col_i64(stmt, 19);
    return s;
}

static gt_status on_source(void *ctx, sqlite3_stmt *stmt, void *row)
{
    *(gt_watch_source *)row = source_of_row(stmt, ctx);
    return GT_OK;
}

gt_status gt_watch_sources(gt_store *store, gt_arena *arena, gt_watch_source **ret,
                           size_t *ret_count)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store,
        "SELECT name, type, read, evaluated, duplicate, rejected, changed, deliveries, bytes,"
        " problems, alerts, event_last, arrived_last, stored, problem, since, looked, waiting,"
        " (SELECT count(*) FROM feed_dead d WHERE d.source = w.name),"
        " (SELECT count(*) FROM feed_finding f WHERE f.source = w.name)"
        " FROM watch_source w ORDER BY name",
        &stmt));
    void *rows;
    GT_TRY(gt_store_rows(store, stmt, arena, sizeof(gt_watch_source), on_source, arena, &rows,
                         ret_count));
    *ret = rows;
    return GT_OK;
}

/* --- runs of rules ------------------------------------------------------------------------------- */

gt_status gt_watch_run_get(gt_store *store, gt_str rule_id, bool *ret_has, gt_time_ms *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT started FROM watch_run WHERE rule_id = ?1", &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    GT_TRY(gt_store_step(store, stmt, ret_has));
    *ret = *ret_has ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

gt_status gt_watch_run_put(gt_store *store, gt_str rule_id, gt_time_ms started)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "INSERT INTO watch_run(rule_id, started) VALUES(?1,?2)"
                                   " ON CONFLICT(rule_id) DO UPDATE SET started = ?2",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    gt_store_bind_i64(stmt, 2, started);
    return gt_store_run(store, stmt);
}

/* --- matches --------------------------------------------------------------------------------------- */

gt_status gt_watch_match_put(gt_store *store, const gt_watch_match *m)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO watch_match(rule_id, alert_id, event_id, at, event, arrived,"
                            " record, state, decided) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,0)"
                            " ON CONFLICT(rule_id, alert_id) DO NOTHING",
                            &stmt));
    gt_store_bind_str(stmt, 1, m->rule_id);
    gt_store_bind_str(stmt, 2, m->alert_id);
    gt_store_bind_str(stmt, 3, m->event_id);
    gt_store_bind_i64(stmt, 4, m->at);
    gt_store_bind_i64(stmt, 5, m->event);
    gt_store_bind_i64(stmt, 6, m->arrived);
    gt_store_bind_blob(stmt, 7, m->record);
    gt_store_bind_i64(stmt, 8, m->state);
    return gt_store_run(store, stmt);
}

static gt_status each_match(gt_store *store, sqlite3_stmt *stmt, gt_watch_match_fn fn, void *ctx)
{
    gt_status status = GT_OK;
    for (bool row = true; status == GT_OK;) {
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        gt_watch_match m = {.rule_id = gt_store_col_str(stmt, 0),
                            .alert_id = gt_store_col_str(stmt, 1),
                            .event_id = gt_store_col_str(stmt, 2),
                            .at = gt_store_col_i64(stmt, 3),
                            .event = gt_store_col_i64(stmt, 4),
                            .arrived = gt_store_col_i64(stmt, 5),
                            .record = gt_store_col_blob(stmt, 6),
                            .state = (gt_watch_state)gt_store_col_i64(stmt, 7)};
        status = fn(ctx, &m);
    }
    (void)sqlite3_reset(stmt);
    return status == GT_END ? GT_OK : status;
}

gt_status gt_watch_matches(gt_store *store, gt_str rule_id, gt_time_ms from, gt_time_ms to,
                           gt_time_ms by, gt_watch_match_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT rule_id, alert_id, event_id, at, event, arrived, record, state"
                            " FROM watch_match WHERE rule_id = ?1 AND state <> 1 AND at >= ?2"
                            " AND at <= ?3 AND arrived <= ?4 ORDER BY at, event, alert_id",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    gt_store_bind_i64(stmt, 2, from);
    gt_store_bind_i64(stmt, 3, to);
    gt_store_bind_i64(stmt, 4, by);
    return each_match(store, stmt, fn, ctx);
}

gt_status gt_watch_missed(gt_store *store, gt_str rule_id, gt_watch_match_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT rule_id, alert_id, event_id, at, event, arrived, record, state"
                            " FROM watch_match WHERE state IN (2, 3) AND (?1 = '' OR rule_id = ?1)"
                            " ORDER BY rule_id, at, event, alert_id",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id.ptr ? rule_id : GT_STR(""));
    return each_match(store, stmt, fn, ctx);
}

gt_status gt_watch_match_set(gt_store *store, gt_str rule_id, gt_str alert_id, gt_watch_state state,
                             gt_time_ms now)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "UPDATE watch_match SET state = ?3, decided = ?4"
                                   " WHERE rule_id = ?1 AND alert_id = ?2",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    gt_store_bind_str(stmt, 2, alert_id);
    gt_store_bind_i64(stmt, 3, state);
    gt_store_bind_i64(stmt, 4, now);
    return gt_store_run(store, stmt);
}

gt_status gt_watch_matches_expire(gt_store *store, gt_str rule_id, gt_time_ms before, gt_time_ms now,
                                  int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "UPDATE watch_match SET state = 2, decided = ?3"
                                   " WHERE rule_id = ?1 AND state = 0 AND at < ?2",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    gt_store_bind_i64(stmt, 2, before);
    gt_store_bind_i64(stmt, 3, now);
    GT_TRY(gt_store_run(store, stmt));
    *ret = sqlite3_changes64(gt_store_db(store));
    return GT_OK;
}

gt_status gt_watch_matches_prune(gt_store *store, gt_time_ms before)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "DELETE FROM watch_match WHERE state <> 0 AND decided < ?1", &stmt));
    gt_store_bind_i64(stmt, 1, before);
    return gt_store_run(store, stmt);
}

/* --- kept records ------------------------------------------------------------------------------------ */

gt_status gt_watch_kept_put(gt_store *store, gt_str key, const gt_watch_kept *kept, gt_time_ms now)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO watch_kept(key, event, id, source, record, at)"
                            " VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(key, event, id) DO NOTHING",
                            &stmt));
    gt_store_bind_str(stmt, 1, key);
    gt_store_bind_i64(stmt, 2, kept->event);
    gt_store_bind_str(stmt, 3, kept->id);
    gt_store_bind_str(stmt, 4, kept->source);
    gt_store_bind_blob(stmt, 5, kept->record);
    gt_store_bind_i64(stmt, 6, now);
    return gt_store_run(store, stmt);
}

gt_status gt_watch_kept_each(gt_store *store, gt_str key, gt_time_ms from, gt_watch_kept_fn fn,
                             void *ctx)
{
    sqlite3_stmt *stmt;
    gt_status status = GT_OK;
    GT_TRY(gt_store_prepare(store,
                            "SELECT id, source, event, record FROM watch_kept"
                            " WHERE key = ?1 AND event >= ?2 ORDER BY event, id",
                            &stmt));
    gt_store_bind_str(stmt, 1, key);
    gt_store_bind_i64(stmt, 2, from);
    for (bool row = true; status == GT_OK;) {
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        const gt_watch_kept kept = {.id = gt_store_col_str(stmt, 0),
                                    .source = gt_store_col_str(stmt, 1),
                                    .event = gt_store_col_i64(stmt, 2),
                                    .record = gt_store_col_blob(stmt, 3)};
        status = fn(ctx, &kept);
    }
    (void)sqlite3_reset(stmt);
    return status == GT_END ? GT_OK : status;
}

gt_status gt_watch_kept_prune(gt_store *store, gt_time_ms before)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "DELETE FROM watch_kept WHERE at < ?1", &stmt));
    gt_store_bind_i64(stmt, 1, before);
    return gt_store_run(store, stmt);
}

/* --- gaps ------------------------------------------------------------------------------------------- */

gt_status gt_watch_gap_put(gt_store *store, gt_str rule_id, gt_time_ms from, gt_time_ms to,
                           gt_time_ms noticed)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO watch_gap(rule_id, began, ended, noticed, filled, alerts)"
                            " VALUES(?1,?2,?3,?4,0,0) ON CONFLICT(rule_id, began, ended) DO NOTHING",
                            &stmt));
    gt_store_bind_str(stmt, 1, rule_id);
    gt_store_bind_i64(stmt, 2, from);
    gt_store_bind_i64(stmt, 3, to);
    gt_store_bind_i64(stmt, 4, noticed);
    return gt_store_run(store, stmt);
}

static gt_status on_gap(void *ctx, sqlite3_stmt *stmt, void *row)
{
    *(gt_watch_gap *)row = (gt_watch_gap){.id = gt_store_col_i64(stmt, 0),
                                          .rule_id = gt_arena_dup(ctx, gt_store_col_str(stmt, 1)),
                                          .from = gt_store_col_i64(stmt, 2),
                                          .to = gt_store_col_i64(stmt, 3),
                                          .noticed = gt_store_col_i64(stmt, 4),
                                          .filled = gt_store_col_i64(stmt, 5),
                                          .alerts = gt_store_col_i64(stmt, 6)};
    return GT_OK;
}

gt_status gt_watch_gaps(gt_store *store, gt_arena *arena, bool open_only, gt_watch_gap **ret,
                        size_t *ret_count)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "SELECT id, rule_id, began, ended, noticed, filled, alerts"
                                   " FROM watch_gap WHERE ?1 = 0 OR filled = 0"
                                   " ORDER BY began, rule_id",
                            &stmt));
    gt_store_bind_i64(stmt, 1, open_only);
    void *rows;
    GT_TRY(gt_store_rows(store, stmt, arena, sizeof(gt_watch_gap), on_gap, arena, &rows,
                         ret_count));
    *ret = rows;
    return GT_OK;
}

gt_status gt_watch_gap_fill(gt_store *store, int64_t id, gt_time_ms now, int64_t alerts)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store, "UPDATE watch_gap SET filled = ?2, alerts = alerts + ?3"
                                   " WHERE id = ?1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, id);
    gt_store_bind_i64(stmt, 2, now);
    gt_store_bind_i64(stmt, 3, alerts);
    return gt_store_run(store, stmt);
}
