#include "base/limits.h"
#include "investigate/internal.h"

static int protocol_number(gt_str name)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {{"tcp", GT_SG_TCP},   {"udp", GT_SG_UDP}, {"icmp", GT_SG_ICMP},
                 {"icmpv6", GT_SG_ICMPV6}, {"-1", -1},     {"other", -2}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_eq(name, gt_str_c(names[i].name)))
            return names[i].number;
    int64_t n;
    return gt_str_to_i64(name, &n) ? (int)n : -2;
}

static bool same_ports(const gt_reach *r, const gt_sg_piece *p)
{
    return r->direction == p->direction && r->from == p->from_port && r->to == p->to_port &&
           gt_str_eq(r->protocol, p->protocol);
}

static gt_status group_pieces(gt_inv *inv, gt_sg_pieces *pieces, gt_reach **ret, size_t *ret_count)
{
    gt_reach *all = gt_arena_array(inv->arena, gt_reach, pieces->count ? pieces->count : 1);
    if (!all)
        return gt_arena_status(inv->arena);
    size_t count = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        gt_sg_piece *p = &pieces->items[i];
        size_t at = 0;
        while (at < count && !same_ports(&all[at], p))
            at++;
        gt_reach *r = &all[at];
        if (at == count) {
            *r = (gt_reach){.direction = p->direction, .protocol = p->protocol,
                            .number = protocol_number(p->protocol), .from = p->from_port,
                            .to = p->to_port};
            r->pieces = gt_arena_array(inv->arena, gt_sg_piece *, pieces->count);
            if (!r->pieces)
                return gt_arena_status(inv->arena);
            count++;
        }
        r->pieces[r->piece_count++] = p;
        r->internet |= p->internet;
    }
    *ret = all;
    *ret_count = count;
    return GT_OK;
}

static bool box_from(const gt_reach *r, bool v6, gt_sg_box *ret)
{
    if (r->number < -1)
        return false;
    gt_sg_rule rule = {.direction = r->direction, .peer = GT_SG_PEER_CIDR,
                       .protocol = (int16_t)r->number, .from_port = r->from, .to_port = r->to,
                       .content_known = true};
    rule.cidr.net.v6 = v6;
    return gt_sg_box_of(&rule, ret);
}

/* Is every internet address of the family inside the boxes, for these ports? */
static gt_status covers_internet(gt_inv *inv, const gt_reach *r, bool v6, const gt_sg_box *boxes,
                                 size_t count, bool *ret)
{
    gt_sg_box whole;
    *ret = false;
    if (!box_from(r, v6, &whole))
        return GT_OK;
    gt_sg_space left = {0};
    if (!gt_sg_space_minus(inv->arena, &whole, boxes, count, &left))
        return gt_arena_status(inv->arena);
    *ret = true;
    for (size_t i = 0; i < left.count; i++)
        if (gt_sg_is_internet(&left.items[i].cidr))
            *ret = false;
    return GT_OK;
}

/* The boxes of the rules in force after a step. */
static gt_status state_after(gt_inv *inv, const gt_sg_timeline *t, const gt_sg_step *step,
                             gt_sg_box **ret, size_t *ret_count)
{
    size_t boxes = 0;
    gt_sg_box *state = gt_arena_array(inv->arena, gt_sg_box, t->version_count + 1);
    if (!state)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < t->version_count; i++)
        if (gt_version_after(t->versions[i], step) &&
            gt_sg_box_of(&t->versions[i]->rule, &state[boxes]))
            boxes++;
    *ret = state;
    *ret_count = boxes;
    return GT_OK;
}

/* The boxes of the rules that the step itself added. */
static gt_status state_added(gt_inv *inv, const gt_sg_step *step, gt_sg_box **ret, size_t *ret_count)
{
    size_t count = 0, boxes = 0;
    for (const gt_sg_version *v = step->added; v; v = v->next_added)
        count++;
    gt_sg_box *added = gt_arena_array(inv->arena, gt_sg_box, count + 1);
    if (!added)
        return gt_arena_status(inv->arena);
    for (const gt_sg_version *v = step->added; v; v = v->next_added)
        if (gt_sg_box_of(&v->rule, &added[boxes]))
            boxes++;
    *ret = added;
    *ret_count = boxes;
    return GT_OK;
}

static gt_status judge_whole(gt_inv *inv, const gt_group_view *view, gt_reach *reach, size_t count)
{
    gt_sg_box *state = NULL, *added = NULL;
    size_t boxes = 0, own = 0;
    GT_TRY(state_after(inv, view->timeline, view->step, &state, &boxes));
    GT_TRY(state_added(inv, view->step, &added, &own));
    for (size_t i = 0; i < count; i++) {
        gt_reach *r = &reach[i];
        r->step = view->step;
        GT_TRY(covers_internet(inv, r, false, state, boxes, &r->whole_v4));
        GT_TRY(covers_internet(inv, r, true, state, boxes, &r->whole_v6));
        GT_TRY(covers_internet(inv, r, false, added, own, &r->alone_v4));
        GT_TRY(covers_internet(inv, r, true, added, own, &r->alone_v6));
    }
    return GT_OK;
}

/* For what was closed: did all of the internet go with it? */
static gt_status judge_closed(gt_inv *inv, const gt_sg_space *space, gt_reach *reach, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gt_reach *r = &reach[i];
        GT_TRY(covers_internet(inv, r, false, space->items, space->count, &r->alone_v4));
        GT_TRY(covers_internet(inv, r, true, space->items, space->count, &r->alone_v6));
    }
    return GT_OK;
}

/* Is a rule that the view's step added still in force after `step`? */
static bool still_there(const gt_group_view *view, const gt_reach *r, const gt_sg_step *step)
{
    for (const gt_sg_version *v = view->step->added; v; v = v->next_added)
        if (gt_version_after(v, step) && gt_reach_meets(r, &v->rule))
            return true;
    return false;
}

/* Do the rules in force after `step` let all internet addresses of the family in, for ports of r
 * that one of the rules it added is for? */
static gt_status completes(gt_inv *inv, const gt_group_view *view, const gt_reach *r, bool v6,
                           const gt_sg_step *step, gt_reach *ret_part, bool *ret)
{
    gt_sg_box *state = NULL;
    size_t boxes = 0;
    *ret = false;
    for (const gt_sg_version *v = step->added; v && !*ret; v = v->next_added) {
        if (!gt_reach_meets(r, &v->rule))
            continue;
        if (!state)
            GT_TRY(state_after(inv, view->timeline, step, &state, &boxes));
        GT_TRY(covers_internet(inv, r, v6, state, boxes, ret));
        *ret_part = *r;
        if (*ret)
            return GT_OK;
        GT_TRY(gt_reach_within(inv, r, &v->rule, ret_part));
        GT_TRY(covers_internet(inv, ret_part, v6, state, boxes, ret));
    }
    return GT_OK;
}

gt_status gt_reach_completed(gt_inv *inv, const gt_group_view *view, const gt_reach *r, bool v6,
                             const gt_sg_step **ret, gt_reach *ret_part)
{
    *ret = NULL;
    for (size_t i = view->step->index + 1; i < view->timeline->step_count; i++) {
        const gt_sg_step *step = view->timeline->steps[i];
        bool whole;
        if (!still_there(view, r, step))
            return GT_OK;
        gt_arena_mark mark = gt_arena_save(inv->arena);
        GT_TRY(completes(inv, view, r, v6, step, ret_part, &whole));
        if (whole) {
            *ret = step;
            return GT_OK;
        }
        gt_arena_rewind(inv->arena, mark);
    }
    return GT_OK;
}

static bool is_whole(const gt_reach *r)
{
    bool v4 = false, v6 = false;
    for (size_t i = 0; i < r->piece_count; i++)
        *(r->pieces[i]->cidr.net.v6 ? &v6 : &v4) |= r->pieces[i]->internet;
    return (!v4 || r->whole_v4) && (!v6 || r->whole_v6);
}

/* What was opened, with the ports told apart that it completed the internet for. */
static gt_status split(gt_inv *inv, const gt_group_view *view, gt_reach **all, size_t *ret_count)
{
    gt_reach *out = NULL;
    size_t count = 0, cap = 0;
    for (size_t i = 0; i < *ret_count; i++) {
        gt_reach *r = &(*all)[i], *parts = NULL;
        size_t n = 0;
        bool ports = r->number == GT_SG_TCP || r->number == GT_SG_UDP;
        if (r->internet && ports && !is_whole(r))
            GT_TRY(gt_reach_by_ports(inv, view, r, judge_whole, &parts, &n));
        else if (r->internet && r->number == -1 && !is_whole(r))
            GT_TRY(gt_reach_named_ports(inv, view, r, judge_whole, &parts, &n));
        if (count + n + 1 > cap) {
            size_t more = 2 * (count + n + 1);
            out = gt_arena_grow(inv->arena, out, cap * sizeof *out, more * sizeof *out);
            if (!out)
                return gt_arena_status(inv->arena);
            cap = more;
        }
        if (!n || !ports)
            out[count++] = *r;
        for (size_t j = 0; j < n; j++)
            out[count++] = parts[j];
    }
    if (out)
        *all = out;
    *ret_count = count;
    return GT_OK;
}

gt_status gt_reach_of(gt_inv *inv, const gt_group_view *view, const gt_sg_space *space,
                      gt_reach **ret, size_t *ret_count)
{
    gt_sg_pieces *pieces = gt_arena_new_of(inv->arena, gt_sg_pieces);
    if (!pieces)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < space->count; i++)
        if (!gt_sg_pieces_of(inv->arena, &space->items[i], pieces))
            return gt_arena_status(inv->arena);
    GT_TRY(group_pieces(inv, pieces, ret, ret_count));
    if (!view->timeline || !view->step)
        return GT_OK;
    if (space == &view->effect.closed)
        return judge_closed(inv, space, *ret, *ret_count);
    GT_TRY(judge_whole(inv, view, *ret, *ret_count));
    return split(inv, view, ret, ret_count);
}

gt_status gt_reach_of_space(gt_inv *inv, const gt_sg_space *space, const gt_sg_step *around,
                            gt_reach **ret, size_t *ret_count)
{
    gt_sg_pieces pieces = {0};
    for (size_t i = 0; i < space->count; i++)
        if (!gt_sg_pieces_of(inv->arena, &space->items[i], &pieces))
            return gt_arena_status(inv->arena);
    GT_TRY(group_pieces(inv, &pieces, ret, ret_count));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i].step = around;
    return judge_closed(inv, space, *ret, *ret_count);
}

gt_str gt_reach_ports(gt_inv *inv, const gt_reach *r)
{
    if (r->number == -2)
        return GT_STR("all other protocols");
    return gt_words_ports(inv->arena, r->number, r->from, r->to);
}

static void add_part(gt_buf *out, gt_str part)
{
    if (out->len)
        gt_buf_lit(out, ", ");
    gt_buf_add(out, part);
}

/* When many ranges are what is left of one rule's range, the rule's range says it shorter. */
static const gt_sg_rule *rule_around(const gt_reach *r, bool v6)
{
    enum { FEW = 4 };
    const gt_sg_version *v = r->step ? r->step->added : NULL;
    for (; v; v = v->next_added) {
        size_t inside = 0, all = 0;
        if (v->rule.peer != GT_SG_PEER_CIDR || v->rule.cidr.net.v6 != v6 ||
            !gt_reach_meets(r, &v->rule))
            continue;
        for (size_t i = 0; i < r->piece_count; i++) {
            const gt_cidr *c = &r->pieces[i]->cidr;
            if (c->net.v6 != v6)
                continue;
            all++;
            inside += c->len >= v->rule.cidr.len && gt_cidr_contains(&v->rule.cidr, &c->net);
        }
        if (all > FEW && inside == all)
            return &v->rule;
    }
    return NULL;
}

static bool add_rule_around(gt_buf *out, const gt_reach *r, bool v6)
{
    const gt_sg_rule *rule = rule_around(r, v6);
    char text[GT_IP_TEXT_MAX];
    if (!rule)
        return false;
    add_part(out, gt_cidr_format(&rule->cidr, text));
    gt_buf_lit(out, " (but for what was open already)");
    return true;
}

gt_str gt_reach_peers(gt_inv *inv, const gt_reach *r)
{
    enum { SHOWN = 8 };
    gt_buf out = GT_BUF(GT_MIB);
    size_t shown = 0, left = 0;
    bool v4 = false, v6 = false;
    for (size_t i = 0; i < r->piece_count; i++)
        *(r->pieces[i]->cidr.net.v6 ? &v6 : &v4) |= r->pieces[i]->internet;
    v4 = v4 && r->alone_v4;
    v6 = v6 && r->alone_v6;
    if (v4)
        add_part(&out, GT_STR("the whole IPv4 internet"));
    if (v6)
        add_part(&out, GT_STR("the whole IPv6 internet"));
    v4 = v4 || add_rule_around(&out, r, false);
    v6 = v6 || add_rule_around(&out, r, true);
    for (size_t i = 0; i < r->piece_count; i++) {
        const gt_sg_piece *p = r->pieces[i];
        if (p->cidr.net.v6 ? v6 : v4)
            continue;
        if (++shown > SHOWN) {
            left++;
            continue;
        }
        char text[GT_IP_TEXT_MAX];
        add_part(&out, gt_cidr_format(&p->cidr, text));
    }
    if (left)
        gt_buf_printf(&out, " and %zu more ranges", left);
    gt_str text = gt_arena_dup(inv->arena, gt_buf_str(&out));
    gt_buf_done(&out);
    return text.ptr ? text : GT_STR("");
}

bool gt_reach_meets(const gt_reach *r, const gt_sg_rule *rule)
{
    if (!rule->content_known || rule->direction != r->direction)
        return false;
    if (rule->protocol == GT_SG_PROTOCOL_ALL || r->number < 0)
        return true;
    if (rule->protocol != r->number)
        return false;
    bool ports = r->number == GT_SG_TCP || r->number == GT_SG_UDP;
    return !ports || (rule->from_port <= r->to && rule->to_port >= r->from);
}

gt_json *gt_reach_json(gt_inv *inv, const gt_reach *reach, size_t count)
{
    gt_json *array = gt_json_new_array(inv->arena);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < reach[i].piece_count; j++)
            gt_json_append(array, gt_sg_piece_json(inv->arena, reach[i].pieces[j]));
    return array;
}
