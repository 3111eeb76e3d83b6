#include "investigate/evidence.h"

#include "base/limits.h"

gt_status gt_evidence_init(gt_evidence *evidence, gt_store *store, gt_arena *arena)
{
    *evidence = (gt_evidence){.store = store, .arena = arena};
    return gt_events_stats_get(store, &evidence->stats);
}

static gt_str behind_last(gt_str s, char c)
{
    size_t at = gt_str_rfind_byte(s, c);
    return at == GT_NPOS ? GT_STR_NULL : gt_str_from(s, at + 1);
}

static void read_identity(gt_event *e, const gt_json *record)
{
    const gt_json *who = gt_json_getl(record, "userIdentity");
    e->type = gt_json_path_str(who, "type");
    e->arn = gt_json_path_str(who, "arn");
    e->principal = gt_json_path_str(who, "principalId");
    e->key = gt_json_path_str(who, "accessKeyId");
    e->user = gt_json_path_str(who, "userName");
    e->invoked_by = gt_json_path_str(who, "invokedBy");
    e->issuer = gt_json_path_str(who, "sessionContext.sessionIssuer.arn");
    e->source_identity = gt_json_path_str(who, "sessionContext.sourceIdentity");
    e->account = gt_json_path_str(who, "accountId");
    if (!e->account.ptr)
        e->account = gt_json_path_str(record, "recipientAccountId");
    /* Records that went through other tools may have lost their type. */
    if (!e->type.len && gt_str_find(e->arn, GT_STR(":assumed-role/")) != GT_NPOS)
        e->type = GT_STR("AssumedRole");
    if (gt_str_is(e->type, "AssumedRole"))
        e->session = behind_last(e->principal.ptr ? e->principal : e->arn,
                                 e->principal.ptr ? ':' : '/');
}

/* arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION to arn:aws:iam::ACCOUNT:role/ROLE, for records
 * whose sessionIssuer is empty. A role's path is not told there, so it is left out. */
static gt_str role_of_session(gt_arena *arena, gt_str arn)
{
    gt_str marker = GT_STR(":assumed-role/");
    size_t at = gt_str_find(arn, marker);
    size_t sts = gt_str_find(arn, GT_STR(":sts::"));
    if (at == GT_NPOS || sts == GT_NPOS || sts > at)
        return GT_STR_NULL;
    gt_str role;
    (void)gt_str_cut(gt_str_from(arn, at + marker.len), '/', &role);
    return gt_arena_printf(arena, "%.*s:iam::%.*s:role/%.*s", (int)sts, arn.ptr,
                           (int)(at - sts - 6), arn.ptr + sts + 6, GT_STR_ARG(role));
}

static void read_minted(gt_event *e, const gt_json *record)
{
    if (e->error.ptr)
        return;
    if (gt_str_is(e->source, "sts.amazonaws.com")) {
        e->minted_key = gt_json_path_str(record, "responseElements.credentials.accessKeyId");
        e->sts = e->minted_key.ptr != NULL;
    } else if (gt_str_is(e->source, "iam.amazonaws.com")) {
        e->minted_key = gt_json_path_str(record, "responseElements.accessKey.accessKeyId");
    }
}

gt_status gt_event_read(gt_arena *arena, gt_str text, gt_time_ms time, gt_hash128 key,
                        gt_event **ret)
{
    gt_json *record;
    GT_TRY(gt_json_parse(arena, text, &record, NULL));
    if (!gt_json_is(record, GT_JSON_OBJECT))
        return GT_INVALID;
    gt_event *e = gt_arena_new_of(arena, gt_event);
    if (!e)
        return gt_arena_status(arena);
    e->text = text;
    e->record = record;
    e->time = time;
    e->id = gt_json_path_str(record, "eventID");
    if (!e->id.len)
        e->id = gt_arena_printf(arena, "xxh3:%016llx%016llx", (unsigned long long)key.high,
                                (unsigned long long)key.low);
    e->name = gt_json_path_str(record, "eventName");
    e->source = gt_json_path_str(record, "eventSource");
    e->region = gt_json_path_str(record, "awsRegion");
    e->error = gt_json_path_str(record, "errorCode");
    e->address = gt_json_path_str(record, "sourceIPAddress");
    e->agent = gt_json_path_str(record, "userAgent");
    read_identity(e, record);
    if (!e->issuer.len && gt_str_is(e->type, "AssumedRole"))
        e->issuer = role_of_session(arena, e->arn);
    read_minted(e, record);
    *ret = e;
    return gt_arena_status(arena);
}

gt_status gt_event_keep(gt_arena *arena, const gt_event *event, gt_event **ret)
{
    gt_str text = gt_arena_dup(arena, event->text);
    gt_str id = gt_arena_dup(arena, event->id);
    if (!text.ptr || !id.ptr)
        return gt_arena_status(arena);
    gt_event *copy;
    GT_TRY(gt_event_read(arena, text, event->time, (gt_hash128){0, 0}, &copy));
    copy->id = id;
    *ret = copy;
    return GT_OK;
}

gt_str gt_event_actor(const gt_event *event)
{
    if (event->issuer.len)
        return event->issuer;
    if (event->arn.len)
        return event->arn;
    if (event->invoked_by.len)
        return event->invoked_by;
    if (event->principal.len)
        return event->principal;
    return event->account;
}

typedef struct each {
    gt_arena *batch;
    gt_event_fn fn;
    void *user;
} each;

static gt_status give_event(void *user, const gt_event_found *found)
{
    each *e = user;
    gt_arena_reset(e->batch, GT_MIB);
    gt_event *event;
    gt_status status = gt_event_read(e->batch, found->json, found->time, found->key, &event);
    /* The scan that filled the store has counted what is no object. */
    if (status == GT_INVALID)
        return GT_OK;
    return status == GT_OK ? e->fn(e->user, event) : status;
}

gt_status gt_evidence_each(gt_evidence *evidence, const gt_str *any_of, size_t count,
                           gt_time_ms since, gt_time_ms until, gt_event_fn fn, void *user)
{
    each e = {gt_arena_new(GT_BATCH_ARENA_MAX), fn, user};
    if (!e.batch)
        return GT_NOMEM;
    evidence->searches++;
    gt_event_terms terms = {any_of, count};
    gt_event_search search = {
        .since = since, .until = until, .all_of = &terms, .all_of_count = count ? 1 : 0};
    gt_status status = gt_events_find(evidence->store, &search, give_event, &e, NULL);
    gt_arena_free(e.batch);
    return status;
}

gt_status gt_event_list_add(gt_arena *arena, gt_event_list *list, gt_event *event)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 16;
        gt_event **items = gt_arena_grow(arena, list->items, list->cap * sizeof *items,
                                         cap * sizeof *items);
        if (!items)
            return gt_arena_status(arena);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = event;
    return GT_OK;
}

typedef struct collect {
    gt_arena *arena;
    gt_event_list *list;
} collect;

static gt_status collect_event(void *user, const gt_event *event)
{
    collect *c = user;
    gt_event *kept;
    GT_TRY(gt_event_keep(c->arena, event, &kept));
    return gt_event_list_add(c->arena, c->list, kept);
}

gt_status gt_evidence_all(gt_evidence *evidence, const gt_str *any_of, size_t count,
                          gt_time_ms since, gt_time_ms until, gt_event_list *ret)
{
    collect c = {evidence->arena, ret};
    return gt_evidence_each(evidence, any_of, count, since, until, collect_event, &c);
}

typedef struct by_id {
    gt_arena *arena;
    gt_str id;
    gt_event *event;
    size_t copies;
} by_id;

static gt_status take_by_id(void *user, const gt_event *event)
{
    by_id *b = user;
    if (!gt_str_eq(event->id, b->id))
        return GT_OK;
    b->copies++;
    return b->event ? GT_OK : gt_event_keep(b->arena, event, &b->event);
}

gt_status gt_evidence_event(gt_evidence *evidence, gt_str id, gt_event **ret, size_t *ret_copies)
{
    by_id b = {.arena = evidence->arena, .id = id};
    /* An id that we made ourselves stands in no record: all events have to be looked at. */
    bool ours = gt_str_starts(id, GT_STR("xxh3:"));
    GT_TRY(gt_evidence_each(evidence, &id, ours ? 0 : 1, INT64_MIN, INT64_MAX, take_by_id, &b));
    if (!b.event)
        return GT_NOTFOUND;
    *ret = b.event;
    *ret_copies = b.copies;
    return GT_OK;
}
