/* Who: the identity, the chain behind it, whether it is an administrator, and its habits. */
#include "investigate/internal.h"

static const char *end_word(gt_chain_end end)
{
    static const char *const words[] = {
        [GT_END_UNKNOWN] = "unknown", [GT_END_HUMAN] = "human", [GT_END_USER] = "user",
        [GT_END_SERVICE] = "service", [GT_END_ROOT] = "root",   [GT_END_WORKLOAD] = "workload",
    };
    return words[end];
}

static void identity_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_event *e = inv->event;
    gt_json *fact = gt_fact(step, "identity", "%.*s, class '%s'%s%.*s%s",
                            GT_STR_ARG(gt_words_actor(inv->arena, e)),
                            gt_sg_actor_class_text(inv->actor.class),
                            inv->actor.basis.len ? " (told by " : "", GT_STR_ARG(inv->actor.basis),
                            inv->actor.basis.len ? ")" : "");
    gt_json_setl(fact, "type", gt_str_node(inv, e->type));
    gt_json_setl(fact, "arn", gt_str_node(inv, e->arn));
    gt_json_setl(fact, "actor", gt_str_node(inv, gt_event_actor(e)));
    gt_json_setl(fact, "access_key_id", gt_str_node(inv, e->key));
    gt_json_setl(fact, "class",
                 gt_json_new_str(inv->arena, gt_str_c(gt_sg_actor_class_text(inv->actor.class))));
    gt_json_setl(fact, "session_name", gt_str_node(inv, e->session.len ? e->session : GT_STR_NULL));
    gt_fact_proof(step, fact, e->id);
}

static void link_fact(gt_step *step, size_t i)
{
    gt_inv *inv = step->inv;
    const gt_link *link = &inv->chain.links[i];
    const gt_event *by = link->event;
    gt_str when = gt_time_words(inv, by->time), who = gt_words_actor(inv->arena, by);
    gt_json *fact;
    if (link->kind == GT_LINK_OTHER_COPY)
        fact = gt_fact(step, "chain", "the caller's own account recorded the same call as %.*s",
                       GT_STR_ARG(who));
    else if (link->kind == GT_LINK_KEY_MADE)
        fact = gt_fact(step, "chain", "the access key %.*s was created by %.*s at %.*s",
                       GT_STR_ARG(by->minted_key), GT_STR_ARG(who), GT_STR_ARG(when));
    else
        fact = gt_fact(step, "chain", "the session key %.*s was given out by %.*s to %.*s at %.*s",
                       GT_STR_ARG(by->minted_key), GT_STR_ARG(by->name), GT_STR_ARG(who),
                       GT_STR_ARG(when));
    gt_json_setl(fact, "call", gt_str_node(inv, by->name));
    gt_json_setl(fact, "by_arn", gt_str_node(inv, by->arn.len ? by->arn : GT_STR_NULL));
    gt_json_setl(fact, "by_actor", gt_str_node(inv, gt_event_actor(by)));
    gt_json_setl(fact, "by_access_key_id", gt_str_node(inv, by->key));
    gt_json_setl(fact, "gave_access_key_id", gt_str_node(inv, by->minted_key));
    gt_json_setl(fact, "role_arn",
                 gt_str_node(inv, gt_json_path_str(by->record, "requestParameters.roleArn")));
    gt_json_setl(fact, "address", gt_str_node(inv, by->address));
    gt_fact_proof(step, fact, by->id);
    gt_timeline_add(inv, by, "chain", "%.*s: %.*s gets the key %.*s", GT_STR_ARG(by->name),
                    GT_STR_ARG(who), GT_STR_ARG(by->minted_key));
}

static void chain_facts(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_chain *chain = &inv->chain;
    for (size_t i = 0; i < chain->link_count; i++)
        link_fact(step, i);
    gt_json *fact;
    if (chain->end == GT_END_UNKNOWN)
        fact = gt_fact_no_data(step, "first_identity", "the first identity behind it is %.*s",
                               GT_STR_ARG(chain->end_text));
    else
        fact = gt_fact(step, "first_identity", "the first identity behind it is %.*s",
                       GT_STR_ARG(chain->end_text));
    gt_json_setl(fact, "kind", gt_json_new_str(inv->arena, gt_str_c(end_word(chain->end))));
    gt_json_setl(fact, "arn",
                 gt_str_node(inv, chain->end == GT_END_UNKNOWN ? GT_STR_NULL : chain->first->arn));
    gt_json_setl(fact, "access_key_id", gt_str_node(inv, chain->first->key));
    gt_json_setl(fact, "links", gt_json_new_i64(inv->arena, (int64_t)chain->link_count));
    gt_fact_proof(step, fact, chain->first->id);
    if (chain->source_identity.len) {
        fact = gt_fact(step, "source_identity",
                       "the source identity '%.*s' was set when the first role was assumed and "
                       "cannot be changed on the way", GT_STR_ARG(chain->source_identity));
        gt_json_setl(fact, "source_identity", gt_str_node(inv, chain->source_identity));
        gt_fact_proof(step, fact, inv->event->id);
    }
}

static void administrator_fact(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_expected_list *list = &inv->expected->administrators;
    if (!list->given) {
        (void)gt_fact_no_data(step, "administrator",
                              "the configuration names no administrators ([expected])");
        return;
    }
    gt_str actor = gt_event_actor(inv->event), first = gt_event_actor(inv->chain.first);
    gt_str by_actor = gt_expected_match(list, actor);
    gt_str by_first = inv->chain.end == GT_END_UNKNOWN ? GT_STR_NULL
                                                       : gt_expected_match(list, first);
    gt_str pattern = by_actor.ptr ? by_actor : by_first;
    gt_json *fact;
    if (!pattern.ptr) {
        fact = gt_fact(step, "administrator", "%.*s is none of the authorised administrators",
                       GT_STR_ARG(actor));
        /* The configuration names automation in a list of its own. */
        if (!gt_expected_match(&inv->expected->automation, actor).ptr || gt_inv_is_stranger(inv))
            gt_reason(inv, 15, inv->event->id, "the actor is none of the authorised administrators");
    } else {
        inv->administrator = true;
        fact = gt_fact(step, "administrator", "%.*s is an authorised administrator (%.*s)",
                       GT_STR_ARG(by_actor.ptr ? actor : first), GT_STR_ARG(pattern));
        bool stranger = by_actor.ptr && !by_first.ptr && inv->chain.link_count > 0;
        gt_reason(inv, stranger ? -5 : -20, inv->event->id,
                  stranger ? "the role is an authorised administrator's, but who assumed it is not "
                             "listed"
                           : "the actor is an authorised administrator");
    }
    gt_json_setl(fact, "authorised", gt_json_new_bool(inv->arena, pattern.ptr != NULL));
    gt_fact_proof(step, fact, inv->event->id);
}

static void count_fact(gt_step *step, const char *word, uint64_t count, gt_str last,
                       const char *what)
{
    gt_inv *inv = step->inv;
    gt_json *fact;
    if (!count)
        fact = gt_fact(step, word, "first time in the %.*s these logs reach back: %s",
                       GT_STR_ARG(gt_span_words(inv, inv->habits.covered_ms)), what);
    else
        fact = gt_fact(step, word, "%llu time%s before: %s", (unsigned long long)count,
                       count == 1 ? "" : "s", what);
    gt_json_setl(fact, "count", gt_json_new_i64(inv->arena, (int64_t)count));
    gt_json_setl(fact, "first_time", gt_json_new_bool(inv->arena, count == 0));
    gt_fact_proof(step, fact, last.len ? last : inv->event->id);
}

static void habit_facts(gt_step *step)
{
    gt_inv *inv = step->inv;
    const gt_habits *h = &inv->habits;
    if (!h->known) {
        (void)gt_fact_no_data(step, "habits", "the record names no identity to count by");
        return;
    }
    /* An hour of logs tells nothing about habits; a day tells a little. */
    if (h->covered_ms < 3600000) {
        (void)gt_fact_no_data(step, "habits",
                              "the logs begin %.*s before the event: too little to tell what is "
                              "usual", GT_STR_ARG(gt_span_words(inv, h->covered_ms)));
        return;
    }
    gt_json *fact;
    if (h->events)
        fact = gt_fact(step, "habits", "%llu call%s by the same identity in the %.*s before, the "
                       "first at %.*s", (unsigned long long)h->events, h->events == 1 ? "" : "s",
                       GT_STR_ARG(gt_span_words(inv, h->covered_ms)),
                       GT_STR_ARG(gt_time_words(inv, h->first)));
    else
        fact = gt_fact(step, "habits", "first call of this identity in the %.*s these logs reach "
                       "back", GT_STR_ARG(gt_span_words(inv, h->covered_ms)));
    gt_json_setl(fact, "count", gt_json_new_i64(inv->arena, (int64_t)h->events));
    gt_fact_proof(step, fact, h->events ? h->first_id : inv->event->id);
    count_fact(step, "habit_changes", h->sg_changes, gt_last_id_str(&h->last_sg), "changes of security groups");
    count_fact(step, "habit_call", h->same_call, gt_last_id_str(&h->last_same_call), "this call");
    if (inv->group_count)
        count_fact(step, "habit_group", h->same_group, gt_last_id_str(&h->last_same_group),
                   "changes of this group");
    count_fact(step, "habit_region", h->same_region, GT_STR_NULL, "calls in this region");
    count_fact(step, "habit_hour", h->same_hour, GT_STR_NULL, "calls at this hour of the day (UTC)");
    if (inv->event->key.len && gt_str_starts(inv->event->key, GT_STR("AKIA")))
        count_fact(step, "habit_key", h->same_key, GT_STR_NULL, "calls with this access key");
    if (h->covered_ms < 86400000)
        return;
    if (!h->sg_changes)
        gt_reason(inv, 10, inv->event->id, "this identity changed no security group before");
    else if (h->sg_changes >= 10 && h->same_call >= 3)
        gt_reason(inv, -10, gt_last_id_str(&h->last_sg), "this identity changes security groups regularly");
}

gt_status gt_step_actor(gt_inv *inv, gt_json *steps)
{
    gt_step step = gt_step_begin(inv, steps, "step", "actor",
                                 "Who did it, through which identities, and is it usual for them?");
    identity_fact(&step);
    chain_facts(&step);
    administrator_fact(&step);
    habit_facts(&step);
    if (inv->chain.end == GT_END_ROOT)
        gt_reason(inv, 10, inv->event->id, "the root user was used");
    for (size_t i = 0; i < inv->chain.link_count; i++)
        if (inv->chain.links[i].kind == GT_LINK_KEY_MADE)
            gt_reason(inv, 15, inv->chain.links[i].event->id,
                      "the access key was created by another identity than its owner");
    gt_step_end(&step);
    return gt_arena_status(inv->arena);
}
