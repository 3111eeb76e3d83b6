#include "source/sqs/notice.h"

#include "base/limits.h"
#include "json/json.h"
#include "net/net.h"

#define WRAPPINGS_MAX 4

static gt_status parse_at(gt_arena *arena, gt_str body, unsigned depth, gt_notice *ret);

/* S3's notification encodes keys as a form does. */
static gt_str decode_key(gt_arena *arena, gt_str key)
{
    gt_buf plain = GT_BUF(64 * GT_KIB);
    gt_url_decode(&plain, key, true);
    gt_str copy = gt_buf_status(&plain) == GT_OK && plain.len
                      ? gt_arena_dup(arena, gt_buf_str(&plain))
                      : GT_STR_NULL;
    gt_buf_done(&plain);
    return copy;
}

static gt_status add(gt_notice *notice, gt_notice_object object)
{
    if (!object.bucket.len || !object.key.len)
        return GT_INVALID;
    notice->objects[notice->count++] = object;
    return GT_OK;
}

static gt_time_ms time_at(const gt_json *node, const char *path)
{
    gt_time_ms t;
    return gt_time_parse(gt_json_path_str(node, path), &t) ? t : 0;
}

static gt_status from_s3(gt_arena *arena, const gt_json *records, gt_notice *ret)
{
    gt_notice notice = {.objects = gt_arena_array(arena, gt_notice_object, records->count + 1)};
    if (!notice.objects)
        return gt_arena_status(arena);
    for (const gt_json *r = gt_json_first(records); r; r = r->next) {
        gt_str event = gt_json_path_str(r, "eventName");
        bool created = gt_str_starts(event, GT_STR("ObjectCreated:")) ||
                       gt_str_starts(event, GT_STR("s3:ObjectCreated:")) ||
                       gt_str_starts(event, GT_STR("ObjectRestore:Completed"));
        if (event.len && !created)
            continue;
        gt_notice_object object = {.bucket = gt_json_path_str(r, "s3.bucket.name"),
                                   .key = decode_key(arena, gt_json_path_str(r, "s3.object.key")),
                                   .region = gt_json_path_str(r, "awsRegion"),
                                   .at = time_at(r, "eventTime")};
        GT_TRY(add(&notice, object));
    }
    notice.empty = notice.count == 0;
    *ret = notice;
    return GT_OK;
}

static gt_status from_event_bridge(gt_arena *arena, const gt_json *root, gt_notice *ret)
{
    gt_notice notice = {.objects = gt_arena_array(arena, gt_notice_object, 1)};
    if (!notice.objects)
        return gt_arena_status(arena);
    if (gt_str_is(gt_json_path_str(root, "detail-type"), "Object Created")) {
        gt_notice_object object = {.bucket = gt_json_path_str(root, "detail.bucket.name"),
                                   .key = gt_json_path_str(root, "detail.object.key"),
                                   .region = gt_json_path_str(root, "region"),
                                   .at = time_at(root, "time")};
        GT_TRY(add(&notice, object));
    }
    notice.empty = notice.count == 0;
    *ret = notice;
    return GT_OK;
}

static gt_status from_trail(gt_arena *arena, const gt_json *root, gt_notice *ret)
{
    const gt_json *keys = gt_json_getl(root, "s3ObjectKey");
    gt_notice notice = {.objects = gt_arena_array(arena, gt_notice_object, keys->count + 1)};
    if (!notice.objects)
        return gt_arena_status(arena);
    for (const gt_json *k = gt_json_first(keys); k; k = k->next) {
        gt_notice_object object = {.bucket = gt_json_path_str(root, "s3Bucket"),
                                   .key = gt_json_str(k)};
        GT_TRY(add(&notice, object));
    }
    notice.empty = notice.count == 0;
    *ret = notice;
    return GT_OK;
}

static gt_status parse_at(gt_arena *arena, gt_str body, unsigned depth, gt_notice *ret)
{
    gt_json *root = NULL;
    if (depth > WRAPPINGS_MAX)
        return GT_INVALID;
    gt_status status = gt_json_parse(arena, body, &root, NULL);
    if (status != GT_OK)
        return status == GT_NOMEM ? status : GT_INVALID;
    const gt_json *records = gt_json_getl(root, "Records");
    if (gt_json_is(records, GT_JSON_ARRAY))
        return from_s3(arena, records, ret);
    if (gt_str_is(gt_json_path_str(root, "Event"), "s3:TestEvent")) {
        *ret = (gt_notice){.empty = true};
        return GT_OK;
    }
    if (gt_str_ends(gt_json_path_str(root, "detail-type"), GT_STR("via CloudTrail"))) {
        *ret = (gt_notice){.events = true};
        return GT_OK;
    }
    if (gt_json_path_str(root, "detail-type").ptr && gt_json_getl(root, "detail"))
        return from_event_bridge(arena, root, ret);
    if (gt_json_is(gt_json_getl(root, "s3ObjectKey"), GT_JSON_ARRAY))
        return from_trail(arena, root, ret);
    gt_str inner = gt_json_path_str(root, "Message"); /* SNS */
    if (inner.ptr) {
        if (gt_str_starts(inner, GT_STR("CloudTrail validation message."))) {
            *ret = (gt_notice){.empty = true}; /* sent once, when a trail gets its topic */
            return GT_OK;
        }
        return parse_at(arena, inner, depth + 1, ret);
    }
    return GT_INVALID;
}

gt_status gt_notice_parse(gt_arena *arena, gt_str body, gt_notice *ret)
{
    return parse_at(arena, body, 0, ret);
}
