/* OpenSearch and Elasticsearch: _bulk with create-only ids, so that an alert sent twice is there
 * once, and one that people changed there is never overwritten. */
#include "cluster/cluster.h"
#include "cluster/template.h"

#include "base/limits.h"
#include "base/mem.h"
#include "sink/sink_internal.h"

typedef struct opensearch {
    gt_arena *arena;
    gt_aws *aws;
    gt_cluster *cluster;
    gt_cluster_options options;
    gt_str path;
    bool template_done;
} opensearch;

static void opensearch_close(gt_sink *sink)
{
    opensearch *o = sink->own;
    if (!o)
        return;
    gt_cluster_free(o->cluster);
    gt_aws_close(o->aws);
    gt_arena_free(o->arena);
    gt_free(o);
    sink->own = NULL;
}

static const char *text_or_null(const gt_sink *sink, gt_config_key_id key)
{
    gt_str s = gt_config_str(sink->section, key);
    return s.len ? s.ptr : NULL;
}

static gt_status connect_cluster(gt_sink *sink, opensearch *o, gt_buf *reterr_message)
{
    gt_str *url = gt_arena_new_of(o->arena, gt_str), rest;
    gt_str index = gt_config_str(sink->section, GT_CONFIG_SINK_INDEX);
    if (!url)
        return GT_NOMEM;
    if (!gt_cluster_url_split(o->arena, gt_config_str(sink->section, GT_CONFIG_SINK_URL), url,
                              &rest)) {
        gt_buf_lit(reterr_message, "its url is no http or https URL of a node");
        return GT_INVALID;
    }
    if (gt_config_has(sink->section, GT_CONFIG_SINK_SIGN))
        GT_TRY(sink_aws_open(sink, &o->aws, reterr_message));
    o->options = (gt_cluster_options){
        .env = sink->env,
        .urls = url,
        .url_count = 1,
        .user = text_or_null(sink, GT_CONFIG_SINK_USERNAME),
        .password = text_or_null(sink, GT_CONFIG_SINK_PASSWORD),
        .api_key = text_or_null(sink, GT_CONFIG_SINK_API_KEY),
        .ca_file = text_or_null(sink, GT_CONFIG_SINK_CA_FILE),
        .aws = o->aws,
        .aws_service = text_or_null(sink, GT_CONFIG_SINK_SIGN),
        .patience_ms = 1, /* when to try again is the sinks' common business */
        .timeout_ms = gt_config_number(sink->section, GT_CONFIG_SINK_TIMEOUT)};
    o->path = gt_arena_printf(o->arena, "/%.*s/_bulk", GT_STR_ARG(index));
    o->cluster = gt_cluster_new(&o->options);
    return o->cluster && o->path.ptr ? GT_OK : GT_NOMEM;
}

static gt_status opensearch_open(gt_sink *sink, gt_buf *reterr_message)
{
    opensearch *o = gt_calloc(1, sizeof *o);
    if (!o)
        return GT_NOMEM;
    sink->own = o;
    o->arena = gt_arena_new(GT_SINK_ARENA_MAX);
    return o->arena ? connect_cluster(sink, o, reterr_message) : GT_NOMEM;
}

/* The index is made with our field types, before the first alert makes it with guessed ones.
 * Without the right to install templates alerts are sent all the same. */
static bool ensure_template(gt_sink *sink, opensearch *o, gt_arena *batch)
{
    gt_template_state state;
    gt_str owner;
    if (o->template_done)
        return true;
    gt_status status = gt_template_ensure(o->cluster, batch, gt_schema_default(),
                                          gt_config_str(sink->section, GT_CONFIG_SINK_INDEX), false,
                                          &state, &owner);
    o->template_done = status == GT_OK || status == GT_INVALID || status == GT_END;
    return o->template_done;
}

/* --- answers ---------------------------------------------------------------------------------- */

static gt_str error_reason(gt_arena *batch, const gt_json *result, int64_t status)
{
    gt_str type = gt_json_path_str(result, "error.type"),
           reason = gt_json_path_str(result, "error.reason");
    return gt_arena_printf(batch, "%lld %.*s: %.*s", (long long)status, GT_STR_ARG(type),
                           GT_STR_ARG(reason));
}

static void read_result(gt_arena *batch, const gt_json *entry, gt_sink_item *item)
{
    const gt_json *result = gt_json_getl(entry, "create");
    int64_t status = 0;
    if (!gt_json_i64(gt_json_getl(result, "status"), &status))
        return;
    if ((status >= 200 && status < 300) || status == 409) { /* 409: it is there already */
        item->answer = GT_SINK_OK;
        return;
    }
    item->answer = gt_sink_answer_http((int)status);
    item->reason = error_reason(batch, result, status);
}

static void read_results(gt_arena *batch, gt_str text, gt_sink_item *items, size_t count)
{
    gt_json *answer;
    gt_sink_answer_all(items, count, GT_SINK_RETRY, GT_STR("the answer is no bulk answer"));
    if (gt_json_parse(batch, text, &answer, NULL) != GT_OK)
        return;
    const gt_json *entry = gt_json_first(gt_json_getl(answer, "items"));
    for (size_t i = 0; i < count && entry; i++, entry = entry->next)
        read_result(batch, entry, &items[i]);
}

static void send_bulk(opensearch *o, gt_arena *batch, gt_sink_item *items, size_t count)
{
    gt_buf body = GT_BUF(GT_SINK_ARENA_MAX);
    gt_str answer = GT_STR_NULL;
    for (size_t i = 0; i < count; i++) {
        gt_buf_printf(&body, "{\"create\":{\"_id\":\"%.*s\"}}\n", GT_STR_ARG(items[i].row->id));
        gt_buf_add(&body, items[i].row->text);
        gt_buf_add_byte(&body, '\n');
    }
    gt_status status = gt_buf_status(&body);
    if (status == GT_OK)
        status = gt_cluster_call(o->cluster, "POST", o->path, gt_buf_str(&body), true, &answer);
    gt_buf_done(&body);
    if (status == GT_OK) {
        read_results(batch, answer, items, count);
        return;
    }
    bool too_large = gt_cluster_status(o->cluster) == 413;
    gt_str why = gt_arena_dup(batch, gt_cluster_message(o->cluster));
    gt_sink_answer_all(items, count, too_large && count == 1 ? GT_SINK_ERROR : GT_SINK_RETRY, why);
    if (!too_large || count == 1)
        return;
    send_bulk(o, batch, items, count / 2);
    send_bulk(o, batch, items + count / 2, count - count / 2);
}

static void opensearch_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    opensearch *o = sink->own;
    if (ensure_template(sink, o, batch))
        send_bulk(o, batch, items, count);
    else
        gt_sink_answer_all(items, count, GT_SINK_RETRY,
                           gt_arena_dup(batch, gt_cluster_message(o->cluster)));
}

const gt_sink_ops gt_sink_opensearch = {"opensearch", 0, opensearch_open, opensearch_send,
                                        opensearch_close};
