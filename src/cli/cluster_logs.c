#include "cli/cluster_logs.h"

#include "base/limits.h"
#include "cluster/search.h"
#include "cluster/unmap.h"

#include <stdio.h>

#define DAY_MS 86400000LL
/* The longest that any question of the guide looks back. */
#define AROUND_MS (30 * DAY_MS)

typedef struct fetch {
    gt_cli *cli;
    gt_cli_cluster cluster;
    gt_cluster *client;
    gt_arena *scratch;
    gt_buf message;
    FILE *file;
    bool has_since, has_until;
    gt_time_ms since, until;
    uint64_t events;
} fetch;

/* When did the event happen, or the one that the alert is about? */
static gt_status find_subject(fetch *f, gt_str subject, gt_time_ms *ret)
{
    gt_json *body = gt_json_new_object(f->scratch), *answer = NULL;
    gt_str path = gt_arena_printf(f->scratch, "/%.*s/_search", GT_STR_ARG(f->cluster.index));
    gt_json *term = gt_json_new_object(f->scratch), *value = gt_json_new_object(f->scratch);
    gt_json_setl(value, "event.id", gt_json_new_str(f->scratch, subject));
    gt_json_setl(term, "term", value);
    gt_json_setl(body, "query", term);
    gt_json_setl(body, "size", gt_json_new_i64(f->scratch, 1));
    GT_TRY(gt_cluster_json(f->client, f->scratch, "POST", path, body, &answer));
    const gt_json *hit = gt_json_first(gt_json_path(answer, "hits.hits"));
    if (gt_time_parse(gt_json_path_str(gt_json_getl(hit, "_source"), "@timestamp"), ret))
        return GT_OK;
    gt_buf id = GT_BUF(4096);
    gt_url_encode(&id, subject, false);
    path = gt_arena_printf(f->scratch, "/gatetrail-alerts/_doc/%.*s", GT_STR_ARG(gt_buf_str(&id)));
    gt_buf_done(&id);
    GT_TRY(gt_cluster_json(f->client, f->scratch, "GET", path, NULL, &answer));
    const gt_json *source = gt_json_getl(answer, "_source");
    return gt_time_parse(gt_json_str(gt_json_getl(source, "kibana.alert.original_time")), ret)
               ? GT_OK : GT_NOTFOUND;
}

static int choose_time(fetch *f, gt_str subject)
{
    gt_time_ms at;
    gt_cli *cli = f->cli;
    f->has_since = gt_cli_has(cli, GT_OPT_SINCE);
    f->has_until = gt_cli_has(cli, GT_OPT_UNTIL);
    f->since = gt_cli_number(cli, GT_OPT_SINCE, 0);
    f->until = gt_cli_number(cli, GT_OPT_UNTIL, 0);
    if (f->has_since && f->has_until)
        return GT_EXIT_OK;
    gt_status status = find_subject(f, subject, &at);
    if (status == GT_NOTFOUND) {
        gt_cli_error(cli, "no event and no alert '%.*s' in the cluster", GT_STR_ARG(subject));
        return GT_EXIT_INPUT;
    }
    if (status != GT_OK)
        return gt_cli_cluster_failed(cli, status, f->client, "the cluster");
    f->since = f->has_since ? f->since : at - AROUND_MS;
    f->until = f->has_until ? f->until : at + AROUND_MS;
    f->has_since = f->has_until = true;
    return GT_EXIT_OK;
}

static gt_status write_event(fetch *f, const gt_hit *hit)
{
    gt_buf line = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_arena_reset(f->scratch, GT_MIB);
    gt_json *record = gt_unmap(f->scratch, hit->source);
    gt_json_write(&line, record);
    gt_buf_add_byte(&line, '\n');
    gt_status status = record ? gt_buf_status(&line) : GT_NOMEM;
    if (status == GT_OK && fwrite(line.data, line.len, 1, f->file) != 1)
        status = GT_IO;
    gt_buf_done(&line);
    f->events += status == GT_OK;
    return status;
}

static gt_status copy_events(fetch *f)
{
    gt_search *search;
    gt_hit hit;
    gt_arena *arena = f->cli->arena;
    gt_json *query = gt_json_new_object(arena);
    gt_json_set_path(arena, query, "range", gt_json_new_object(arena));
    gt_json *range = gt_json_setl(gt_json_getl(query, "range"), "@timestamp", gt_json_new_object(arena));
    gt_json_setl(range, "gte", gt_json_new_i64(arena, f->since));
    gt_json_setl(range, "lt", gt_json_new_i64(arena, f->until));
    gt_json_setl(range, "format", gt_json_new_str(arena, GT_STR("epoch_millis")));
    gt_search_options options = {
        .cluster = &f->cluster.options, .index = f->cluster.index, .query = query,
    };
    gt_status status = gt_search_open(&options, &search, &f->message);
    if (status != GT_OK)
        return status;
    while ((status = gt_search_next(search, &hit, &f->message)) == GT_OK)
        if ((status = hit.source ? write_event(f, &hit) : GT_OK) != GT_OK)
            break;
    gt_search_close(search, NULL);
    return status == GT_END ? GT_OK : status;
}

static int fetch_one(fetch *f, gt_str url, gt_str subject, gt_str *ret_path)
{
    gt_cli *cli = f->cli;
    int exit = gt_cli_cluster_open(cli, url, &f->cluster);
    if (exit)
        return exit;
    f->client = gt_cluster_new(&f->cluster.options);
    f->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    f->file = tmpfile();
    if (!f->client || !f->scratch || !f->file)
        return gt_cli_failed(cli, GT_NOMEM, "the cluster");
    exit = choose_time(f, subject);
    if (exit)
        return exit;
    gt_status status = copy_events(f);
    if (status == GT_OK && fflush(f->file) != 0)
        status = GT_IO;
    if (status != GT_OK) {
        gt_cli_error(cli, "reading the cluster: %.*s",
                     GT_STR_ARG(f->message.len ? gt_buf_str(&f->message)
                                               : gt_str_c(gt_status_text(status))));
        return GT_EXIT_INPUT;
    }
    char from[GT_TIME_TEXT_MAX], to[GT_TIME_TEXT_MAX];
    gt_str since = gt_time_format_short(f->since, from), until = gt_time_format_short(f->until, to);
    gt_cli_note(cli, "%llu events of %.*s to %.*s taken from the cluster",
                (unsigned long long)f->events, GT_STR_ARG(since), GT_STR_ARG(until));
    *ret_path = gt_arena_printf(cli->arena, "/proc/self/fd/%d", fileno(f->file));
    return ret_path->ptr ? GT_EXIT_OK : gt_cli_failed(cli, GT_NOMEM, "the cluster");
}

int gt_cluster_logs_fetch(gt_cli *cli, gt_str subject, const gt_str *paths, size_t count,
                          const gt_str **ret_paths)
{
    int exit = GT_EXIT_OK;
    gt_str *made = gt_arena_array(cli->arena, gt_str, count + 1);
    if (!made)
        return gt_cli_failed(cli, GT_NOMEM, "the paths");
    for (size_t i = 0; i < count && !exit; i++) {
        made[i] = paths[i];
        if (!gt_cli_is_cluster_url(paths[i]))
            continue;
        /* The file stays open, and is gone when the program ends. */
        fetch f = {.cli = cli, .message = GT_BUF(8192)};
        exit = fetch_one(&f, paths[i], subject, &made[i]);
        gt_cluster_free(f.client);
        gt_arena_free(f.scratch);
        gt_buf_done(&f.message);
        gt_cli_cluster_done(&f.cluster);
    }
    *ret_paths = made;
    return exit;
}
