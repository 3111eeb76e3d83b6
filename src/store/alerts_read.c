#include "store/alerts_internal.h"

#include "base/limits.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
    "seq, id, rule_id, rule_name, source, severity, risk, event, created, updated, status,"        \
    " reason, assignee, folded, first_event, last_event, detected, instance, document, " ALERTS_TAIL

/* --- the document as it is now ---------------------------------------------------------------- */

static void set_time(gt_arena *arena, gt_json *document, const char *key, gt_time_ms t)
{
    char text[GT_TIME_TEXT_MAX];
    gt_str copy = gt_arena_dup(arena, gt_time_format(t, text));
    gt_json_set(document, gt_str_c(key), gt_json_new_str(arena, copy));
}

static void write_state(gt_arena *arena, sqlite3_stmt *stmt, const gt_alert *alert,
                        gt_json *document)
{
    gt_json_setl(document, "kibana.alert.workflow_status",
                 gt_json_new_str(arena, gt_str_c(gt_alert_status_name(alert->status))));
    if (alert->reason.len)
        gt_json_setl(document, "kibana.alert.workflow_reason",
                     gt_json_new_str(arena, alert->reason));
    if (alert->assignee.len) {
        gt_json *list = gt_json_new_array(arena);
        gt_json_append(list, gt_json_new_str(arena, alert->assignee));
        gt_json_setl(document, "kibana.alert.workflow_assignee_ids", list);
    }
    if (gt_store_col_is_null(stmt, 17))
        return;
    gt_json_setl(document, "kibana.alert.suppression.docs_count",
                 gt_json_new_i64(arena, alert->folded));
    set_time(arena, document, "kibana.alert.suppression.start", gt_store_col_i64(stmt, 14));
    set_time(arena, document, "kibana.alert.suppression.end", gt_store_col_i64(stmt, 15));
    set_time(arena, document, "kibana.alert.last_detected", gt_store_col_i64(stmt, 16));
}

static gt_status read_document(gt_arena *arena, sqlite3_stmt *stmt, gt_alert *alert)
{
    gt_buf text = GT_BUF(GT_ALERT_BYTES_MAX);
    gt_status status = alerts_unpack(gt_store_col_blob(stmt, 18), gt_store_col_str(stmt, 19),
                                     &text);
    gt_str copy = status == GT_OK ? gt_arena_dup(arena, gt_buf_str(&text)) : GT_STR_NULL;
    gt_buf_done(&text);
    if (status != GT_OK)
        return status;
    if (!copy.ptr)
        return gt_arena_status(arena);
    status = gt_json_parse(arena, copy, &alert->document, NULL);
    if (status != GT_OK)
        return status == GT_INVALID ? GT_CORRUPT : status;
    write_state(arena, stmt, alert, alert->document);
    return gt_arena_status(arena);
}

static gt_status read_alert(gt_arena *arena, sqlite3_stmt *stmt, gt_alert *ret)
{
    *ret = (gt_alert){.seq = gt_store_col_i64(stmt, 0),
                      .id = gt_arena_dup(arena, gt_store_col_str(stmt, 1)),
                      .rule_id = gt_arena_dup(arena, gt_store_col_str(stmt, 2)),
                      .rule_name = gt_arena_dup(arena, gt_store_col_str(stmt, 3)),
                      .source = gt_arena_dup(arena, gt_store_col_str(stmt, 4)),
                      .severity = (int)gt_store_col_i64(stmt, 5),
                      .risk = gt_store_col_i64(stmt, 6),
                      .event = gt_store_col_i64(stmt, 7),
                      .created = gt_store_col_i64(stmt, 8),
                      .updated = gt_store_col_i64(stmt, 9),
                      .status = (gt_alert_status)gt_store_col_i64(stmt, 10),
                      .reason = gt_arena_dup(arena, gt_store_col_str(stmt, 11)),
                      .assignee = gt_arena_dup(arena, gt_store_col_str(stmt, 12)),
                      .folded = gt_store_col_i64(stmt, 13)};
    return read_document(arena, stmt, ret);
}

/* --- many ------------------------------------------------------------------------------------- */

static void bind_filter(sqlite3_stmt *stmt, const gt_alert_filter *f)
{
    gt_store_bind_i64(stmt, 1, f->has_status ? (int64_t)f->status : -1);
    gt_store_bind_i64(stmt, 2, f->min_severity);
    gt_store_bind_str(stmt, 3, f->rule.len ? f->rule : GT_STR(""));
    gt_store_bind_str(stmt, 4, f->assignee.len ? f->assignee : GT_STR(""));
    gt_store_bind_i64(stmt, 5, f->has_since ? f->since : INT64_MIN);
    gt_store_bind_i64(stmt, 6, f->has_until ? f->until : INT64_MAX);
}

#define WHERE                                                                                      \
    " FROM alerts WHERE (?1 < 0 OR status = ?1) AND severity >= ?2"                                \
    " AND (?3 = '' OR rule_id = ?3 OR rule_name = ?3) AND (?4 = '' OR assignee = ?4)"              \
    " AND event >= ?5 AND event < ?6"

gt_status gt_alerts_each(gt_store *store, gt_arena *batch, const gt_alert_filter *filter,
                         gt_alert_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    if (filter->oldest_first)
        GT_TRY(gt_store_prepare(store, "SELECT " COLUMNS WHERE " ORDER BY event, id", &stmt));
    else
        GT_TRY(gt_store_prepare(store, "SELECT " COLUMNS WHERE " ORDER BY event DESC, id", &stmt));
    bind_filter(stmt, filter);
    for (;;) {
        bool row = false;
        gt_alert alert;
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        gt_arena_reset(batch, GT_MIB);
        gt_status status = read_alert(batch, stmt, &alert);
        if (status == GT_OK)
            status = fn(ctx, &alert);
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status == GT_END ? GT_OK : status;
        }
    }
}

/* --- one -------------------------------------------------------------------------------------- */

static bool is_id_prefix(gt_str id)
{
    if (id.len < 4 || id.len > 64)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!((id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'f')))
            return false;
    return true;
}

gt_status gt_alerts_get(gt_store *store, gt_arena *arena, gt_str id, gt_alert *ret)
{
    sqlite3_stmt *stmt;
    bool row = false, another = false;
    char end[65];
    gt_alert alert;
    if (!is_id_prefix(id))
        return GT_NOTFOUND;
    snprintf(end, sizeof end, "%.*sg",
             GT_STR_ARG(gt_str_head(id, 63))); /* 'g' is behind every digit */
    GT_TRY(gt_store_prepare(store,
                            "SELECT " COLUMNS " FROM alerts WHERE id >= ?1 AND (id < ?2 OR id = ?1)"
                            " ORDER BY id LIMIT 2",
                            &stmt));
    gt_store_bind_str(stmt, 1, id);
    gt_store_bind_str(stmt, 2, id.len == 64 ? id : gt_str_c(end));
    GT_TRY(gt_store_step(store, stmt, &row));
    if (!row)
        return GT_NOTFOUND;
    gt_status status = read_alert(arena, stmt, &alert);
    if (status == GT_OK)
        status = gt_store_step(store, stmt, &another);
    (void)sqlite3_reset(stmt);
    if (status != GT_OK)
        return status;
    if (another)
        return GT_INVALID;
    *ret = alert;
    return GT_OK;
}

gt_status gt_alerts_count(gt_store *store, int64_t ret[3])
{
    sqlite3_stmt *stmt;
    int64_t counts[3] = {0};
    GT_TRY(gt_store_prepare(store, "SELECT status, count(*) FROM alerts GROUP BY status", &stmt));
    for (bool row = true; row;) {
        GT_TRY(gt_store_step(store, stmt, &row));
        int64_t status = row ? gt_store_col_i64(stmt, 0) : -1;
        if (status >= 0 && status < 3)
            counts[status] = gt_store_col_i64(stmt, 1);
    }
    memcpy(ret, counts, sizeof counts);
    return GT_OK;
}

/* --- what was done ---------------------------------------------------------------------------- */

gt_status gt_alerts_audit(gt_store *store, gt_str id, gt_alert_entry_fn fn, void *ctx)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "SELECT alert, at, who, action, before, after, note FROM alert_audit"
                            " WHERE ?1 = '' OR alert = ?1 ORDER BY seq",
                            &stmt));
    gt_store_bind_str(stmt, 1, id.len ? id : GT_STR(""));
    for (;;) {
        bool row = false;
        GT_TRY(gt_store_step(store, stmt, &row));
        if (!row)
            return GT_OK;
        gt_alert_entry entry = {.alert = gt_store_col_str(stmt, 0),
                                .at = gt_store_col_i64(stmt, 1),
                                .who = gt_store_col_str(stmt, 2),
                                .action = gt_store_col_str(stmt, 3),
                                .before = gt_store_col_str(stmt, 4),
                                .after = gt_store_col_str(stmt, 5),
                                .note = gt_store_col_str(stmt, 6)};
        gt_status status = fn(ctx, &entry);
        if (status != GT_OK) {
            (void)sqlite3_reset(stmt);
            return status == GT_END ? GT_OK : status;
        }
    }
}
