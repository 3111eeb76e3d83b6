#include "cluster/cluster.h"

#include "base/limits.h"
#include "base/mem.h"
#include "net/sigv4.h"

#include <openssl/evp.h>
#include <stdio.h>

struct gt_cluster {
    gt_cluster_options options;
    gt_http *http;
    gt_http_response response;
    gt_buf body; /* of trees to send */
    gt_arena *scratch;
    size_t node; /* that answered last */
    int status;
    char message[1024];
    char authorization[2048]; /* empty: none */
    uint64_t repeats;
    bool server_known;
    gt_dsl_server server;
};

/* "Basic BASE64(user:password)" or "ApiKey KEY"; false when it does not fit. */
static bool fill_authorization(gt_cluster *c)
{
    const gt_cluster_options *o = &c->options;
    char pair[1024];
    if (o->api_key)
        return snprintf(c->authorization, sizeof c->authorization, "ApiKey %s", o->api_key) <
               (int)sizeof c->authorization;
    if (!o->user)
        return true;
    int n = snprintf(pair, sizeof pair, "%s:%s", o->user, o->password ? o->password : "");
    if (n < 0 || n >= (int)sizeof pair)
        return false;
    memcpy(c->authorization, "Basic ", 6);
    EVP_EncodeBlock((unsigned char *)c->authorization + 6, (const unsigned char *)pair, n);
    return true;
}

gt_cluster *gt_cluster_new(const gt_cluster_options *options)
{
    gt_cluster *c = gt_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->options = *options;
    if (!c->options.patience_ms)
        c->options.patience_ms = GT_CLUSTER_PATIENCE_MS;
    if (!c->options.aws_service)
        c->options.aws_service = "es";
    gt_http_options http = {.env = options->env, .ca_file = options->ca_file};
    c->http = gt_http_new(&http);
    c->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    c->body = GT_BUF(GT_CLUSTER_BODY_MAX);
    gt_http_response_init(&c->response);
    if (!c->http || !c->scratch || !fill_authorization(c)) {
        gt_cluster_free(c);
        return NULL;
    }
    return c;
}

void gt_cluster_free(gt_cluster *c)
{
    if (!c)
        return;
    gt_http_free(c->http);
    gt_arena_free(c->scratch);
    gt_http_response_done(&c->response);
    gt_buf_done(&c->body);
    gt_free(c);
}

gt_str gt_cluster_message(const gt_cluster *c)
{
    return gt_str_c(c->message);
}

int gt_cluster_status(const gt_cluster *c)
{
    return c->status;
}

uint64_t gt_cluster_repeats(const gt_cluster *c)
{
    return c->repeats;
}

const gt_cluster_options *gt_cluster_options_of(const gt_cluster *c)
{
    return &c->options;
}

static void say(gt_cluster *c, const char *where, gt_str what)
{
    snprintf(c->message, sizeof c->message, "%s: %.*s", where, GT_STR_ARG(what));
}

/* One exchange with one node. */
static gt_status send_once(gt_cluster *c, const char *method, gt_str path, gt_str body, bool ndjson)
{
    const gt_cluster_options *o = &c->options;
    gt_str node = o->urls[c->node];
    gt_http_header plain[2] = {
        {GT_STR("Content-Type"), ndjson ? GT_STR("application/x-ndjson") : GT_STR("application/json")},
        {GT_STR("Authorization"), gt_str_c(c->authorization)},
    };
    gt_http_header *headers = plain;
    size_t count = c->authorization[0] ? 2 : 1;
    gt_str url = gt_arena_printf(c->scratch, "%.*s%.*s", GT_STR_ARG(node), GT_STR_ARG(path));
    if (!url.ptr)
        return gt_arena_status(c->scratch);
    if (o->aws) {
        gt_buf reason = GT_BUF(sizeof c->message);
        gt_aws_credentials credentials;
        gt_status status = gt_aws_credentials_get(o->aws, c->http, &credentials, &reason);
        if (status != GT_OK)
            say(c, "credentials", gt_buf_str(&reason));
        gt_buf_done(&reason);
        GT_TRY(status);
        gt_sigv4_input input = {
            .method = method, .headers = plain, .header_count = 1, .body = body,
            .service = gt_str_c(o->aws_service), .region = gt_aws_region(o->aws),
            .now = o->env->now(o->env->ctx), .credentials = &credentials,
        };
        if (!gt_url_parse(url, &input.url))
            return GT_IO;
        GT_TRY(gt_sigv4_sign(&input, c->scratch, &headers, &count));
    }
    gt_http_request request = {
        .method = method, .url = url, .headers = headers, .header_count = count, .body = body,
        .has_body = body.len > 0, .timeout_ms = o->timeout_ms, .response_max = GT_CLUSTER_BODY_MAX,
    };
    return gt_http_send(c->http, &request, &c->response);
}

/* The server's words for what it refused. */
static void take_reason(gt_cluster *c)
{
    gt_json *tree = NULL;
    gt_str body = gt_buf_str(&c->response.body);
    const gt_json *error;
    if (gt_json_parse(c->scratch, body, &tree, NULL) != GT_OK) {
        snprintf(c->message, sizeof c->message, "status %d: %.*s", c->status,
                 (int)(body.len < 300 ? body.len : 300), body.ptr ? body.ptr : "");
        return;
    }
    error = gt_json_getl(tree, "error");
    gt_str type = gt_json_path_str(error, "type"), reason = gt_json_path_str(error, "reason");
    if (gt_json_is(error, GT_JSON_STRING))
        reason = gt_json_str(error);
    const gt_json *root = gt_json_first(gt_json_getl(error, "root_cause"));
    if (root && gt_json_path_str(root, "reason").len)
        reason = gt_json_path_str(root, "reason");
    snprintf(c->message, sizeof c->message, "status %d: %.*s: %.*s", c->status, GT_STR_ARG(type),
             GT_STR_ARG(reason));
}

static gt_status judge(gt_cluster *c)
{
    if (c->status >= 200 && c->status < 300)
        return GT_OK;
    take_reason(c);
    if (gt_http_status_transient(c->status))
        return GT_RETRY;
    return c->status == 404 ? GT_NOTFOUND : c->status == 409 ? GT_END : GT_INVALID;
}

static bool is_stopped(const gt_cluster *c)
{
    const gt_net_env *env = c->options.env;
    return env->stopped && env->stopped(env->ctx);
}

gt_status gt_cluster_call(gt_cluster *c, const char *method, gt_str path, gt_str body, bool ndjson,
                          gt_str *ret)
{
    static const gt_retry retry = {0, 100, 5000};
    const gt_net_env *env = c->options.env;
    gt_time_ms begin = env->now(env->ctx);
    for (unsigned attempt = 1;; attempt++) {
        gt_arena_reset(c->scratch, GT_MIB);
        gt_status status = send_once(c, method, path, body, ndjson);
        c->status = status == GT_OK ? c->response.status : 0;
        if (status == GT_OK)
            status = judge(c);
        else if (c->response.message[0])
            say(c, c->options.urls[c->node].ptr, gt_str_c(c->response.message));
        if (status == GT_OK)
            *ret = gt_buf_str(&c->response.body);
        if (status != GT_RETRY || is_stopped(c))
            return status;
        if (env->now(env->ctx) - begin > c->options.patience_ms)
            return GT_RETRY;
        c->repeats++;
        c->node = (c->node + 1) % c->options.url_count;
        /* a node that is away is no reason to wait for the others */
        if (c->status != 0 || attempt % c->options.url_count == 0)
            env->sleep(env->ctx, gt_backoff_ms(&retry, attempt / (unsigned)c->options.url_count + 1,
                                               env->random(env->ctx)));
    }
}

gt_status gt_cluster_json(gt_cluster *c, gt_arena *arena, const char *method, gt_str path,
                          const gt_json *body, gt_json **ret)
{
    gt_str text = GT_STR_NULL, answer;
    if (body) {
        gt_buf_reset(&c->body);
        gt_json_write(&c->body, body);
        GT_TRY(gt_buf_status(&c->body));
        text = gt_buf_str(&c->body);
    }
    GT_TRY(gt_cluster_call(c, method, path, text, false, &answer));
    if (!ret)
        return GT_OK;
    answer = gt_arena_dup(arena, answer);
    if (!answer.ptr)
        return gt_arena_status(arena);
    gt_status status = gt_json_parse(arena, answer, ret, NULL);
    if (status == GT_INVALID)
        say(c, "the answer is no JSON", gt_str_head(answer, 200));
    return status;
}

gt_status gt_cluster_server(gt_cluster *c, gt_dsl_server *ret)
{
    if (!c->server_known) {
        gt_str answer;
        gt_status status = gt_cluster_call(c, "GET", GT_STR("/"), GT_STR_NULL, false, &answer);
        /* hosted services and bare cores may refuse to tell: they speak Elasticsearch's dialect */
        if (status != GT_OK && status != GT_INVALID && status != GT_NOTFOUND)
            return status;
        if (c->status == 401 || c->status == 403)
            return status;
        bool open = status == GT_OK && gt_str_find(answer, GT_STR("\"opensearch\"")) != GT_NPOS;
        c->server = open ? GT_DSL_OPENSEARCH : GT_DSL_ELASTICSEARCH;
        c->server_known = true;
    }
    *ret = c->server;
    return GT_OK;
}

bool gt_cluster_url_split(gt_arena *arena, gt_str text, gt_str *ret_node, gt_str *ret_index)
{
    gt_url url;
    if (!gt_url_parse(text, &url) || url.query.len)
        return false;
    gt_str path = url.path;
    while (path.len && path.ptr[0] == '/')
        path = gt_str_from(path, 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    if (gt_str_find_byte(path, '/') != GT_NPOS)
        return false;
    *ret_node = gt_arena_printf(arena, "%.*s://%.*s", GT_STR_ARG(url.scheme), GT_STR_ARG(url.authority));
    *ret_index = gt_arena_dup(arena, path);
    return ret_node->ptr && ret_index->ptr;
}
