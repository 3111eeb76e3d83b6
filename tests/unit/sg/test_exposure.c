/* Exposure: the cases of ../shared (brute force made their truth), and our algebra against brute force of
 * our own over boundary points. */
#include "sg_load.h"

/* --- the cases -------------------------------------------------------------------------------------- */

typedef struct question {
    gt_str group, protocol;
    int64_t port;
    gt_sg_direction direction;
    bool v6;
} question;

static question question_of(const gt_json *c)
{
    question q = {.group = gt_json_path_str(c, "question.group"),
                  .protocol = gt_json_path_str(c, "question.protocol"),
                  .direction = gt_str_is(gt_json_path_str(c, "question.direction"), "egress")
                                   ? GT_SG_EGRESS
                                   : GT_SG_INGRESS,
                  .v6 = gt_str_is(gt_json_path_str(c, "question.family"), "ipv6")};
    assert_true(gt_json_i64(gt_json_path(c, "question.port"), &q.port));
    return q;
}

static gt_sg_space space_of(load *l, const gt_json *c, size_t limit, gt_str group, bool *unknown)
{
    gt_sg_history *h = gt_sg_history_new();
    gt_sg_timeline *t;
    gt_sg_space space = {0};
    size_t n = 0;
    const gt_json *raw = gt_json_getl(c, "records_raw");
    for (const gt_json *r = gt_json_first(raw ? raw : gt_json_getl(c, "records")); r && n < limit;
         r = r->next, n++) {
        gt_sg_change *change;
        const gt_json *record = gt_json_is(r, GT_JSON_STRING) ? load_parse(l, gt_json_str(r)) : r;
        assert_int_equal(gt_sg_change_of(l->arena, record, GT_STR("no-id"), &change), GT_OK);
        if (change)
            assert_int_equal(gt_sg_history_add(h, change), GT_OK);
    }
    if (gt_sg_history_fold(h, l->arena, group, &t) == GT_OK)
        assert_int_equal(gt_sg_timeline_space(h, l->arena, t, GT_SG_END - 1, &space, unknown),
                         GT_OK);
    gt_sg_space copy = {0}; /* boxes hold no views: they outlive the history */
    for (size_t i = 0; i < space.count; i++)
        assert_true(gt_sg_space_push(l->arena, &copy, &space.items[i]));
    gt_sg_history_free(h);
    return copy;
}

static gt_sg_space minus(load *l, const gt_sg_space *a, const gt_sg_space *b)
{
    gt_sg_space ret = {0};
    for (size_t i = 0; i < a->count; i++)
        assert_true(gt_sg_space_minus(l->arena, &a->items[i], b->items, b->count, &ret));
    gt_sg_space_normalise(&ret);
    return ret;
}

/* The prefixes of the pieces that hold the question's port, joined, as a JSON list. */
static gt_json *prefixes_at(load *l, const gt_sg_space *space, const question *q, bool internet_only,
                            bool v6)
{
    gt_sg_space at = {0};
    gt_json *list = gt_json_new_array(l->arena);
    for (size_t i = 0; i < space->count; i++) {
        gt_sg_pieces pieces = {0};
        assert_true(gt_sg_pieces_of(l->arena, &space->items[i], &pieces));
        for (size_t k = 0; k < pieces.count; k++) {
            const gt_sg_piece *p = &pieces.items[k];
            bool icmp = gt_str_starts(q->protocol, GT_STR("icmp"));
            bool whole = gt_str_is(p->protocol, "-1") || p->from_port < 0;
            bool port = whole || (icmp ? p->from_port == q->port
                                       : p->from_port <= q->port && q->port <= p->to_port);
            if ((gt_str_is(p->protocol, "-1") || gt_str_eq(p->protocol, q->protocol)) && port &&
                p->direction == q->direction && p->cidr.net.v6 == v6 &&
                (p->internet || !internet_only)) {
                gt_sg_box box = {.cidr = p->cidr, .direction = 1};
                assert_true(gt_sg_space_add(l->arena, &at, &box));
            }
        }
    }
    gt_sg_space_normalise(&at);
    for (size_t i = 0; i < at.count; i++) {
        char text[GT_IP_TEXT_MAX];
        gt_str s = gt_arena_dup(l->arena, gt_cidr_format(&at.items[i].cidr, text));
        gt_json_append(list, gt_json_new_str(l->arena, s));
    }
    return list;
}

static bool same_set(const gt_json *a, const gt_json *b)
{
    if (a->count != b->count)
        return false;
    for (const gt_json *x = gt_json_first(a); x; x = x->next) {
        bool there = false;
        for (const gt_json *y = gt_json_first(b); y; y = y->next)
            there = there || gt_json_equal(x, y);
        if (!there)
            return false;
    }
    return true;
}

/* Every port (or icmp type) at which some address of the question's family is in the space, as
 * [[from, to], …]. */
static gt_json *ports_of(load *l, const gt_sg_space *space, question q, bool internet_only)
{
    gt_json *list = gt_json_new_array(l->arena);
    bool icmp = gt_str_starts(q.protocol, GT_STR("icmp"));
    uint8_t *open = calloc(65536, 1);
    int last = icmp ? 255 : 65535;
    for (size_t i = 0; i < space->count; i++) {
        gt_sg_pieces pieces = {0};
        assert_true(gt_sg_pieces_of(l->arena, &space->items[i], &pieces));
        for (size_t k = 0; k < pieces.count; k++) {
            const gt_sg_piece *p = &pieces.items[k];
            if ((!gt_str_is(p->protocol, "-1") && !gt_str_eq(p->protocol, q.protocol)) ||
                p->direction != q.direction || p->cidr.net.v6 != q.v6 ||
                (internet_only && !p->internet))
                continue;
            int from = p->from_port < 0 ? 0 : p->from_port;
            int to = p->from_port < 0 ? last : icmp ? p->from_port : p->to_port;
            for (int port = from; port <= to; port++)
                open[port] = 1;
        }
    }
    for (int port = 0; port <= last; port++) {
        if (!open[port] || (port > 0 && open[port - 1]))
            continue;
        int to = port;
        while (to < last && open[to + 1])
            to++;
        gt_json *pair = gt_json_new_array(l->arena);
        gt_json_append(pair, gt_json_new_i64(l->arena, port));
        gt_json_append(pair, gt_json_new_i64(l->arena, to));
        gt_json_append(list, pair);
    }
    free(open);
    return list;
}

static void check_case(load *l, const gt_json *c)
{
    const gt_json *truth = gt_json_getl(c, "truth");
    question q = question_of(c);
    int64_t base;
    bool unknown_before = false, unknown = false;
    assert_true(gt_json_i64(gt_json_getl(c, "base_records"), &base));
    gt_sg_space before = space_of(l, c, (size_t)base, q.group, &unknown_before);
    gt_sg_space after = space_of(l, c, SIZE_MAX, q.group, &unknown);
    gt_sg_space opened = minus(l, &after, &before), closed = minus(l, &before, &after);
    gt_json *internet = prefixes_at(l, &opened, &q, true, q.v6);
    const gt_json *answer = gt_json_getl(truth, "opens_to_internet");
    print_message("# %.*s\n", GT_STR_ARG(gt_json_path_str(c, "name")));
    if (gt_json_is(answer, GT_JSON_STRING)) {
        if (!gt_json_getl(truth, "accepted"))
            assert_true(unknown);
        return;
    }
    assert_int_equal(internet->count > 0, answer->boolean);
    assert_true(same_set(prefixes_at(l, &opened, &q, false, q.v6),
                         q.v6 ? gt_json_getl(truth, "newly_opened_v6_prefixes")
                              : gt_json_getl(truth, "newly_opened_v4_prefixes")));
    assert_true(gt_json_equal(ports_of(l, &opened, q, true),
                              gt_json_getl(truth, "newly_opened_ports")));
    assert_true(gt_json_equal(ports_of(l, &opened, q, false),
                              gt_json_getl(truth, "newly_opened_ports_any_address")));
    assert_int_equal(prefixes_at(l, &before, &q, true, q.v6)->count > 0,
                     gt_json_getl(truth, "before_already_open")->boolean);
    assert_int_equal(prefixes_at(l, &after, &q, true, q.v6)->count > 0,
                     gt_json_getl(truth, "after_open")->boolean);
    assert_int_equal(prefixes_at(l, &closed, &q, false, q.v6)->count > 0,
                     gt_json_getl(truth, "newly_closed")->boolean);
}

static void test_cases(void **state)
{
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/security-groups/exposure/cases.json", test_shared());
    TEST_NEEDS_SHARED(path);
    gt_str text = test_read_file(path);
    load l = {.arena = gt_arena_new((size_t)1 << 30)};
    gt_json *cases = load_parse(&l, text);
    for (gt_json *c = gt_json_first(gt_json_getl(cases, "cases")); c; c = c->next)
        check_case(&l, c);
    load_free(&l);
    free((char *)(uintptr_t)text.ptr);
}

/* --- brute force -------------------------------------------------------------------------------------- */

/* Protocols, ports and addresses that sit on both sides of every border the random rules can have. */
static const int protocols[] = {GT_SG_TCP, GT_SG_UDP, GT_SG_ICMP, GT_SG_ICMPV6, 50, 51, 255, 0};
static const int32_t ports[] = {0, 1, 21, 22, 23, 24, 25, 255, 256, 443, 65534, 65535};
static const char *const prefixes[] = {
    "0.0.0.0/0",   "0.0.0.0/1",      "128.0.0.0/1",  "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9",
    "10.0.0.1/32", "192.168.0.0/16", "224.0.0.0/3",  "::/0",       "::/1",       "8000::/1",
    "2001:db8::/32", "2001:db8::1/128", "fc00::/7",
};
static const char *const points[] = {
    "0.0.0.0",     "9.255.255.255", "10.0.0.0", "10.0.0.1", "10.0.0.2",   "10.127.255.255",
    "10.128.0.0",  "11.0.0.0",      "127.0.0.1", "128.0.0.0", "192.168.1.1", "224.0.0.0",
    "255.255.255.255", "::", "2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db9::", "8000::",
    "fc00::1", "fe00::",
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static gt_sg_rule random_rule(uint64_t *seed)
{
    gt_sg_rule r = {.content_known = true, .peer = GT_SG_PEER_CIDR};
    r.direction = load_random(seed) % 4 ? GT_SG_INGRESS : GT_SG_EGRESS;
    r.protocol = (int16_t)(load_random(seed) % 6 == 0 ? GT_SG_PROTOCOL_ALL
                                                      : protocols[load_random(seed) % COUNT(protocols)]);
    r.from_port = r.to_port = -1;
    if (r.protocol == GT_SG_TCP || r.protocol == GT_SG_UDP) {
        r.from_port = ports[load_random(seed) % COUNT(ports)];
        r.to_port = ports[load_random(seed) % COUNT(ports)];
        if (r.from_port > r.to_port) {
            int32_t swap = r.from_port;
            r.from_port = r.to_port;
            r.to_port = swap;
        }
    } else if ((r.protocol == GT_SG_ICMP || r.protocol == GT_SG_ICMPV6) && load_random(seed) % 3) {
        r.from_port = (int32_t)(load_random(seed) % 3);
        r.to_port = load_random(seed) % 2 ? -1 : (int32_t)(load_random(seed) % 3);
    }
    assert_true(gt_cidr_parse(gt_str_c(prefixes[load_random(seed) % COUNT(prefixes)]), &r.cidr));
    return r;
}

/* Does the rule admit this packet? port: for icmp the type, code beside it. */
static bool admits(const gt_sg_rule *r, gt_sg_direction d, int protocol, int32_t port, int32_t code,
                   const gt_ip *ip)
{
    if (r->direction != d || !gt_cidr_contains(&r->cidr, ip))
        return false;
    if (r->protocol == GT_SG_PROTOCOL_ALL)
        return true;
    if (r->protocol != protocol)
        return false;
    if (protocol == GT_SG_TCP || protocol == GT_SG_UDP)
        return r->from_port <= port && port <= r->to_port;
    if (protocol == GT_SG_ICMP || protocol == GT_SG_ICMPV6)
        return r->from_port == -1 ||
               (r->from_port == port && (r->to_port == -1 || r->to_port == code));
    return true;
}

static bool piece_admits(const gt_sg_piece *p, gt_sg_direction d, int protocol, int32_t port,
                         int32_t code, const gt_ip *ip)
{
    char text[8];
    bool icmp = protocol == GT_SG_ICMP || protocol == GT_SG_ICMPV6;
    bool named = icmp || protocol == GT_SG_TCP || protocol == GT_SG_UDP;
    if (p->direction != d || !gt_cidr_contains(&p->cidr, ip))
        return false;
    if (gt_str_is(p->protocol, "-1"))
        return true;
    if (!gt_str_eq(p->protocol, gt_sg_protocol_text(protocol, text)))
        return gt_str_is(p->protocol, "other") && !named;
    if (p->from_port < 0)
        return true;
    return icmp ? p->from_port == port && (p->to_port < 0 || p->to_port == code)
                : p->from_port <= port && port <= p->to_port;
}

static bool box_admits(const gt_sg_box *b, gt_sg_direction d, int protocol, int32_t port,
                       int32_t code, const gt_ip *ip)
{
    bool icmp = protocol == GT_SG_ICMP || protocol == GT_SG_ICMPV6;
    int32_t at = icmp ? port * 256 + code
                 : protocol == GT_SG_TCP || protocol == GT_SG_UDP ? port
                                                                  : 0;
    return b->direction == d && (b->protocols[protocol / 64] >> (protocol % 64) & 1) &&
           b->from <= at && at <= b->to && gt_cidr_contains(&b->cidr, ip);
}

/* One packet: in exactly one box, and in one piece, if some rule of a admits it and none of b does. Pieces
 * are asked about named protocols: `other` does not say which numbers it holds. */
static void check_point(const gt_sg_rule *a, size_t na, const gt_sg_rule *b, size_t nb,
                        const gt_sg_space *space, const gt_sg_pieces *pieces, gt_sg_direction d,
                        int protocol, int32_t port, const gt_ip *ip)
{
    int32_t code = port % 3;
    bool in_a = false, in_b = false;
    size_t boxes = 0, hits = 0;
    for (size_t k = 0; k < na; k++)
        in_a = in_a || admits(&a[k], d, protocol, port, code, ip);
    for (size_t k = 0; k < nb; k++)
        in_b = in_b || admits(&b[k], d, protocol, port, code, ip);
    for (size_t k = 0; k < space->count; k++)
        boxes += box_admits(&space->items[k], d, protocol, port, code, ip);
    assert_int_equal(boxes, in_a && !in_b);
    if (protocol != GT_SG_TCP && protocol != GT_SG_UDP && protocol != GT_SG_ICMP &&
        protocol != GT_SG_ICMPV6)
        return;
    for (size_t k = 0; k < pieces->count; k++)
        hits += piece_admits(&pieces->items[k], d, protocol, port, code, ip);
    assert_int_equal(hits, in_a && !in_b);
}

static void check_points(const gt_sg_rule *a, size_t na, const gt_sg_rule *b, size_t nb,
                         const gt_sg_space *space, const gt_sg_pieces *pieces)
{
    for (size_t p = 0; p < COUNT(protocols); p++)
        for (size_t n = 0; n < COUNT(ports); n++)
            for (size_t i = 0; i < COUNT(points); i++) {
                gt_ip ip;
                bool icmp = protocols[p] == GT_SG_ICMP || protocols[p] == GT_SG_ICMPV6;
                assert_true(gt_ip_parse(gt_str_c(points[i]), &ip));
                for (size_t d = GT_SG_INGRESS; d <= GT_SG_EGRESS && !(icmp && ports[n] > 255); d++)
                    check_point(a, na, b, nb, space, pieces, d, protocols[p], ports[n], &ip);
            }
}

static void test_brute_force(void **state)
{
    uint64_t seed = 2463534242u;
    (void)state;
    for (int round = 0; round < 250; round++) {
        gt_arena *arena = gt_arena_new((size_t)1 << 28);
        gt_sg_rule a[6], b[6];
        gt_sg_box base[6];
        size_t na = 1 + load_random(&seed) % 5, nb = load_random(&seed) % 6;
        gt_sg_space space = {0};
        gt_sg_pieces pieces = {0};
        for (size_t i = 0; i < nb; i++) {
            b[i] = random_rule(&seed);
            assert_true(gt_sg_box_of(&b[i], &base[i]));
        }
        for (size_t i = 0; i < na; i++) {
            gt_sg_box box;
            gt_sg_space fresh = {0};
            a[i] = random_rule(&seed);
            assert_true(gt_sg_box_of(&a[i], &box));
            assert_true(gt_sg_space_minus(arena, &box, base, nb, &fresh));
            for (size_t k = 0; k < fresh.count; k++)
                assert_true(gt_sg_space_add(arena, &space, &fresh.items[k]));
        }
        gt_sg_space_normalise(&space);
        for (size_t i = 0; i < space.count; i++)
            assert_true(gt_sg_pieces_of(arena, &space.items[i], &pieces));
        check_points(a, na, b, nb, &space, &pieces);
        gt_arena_free(arena);
    }
}

/* --- the internet ------------------------------------------------------------------------------------- */

static void test_internet(void **state)
{
    static const struct {
        const char *cidr;
        bool internet;
    } cases[] = {
        {"0.0.0.0/0", true},      {"0.0.0.0/8", false},    {"0.0.0.0/7", true},
        {"10.0.0.0/8", false},    {"10.1.2.3/32", false},  {"8.0.0.0/6", true},
        {"100.64.0.0/10", false}, {"100.0.0.0/8", true},   {"127.0.0.1/32", false},
        {"169.254.0.0/16", false}, {"172.16.0.0/12", false}, {"172.32.0.0/12", true},
        {"192.168.0.0/16", false}, {"192.168.0.0/15", true}, {"224.0.0.0/3", false},
        {"224.0.0.0/4", false},   {"240.0.0.0/4", false},  {"255.255.255.255/32", false},
        {"192.0.2.0/24", true},   {"::/0", true},          {"::1/128", false},
        {"::/128", true},         {"::/127", true},        {"fc00::/7", false},
        {"fd00::/8", false},      {"fe80::/10", false},    {"fec0::/10", true},
        {"ff00::/8", false},      {"f000::/4", true},      {"fe00::/7", true},
        {"2001:db8::/32", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        gt_cidr cidr;
        assert_true(gt_cidr_parse(gt_str_c(cases[i].cidr), &cidr));
        if (gt_sg_is_internet(&cidr) != cases[i].internet)
            print_error("%s\n", cases[i].cidr);
        assert_int_equal(gt_sg_is_internet(&cidr), cases[i].internet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_internet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
