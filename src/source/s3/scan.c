#include "source/s3/scan.h"

#include "base/limits.h"
#include "base/mem.h"
#include "source/s3/objects.h"

#include <pthread.h>

#define DAY_MS (24 * 3600 * (int64_t)1000)

struct gt_s3_scan {
    gt_aws *aws;
    gt_s3_pool *pool;
    pthread_mutex_t lock; /* of the texts */
    gt_arena *texts;      /* reasons */
};

gt_s3_scan *gt_s3_scan_new(gt_aws *aws)
{
    gt_s3_scan *scan = gt_calloc(1, sizeof *scan);
    if (!scan)
        return NULL;
    scan->aws = aws;
    pthread_mutex_init(&scan->lock, NULL);
    scan->pool = gt_s3_pool_new(aws);
    scan->texts = gt_arena_new(GT_FEED_ARENA_MAX);
    if (!scan->pool || !scan->texts) {
        gt_s3_scan_free(scan);
        return NULL;
    }
    return scan;
}

void gt_s3_scan_free(gt_s3_scan *scan)
{
    if (!scan)
        return;
    gt_s3_pool_free(scan->pool);
    gt_arena_free(scan->texts);
    pthread_mutex_destroy(&scan->lock);
    gt_free(scan);
}

/* --- listing --------------------------------------------------------------------------------------- */

typedef struct listing {
    gt_s3_scan *scan;
    gt_arena *arena; /* of the inputs */
    const gt_input_filter *filter;
    gt_inputs *out;
    size_t cap;
    gt_s3 s3;
    gt_aws_response response;
} listing;

static gt_status add_object(listing *l, const gt_s3_object *object)
{
    gt_inputs *out = l->out;
    if (gt_s3_key_kind_of(object->key) == GT_S3_KEY_OTHER) {
        out->ignored++;
        return GT_OK;
    }
    gt_str name = gt_arena_printf(l->arena, "s3://%s/%.*s", l->s3.bucket, GT_STR_ARG(object->key));
    if (!name.ptr)
        return gt_arena_status(l->arena);
    gt_input input = {.name = name, .size = object->size, .key = gt_input_key_parse(name)};
    if (l->filter && !gt_input_key_passes(&input.key, l->filter)) {
        out->pruned++;
        return GT_OK;
    }
    if (out->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        out->items = gt_arena_grow(l->arena, out->items, l->cap * sizeof *out->items,
                                   cap * sizeof *out->items);
        if (!out->items)
            return gt_arena_status(l->arena);
        l->cap = cap;
    }
    out->items[out->count++] = input;
    out->bytes += input.size;
    return GT_OK;
}

/* One page; its token for the next one in *token_arena. */
static gt_status list_page(listing *l, const gt_s3_list *list, gt_arena *page_arena, gt_s3_page *page,
                           gt_buf *reterr)
{
    gt_status status = gt_s3_list_page(&l->s3, list, page_arena, &l->response, page);
    if (status != GT_OK)
        gt_buf_printf(reterr, "s3://%s/%.*s: %s%s%s", l->s3.bucket, GT_STR_ARG(list->prefix),
                      l->response.code, l->response.code[0] ? ": " : "",
                      l->response.message[0] ? l->response.message : gt_status_text(status));
    return status;
}

/* Everything below the prefix, behind `after`, up to keys that begin with or before `last` (empty: all). */
static gt_status list_flat(listing *l, gt_str prefix, gt_str after, gt_str last, gt_buf *reterr)
{
    gt_arena *arena = gt_arena_new(GT_FEED_ARENA_MAX), *next = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_status status = arena && next ? GT_OK : GT_NOMEM;
    gt_s3_list list = {.prefix = prefix, .start_after = after};
    for (bool more = true; more && status == GT_OK;) {
        gt_s3_page page;
        gt_arena_reset(next, GT_MIB);
        status = list_page(l, &list, next, &page, reterr);
        for (size_t i = 0; status == GT_OK && i < page.count; i++) {
            gt_str key = page.objects[i].key;
            more = !last.len || gt_str_cmp(gt_str_head(key, last.len), last) <= 0;
            if (!more)
                break;
            status = add_object(l, &page.objects[i]);
        }
        more = status == GT_OK && more && page.next.ptr;
        list.continuation = more ? page.next : GT_STR_NULL;
        gt_arena *swap = arena; /* the token lives in the page's arena until the next page is there */
        arena = next;
        next = swap;
    }
    gt_arena_free(arena);
    gt_arena_free(next);
    return status;
}

static gt_str day_of(gt_arena *arena, gt_str prefix, gt_time_ms t)
{
    int64_t day = t / DAY_MS - (t % DAY_MS < 0);
    gt_civil c = gt_civil_from_days(day);
    return gt_arena_printf(arena, "%.*s%04d/%02d/%02d", GT_STR_ARG(prefix), c.year, c.month, c.day);
}

/* …/CloudTrail/REGION/: only the days that the filter's times can reach, a day more on each side. */
static gt_status list_days(listing *l, gt_str prefix, gt_arena *arena, gt_buf *reterr)
{
    const gt_input_filter *f = l->filter;
    gt_str after = GT_STR_NULL, last = GT_STR_NULL;
    if (f->has_since)
        after = day_of(arena, prefix, f->since - 2 * DAY_MS);
    if (f->has_until)
        last = day_of(arena, prefix, f->until + 2 * DAY_MS);
    if ((f->has_since && !after.ptr) || (f->has_until && !last.ptr))
        return gt_arena_status(arena);
    return list_flat(l, prefix, after, last, reterr);
}

/* Does the prefix end right behind …/CloudTrail/REGION/ (or a sister of it)? */
static bool is_region_prefix(gt_str prefix)
{
    if (!prefix.len || prefix.ptr[prefix.len - 1] != '/')
        return false;
    gt_str rest = gt_str_head(prefix, prefix.len - 1);
    size_t slash = gt_str_rfind_byte(rest, '/');
    gt_str above = slash == GT_NPOS ? GT_STR("") : gt_str_head(rest, slash);
    return gt_str_ends(above, GT_STR("/CloudTrail")) ||
           gt_str_ends(above, GT_STR("/CloudTrail-Insight")) ||
           gt_str_ends(above, GT_STR("/CloudTrail-Digest"));
}

/* Folder by folder down to the regions; deeper and elsewhere, flat. */
static gt_status list_walk(listing *l, gt_str prefix, unsigned depth, gt_buf *reterr)
{
    gt_arena *arena = gt_arena_new(GT_FEED_ARENA_MAX);
    gt_status status = arena ? GT_OK : GT_NOMEM;
    if (status == GT_OK && is_region_prefix(prefix)) {
        status = list_days(l, prefix, arena, reterr);
    } else if (status == GT_OK && depth > 8) {
        status = list_flat(l, prefix, GT_STR_NULL, GT_STR_NULL, reterr);
    } else {
        gt_s3_list list = {.prefix = prefix, .delimiter = GT_STR("/")};
        for (bool more = true; more && status == GT_OK;) {
            gt_s3_page page;
            status = list_page(l, &list, arena, &page, reterr);
            for (size_t i = 0; status == GT_OK && i < page.prefix_count; i++)
                status = list_walk(l, page.prefixes[i], depth + 1, reterr);
            for (size_t i = 0; status == GT_OK && i < page.count; i++)
                status = add_object(l, &page.objects[i]);
            more = status == GT_OK && page.next.ptr;
            list.continuation = more ? page.next : GT_STR_NULL;
        }
    }
    gt_arena_free(arena);
    return status;
}

gt_status gt_s3_scan_expand(gt_s3_scan *scan, gt_arena *arena, gt_str uri,
                            const gt_input_filter *filter, gt_inputs *ret, gt_buf *reterr_message)
{
    gt_inputs out = {0};
    listing l = {.scan = scan, .arena = arena, .filter = filter, .out = &out};
    gt_str bucket, prefix;
    gt_aws_client *client = gt_s3_pool_take(scan->pool);
    if (!client)
        return GT_NOMEM;
    gt_aws_response_init(&l.response);
    gt_status status = GT_INVALID;
    if (gt_s3_uri_parse(uri, &bucket, &prefix))
        status = gt_s3_init(&l.s3, client, bucket, GT_STR(""));
    if (status != GT_OK)
        gt_buf_printf(reterr_message, "%.*s: no bucket has this name", GT_STR_ARG(uri));
    else if (filter && (filter->has_since || filter->has_until))
        status = list_walk(&l, prefix, 0, reterr_message);
    else
        status = list_flat(&l, prefix, GT_STR_NULL, GT_STR_NULL, reterr_message);
    gt_aws_response_done(&l.response);
    gt_s3_pool_give(scan->pool, client);
    if (status == GT_OK)
        *ret = out;
    return status;
}

/* --- fetching -------------------------------------------------------------------------------------- */

static const char *keep_reason(gt_s3_scan *scan, const gt_aws_response *r, gt_status status)
{
    pthread_mutex_lock(&scan->lock);
    gt_str text = gt_arena_printf(scan->texts, "%s%s%s", r->code, r->code[0] ? ": " : "",
                                  r->message[0] ? r->message : gt_status_text(status));
    pthread_mutex_unlock(&scan->lock);
    return text.ptr ? text.ptr : gt_status_text(status);
}

gt_status gt_s3_scan_fetch(gt_s3_scan *scan, const gt_input *input, gt_buf *ret_bytes,
                           const char **reterr_reason)
{
    gt_aws_client *client = gt_s3_pool_take(scan->pool);
    if (!client)
        return GT_NOMEM;
    gt_str bucket, key;
    gt_s3 s3;
    gt_aws_response response;
    gt_aws_response_init(&response);
    gt_status status = GT_INVALID;
    if (gt_s3_uri_parse(input->name, &bucket, &key))
        status = gt_s3_init(&s3, client, bucket, GT_STR(""));
    if (status == GT_OK)
        status = gt_s3_get(&s3, key, GT_OBJECT_BYTES_MAX, &response);
    if (status == GT_OK) {
        *ret_bytes = response.http.body; /* ours from now on */
        response.http.body = GT_BUF(0);
    } else {
        *reterr_reason = keep_reason(scan, &response, status);
    }
    gt_aws_response_done(&response);
    gt_s3_pool_give(scan->pool, client);
    return status == GT_OK || status == GT_NOMEM ? status : GT_IO;
}
