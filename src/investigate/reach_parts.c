/* Parts of what was opened. A change may complete the internet for some of its ports only: tcp/5432
 * had its other half open, of the 5400-5500 that are opened now. Those ports are told apart. */
#include "investigate/internal.h"

#include <stdlib.h>

/* More port ranges than this in one group tell nobody anything. */
enum { CUTS_MAX = 128 };

static bool has_ports(int number)
{
    return number == GT_SG_TCP || number == GT_SG_UDP;
}

/* The part of r with this protocol and these ports. */
static gt_status part_of(gt_inv *inv, const gt_reach *r, int number, int32_t from, int32_t to,
                         gt_reach *ret)
{
    *ret = *r;
    ret->number = number;
    if (number != r->number)
        ret->protocol = number == GT_SG_TCP ? GT_STR("tcp") : GT_STR("udp");
    ret->from = from;
    ret->to = to;
    ret->pieces = gt_arena_array(inv->arena, gt_sg_piece *, r->piece_count);
    gt_sg_piece *pieces = gt_arena_array(inv->arena, gt_sg_piece, r->piece_count);
    if (!ret->pieces || !pieces)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < r->piece_count; i++) {
        pieces[i] = *r->pieces[i];
        pieces[i].protocol = ret->protocol;
        pieces[i].from_port = from;
        pieces[i].to_port = to;
        ret->pieces[i] = &pieces[i];
    }
    return GT_OK;
}

gt_status gt_reach_within(gt_inv *inv, const gt_reach *r, const gt_sg_rule *rule, gt_reach *ret)
{
    *ret = *r;
    if (!has_ports(rule->protocol) || (r->number != -1 && r->number != rule->protocol))
        return GT_OK;
    int32_t from = rule->from_port, to = rule->to_port;
    if (has_ports(r->number)) {
        from = from > r->from ? from : r->from;
        to = to < r->to ? to : r->to;
    }
    return from <= to ? part_of(inv, r, rule->protocol, from, to, ret) : GT_OK;
}

static int compare_ports(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* Where a rule in force begins or ends between the ports of r, sorted, r->from first. */
static size_t cuts_of(const gt_group_view *view, const gt_reach *r, int32_t *cuts)
{
    size_t count = 0, kept = 1;
    cuts[count++] = r->from;
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!gt_version_after(v, view->step) || v->rule.protocol != r->number ||
            !gt_reach_meets(r, &v->rule))
            continue;
        if (count + 2 > CUTS_MAX)
            return 1;
        if (v->rule.from_port > r->from)
            cuts[count++] = v->rule.from_port;
        if (v->rule.to_port < r->to)
            cuts[count++] = v->rule.to_port + 1;
    }
    qsort(cuts, count, sizeof *cuts, compare_ports);
    for (size_t i = 1; i < count; i++)
        if (cuts[i] != cuts[kept - 1])
            cuts[kept++] = cuts[i];
    return kept;
}

static bool same_judgement(const gt_reach *a, const gt_reach *b)
{
    return a->whole_v4 == b->whole_v4 && a->whole_v6 == b->whole_v6 && a->alone_v4 == b->alone_v4 &&
           a->alone_v6 == b->alone_v6;
}

gt_status gt_reach_by_ports(gt_inv *inv, const gt_group_view *view, const gt_reach *r,
                            gt_reach_judge judge, gt_reach **ret, size_t *ret_count)
{
    int32_t cuts[CUTS_MAX];
    size_t count = cuts_of(view, r, cuts), parts = 0;
    gt_reach *all = gt_arena_array(inv->arena, gt_reach, count);
    if (!all)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < count; i++) {
        gt_reach part;
        int32_t to = i + 1 < count ? cuts[i + 1] - 1 : r->to;
        GT_TRY(part_of(inv, r, r->number, cuts[i], to, &part));
        GT_TRY(judge(inv, view, &part, 1));
        if (parts && same_judgement(&all[parts - 1], &part))
            GT_TRY(part_of(inv, &part, r->number, all[parts - 1].from, to, &all[parts - 1]));
        else
            all[parts++] = part;
    }
    *ret = all;
    *ret_count = parts;
    return GT_OK;
}

gt_status gt_reach_named_ports(gt_inv *inv, const gt_group_view *view, const gt_reach *r,
                               gt_reach_judge judge, gt_reach **ret, size_t *ret_count)
{
    size_t parts = 0;
    gt_reach *all = gt_arena_array(inv->arena, gt_reach, CUTS_MAX);
    if (!all)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < view->timeline->version_count && parts < CUTS_MAX; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (!gt_version_after(v, view->step) || v->from == view->step ||
            !has_ports(v->rule.protocol) || !gt_reach_meets(r, &v->rule))
            continue;
        gt_reach part;
        bool known = false;
        GT_TRY(gt_reach_within(inv, r, &v->rule, &part));
        GT_TRY(judge(inv, view, &part, 1));
        for (size_t j = 0; j < parts; j++)
            known |= all[j].number == part.number && all[j].from == part.from &&
                     all[j].to == part.to;
        if (!known && !same_judgement(r, &part) && (part.whole_v4 || part.whole_v6))
            all[parts++] = part;
    }
    *ret = all;
    *ret_count = parts;
    return GT_OK;
}
