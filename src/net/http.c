#include "net/net.h"

#include "base/mem.h"
#include "net/curl.h"

#include <stdio.h>

struct gt_http {
    CURL *curl;
    gt_http_options options;
    char error[CURL_ERROR_SIZE];
};

/* One exchange, as libcurl's callbacks see it. */
typedef struct exchange {
    gt_http *http;
    const gt_http_request *request;
    gt_http_response *response;
    size_t response_max;
    gt_status failure; /* what a callback stopped for */
} exchange;

gt_http *gt_http_new(const gt_http_options *options)
{
    /* Counted and thread-safe since libcurl 7.84; every gt_http holds one count. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    gt_http *http = gt_calloc(1, sizeof *http);
    if (http)
        http->curl = curl_easy_init();
    if (!http || !http->curl) {
        gt_free(http);
        curl_global_cleanup();
        return NULL;
    }
    http->options = *options;
    return http;
}

void gt_http_free(gt_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    gt_free(http);
    curl_global_cleanup();
}

void gt_http_response_init(gt_http_response *response)
{
    *response = (gt_http_response){.headers = GT_BUF(GT_HTTP_HEADERS_MAX),
                                   .body = GT_BUF(GT_HTTP_RESPONSE_MAX)};
}

void gt_http_response_done(gt_http_response *response)
{
    gt_buf_done(&response->headers);
    gt_buf_done(&response->body);
    response->status = 0;
}

static void response_reset(gt_http_response *response, size_t body_max)
{
    gt_buf_reset(&response->headers);
    gt_buf_reset(&response->body);
    response->headers.max = GT_HTTP_HEADERS_MAX;
    response->body.max = body_max;
    response->status = 0;
    response->body_bytes = 0;
    response->message[0] = '\0';
}

gt_str gt_http_response_header(const gt_http_response *response, gt_str name)
{
    gt_str rest = gt_buf_str(&response->headers);
    while (rest.len) {
        gt_str line, key;
        rest = gt_str_cut(rest, '\n', &line);
        gt_str value = gt_str_cut(line, ':', &key);
        if (value.ptr && gt_str_eq_nocase(key, name))
            return gt_str_trim(value);
    }
    return GT_STR_NULL;
}

/* --- libcurl's callbacks -------------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    exchange *x = ctx;
    gt_str line = gt_str_trim((gt_str){data, size * count});
    /* A status line begins a new response: 100 Continue and proxies' answers are forgotten. */
    if (gt_str_starts(line, GT_STR("HTTP/")))
        gt_buf_reset(&x->response->headers);
    else if (line.len) {
        gt_buf_add(&x->response->headers, line);
        gt_buf_add_byte(&x->response->headers, '\n');
    }
    x->failure = gt_buf_status(&x->response->headers);
    return x->failure == GT_OK ? size * count : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    exchange *x = ctx;
    gt_str piece = {data, size * count};
    gt_http_response *response = x->response;
    long status = 0;
    curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &status);
    response->body_bytes += piece.len;
    if (response->body_bytes > x->response_max) {
        x->failure = GT_LIMIT;
    } else if (x->request->on_body && status >= 200 && status < 300) {
        x->failure = x->request->on_body(x->request->on_body_ctx, piece);
    } else {
        gt_buf_add(&response->body, piece);
        x->failure = gt_buf_status(&response->body);
    }
    return x->failure == GT_OK ? piece.len : 0;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    (void)total, (void)now, (void)up_total, (void)up_now;
    const gt_net_env *env = ((exchange *)ctx)->http->options.env;
    return env->stopped && env->stopped(env->ctx);
}

/* --- one exchange --------------------------------------------------------------------------------- */

/* NULL without memory; the caller frees the list. */
static struct curl_slist *header_list(const gt_http_request *request)
{
    /* No "Expect: 100-continue": it costs a round trip and some servers never answer it. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; list && i < request->header_count; i++) {
        gt_buf line = GT_BUF(GT_HTTP_HEADERS_MAX);
        gt_str value = request->headers[i].value;
        /* libcurl drops "Name:"; "Name;" sends an empty value. */
        gt_buf_printf(&line, value.len ? "%.*s: %.*s" : "%.*s;%.*s",
                      GT_STR_ARG(request->headers[i].name), GT_STR_ARG(value));
        struct curl_slist *longer =
            gt_buf_status(&line) == GT_OK ? curl_slist_append(list, line.data) : NULL;
        gt_buf_done(&line);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static void set_body(CURL *curl, const gt_http_request *request)
{
    bool has_body = request->has_body || request->body.len;
    const char *method = request->method ? request->method : has_body ? "POST" : "GET";
    if (has_body) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.len ? request->body.ptr : "");
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static void set_options(exchange *x, const char *url, struct curl_slist *headers)
{
    CURL *curl = x->http->curl;
    const gt_http_options *options = &x->http->options;
    int64_t timeout = x->request->timeout_ms ? x->request->timeout_ms : GT_HTTP_TIMEOUT_MS;
    int64_t connect = options->connect_timeout_ms ? options->connect_timeout_ms : GT_HTTP_CONNECT_MS;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a signed path must go out as it was signed */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect < timeout ? connect : timeout));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "gatetrail");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->http->error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    if (options->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    if (options->insecure) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (x->request->no_proxy)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    set_body(curl, x->request);
}

static gt_status status_of(const exchange *x, CURLcode code)
{
    if (x->failure != GT_OK)
        return x->failure;
    switch (code) {
    case CURLE_OK:
        return GT_OK;
    case CURLE_OUT_OF_MEMORY:
        return GT_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return GT_IO;
    default:
        return GT_RETRY;
    }
}

static void say_why(exchange *x, CURLcode code)
{
    gt_http_response *response = x->response;
    const char *why = x->http->error[0] ? x->http->error : curl_easy_strerror(code);
    if (x->failure == GT_LIMIT)
        snprintf(response->message, sizeof response->message,
                 "the answer is larger than %zu bytes", x->response_max);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        snprintf(response->message, sizeof response->message, "stopped");
    else
        snprintf(response->message, sizeof response->message, "%s", why);
}

gt_status gt_http_send(gt_http *http, const gt_http_request *request, gt_http_response *response)
{
    size_t max = request->response_max ? request->response_max : GT_HTTP_RESPONSE_MAX;
    exchange x = {http, request, response, max, GT_OK};
    response_reset(response, max);
    gt_buf url = GT_BUF(GT_HTTP_HEADERS_MAX);
    gt_buf_add(&url, request->url);
    struct curl_slist *headers = header_list(request);
    if (!headers || gt_buf_status(&url) != GT_OK || !url.data) {
        gt_status status = request->url.len ? GT_NOMEM : GT_IO;
        curl_slist_free_all(headers);
        gt_buf_done(&url);
        return status;
    }
    curl_easy_reset(http->curl); /* options only: connections stay */
    http->error[0] = '\0';
    set_options(&x, url.data, headers);
    CURLcode code = curl_easy_perform(http->curl);
    gt_status status = status_of(&x, code);
    if (status == GT_OK) {
        long http_status = 0;
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &http_status);
        response->status = (int)http_status;
    } else {
        say_why(&x, code);
    }
    curl_slist_free_all(headers);
    gt_buf_done(&url);
    return status;
}

bool gt_http_status_transient(int status)
{
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* What the server asks to wait, or a back-off pause. */
static int64_t pause_ms(const gt_http *http, const gt_http_response *response,
                        const gt_retry *retry, unsigned attempt)
{
    const gt_net_env *env = http->options.env;
    uint64_t seconds;
    if (response->status &&
        gt_str_to_u64(gt_http_response_header(response, GT_STR("retry-after")), &seconds)) {
        int64_t most = retry->max_ms;
        return seconds > (uint64_t)most / 1000 ? most : (int64_t)seconds * 1000;
    }
    return gt_backoff_ms(retry, attempt, env->random(env->ctx));
}

gt_status gt_http_send_retry(gt_http *http, const gt_http_request *request, const gt_retry *retry,
                             gt_http_response *response)
{
    gt_retry policy = retry && retry->attempts ? *retry : GT_RETRY_DEFAULT;
    const gt_net_env *env = http->options.env;
    for (unsigned attempt = 1;; attempt++) {
        gt_status status = gt_http_send(http, request, response);
        bool again = status == GT_RETRY ||
                     (status == GT_OK && gt_http_status_transient(response->status));
        bool given = request->on_body && status != GT_OK && response->body_bytes;
        if (!again || given || attempt >= policy.attempts)
            return status;
        if (env->stopped && env->stopped(env->ctx))
            return status;
        env->sleep(env->ctx, pause_ms(http, response, &policy, attempt));
    }
}
