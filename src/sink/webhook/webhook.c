/* An alert a request: JSON over HTTP. Idempotency-Key is the alert's id, for receivers that know
 * it. */
#include "base/limits.h"
#include "sink/webhook/post.h"

static gt_str basic_auth(gt_arena *arena, gt_str user, gt_str password)
{
    gt_str plain = gt_arena_printf(arena, "%.*s:%.*s", GT_STR_ARG(user), GT_STR_ARG(password));
    return plain.ptr ? sink_base64(arena, plain) : GT_STR_NULL;
}

/* Content-Type, Idempotency-Key, Authorization and the configured ones. */
static size_t make_headers(const gt_sink *sink, gt_arena *batch, gt_str id, gt_http_header **ret)
{
    const gt_config_value *own = gt_config_value_of(sink->section, GT_CONFIG_SINK_HEADERS);
    gt_str user = gt_config_str(sink->section, GT_CONFIG_SINK_USERNAME);
    gt_str password = gt_config_str(sink->section, GT_CONFIG_SINK_PASSWORD);
    gt_http_header *headers = gt_arena_array(batch, gt_http_header, own->count + 3);
    size_t n = 0;
    if (!headers)
        return 0;
    headers[n++] = (gt_http_header){GT_STR("Content-Type"), GT_STR("application/json")};
    headers[n++] = (gt_http_header){GT_STR("Idempotency-Key"), id};
    if (user.len)
        headers[n++] = (gt_http_header){
            GT_STR("Authorization"),
            gt_arena_printf(batch, "Basic %.*s", GT_STR_ARG(basic_auth(batch, user, password)))};
    for (size_t i = 0; i < own->count; i++)
        headers[n++] = (gt_http_header){own->pairs[i].name, own->pairs[i].value};
    *ret = headers;
    return n;
}

static void webhook_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gt_http_header *headers = NULL;
        size_t n = make_headers(sink, batch, items[i].row->id, &headers);
        if (!n)
            return;
        sink_post(sink, batch, headers, n, items[i].row->text, &items[i], 1);
        if (items[i].answer == GT_SINK_RETRY) {
            /* the others would fare no better now */
            gt_sink_answer_all(items + i + 1, count - i - 1, GT_SINK_RETRY, items[i].reason);
            return;
        }
    }
}

const gt_sink_ops gt_sink_webhook = {"webhook", 50, sink_post_open, webhook_send, sink_post_close};
