#include "base/limits.h"
#include "cli/cluster.h"
#include "cli/rules.h"
#include "watch/cluster_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* One cluster, watched by a thread of its own. */
typedef struct watched {
    gt_cli_cluster cluster;
    gt_cluster_watch_options options;
    gt_cluster_watch_counts counts;
    gt_buf message;
    gt_status status;
    pthread_t thread;
    bool started;
} watched;

static gt_time_ms host_now(void *ctx)
{
    const gt_net_env *env = ctx;
    return env->now(env->ctx);
}

/* HOST-PID-RANDOM: another after each start, so that what a dead one held is taken over. */
static gt_str holder_name(gt_cli *cli, const gt_net_env *env)
{
    char host[256] = "host";
    (void)gethostname(host, sizeof host - 1);
    return gt_arena_printf(cli->arena, "%s-%ld-%08x", host, (long)getpid(),
                           (unsigned)env->random(env->ctx));
}

static void *watch_main(void *opaque)
{
    watched *w = opaque;
    w->status = gt_cluster_watch_run(&w->options, &w->counts, &w->message);
    return NULL;
}

static int prepare_rules(gt_cli *cli, gt_cli_rules *rules, gt_detector **ret)
{
    int exit = gt_cli_rules_load(cli, NULL, 0, false, rules);
    if (!exit)
        exit = gt_cli_rules_choose(cli, rules, false);
    if (exit)
        return exit;
    gt_detector_options options = {
        .rules = rules->set, .select = gt_cli_rules_selected, .select_ctx = rules, .documents = true,
        .scheduled = true, .now = cli->now,
    };
    gt_status status = gt_detector_new(cli->arena, &options, ret);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rules");
    gt_cli_rules_note(cli, rules);
    return GT_EXIT_OK;
}

static int report(gt_cli *cli, const watched *w, gt_str url)
{
    const gt_cluster_watch_counts *n = &w->counts;
    gt_buf text = GT_BUF(16384);
    if (w->status != GT_OK) {
        gt_cli_escape(&text, w->message.len ? gt_buf_str(&w->message)
                                            : gt_str_c(gt_status_text(w->status)));
        gt_cli_error(cli, "%.*s: %.*s", GT_STR_ARG(url), GT_STR_ARG(gt_buf_str(&text)));
    }
    gt_buf_done(&text);
    gt_cli_note(cli, "%llu runs (%llu taken over, %llu failed): %llu documents, %llu new alerts, %llu "
                "known, %llu beyond max_signals, %llu gaps", (unsigned long long)n->runs,
                (unsigned long long)n->taken_over, (unsigned long long)n->failed_runs,
                (unsigned long long)n->documents, (unsigned long long)n->alerts,
                (unsigned long long)n->present, (unsigned long long)n->capped,
                (unsigned long long)n->gaps);
    return w->status == GT_OK && !n->failed_runs ? GT_EXIT_OK : GT_EXIT_INPUT;
}

static int watch_all(gt_cli *cli, const gt_detector *detector, watched *all)
{
    int exit = GT_EXIT_OK;
    gt_log_file log = {.fd = STDERR_FILENO, .text = cli->tty_err,
                       .least = cli->quiet ? GT_LOG_WARN : GT_LOG_INFO, .now = host_now};
    for (size_t i = 0; i < cli->arg_count && !exit; i++) {
        all[i].message = GT_BUF(8192);
        exit = gt_cli_cluster_open(cli, cli->args[i], &all[i].cluster);
    }
    for (size_t i = 0; i < cli->arg_count && !exit; i++) {
        watched *w = &all[i];
        log.now_ctx = &w->cluster.env;
        w->options = (gt_cluster_watch_options){
            .cluster = &w->cluster.options, .index = w->cluster.index,
            .alerts_index = gt_cli_str(cli, GT_OPT_ALERTS_INDEX), .detector = detector,
            .holder = holder_name(cli, &w->cluster.env), .lease_ms = gt_cli_number(cli, GT_OPT_LEASE, 0),
            .once = gt_cli_flag(cli, GT_OPT_CLUSTER_ONCE), .log = gt_log_to_file(&log),
        };
        w->started = pthread_create(&w->thread, NULL, watch_main, w) == 0;
        if (!w->started)
            exit = gt_cli_failed(cli, GT_NOMEM, "watching");
    }
    for (size_t i = 0; i < cli->arg_count; i++) {
        if (!all[i].started)
            continue;
        (void)pthread_join(all[i].thread, NULL);
        int one = report(cli, &all[i], cli->args[i]);
        exit = exit ? exit : one;
    }
    return exit;
}

int gt_cmd_cluster_watch(gt_cli *cli)
{
    gt_cli_rules rules = {0};
    gt_detector *detector = NULL;
    int exit = prepare_rules(cli, &rules, &detector);
    watched *all = gt_arena_array(cli->arena, watched, cli->arg_count);
    if (!all)
        return gt_cli_failed(cli, GT_NOMEM, "watching");
    if (!exit)
        exit = watch_all(cli, detector, all);
    for (size_t i = 0; i < cli->arg_count; i++) {
        gt_cli_cluster_done(&all[i].cluster);
        gt_buf_done(&all[i].message);
    }
    return exit;
}
