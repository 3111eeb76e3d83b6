/* What a sender does with a batch: look up, create, compare, repeat. */
#include "cluster/ship_internal.h"

#include "base/hash.h"
#include "base/limits.h"

#include <stdlib.h>

static gt_str item_id(const gt_ship_batch *b, const gt_ship_item *item)
{
    return (gt_str){b->text.data + item->id_at, item->id_len};
}

static gt_str item_document(const gt_ship_batch *b, const gt_ship_item *item)
{
    return (gt_str){b->text.data + item->document_at, item->document_len};
}

/* The id as it is sent: plain, or with the document's hash behind it. ptr NULL without memory. */
static gt_str sent_id(gt_ship_sender *s, const gt_ship_batch *b, const gt_ship_item *item)
{
    if (!item->longer_id)
        return item_id(b, item);
    gt_hash128 h = gt_hash128_of(item_document(b, item));
    return gt_arena_printf(s->arena, "%.*s-%016llx", GT_STR_ARG(item_id(b, item)),
                           (unsigned long long)(h.low ^ h.high));
}

typedef enum tally { CREATED, PRESENT, FAILED, REPEATED } tally;

static void count(gt_ship_sender *s, const gt_ship_item *item, tally what)
{
    gt_ship_counts *c = &s->ship->counts;
    pthread_mutex_lock(&s->ship->lock);
    c->created += what == CREATED;
    c->beside += what == CREATED && item->longer_id;
    c->present += what == PRESENT;
    c->failed += what == FAILED;
    c->repeats += what == REPEATED;
    pthread_mutex_unlock(&s->ship->lock);
}

static void fail_item(gt_ship_sender *s, const gt_ship_batch *b, gt_ship_item *item, gt_str reason)
{
    item->state = GT_SHIP_DONE;
    count(s, item, FAILED);
    if (!s->ship->options.failed)
        return;
    pthread_mutex_lock(&s->ship->lock);
    s->ship->options.failed(s->ship->options.ctx, item_id(b, item), reason);
    pthread_mutex_unlock(&s->ship->lock);
}

/* The number at the end of a backing index's name, which grows with each rollover. */
static int64_t generation(gt_str name)
{
    int64_t n = -1;
    (void)!gt_str_to_i64(gt_str_from(name, gt_str_rfind_byte(name, '-') + 1), &n);
    return n;
}

static int by_generation(const void *a, const void *b)
{
    int64_t x = generation(*(const gt_str *)a), y = generation(*(const gt_str *)b);
    return x < y ? -1 : x > y;
}

/* With the lock held. */
static gt_status keep_indices(gt_ship *ship, const gt_json *list)
{
    size_t n = 0;
    gt_str *indices = gt_arena_array(ship->arena, gt_str, (list ? list->count : 0) + 1);
    if (!indices)
        return gt_arena_status(ship->arena);
    for (const gt_json *i = gt_json_first(list); i; i = i->next) {
        indices[n] = gt_arena_dup(ship->arena, gt_json_str(i));
        if (!indices[n++].ptr)
            return gt_arena_status(ship->arena);
    }
    qsort(indices, n, sizeof *indices, by_generation);
    ship->indices = indices;
    ship->index_count = n;
    return GT_OK;
}

gt_status gt_ship_indices_read(gt_ship_sender *s)
{
    gt_ship *ship = s->ship;
    gt_json *answer = NULL;
    gt_str path = gt_arena_printf(s->arena, "/_resolve/index/%.*s?expand_wildcards=all",
                                  GT_STR_ARG(ship->options.target));
    if (!path.ptr)
        return gt_arena_status(s->arena);
    gt_status status = gt_cluster_json(s->cluster, s->arena, "GET", path, NULL, &answer);
    if (status == GT_NOTFOUND)
        return GT_OK; /* nothing there yet */
    GT_TRY(status);
    const gt_json *stream = gt_json_first(gt_json_getl(answer, "data_streams"));
    const gt_json *list = gt_json_getl(stream, "backing_indices");
    if (!list || list->count < 2)
        return GT_OK; /* a plain index, or one backing index: creating checks the ids */
    /* Older indices are written no more: refreshed once, a search sees all of them. */
    gt_str refresh = gt_arena_printf(s->arena, "/%.*s/_refresh", GT_STR_ARG(ship->options.target));
    GT_TRY(gt_cluster_json(s->cluster, s->arena, "POST", refresh, NULL, NULL));
    pthread_mutex_lock(&ship->lock);
    status = keep_indices(ship, list);
    pthread_mutex_unlock(&ship->lock);
    return status;
}

static gt_ship_item *item_of_id(gt_ship_sender *s, gt_ship_batch *b, gt_str id, gt_ship_item *after)
{
    for (gt_ship_item *i = after ? after + 1 : b->items; i < b->items + b->count; i++)
        if (i->state == GT_SHIP_PENDING && gt_str_eq(sent_id(s, b, i), id))
            return i;
    return NULL;
}

/* Ids that an older backing index holds are conflicts. */
static gt_status look_up(gt_ship_sender *s, gt_ship_batch *b)
{
    gt_ship *ship = s->ship;
    pthread_mutex_lock(&ship->lock);
    size_t older = ship->index_count ? ship->index_count - 1 : 0;
    const gt_str *indices = ship->indices;
    pthread_mutex_unlock(&ship->lock);
    gt_json *values = gt_json_new_array(s->arena), *answer = NULL;
    if (!older)
        return GT_OK;
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].state == GT_SHIP_PENDING)
            gt_json_append(values, gt_json_new_str(s->arena, sent_id(s, b, &b->items[i])));
    if (!values)
        return gt_arena_status(s->arena);
    gt_json *body = gt_json_new_object(s->arena);
    gt_json_set_path(s->arena, body, "query.ids.values", values);
    gt_json_setl(body, "size", gt_json_new_i64(s->arena, values->count * 2 + 10));
    gt_json_setl(body, "_source", gt_json_new_bool(s->arena, false));
    gt_buf path = GT_BUF(GT_MIB);
    for (size_t i = 0; i < older; i++)
        gt_buf_printf(&path, "%s%.*s", i ? "," : "/", GT_STR_ARG(indices[i]));
    gt_buf_lit(&path, "/_search?allow_partial_search_results=false&ignore_unavailable=true");
    gt_status status = gt_buf_status(&path);
    if (status == GT_OK)
        status = gt_cluster_json(s->cluster, s->arena, "POST", gt_buf_str(&path), body, &answer);
    gt_buf_done(&path);
    GT_TRY(status);
    for (const gt_json *h = gt_json_first(gt_json_path(answer, "hits.hits")); h; h = h->next) {
        gt_str id = gt_json_path_str(h, "_id");
        for (gt_ship_item *i = NULL; (i = item_of_id(s, b, id, i)) != NULL;) {
            i->state = GT_SHIP_CONFLICT;
            i->index = gt_json_path_str(h, "_index");
        }
    }
    return GT_OK;
}

/* What comes from the log itself, whatever release of the mapping made the document. */
static const char *const identity[] = {
    "@timestamp", "event.action", "event.provider", "event.id", "cloud.account.id", "cloud.region",
    "aws.cloudtrail.request_id", "aws.cloudtrail.user_identity.arn",
    "aws.cloudtrail.recipient_account_id", "aws.cloudtrail.error_code",
    "aws.cloudtrail.error_message", "aws.cloudtrail.flattened.request_parameters",
    "aws.cloudtrail.flattened.response_elements", "kibana.alert.uuid",
};

static bool same_event(const gt_json *a, const gt_json *b)
{
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++) {
        const gt_json *x = gt_json_path(a, identity[i]), *y = gt_json_path(b, identity[i]);
        if (!x != !y || (x && !gt_json_equal(x, y)))
            return false;
    }
    return true;
}

/* Fetch the documents that stand in the way and compare. */
static gt_status compare_conflicts(gt_ship_sender *s, gt_ship_batch *b)
{
    gt_json *docs = gt_json_new_array(s->arena), *answer = NULL;
    for (size_t i = 0; i < b->count; i++) {
        gt_ship_item *item = &b->items[i];
        if (item->state != GT_SHIP_CONFLICT)
            continue;
        gt_json *doc = gt_json_new_object(s->arena);
        gt_str index = item->index.len ? item->index : s->write_index;
        gt_json_setl(doc, "_index", gt_json_new_str(s->arena, index));
        gt_json_setl(doc, "_id", gt_json_new_str(s->arena, sent_id(s, b, item)));
        gt_json_append(docs, doc);
    }
    if (!docs)
        return gt_arena_status(s->arena);
    if (!docs->count)
        return GT_OK;
    gt_json *body = gt_json_new_object(s->arena);
    gt_json_setl(body, "docs", docs);
    GT_TRY(gt_cluster_json(s->cluster, s->arena, "POST", GT_STR("/_mget"), body, &answer));
    const gt_json *found = gt_json_first(gt_json_getl(answer, "docs"));
    for (size_t i = 0; i < b->count; i++) {
        gt_ship_item *item = &b->items[i];
        if (item->state != GT_SHIP_CONFLICT)
            continue;
        const gt_json *there = gt_json_getl(found, "_source");
        gt_json *ours = NULL;
        found = found ? found->next : NULL;
        if (gt_json_parse(s->arena, item_document(b, item), &ours, NULL) != GT_OK) {
            fail_item(s, b, item, GT_STR("the document is no JSON"));
        } else if (!there || same_event(ours, there) || item->longer_id) {
            /* not there: it was deleted meanwhile, by someone who wants it gone */
            item->state = GT_SHIP_DONE;
            count(s, item, PRESENT);
        } else {
            item->state = GT_SHIP_PENDING;
            item->longer_id = true;
        }
    }
    return GT_OK;
}

/* The index that a create went to; a new one means that the stream was rolled over. */
static gt_status note_index(gt_ship_sender *s, gt_str index)
{
    gt_ship *ship = s->ship;
    if (!index.len || gt_str_eq(index, s->write_index))
        return GT_OK;
    bool rolled = s->write_index.len > 0;
    pthread_mutex_lock(&ship->lock);
    s->write_index = gt_arena_dup(ship->arena, index);
    pthread_mutex_unlock(&ship->lock);
    if (!s->write_index.ptr)
        return GT_NOMEM;
    return rolled ? gt_ship_indices_read(s) : GT_OK;
}

static gt_status write_body(gt_ship_sender *s, gt_ship_batch *b, size_t *ret_count)
{
    gt_buf_reset(&s->body);
    *ret_count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].state != GT_SHIP_PENDING)
            continue;
        gt_str id = sent_id(s, b, &b->items[i]);
        if (!id.ptr)
            return gt_arena_status(s->arena);
        gt_buf_lit(&s->body, "{\"create\":{\"_id\":");
        gt_json_write_str(&s->body, id);
        gt_buf_lit(&s->body, "}}\n");
        gt_buf_add(&s->body, item_document(b, &b->items[i]));
        gt_buf_add_byte(&s->body, '\n');
        ++*ret_count;
    }
    return gt_buf_status(&s->body);
}

/* One item's outcome. */
static void judge_item(gt_ship_sender *s, gt_ship_batch *b, gt_ship_item *item, const gt_json *outcome)
{
    int64_t status = 0;
    (void)!gt_json_i64(gt_json_getl(outcome, "status"), &status);
    if (status >= 200 && status < 300) {
        item->state = GT_SHIP_DONE;
        count(s, item, CREATED);
    } else if (status == 409) {
        item->state = GT_SHIP_CONFLICT;
        item->index = gt_json_path_str(outcome, "_index");
    } else if (status == 429 || status >= 500) {
        count(s, item, REPEATED);
    } else {
        gt_str type = gt_json_path_str(outcome, "error.type");
        gt_str reason = gt_json_path_str(outcome, "error.reason");
        gt_str cause = gt_json_path_str(outcome, "error.caused_by.reason");
        gt_str text = gt_arena_printf(s->arena, "%.*s: %.*s%s%.*s", GT_STR_ARG(type),
                                      GT_STR_ARG(reason), cause.len ? ": " : "", GT_STR_ARG(cause));
        fail_item(s, b, item, text.ptr ? text : type);
    }
}

static gt_status create(gt_ship_sender *s, gt_ship_batch *b, size_t *ret_left)
{
    gt_json *answer = NULL;
    gt_str path = gt_arena_printf(s->arena, "/%.*s/_bulk?filter_path=items.create._index,"
                                  "items.create.status,items.create.error.type,"
                                  "items.create.error.reason,items.create.error.caused_by.reason",
                                  GT_STR_ARG(s->ship->options.target));
    size_t sent;
    gt_str text;
    GT_TRY(write_body(s, b, &sent));
    *ret_left = 0;
    if (!sent)
        return GT_OK;
    GT_TRY(gt_cluster_call(s->cluster, "POST", path, gt_buf_str(&s->body), true, &text));
    if (gt_json_parse(s->arena, text, &answer, NULL) != GT_OK)
        return GT_IO;
    const gt_json *outcome = gt_json_first(gt_json_getl(answer, "items"));
    for (size_t i = 0; i < b->count; i++) {
        gt_ship_item *item = &b->items[i];
        if (item->state != GT_SHIP_PENDING)
            continue;
        if (!outcome)
            return GT_IO; /* an answer about fewer records than were sent */
        judge_item(s, b, item, gt_json_getl(outcome, "create"));
        *ret_left += item->state == GT_SHIP_PENDING;
        if (item->state == GT_SHIP_DONE || item->state == GT_SHIP_CONFLICT)
            GT_TRY(note_index(s, gt_json_path_str(outcome, "create._index")));
        outcome = outcome->next;
    }
    return GT_OK;
}

static bool any_pending(const gt_ship_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].state != GT_SHIP_DONE)
            return true;
    return false;
}

gt_status gt_ship_send(gt_ship_sender *s, gt_ship_batch *b)
{
    static const gt_retry retry = {0, 100, 10000};
    const gt_cluster_options *o = gt_cluster_options_of(s->cluster);
    gt_time_ms begin = o->env->now(o->env->ctx);
    for (unsigned attempt = 1; any_pending(b); attempt++) {
        size_t left = 0;
        gt_arena_reset(s->arena, 4 * GT_MIB);
        GT_TRY(look_up(s, b));
        GT_TRY(create(s, b, &left));
        GT_TRY(compare_conflicts(s, b));
        if (!left)
            continue;
        if (o->env->now(o->env->ctx) - begin > o->patience_ms)
            return GT_RETRY;
        o->env->sleep(o->env->ctx, gt_backoff_ms(&retry, attempt, o->env->random(o->env->ctx)));
    }
    return GT_OK;
}
