#include "sink/webhook/post.h"

#include "base/limits.h"
#include "base/mem.h"

#define ANSWER_SHOWN 200 /* bytes of a refusal's body in the reason */

typedef struct post {
    gt_http *http;
    gt_http_response response;
} post;

void sink_post_close(gt_sink *sink)
{
    post *p = sink->own;
    if (!p)
        return;
    gt_http_response_done(&p->response);
    gt_http_free(p->http);
    gt_free(p);
    sink->own = NULL;
}

gt_status sink_post_open(gt_sink *sink, gt_buf *reterr_message)
{
    gt_url url;
    if (!gt_url_parse(gt_config_str(sink->section, GT_CONFIG_SINK_URL), &url)) {
        gt_buf_lit(reterr_message, "its url is no http or https URL");
        return GT_INVALID;
    }
    post *p = gt_calloc(1, sizeof *p);
    if (!p)
        return GT_NOMEM;
    gt_http_response_init(&p->response);
    sink->own = p;
    gt_http_options options = {.env = sink->env,
                               .ca_file = gt_config_str(sink->section, GT_CONFIG_SINK_CA_FILE).ptr};
    p->http = gt_http_new(&options);
    return p->http ? GT_OK : GT_NOMEM;
}

/* "HTTP 500: the body's beginning" */
static gt_str refusal(gt_arena *batch, const gt_http_response *r)
{
    gt_str body = gt_str_head(gt_str_trim(gt_buf_str(&r->body)), ANSWER_SHOWN);
    return gt_arena_printf(batch, "HTTP %d%s%.*s", r->status, body.len ? ": " : "",
                           GT_STR_ARG(body));
}

static int64_t retry_after(const gt_http_response *r)
{
    int64_t seconds;
    gt_str text = gt_str_trim(gt_http_response_header(r, GT_STR("Retry-After")));
    return gt_str_to_i64(text, &seconds) && seconds > 0 && seconds < 86400 ? seconds * 1000 : 0;
}

void sink_post(gt_sink *sink, gt_arena *batch, const gt_http_header *headers, size_t header_count,
               gt_str body, gt_sink_item *items, size_t count)
{
    post *p = sink->own;
    gt_http_request request = {.method = "POST",
                               .url = gt_config_str(sink->section, GT_CONFIG_SINK_URL),
                               .headers = headers,
                               .header_count = header_count,
                               .body = body,
                               .has_body = true,
                               .timeout_ms = gt_config_number(sink->section,
                                                              GT_CONFIG_SINK_TIMEOUT)};
    gt_status status = gt_http_send(p->http, &request, &p->response);
    if (status == GT_LIMIT) { /* of the answer, whose length does not matter */
        gt_sink_answer_all(items, count, gt_sink_answer_http(p->response.status),
                           gt_arena_printf(batch, "HTTP %d", p->response.status));
        return;
    }
    if (status != GT_OK) {
        gt_str why = gt_str_c(p->response.message);
        gt_sink_answer_all(items, count, GT_SINK_RETRY,
                           gt_arena_dup(batch, why.len ? why : gt_str_c(gt_status_text(status))));
        return;
    }
    sink->retry_after_ms = retry_after(&p->response);
    gt_sink_answer_all(items, count, gt_sink_answer_http(p->response.status),
                       refusal(batch, &p->response));
}

gt_str sink_base64(gt_arena *arena, gt_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = gt_arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1), *p = out;
    if (!out)
        return GT_STR_NULL;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = 0;
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < have ? (unsigned char)bytes.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *p++ = k <= have ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    *p = '\0';
    return (gt_str){out, (size_t)(p - out)};
}
