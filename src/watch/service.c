#include "watch/service.h"

#include "base/limits.h"
#include "watch/audit_account.h"
#include "watch/auditor.h"
#include "watch/configure.h"
#include "watch/host.h"
#include "watch/notify.h"
#include "watch/output.h"
#include "watch/outside.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 100       /* between two looks at signals */
#define IDLE_LOOKS 30     /* looks in a row that find nothing to do, before --once ends */

typedef struct service {
    const gt_service_options *options;
    atomic_bool stop;
    gt_net_env env;       /* stops with `stop` */
    gt_net_env steady;    /* never stops: for what must go on while draining */
    gt_log_file log_file;
    gt_log log;
    gt_arena *arena;
    gt_watch_plan plan;
    gt_output *output;
    gt_audit_account *account; /* NULL, as the auditor: no [audit] */
    gt_auditor *auditor;
    gt_watch *watch;
    gt_outside *outside;
    const char *notify_socket;
} service;

/* --- time ------------------------------------------------------------------------------------------ */

/* The frozen clock of tests: a file with one RFC 3339 time, read at every look. */
static gt_time_ms clock_of_file(const char *path, gt_time_ms real)
{
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    gt_time_ms t;
    return n > 0 && gt_time_parse(gt_str_trim((gt_str){text, (size_t)n}), &t) ? t : real;
}

static gt_time_ms service_now(void *ctx)
{
    const service *s = ctx;
    gt_time_ms real = s->steady.now(s->steady.ctx);
    return s->options->clock_file ? clock_of_file(s->options->clock_file, real) : real;
}

/* --- starting ---------------------------------------------------------------------------------------- */

static const gt_config_section *watch_of(const gt_config *config)
{
    return gt_config_get(config, GT_CONFIG_WATCH);
}

static void open_log(service *s)
{
    const gt_config_section *w = watch_of(s->options->config);
    static const gt_log_level levels[] = {GT_LOG_DEBUG, GT_LOG_INFO, GT_LOG_WARN, GT_LOG_ERROR};
    s->log_file = (gt_log_file){.fd = STDERR_FILENO,
                                .text = gt_str_is(gt_config_str(w, GT_CONFIG_WATCH_LOG), "text"),
                                .least = levels[gt_config_number(w, GT_CONFIG_WATCH_LOG_LEVEL)],
                                .now = s->steady.now, .now_ctx = s->steady.ctx};
    s->log = gt_log_to_file(&s->log_file);
}

/* Warnings of rule files, a line each. */
static void log_text(service *s, gt_log_level level, const char *message, gt_str text)
{
    text = gt_str_trim(text);
    if (text.len)
        gt_log_say(&s->log, level, message, GT_LOG_TEXT("detail", text));
}

static gt_status start_engine(service *s, gt_buf *reterr)
{
    const gt_config *config = s->options->config;
    const gt_config_section *w = watch_of(config), *store = gt_config_get(config, GT_CONFIG_STORE);
    gt_watch_setup *setup = NULL;
    gt_buf text = GT_BUF(16 * GT_MIB);
    gt_status status = gt_watch_setup_of(config, service_now(s), &setup, &text);
    if (status == GT_OK)
        log_text(s, GT_LOG_WARN, "rules", gt_buf_str(&text));
    else
        gt_buf_add(reterr, gt_buf_str(&text));
    gt_buf_done(&text);
    GT_TRY(status);
    gt_watch_options options = {
        .env = &s->env, .now = service_now, .now_ctx = s,
        .store_path = gt_config_str(store, GT_CONFIG_STORE_PATH).ptr,
        .sources = s->plan.sources, .source_count = s->plan.source_count,
        .workers = (size_t)gt_config_number(w, GT_CONFIG_WATCH_WORKERS),
        .remember = (size_t)gt_config_number(w, GT_CONFIG_WATCH_REMEMBER),
        .retention_ms = gt_config_number(store, GT_CONFIG_STORE_RETENTION),
        .keep_events = gt_config_flag(store, GT_CONFIG_STORE_EVENTS),
        .setup = setup, .output = gt_output_of(s->output), .log = s->log, .once = s->options->once,
    };
    return gt_watch_start(&options, &s->watch, reterr);
}

/* The database with all its tables, before several threads open it. */
static gt_status make_store(service *s, gt_buf *reterr)
{
    const gt_config_section *section = gt_config_get(s->options->config, GT_CONFIG_STORE);
    gt_store *store = NULL;
    gt_str why = GT_STR("");
    gt_status status = gt_store_open(gt_config_str(section, GT_CONFIG_STORE_PATH).ptr, NULL, s->arena,
                                     &store, &why);
    if (status != GT_OK)
        gt_buf_add(reterr, why);
    gt_store_close(store);
    return status;
}

static gt_status open_auditor(service *s, gt_buf *reterr)
{
    const gt_config *config = s->options->config;
    const gt_config_section *audit = gt_config_get(config, GT_CONFIG_AUDIT);
    const gt_config_section *store = gt_config_get(config, GT_CONFIG_STORE);
    gt_auditor_options options = {
        .env = &s->env, .now = service_now, .now_ctx = s,
        .every_ms = gt_config_number(audit, GT_CONFIG_AUDIT_EVERY),
        .path = gt_config_str(audit, GT_CONFIG_AUDIT_PATH).ptr,
        .store_path = gt_config_str(store, GT_CONFIG_STORE_PATH).ptr, .log = s->log,
        .run = gt_audit_account_run,
    };
    if (options.every_ms <= 0)
        return GT_OK;
    GT_TRY(gt_audit_account_open(config, &s->env, &s->account, reterr));
    options.run_ctx = s->account;
    return gt_auditor_open(&options, &s->auditor, reterr);
}

static void more_metrics(void *ctx, gt_buf *out)
{
    const service *s = ctx;
    const gt_outside_more output = gt_output_outside(s->output);
    output.metrics(output.ctx, out);
    gt_auditor_metrics(s->auditor, out);
}

static gt_status start(service *s, gt_buf *reterr)
{
    const gt_config *config = s->options->config;
    s->arena = gt_arena_new(64 * GT_MIB);
    if (!s->arena)
        return GT_NOMEM;
    /* Sources must go on while draining: only their waiting ends with `stop`. */
    GT_TRY(gt_watch_plan_make(s->arena, config, &s->steady, &s->plan, reterr));
    GT_TRY(make_store(s, reterr));
    const gt_output_options output = {.config = config, .env = &s->env, .steady = &s->steady,
                                      .log = s->log, .now = service_now, .now_ctx = s};
    GT_TRY(gt_output_start(&output, &s->output, reterr));
    GT_TRY(open_auditor(s, reterr));
    GT_TRY(start_engine(s, reterr));
    if (s->auditor)
        GT_TRY(gt_auditor_start(s->auditor));
    gt_str listen = gt_config_str(watch_of(config), GT_CONFIG_WATCH_LISTEN);
    /* What waits for a sink, or an audit that fails, is no reason to be unready. */
    const gt_outside_more more = {.ctx = s, .metrics = more_metrics};
    if (listen.len)
        GT_TRY(gt_outside_start(s->watch, listen, &more, &s->outside, reterr));
    return GT_OK;
}

static gt_status finish(service *s)
{
    int64_t drain =
        gt_config_number(watch_of(s->options->config), GT_CONFIG_WATCH_DRAIN);
    gt_outside_stop(s->outside);
    gt_auditor_stop(s->auditor);
    gt_audit_account_close(s->account);
    gt_status status = s->watch ? gt_watch_stop(s->watch, drain) : GT_OK;
    gt_output_stop(s->output, drain);
    gt_watch_plan_done(&s->plan);
    gt_arena_free(s->arena);
    return status;
}

/* --- reloading --------------------------------------------------------------------------------------- */

static const char *environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

/* What a reload cannot change: everything but rules, rule settings, value lists and the mapping. */
static bool rest_differs(const gt_config *a, const gt_config *b)
{
    gt_buf x = GT_BUF(16 * GT_MIB), y = GT_BUF(16 * GT_MIB);
    gt_config_show(a, &x);
    gt_config_show(b, &y);
    static const char *const swapped[] = {"[rules]", "[[rule]]", "[[value_list]]", "[mapping]",
                                          "[expected]"};
    gt_buf *const texts[] = {&x, &y};
    for (size_t t = 0; t < 2; t++) { /* drop the sections that are swapped, in place */
        gt_str rest = gt_buf_str(texts[t]);
        size_t kept = 0;
        bool keep = true;
        while (rest.len) {
            gt_str line;
            rest = gt_str_cut(rest, '\n', &line);
            if (line.len && line.ptr[0] == '[') {
                keep = true;
                for (size_t i = 0; i < sizeof swapped / sizeof *swapped; i++)
                    keep = keep && !gt_str_eq(gt_str_trim(line), gt_str_c(swapped[i]));
            }
            if (keep) {
                memmove(texts[t]->data + kept, line.ptr, line.len);
                kept += line.len;
            }
        }
        texts[t]->len = kept;
    }
    bool differs = !gt_str_eq(gt_buf_str(&x), gt_buf_str(&y));
    gt_buf_done(&x);
    gt_buf_done(&y);
    return differs;
}

static void reload(service *s)
{
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    const gt_config_env env = {NULL, environment};
    gt_config *config = NULL;
    gt_watch_setup *setup = NULL;
    gt_buf text = GT_BUF(16 * GT_MIB);
    gt_notify(s->notify_socket, "RELOADING=1");
    gt_status status =
        arena ? gt_config_load(arena, s->options->config_path, &env, &config) : GT_NOMEM;
    if (status == GT_OK && config->diags.errors) {
        gt_diags_render(&config->diags, false, &text);
        status = GT_INVALID;
    }
    if (status == GT_OK)
        status = gt_watch_setup_of(config, service_now(s), &setup, &text);
    if (status != GT_OK) {
        log_text(s, GT_LOG_ERROR, "reload refused; the old rules stay in force",
                 text.len ? gt_buf_str(&text) : gt_str_c(gt_status_text(status)));
    } else {
        size_t rules = gt_detector_count(setup->detector);
        log_text(s, GT_LOG_WARN, "rules", gt_buf_str(&text));
        gt_watch_swap(s->watch, setup);
        gt_log_say(&s->log, GT_LOG_INFO, "reloaded", GT_LOG_NUMBER("rules", rules));
        if (rest_differs(s->options->config, config))
            gt_log_say(&s->log, GT_LOG_WARN, "sources, sinks, store, [watch] and [audit] keep "
                                             "their settings until a restart",
                       GT_LOG_TEXT("file", config->path));
    }
    gt_buf_done(&text);
    gt_arena_free(arena);
    gt_notify(s->notify_socket, "READY=1");
}

/* --- running ------------------------------------------------------------------------------------------ */

static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
    sigaddset(ret, SIGPIPE); /* a peer that closes is an error of a write, not our end */
    pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static void wait_for_end(service *s, const sigset_t *signals)
{
    unsigned idle = 0, looks = 0;
    while (!atomic_load(&s->stop) && !gt_watch_has_failed(s->watch)) {
        const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
        int number = sigtimedwait(signals, NULL, &pause);
        if (number == SIGHUP)
            reload(s);
        if (number == SIGTERM || number == SIGINT)
            return;
        bool none = s->options->once && gt_watch_is_idle(s->watch) &&
                    gt_output_is_idle(s->output) && gt_auditor_is_idle(s->auditor);
        idle = none ? idle + 1 : 0;
        if (idle >= IDLE_LOOKS)
            return;
        if (++looks % 10 == 0)
            gt_notify(s->notify_socket, "WATCHDOG=1");
    }
}

static gt_status run(service *s, const sigset_t *signals, gt_buf *reterr)
{
    gt_status status = start(s, reterr);
    if (status == GT_OK) {
        gt_log_say(&s->log, GT_LOG_INFO, "started",
                   GT_LOG_TEXT("config", s->options->config_path),
                   GT_LOG_NUMBER("sources", s->plan.source_count));
        gt_notify(s->notify_socket, "READY=1\nSTATUS=watching");
        wait_for_end(s, signals);
        gt_notify(s->notify_socket, "STOPPING=1");
        gt_log_say(&s->log, GT_LOG_INFO, "stopping", GT_LOG_NUMBER("pid", getpid()));
    }
    atomic_store(&s->stop, true);
    gt_status ended = finish(s);
    if (status == GT_OK && ended != GT_OK) {
        gt_buf_lit(reterr, "the store failed; what was not stored will be read again");
        status = ended;
    }
    if (status == GT_OK)
        gt_log_say(&s->log, GT_LOG_INFO, "stopped", GT_LOG_NUMBER("pid", getpid()));
    return status;
}

gt_status gt_service_run(const gt_service_options *options, gt_buf *reterr_message)
{
    service s = {.options = options, .notify_socket = getenv("NOTIFY_SOCKET")};
    sigset_t signals;
    s.env = gt_host_env(&s.stop);
    s.steady = gt_host_env(NULL);
    open_log(&s);
    block_signals(&signals); /* before any thread is made: they inherit it */
    return run(&s, &signals, reterr_message);
}
