#include "cluster/search.h"

#include "base/limits.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

/* A page of hits in the order of time; hits are views of its arena. */
typedef struct page {
    gt_arena *arena;
    gt_json *hit; /* the next one; NULL: read to its end */
    size_t count;
    bool last; /* of its slice */
} page;

typedef struct slice {
    gt_search *search;
    unsigned id;
    pthread_t thread;
    bool started;
    gt_cluster *cluster;
    page now;   /* the merging thread's */
    page ahead; /* read by the slice's thread, when ready */
    bool ready;
    gt_status status;
    gt_json *after; /* the sort values of the last hit read, in after_arena */
    gt_arena *after_arena;
} slice;

struct gt_search {
    gt_search_options options;
    gt_dsl_server server;
    gt_cluster *cluster; /* of the merging thread */
    gt_arena *arena;     /* of one view */
    gt_str view;         /* the id of the point in time */
    unsigned slice_count;
    slice slices[GT_SEARCH_SLICES_MAX];
    slice *given;        /* the slice that the last hit came from: move on before the next */
    pthread_mutex_t lock; /* guards ready, ahead, status, after, stop */
    pthread_cond_t changed;
    bool stop;
    bool any;       /* a hit was given */
    int64_t last_ms; /* its time; INT64_MAX: it has none */
    gt_arena *seen_arena; /* ids given at last_ms, for a new view */
    gt_json *seen;
    gt_search_counts counts;
};

#define KEEP_ALIVE "5m"
/* Views that may be lost in one search before it is given up. */
#define RESTARTS_MAX 20

/* --- requests ------------------------------------------------------------------------------------- */

static gt_status open_view(gt_search *s)
{
    gt_json *answer = NULL;
    bool open = s->server == GT_DSL_OPENSEARCH;
    gt_str path = gt_arena_printf(s->arena, "/%.*s/%s?keep_alive=" KEEP_ALIVE, GT_STR_ARG(s->options.index),
                                  open ? "_search/point_in_time" : "_pit");
    if (!path.ptr)
        return gt_arena_status(s->arena);
    GT_TRY(gt_cluster_json(s->cluster, s->arena, "POST", path, NULL, &answer));
    s->view = gt_json_path_str(answer, open ? "pit_id" : "id");
    return s->view.len ? GT_OK : GT_IO;
}

/* Views end by themselves; giving them back is only polite. */
static void close_view(gt_search *s)
{
    gt_json *body = gt_json_new_object(s->arena);
    bool open = s->server == GT_DSL_OPENSEARCH;
    if (!s->view.len)
        return;
    if (open) {
        gt_json *list = gt_json_new_array(s->arena);
        gt_json_append(list, gt_json_new_str(s->arena, s->view));
        gt_json_setl(body, "pit_id", list);
    } else {
        gt_json_setl(body, "id", gt_json_new_str(s->arena, s->view));
    }
    gt_str path = open ? GT_STR("/_search/point_in_time") : GT_STR("/_pit");
    gt_status ignored = gt_cluster_json(s->cluster, s->arena, "DELETE", path, body, NULL);
    (void)ignored;
    s->view = GT_STR_NULL;
}

static gt_status count_slices(gt_search *s)
{
    gt_json *answer = NULL;
    s->slice_count = s->options.slices;
    if (!s->slice_count) {
        gt_str path = gt_arena_printf(s->arena, "/%.*s/_search_shards?filter_path=shards.shard",
                                      GT_STR_ARG(s->options.index));
        if (!path.ptr)
            return gt_arena_status(s->arena);
        GT_TRY(gt_cluster_json(s->cluster, s->arena, "GET", path, NULL, &answer));
        const gt_json *shards = gt_json_getl(answer, "shards");
        s->slice_count = shards ? shards->count : 1;
    }
    if (s->slice_count > GT_SEARCH_SLICES_MAX)
        s->slice_count = GT_SEARCH_SLICES_MAX;
    if (!s->slice_count)
        s->slice_count = 1;
    return GT_OK;
}

/* The query, from the last hit's time on. */
static gt_json *bounded_query(const gt_search *s, gt_arena *arena)
{
    gt_json *filter = gt_json_new_array(arena), *root = gt_json_new_object(arena);
    if (s->options.query)
        gt_json_append(filter, gt_json_copy(arena, s->options.query, false));
    if (s->any && s->last_ms != INT64_MAX) {
        gt_json *both = gt_json_new_object(arena), *should = gt_json_new_array(arena);
        gt_json *from = gt_json_new_object(arena), *none = gt_json_new_object(arena);
        gt_json_setl(gt_json_setl(gt_json_setl(from, "range", gt_json_new_object(arena)),
                                  "@timestamp", gt_json_new_object(arena)),
                     "gte", gt_json_new_i64(arena, s->last_ms));
        gt_json_setl(gt_json_getl(gt_json_getl(from, "range"), "@timestamp"), "format",
                     gt_json_new_str(arena, GT_STR("epoch_millis")));
        gt_json_set_path(arena, none, "bool.must_not.exists.field",
                         gt_json_new_str(arena, GT_STR("@timestamp")));
        gt_json_append(should, from);
        gt_json_append(should, none);
        gt_json_set_path(arena, both, "bool.should", should);
        gt_json_append(filter, both);
    } else if (s->any) {
        gt_json *none = gt_json_new_object(arena);
        gt_json_set_path(arena, none, "bool.must_not.exists.field",
                         gt_json_new_str(arena, GT_STR("@timestamp")));
        gt_json_append(filter, none);
    }
    gt_json_set_path(arena, root, "bool.filter", filter);
    return root;
}

static gt_json *sort_by(gt_arena *arena, const char *field, const char *type)
{
    gt_json *o = gt_json_new_object(arena), *how = gt_json_new_object(arena);
    gt_json_setl(how, "order", gt_json_new_str(arena, GT_STR("asc")));
    gt_json_setl(how, "unmapped_type", gt_json_new_str(arena, gt_str_c(type)));
    gt_json_set(o, gt_str_c(field), how);
    return o;
}

static gt_json *page_body(const slice *sl, gt_arena *arena)
{
    const gt_search *s = sl->search;
    gt_json *body = gt_json_new_object(arena), *sort = gt_json_new_array(arena);
    size_t size = s->options.page ? s->options.page : GT_SEARCH_PAGE;
    gt_json_append(sort, sort_by(arena, "@timestamp", "date"));
    gt_json_append(sort, sort_by(arena, "event.id", "keyword"));
    gt_json *shard = gt_json_new_object(arena);
    gt_json_setl(shard, "_shard_doc", gt_json_new_str(arena, GT_STR("asc")));
    gt_json_append(sort, shard);
    gt_json_set_path(arena, body, "pit.id", gt_json_new_str(arena, s->view));
    gt_json_set_path(arena, body, "pit.keep_alive", gt_json_new_str(arena, GT_STR(KEEP_ALIVE)));
    gt_json_setl(body, "size", gt_json_new_i64(arena, (int64_t)size));
    gt_json_setl(body, "query", bounded_query(s, arena));
    gt_json_setl(body, "sort", sort);
    gt_json_setl(body, "track_total_hits", gt_json_new_bool(arena, false));
    if (s->slice_count > 1) {
        gt_json_set_path(arena, body, "slice.id", gt_json_new_i64(arena, sl->id));
        gt_json_set_path(arena, body, "slice.max", gt_json_new_i64(arena, s->slice_count));
    }
    if (sl->after)
        gt_json_setl(body, "search_after", gt_json_copy(arena, sl->after, false));
    return body;
}

static gt_status read_page(slice *sl, page *ret)
{
    gt_json *answer = NULL;
    size_t size = sl->search->options.page ? sl->search->options.page : GT_SEARCH_PAGE;
    gt_arena *arena = gt_arena_new(GT_CLUSTER_BODY_MAX * 8);
    if (!arena)
        return GT_NOMEM;
    gt_json *body = page_body(sl, arena);
    gt_status status = body ? gt_cluster_json(sl->cluster, arena, "POST",
                                              GT_STR("/_search?allow_partial_search_results=false"),
                                              body, &answer)
                            : GT_NOMEM;
    if (status != GT_OK) {
        gt_arena_free(arena);
        return status;
    }
    const gt_json *hits = gt_json_path(answer, "hits.hits");
    ret->arena = arena;
    ret->hit = gt_json_first(hits);
    ret->count = hits ? hits->count : 0;
    ret->last = ret->count < size;
    if (hits && hits->last) {
        gt_arena_reset(sl->after_arena, GT_KIB);
        sl->after = gt_json_copy(sl->after_arena, gt_json_getl(hits->last, "sort"), true);
        if (!sl->after)
            return GT_NOMEM;
    }
    return GT_OK;
}

/* --- slices --------------------------------------------------------------------------------------- */

static void *slice_main(void *opaque)
{
    slice *sl = opaque;
    gt_search *s = sl->search;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (sl->ready) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        page made = {0};
        gt_status status = read_page(sl, &made);
        pthread_mutex_lock(&s->lock);
        sl->ahead = made;
        sl->status = status;
        sl->ready = true;
        s->counts.pages++;
        pthread_cond_broadcast(&s->changed);
        if (status != GT_OK || made.last)
            break;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static gt_status start_slices(gt_search *s)
{
    s->stop = false;
    for (unsigned i = 0; i < s->slice_count; i++) {
        slice *sl = &s->slices[i];
        sl->search = s;
        sl->id = i;
        sl->after = NULL;
        sl->ready = false;
        sl->status = GT_OK;
        if (!sl->cluster)
            sl->cluster = gt_cluster_new(s->options.cluster);
        if (!sl->after_arena)
            sl->after_arena = gt_arena_new(GT_MIB);
        if (!sl->cluster || !sl->after_arena ||
            pthread_create(&sl->thread, NULL, slice_main, sl) != 0)
            return GT_NOMEM;
        sl->started = true;
    }
    return GT_OK;
}

static void stop_slices(gt_search *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->slice_count; i++) {
        slice *sl = &s->slices[i];
        if (sl->started)
            (void)pthread_join(sl->thread, NULL);
        sl->started = false;
        gt_arena_free(sl->now.arena);
        gt_arena_free(sl->ahead.arena);
        sl->now = sl->ahead = (page){0};
    }
    s->given = NULL;
}

/* See to it that the slice's page has a hit, or that it has none left. */
static gt_status fill(gt_search *s, slice *sl)
{
    while (!sl->now.hit && !(sl->now.arena && sl->now.last)) {
        pthread_mutex_lock(&s->lock);
        while (!sl->ready)
            pthread_cond_wait(&s->changed, &s->lock);
        gt_status status = sl->status;
        gt_arena_free(sl->now.arena);
        sl->now = sl->ahead;
        sl->ahead = (page){0};
        sl->ready = false;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
        GT_TRY(status);
    }
    return GT_OK;
}

/* --- the merge ------------------------------------------------------------------------------------ */

static int64_t hit_ms(const gt_json *hit)
{
    int64_t ms;
    return gt_json_i64(gt_json_first(gt_json_getl(hit, "sort")), &ms) ? ms : INT64_MAX;
}

static gt_str hit_event(const gt_json *hit)
{
    const gt_json *first = gt_json_first(gt_json_getl(hit, "sort"));
    return first ? gt_json_str(first->next) : GT_STR_NULL;
}

/* Without an event.id a hit comes behind those that have one, as the server sorts them. */
static bool comes_before(const gt_json *a, const gt_json *b)
{
    int64_t x = hit_ms(a), y = hit_ms(b);
    if (x != y)
        return x < y;
    gt_str i = hit_event(a), k = hit_event(b);
    if (!i.ptr || !k.ptr)
        return i.ptr != NULL;
    return gt_str_cmp(i, k) < 0;
}

/* Was it given before the view was lost? */
static bool was_given(gt_search *s, const gt_json *hit)
{
    return s->any && s->counts.restarts && hit_ms(hit) == s->last_ms &&
           gt_json_get(s->seen, gt_json_path_str(hit, "_id")) != NULL;
}

static gt_status remember(gt_search *s, const gt_json *hit)
{
    int64_t ms = hit_ms(hit);
    if (!s->any || ms != s->last_ms || !s->seen) {
        gt_arena_reset(s->seen_arena, GT_MIB);
        s->seen = gt_json_new_object(s->seen_arena);
    }
    s->any = true;
    s->last_ms = ms;
    gt_str id = gt_arena_dup(s->seen_arena, gt_json_path_str(hit, "_id"));
    if (!id.ptr || !gt_json_add(s->seen, id, gt_json_new_null(s->seen_arena)))
        return gt_arena_status(s->seen_arena);
    return GT_OK;
}

static gt_status begin(gt_search *s)
{
    gt_arena_reset(s->arena, GT_MIB);
    GT_TRY(open_view(s));
    GT_TRY(count_slices(s));
    return start_slices(s);
}

/* The status with which a slice lost its view, not its way. */
static bool view_is_lost(gt_status status, const gt_cluster *cluster)
{
    gt_str why = gt_cluster_message(cluster);
    return status == GT_NOTFOUND || status == GT_RETRY ||
           (status == GT_INVALID && (gt_str_find(why, GT_STR("search_context")) != GT_NPOS ||
                                     gt_str_find(why, GT_STR("search_phase_execution")) != GT_NPOS ||
                                     gt_str_find(why, GT_STR("node_disconnected")) != GT_NPOS));
}

static gt_status choose(gt_search *s, slice **ret, slice **reterr)
{
    slice *best = NULL;
    if (s->given)
        s->given->now.hit = s->given->now.hit->next;
    s->given = NULL;
    for (unsigned i = 0; i < s->slice_count; i++) {
        slice *sl = &s->slices[i];
        gt_status status = fill(s, sl);
        if (status != GT_OK) {
            *reterr = sl;
            return status;
        }
        if (sl->now.hit && (!best || comes_before(sl->now.hit, best->now.hit)))
            best = sl;
    }
    *ret = best;
    return best ? GT_OK : GT_END;
}

static gt_status next_hit(gt_search *s, gt_hit *ret, gt_buf *reterr_message)
{
    for (;;) {
        slice *best = NULL, *bad = NULL;
        gt_status status = choose(s, &best, &bad);
        if (status == GT_END)
            return GT_END;
        if (status != GT_OK) {
            const gt_net_env *env = s->options.cluster->env;
            bool stopped = env->stopped && env->stopped(env->ctx);
            bool again = view_is_lost(status, bad->cluster) && !stopped &&
                         s->counts.restarts < RESTARTS_MAX;
            if (!again)
                gt_buf_add(reterr_message, gt_cluster_message(bad->cluster));
            stop_slices(s);
            if (!again)
                return status;
            s->counts.restarts++;
            env->sleep(env->ctx, 200);
            status = begin(s);
            if (status != GT_OK) {
                gt_buf_add(reterr_message, gt_cluster_message(s->cluster));
                return status;
            }
            continue;
        }
        s->given = best;
        gt_json *hit = best->now.hit;
        if (was_given(s, hit))
            continue;
        GT_TRY(remember(s, hit));
        s->counts.hits++;
        *ret = (gt_hit){gt_json_path_str(hit, "_id"), gt_json_path_str(hit, "_index"),
                        gt_json_getl(hit, "_source")};
        return GT_OK;
    }
}

gt_status gt_search_next(gt_search *search, gt_hit *ret, gt_buf *reterr_message)
{
    return next_hit(search, ret, reterr_message);
}

gt_status gt_search_open(const gt_search_options *options, gt_search **ret, gt_buf *reterr_message)
{
    gt_search *s = gt_calloc(1, sizeof *s);
    if (!s)
        return GT_NOMEM;
    s->options = *options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->arena = gt_arena_new(64 * GT_MIB);
    s->seen_arena = gt_arena_new(GT_CLUSTER_BODY_MAX);
    s->cluster = gt_cluster_new(options->cluster);
    gt_status status = s->arena && s->seen_arena && s->cluster ? GT_OK : GT_NOMEM;
    if (status == GT_OK)
        status = gt_cluster_server(s->cluster, &s->server);
    if (status == GT_OK)
        status = begin(s);
    if (status != GT_OK) {
        if (s->cluster)
            gt_buf_add(reterr_message, gt_cluster_message(s->cluster));
        gt_search_close(s, NULL);
        return status;
    }
    *ret = s;
    return GT_OK;
}

void gt_search_close(gt_search *s, gt_search_counts *ret_counts)
{
    if (!s)
        return;
    stop_slices(s);
    if (s->cluster && s->arena)
        close_view(s);
    if (ret_counts)
        *ret_counts = s->counts;
    for (unsigned i = 0; i < GT_SEARCH_SLICES_MAX; i++) {
        gt_cluster_free(s->slices[i].cluster);
        gt_arena_free(s->slices[i].after_arena);
    }
    gt_cluster_free(s->cluster);
    gt_arena_free(s->arena);
    gt_arena_free(s->seen_arena);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    gt_free(s);
}

gt_status gt_search_count(gt_cluster *cluster, gt_arena *arena, gt_str index, const gt_json *query,
                          uint64_t *ret)
{
    gt_json *body = gt_json_new_object(arena), *answer = NULL;
    int64_t count = 0;
    gt_str path = gt_arena_printf(arena, "/%.*s/_count", GT_STR_ARG(index));
    if (query)
        gt_json_setl(body, "query", gt_json_copy(arena, query, false));
    if (!path.ptr || !body)
        return gt_arena_status(arena);
    GT_TRY(gt_cluster_json(cluster, arena, "POST", path, body, &answer));
    int64_t failed = 0;
    if (!gt_json_i64(gt_json_getl(answer, "count"), &count) ||
        !gt_json_i64(gt_json_path(answer, "_shards.failed"), &failed) || failed)
        return GT_RETRY; /* a part of the shards is no count */
    *ret = (uint64_t)count;
    return GT_OK;
}
