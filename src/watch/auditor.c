#include "watch/auditor.h"

#include "base/limits.h"
#include "base/mem.h"
#include "json/json.h"
#include "store/feeds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Beside the sources' checkpoints; brackets keep it apart from their names. */
#define CHECKPOINT GT_STR("[audit]")
#define LOOK_MS 500
/* An audit is a few hundred calls: what fails is left alone for a while, at most for an hour. */
#define RETRY_BASE_MS 60000
#define RETRY_MAX_MS 3600000

struct gt_auditor {
    gt_auditor_options options;
    gt_arena *arena; /* of the store's message */
    gt_store *store;
    pthread_t thread;
    bool started;
    bool has_last;
    gt_time_ms last, failed; /* when the last one began; when the last failure was */
    unsigned failures;       /* in a row */
    int64_t pause;           /* after the last failure */
    atomic_bool looked, due;
    /* For the metrics. */
    atomic_ullong done_count, failed_count;
    atomic_llong last_seen; /* `last`; 0: none */
    atomic_llong groups, identities; /* of the last one of this process; -1: none yet */
};

static gt_time_ms now_of(const gt_auditor *a)
{
    return a->options.now(a->options.now_ctx);
}

/* --- the file --------------------------------------------------------------------------------------- */

static gt_status write_all(int fd, gt_str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return GT_IO;
        text = gt_str_from(text, (size_t)n);
    }
    return fsync(fd) == 0 ? GT_OK : GT_IO;
}

static gt_status replace_file(gt_arena *arena, const char *path, gt_str text, gt_buf *reterr)
{
    gt_str draft = gt_arena_printf(arena, "%s.new", path);
    if (!draft.ptr)
        return gt_arena_status(arena);
    int fd = open(draft.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    gt_status status = fd < 0 ? GT_IO : write_all(fd, text);
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && status == GT_OK) {
        status = GT_IO;
        error = errno;
    }
    if (status == GT_OK && rename(draft.ptr, path) != 0) {
        status = GT_IO;
        error = errno;
    }
    if (status != GT_OK) {
        gt_buf_printf(reterr, "%s: %s", path, strerror(error));
        if (fd >= 0)
            (void)unlink(draft.ptr);
    }
    return status;
}

/* --- one audit --------------------------------------------------------------------------------------- */

static int64_t count_of(const gt_json *audit, const char *list)
{
    const gt_json *node = gt_json_get(audit, gt_str_c(list));
    return node ? (int64_t)node->count : 0;
}

static gt_status keep(gt_auditor *a, gt_arena *arena, gt_json *audit, gt_str began, gt_buf *reterr)
{
    gt_buf text = GT_BUF(GT_BATCH_ARENA_MAX);
    gt_json_setl(audit, "time", gt_json_new_str(arena, began));
    gt_status status = gt_arena_status(arena);
    if (status == GT_OK) {
        gt_json_write_pretty(&text, audit);
        gt_buf_add_byte(&text, '\n');
        status = gt_buf_status(&text);
    }
    if (status == GT_OK)
        status = replace_file(arena, a->options.path, gt_buf_str(&text), reterr);
    gt_buf_done(&text);
    GT_TRY(status);
    status = gt_feeds_checkpoint_put(a->store, CHECKPOINT, began);
    if (status != GT_OK)
        gt_buf_add(reterr, gt_store_message(a->store));
    return status;
}

static gt_status audit(gt_auditor *a, gt_arena *arena, gt_time_ms began, gt_buf *reterr)
{
    char time[GT_TIME_TEXT_MAX];
    gt_json *result = NULL;
    GT_TRY(a->options.run(a->options.run_ctx, arena, &result, reterr));
    GT_TRY(keep(a, arena, result, gt_time_format(began, time), reterr));
    int64_t groups = count_of(result, "groups"), identities = count_of(result, "identities");
    atomic_store(&a->groups, groups);
    atomic_store(&a->identities, identities);
    gt_log_say(&a->options.log, GT_LOG_INFO, "audited",
               GT_LOG_TEXT("account", gt_json_path_str(result, "account")),
               GT_LOG_TEXT("region", gt_json_path_str(result, "region")),
               GT_LOG_NUMBER("open_groups", groups), GT_LOG_NUMBER("identities", identities),
               GT_LOG_TEXT("file", gt_str_c(a->options.path)));
    return GT_OK;
}

static void note_success(gt_auditor *a, gt_time_ms began)
{
    a->has_last = true;
    a->last = began;
    a->failures = 0;
    atomic_store(&a->last_seen, began);
    atomic_fetch_add(&a->done_count, 1);
}

static void note_failure(gt_auditor *a, gt_str reason)
{
    const gt_net_env *env = a->options.env;
    int64_t most = a->options.every_ms < RETRY_MAX_MS ? a->options.every_ms : RETRY_MAX_MS;
    const gt_retry pace = {1, RETRY_BASE_MS, most};
    a->failed = now_of(a);
    a->pause = gt_backoff_ms(&pace, ++a->failures, env->random(env->ctx));
    atomic_fetch_add(&a->failed_count, 1);
    gt_log_say(&a->options.log, GT_LOG_WARN, "audit fails; it will be tried again",
               GT_LOG_TEXT("reason", reason), GT_LOG_NUMBER("in_seconds", a->pause / 1000));
}

/* llabs: a clock that was set back must not silence it. */
static bool is_due(const gt_auditor *a, gt_time_ms now)
{
    if (a->failures)
        return llabs(now - a->failed) >= a->pause;
    return !a->has_last || llabs(now - a->last) >= a->options.every_ms;
}

bool gt_auditor_look(gt_auditor *a)
{
    const gt_net_env *env = a->options.env;
    gt_time_ms now = now_of(a);
    bool due = is_due(a, now);
    atomic_store(&a->due, due);
    atomic_store(&a->looked, true);
    if (!due)
        return false;
    gt_arena *arena = gt_arena_new(GT_RULES_ARENA_MAX);
    gt_buf reason = GT_BUF(64 * GT_KIB);
    gt_status status = arena ? audit(a, arena, now, &reason) : GT_NOMEM;
    bool given_up = status != GT_OK && env->stopped(env->ctx);
    if (status == GT_OK)
        note_success(a, now);
    else if (!given_up)
        note_failure(a, reason.len ? gt_buf_str(&reason) : gt_str_c(gt_status_text(status)));
    gt_buf_done(&reason);
    gt_arena_free(arena);
    atomic_store(&a->due, false);
    return !given_up;
}

/* --- the thread -------------------------------------------------------------------------------------- */

static void *auditor_main(void *ctx)
{
    gt_auditor *a = ctx;
    const gt_net_env *env = a->options.env;
    while (!env->stopped(env->ctx)) {
        (void)gt_auditor_look(a);
        env->sleep(env->ctx, LOOK_MS);
    }
    return NULL;
}

static gt_status read_last(gt_auditor *a, gt_buf *reterr)
{
    gt_str why = GT_STR(""), text = GT_STR("");
    gt_status status = gt_store_open(a->options.store_path, NULL, a->arena, &a->store, &why);
    if (status == GT_OK) {
        status = gt_feeds_checkpoint_get(a->store, CHECKPOINT, a->arena, &text);
        if (status != GT_OK)
            why = gt_store_message(a->store);
    }
    if (status != GT_OK) {
        gt_buf_add(reterr, why);
        return status;
    }
    a->has_last = gt_time_parse(text, &a->last);
    atomic_store(&a->last_seen, a->has_last ? a->last : 0);
    return GT_OK;
}

gt_status gt_auditor_open(const gt_auditor_options *options, gt_auditor **ret, gt_buf *reterr_message)
{
    gt_auditor *a = gt_calloc(1, sizeof *a);
    if (!a)
        return GT_NOMEM;
    a->options = *options;
    atomic_store(&a->groups, -1);
    atomic_store(&a->identities, -1);
    a->arena = gt_arena_new(GT_MIB);
    gt_status status = a->arena ? read_last(a, reterr_message) : GT_NOMEM;
    if (status != GT_OK) {
        gt_auditor_stop(a);
        return status;
    }
    *ret = a;
    return GT_OK;
}

gt_status gt_auditor_start(gt_auditor *auditor)
{
    auditor->started = pthread_create(&auditor->thread, NULL, auditor_main, auditor) == 0;
    return auditor->started ? GT_OK : GT_NOMEM;
}

void gt_auditor_stop(gt_auditor *auditor)
{
    if (!auditor)
        return;
    if (auditor->started)
        pthread_join(auditor->thread, NULL);
    gt_store_close(auditor->store);
    gt_arena_free(auditor->arena);
    gt_free(auditor);
}

/* --- seen from outside ------------------------------------------------------------------------------- */

bool gt_auditor_is_idle(const gt_auditor *auditor)
{
    return !auditor || (atomic_load(&auditor->looked) && !atomic_load(&auditor->due));
}

static void gauge(gt_buf *out, const char *name, const char *help, int64_t value)
{
    gt_buf_printf(out, "# HELP gatetrail_audit_%s %s\n# TYPE gatetrail_audit_%s gauge\n"
                  "gatetrail_audit_%s %lld\n", name, help, name, name, (long long)value);
}

void gt_auditor_metrics(const gt_auditor *a, gt_buf *out)
{
    if (!a)
        return;
    gt_buf_printf(out,
                  "# HELP gatetrail_audits_total Audits by how they ended.\n"
                  "# TYPE gatetrail_audits_total counter\n"
                  "gatetrail_audits_total{outcome=\"done\"} %llu\n"
                  "gatetrail_audits_total{outcome=\"failed\"} %llu\n",
                  atomic_load(&a->done_count), atomic_load(&a->failed_count));
    gt_time_ms last = atomic_load(&a->last_seen);
    int64_t groups = atomic_load(&a->groups), identities = atomic_load(&a->identities);
    if (last)
        gauge(out, "age_seconds", "Since the last audit began.", (now_of(a) - last) / 1000);
    if (groups >= 0)
        gauge(out, "open_groups", "Security groups open to the internet.", groups);
    if (identities >= 0)
        gauge(out, "identities", "Users and roles that may change groups.", identities);
}
