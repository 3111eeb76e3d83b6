#include "store/alerts_internal.h"

static const char *const action_names[] = {
    [GT_ALERT_ACK] = "ack",       [GT_ALERT_CLOSE] = "close", [GT_ALERT_REOPEN] = "reopen",
    [GT_ALERT_ASSIGN] = "assign", [GT_ALERT_NOTE] = "note",
};

/* What the row says before the change. */
typedef struct alert_row {
    gt_alert_status status;
    gt_str assignee, reason; /* of the statement: valid until it is reset */
} alert_row;

static gt_status audit(gt_store *store, gt_str id, const gt_alert_change *change, gt_str before,
                       gt_str after, gt_str note)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO alert_audit(alert, at, who, action, before, after, note)"
                            " VALUES(?1,?2,?3,?4,?5,?6,?7)",
                            &stmt));
    gt_str empty = GT_STR("");
    gt_store_bind_str(stmt, 1, id);
    gt_store_bind_i64(stmt, 2, change->now);
    gt_store_bind_str(stmt, 3, change->who.len ? change->who : empty);
    gt_store_bind_str(stmt, 4, gt_str_c(action_names[change->action]));
    gt_store_bind_str(stmt, 5, before.len ? before : empty);
    gt_store_bind_str(stmt, 6, after.len ? after : empty);
    gt_store_bind_str(stmt, 7, note.len ? note : empty);
    return gt_store_run(store, stmt);
}

static gt_status set_status(gt_store *store, gt_str id, const gt_alert_change *change,
                            gt_alert_status before, gt_alert_status after)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store, "UPDATE alerts SET status = ?2, reason = ?3, updated = ?4 WHERE id = ?1", &stmt));
    gt_store_bind_str(stmt, 1, id);
    gt_store_bind_i64(stmt, 2, after);
    gt_store_bind_str(stmt, 3,
                      after == GT_ALERT_CLOSED && change->text.len ? change->text : GT_STR(""));
    gt_store_bind_i64(stmt, 4, change->now);
    GT_TRY(gt_store_run(store, stmt));
    return audit(store, id, change, gt_str_c(gt_alert_status_name(before)),
                 gt_str_c(gt_alert_status_name(after)), change->text);
}

static gt_status set_assignee(gt_store *store, gt_str id, const gt_alert_change *change,
                              gt_str before)
{
    sqlite3_stmt *stmt;
    gt_str after = change->text.len ? change->text : GT_STR("");
    GT_TRY(audit(store, id, change, before, after, GT_STR_NULL));
    GT_TRY(gt_store_prepare(store, "UPDATE alerts SET assignee = ?2, updated = ?3 WHERE id = ?1",
                            &stmt));
    gt_store_bind_str(stmt, 1, id);
    gt_store_bind_str(stmt, 2, after);
    gt_store_bind_i64(stmt, 3, change->now);
    return gt_store_run(store, stmt);
}

static gt_status apply(gt_store *store, gt_str id, const gt_alert_change *change,
                       const alert_row *row, bool *ret_changed)
{
    static const gt_alert_status wanted[] = {[GT_ALERT_ACK] = GT_ALERT_ACKNOWLEDGED,
                                             [GT_ALERT_CLOSE] = GT_ALERT_CLOSED,
                                             [GT_ALERT_REOPEN] = GT_ALERT_OPEN};
    *ret_changed = true;
    if (change->action == GT_ALERT_NOTE)
        return audit(store, id, change, GT_STR_NULL, GT_STR_NULL, change->text);
    if (change->action == GT_ALERT_ASSIGN) {
        *ret_changed = !gt_str_eq(row->assignee, change->text);
        return *ret_changed ? set_assignee(store, id, change, row->assignee) : GT_OK;
    }
    gt_alert_status after = wanted[change->action];
    *ret_changed = row->status != after || (after == GT_ALERT_CLOSED && change->text.len &&
                                            !gt_str_eq(row->reason, change->text));
    return *ret_changed ? set_status(store, id, change, row->status, after) : GT_OK;
}

gt_status gt_alerts_change(gt_store *store, gt_str id, const gt_alert_change *change,
                           bool *ret_changed)
{
    sqlite3_stmt *stmt;
    bool found = false;
    GT_TRY(gt_store_prepare(store, "SELECT status, assignee, reason FROM alerts WHERE id = ?1",
                            &stmt));
    gt_store_bind_str(stmt, 1, id);
    GT_TRY(gt_store_step(store, stmt, &found));
    if (!found)
        return GT_NOTFOUND;
    alert_row row = {(gt_alert_status)gt_store_col_i64(stmt, 0), gt_store_col_str(stmt, 1),
                     gt_store_col_str(stmt, 2)};
    gt_status status = apply(store, id, change, &row, ret_changed);
    (void)sqlite3_reset(stmt);
    return status;
}

gt_status gt_alerts_prune(gt_store *store, gt_time_ms before, int64_t *ret)
{
    sqlite3_stmt *stmt;
    GT_TRY(
        gt_store_prepare(store,
                         "DELETE FROM alerts WHERE status = ?1 AND updated < ?2"
                         " AND NOT EXISTS (SELECT 1 FROM sink_queue q WHERE q.alert = alerts.seq)"
                         " AND NOT EXISTS (SELECT 1 FROM sink_dead d WHERE d.alert = alerts.seq)",
                         &stmt));
    gt_store_bind_i64(stmt, 1, GT_ALERT_CLOSED);
    gt_store_bind_i64(stmt, 2, before);
    GT_TRY(gt_store_run(store, stmt));
    *ret = sqlite3_changes64(gt_store_db(store));
    return GT_OK;
}
