/* sinks list, sinks dead, sinks retry, sinks drop: the queues of sinks, seen and mended by hand. */
#include "base/limits.h"
#include "cli/alerts.h"
#include "store/sinks.h"

static gt_json *time_json(gt_arena *arena, gt_time_ms t)
{
    char text[GT_TIME_TEXT_MAX];
    if (!t)
        return gt_json_new_null(arena);
    return gt_json_new_str(arena, gt_arena_dup(arena, gt_time_format(t, text)));
}

static void print_json(gt_cli *cli, const gt_json *json)
{
    gt_buf line = GT_BUF(GT_MIB);
    gt_json_write(&line, json);
    gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&line)));
    gt_buf_done(&line);
}

static void list_ndjson(gt_cli *cli, const gt_sink_state *s)
{
    gt_arena *arena = cli->arena;
    gt_json *o = gt_json_new_object(arena);
    gt_json_setl(o, "name", gt_json_new_str(arena, s->name));
    gt_json_setl(o, "type", gt_json_new_str(arena, s->type));
    gt_json_setl(o, "sent", gt_json_new_i64(arena, s->sent));
    gt_json_setl(o, "queued", gt_json_new_i64(arena, s->queued));
    gt_json_setl(o, "oldest", time_json(arena, s->oldest));
    gt_json_setl(o, "dead", gt_json_new_i64(arena, s->dead));
    gt_json_setl(o, "answered", time_json(arena, s->answered));
    gt_json_setl(o, "problem", gt_json_new_str(arena, s->problem));
    print_json(cli, o);
}

static void list_text(gt_cli *cli, const gt_sink_state *s)
{
    gt_buf text = GT_BUF(GT_MIB);
    gt_cli_escape(&text, s->name);
    gt_buf_printf(&text, " (%.*s): %lld sent, %lld queued, %lld dead", GT_STR_ARG(s->type),
                  (long long)s->sent, (long long)s->queued, (long long)s->dead);
    if (s->problem.len) {
        gt_buf_lit(&text, "; ");
        gt_cli_escape(&text, s->problem);
    }
    gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
}

int gt_cmd_sinks_list(gt_cli *cli)
{
    gt_store *store = NULL;
    gt_sink_state *list = NULL;
    size_t count = 0;
    int status = gt_cli_store_open(cli, false, &store);
    if (status == GT_EXIT_OK) {
        gt_status done = gt_sinks_list(store, cli->arena, &list, &count);
        if (done != GT_OK)
            status = gt_cli_store_failed(cli, store, done);
    }
    bool text = gt_cli_choice(cli, GT_OPT_FORMAT_CHECK, cli->tty_out ? 0 : 1) == 0;
    for (size_t i = 0; i < count && status == GT_EXIT_OK; i++) {
        if (text)
            list_text(cli, &list[i]);
        else
            list_ndjson(cli, &list[i]);
    }
    gt_store_close(store);
    return status;
}

static gt_status print_dead(void *ctx, const gt_sink_dead *d)
{
    gt_cli *cli = ctx;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_json *o = arena ? gt_json_new_object(arena) : NULL;
    gt_json_setl(o, "sink", gt_json_new_str(arena, d->sink));
    gt_json_setl(o, "alert", gt_json_new_str(arena, d->id));
    gt_json_setl(o, "reason", gt_json_new_str(arena, d->reason));
    gt_json_setl(o, "attempts", gt_json_new_i64(arena, d->attempts));
    gt_json_setl(o, "queued", time_json(arena, d->queued));
    gt_json_setl(o, "given_up", time_json(arena, d->at));
    if (o)
        print_json(cli, o);
    gt_arena_free(arena);
    return o ? GT_OK : GT_NOMEM;
}

static gt_str sink_of(const gt_cli *cli)
{
    return cli->arg_count ? cli->args[0] : GT_STR("");
}

int gt_cmd_sinks_dead(gt_cli *cli)
{
    gt_store *store = NULL;
    int status = gt_cli_store_open(cli, false, &store);
    if (status == GT_EXIT_OK) {
        gt_status done = gt_sinks_dead_each(store, sink_of(cli), print_dead, cli);
        if (done != GT_OK)
            status = gt_cli_store_failed(cli, store, done);
    }
    gt_store_close(store);
    return status;
}

int gt_cmd_sinks_retry(gt_cli *cli)
{
    gt_store *store = NULL;
    int64_t count = 0;
    int status = gt_cli_store_open(cli, true, &store);
    if (status == GT_EXIT_OK) {
        gt_status done = gt_store_begin(store);
        if (done == GT_OK)
            done = gt_store_end(store, gt_sinks_dead_retry(store, sink_of(cli), cli->now, &count));
        if (done != GT_OK)
            status = gt_cli_store_failed(cli, store, done);
        else
            gt_cli_note(cli, "%lld queued again", (long long)count);
    }
    gt_store_close(store);
    return status;
}

int gt_cmd_sinks_drop(gt_cli *cli)
{
    gt_store *store = NULL;
    int64_t count = 0;
    int status = gt_cli_store_open(cli, true, &store);
    if (status == GT_EXIT_OK) {
        gt_status done = gt_store_begin(store);
        if (done == GT_OK)
            done = gt_store_end(store, gt_sinks_drop(store, cli->args[0], &count));
        if (done != GT_OK)
            status = gt_cli_store_failed(cli, store, done);
        else
            gt_cli_note(cli, "%lld queued alerts and dead letters dropped", (long long)count);
    }
    gt_store_close(store);
    return status;
}
