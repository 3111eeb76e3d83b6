/* What is open now: directions, addresses, ports, services, what hangs on it, since when, until when. */
#include "investigate/internal.h"

static bool port_expected(const gt_expected *expected, const gt_reach *r)
{
    for (size_t i = 0; i < expected->port_count; i++) {
        const gt_expected_port *p = &expected->ports[i];
        if (!gt_str_eq_nocase(p->protocol, r->protocol) && !gt_str_is(p->protocol, "-1"))
            continue;
        bool ports = r->number == GT_SG_TCP || r->number == GT_SG_UDP;
        if (!ports || (r->from >= p->from && r->to <= p->to))
            return true;
    }
    return false;
}

static void expected_fact(gt_step *step, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    if (r->direction != GT_SG_INGRESS || !inv->expected->ports_given)
        return;
    gt_str ports = gt_reach_ports(inv, r);
    bool expected = port_expected(inv->expected, r);
    gt_json *fact = expected ? gt_fact_nothing(step, "ports_needed", "%.*s is among the ports the "
                                               "configuration says are needed", GT_STR_ARG(ports))
                             : gt_fact(step, "ports_needed", "%.*s goes beyond the ports the "
                                       "configuration says are needed", GT_STR_ARG(ports));
    gt_json_setl(fact, "expected", gt_json_new_bool(inv->arena, expected));
    gt_fact_proof(step, fact, inv->event->id);
    if (!expected && !inv->beyond_ports)
        gt_reason(inv, 10, inv->event->id, "%.*s is not among the ports that are needed",
                  GT_STR_ARG(ports));
    inv->beyond_ports |= !expected;
}

/* How much one part speaks for harm, and why. */
static int weight_of(const gt_reach *r, bool admin, size_t services, const char **ret_why)
{
    bool whole = r->whole_v4 || r->whole_v6;
    *ret_why = NULL;
    if (!r->internet)
        return 0;
    if (r->direction == GT_SG_EGRESS) {
        *ret_why = "may now be sent to the internet";
        return r->number < 0 ? 10 : 5;
    }
    if (!whole) {
        *ret_why = "is open to some internet addresses";
        return admin ? 10 : 5;
    }
    *ret_why = r->number < 0 ? "is open to the internet"
               : admin       ? "which gives a shell or a desktop, is open to the internet"
               : services    ? "a sensitive service, is open to the internet"
                             : "is open to the internet";
    return r->number < 0 ? 40 : admin ? 35 : services ? 25 : 10;
}

/* The worst part counts, once a direction: a change that is cut into many ranges is one change. A new
 * group's default egress, which AWS adds to every group, does not count. */
static void weigh(gt_inv *inv, const gt_group_view *view, const gt_reach *reach, size_t count,
                  gt_sg_direction direction)
{
    int most = 0;
    const char *why = NULL;
    const gt_reach *worst = NULL;
    for (size_t i = 0; i < count; i++) {
        const gt_reach *r = &reach[i];
        bool admin;
        size_t services;
        const char *words;
        if (r->direction != direction || view->step->operation == GT_SG_CREATE)
            continue;
        (void)gt_words_services(inv->arena, r->number == -2 ? -1 : r->number, r->from, r->to, &admin,
                                &services);
        int weight = weight_of(r, admin, services, &words);
        if (weight > most) {
            most = weight;
            why = words;
            worst = r;
        }
    }
    if (!worst)
        return;
    inv->opens_internet |= worst->direction == GT_SG_INGRESS;
    gt_reason(inv, most, inv->event->id, "%.*s of %.*s%s %s",
              GT_STR_ARG(gt_reach_ports(inv, worst)), GT_STR_ARG(view->id),
              most == 35 || most == 25 ? "," : "", why);
}

/* Half of the internet today, the other half tomorrow by somebody else: the step that made it whole. */
static gt_status completed_fact(gt_step *step, const gt_group_view *view, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    for (int v6 = 0; v6 <= 1; v6++) {
        bool mine = false;
        for (size_t i = 0; i < r->piece_count; i++)
            mine |= r->pieces[i]->internet && r->pieces[i]->cidr.net.v6 == (v6 == 1);
        if (!mine || (v6 ? r->whole_v6 : r->whole_v4))
            continue;
        const gt_sg_step *later;
        gt_reach part;
        GT_TRY(gt_reach_completed(inv, view, r, v6 == 1, &later, &part));
        if (!later)
            continue;
        gt_str ports = gt_reach_ports(inv, &part);
        gt_json *fact = gt_fact(step, "completed", "with what %.*s added at %.*s, the whole %s "
                                "internet can reach %.*s", GT_STR_ARG(later->change->actor.arn),
                                GT_STR_ARG(gt_time_words(inv, later->change->time)),
                                v6 ? "IPv6" : "IPv4", GT_STR_ARG(ports));
        gt_json_setl(fact, "by", gt_str_node(inv, later->change->actor.arn));
        gt_fact_proof(step, fact, later->change->event_id);
        gt_fact_proof(step, fact, inv->event->id);
        if (!inv->completed)
            gt_reason(inv, 25, later->change->event_id,
                      "together with a later change, %.*s is open to "
                      "the whole internet",
                      GT_STR_ARG(ports));
        inv->completed = true;
    }
    return GT_OK;
}

static void reach_facts(gt_step *step, const gt_group_view *view, const gt_reach *r)
{
    gt_inv *inv = step->inv;
    bool admin;
    size_t services;
    gt_str names = gt_words_services(inv->arena, r->number == -2 ? -1 : r->number, r->from, r->to,
                                     &admin, &services);
    gt_str ports = gt_reach_ports(inv, r), peers = gt_reach_peers(inv, r);
    const char *way = r->direction == GT_SG_EGRESS ? "egress" : "ingress";
    gt_json *fact = gt_fact(step, "reach", "%s: %.*s %s %.*s%s", way, GT_STR_ARG(ports),
                            r->direction == GT_SG_EGRESS ? "to" : "from", GT_STR_ARG(peers),
                            r->whole_v4 || r->whole_v6 ? " (in effect the whole internet)"
                            : r->internet              ? " (internet addresses)"
                                                       : " (private addresses)");
    gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
    gt_json_setl(fact, "direction", gt_json_new_str(inv->arena, gt_str_c(way)));
    gt_json_setl(fact, "internet", gt_json_new_bool(inv->arena, r->internet));
    gt_json_setl(fact, "whole_ipv4_internet", gt_json_new_bool(inv->arena, r->whole_v4));
    gt_json_setl(fact, "whole_ipv6_internet", gt_json_new_bool(inv->arena, r->whole_v6));
    gt_json_setl(fact, "opened", gt_reach_json(inv, r, 1));
    gt_fact_proof(step, fact, inv->event->id);
    if (r->direction == GT_SG_INGRESS && services && services <= 12) {
        fact = gt_fact(step, "services", "sensitive services inside: %.*s", GT_STR_ARG(names));
        gt_json_setl(fact, "admin", gt_json_new_bool(inv->arena, admin));
        gt_fact_proof(step, fact, inv->event->id);
    } else if (r->direction == GT_SG_INGRESS && services) {
        fact = gt_fact(step, "services", "every sensitive service is inside: %zu are known, SSH, "
                       "RDP and databases among them", services);
        gt_json_setl(fact, "admin", gt_json_new_bool(inv->arena, admin));
        gt_fact_proof(step, fact, inv->event->id);
    }
    expected_fact(step, r);
}

static gt_status attached_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    gt_sg_attached *attached;
    size_t count, shown = 0;
    GT_TRY(gt_sg_history_attached(inv->history, inv->arena, view->id, &attached, &count));
    for (size_t i = 0; i < count; i++) {
        const gt_sg_attached *a = &attached[i];
        if (a->to && a->to->time <= inv->event->time)
            continue;
        bool later = a->from && a->from->time > inv->event->time;
        gt_json *fact = gt_fact(step, "attached", "%.*s is on the %.*s %.*s%s%.*s%s",
                                GT_STR_ARG(view->id),
                                GT_STR_ARG(a->kind.len ? a->kind : GT_STR("resource")),
                                GT_STR_ARG(a->resource), later ? ", since " : "",
                                GT_STR_ARG(later ? gt_time_words(inv, a->from->time) : GT_STR("")),
                                a->to ? ", and was taken off later" : "");
        gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
        gt_json_setl(fact, "resource", gt_str_node(inv, a->resource));
        gt_json_setl(fact, "interface", gt_str_node(inv, a->interface));
        if (a->from)
            gt_fact_proof(step, fact, a->from->event_id);
        if (a->to)
            gt_fact_proof(step, fact, a->to->event_id);
        shown++;
    }
    if (shown && inv->opens_internet)
        gt_reason(inv, 5, inv->event->id, "the group is attached to something");
    if (!shown && view->timeline->group.baseline == GT_SG_PARTIAL)
        (void)gt_fact_no_data(step, "attached", "what %.*s is attached to is not in these logs",
                              GT_STR_ARG(view->id));
    else if (!shown)
        (void)gt_fact_nothing(step, "attached", "%.*s was not attached to anything that these logs "
                              "show", GT_STR_ARG(view->id));
    return GT_OK;
}

/* Windows that ended with the same step, of one family. */
static bool same_end(const gt_sg_window *a, const gt_sg_window *b)
{
    return a->closed == b->closed && a->known == b->known &&
           a->box.cidr.net.v6 == b->box.cidr.net.v6;
}

static void window_fact(gt_step *step, const gt_group_view *view, const gt_sg_window *w,
                        const gt_reach *r)
{
    gt_inv *inv = step->inv;
    gt_str ports = gt_reach_ports(inv, r), peers = gt_reach_peers(inv, r);
    const char *way = r->direction == GT_SG_EGRESS ? "egress" : "ingress";
    const char *of = r->direction == GT_SG_EGRESS ? "to" : "from";
    gt_json *fact;
    if (w->closed)
        fact = gt_fact(step, "window", "%s %.*s %s %.*s: open from %.*s to %.*s (%.*s), closed by "
                       "%.*s", way, GT_STR_ARG(ports), of, GT_STR_ARG(peers),
                       GT_STR_ARG(gt_time_words(inv, inv->event->time)),
                       GT_STR_ARG(gt_time_words(inv, w->closed->change->time)),
                       GT_STR_ARG(gt_span_words(inv, w->closed->change->time - inv->event->time)),
                       GT_STR_ARG(w->closed->change->actor.arn));
    else
        fact = gt_fact(step, "window", "%s %.*s %s %.*s: open since %.*s, still open at the end of "
                       "these logs (%.*s)", way, GT_STR_ARG(ports), of, GT_STR_ARG(peers),
                       GT_STR_ARG(gt_time_words(inv, inv->event->time)),
                       GT_STR_ARG(gt_time_words(inv, inv->evidence->stats.max_time)));
    gt_json_setl(fact, "group_id", gt_str_node(inv, view->id));
    gt_json_setl(fact, "still_open", gt_json_new_bool(inv->arena, !w->closed));
    gt_json_setl(fact, "known", gt_json_new_bool(inv->arena, w->known));
    gt_json_setl(fact, "opened", gt_reach_json(inv, r, 1));
    gt_fact_proof(step, fact, inv->event->id);
    if (w->closed)
        gt_fact_proof(step, fact, w->closed->change->event_id);
}

/* All windows that end like the first of them, as one fact a range of ports. */
static gt_status windows_ended(gt_step *step, const gt_group_view *view, const gt_sg_window **mine,
                               size_t count, size_t first)
{
    gt_inv *inv = step->inv;
    gt_sg_space space = {.items = gt_arena_array(inv->arena, gt_sg_box, count)};
    bool only = true; /* all of the family's windows ended alike: words may name the whole rule */
    if (!space.items)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < count; i++) {
        if (same_end(mine[i], mine[first]))
            space.items[space.count++] = mine[i]->box;
        else if (mine[i]->box.cidr.net.v6 == mine[first]->box.cidr.net.v6)
            only = false;
    }
    gt_reach *reach;
    size_t parts;
    GT_TRY(gt_reach_of_space(inv, &space, only ? view->step : NULL, &reach, &parts));
    for (size_t i = 0; i < parts; i++)
        window_fact(step, view, mine[first], &reach[i]);
    return GT_OK;
}

/* What is still open comes first. */
static gt_status window_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    gt_sg_window *windows;
    size_t count, mine = 0;
    GT_TRY(gt_sg_timeline_windows(inv->history, inv->arena, view->timeline, &windows, &count));
    const gt_sg_window **all = gt_arena_array(inv->arena, const gt_sg_window *, count + 1);
    if (!all)
        return gt_arena_status(inv->arena);
    for (int closed = 0; closed <= 1; closed++)
        for (size_t i = 0; i < count; i++)
            if (windows[i].opened == view->step && (windows[i].closed != NULL) == (closed == 1))
                all[mine++] = &windows[i];
    for (size_t i = 0; i < mine; i++) {
        size_t first = 0;
        while (!same_end(all[first], all[i]))
            first++;
        if (first == i)
            GT_TRY(windows_ended(step, view, all, mine, i));
    }
    return GT_OK;
}

/* Everything that the internet can reach after the event, whoever opened it. */
static gt_status open_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    size_t shown = 0;
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (v->rule.direction != GT_SG_INGRESS || v->rule.peer != GT_SG_PEER_CIDR ||
            !gt_version_after(v, view->step) || v->from == view->step ||
            !gt_sg_is_internet(&v->rule.cidr))
            continue;
        const gt_sg_change *by = v->introduced ? v->introduced->change : NULL;
        gt_json *fact = gt_fact(step, "also_open", "open besides: %.*s%s%.*s%s%.*s",
                                GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)),
                                by ? ", since " : "",
                                GT_STR_ARG(by ? gt_time_words(inv, by->time) : GT_STR("")),
                                by ? " by " : "", GT_STR_ARG(by ? by->actor.arn : GT_STR("")));
        gt_json_setl(fact, "rule", gt_sg_rule_json(inv->arena, &v->rule, view->id, GT_STR_NULL));
        gt_fact_proof(step, fact, by ? by->event_id : GT_STR_NULL);
        shown++;
    }
    if (!shown)
        (void)gt_fact_nothing(step, "also_open", "nothing else of %.*s is open to the internet%s",
                              GT_STR_ARG(view->id),
                              view->timeline->group.baseline == GT_SG_PARTIAL
                                  ? ", as far as these logs show"
                                  : "");
    return GT_OK;
}

static gt_status view_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    if (!view->timeline) {
        (void)gt_fact_no_data(step, "reach", "the logs hold no history of %.*s",
                              GT_STR_ARG(view->id));
        return GT_OK;
    }
    if (!view->step) {
        (void)gt_fact_nothing(step, "reach", "the event changed nothing about %.*s",
                              GT_STR_ARG(view->id));
        return GT_OK;
    }
    gt_reach *reach;
    size_t count;
    GT_TRY(gt_reach_of(inv, view, &view->effect.opened, &reach, &count));
    for (size_t i = 0; i < count; i++) {
        reach_facts(step, view, &reach[i]);
        GT_TRY(completed_fact(step, view, &reach[i]));
    }
    for (size_t i = 0; i < count && !inv->expected->ports_given; i++) {
        if (reach[i].direction != GT_SG_INGRESS)
            continue;
        (void)gt_fact_no_data(step, "ports_needed",
                              "the configuration does not say which ports are needed ([expected])");
        break;
    }
    weigh(inv, view, reach, count, GT_SG_INGRESS);
    weigh(inv, view, reach, count, GT_SG_EGRESS);
    if (!count)
        (void)gt_fact_nothing(step, "reach", "the event opened nothing%s",
                              view->effect.unknown ? " that is known" : "");
    GT_TRY(attached_facts(step, view));
    GT_TRY(window_facts(step, view));
    return open_facts(step, view);
}

gt_status gt_step_exposure(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "exposure",
                                 "What can be reached from where, through what, since when?");
    if (!inv->change)
        (void)gt_fact_nothing(&step, "reach", "the event is no change of security groups");
    else if (!inv->group_count)
        (void)gt_fact_no_data(&step, "reach", "the group is not known");
    for (size_t i = 0; i < inv->group_count; i++)
        GT_TRY(view_facts(&step, &inv->groups[i]));
    if (inv->opens_internet)
        (void)gt_fact_no_data(&step, "path",
                              "whether packets arrive also takes a public address, a route to an "
                              "internet gateway and the network ACLs, which these logs do not "
                              "hold as a whole");
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
