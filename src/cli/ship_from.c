#include "cli/ship_from.h"

#include "base/limits.h"
#include "cli/config.h"
#include "sg/sg.h"
#include "source/feed.h"
#include "watch/configure.h"
#include "watch/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* Deliveries that wait for their events to be in the cluster: more make larger requests, and more that
 * comes again after a crash. */
#define DELIVERIES_MAX 64
#define WAIT_MS 200
#define TICK_MS 1000
/* --once: a source that brought nothing for this long is empty. */
#define EMPTY_MS 3000

typedef struct out {
    gt_feed *feed;
    gt_delivery *delivery;
} out;

typedef struct shipping {
    gt_cli *cli;
    gt_net_env env;
    gt_config *config;
    gt_watch_plan plan;
    gt_store *store;
    gt_feed **feeds;
    size_t feed_count;
    gt_detect_worker *worker;
    gt_reader *reader;
    gt_ship *ship;
    gt_pipeline_counts *counts;
    gt_buf text;
    gt_buf message;
    const gt_piece *piece;
    out outs[DELIVERIES_MAX];
    size_t out_count;
    bool failed; /* the cluster has given up */
} shipping;

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

/* --- records -------------------------------------------------------------------------------------- */

static gt_status on_record(void *ctx, const gt_record *record)
{
    shipping *s = ctx;
    const gt_match *matches;
    size_t count;
    char name[GT_RECORD_ID_MAX];
    s->counts->read++;
    gt_status status = gt_detect_record(s->worker, record, &matches, &count);
    if (status == GT_LIMIT || status == GT_INVALID) {
        s->counts->rejected++;
        s->counts->problems++;
        gt_cli_warn(s->cli, "%.*s: offset %llu: a record is rejected", GT_STR_ARG(s->piece->name),
                    (unsigned long long)record->offset);
        return GT_OK;
    }
    GT_TRY(status);
    s->counts->evaluated++;
    if (!count)
        return GT_OK;
    gt_buf_reset(&s->text);
    gt_json_write(&s->text, matches[0].document);
    GT_TRY(gt_buf_status(&s->text));
    status = gt_ship_add(s->ship, gt_ship_id(record, matches[0].document, name), gt_buf_str(&s->text));
    s->failed |= status != GT_OK;
    return status;
}

static gt_status on_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    shipping *s = ctx;
    if (kind == GT_PROBLEM_RECORD) {
        s->counts->read++;
        s->counts->rejected++;
    }
    s->counts->problems++;
    gt_cli_warn(s->cli, "%.*s: offset %llu: %s", GT_STR_ARG(s->piece->name),
                (unsigned long long)offset, reason);
    return GT_OK;
}

static gt_status read_piece(shipping *s, const gt_piece *piece)
{
    const gt_record_sink sink = {.ctx = s, .record = on_record, .problem = on_problem};
    s->piece = piece;
    s->counts->files++;
    if (!piece->path) {
        gt_str left = piece->bytes;
        return gt_reader_run(s->reader, GT_RECORDS_CLOUDTRAIL, gt_read_memory, &left, left.len, &sink);
    }
    int fd = open(piece->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? GT_OK : GT_RETRY; /* taken away meanwhile: nothing to read */
    gt_status status = gt_reader_run(s->reader, GT_RECORDS_CLOUDTRAIL, gt_read_file, &fd, 0, &sink);
    close(fd);
    return status;
}

/* --- deliveries ----------------------------------------------------------------------------------- */

/* All that is out is in the cluster: write the checkpoints down, then take it off the sources. */
static gt_status settle(shipping *s)
{
    gt_status status = gt_ship_flush(s->ship);
    s->failed |= status != GT_OK;
    if (status == GT_OK && s->out_count) {
        status = gt_store_begin(s->store);
        for (size_t i = 0; status == GT_OK && i < s->out_count; i++)
            status = gt_feed_save(s->outs[i].feed, s->store, s->outs[i].delivery);
        if (status == GT_OK)
            status = gt_store_commit(s->store);
        else
            gt_store_rollback(s->store);
    }
    for (size_t i = 0; i < s->out_count; i++) {
        if (status == GT_OK)
            gt_feed_commit(s->outs[i].feed, s->outs[i].delivery);
        else
            gt_feed_put_back(s->outs[i].feed, s->outs[i].delivery, "not shipped");
    }
    s->out_count = 0;
    return status;
}

static gt_status ship_delivery(shipping *s, gt_feed *feed, gt_delivery *delivery)
{
    gt_buf_reset(&s->message);
    gt_status status = gt_feed_fetch(feed, delivery, &s->message);
    for (size_t i = 0; status == GT_OK && i < delivery->count; i++)
        status = read_piece(s, &delivery->pieces[i]);
    if (status != GT_OK) {
        gt_str why = s->message.len ? gt_buf_str(&s->message) : gt_str_c(gt_status_text(status));
        gt_cli_warn(s->cli, "%.*s: put back: %.*s", GT_STR_ARG(feed->config.name), GT_STR_ARG(why));
        gt_feed_put_back(feed, delivery, "not shipped");
        return s->failed || status == GT_NOMEM ? status : GT_OK;
    }
    s->outs[s->out_count++] = (out){feed, delivery};
    return s->out_count == DELIVERIES_MAX ? settle(s) : GT_OK;
}

static gt_status loop(shipping *s)
{
    bool once = gt_cli_flag(s->cli, GT_OPT_CLUSTER_ONCE);
    gt_time_ms last = s->env.now(s->env.ctx), ticked = last;
    gt_status status = GT_OK;
    while (status == GT_OK && !atomic_load(&stop)) {
        bool any = false;
        for (size_t i = 0; i < s->feed_count && status == GT_OK; i++) {
            gt_delivery *delivery = NULL;
            if (gt_feed_next(s->feeds[i], WAIT_MS, &delivery) != GT_OK)
                continue;
            any = true;
            status = ship_delivery(s, s->feeds[i], delivery);
        }
        gt_time_ms now = s->env.now(s->env.ctx);
        if (any)
            last = now;
        else if (status == GT_OK && s->out_count)
            status = settle(s);
        if (now - ticked >= TICK_MS) {
            for (size_t i = 0; i < s->feed_count; i++)
                gt_feed_tick(s->feeds[i]);
            ticked = now;
        }
        if (once && !any && now - last > EMPTY_MS)
            break;
    }
    gt_status end = settle(s);
    return status == GT_OK ? end : status;
}

/* What needs no history: documents say the same here as those of files. */
static gt_status enrich(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document)
{
    (void)ctx;
    if (!record)
        return GT_OK;
    gt_sg_actor actor = gt_sg_actor_of(batch, record);
    gt_str class = gt_str_c(gt_sg_actor_class_text(actor.class));
    gt_json_set_path(batch, document, "gatetrail.actor.class", gt_json_new_str(batch, class));
    return gt_arena_status(batch);
}

static const gt_detect_enrich actor_class = {.enrich = enrich};

/* --- opening -------------------------------------------------------------------------------------- */

static int open_feeds(shipping *s)
{
    size_t count;
    const gt_str *names = gt_cli_list(s->cli, GT_OPT_SHIP_FROM, &count);
    s->feeds = gt_arena_array(s->cli->arena, gt_feed *, count);
    if (!s->feeds)
        return gt_cli_failed(s->cli, GT_NOMEM, "the sources");
    for (size_t i = 0; i < count; i++) {
        const gt_feed_config *found = NULL;
        for (size_t k = 0; k < s->plan.source_count; k++)
            if (gt_str_eq(s->plan.sources[k].name, names[i]))
                found = &s->plan.sources[k];
        if (!found)
            return gt_cli_usage(s->cli, "the configuration has no source '%.*s'", GT_STR_ARG(names[i]));
        gt_feed_config config = *found;
        config.env = &s->env;
        /* a checkpoint of its own: what is shipped is not thereby watched */
        config.name = gt_arena_printf(s->cli->arena, "ship:%.*s", GT_STR_ARG(names[i]));
        if (!config.name.ptr)
            return gt_cli_failed(s->cli, GT_NOMEM, "the sources");
        config.store_path = gt_config_str(gt_config_get(s->config, GT_CONFIG_STORE),
                                          GT_CONFIG_STORE_PATH).ptr;
        gt_status status = gt_feed_open(&config, &s->feeds[i], &s->message);
        if (status != GT_OK) {
            gt_cli_error(s->cli, "source '%.*s': %.*s", GT_STR_ARG(names[i]),
                         GT_STR_ARG(gt_buf_str(&s->message)));
            return status == GT_INVALID ? GT_EXIT_USAGE : GT_EXIT_INPUT;
        }
        s->feed_count++;
    }
    return GT_EXIT_OK;
}

static int prepare(shipping *s, const gt_detector *detector, const gt_ecs_tables *tables)
{
    gt_cli *cli = s->cli;
    gt_str why = GT_STR_NULL;
    gt_str path = gt_cli_has(cli, GT_OPT_CONFIG) ? gt_cli_str(cli, GT_OPT_CONFIG)
                                                 : GT_STR("gatetrail.toml");
    int exit = gt_cli_config_load(cli, path, &s->config);
    if (exit)
        return exit;
    gt_status status = gt_watch_plan_make(cli->arena, s->config, &s->env, &s->plan, &s->message);
    if (status != GT_OK) {
        gt_cli_error(cli, "%.*s", GT_STR_ARG(gt_str_trim(gt_buf_str(&s->message))));
        return GT_EXIT_USAGE;
    }
    const char *store = gt_config_str(gt_config_get(s->config, GT_CONFIG_STORE),
                                      GT_CONFIG_STORE_PATH).ptr;
    status = gt_store_open(store, NULL, cli->arena, &s->store, &why);
    if (status != GT_OK) {
        gt_cli_error(cli, "%s: %.*s", store, GT_STR_ARG(why));
        return GT_EXIT_INPUT;
    }
    s->reader = gt_reader_new(GT_RECORD_ALL_FIELDS);
    status = s->reader ? gt_detect_worker_new(detector, tables, &actor_class, &s->worker) : GT_NOMEM;
    return status == GT_OK ? open_feeds(s) : gt_cli_failed(cli, status, "preparing to ship");
}

int gt_ship_from(gt_cli *cli, const gt_detector *detector, const gt_ecs_tables *tables, gt_ship *ship,
                 gt_pipeline_counts *counts)
{
    struct sigaction action = {.sa_handler = on_signal};
    shipping s = {
        .cli = cli, .env = gt_host_env(&stop), .ship = ship, .counts = counts,
        .text = GT_BUF(GT_CLUSTER_BODY_MAX), .message = GT_BUF(GT_MIB),
    };
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    int exit = prepare(&s, detector, tables);
    gt_status status = exit ? GT_OK : loop(&s);
    if (status != GT_OK && !s.failed)
        exit = gt_cli_failed(cli, status, "shipping");
    for (size_t i = 0; i < s.feed_count; i++)
        gt_feed_close(s.feeds[i]);
    gt_watch_plan_done(&s.plan);
    gt_detect_worker_free(s.worker);
    gt_reader_free(s.reader);
    gt_store_close(s.store);
    gt_buf_done(&s.text);
    gt_buf_done(&s.message);
    return exit;
}
