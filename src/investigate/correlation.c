/* What else happened around it: the group, the keys, the address, the network, the logs themselves. */
#include <stdlib.h>

#include "base/limits.h"
#include "investigate/internal.h"

static gt_event *event_of(const gt_inv *inv, gt_str id)
{
    for (size_t i = 0; i < inv->sg_events.count; i++)
        if (gt_str_eq(inv->sg_events.items[i]->id, id))
            return inv->sg_events.items[i];
    return NULL;
}

static gt_str step_words(gt_inv *inv, const gt_sg_step *s)
{
    gt_buf out = GT_BUF(64 * GT_KIB);
    size_t n = 0;
    for (const gt_sg_version *v = s->added; v; v = v->next_added)
        if (n++ < 6)
            gt_buf_printf(&out, "%s+ %.*s", out.len ? "; " : "",
                          GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)));
    for (const gt_sg_version *v = s->removed; v; v = v->next_removed)
        if (n++ < 6)
            gt_buf_printf(&out, "%s- %.*s", out.len ? "; " : "",
                          GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)));
    if (n > 6)
        gt_buf_printf(&out, "; %zu more rules", n - 6);
    if (!n)
        gt_buf_printf(&out, "%s %.*s", gt_sg_operation_text(s->operation), GT_STR_ARG(s->resource));
    gt_str text = gt_arena_dup(inv->arena, gt_buf_str(&out));
    gt_buf_done(&out);
    return text.ptr ? text : GT_STR("");
}

static void group_facts(gt_step *step, const gt_group_view *view)
{
    enum { SHOWN = 40 };
    gt_inv *inv = step->inv;
    size_t others = 0;
    for (size_t i = 0; view->timeline && i < view->timeline->step_count; i++) {
        const gt_sg_step *s = view->timeline->steps[i];
        const gt_event *e = event_of(inv, s->change->event_id);
        bool near = s->change->time >= inv->from && s->change->time < inv->until;
        if (!s->effective || !near)
            continue;
        gt_str words = step_words(inv, s);
        if (e)
            gt_timeline_add(inv, e, s == view->step ? "event" : "change", "%.*s: %.*s",
                            GT_STR_ARG(view->id), GT_STR_ARG(words));
        if (s == view->step || ++others > SHOWN)
            continue;
        gt_json *fact = gt_fact(step, "group_change", "%.*s %s: %.*s by %.*s: %.*s",
                                GT_STR_ARG(view->id),
                                s->index < (view->step ? view->step->index : 0) ? "before" : "after",
                                GT_STR_ARG(s->change->event_name),
                                GT_STR_ARG(s->change->actor.arn.len ? s->change->actor.arn
                                                                    : s->change->actor.invoked_by),
                                GT_STR_ARG(words));
        gt_json_setl(fact, "time", gt_str_node(inv, gt_time_words(inv, s->change->time)));
        gt_json_setl(fact, "actor", gt_str_node(inv, s->change->actor.arn));
        gt_fact_proof(step, fact, s->change->event_id);
    }
    if (others > SHOWN)
        (void)gt_fact(step, "group_change", "%zu more changes of %.*s: see 'gatetrail sg log %.*s'",
                      others - SHOWN, GT_STR_ARG(view->id), GT_STR_ARG(view->id));
    if (!others)
        (void)gt_fact_nothing(step, "group_change", "no other change of %.*s within the window",
                              GT_STR_ARG(view->id));
}

/* --- undone since? -------------------------------------------------------------------------------- */

static const gt_sg_version *readded(const gt_group_view *view, const gt_sg_version *gone)
{
    for (size_t i = 0; i < view->timeline->version_count; i++) {
        const gt_sg_version *v = view->timeline->versions[i];
        if (v != gone && v->from && v->from->index > view->step->index && v->rule.content_known &&
            gone->rule.content_known && gt_sg_rule_same(&v->rule, &gone->rule))
            return v;
    }
    return NULL;
}

static void undone_fact(gt_step *step, const gt_sg_version *v, const char *what,
                        const gt_sg_step *by)
{
    gt_inv *inv = step->inv;
    gt_str arn = by->change->actor.arn;
    bool self = gt_str_eq(arn, inv->event->arn);
    gt_json *fact = gt_fact(step, "undone", "%s: %.*s %.*s after, by %.*s%s", what,
                            GT_STR_ARG(gt_words_rule(inv->arena, &v->rule)),
                            GT_STR_ARG(gt_span_words(inv, by->change->time - inv->event->time)),
                            GT_STR_ARG(arn.len ? arn : by->change->actor.invoked_by),
                            self ? " (the same actor)" : "");
    gt_json_setl(fact, "by", gt_str_node(inv, arn));
    gt_json_setl(fact, "time", gt_str_node(inv, gt_time_words(inv, by->change->time)));
    gt_fact_proof(step, fact, by->change->event_id);
    gt_fact_proof(step, fact, inv->event->id);
}

static void undone_facts(gt_step *step, const gt_group_view *view)
{
    gt_inv *inv = step->inv;
    if (!view->timeline || !view->step)
        return;
    size_t parts = 0, undone = 0;
    const gt_sg_step *by = NULL;
    for (const gt_sg_version *v = view->step->added; v; v = v->next_added, parts++)
        if (v->to) {
            undone++;
            by = v->to;
            undone_fact(step, v, "what was added was taken away again", by);
        }
    for (const gt_sg_version *v = view->step->removed; v; v = v->next_removed, parts++) {
        const gt_sg_version *back = readded(view, v);
        if (back) {
            undone++;
            by = back->from;
            undone_fact(step, v, "what was removed was added again", by);
        }
    }
    if (parts && !undone)
        (void)gt_fact_nothing(step, "undone", "nobody has undone the change of %.*s up to the end "
                              "of these logs (%.*s)", GT_STR_ARG(view->id),
                              GT_STR_ARG(gt_time_words(inv, inv->evidence->stats.max_time)));
    if (undone && undone < parts) {
        gt_json *fact = gt_fact(step, "undone",
                                "undone in part only: %zu of the %zu rules it changed "
                                "are as it left them",
                                parts - undone, parts);
        gt_fact_proof(step, fact, inv->event->id);
    }
    if (parts && undone == parts) {
        inv->undone = true;
        inv->undone_by = by->change->event_id;
    }
}

/* --- the same keys --------------------------------------------------------------------------------- */

typedef struct call_count {
    gt_str name;
    size_t count;
    gt_str first_id;
} call_count;

static int by_count(const void *a, const void *b)
{
    const call_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return gt_str_cmp(x->name, y->name);
}

static void key_facts(gt_step *step)
{
    enum { KINDS = 512, SHOWN = 12 };
    gt_inv *inv = step->inv;
    const gt_event_list *list = &inv->chain.events;
    call_count *calls = gt_arena_array(inv->arena, call_count, KINDS);
    size_t kinds = 0, others = 0, writes = 0, uncounted = 0;
    for (size_t i = 0; calls && i < list->count; i++) {
        const gt_event *e = list->items[i];
        if (gt_str_eq(e->id, inv->event->id))
            continue;
        others++;
        writes += !gt_event_reads_only(e);
        size_t at = 0;
        while (at < kinds && !gt_str_eq(calls[at].name, e->name))
            at++;
        if (at == KINDS) {
            uncounted++;
            continue;
        }
        if (at == kinds)
            calls[kinds++] = (call_count){e->name, 0, e->id};
        calls[at].count++;
    }
    const char *who = inv->chain.by_key ? "the same keys, and those they gave out," : "the same identity";
    if (!others) {
        (void)gt_fact_nothing(step, "same_keys", "%s made no other call within the window", who);
        return;
    }
    qsort(calls, kinds, sizeof *calls, by_count);
    gt_buf text = GT_BUF(64 * GT_KIB);
    gt_json *counts = gt_json_new_object(inv->arena);
    for (size_t i = 0; i < kinds; i++) {
        if (i < SHOWN)
            gt_buf_printf(&text, "%s%.*s (%zu)", i ? ", " : "", GT_STR_ARG(calls[i].name),
                          calls[i].count);
        gt_json_set(counts, calls[i].name, gt_json_new_i64(inv->arena, (int64_t)calls[i].count));
    }
    if (kinds > SHOWN)
        gt_buf_printf(&text, ", and %zu more kinds of calls", kinds - SHOWN + (uncounted > 0));
    gt_json *fact = gt_fact(step, "same_keys", "%s made %zu other call%s within the window, %zu of "
                            "them may change something: %.*s", who, others, others == 1 ? "" : "s",
                            writes, GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
    gt_json_setl(fact, "calls", counts);
    for (size_t i = 0; i < kinds && i < SHOWN; i++)
        gt_fact_proof(step, fact, calls[i].first_id);
}

/* --- the same address -------------------------------------------------------------------------------- */

typedef struct neighbours {
    gt_inv *inv;
    gt_seen_list actors;
    size_t calls;
} neighbours;

static gt_status take_neighbour(void *user, const gt_event *event)
{
    neighbours *n = user;
    gt_arena *arena = n->inv->arena;
    if (!gt_str_eq(event->address, n->inv->event->address) || gt_chain_has(&n->inv->chain, event) ||
        gt_str_eq(event->id, n->inv->event->id))
        return GT_OK;
    gt_str actor = gt_event_actor(event);
    n->calls++;
    for (size_t i = 0; i < n->actors.count; i++)
        if (gt_str_eq(n->actors.items[i].value, actor)) {
            n->actors.items[i].count++;
            return GT_OK;
        }
    if (n->actors.count == n->actors.cap) {
        size_t cap = n->actors.cap ? n->actors.cap * 2 : 16;
        gt_seen *items = gt_arena_grow(arena, n->actors.items, n->actors.cap * sizeof *items,
                                       cap * sizeof *items);
        if (!items)
            return gt_arena_status(arena);
        n->actors.items = items;
        n->actors.cap = cap;
    }
    n->actors.items[n->actors.count++] =
        (gt_seen){.value = gt_arena_dup(arena, actor), .first = event->time, .last = event->time,
                  .first_id = gt_arena_dup(arena, event->id), .count = 1};
    return gt_arena_status(arena);
}

static gt_status address_facts(gt_step *step)
{
    enum { SHOWN = 10 };
    gt_inv *inv = step->inv;
    gt_ip ip;
    if (!gt_ip_parse(inv->event->address, &ip)) {
        (void)gt_fact_no_data(step, "same_address", "the record holds no IP address to look for");
        return GT_OK;
    }
    neighbours n = {.inv = inv};
    GT_TRY(gt_evidence_each(inv->evidence, &inv->event->address, 1, inv->from, inv->until,
                            take_neighbour, &n));
    if (!n.calls) {
        (void)gt_fact_nothing(step, "same_address", "nobody else called from %.*s within the window",
                              GT_STR_ARG(inv->event->address));
        return GT_OK;
    }
    for (size_t i = 0; i < n.actors.count && i < SHOWN; i++) {
        const gt_seen *a = &n.actors.items[i];
        gt_json *fact = gt_fact(step, "same_address", "from the same address, with other keys: %.*s, "
                                "%llu call%s", GT_STR_ARG(a->value), (unsigned long long)a->count,
                                a->count == 1 ? "" : "s");
        gt_json_setl(fact, "actor", gt_str_node(inv, a->value));
        gt_fact_proof(step, fact, a->first_id);
    }
    if (n.actors.count > SHOWN)
        (void)gt_fact(step, "same_address", "%zu more identities from the same address",
                      n.actors.count - SHOWN);
    return GT_OK;
}

/* --- notable calls of anybody in the account --------------------------------------------------------- */

typedef struct notable_calls {
    gt_step *step;
    gt_notable_kind kind;
    const char *word;
    size_t by_chain, by_others, shown;
    gt_str first_chain, first_other; /* event ids */
} notable_calls;

static gt_status take_notable(void *user, const gt_event *event)
{
    enum { SHOWN = 30 };
    notable_calls *c = user;
    gt_inv *inv = c->step->inv;
    const gt_notable *n = gt_notable_of(event->name);
    bool same_account = gt_str_eq(event->account, inv->event->account);
    bool chain = gt_chain_has(&inv->chain, event);
    if (!n || n->kind != c->kind || event->error.len || gt_str_eq(event->id, inv->event->id) ||
        (!same_account && !chain))
        return GT_OK;
    *(chain ? &c->by_chain : &c->by_others) += 1;
    if (!chain && ++c->shown > SHOWN)
        return GT_OK;
    gt_event *kept;
    GT_TRY(gt_event_keep(inv->arena, event, &kept));
    gt_str *first = chain ? &c->first_chain : &c->first_other;
    if (!first->len)
        *first = kept->id;
    gt_str target = gt_event_target(inv->arena, kept);
    gt_json *fact = gt_fact(c->step, c->word, "%.*s %s%s%.*s (%.*s at %.*s)%s",
                            GT_STR_ARG(gt_words_actor(inv->arena, kept)), n->words,
                            target.len ? ": " : "", GT_STR_ARG(target), GT_STR_ARG(kept->name),
                            GT_STR_ARG(gt_time_words(inv, kept->time)),
                            chain ? ", with the same keys" : "");
    gt_json_setl(fact, "action", gt_str_node(inv, kept->name));
    gt_json_setl(fact, "actor", gt_str_node(inv, gt_event_actor(kept)));
    gt_json_setl(fact, "same_keys", gt_json_new_bool(inv->arena, chain));
    gt_fact_proof(c->step, fact, kept->id);
    if (chain || c->kind == GT_NOTABLE_LOGGING)
        gt_timeline_add(inv, kept, c->word, "%.*s %s%s%.*s",
                        GT_STR_ARG(gt_words_actor(inv->arena, kept)), n->words,
                        target.len ? ": " : "", GT_STR_ARG(target));
    return GT_OK;
}

static gt_status notable_facts(gt_step *step, gt_notable_kind kind, const char *word,
                               const char *nothing, notable_calls *ret)
{
    gt_inv *inv = step->inv;
    gt_str *names = gt_arena_array(inv->arena, gt_str, gt_notables_count);
    size_t count = 0;
    if (!names)
        return gt_arena_status(inv->arena);
    for (size_t i = 0; i < gt_notables_count; i++)
        if (gt_notables[i].kind == kind)
            names[count++] = gt_str_c(gt_notables[i].name);
    *ret = (notable_calls){.step = step, .kind = kind, .word = word};
    GT_TRY(gt_evidence_each(inv->evidence, names, count, inv->from, inv->until, take_notable, ret));
    if (!ret->by_chain && !ret->by_others)
        (void)gt_fact_nothing(step, word, "%s", nothing);
    size_t others = ret->by_others > 30 ? ret->by_others - 30 : 0;
    if (others)
        (void)gt_fact(step, word, "%zu more of this kind by other identities", others);
    return GT_OK;
}

gt_status gt_step_correlation(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "correlation",
                                 "What else happened around it, and has it been undone?");
    for (size_t i = 0; i < inv->group_count; i++) {
        group_facts(&step, &inv->groups[i]);
        undone_facts(&step, &inv->groups[i]);
    }
    gt_timeline_add(inv, inv->event, "event", "%.*s by %.*s", GT_STR_ARG(inv->event->name),
                    GT_STR_ARG(gt_words_actor(inv->arena, inv->event)));
    key_facts(&step);
    GT_TRY(address_facts(&step));
    notable_calls calls;
    GT_TRY(notable_facts(&step, GT_NOTABLE_NETWORK, "network",
                         "no change of interfaces, routes, gateways, ACLs or peerings in the account "
                         "within the window", &calls));
    if (calls.by_chain && inv->opens_internet)
        gt_reason(inv, 5, calls.first_chain, "the network was changed with the same keys");
    GT_TRY(notable_facts(&step, GT_NOTABLE_LOGGING, "logging",
                         "nobody in the account tampered with logging within the window", &calls));
    if (calls.by_chain)
        gt_reason(inv, 30, calls.first_chain, "logging was tampered with, with the same keys");
    else if (calls.by_others)
        gt_reason(inv, 5, calls.first_other, "logging was changed by others within the window");
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
