#include "watch/outside.h"

#include "base/limits.h"
#include "base/mem.h"
#include "net/microhttpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>

/* A source that fails for longer is a reason not to be ready. */
#define FAILING_MS 60000

struct gt_outside {
    gt_watch *watch;
    gt_outside_more more;
    struct MHD_Daemon *daemon;
};

/* --- metrics ---------------------------------------------------------------------------------------- */

static void metric(gt_buf *out, const char *name, const char *type, const char *help)
{
    gt_buf_printf(out, "# HELP gatetrail_%s %s\n# TYPE gatetrail_%s %s\n", name, help, name, type);
}

static void simple(gt_buf *out, const char *name, const char *type, const char *help, double value)
{
    metric(out, name, type, help);
    gt_buf_printf(out, "gatetrail_%s %.17g\n", name, value);
}

void gt_outside_label(gt_buf *out, gt_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"')
            gt_buf_add_byte(out, '\\');
        if (c == '\n')
            gt_buf_lit(out, "\\n");
        else
            gt_buf_add_byte(out, c);
    }
}

static void of_source(gt_buf *out, const char *name, const gt_watch_source_stats *s, const char *more,
                      double value)
{
    gt_buf_printf(out, "gatetrail_%s{source=\"", name);
    gt_outside_label(out, s->name);
    gt_buf_printf(out, "\"%s} %.17g\n", more, value);
}

static double lag_seconds(gt_time_ms now, gt_time_ms then)
{
    return then ? (double)(now - then) / 1000 : 0;
}

#define EACH_SOURCE(s) for (const gt_watch_source_stats *s = st->sources;                             \
                            s < st->sources + st->source_count; s++)

static void source_metrics(gt_buf *out, const gt_watch_stats *st)
{
    metric(out, "events_read_total", "counter", "Records read; evaluated + duplicate + rejected.");
    EACH_SOURCE(s) of_source(out, "events_read_total", s, "", (double)s->counts.read);
    metric(out, "events_total", "counter", "Records by what became of them.");
    EACH_SOURCE(s) {
        of_source(out, "events_total", s, ",outcome=\"evaluated\"", (double)s->counts.evaluated);
        of_source(out, "events_total", s, ",outcome=\"duplicate\"", (double)s->counts.duplicate);
        of_source(out, "events_total", s, ",outcome=\"rejected\"", (double)s->counts.rejected);
    }
    metric(out, "alerts_total", "counter", "New alerts.");
    EACH_SOURCE(s) of_source(out, "alerts_total", s, "", (double)s->counts.alerts);
    metric(out, "deliveries_total", "counter", "Files, objects and runs of messages stored.");
    EACH_SOURCE(s) of_source(out, "deliveries_total", s, "", (double)s->counts.deliveries);
    metric(out, "deliveries_put_back_total", "counter", "Deliveries that will come again.");
    EACH_SOURCE(s) of_source(out, "deliveries_put_back_total", s, "", (double)s->put_back);
    metric(out, "messages_set_aside_total", "counter", "Messages given up, kept in the store.");
    EACH_SOURCE(s) of_source(out, "messages_set_aside_total", s, "", (double)s->health.set_aside);
    metric(out, "input_problems_total", "counter", "Broken records, cut streams, unreadable files.");
    EACH_SOURCE(s) of_source(out, "input_problems_total", s, "", (double)s->counts.problems);
    metric(out, "input_bytes_total", "counter", "Bytes as they lay at the source.");
    EACH_SOURCE(s) of_source(out, "input_bytes_total", s, "", (double)s->counts.bytes);
    metric(out, "event_lag_seconds", "gauge", "Now minus the newest eventTime stored.");
    EACH_SOURCE(s) of_source(out, "event_lag_seconds", s, "", lag_seconds(st->now, s->counts.event_last));
    metric(out, "arrival_lag_seconds", "gauge", "Now minus the newest arrival at the source stored.");
    EACH_SOURCE(s)
        of_source(out, "arrival_lag_seconds", s, "", lag_seconds(st->now, s->counts.arrived_last));
    metric(out, "source_up", "gauge", "1 while the source answers.");
    EACH_SOURCE(s) of_source(out, "source_up", s, "", s->health.problem[0] ? 0 : 1);
}

static void latency_metric(gt_buf *out, const gt_watch_stats *st)
{
    uint64_t sum = 0;
    metric(out, "latency_seconds", "histogram", "From arrival at the source to stored alerts.");
    for (size_t i = 0; i < GT_WATCH_BUCKETS; i++) {
        sum += st->latency[i];
        if (gt_watch_bounds_ms[i] == INT64_MAX)
            gt_buf_lit(out, "gatetrail_latency_seconds_bucket{le=\"+Inf\"} ");
        else
            gt_buf_printf(out, "gatetrail_latency_seconds_bucket{le=\"%g\"} ",
                          (double)gt_watch_bounds_ms[i] / 1000);
        gt_buf_printf(out, "%llu\n", (unsigned long long)sum);
    }
    gt_buf_printf(out, "gatetrail_latency_seconds_sum %.17g\ngatetrail_latency_seconds_count %llu\n",
                  (double)st->latency_sum_ms / 1000, (unsigned long long)sum);
}

static void engine_metrics(gt_buf *out, const gt_watch_stats *st)
{
    simple(out, "up_seconds", "gauge", "Since the engine started.", lag_seconds(st->now, st->started));
    simple(out, "rules", "gauge", "Rules that run.", (double)st->rules);
    simple(out, "reloads_total", "counter", "Reloads that were taken over.", (double)st->reloads);
    simple(out, "store_up", "gauge", "1 while the store takes what is written.", st->store_fails ? 0 : 1);
    simple(out, "store_failures_total", "counter", "Transactions that failed and were tried again.",
           (double)st->store_failures);
    simple(out, "store_transactions_total", "counter", "Transactions stored.",
           (double)st->transactions);
    simple(out, "queue_deliveries", "gauge", "Deliveries that wait for a worker.", (double)st->todo);
    simple(out, "queue_parts", "gauge", "Results that wait for the store.", (double)st->done);
    simple(out, "queue_bytes", "gauge", "Bytes in both queues.", (double)st->queue_bytes);
    simple(out, "schedule_runs_total", "counter", "Runs of rules on a schedule.", (double)st->runs);
    simple(out, "schedule_gaps_total", "counter", "Gaps written to the ledger.", (double)st->gaps);
    simple(out, "schedule_late_total", "counter", "Matches that came after their last window.",
           (double)st->late);
    simple(out, "schedule_capped_total", "counter", "Matches beyond max_signals.", (double)st->capped);
}

static void rule_metric(gt_buf *out, const gt_watch_stats *st, const char *name, const char *help,
                        bool seconds)
{
    metric(out, name, "counter", help);
    for (const gt_watch_rule_stats *r = st->evaluated; r < st->evaluated + st->evaluated_count; r++) {
        gt_buf_printf(out, "gatetrail_%s{rule=\"", name);
        gt_outside_label(out, r->rule);
        gt_buf_printf(out, "\"} %.17g\n", seconds ? (double)r->ns / 1e9 : (double)r->evaluations);
    }
}

gt_status gt_outside_metrics(gt_watch *watch, const gt_outside_more *more, gt_buf *out)
{
    gt_arena *arena = gt_arena_new(16 * GT_MIB);
    gt_watch_stats stats;
    gt_status status = arena ? gt_watch_stats_get(watch, arena, &stats) : GT_NOMEM;
    if (status == GT_OK) {
        engine_metrics(out, &stats);
        source_metrics(out, &stats);
        latency_metric(out, &stats);
        rule_metric(out, &stats, "rule_seconds_total", "What evaluations of a rule took.", true);
        rule_metric(out, &stats, "rule_evaluations_total", "Events that a rule was run on.", false);
        if (more && more->metrics)
            more->metrics(more->ctx, out);
        status = gt_buf_status(out);
    }
    gt_arena_free(arena);
    return status;
}

gt_status gt_outside_problems(gt_watch *watch, const gt_outside_more *more, gt_buf *out)
{
    gt_arena *arena = gt_arena_new(16 * GT_MIB);
    gt_watch_stats stats;
    const gt_watch_stats *st = &stats;
    gt_status status = arena ? gt_watch_stats_get(watch, arena, &stats) : GT_NOMEM;
    if (status == GT_OK) {
        if (gt_watch_has_failed(watch))
            gt_buf_lit(out, "the engine gave up: the store is damaged\n");
        if (stats.store_fails)
            gt_buf_printf(out, "store: %s\n", stats.store_problem);
        EACH_SOURCE(s) {
            if (s->health.problem[0] && st->now - s->health.since > FAILING_MS)
                gt_buf_printf(out, "source %.*s: %s\n", GT_STR_ARG(s->name), s->health.problem);
        }
        if (more && more->problems)
            more->problems(more->ctx, out);
        status = gt_buf_status(out);
    }
    gt_arena_free(arena);
    return status;
}

/* --- server ----------------------------------------------------------------------------------------- */

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned code, const char *type,
                               gt_str body)
{
    char none[] = "";
    /* Copied at once: the buffer's bytes stay ours. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, body.len ? (void *)(uintptr_t)body.ptr : none, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    (void)version, (void)data, (void)size, (void)state;
    gt_outside *o = ctx;
    const char *const text = "text/plain; charset=utf-8";
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return respond(connection, 405, text, GT_STR("GET only\n"));
    gt_buf body = GT_BUF(16 * GT_MIB);
    unsigned code = 200;
    const char *type = text;
    gt_status status = GT_OK;
    if (strcmp(url, "/metrics") == 0) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        status = gt_outside_metrics(o->watch, &o->more, &body);
    } else if (strcmp(url, "/healthz") == 0) {
        code = gt_watch_has_failed(o->watch) ? 503 : 200;
        gt_buf_add(&body, code == 200 ? GT_STR("ok\n") : GT_STR("the store is damaged\n"));
    } else if (strcmp(url, "/readyz") == 0) {
        status = gt_outside_problems(o->watch, &o->more, &body);
        code = body.len ? 503 : 200;
        if (!body.len)
            gt_buf_lit(&body, "ok\n");
    } else {
        code = 404;
        gt_buf_lit(&body, "/metrics, /healthz, /readyz\n");
    }
    enum MHD_Result result = status == GT_OK ? respond(connection, code, type, gt_buf_str(&body))
                                             : respond(connection, 500, text, GT_STR("no memory\n"));
    gt_buf_done(&body);
    return result;
}

/* "HOST:PORT" to an address. */
static struct addrinfo *resolve(gt_str listen, gt_buf *reterr)
{
    char host[256], port[16];
    size_t colon = gt_str_rfind_byte(listen, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (colon == GT_NPOS) {
        gt_buf_printf(reterr, "listen: \"%.*s\" has no port", GT_STR_ARG(listen));
        return NULL;
    }
    gt_str name = gt_str_head(listen, colon);
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = (gt_str){name.ptr + 1, name.len - 2};
    snprintf(host, sizeof host, "%.*s", GT_STR_ARG(name));
    snprintf(port, sizeof port, "%.*s", GT_STR_ARG(gt_str_from(listen, colon + 1)));
    int code = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (code != 0) {
        gt_buf_printf(reterr, "listen: \"%.*s\": %s", GT_STR_ARG(listen), gai_strerror(code));
        return NULL;
    }
    return found;
}

gt_status gt_outside_start(gt_watch *watch, gt_str listen, const gt_outside_more *more,
                           gt_outside **ret, gt_buf *reterr_message)
{
    struct addrinfo *address = resolve(listen, reterr_message);
    if (!address)
        return GT_INVALID;
    gt_outside *o = gt_calloc(1, sizeof *o);
    if (o) {
        unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG;
        if (address->ai_family == AF_INET6)
            flags |= MHD_USE_IPv6;
        o->watch = watch;
        o->more = more ? *more : (gt_outside_more){0};
        o->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, o, MHD_OPTION_SOCK_ADDR,
                                     address->ai_addr, MHD_OPTION_CONNECTION_TIMEOUT, 10u,
                                     MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_END);
    }
    freeaddrinfo(address);
    if (!o || !o->daemon) {
        gt_buf_printf(reterr_message, "listen: \"%.*s\": %s", GT_STR_ARG(listen), strerror(errno));
        gt_status status = o ? GT_IO : GT_NOMEM;
        gt_free(o);
        return status;
    }
    *ret = o;
    return GT_OK;
}

void gt_outside_stop(gt_outside *o)
{
    if (!o)
        return;
    MHD_stop_daemon(o->daemon);
    gt_free(o);
}
