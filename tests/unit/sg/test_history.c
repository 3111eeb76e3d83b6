/* The histories of ../shared, made with an EC2 simulator: states at three times, blame, log, net no-ops,
 * attachments; what a cut log can and cannot tell; and the same answer for any order. */
#include "sg_load.h"

/* --- the truth's rules in our form ----------------------------------------------------------------- */

/* AWS's shape to the truth's: sorted keys do not matter, gt_json_equal ignores order. */
static gt_json *truth_shape(gt_arena *arena, const gt_sg_rule *rule)
{
    gt_json *o = gt_sg_rule_json(arena, rule, GT_STR(""), GT_STR(""));
    gt_json *info = gt_json_remove(o, GT_STR("ReferencedGroupInfo"));
    if (info)
        gt_json_setl(o, "ReferencedGroupId", gt_json_get(info, GT_STR("GroupId")));
    return o;
}

static bool list_has(const gt_json *list, const gt_json *rule)
{
    for (const gt_json *e = gt_json_first(list); e; e = e->next)
        if (gt_json_equal(e, rule))
            return true;
    return false;
}

static void show(const char *what, const gt_json *rule)
{
    gt_buf out = GT_BUF(1 << 20);
    gt_json_write(&out, rule);
    print_error("%s: %s\n", what, out.data);
    gt_buf_done(&out);
}

static gt_json *state_at(gt_arena *arena, const gt_sg_timeline *t, gt_time_ms time)
{
    gt_json *list = gt_json_new_array(arena);
    if (gt_sg_timeline_exists(t, time))
        for (size_t i = 0; i < t->version_count; i++) {
            const gt_sg_version *v = t->versions[i];
            if (gt_sg_version_at(v, time) && v->rule.content_known &&
                v->rule.direction != GT_SG_DIRECTION_UNKNOWN && !v->doubt)
                gt_json_append(list, truth_shape(arena, &v->rule));
        }
    return list;
}

static void compare_state(gt_arena *arena, const gt_sg_timeline *t, gt_time_ms time,
                          const gt_json *truth)
{
    gt_json *ours = state_at(arena, t, time);
    for (const gt_json *e = gt_json_first(truth); e; e = e->next)
        if (!list_has(ours, e))
            show("missing", e);
    for (const gt_json *e = gt_json_first(ours); e; e = e->next)
        if (!list_has(truth, e))
            show("too many", e);
    assert_int_equal(ours->count, gt_json_is(truth, GT_JSON_ARRAY) ? truth->count : 0);
}

static void compare_blame(gt_arena *arena, const gt_sg_timeline *t, const gt_json *truth)
{
    size_t found = 0;
    for (const gt_json *b = gt_json_first(truth); b; b = b->next)
        for (size_t i = 0; i < t->version_count; i++) {
            const gt_sg_version *v = t->versions[i];
            if (v->to || !gt_json_equal(truth_shape(arena, &v->rule), gt_json_getl(b, "rule")))
                continue;
            found++;
            gt_str modified = gt_json_path_str(b, "last_modified.eventID");
            assert_non_null(v->introduced);
            assert_true(gt_str_eq(v->introduced->change->event_id,
                                  gt_json_path_str(b, "introduced.eventID")));
            assert_int_equal(v->implied, gt_json_path(b, "introduced.implied")->boolean);
            assert_true(v->modified ? gt_str_eq(v->modified->change->event_id, modified)
                                    : modified.len == 0);
        }
    assert_int_equal(found, truth->count);
}

/* Order inside a second may be unprovable: compare the times, and that the ids are the same. */
static void compare_log(const gt_sg_timeline *t, const gt_json *truth)
{
    size_t n = 0;
    gt_time_ms last = GT_SG_NO_TIME;
    for (size_t i = 0; i < t->step_count; i++) {
        const gt_sg_step *s = t->steps[i];
        bool there = false;
        assert_true(s->change->time >= last);
        last = s->change->time;
        if (!s->effective || s->operation > GT_SG_DELETE)
            continue;
        n++;
        for (const gt_json *e = gt_json_first(truth); e; e = e->next)
            there = there || gt_str_eq(gt_json_str(e), s->change->event_id);
        if (!there)
            print_error("not in the log: %.*s\n", GT_STR_ARG(s->change->event_id));
        assert_true(there);
    }
    assert_int_equal(n, truth->count);
}

static bool pair_listed(const gt_json *list, const gt_sg_pair *p)
{
    for (const gt_json *e = gt_json_first(list); e; e = e->next)
        if (gt_str_eq(gt_json_path_str(e, "revoke"), p->revoked->to->change->event_id) &&
            gt_str_eq(gt_json_path_str(e, "authorize"), p->authorized->from->change->event_id))
            return true;
    return false;
}

static void compare_pairs(gt_arena *arena, const gt_sg_timeline *t, const gt_json *g)
{
    gt_sg_pair *pairs;
    size_t count, provable = 0, found = 0;
    assert_int_equal(gt_sg_timeline_pairs(arena, t, &pairs, &count), GT_OK);
    for (const gt_json *e = gt_json_first(gt_json_getl(g, "noop_pairs")); e; e = e->next) {
        provable += gt_json_getl(e, "provable")->boolean;
        for (size_t i = 0; i < count; i++)
            if (gt_json_getl(e, "provable")->boolean &&
                gt_str_eq(gt_json_path_str(e, "revoke"), pairs[i].revoked->to->change->event_id) &&
                gt_str_eq(gt_json_path_str(e, "authorize"),
                          pairs[i].authorized->from->change->event_id)) {
                found++;
                break;
            }
    }
    assert_int_equal(found, provable);
    for (size_t i = 0; i < count; i++)
        assert_true(pair_listed(gt_json_getl(g, "noop_pairs"), &pairs[i]) ||
                    pair_listed(gt_json_getl(g, "noop_pairs_alternative"), &pairs[i]));
}

static gt_time_ms time_of(const gt_json *truth, const char *path)
{
    gt_time_ms t;
    assert_true(gt_time_parse(gt_json_path_str(truth, path), &t));
    return t;
}

static gt_sg_history *history_of(const load *l)
{
    gt_sg_history *h = gt_sg_history_new();
    for (size_t i = 0; i < l->count; i++)
        assert_int_equal(gt_sg_history_add(h, l->changes[i]), GT_OK);
    return h;
}

static void compare_group(gt_sg_history *h, gt_arena *arena, const gt_json *truth, const gt_json *g)
{
    gt_sg_timeline *t;
    assert_int_equal(gt_sg_history_fold(h, arena, g->key, &t), GT_OK);
    compare_state(arena, t, time_of(truth, "times.T1"), gt_json_path(g, "state.T1"));
    compare_state(arena, t, time_of(truth, "times.T2"), gt_json_path(g, "state.T2"));
    compare_state(arena, t, time_of(truth, "times.END"), gt_json_path(g, "state.END"));
    compare_blame(arena, t, gt_json_getl(g, "blame"));
    compare_log(t, gt_json_getl(g, "log"));
    compare_pairs(arena, t, g);
}

static void compare_attachments(gt_sg_history *h, gt_arena *arena, const gt_json *truth)
{
    for (const gt_json *a = gt_json_first(gt_json_getl(truth, "attachments")); a; a = a->next)
        for (size_t i = 0; i < gt_sg_history_group_count(h); i++) {
            gt_sg_attached *spans;
            size_t count;
            bool on = false, expected = false;
            gt_str group = gt_sg_history_group(h, i)->id;
            assert_int_equal(gt_sg_history_attached(h, arena, group, &spans, &count), GT_OK);
            for (size_t k = 0; k < count; k++)
                on = on || (!spans[k].to && gt_str_eq(spans[k].resource, a->key));
            for (const gt_json *e = gt_json_first(gt_json_getl(a, "groups")); e; e = e->next)
                expected = expected || gt_str_eq(gt_json_str(e), group);
            assert_int_equal(on, expected);
        }
}

static void test_full(void **state)
{
    char path[4096], logs[2048];
    const char *set = *state;
    snprintf(path, sizeof path, "%s/security-groups/history/%s/truth.json", test_shared(), set);
    snprintf(logs, sizeof logs, "%s/security-groups/history/%s", test_shared(), set);
    TEST_NEEDS_SHARED(path);
    load l = load_folder(logs);
    gt_str text = test_read_file(path);
    gt_json *truth = load_parse(&l, text);
    gt_sg_history *h = history_of(&l);
    int64_t records;
    assert_true(gt_json_i64(gt_json_path(truth, "delivery.records_delivered"), &records));
    assert_int_equal(l.records, records);
    for (const gt_json *g = gt_json_first(gt_json_getl(truth, "groups")); g; g = g->next)
        compare_group(h, l.arena, truth, g);
    compare_attachments(h, l.arena, truth);
    gt_sg_history_free(h);
    free((char *)(uintptr_t)text.ptr);
    load_free(&l);
}

/* --- a cut log ------------------------------------------------------------------------------------- */

static const gt_sg_version *find_version(gt_arena *arena, const gt_sg_timeline *t,
                                         const gt_json *rule, bool with_id)
{
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        gt_json *ours = truth_shape(arena, &v->rule);
        if (!with_id)
            gt_json_remove(ours, GT_STR("SecurityGroupRuleId"));
        if (!v->to && v->rule.content_known && gt_json_equal(ours, rule))
            return v;
    }
    return NULL;
}

static void compare_known(gt_arena *arena, const gt_sg_timeline *t, const gt_json *g)
{
    size_t known = gt_json_getl(g, "known_in_force_END")->count, ours = 0;
    for (const gt_json *e = gt_json_first(gt_json_getl(g, "known_in_force_END")); e; e = e->next) {
        const gt_sg_version *v = find_version(arena, t, gt_json_getl(e, "rule"), true);
        if (!v)
            show("known, missing", e);
        assert_non_null(v);
        assert_null(v->doubt);
        gt_str introduced = gt_json_str(gt_json_getl(e, "introduced_eventID"));
        gt_str modified = gt_json_str(gt_json_getl(e, "last_modified_eventID"));
        assert_true(gt_str_eq(introduced, v->introduced ? v->introduced->change->event_id
                                                        : GT_STR("")));
        assert_true(gt_str_eq(modified, v->modified ? v->modified->change->event_id : GT_STR("")));
        assert_int_equal(v->implied, gt_json_getl(e, "implied")->boolean);
    }
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if (!v->to && !v->doubt && v->rule.content_known &&
            v->rule.direction != GT_SG_DIRECTION_UNKNOWN) {
            ours++;
            gt_json *shape = truth_shape(arena, &v->rule);
            bool there = false;
            for (const gt_json *e = gt_json_first(gt_json_getl(g, "known_in_force_END")); e;
                 e = e->next)
                there = there || gt_json_equal(gt_json_getl(e, "rule"), shape);
            if (!there)
                show("claimed, not provable", shape);
        }
    }
    assert_int_equal(ours, known);
}

static void compare_unknown(gt_arena *arena, const gt_sg_timeline *t, const gt_json *g)
{
    for (const gt_json *e = gt_json_first(gt_json_getl(g, "known_direction_unknown_END")); e;
         e = e->next) {
        const gt_sg_version *v = find_version(arena, t, gt_json_getl(e, "rule"), true);
        if (!v)
            show("direction unknown, missing", e);
        assert_non_null(v);
        assert_int_equal(v->rule.direction, GT_SG_DIRECTION_UNKNOWN);
        assert_true(gt_str_eq(v->modified->change->event_id,
                              gt_json_path_str(e, "last_modified_eventID")));
    }
    for (const gt_json *e = gt_json_first(gt_json_getl(g, "maybe_in_force_END")); e; e = e->next) {
        const gt_sg_version *v = find_version(arena, t, gt_json_getl(e, "rule"), true);
        if (!v)
            show("maybe, missing", e);
        assert_non_null(v);
        assert_non_null(v->doubt);
        if (!gt_str_eq(v->doubt->change->event_id, gt_json_path_str(e, "doubt_eventID")))
            show("other doubt", e);
    }
    for (const gt_json *e = gt_json_first(gt_json_getl(g, "known_absent_END")); e; e = e->next)
        assert_null(find_version(arena, t, gt_json_getl(e, "rule"), false));
}

static void test_partial(void **state)
{
    char path[4096], logs[2048];
    (void)state;
    snprintf(path, sizeof path, "%s/security-groups/history/partial/truth.json", test_shared());
    snprintf(logs, sizeof logs, "%s/security-groups/history/partial", test_shared());
    TEST_NEEDS_SHARED(path);
    load l = load_folder(logs);
    gt_str text = test_read_file(path);
    gt_json *truth = load_parse(&l, text);
    gt_sg_history *h = history_of(&l);
    for (const gt_json *g = gt_json_first(gt_json_getl(truth, "groups")); g; g = g->next) {
        gt_sg_timeline *t;
        assert_int_equal(gt_sg_history_fold(h, l.arena, g->key, &t), GT_OK);
        bool complete = gt_str_is(gt_json_path_str(g, "baseline"), "complete");
        assert_int_equal(t->group.baseline, complete ? GT_SG_COMPLETE : GT_SG_PARTIAL);
        assert_int_equal(gt_sg_timeline_exists(t, GT_SG_END - 1),
                         gt_json_getl(g, "exists_at_END")->boolean);
        print_message("# %.*s\n", GT_STR_ARG(g->key));
        compare_known(l.arena, t, g);
        compare_unknown(l.arena, t, g);
        compare_log(t, gt_json_getl(g, "log"));
    }
    gt_sg_history_free(h);
    free((char *)(uintptr_t)text.ptr);
    load_free(&l);
}

/* --- any order, any duplication --------------------------------------------------------------------- */

static gt_status digest_step(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    gt_buf *out = context;
    char cidr[GT_IP_TEXT_MAX];
    gt_buf_printf(out, "%.*s %d %d", GT_STR_ARG(step->change->event_id), step->operation,
                  step->effective);
    for (size_t i = 0; i < effect->opened.count; i++)
        gt_buf_printf(out, " +%d-%d %s", effect->opened.items[i].from, effect->opened.items[i].to,
                      gt_cidr_format(&effect->opened.items[i].cidr, cidr).ptr);
    for (size_t i = 0; i < effect->closed.count; i++)
        gt_buf_printf(out, " -%d-%d %s", effect->closed.items[i].from, effect->closed.items[i].to,
                      gt_cidr_format(&effect->closed.items[i].cidr, cidr).ptr);
    gt_buf_lit(out, "\n");
    return GT_OK;
}

/* Everything a history says, as text. */
static void digest(gt_sg_history *h, gt_buf *out)
{
    for (size_t i = 0; i < gt_sg_history_group_count(h); i++) {
        gt_arena *arena = gt_arena_new((size_t)1 << 30);
        gt_sg_timeline *t;
        const gt_sg_group *g = gt_sg_history_group(h, i);
        assert_int_equal(gt_sg_history_fold(h, arena, g->id, &t), GT_OK);
        gt_buf_printf(out, "group %.*s %.*s %d\n", GT_STR_ARG(g->id), GT_STR_ARG(g->name),
                      g->baseline);
        for (size_t k = 0; k < t->version_count; k++) {
            const gt_sg_version *v = t->versions[k];
            gt_str text = gt_sg_rule_text(arena, &v->rule);
            gt_buf_printf(out, "%.*s %.*s %.*s from %zd to %zd by %zd mod %zd doubt %zd\n",
                          GT_STR_ARG(text), GT_STR_ARG(v->rule.rule_id),
                          GT_STR_ARG(v->rule.description),
                          v->from ? (ssize_t)v->from->index : -1,
                          v->to ? (ssize_t)v->to->index : -1,
                          v->introduced ? (ssize_t)v->introduced->index : -1,
                          v->modified ? (ssize_t)v->modified->index : -1,
                          v->doubt ? (ssize_t)v->doubt->index : -1);
        }
        assert_int_equal(gt_sg_timeline_walk(h, arena, t, digest_step, out), GT_OK);
        gt_arena_free(arena);
    }
}

static void test_any_order(void **state)
{
    char logs[2048], path[4096];
    const char *set = *state;
    uint64_t seed = 88172645463325252u;
    snprintf(logs, sizeof logs, "%s/security-groups/history/%s", test_shared(), set);
    snprintf(path, sizeof path, "%s/truth.json", logs);
    TEST_NEEDS_SHARED(path);
    load l = load_folder(logs);
    gt_buf first = GT_BUF((size_t)64 << 20);
    for (int round = 0; round < 12; round++) {
        gt_sg_history *h = gt_sg_history_new();
        for (size_t i = l.count; i > 1; i--) {
            size_t k = load_random(&seed) % i;
            gt_sg_change *swap = l.changes[i - 1];
            l.changes[i - 1] = l.changes[k];
            l.changes[k] = swap;
        }
        for (size_t i = 0; i < l.count; i++)
            for (int times = 1 + (load_random(&seed) % 5 == 0); times > 0; times--) {
                assert_int_equal(gt_sg_history_add(h, l.changes[i]), GT_OK);
                if (load_random(&seed) % 40 == 0) /* a question in between changes nothing */
                    assert_true(gt_sg_history_group_count(h) < 1000000);
            }
        gt_buf out = GT_BUF((size_t)64 << 20);
        digest(h, round ? &out : &first);
        if (round)
            assert_string_equal(first.data, out.data);
        gt_buf_done(&out);
        gt_sg_history_free(h);
    }
    gt_buf_done(&first);
    load_free(&l);
}

/* --- packing ------------------------------------------------------------------------------------------ */

static void test_pack(void **state)
{
    char logs[2048], path[4096];
    (void)state;
    snprintf(logs, sizeof logs, "%s/security-groups/history/partial", test_shared());
    snprintf(path, sizeof path, "%s/truth.json", logs);
    TEST_NEEDS_SHARED(path);
    load l = load_folder(logs);
    for (size_t i = 0; i < l.count; i++) {
        gt_buf bytes = GT_BUF(1 << 20), again = GT_BUF(1 << 20);
        gt_sg_change *back;
        gt_sg_change_pack(l.changes[i], &bytes);
        assert_int_equal(gt_sg_change_unpack(l.arena, gt_buf_str(&bytes), &back), GT_OK);
        assert_true(gt_str_eq(back->event_id, l.changes[i]->event_id));
        gt_sg_change_pack(back, &again);
        assert_true(gt_str_eq(gt_buf_str(&bytes), gt_buf_str(&again)));
        for (size_t len = 0; len < bytes.len; len++) { /* damaged bytes are told, never followed */
            gt_status status =
                gt_sg_change_unpack(l.arena, gt_str_head(gt_buf_str(&bytes), len), &back);
            assert_true(status == GT_CORRUPT);
        }
        gt_buf_done(&bytes);
        gt_buf_done(&again);
    }
    load_free(&l);
}

/* An interface is its instance's first one, as the start told: what ends the instance ends what
 * was put on the interface. */
static void test_interface_of_instance(void **state)
{
    gt_str text = GT_STR(
        "[{\"eventName\":\"RunInstances\",\"eventID\":\"e1\",\"eventTime\":\"2026-03-02T09:00:00Z\","
        "\"responseElements\":{\"instancesSet\":{\"items\":[{\"instanceId\":\"i-1\","
        "\"networkInterfaceSet\":{\"items\":[{\"networkInterfaceId\":\"eni-1\",\"groupSet\":{"
        "\"items\":[{\"groupId\":\"sg-2\"}]}}]}}]}}},"
        "{\"eventName\":\"ModifyNetworkInterfaceAttribute\",\"eventID\":\"e2\",\"eventTime\":"
        "\"2026-03-02T10:00:00Z\",\"requestParameters\":{\"networkInterfaceId\":\"eni-1\","
        "\"groupSet\":{\"items\":[{\"groupId\":\"sg-1\"}]}}},"
        "{\"eventName\":\"TerminateInstances\",\"eventID\":\"e3\",\"eventTime\":"
        "\"2026-03-02T11:00:00Z\",\"requestParameters\":{\"instancesSet\":{\"items\":[{"
        "\"instanceId\":\"i-1\"}]}}}]");
    load l = {.arena = gt_arena_new((size_t)1 << 20)};
    gt_sg_history *h = gt_sg_history_new();
    gt_sg_timeline *t;
    (void)state;
    for (gt_json *r = gt_json_first(load_parse(&l, text)); r; r = r->next)
        load_record(&l, r);
    assert_int_equal(l.count, 3);
    for (size_t i = 0; i < l.count; i++)
        assert_int_equal(gt_sg_history_add(h, l.changes[i]), GT_OK);
    assert_int_equal(gt_sg_history_fold(h, l.arena, GT_STR("sg-1"), &t), GT_OK);
    assert_int_equal(t->attached_count, 1);
    assert_true(gt_str_is(t->attached[0].resource, "i-1"));
    assert_true(gt_str_is(t->attached[0].from->event_id, "e2"));
    assert_non_null(t->attached[0].to);
    assert_true(gt_str_is(t->attached[0].to->event_id, "e3"));
    gt_sg_history_free(h);
    load_free(&l);
}

int main(void)
{
    static char small[] = "small", partial[] = "partial";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_full, small),
        cmocka_unit_test(test_partial),
        cmocka_unit_test_prestate(test_any_order, small),
        cmocka_unit_test_prestate(test_any_order, partial),
        cmocka_unit_test(test_interface_of_instance),
        cmocka_unit_test(test_pack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
