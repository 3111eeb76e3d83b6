/* The chain of identities, by access key alone: the key a call was made with was given out by another
 * call, which was made with a key, … Names that a caller may choose (sessions) never decide.
 *
 * Backwards from the event to the first identity that needs no other; then forwards: whatever the keys
 * of that path gave out and did within the window. */
#include <stdlib.h>

#include "base/limits.h"
#include "investigate/internal.h"

bool gt_chain_has(const gt_chain *chain, const gt_event *event)
{
    return event->key.len && gt_strs_has(&chain->keys, event->key);
}

static bool is_session_key(gt_str key)
{
    return gt_str_starts(key, GT_STR("ASIA"));
}

/* The better of two records of one call: the one that names the caller's own key. */
static bool better_copy(const gt_event *a, const gt_event *b)
{
    if (!b)
        return true;
    if ((a->key.len != 0) != (b->key.len != 0))
        return a->key.len != 0;
    return a->arn.len && !b->arn.len;
}

static gt_status find_mint(gt_inv *inv, gt_str key, const gt_event **ret)
{
    gt_event_list list = {0};
    GT_TRY(gt_evidence_all(inv->evidence, &key, 1, INT64_MIN, INT64_MAX, &list));
    const gt_event *best = NULL;
    for (size_t i = 0; i < list.count; i++)
        if (gt_str_eq(list.items[i]->minted_key, key) && better_copy(list.items[i], best))
            best = list.items[i];
    *ret = best;
    return GT_OK;
}

/* The caller's account records a cross-account call too, under another eventID and the same
 * sharedEventID, with the caller's key. */
static gt_status find_other_copy(gt_inv *inv, const gt_event *event, const gt_event **ret)
{
    *ret = NULL;
    gt_str shared = gt_json_path_str(event->record, "sharedEventID");
    if (!shared.len)
        return GT_OK;
    gt_event_list list = {0};
    GT_TRY(gt_evidence_all(inv->evidence, &shared, 1, INT64_MIN, INT64_MAX, &list));
    for (size_t i = 0; i < list.count; i++)
        if (!gt_str_eq(list.items[i]->id, event->id) && better_copy(list.items[i], *ret))
            *ret = list.items[i];
    if (*ret && !(*ret)->key.len && !(*ret)->arn.len)
        *ret = NULL;
    return GT_OK;
}

static gt_str federated(gt_inv *inv, const gt_event *e, const char *what)
{
    gt_str provider = gt_json_path_str(e->record, "userIdentity.identityProvider");
    gt_str who = e->user.len ? e->user : e->principal;
    return gt_arena_printf(inv->arena, "%s %.*s%s%.*s", what, GT_STR_ARG(who),
                           provider.len ? ", vouched for by " : "", GT_STR_ARG(provider));
}

/* What the session itself says about where it came from, when no STS record is there. */
static void end_of_lost_session(gt_inv *inv, gt_chain *chain, const gt_event *e)
{
    const gt_json *context = gt_json_path(e->record, "userIdentity.sessionContext");
    gt_str provider = gt_json_path_str(context, "webIdFederationData.federatedProvider");
    if (gt_json_getl(context, "ec2RoleDelivery")) {
        chain->end = GT_END_SERVICE;
        chain->end_text = gt_arena_printf(
            inv->arena, "the EC2 instance %.*s, which was handed the role's credentials by EC2",
            GT_STR_ARG(e->session));
    } else if (gt_words_is_identity_center(e)) {
        chain->end = GT_END_HUMAN;
        chain->end_text = gt_arena_printf(
            inv->arena, "the person %.*s of IAM Identity Center, which alone can give out this role",
            GT_STR_ARG(e->session));
    } else if (provider.len) {
        chain->end = GT_END_WORKLOAD;
        chain->end_text = gt_arena_printf(inv->arena, "a workload vouched for by %.*s",
                                          GT_STR_ARG(provider));
    } else if (e->invoked_by.len && !gt_str_is(e->invoked_by, "signin.amazonaws.com") && !e->key.len) {
        chain->end = GT_END_SERVICE;
        chain->end_text = gt_arena_printf(inv->arena, "the AWS service %.*s, acting with the role",
                                          GT_STR_ARG(e->invoked_by));
    } else {
        chain->end = GT_END_UNKNOWN;
        chain->end_text = gt_arena_printf(
            inv->arena,
            "not known: the call that gave out the session key %.*s is not in these logs",
            GT_STR_ARG(e->key.len ? e->key : GT_STR("(none told)")));
    }
}

static bool from_console(const gt_event *e)
{
    return gt_str_is(gt_json_text(gt_json_path(e->record, "sessionCredentialFromConsole")), "true") ||
           gt_str_is(gt_json_path_str(e->record, "eventType"), "AwsConsoleSignIn") ||
           gt_str_is(e->invoked_by, "signin.amazonaws.com");
}

static void end_of_identity(gt_inv *inv, gt_chain *chain, const gt_event *e)
{
    if (gt_str_is(e->type, "Root")) {
        chain->end = GT_END_ROOT;
        chain->end_text = gt_arena_printf(inv->arena, "the root user of account %.*s",
                                          GT_STR_ARG(e->account));
    } else if (gt_str_is(e->type, "IAMUser")) {
        bool console = from_console(e);
        chain->end = console ? GT_END_HUMAN : GT_END_USER;
        chain->end_text = gt_arena_printf(inv->arena, "the IAM user %.*s%s",
                                          GT_STR_ARG(e->arn.len ? e->arn : e->user),
                                          console                    ? ", signed in to the console"
                                          : is_session_key(e->key) ? ", with a session key"
                                          : e->key.len ? ", with a long-term access key"
                                                       : "");
    } else if (gt_str_is(e->type, "AWSService")) {
        chain->end = GT_END_SERVICE;
        chain->end_text = gt_arena_printf(inv->arena, "the AWS service %.*s",
                                          GT_STR_ARG(e->invoked_by.len ? e->invoked_by : e->address));
    } else if (gt_str_is(e->type, "SAMLUser") || gt_str_is(e->type, "IdentityCenterUser")) {
        chain->end = GT_END_HUMAN;
        chain->end_text = federated(inv, e, "the federated person");
    } else if (gt_str_is(e->type, "WebIdentityUser")) {
        chain->end = GT_END_WORKLOAD;
        chain->end_text = federated(inv, e, "the web identity");
    } else if (gt_str_is(e->type, "AWSAccount")) {
        chain->end = GT_END_UNKNOWN;
        chain->end_text = gt_arena_printf(
            inv->arena, "an identity of account %.*s, whose own records are not in these logs",
            GT_STR_ARG(e->account));
    } else {
        end_of_lost_session(inv, chain, e);
    }
}

static gt_status next_link(gt_inv *inv, const gt_event *e, gt_link *ret)
{
    *ret = (gt_link){0};
    const gt_event *found = NULL;
    if (gt_str_is(e->type, "AWSAccount")) {
        GT_TRY(find_other_copy(inv, e, &found));
        *ret = (gt_link){GT_LINK_OTHER_COPY, found};
        return GT_OK;
    }
    if (!e->key.len)
        return GT_OK;
    GT_TRY(find_mint(inv, e->key, &found));
    if (!found)
        return GT_OK;
    /* Making one's own key is no step of a chain; somebody else making it is. */
    if (!found->sts && gt_str_eq(gt_event_actor(found), gt_event_actor(e)))
        return GT_OK;
    *ret = (gt_link){found->sts ? GT_LINK_ASSUMED : GT_LINK_KEY_MADE, found};
    return GT_OK;
}

static gt_status follow_back(gt_inv *inv)
{
    gt_chain *chain = &inv->chain;
    const gt_event *e = inv->event;
    for (;;) {
        GT_TRY(gt_strs_add(inv->arena, &chain->keys, e->key));
        gt_str source_identity = e->source_identity;
        if (!source_identity.len)
            source_identity = gt_json_path_str(e->record, "requestParameters.sourceIdentity");
        if (source_identity.len)
            chain->source_identity = source_identity;
        gt_link link;
        GT_TRY(next_link(inv, e, &link));
        bool seen = false;
        for (size_t i = 0; link.event && i < chain->link_count; i++)
            seen |= gt_str_eq(chain->links[i].event->id, link.event->id);
        if (!link.event || seen || chain->link_count == sizeof chain->links / sizeof *chain->links)
            break;
        chain->links[chain->link_count++] = link;
        e = link.event;
    }
    chain->first = e;
    chain->path_keys = chain->keys.count;
    end_of_identity(inv, chain, e);
    return gt_arena_status(inv->arena);
}

typedef struct forward {
    gt_inv *inv;
    const gt_strs *keys; /* of this round */
    gt_strs *minted;
    gt_str actor; /* set when there is no key to go by */
} forward;

static gt_status take_forward(void *user, const gt_event *event)
{
    forward *f = user;
    bool mine = f->keys ? event->key.len && gt_strs_has(f->keys, event->key)
                        : gt_str_eq(gt_event_actor(event), f->actor);
    if (!mine)
        return GT_OK;
    gt_event *kept;
    GT_TRY(gt_event_keep(f->inv->arena, event, &kept));
    GT_TRY(gt_event_list_add(f->inv->arena, &f->inv->chain.events, kept));
    return gt_strs_add(f->inv->arena, f->minted, kept->minted_key);
}

static int by_time(const void *a, const void *b)
{
    const gt_event *x = *(gt_event *const *)a, *y = *(gt_event *const *)b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return gt_str_cmp(x->id, y->id);
}

/* One round a generation of keys: what they did, and which keys they gave out. */
static gt_status follow_forward(gt_inv *inv)
{
    gt_chain *chain = &inv->chain;
    gt_time_ms from = inv->from;
    for (size_t i = 0; i < chain->link_count; i++)
        if (chain->links[i].event->time < from && chain->links[i].event->time != GT_EVENT_NO_TIME)
            from = chain->links[i].event->time;
    gt_strs round = {0};
    for (size_t i = 0; i < chain->keys.count; i++)
        GT_TRY(gt_strs_add(inv->arena, &round, chain->keys.items[i]));
    while (round.count) {
        gt_strs minted = {0};
        forward f = {inv, &round, &minted, GT_STR_NULL};
        GT_TRY(gt_evidence_each(inv->evidence, round.items, round.count, from, inv->until,
                                take_forward, &f));
        round = (gt_strs){0};
        for (size_t i = 0; i < minted.count; i++) {
            if (gt_strs_has(&chain->keys, minted.items[i]))
                continue;
            GT_TRY(gt_strs_add(inv->arena, &chain->keys, minted.items[i]));
            GT_TRY(gt_strs_add(inv->arena, &round, minted.items[i]));
        }
    }
    return GT_OK;
}

gt_status gt_inv_follow_chain(gt_inv *inv)
{
    gt_chain *chain = &inv->chain;
    GT_TRY(follow_back(inv));
    chain->by_key = inv->event->key.len != 0;
    if (chain->by_key) {
        GT_TRY(follow_forward(inv));
    } else {
        gt_strs minted = {0};
        gt_str actor = gt_event_actor(inv->event);
        forward f = {inv, NULL, &minted, actor};
        if (actor.len)
            GT_TRY(gt_evidence_each(inv->evidence, &actor, 1, inv->from, inv->until, take_forward,
                                    &f));
    }
    if (chain->events.count)
        qsort(chain->events.items, chain->events.count, sizeof *chain->events.items, by_time);
    return GT_OK;
}
