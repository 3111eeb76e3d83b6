#include "cli/run.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/db.h"
#include "cli/progress.h"
#include "cli/sg_db.h"
#include "detect/alert.h"
#include "watch/host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Milliseconds between two drawings of the bar: fast enough to look alive, too slow to cost. */
#define DRAW_EVERY_MS 100

/* Set by SIGINT and SIGTERM while a run is on; a second signal ends the program at once. */
static volatile sig_atomic_t interrupted; /* a signal handler has nowhere else to write */

static void on_signal(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL);
}

/* --- opening --------------------------------------------------------------------------------- */

static size_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

static void read_filter(gt_cli *cli, gt_input_filter *filter)
{
    if (gt_cli_accepts(cli, GT_OPT_SINCE)) { /* a history has no such bounds: it needs all changes */
        filter->has_since = gt_cli_has(cli, GT_OPT_SINCE);
        filter->has_until = gt_cli_has(cli, GT_OPT_UNTIL);
        filter->since = gt_cli_number(cli, GT_OPT_SINCE, 0);
        filter->until = gt_cli_number(cli, GT_OPT_UNTIL, 0);
    }
    filter->accounts = gt_cli_list(cli, GT_OPT_ACCOUNT, &filter->account_count);
    filter->regions = gt_cli_list(cli, GT_OPT_REGION, &filter->region_count);
}

/* --- s3:// paths ------------------------------------------------------------------------------ */

/* Objects come one by one over the network: more threads than processors keep it busy. */
#define S3_THREADS 8

static gt_status fetch_object(void *ctx, const gt_input *input, gt_buf *ret_bytes,
                              const char **reterr_reason)
{
    return gt_s3_scan_fetch(ctx, input, ret_bytes, reterr_reason);
}

static bool stop_asked(void *ctx)
{
    (void)ctx;
    return interrupted != 0;
}

static int open_s3(gt_run *run)
{
    gt_cli *cli = run->cli;
    gt_buf why = GT_BUF(64 * GT_KIB);
    run->env = gt_host_env(NULL);
    run->env.stopped = stop_asked;
    const gt_aws_options options = {.env = &run->env};
    gt_status status = gt_aws_open(&options, &run->aws, &why);
    if (status == GT_OK) {
        run->s3 = gt_s3_scan_new(run->aws);
        status = run->s3 ? GT_OK : GT_NOMEM;
        run->fetch = (gt_pipeline_fetch){run->s3, fetch_object};
    }
    if (status != GT_OK)
        gt_cli_error(cli, "%.*s", GT_STR_ARG(why.len ? gt_buf_str(&why)
                                                     : gt_str_c(gt_status_text(status))));
    gt_buf_done(&why);
    return status == GT_OK ? GT_EXIT_OK : status == GT_INVALID ? GT_EXIT_USAGE : GT_EXIT_INPUT;
}

static int expand_s3(gt_run *run, gt_str path, gt_inputs *ret)
{
    gt_buf why = GT_BUF(64 * GT_KIB);
    gt_status status =
        gt_s3_scan_expand(run->s3, run->cli->arena, path, &run->filter, ret, &why);
    if (status != GT_OK)
        gt_cli_error(run->cli, "%.*s", GT_STR_ARG(why.len ? gt_buf_str(&why)
                                                          : gt_str_c(gt_status_text(status))));
    gt_buf_done(&why);
    return status == GT_OK ? GT_EXIT_OK : GT_EXIT_INPUT;
}

static gt_status append_inputs(gt_arena *arena, gt_inputs *to, const gt_inputs *more)
{
    gt_input *items = gt_arena_grow(arena, to->items, to->count * sizeof *items,
                                    (to->count + more->count + 1) * sizeof *items);
    if (!items)
        return gt_arena_status(arena);
    if (more->count)
        memcpy(items + to->count, more->items, more->count * sizeof *items);
    to->items = items;
    to->count += more->count;
    to->bytes += more->bytes;
    to->pruned += more->pruned;
    to->ignored += more->ignored;
    return GT_OK;
}

/* Paths to inputs, in the order given, whatever they are. */
static int expand(gt_run *run, const gt_str *paths, size_t count)
{
    gt_arena *arena = run->cli->arena;
    bool remote = false;
    for (size_t i = 0; i < count; i++)
        remote = remote || gt_str_starts(paths[i], GT_STR("s3://"));
    if (!remote) {
        gt_status status = gt_inputs_expand(arena, paths, count, &run->filter, &run->inputs);
        return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(run->cli, status, "listing the files");
    }
    int code = open_s3(run);
    for (size_t i = 0; code == GT_EXIT_OK && i < count; i++) {
        gt_inputs part = {0};
        gt_status status = GT_OK;
        if (gt_str_starts(paths[i], GT_STR("s3://")))
            code = expand_s3(run, paths[i], &part);
        else
            status = gt_inputs_expand(arena, &paths[i], 1, &run->filter, &part);
        if (code == GT_EXIT_OK && status == GT_OK)
            status = append_inputs(arena, &run->inputs, &part);
        if (status != GT_OK)
            code = gt_cli_failed(run->cli, status, "listing the files");
    }
    return code;
}

int gt_run_open(gt_cli *cli, const gt_str *paths, size_t path_count, gt_run *ret)
{
    *ret = (gt_run){.cli = cli, .errors = GT_BUF(GT_GIB)};
    pthread_mutex_init(&ret->lock, NULL);
    read_filter(cli, &ret->filter);
    if (ret->filter.has_since && ret->filter.has_until && ret->filter.since >= ret->filter.until)
        return gt_cli_usage(cli, "--since is not before --until: no event can be between them");
    int expanded = expand(ret, paths, path_count);
    if (expanded != GT_EXIT_OK)
        return expanded;
    bool ecs = gt_cli_accepts(cli, GT_OPT_INPUT) && gt_cli_choice(cli, GT_OPT_INPUT, 0) == 1;
    int64_t threads = gt_cli_number(cli, GT_OPT_THREADS, 0);
    if (threads > GT_THREADS_MAX)
        return gt_cli_usage(cli, "--threads must be at most %d", GT_THREADS_MAX);
    ret->options = (gt_pipeline_options){
        .inputs = &ret->inputs,
        .kind = ecs ? GT_RECORDS_ECS : GT_RECORDS_CLOUDTRAIL,
        .threads = threads  ? (size_t)threads
                   : ret->s3 ? S3_THREADS + processors()
                             : processors(),
        .fetch = ret->s3 ? &ret->fetch : NULL,
        .filter = ret->filter,
        .interrupt = &interrupted,
        .clock_ns = gt_cli_accepts(cli, GT_OPT_TIMINGS) && gt_cli_flag(cli, GT_OPT_TIMINGS)
                        ? gt_cli_clock_ns : NULL,
    };
    return GT_EXIT_OK;
}

bool gt_run_is_ecs(const gt_run *run)
{
    return run->options.kind == GT_RECORDS_ECS;
}

int gt_run_tables(gt_run *run)
{
    static const gt_ecs_mapping mappings[] = {GT_ECS_8_8, GT_ECS_9_0, GT_ECS_FILEBEAT};
    gt_cli *cli = run->cli;
    gt_str message = GT_STR_NULL;
    gt_ecs_options options = {
        .mapping = mappings[gt_cli_choice(cli, GT_OPT_MAPPING, 0)],
        .created = gt_cli_str(cli, GT_OPT_CREATED),
        .geoip_city = gt_cli_path(cli, GT_OPT_GEOIP_CITY),
        .geoip_asn = gt_cli_path(cli, GT_OPT_GEOIP_ASN),
    };
    options.tags = gt_cli_list(cli, GT_OPT_TAG, &options.tag_count);
    gt_time_ms created;
    if (options.created.len && !gt_time_parse(options.created, &created))
        return gt_cli_usage(cli, "--created must be a time like 2024-10-14T09:00:00Z, not '%.*s'",
                            GT_STR_ARG(options.created));
    gt_status status = gt_ecs_tables_open(&options, cli->arena, &run->tables, &message);
    if (status != GT_OK) {
        gt_cli_error(cli, "%.*s", GT_STR_ARG(message));
        return GT_EXIT_USAGE;
    }
    gt_str warning = gt_ecs_tables_warning(run->tables);
    if (warning.len && !cli->quiet)
        gt_cli_warn(cli, "%.*s", GT_STR_ARG(warning));
    return GT_EXIT_OK;
}

int gt_run_fill(gt_run *run)
{
    if (!gt_cli_has(run->cli, GT_OPT_DB))
        return GT_EXIT_OK;
    if (gt_run_is_ecs(run))
        return gt_cli_usage(run->cli, "--db keeps CloudTrail records, not ECS documents");
    return gt_db_open(run->cli, true, &run->fill);
}

void gt_run_done(gt_run *run)
{
    gt_store_close(run->fill);
    gt_s3_scan_free(run->s3);
    gt_aws_close(run->aws);
    gt_ecs_tables_close(run->tables);
    gt_buf_done(&run->errors);
    pthread_mutex_destroy(&run->lock);
}

/* --- running --------------------------------------------------------------------------------- */

static void note_error(gt_run *run, const gt_problem *problem)
{
    if (run->errors.len)
        gt_buf_add_byte(&run->errors, ',');
    gt_buf_lit(&run->errors, "{\"file\":");
    gt_json_write_str(&run->errors, problem->input->name);
    gt_buf_printf(&run->errors, ",\"offset\":%llu,\"reason\":", (unsigned long long)problem->offset);
    gt_json_write_str(&run->errors, gt_str_c(problem->reason));
    gt_buf_add_byte(&run->errors, '}');
}

/* Warnings do not crowd errors out, nor one broken file another: its first error is always told. */
static bool is_shown(gt_run *run, const gt_problem *problem, bool warning)
{
    gt_run_problems *kind = warning ? &run->warnings_told : &run->errors_told;
    bool first = !warning && problem->input != run->broken;
    if (!warning)
        run->broken = problem->input;
    if (kind->shown >= GT_CLI_PROBLEMS_MAX && !first) {
        kind->hidden++;
        return false;
    }
    kind->shown++;
    return true;
}

static void on_problem(void *ctx, const gt_problem *problem)
{
    gt_run *run = ctx;
    bool warning = problem->kind == GT_PROBLEM_WARNING;
    pthread_mutex_lock(&run->lock);
    if (!warning)
        note_error(run, problem);
    if (is_shown(run, problem, warning)) {
        gt_progress_clear(run->cli);
        const char *reason = problem->reason;
        if (warning)
            gt_cli_warn(run->cli, "%.*s: offset %llu: %s", GT_STR_ARG(problem->input->name),
                        (unsigned long long)problem->offset, reason);
        else if (problem->kind == GT_PROBLEM_INPUT && problem->offset == 0)
            gt_cli_error(run->cli, "%.*s: %s", GT_STR_ARG(problem->input->name), reason);
        else
            gt_cli_error(run->cli, "%.*s: offset %llu: %s", GT_STR_ARG(problem->input->name),
                         (unsigned long long)problem->offset, reason);
    }
    pthread_mutex_unlock(&run->lock);
}

static void on_progress(void *ctx, const gt_progress *progress)
{
    gt_run *run = ctx;
    int64_t now = gt_cli_clock_ms();
    pthread_mutex_lock(&run->lock);
    if (now - run->drawn_ms >= DRAW_EVERY_MS) {
        run->drawn_ms = now;
        gt_progress_draw(run->cli, progress, now - run->begin_ms);
    }
    pthread_mutex_unlock(&run->lock);
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    gt_run *run = ctx;
    pthread_mutex_lock(&run->lock);
    if (run->cli->tty_out)
        gt_progress_clear(run->cli);
    gt_status status = run->stage->commit(run->stage->ctx, item);
    if (status == GT_OK && run->cli->out_failed)
        status = GT_IO;
    /* People want to see results as they come. */
    if (run->cli->tty_out)
        gt_cli_flush(run->cli);
    pthread_mutex_unlock(&run->lock);
    return status;
}

/* A worker of the command's stage, and one of the database that is filled beside it. */
typedef struct run_worker {
    const gt_run *run;
    void *inner;
    gt_filler_worker *filler;
    gt_arena *scratch; /* for what the database keeps of the record */
} run_worker;

static gt_status on_worker_new(void *ctx, size_t index, void **ret_worker)
{
    gt_run *run = ctx;
    run_worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->run = run;
    gt_status status = GT_OK;
    if (run->filler) {
        w->filler = gt_filler_worker_new(run->filler);
        w->scratch = gt_arena_new(GT_BATCH_ARENA_MAX);
        status = w->filler && w->scratch ? GT_OK : GT_NOMEM;
    }
    if (status == GT_OK && run->stage->worker_new)
        status = run->stage->worker_new(run->stage->ctx, index, &w->inner);
    if (status != GT_OK) {
        gt_status ignored = gt_filler_worker_done(w->filler);
        (void)ignored;
        gt_arena_free(w->scratch);
        gt_free(w);
        return status;
    }
    *ret_worker = w;
    return GT_OK;
}

static void on_worker_free(void *ctx, void *opaque)
{
    gt_run *run = ctx;
    run_worker *w = opaque;
    if (run->stage->worker_free)
        run->stage->worker_free(run->stage->ctx, w ? w->inner : NULL);
    if (!w)
        return;
    /* The filler remembers a failure; gt_filler_close tells it. */
    gt_status ignored = gt_filler_worker_done(w->filler);
    (void)ignored;
    gt_arena_free(w->scratch);
    gt_free(w);
}

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    run_worker *w = opaque;
    const gt_pipeline_stage *stage = w->run->stage;
    if (stage->record)
        GT_TRY(stage->record(w->inner, input, record, emit));
    if (!w->filler)
        return GT_OK;
    GT_TRY(gt_filler_add_known(w->filler, record->json, record->skeleton, record->event_time));
    return gt_sg_db_fill(w->filler, w->scratch, record);
}

static gt_status on_member(void *opaque, gt_str packed, gt_str text)
{
    run_worker *w = opaque;
    return gt_filler_member(w->filler, packed, text);
}

static int begin_filling(gt_run *run)
{
    if (!run->fill)
        return GT_EXIT_OK;
    gt_status status = gt_filler_new(run->fill, &run->filler);
    return status == GT_OK ? GT_EXIT_OK : gt_db_failed(run->cli, run->fill, status);
}

static int end_filling(gt_run *run)
{
    if (!run->filler)
        return GT_EXIT_OK;
    gt_status status = gt_filler_close(run->filler, &run->filled);
    run->filler = NULL;
    if (status == GT_OK)
        status = gt_sg_db_conclude(run->fill);
    if (status != GT_OK)
        return gt_db_failed(run->cli, run->fill, status);
    return gt_cli_accepts(run->cli, GT_OPT_RETENTION) ? gt_db_expire(run->cli, run->fill)
                                                      : GT_EXIT_OK;
}

int gt_run_go(gt_run *run, const gt_pipeline_stage *stage)
{
    gt_pipeline_stage own = {
        .ctx = run,
        .worker_new = on_worker_new,
        .record = on_record,
        .member = run->fill ? on_member : NULL,
        .fields = run->fill ? GT_RECORD_ALL_FIELDS : stage->fields,
        .effects = run->fill != NULL,
        .worker_free = on_worker_free,
        .commit = stage->commit ? on_commit : NULL,
        .problem = on_problem,
        .progress = run->cli->tty_err && !run->cli->quiet ? on_progress : NULL,
    };
    int begun = begin_filling(run);
    if (begun)
        return begun;
    run->stage = stage;
    run->begin_ms = run->drawn_ms = gt_cli_clock_ms();
    interrupted = 0;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    gt_status status = gt_pipeline_run(&run->options, &own, &run->counts);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    gt_progress_clear(run->cli);
    int filled = end_filling(run);
    if (run->warnings_told.hidden)
        gt_cli_warn(run->cli, "%llu more warnings like these",
                    (unsigned long long)run->warnings_told.hidden);
    if (run->errors_told.hidden)
        gt_cli_error(run->cli, "%llu more problems like these; --summary FILE lists all of them",
                     (unsigned long long)run->errors_told.hidden);
    if (filled || (status == GT_IO && run->cli->out_failed))
        return GT_EXIT_INPUT;
    if (status != GT_OK && status != GT_END)
        return gt_cli_failed(run->cli, status, "reading the events");
    return GT_EXIT_OK;
}

gt_status gt_run_worker_new(gt_run *run, const gt_detector *detector,
                            const gt_detect_enrich *enrich, void *command, void **ret)
{
    gt_run_worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->command = command;
    w->text = GT_BUF(GT_BATCH_ARENA_MAX);
    gt_status status = gt_detect_worker_new(detector, run->tables, enrich, &w->detect);
    if (status != GT_OK) {
        gt_free(w);
        return status;
    }
    *ret = w;
    return GT_OK;
}

void gt_run_worker_free(void *ctx, void *worker)
{
    gt_run_worker *w = worker;
    (void)ctx;
    if (!w)
        return;
    gt_detect_worker_free(w->detect);
    gt_buf_done(&w->text);
    gt_free(w);
}

/* --- the end --------------------------------------------------------------------------------- */

/* --profile: seconds of the workers by what they did. */
static void tell_profile(gt_run *run)
{
    const gt_pipeline_profile *p = &run->counts.profile;
    uint64_t rest = p->total_ns - p->decode_ns - p->stage_ns - p->commit_ns;
    const struct {
        const char *what;
        uint64_t ns;
    } rows[] = {{"reading and inflating", p->decode_ns},
                {"finding and checking records", rest},
                {"evaluating", p->stage_ns},
                {"sorting out copies, writing", p->commit_ns}};
    double total = p->total_ns ? (double)p->total_ns : 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        gt_cli_note(run->cli, "profile: %8.3f s %5.1f %%  %s", (double)rows[i].ns / 1e9,
                    100 * (double)rows[i].ns / total, rows[i].what);
    gt_cli_note(run->cli, "profile: %.3f GB decoded; %llu records like earlier ones, %llu not",
                (double)run->counts.decoded_bytes / 1e9, (unsigned long long)p->known,
                (unsigned long long)p->other);
}

int gt_run_finish(gt_run *run, const char *more)
{
    const gt_pipeline_counts *c = &run->counts;
    gt_cli *cli = run->cli;
    gt_buf line = GT_BUF((size_t)1 << 20);
    gt_buf_printf(&line, "read %llu = evaluated %llu + duplicate %llu + rejected %llu (%zu file%s",
                  (unsigned long long)c->read, (unsigned long long)c->evaluated,
                  (unsigned long long)c->duplicate, (unsigned long long)c->rejected, c->files,
                  c->files == 1 ? "" : "s");
    if (run->inputs.pruned)
        gt_buf_printf(&line, ", %zu skipped by name", run->inputs.pruned);
    if (run->inputs.ignored)
        gt_buf_printf(&line, ", %zu no logs", run->inputs.ignored);
    gt_buf_lit(&line, ")");
    if (c->outside)
        gt_buf_printf(&line, "; %llu outside what was asked for", (unsigned long long)c->outside);
    if (more && *more)
        gt_buf_printf(&line, "; %s", more);
    if (run->filled.given)
        gt_buf_printf(&line, "; %llu new in the database", (unsigned long long)run->filled.written);
    if (c->interrupted)
        gt_cli_error(cli, "interrupted: not everything was read");
    if (run->inputs.count == 0 && !run->inputs.pruned && !c->read)
        gt_cli_warn(cli, "no log file was found in what was named");
    if (run->options.clock_ns)
        tell_profile(run);
    gt_cli_note(cli, "%s", line.data ? line.data : "");
    gt_buf_done(&line);
    return c->problems || c->interrupted ? GT_EXIT_INPUT : GT_EXIT_OK;
}

int gt_run_summary(gt_run *run, gt_str members)
{
    const char *path = gt_cli_path(run->cli, GT_OPT_SUMMARY);
    const gt_pipeline_counts *c = &run->counts;
    if (!path)
        return GT_EXIT_OK;
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file,
                "{\"files\":%zu,\"read\":%llu,\"evaluated\":%llu,\"duplicate\":%llu,"
                "\"rejected\":%llu,\"outside\":%llu,\"warnings\":%llu,\"files_skipped\":%zu",
                c->files, (unsigned long long)c->read, (unsigned long long)c->evaluated,
                (unsigned long long)c->duplicate, (unsigned long long)c->rejected,
                (unsigned long long)c->outside, (unsigned long long)c->warnings,
                run->inputs.pruned);
        fprintf(file, "%.*s,\"errors\":[", GT_STR_ARG(members));
        fputs(run->errors.data ? run->errors.data : "", file);
        fputs("]}\n", file);
    }
    bool bad = !file || ferror(file);
    if ((file && fclose(file) != 0) || bad || gt_buf_status(&run->errors) != GT_OK) {
        gt_cli_error(run->cli, "%s: %s", path, strerror(errno));
        return GT_EXIT_INPUT;
    }
    return GT_EXIT_OK;
}

/* --- documents ------------------------------------------------------------------------------- */

static bool is_one_of(gt_str text, const gt_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(text, list[i]))
            return true;
    return count == 0;
}

bool gt_run_document_inside(const gt_run *run, const gt_json *document)
{
    const gt_input_filter *f = &run->filter;
    gt_time_ms time;
    if ((f->has_since || f->has_until) &&
        gt_time_parse(gt_document_text(document, GT_STR("@timestamp")), &time) &&
        ((f->has_since && time < f->since) || (f->has_until && time >= f->until)))
        return false;
    return is_one_of(gt_document_text(document, GT_STR("cloud.account.id")), f->accounts,
                     f->account_count) &&
           is_one_of(gt_document_text(document, GT_STR("cloud.region")), f->regions,
                     f->region_count);
}
