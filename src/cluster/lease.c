#include "cluster/lease.h"

#include "base/limits.h"

#include <stdio.h>

static void set_time(gt_arena *arena, gt_json *doc, const char *key, gt_time_ms t)
{
    gt_json_set(doc, gt_str_c(key), gt_json_new_i64(arena, t));
}

static bool get_time(const gt_json *doc, const char *key, gt_time_ms *ret)
{
    return gt_json_i64(gt_json_get(doc, gt_str_c(key)), ret);
}

/* An id in a path. */
static gt_str doc_path(gt_arena *arena, const gt_lease *lease, const char *query)
{
    gt_buf id = GT_BUF(4096);
    gt_url_encode(&id, lease->rule_id, false);
    gt_str path = gt_arena_printf(arena, "/%.*s/_doc/%.*s%s", GT_STR_ARG(lease->index),
                                  GT_STR_ARG(gt_buf_str(&id)), query);
    gt_buf_done(&id);
    return path;
}

/* Write the document over the version that we know (none: only when there is none). */
static gt_status put(gt_cluster *cluster, gt_arena *arena, gt_lease *lease, const gt_json *doc)
{
    gt_json *answer = NULL;
    char query[128] = "?op_type=create";
    if (lease->seq_no >= 0)
        snprintf(query, sizeof query, "?if_seq_no=%lld&if_primary_term=%lld",
                 (long long)lease->seq_no, (long long)lease->primary_term);
    gt_str path = doc_path(arena, lease, query);
    if (!path.ptr || !doc)
        return gt_arena_status(arena);
    GT_TRY(gt_cluster_json(cluster, arena, "PUT", path, doc, &answer));
    if (!gt_json_i64(gt_json_getl(answer, "_seq_no"), &lease->seq_no) ||
        !gt_json_i64(gt_json_getl(answer, "_primary_term"), &lease->primary_term))
        return GT_IO;
    return GT_OK;
}

static gt_json *lease_doc(gt_arena *arena, const gt_lease *lease)
{
    gt_json *doc = gt_json_new_object(arena);
    gt_json_setl(doc, "kind", gt_json_new_str(arena, GT_STR("rule")));
    gt_json_setl(doc, "rule_id", gt_json_new_str(arena, lease->rule_id));
    if (lease->has_previous)
        set_time(arena, doc, "previous", lease->previous);
    return doc;
}

static gt_json *held_doc(gt_arena *arena, const gt_lease *lease)
{
    gt_json *doc = lease_doc(arena, lease);
    gt_json_setl(doc, "holder", gt_json_new_str(arena, lease->holder));
    set_time(arena, doc, "started", lease->started);
    set_time(arena, doc, "until", lease->until);
    return doc;
}

/* A write that was repeated may find its own first try: then the document says what we wrote. */
static gt_status settle(gt_cluster *cluster, gt_arena *arena, gt_lease *lease, const gt_json *doc)
{
    gt_json *answer = NULL;
    gt_status status = put(cluster, arena, lease, doc);
    if (status != GT_END)
        return status;
    gt_str path = doc_path(arena, lease, "");
    if (!path.ptr)
        return gt_arena_status(arena);
    GT_TRY(gt_cluster_json(cluster, arena, "GET", path, NULL, &answer));
    const gt_json *there = gt_json_getl(answer, "_source");
    if (!there || !gt_json_equal(there, doc))
        return GT_END;
    if (!gt_json_i64(gt_json_getl(answer, "_seq_no"), &lease->seq_no) ||
        !gt_json_i64(gt_json_getl(answer, "_primary_term"), &lease->primary_term))
        return GT_IO;
    return GT_OK;
}

gt_status gt_lease_take(gt_cluster *cluster, gt_arena *arena, gt_str index, gt_str rule_id,
                        gt_str holder, int64_t interval_ms, int64_t lease_ms, gt_time_ms now,
                        gt_lease *ret, gt_time_ms *ret_next)
{
    gt_lease lease = {.index = index, .rule_id = rule_id, .holder = holder, .seq_no = -1};
    gt_json *answer = NULL;
    gt_str path = doc_path(arena, &lease, "");
    if (!path.ptr)
        return gt_arena_status(arena);
    gt_status status = gt_cluster_json(cluster, arena, "GET", path, NULL, &answer);
    if (status != GT_OK && status != GT_NOTFOUND)
        return status;
    lease.started = now;
    if (status == GT_OK) {
        const gt_json *doc = gt_json_getl(answer, "_source");
        gt_time_ms until;
        if (!gt_json_i64(gt_json_getl(answer, "_seq_no"), &lease.seq_no) ||
            !gt_json_i64(gt_json_getl(answer, "_primary_term"), &lease.primary_term))
            return GT_IO;
        lease.has_previous = get_time(doc, "previous", &lease.previous);
        if (get_time(doc, "started", &lease.started) && get_time(doc, "until", &until)) {
            if (until > now && !gt_str_eq(gt_json_path_str(doc, "holder"), holder)) {
                *ret_next = until;
                return GT_END;
            }
            lease.taken_over = true;
        } else if (lease.has_previous && lease.previous + interval_ms > now) {
            *ret_next = lease.previous + interval_ms;
            return GT_END;
        } else {
            lease.started = now;
        }
    }
    lease.until = now + lease_ms;
    status = settle(cluster, arena, &lease, held_doc(arena, &lease));
    if (status == GT_END)
        *ret_next = now + lease_ms / 4; /* another was faster */
    if (status == GT_OK)
        *ret = lease;
    return status;
}

gt_status gt_lease_renew(gt_cluster *cluster, gt_arena *arena, gt_lease *lease, gt_time_ms until)
{
    lease->until = until;
    return settle(cluster, arena, lease, held_doc(arena, lease));
}

gt_status gt_lease_finish(gt_cluster *cluster, gt_arena *arena, gt_lease *lease,
                          const gt_run_counts *counts)
{
    gt_lease ended = *lease;
    ended.has_previous = true;
    ended.previous = lease->started;
    gt_json *doc = lease_doc(arena, &ended), *last = gt_json_new_object(arena);
    gt_json_setl(last, "by", gt_json_new_str(arena, lease->holder));
    gt_json_setl(last, "documents", gt_json_new_i64(arena, (int64_t)counts->documents));
    gt_json_setl(last, "alerts", gt_json_new_i64(arena, (int64_t)counts->alerts));
    gt_json_setl(last, "present", gt_json_new_i64(arena, (int64_t)counts->present));
    gt_json_setl(last, "capped", gt_json_new_i64(arena, (int64_t)counts->capped));
    gt_json_setl(doc, "last", last);
    GT_TRY(settle(cluster, arena, lease, doc));
    return GT_OK;
}

gt_status gt_lease_gap(gt_cluster *cluster, gt_arena *arena, const gt_lease *lease, gt_time_ms from,
                       gt_time_ms to)
{
    gt_lease gap = *lease;
    gap.rule_id = gt_arena_printf(arena, "gap:%.*s:%lld", GT_STR_ARG(lease->rule_id), (long long)from);
    if (!gap.rule_id.ptr)
        return gt_arena_status(arena);
    gt_json *doc = gt_json_new_object(arena);
    gt_json_setl(doc, "kind", gt_json_new_str(arena, GT_STR("gap")));
    gt_json_setl(doc, "rule_id", gt_json_new_str(arena, lease->rule_id));
    set_time(arena, doc, "from", from);
    set_time(arena, doc, "to", to);
    gap.seq_no = -1;
    gt_status status = put(cluster, arena, &gap, doc);
    return status == GT_END ? GT_OK : status; /* written already */
}

/* --- alerts --------------------------------------------------------------------------------------- */

typedef enum alert_state { PENDING, DONE } alert_state;

static gt_status send_alerts(gt_cluster *cluster, gt_arena *arena, gt_str index,
                             const gt_alert_doc *alerts, size_t count, uint8_t *states,
                             size_t *created, size_t *left)
{
    gt_buf body = GT_BUF(GT_CLUSTER_BODY_MAX);
    gt_json *answer = NULL;
    gt_str text = GT_STR_NULL;
    gt_str path = gt_arena_printf(arena, "/%.*s/_bulk?filter_path=items.create.status,"
                                  "items.create.error.reason", GT_STR_ARG(index));
    for (size_t i = 0; i < count; i++) {
        if (states[i] != PENDING)
            continue;
        gt_buf_lit(&body, "{\"create\":{\"_id\":");
        gt_json_write_str(&body, alerts[i].id);
        gt_buf_lit(&body, "}}\n");
        gt_buf_add(&body, alerts[i].json);
        gt_buf_add_byte(&body, '\n');
    }
    gt_status status = path.ptr ? gt_buf_status(&body) : gt_arena_status(arena);
    if (status == GT_OK)
        status = gt_cluster_call(cluster, "POST", path, gt_buf_str(&body), true, &text);
    if (status == GT_OK) {
        text = gt_arena_dup(arena, text);
        status = text.ptr ? gt_json_parse(arena, text, &answer, NULL) : gt_arena_status(arena);
    }
    gt_buf_done(&body);
    GT_TRY(status);
    const gt_json *outcome = gt_json_first(gt_json_getl(answer, "items"));
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t code = 0;
        if (states[i] != PENDING)
            continue;
        (void)!gt_json_i64(gt_json_path(outcome, "create.status"), &code);
        outcome = outcome ? outcome->next : NULL;
        if ((code >= 200 && code < 300) || code == 409) {
            states[i] = DONE;
            *created += code != 409;
        } else if (code == 429 || code >= 500 || code == 0) {
            ++*left;
        } else {
            return GT_INVALID; /* an alert that the index cannot take: nothing is left out in silence */
        }
    }
    return GT_OK;
}

gt_status gt_alerts_create(gt_cluster *cluster, gt_arena *arena, gt_str index,
                           const gt_alert_doc *alerts, size_t count, size_t *ret_created)
{
    static const gt_retry retry = {0, 100, 5000};
    const gt_cluster_options *o = gt_cluster_options_of(cluster);
    gt_time_ms begin = o->env->now(o->env->ctx);
    uint8_t *states = gt_arena_calloc(arena, count + 1, 1);
    size_t created = 0, left = count;
    if (!states)
        return gt_arena_status(arena);
    for (unsigned attempt = 1; left; attempt++) {
        GT_TRY(send_alerts(cluster, arena, index, alerts, count, states, &created, &left));
        if (!left)
            break;
        if (o->env->now(o->env->ctx) - begin > o->patience_ms)
            return GT_RETRY;
        o->env->sleep(o->env->ctx, gt_backoff_ms(&retry, attempt, o->env->random(o->env->ctx)));
    }
    *ret_created = created;
    return GT_OK;
}
