/* Alerts are stored once, suppressed as asked, changed with an audit; sinks' queues hold what they must. */
#include "test.h"

#include "base/hash.h"
#include "base/limits.h"
#include "store/alerts.h"
#include "store/sinks.h"

#include <stdio.h>

typedef struct fixture {
    gt_arena *arena;
    gt_store *store;
} fixture;

static fixture open_store(void)
{
    fixture f = {.arena = gt_arena_new(256 * GT_MIB)};
    gt_str message;
    assert_int_equal(gt_store_open("", NULL, f.arena, &f.store, &message), GT_OK);
    return f;
}

static void close_store(fixture *f)
{
    gt_store_close(f->store);
    gt_arena_free(f->arena);
}

static void assert_str(gt_str s, const char *expected)
{
    if (!gt_str_eq(s, gt_str_c(expected)))
        fail_msg("'%.*s' is not '%s'", GT_STR_ARG(s), expected);
}

/* The nth made-up alert. */
static gt_alert_new made(fixture *f, int n, gt_time_ms now)
{
    char *id = gt_arena_alloc(f->arena, 64);
    gt_sha256_hex(gt_arena_printf(f->arena, "alert %d", n), id);
    return (gt_alert_new){
        .id = {id, 64},
        .rule_id = GT_STR("r"),
        .rule_name = GT_STR("A rule"),
        .severity = n % 4,
        .risk = 21,
        .source = GT_STR("folder"),
        .event = 1000 + n,
        .now = now,
        .document = gt_arena_printf(f->arena, "{\"n\":%d,\"kibana.alert.workflow_status\":\"open\"}", n)};
}

static gt_alert_outcome put(fixture *f, const gt_alert_new *alert, int64_t *ret_seq)
{
    gt_alert_outcome outcome;
    int64_t seq;
    assert_int_equal(gt_alerts_put(f->store, alert, &outcome, ret_seq ? ret_seq : &seq), GT_OK);
    return outcome;
}

static gt_alert get(fixture *f, gt_str id)
{
    gt_alert alert;
    assert_int_equal(gt_alerts_get(f->store, f->arena, id, &alert), GT_OK);
    return alert;
}

static gt_status count_one(void *ctx, const gt_alert *alert)
{
    (void)alert;
    ++*(int *)ctx;
    return GT_OK;
}

static int count(fixture *f, const gt_alert_filter *filter)
{
    int n = 0;
    gt_arena *batch = gt_arena_new(64 * GT_MIB);
    assert_int_equal(gt_alerts_each(f->store, batch, filter, count_one, &n), GT_OK);
    gt_arena_free(batch);
    return n;
}

static void stored_once(void **state)
{
    (void)state;
    fixture f = open_store();
    gt_alert_new a = made(&f, 1, 5000), b = made(&f, 2, 5000);
    int64_t seq[3];
    assert_int_equal(put(&f, &a, &seq[0]), GT_ALERT_RAISED);
    assert_int_equal(put(&f, &a, &seq[1]), GT_ALERT_KNOWN);
    assert_int_equal(put(&f, &b, &seq[2]), GT_ALERT_RAISED);
    assert_int_equal(seq[0], seq[1]);
    assert_int_not_equal(seq[0], seq[2]);
    gt_alert alert = get(&f, a.id);
    assert_int_equal(alert.severity, 1);
    int64_t n;
    assert_true(gt_json_i64(gt_json_getl(alert.document, "n"), &n) && n == 1);
    alert = get(&f, gt_str_head(a.id, 10));
    assert_true(gt_str_eq(alert.id, a.id));
    assert_int_equal(gt_alerts_get(f.store, f.arena, GT_STR("abc"), &alert), GT_NOTFOUND);
    assert_int_equal(gt_alerts_get(f.store, f.arena, GT_STR("ffffffffff"), &alert), GT_NOTFOUND);
    close_store(&f);
}

static void filters(void **state)
{
    (void)state;
    fixture f = open_store();
    for (int i = 0; i < 8; i++) {
        gt_alert_new a = made(&f, i, 5000);
        put(&f, &a, NULL);
    }
    assert_int_equal(count(&f, &(gt_alert_filter){0}), 8);
    assert_int_equal(count(&f, &(gt_alert_filter){.min_severity = 2}), 4);
    assert_int_equal(count(&f, &(gt_alert_filter){.has_since = true, .since = 1003}), 5);
    assert_int_equal(count(&f, &(gt_alert_filter){.has_until = true, .until = 1003}), 3);
    assert_int_equal(count(&f, &(gt_alert_filter){.rule = GT_STR("A rule")}), 8);
    assert_int_equal(count(&f, &(gt_alert_filter){.rule = GT_STR("other")}), 0);
    assert_int_equal(count(&f, &(gt_alert_filter){.has_status = true, .status = GT_ALERT_CLOSED}), 0);
    close_store(&f);
}

static bool change(fixture *f, gt_str id, gt_alert_action action, const char *text, gt_time_ms now)
{
    bool changed;
    gt_alert_change c = {action, gt_str_c(text), GT_STR("admin"), now};
    assert_int_equal(gt_alerts_change(f->store, id, &c, &changed), GT_OK);
    return changed;
}

static gt_status print_entry(void *ctx, const gt_alert_entry *e)
{
    gt_buf_printf(ctx, "%lld %.*s %.*s '%.*s'->'%.*s' %.*s\n", (long long)e->at, GT_STR_ARG(e->who),
                  GT_STR_ARG(e->action), GT_STR_ARG(e->before), GT_STR_ARG(e->after),
                  GT_STR_ARG(e->note));
    return GT_OK;
}

static void life_and_audit(void **state)
{
    (void)state;
    fixture f = open_store();
    gt_alert_new a = made(&f, 1, 5000);
    put(&f, &a, NULL);
    assert_true(change(&f, a.id, GT_ALERT_ACK, "", 6001));
    assert_false(change(&f, a.id, GT_ALERT_ACK, "", 6002));
    assert_true(change(&f, a.id, GT_ALERT_ASSIGN, "analyst", 6003));
    assert_false(change(&f, a.id, GT_ALERT_ASSIGN, "analyst", 6004));
    assert_true(change(&f, a.id, GT_ALERT_NOTE, "looked at it", 6005));
    assert_true(change(&f, a.id, GT_ALERT_CLOSE, "expected", 6006));
    gt_alert alert = get(&f, a.id);
    assert_int_equal(alert.status, GT_ALERT_CLOSED);
    assert_str(alert.assignee, "analyst");
    assert_str(alert.reason, "expected");
    assert_int_equal(alert.updated, 6006);
    assert_str(gt_json_str(gt_json_getl(alert.document, "kibana.alert.workflow_status")), "closed");
    assert_true(change(&f, a.id, GT_ALERT_REOPEN, "", 6007));
    assert_true(change(&f, a.id, GT_ALERT_ASSIGN, "", 6008));
    alert = get(&f, a.id);
    assert_int_equal(alert.status, GT_ALERT_OPEN);
    assert_str(alert.reason, "");
    gt_buf text = GT_BUF(GT_MIB);
    assert_int_equal(gt_alerts_audit(f.store, a.id, print_entry, &text), GT_OK);
    assert_string_equal(text.data, "6001 admin ack 'open'->'acknowledged' \n"
                                   "6003 admin assign ''->'analyst' \n"
                                   "6005 admin note ''->'' looked at it\n"
                                   "6006 admin close 'acknowledged'->'closed' expected\n"
                                   "6007 admin reopen 'closed'->'open' \n"
                                   "6008 admin assign 'analyst'->'' \n");
    gt_buf_done(&text);
    bool changed;
    gt_alert_change c = {.action = GT_ALERT_ACK};
    assert_int_equal(gt_alerts_change(f.store, GT_STR("none"), &c, &changed), GT_NOTFOUND);
    close_store(&f);
}

/* --- suppression ----------------------------------------------------------------------------------- */

static gt_alert_new grouped(fixture *f, int n, gt_time_ms now, const char *user, int64_t window,
                            gt_time_ms run)
{
    gt_alert_new a = made(f, n, now);
    gt_json *terms;
    gt_str text = gt_arena_printf(f->arena, "[{\"field\":\"user.name\",\"value\":%s}]", user);
    assert_int_equal(gt_json_parse(f->arena, text, &terms, NULL), GT_OK);
    a.group = (gt_alert_group){terms, window, run};
    return a;
}

static void suppression_by_window(void **state)
{
    (void)state;
    fixture f = open_store();
    gt_alert_new first = grouped(&f, 1, 10000, "\"a\"", 5000, 0);
    gt_alert_new second = grouped(&f, 2, 12000, "\"a\"", 5000, 0);
    gt_alert_new other = grouped(&f, 3, 12000, "\"b\"", 5000, 0);
    gt_alert_new none = grouped(&f, 4, 12000, "null", 5000, 0);
    gt_alert_new late = grouped(&f, 5, 15001, "\"a\"", 5000, 0);
    gt_alert_new edge = grouped(&f, 6, 15000, "\"a\"", 5000, 0);
    assert_int_equal(put(&f, &first, NULL), GT_ALERT_RAISED);
    assert_int_equal(put(&f, &second, NULL), GT_ALERT_FOLDED);
    assert_int_equal(put(&f, &second, NULL), GT_ALERT_KNOWN); /* never counted twice */
    assert_int_equal(put(&f, &first, NULL), GT_ALERT_KNOWN);
    assert_int_equal(put(&f, &other, NULL), GT_ALERT_RAISED);
    assert_int_equal(put(&f, &none, NULL), GT_ALERT_RAISED);
    assert_int_equal(put(&f, &edge, NULL), GT_ALERT_FOLDED);
    assert_int_equal(put(&f, &late, NULL), GT_ALERT_RAISED);
    gt_alert alert = get(&f, first.id);
    assert_int_equal(alert.folded, 2);
    int64_t docs;
    assert_true(gt_json_i64(gt_json_getl(alert.document, "kibana.alert.suppression.docs_count"), &docs));
    assert_int_equal(docs, 2);
    assert_str(gt_json_str(gt_json_getl(alert.document, "kibana.alert.suppression.end")),
               "1970-01-01T00:00:01.006Z");
    assert_str(gt_json_str(gt_json_getl(alert.document, "kibana.alert.last_detected")),
               "1970-01-01T00:00:15.000Z");
    assert_non_null(gt_json_getl(alert.document, "kibana.alert.instance.id"));
    /* a closed alert takes no more */
    change(&f, late.id, GT_ALERT_CLOSE, "", 15002);
    gt_alert_new after = grouped(&f, 7, 15003, "\"a\"", 5000, 0);
    assert_int_equal(put(&f, &after, NULL), GT_ALERT_RAISED);
    close_store(&f);
}

static void suppression_by_run(void **state)
{
    (void)state;
    fixture f = open_store();
    gt_alert_new a = grouped(&f, 1, 10000, "\"a\"", 0, 10000);
    gt_alert_new b = grouped(&f, 2, 10000, "\"a\"", 0, 10000);
    gt_alert_new c = grouped(&f, 3, 10000, "\"a\"", 0, 20000);
    assert_int_equal(put(&f, &a, NULL), GT_ALERT_RAISED);
    assert_int_equal(put(&f, &b, NULL), GT_ALERT_FOLDED);
    assert_int_equal(put(&f, &c, NULL), GT_ALERT_RAISED);
    close_store(&f);
}

/* --- sinks ------------------------------------------------------------------------------------------- */

static size_t take(fixture *f, gt_time_ms now, size_t max, size_t bytes, gt_sink_row **ret)
{
    size_t n;
    assert_int_equal(gt_sinks_take(f->store, f->arena, GT_STR("s"), now, max, bytes, ret, &n), GT_OK);
    return n;
}

static gt_status print_dead(void *ctx, const gt_sink_dead *d)
{
    gt_buf_printf(ctx, "%.*s %.*s %lld\n", GT_STR_ARG(d->sink), GT_STR_ARG(d->reason), (long long)d->attempts);
    return GT_OK;
}

static void queues(void **state)
{
    (void)state;
    fixture f = open_store();
    int64_t seq[5], n;
    gt_sink_row *rows;
    for (int i = 0; i < 5; i++) {
        gt_alert_new a = made(&f, i, 5000);
        put(&f, &a, &seq[i]);
        assert_int_equal(gt_sinks_put(f.store, GT_STR("s"), seq[i], 5000 + i), GT_OK);
        assert_int_equal(gt_sinks_put(f.store, GT_STR("s"), seq[i], 9000), GT_OK); /* once */
    }
    assert_int_equal(take(&f, 4999, 10, GT_MIB, &rows), 0);
    assert_int_equal(take(&f, 9000, 3, GT_MIB, &rows), 3);
    assert_int_equal(take(&f, 9000, 10, 1, &rows), 1);
    assert_int_equal(take(&f, 9000, 10, GT_MIB, &rows), 5);
    assert_true(gt_str_starts(rows[0].text, GT_STR("{\"n\":0,")));
    assert_int_equal(gt_sinks_done(f.store, rows[0].seq), GT_OK);
    assert_int_equal(gt_sinks_again(f.store, rows[1].seq, 20000), GT_OK);
    assert_int_equal(gt_sinks_give_up(f.store, rows[2].seq, GT_STR("refused"), 9000), GT_OK);
    assert_int_equal(take(&f, 9000, 10, GT_MIB, &rows), 2);
    assert_int_equal(take(&f, 20000, 10, GT_MIB, &rows), 3);
    assert_int_equal(rows[0].attempts, 1);
    bool has;
    gt_time_ms due;
    assert_int_equal(gt_sinks_due(f.store, GT_STR("s"), &has, &due), GT_OK);
    assert_true(has && due == 5003);
    assert_int_equal(gt_sinks_state_put(f.store, GT_STR("s"), GT_STR("ndjson"), 1, GT_STR("full"), 1, 2, 7),
                     GT_OK);
    gt_sink_state *list;
    size_t count_of;
    assert_int_equal(gt_sinks_list(f.store, f.arena, &list, &count_of), GT_OK);
    assert_int_equal(count_of, 1);
    assert_int_equal(list[0].queued, 3);
    assert_int_equal(list[0].dead, 1);
    assert_int_equal(list[0].sent, 1);
    assert_str(list[0].problem, "full");
    gt_buf text = GT_BUF(GT_MIB);
    assert_int_equal(gt_sinks_dead_each(f.store, GT_STR(""), print_dead, &text), GT_OK);
    assert_string_equal(text.data, "s refused 1\n");
    gt_buf_done(&text);
    assert_int_equal(gt_sinks_dead_retry(f.store, GT_STR("s"), 30000, &n), GT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(take(&f, 30000, 10, GT_MIB, &rows), 4);
    assert_int_equal(gt_sinks_drop(f.store, GT_STR("s"), &n), GT_OK);
    assert_int_equal(n, 4);
    close_store(&f);
}

/* What a sink still has to send is not pruned. */
static void pruning(void **state)
{
    (void)state;
    fixture f = open_store();
    int64_t seq, n;
    gt_alert_new a = made(&f, 1, 5000), b = made(&f, 2, 5000), c = made(&f, 3, 5000);
    put(&f, &a, NULL);
    put(&f, &b, &seq);
    put(&f, &c, NULL);
    assert_int_equal(gt_sinks_put(f.store, GT_STR("s"), seq, 5000), GT_OK);
    change(&f, a.id, GT_ALERT_CLOSE, "", 6000);
    change(&f, b.id, GT_ALERT_CLOSE, "", 6000);
    assert_int_equal(gt_alerts_prune(f.store, 7000, &n), GT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(count(&f, &(gt_alert_filter){0}), 2);
    int64_t counts[3];
    assert_int_equal(gt_alerts_count(f.store, counts), GT_OK);
    assert_int_equal(counts[GT_ALERT_OPEN], 1);
    assert_int_equal(counts[GT_ALERT_CLOSED], 1);
    close_store(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_once),         cmocka_unit_test(filters),
        cmocka_unit_test(life_and_audit),      cmocka_unit_test(suppression_by_window),
        cmocka_unit_test(suppression_by_run),  cmocka_unit_test(queues),
        cmocka_unit_test(pruning),
    };
    return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}
