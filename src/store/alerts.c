#include "store/alerts_internal.h"

#include "base/hash.h"
#include "base/limits.h"

#include <zstd.h>

const char *gt_alert_status_name(gt_alert_status status)
{
    static const char *const names[] = {"open", "acknowledged", "closed"};
    return names[status];
}

static const char *const severities[] = {"low", "medium", "high", "critical"};

int gt_alert_severity(gt_str name)
{
    for (int i = 0; i < 4; i++)
        if (gt_str_eq(name, gt_str_c(severities[i])))
            return i;
    return -1;
}

const char *gt_alert_severity_name(int severity)
{
    return severity >= 0 && severity < 4 ? severities[severity] : "unknown";
}

/* --- documents as they are stored ------------------------------------------------------------- */

#define ZSTD_LEVEL 1 /* an alert's 6 KB become 2; higher levels gain little and cost much */

static gt_status pack(gt_str text, gt_buf *out)
{
    size_t bound = ZSTD_compressBound(text.len);
    char *room = gt_buf_room(out, bound);
    if (!room)
        return gt_buf_status(out);
    size_t n = ZSTD_compress(room, bound, text.ptr, text.len, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return GT_NOMEM;
    out->len += n;
    return GT_OK;
}

gt_status alerts_unpack(gt_str stored, gt_str tail, gt_buf *out)
{
    unsigned long long size = ZSTD_getFrameContentSize(stored.ptr, stored.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size > GT_ALERT_BYTES_MAX)
        return GT_CORRUPT;
    char *room = gt_buf_room(out, (size_t)size + tail.len);
    if (!room)
        return gt_buf_status(out);
    size_t n = ZSTD_decompress(room, (size_t)size, stored.ptr, stored.len);
    if (ZSTD_isError(n) || n != size)
        return GT_CORRUPT;
    out->len += n;
    gt_buf_add(out, tail);
    return gt_buf_status(out);
}

/* Where what the rule says begins. Wherever that is, the two parts together are the document. */
static size_t tail_begin(gt_str document)
{
    size_t at = gt_str_find(document, GT_STR(",\"kibana.alert.rule."));
    return at == GT_NPOS ? document.len - 1 : at; /* at least the closing brace */
}

static gt_status find_tail(gt_store *store, gt_str hash, int64_t *ret)
{
    sqlite3_stmt *stmt;
    bool row = false;
    GT_TRY(gt_store_prepare(store, "SELECT id FROM alert_tails WHERE hash = ?1", &stmt));
    gt_store_bind_blob(stmt, 1, hash);
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

static gt_status put_tail(gt_store *store, gt_str text, int64_t *ret)
{
    gt_hash128 h = gt_hash128_of(text);
    gt_str hash = {(const char *)&h, sizeof h};
    sqlite3_stmt *stmt;
    GT_TRY(find_tail(store, hash, ret));
    if (*ret)
        return GT_OK;
    GT_TRY(gt_store_prepare(store,
                            "INSERT INTO alert_tails(hash, text) VALUES(?1,?2)"
                            " ON CONFLICT(hash) DO NOTHING",
                            &stmt));
    gt_store_bind_blob(stmt, 1, hash);
    gt_store_bind_str(stmt, 2, text);
    GT_TRY(gt_store_run(store, stmt));
    return find_tail(store, hash, ret);
}

/* --- suppression ------------------------------------------------------------------------------ */

/* What alerts that suppress each other share: rule and terms. */
static gt_status instance_id(const gt_alert_new *alert, char out[64])
{
    gt_buf text = GT_BUF(GT_ALERT_BYTES_MAX);
    gt_buf_add(&text, alert->rule_id);
    gt_buf_add_byte(&text, '\0');
    gt_json_write(&text, alert->group.terms);
    gt_status status = gt_buf_status(&text);
    if (status == GT_OK)
        gt_sha256_hex(gt_buf_str(&text), out);
    gt_buf_done(&text);
    return status;
}

/* The open alert to fold into; *ret 0 when there is none. */
static gt_status find_instance(gt_store *store, const gt_alert_new *alert, gt_str instance,
                               int64_t *ret)
{
    sqlite3_stmt *stmt;
    bool row = false;
    bool in_run = alert->group.window_ms == 0;
    GT_TRY(gt_store_prepare(
        store,
        "SELECT seq FROM alerts WHERE instance = ?1 AND status <> ?2"
        " AND created >= ?3 AND (?4 = 0 OR run = ?4) ORDER BY created DESC LIMIT 1",
        &stmt));
    gt_store_bind_str(stmt, 1, instance);
    gt_store_bind_i64(stmt, 2, GT_ALERT_CLOSED);
    gt_store_bind_i64(stmt, 3, in_run ? INT64_MIN : alert->now - alert->group.window_ms);
    gt_store_bind_i64(stmt, 4, in_run ? alert->group.run : 0);
    GT_TRY(gt_store_step(store, stmt, &row));
    *ret = row ? gt_store_col_i64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return GT_OK;
}

static gt_status fold(gt_store *store, const gt_alert_new *alert, int64_t seq)
{
    sqlite3_stmt *stmt;
    GT_TRY(
        gt_store_prepare(store, "INSERT INTO alert_folded(id, alert, at) VALUES(?1,?2,?3)", &stmt));
    gt_store_bind_str(stmt, 1, alert->id);
    gt_store_bind_i64(stmt, 2, seq);
    gt_store_bind_i64(stmt, 3, alert->now);
    GT_TRY(gt_store_run(store, stmt));
    GT_TRY(gt_store_prepare(store,
                            "UPDATE alerts SET folded = folded + 1, updated = ?2, detected = ?2,"
                            " first_event = min(first_event, ?3), last_event = max(last_event, ?3)"
                            " WHERE seq = ?1",
                            &stmt));
    gt_store_bind_i64(stmt, 1, seq);
    gt_store_bind_i64(stmt, 2, alert->now);
    gt_store_bind_i64(stmt, 3, alert->event);
    return gt_store_run(store, stmt);
}

/* Is this id stored, or folded into an alert? *ret_seq 0: neither. */
static gt_status find_known(gt_store *store, gt_str id, bool folded_too, int64_t *ret_seq)
{
    static const char *const queries[] = {"SELECT seq FROM alerts WHERE id = ?1",
                                          "SELECT alert FROM alert_folded WHERE id = ?1"};
    *ret_seq = 0;
    for (int i = 0; i < (folded_too ? 2 : 1) && *ret_seq == 0; i++) {
        sqlite3_stmt *stmt;
        bool row = false;
        GT_TRY(gt_store_prepare(store, queries[i], &stmt));
        gt_store_bind_str(stmt, 1, id);
        GT_TRY(gt_store_step(store, stmt, &row));
        *ret_seq = row ? gt_store_col_i64(stmt, 0) : 0;
        (void)sqlite3_reset(stmt);
    }
    return GT_OK;
}

/* --- raising ---------------------------------------------------------------------------------- */

/* What a suppressing alert says about itself from the start; the counts are written in when it is
 * read. */
static void add_group(const gt_alert_new *alert, gt_str instance, gt_buf *out)
{
    gt_buf_lit(out, ",\"kibana.alert.instance.id\":");
    gt_json_write_str(out, instance);
    gt_buf_lit(out, ",\"kibana.alert.suppression.terms\":");
    gt_json_write(out, alert->group.terms);
}

static gt_status insert(gt_store *store, const gt_alert_new *alert, gt_str instance, gt_str stored,
                        int64_t tail, bool *ret_new)
{
    sqlite3_stmt *stmt;
    GT_TRY(gt_store_prepare(
        store,
        "INSERT INTO alerts(id, rule_id, rule_name, severity, risk, event, created, updated,"
        " source, status, instance, run, first_event, last_event, detected, document, tail)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?7,?8,0,?9,?10,?6,?6,?7,?11,?12) ON CONFLICT(id) DO NOTHING",
        &stmt));
    gt_store_bind_str(stmt, 1, alert->id);
    gt_store_bind_str(stmt, 2, alert->rule_id);
    gt_store_bind_str(stmt, 3, alert->rule_name);
    gt_store_bind_i64(stmt, 4, alert->severity);
    gt_store_bind_i64(stmt, 5, alert->risk);
    gt_store_bind_i64(stmt, 6, alert->event);
    gt_store_bind_i64(stmt, 7, alert->now);
    gt_store_bind_str(stmt, 8, alert->source);
    gt_store_bind_str(stmt, 9, instance);
    gt_store_bind_i64(stmt, 10, alert->group.run);
    gt_store_bind_blob(stmt, 11, stored);
    gt_store_bind_i64(stmt, 12, tail);
    GT_TRY(gt_store_run(store, stmt));
    *ret_new = sqlite3_changes64(gt_store_db(store)) > 0;
    return GT_OK;
}

static gt_status raise_alert(gt_store *store, const gt_alert_new *alert, gt_str instance,
                             bool *ret_new)
{
    gt_buf head = GT_BUF(GT_ALERT_BYTES_MAX), stored = GT_BUF(GT_ALERT_BYTES_MAX);
    size_t split = tail_begin(alert->document);
    int64_t tail = 0;
    gt_buf_add(&head, gt_str_head(alert->document, split));
    if (instance.ptr)
        add_group(alert, instance, &head);
    gt_status status = gt_buf_status(&head);
    if (status == GT_OK)
        status = put_tail(store, gt_str_from(alert->document, split), &tail);
    if (status == GT_OK)
        status = pack(gt_buf_str(&head), &stored);
    if (status == GT_OK)
        status = insert(store, alert, instance, gt_buf_str(&stored), tail, ret_new);
    gt_buf_done(&head);
    gt_buf_done(&stored);
    return status;
}

gt_status gt_alerts_put(gt_store *store, const gt_alert_new *alert, gt_alert_outcome *ret,
                        int64_t *ret_seq)
{
    char hex[64];
    gt_str instance = GT_STR_NULL;
    int64_t seq;
    GT_TRY(find_known(store, alert->id, true, &seq));
    if (seq) {
        *ret = GT_ALERT_KNOWN;
        *ret_seq = seq;
        return GT_OK;
    }
    if (alert->group.terms) {
        GT_TRY(instance_id(alert, hex));
        instance = (gt_str){hex, sizeof hex};
        GT_TRY(find_instance(store, alert, instance, &seq));
        if (seq) {
            GT_TRY(fold(store, alert, seq));
            *ret = GT_ALERT_FOLDED;
            *ret_seq = seq;
            return GT_OK;
        }
    }
    bool fresh = false;
    GT_TRY(raise_alert(store, alert, instance, &fresh));
    *ret = fresh ? GT_ALERT_RAISED : GT_ALERT_KNOWN;
    if (fresh)
        *ret_seq = sqlite3_last_insert_rowid(gt_store_db(store));
    else /* another process was quicker */
        return find_known(store, alert->id, false, ret_seq);
    return GT_OK;
}
