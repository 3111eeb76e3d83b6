#include "net/aws_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

gt_aws_client *gt_aws_client_new(gt_aws *aws)
{
    return gt_aws_client_new_env(aws, NULL);
}

gt_aws_client *gt_aws_client_new_env(gt_aws *aws, const gt_net_env *env)
{
    gt_aws_client *client = gt_calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->aws = aws;
    client->env = env ? env : aws->options.env;
    client->http =
        gt_http_new(&(gt_http_options){.env = client->env, .ca_file = aws->options.ca_file});
    if (!client->http) {
        gt_free(client);
        return NULL;
    }
    return client;
}

void gt_aws_client_free(gt_aws_client *client)
{
    if (!client)
        return;
    gt_http_free(client->http);
    gt_free(client);
}

gt_aws *gt_aws_client_aws(gt_aws_client *client)
{
    return client->aws;
}

gt_http *gt_aws_client_http(gt_aws_client *client)
{
    return client->http;
}

void gt_aws_response_init(gt_aws_response *response)
{
    memset(response, 0, sizeof *response);
    gt_http_response_init(&response->http);
}

void gt_aws_response_done(gt_aws_response *response)
{
    gt_http_response_done(&response->http);
}

/* --- errors --------------------------------------------------------------------------------------- */

static void put(char *out, size_t size, gt_str text)
{
    snprintf(out, size, "%.*s", GT_STR_ARG(text));
    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = ' ';
    }
}

/* {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": …} */
static void json_error(gt_aws_response *r, const gt_json *body)
{
    gt_str type = gt_json_path_str(body, "__type");
    if (!type.ptr)
        type = gt_json_path_str(body, "code");
    size_t hash = gt_str_rfind_byte(type, '#');
    put(r->code, sizeof r->code, hash == GT_NPOS ? type : gt_str_from(type, hash + 1));
    gt_str message = gt_json_path_str(body, "message");
    if (!message.ptr)
        message = gt_json_path_str(body, "Message");
    put(r->message, sizeof r->message, message);
}

/* S3: <Error><Code>; Query: <ErrorResponse><Error><Code>; EC2: <Response><Errors><Error><Code>. */
static void xml_error(gt_aws_response *r, const gt_xml *root)
{
    const gt_xml *error = gt_xml_child(root, "Error");
    if (!error)
        error = gt_xml_path(root, "Errors/Error");
    if (!error)
        error = root;
    put(r->code, sizeof r->code, gt_xml_text(error, "Code"));
    put(r->message, sizeof r->message, gt_xml_text(error, "Message"));
    if (r->request_id[0])
        return;
    gt_str id = gt_xml_text(root, "RequestId");
    put(r->request_id, sizeof r->request_id, id.ptr ? id : gt_xml_text(root, "RequestID"));
}

static void read_error(gt_aws_response *r)
{
    gt_str body = gt_str_trim(gt_buf_str(&r->http.body));
    gt_arena *scratch = gt_arena_new(8 * GT_MIB);
    gt_xml *xml = NULL;
    gt_json *json = NULL;
    if (scratch && body.len && body.ptr[0] == '<' && gt_xml_parse(scratch, body, &xml) == GT_OK)
        xml_error(r, xml);
    else if (scratch && body.len && gt_json_parse(scratch, body, &json, NULL) == GT_OK)
        json_error(r, json);
    gt_arena_free(scratch);
    if (!r->code[0]) {
        /* "Code;http://…": SQS and friends repeat it in a header, which HEAD answers have alone. */
        gt_str code = gt_http_response_header(&r->http, GT_STR("x-amzn-errortype"));
        gt_str_cut(code, ';', &code);
        gt_str_cut(code, ':', &code);
        put(r->code, sizeof r->code, code);
    }
    if (!r->message[0])
        snprintf(r->message, sizeof r->message, "HTTP status %d", r->http.status);
}

static void read_request_id(gt_aws_response *r)
{
    static const char *const names[] = {"x-amzn-requestid", "x-amz-request-id", "x-amz-requestid"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !r->request_id[0]; i++)
        put(r->request_id, sizeof r->request_id,
            gt_http_response_header(&r->http, gt_str_c(names[i])));
}

static bool code_is_one_of(const char *code, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(code, list[i]) == 0)
            return true;
    }
    return false;
}
#define code_in(code, list) code_is_one_of((code), (list), sizeof(list) / sizeof *(list))

static const char *const TRANSIENT[] = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
    "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete", "RequestTimeout",
    "RequestTimeoutException", "InternalError", "InternalFailure", "InternalServerError",
    "ServiceUnavailable", "ServiceUnavailableException", "Unavailable", "OverLimit"};
static const char *const MISSING[] = {"NoSuchKey", "NoSuchBucket", "QueueDoesNotExist",
                                      "AWS.SimpleQueueService.NonExistentQueue"};
static const char *const EXPIRED[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired",
                                      "TokenRefreshRequired"};
static const char *const SKEWED[] = {"RequestTimeTooSkewed", "RequestInTheFuture",
                                     "InvalidSignatureException", "SignatureDoesNotMatch",
                                     "AuthFailure"};

/* --- one exchange --------------------------------------------------------------------------------- */

static const char *method_of(const gt_aws_request *request)
{
    if (request->method)
        return request->method;
    return request->body.len || request->has_body ? "POST" : "GET";
}

static gt_status sign(gt_aws *aws, const gt_aws_request *request, gt_url url, gt_str region,
                      const gt_aws_credentials *credentials, gt_arena *arena,
                      gt_http_header **ret_headers, size_t *ret_count)
{
    const gt_net_env *env = aws->options.env;
    gt_sigv4_input input = {
        .method = method_of(request), .url = url, .headers = request->headers,
        .header_count = request->header_count, .body = request->body,
        .service = gt_str_c(request->service), .region = region,
        .now = env->now(env->ctx) + atomic_load(&aws->skew_ms), .credentials = credentials,
    };
    return gt_sigv4_sign(&input, arena, ret_headers, ret_count);
}

static gt_status judge(gt_aws_response *r, gt_status sent)
{
    if (sent != GT_OK) {
        snprintf(r->message, sizeof r->message, "%s",
                 r->http.message[0] ? r->http.message : gt_status_text(sent));
        return sent;
    }
    read_request_id(r);
    if (r->http.status >= 200 && r->http.status < 300)
        return GT_OK;
    read_error(r);
    if (gt_http_status_transient(r->http.status) || code_in(r->code, TRANSIENT))
        return GT_RETRY;
    return r->http.status == 404 || code_in(r->code, MISSING) ? GT_NOTFOUND : GT_IO;
}

gt_status gt_aws_exchange(gt_aws *aws, gt_http *http, const gt_aws_request *request, gt_str url,
                          gt_str region, const gt_aws_credentials *credentials,
                          gt_aws_response *response)
{
    response->code[0] = response->message[0] = response->request_id[0] = '\0';
    gt_http_request out = {
        .method = method_of(request), .url = url, .headers = request->headers,
        .header_count = request->header_count, .body = request->body,
        .has_body = request->has_body,
        .timeout_ms = request->timeout_ms ? request->timeout_ms : aws->options.timeout_ms,
        .response_max = request->response_max, .on_body = request->on_body,
        .on_body_ctx = request->on_body_ctx,
    };
    gt_arena *arena = gt_arena_new(8 * GT_MIB);
    gt_status status = arena ? GT_OK : GT_NOMEM;
    gt_url parts;
    if (status == GT_OK && !gt_url_parse(url, &parts)) {
        snprintf(response->message, sizeof response->message, "not an http(s) URL: %.*s",
                 GT_STR_ARG(gt_str_head(url, 200)));
        gt_arena_free(arena);
        return GT_INVALID;
    }
    if (status == GT_OK && credentials) {
        gt_http_header *headers = NULL;
        status = sign(aws, request, parts, region, credentials, arena, &headers, &out.header_count);
        out.headers = headers;
    }
    if (status == GT_OK)
        status = judge(response, gt_http_send(http, &out, &response->http));
    gt_arena_free(arena);
    return status;
}

/* --- repetition ----------------------------------------------------------------------------------- */

/* A refusal that another signature can heal: credentials that just ended, or a clock that is off by
 * more than AWS allows (it says its own in Date). True: sign again. */
static bool heal(gt_aws *aws, const gt_aws_response *r)
{
    if (code_in(r->code, EXPIRED)) {
        pthread_mutex_lock(&aws->lock);
        aws->has_credentials = false;
        pthread_mutex_unlock(&aws->lock);
        return true;
    }
    if (!code_in(r->code, SKEWED))
        return false;
    const gt_net_env *env = aws->options.env;
    gt_time_ms theirs;
    if (!gt_http_date_parse(gt_http_response_header(&r->http, GT_STR("date")), &theirs))
        return false;
    int64_t skew = theirs - env->now(env->ctx), known = atomic_load(&aws->skew_ms);
    if (llabs(skew - known) < 4 * 60 * 1000)
        return false;
    atomic_store(&aws->skew_ms, skew);
    return true;
}

static gt_status send_signed(gt_aws_client *client, const gt_aws_request *request, gt_str url,
                             gt_str region, gt_aws_response *response)
{
    gt_aws_credentials *credentials = gt_malloc(sizeof *credentials);
    if (!credentials)
        return GT_NOMEM;
    gt_buf why = GT_BUF(4096);
    gt_status status = gt_aws_credentials_get(client->aws, client->http, credentials, &why);
    if (status == GT_OK) {
        status = gt_aws_exchange(client->aws, client->http, request, url, region, credentials,
                                 response);
    } else {
        snprintf(response->message, sizeof response->message, "%s",
                 why.len ? why.data : gt_status_text(status));
        response->code[0] = '\0';
        response->http.status = 0;
        status = status == GT_NOTFOUND ? GT_INVALID : status;
    }
    explicit_bzero(credentials, sizeof *credentials);
    gt_free(credentials);
    gt_buf_done(&why);
    return status;
}

static gt_status send_url(gt_aws_client *client, const gt_aws_request *request, gt_str url,
                          gt_str region, gt_aws_response *response)
{
    const gt_net_env *env = client->env;
    const gt_retry *policy = &client->aws->options.retry;
    bool healed = false;
    for (unsigned attempt = 1;; attempt++) {
        gt_status status =
            request->anonymous
                ? gt_aws_exchange(client->aws, client->http, request, url, region, NULL, response)
                : send_signed(client, request, url, region, response);
        if (status == GT_IO && !healed && heal(client->aws, response)) {
            healed = true; /* refused before it was done: safe even for `once` */
            continue;
        }
        bool given = request->on_body && response->http.body_bytes;
        if (status != GT_RETRY || request->once || given || attempt >= policy->attempts)
            return status;
        if (env->stopped && env->stopped(env->ctx))
            return status;
        env->sleep(env->ctx, gt_backoff_ms(policy, attempt, env->random(env->ctx)));
    }
}

gt_status gt_aws_send(gt_aws_client *client, const gt_aws_request *request,
                      gt_aws_response *response)
{
    gt_buf base = GT_BUF(64 * GT_KIB);
    gt_str region = GT_STR_NULL;
    gt_status status =
        gt_aws_endpoint(client->aws, request->service, request->region, &base, &region);
    if (status == GT_INVALID) {
        snprintf(response->message, sizeof response->message,
                 "no AWS region: give --region, AWS_REGION or a profile with one");
    } else if (status == GT_OK) {
        gt_buf_add_byte(&base, '/');
        gt_str url = request->url.len ? request->url : gt_buf_str(&base);
        status = gt_buf_status(&base);
        if (status == GT_OK)
            status = send_url(client, request, url, region, response);
    }
    gt_buf_done(&base);
    return status;
}

/* --- protocols ------------------------------------------------------------------------------------ */

/* A space is '+' in a form. AWS takes %20 too, but what checks signatures over the form it has read,
 * as moto does, writes it as every other client does. */
static void form_encode(gt_buf *out, gt_str text)
{
    while (text.ptr) {
        gt_str word;
        text = gt_str_cut(text, ' ', &word);
        gt_url_encode(out, word, false);
        if (text.ptr)
            gt_buf_add_byte(out, '+');
    }
}

gt_status gt_aws_query(gt_aws_client *client, const char *service, const char *version,
                       const char *action, const gt_aws_param *params, size_t count,
                       gt_arena *arena, gt_aws_response *response, const gt_xml **ret)
{
    gt_buf form = GT_BUF(GT_HTTP_RESPONSE_MAX);
    gt_buf_printf(&form, "Action=%s&Version=%s", action, version);
    for (size_t i = 0; i < count; i++) {
        gt_buf_add_byte(&form, '&');
        form_encode(&form, params[i].name);
        gt_buf_add_byte(&form, '=');
        form_encode(&form, params[i].value);
    }
    gt_http_header type = {GT_STR("Content-Type"),
                           GT_STR("application/x-www-form-urlencoded; charset=utf-8")};
    gt_aws_request request = {.service = service, .method = "POST", .headers = &type,
                              .header_count = 1, .body = gt_buf_str(&form)};
    gt_status status = gt_buf_status(&form);
    if (status == GT_OK)
        status = gt_aws_send(client, &request, response);
    gt_buf_done(&form);
    GT_TRY(status);
    gt_xml *root = NULL;
    status = gt_xml_parse(arena, gt_buf_str(&response->http.body), &root);
    if (status == GT_INVALID)
        snprintf(response->message, sizeof response->message, "the answer to %s is no XML", action);
    if (status == GT_OK)
        *ret = root;
    return status;
}

gt_status gt_aws_json(gt_aws_client *client, const char *service, const char *json_version,
                      const char *target, gt_str body, int64_t timeout_ms, gt_arena *arena,
                      gt_aws_response *response, gt_json **ret)
{
    gt_str type = gt_arena_printf(arena, "application/x-amz-json-%s", json_version);
    if (!type.ptr)
        return gt_arena_status(arena);
    gt_http_header headers[] = {{GT_STR("Content-Type"), type},
                                {GT_STR("X-Amz-Target"), gt_str_c(target)}};
    gt_aws_request request = {.service = service, .method = "POST", .headers = headers,
                              .header_count = 2, .body = body, .timeout_ms = timeout_ms};
    GT_TRY(gt_aws_send(client, &request, response));
    gt_str answer = gt_buf_str(&response->http.body);
    gt_status status =
        gt_json_parse(arena, gt_str_trim(answer).len ? answer : GT_STR("{}"), ret, NULL);
    if (status == GT_INVALID)
        snprintf(response->message, sizeof response->message, "the answer to %s is no JSON", target);
    return status;
}
