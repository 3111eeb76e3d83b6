#include "cli/cluster_scan.h"

#include "base/hash.h"
#include "base/limits.h"
#include "cluster/search.h"

#include <stdio.h>

/* Different documents under one event.id that copies are told from; there are hardly ever two. */
#define GT_COPIES_MAX 16
#define GT_COPIES_ID_MAX 256

/* Clauses of one search: several rules share it, well below what servers take. */
#define GROUP_CLAUSES_MAX 800

typedef struct pushdown {
    const gt_cluster_scan *scan;
    gt_str url;
    gt_cli_cluster cluster;
    gt_cluster *client;
    gt_mappings *mappings;
    gt_dsl_server server;
    gt_json **queries;    /* of each rule */
    size_t *group_of;     /* of each rule */
    size_t group_count;
    gt_detect_worker *worker;
    gt_buf message;
    /* Copies of an event stand side by side in the order of time and event.id. */
    gt_buf text;
    char event_id[GT_COPIES_ID_MAX];
    size_t event_id_len;
    gt_hash128 copies[GT_COPIES_MAX]; /* of the documents seen under event_id */
    size_t copy_count;
} pushdown;

bool gt_cli_args_are_cluster(gt_cli *cli, const gt_str *args, size_t count, int *ret_exit)
{
    size_t urls = 0;
    for (size_t i = 0; i < count; i++)
        urls += gt_cli_is_cluster_url(args[i]);
    *ret_exit = urls && urls < count ? gt_cli_usage(cli, "URLs of a cluster and files do not go together")
                                     : GT_EXIT_OK;
    return urls == count && count > 0;
}

/* Say once which clauses are left to us. */
static void note_inexact(gt_cli *cli, const gt_rule *rule, const gt_dsl *dsl)
{
    if (dsl->exact || !dsl->reason_count)
        return;
    gt_str name = rule->name.len ? rule->name : GT_STR("the query");
    gt_cli_note(cli, "%.*s: the server finds more than matches, the rest is decided here: %.*s",
                GT_STR_ARG(name), GT_STR_ARG(dsl->reasons[0].text));
}

static gt_status translate_rules(pushdown *p)
{
    const gt_detector *detector = p->scan->detector;
    gt_arena *arena = p->scan->cli->arena;
    size_t count = gt_detector_count(detector), clauses = 0;
    gt_dsl_target target = {
        .server = p->server, .field = gt_mappings_field, .ctx = p->mappings, .has_now = true,
        .now = gt_detector_now(detector), .clauses_max = GROUP_CLAUSES_MAX,
    };
    p->queries = gt_arena_array(arena, gt_json *, count + 1);
    p->group_of = gt_arena_array(arena, size_t, count + 1);
    if (!p->queries || !p->group_of)
        return gt_arena_status(arena);
    p->group_count = count ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        gt_dsl dsl;
        const gt_rule *rule = gt_detector_rule(detector, i);
        GT_TRY(gt_query_to_dsl(rule->query, &target, arena, &dsl));
        note_inexact(p->scan->cli, rule, &dsl);
        if (clauses && clauses + dsl.clauses > GROUP_CLAUSES_MAX) {
            p->group_count++;
            clauses = 0;
        }
        clauses += dsl.clauses + 1;
        p->queries[i] = dsl.query;
        p->group_of[i] = p->group_count - 1;
    }
    return GT_OK;
}

static void add_terms(gt_arena *arena, gt_json *filter, const char *field, const gt_str *values,
                      size_t count)
{
    gt_json *clause = gt_json_new_object(arena), *list = gt_json_new_array(arena);
    gt_json *terms = gt_json_new_object(arena);
    if (!count)
        return;
    for (size_t i = 0; i < count; i++)
        gt_json_append(list, gt_json_new_str(arena, values[i]));
    gt_json_set(terms, gt_str_c(field), list);
    gt_json_setl(clause, "terms", terms);
    gt_json_append(filter, clause);
}

/* --since and --until, --account and --region, when the index can be asked exactly. What it finds is
 * looked at again here. */
static void add_filter(pushdown *p, gt_json *filter)
{
    const gt_input_filter *f = &p->scan->run->filter;
    gt_arena *arena = p->scan->cli->arena;
    if ((f->has_since || f->has_until) &&
        gt_mappings_field(p->mappings, GT_STR("@timestamp")).type == GT_FIELD_DATE) {
        gt_json *range = gt_json_new_object(arena), *clause = gt_json_new_object(arena);
        gt_json *field = gt_json_new_object(arena);
        if (f->has_since)
            gt_json_setl(range, "gte", gt_json_new_i64(arena, f->since));
        if (f->has_until)
            gt_json_setl(range, "lt", gt_json_new_i64(arena, f->until));
        gt_json_setl(range, "format", gt_json_new_str(arena, GT_STR("epoch_millis")));
        gt_json_setl(field, "@timestamp", range);
        gt_json_setl(clause, "range", field);
        gt_json_append(filter, clause);
    }
    if (gt_mappings_field(p->mappings, GT_STR("cloud.account.id")).type == GT_FIELD_KEYWORD)
        add_terms(arena, filter, "cloud.account.id", f->accounts, f->account_count);
    if (gt_mappings_field(p->mappings, GT_STR("cloud.region")).type == GT_FIELD_KEYWORD)
        add_terms(arena, filter, "cloud.region", f->regions, f->region_count);
}

static gt_json *group_query(pushdown *p, size_t group)
{
    gt_arena *arena = p->scan->cli->arena;
    gt_json *root = gt_json_new_object(arena), *filter = gt_json_new_array(arena);
    gt_json *any = gt_json_new_object(arena), *should = gt_json_new_array(arena);
    for (size_t i = 0; i < gt_detector_count(p->scan->detector); i++)
        if (p->group_of[i] == group)
            gt_json_append(should, p->queries[i]);
    gt_json_set_path(arena, any, "bool.should", should);
    gt_json_set_path(arena, any, "bool.minimum_should_match", gt_json_new_i64(arena, 1));
    gt_json_append(filter, any);
    add_filter(p, filter);
    gt_json_set_path(arena, root, "bool.filter", filter);
    return root;
}

/* Is the document one that was there already under the same event.id, in another backing index? */
static bool is_copy(pushdown *p, const gt_json *document)
{
    gt_str id = gt_json_path_str(document, "event.id");
    if (!id.len || id.len > GT_COPIES_ID_MAX)
        return false;
    gt_buf_reset(&p->text);
    gt_json_write(&p->text, document);
    gt_hash128 hash = gt_hash128_of(gt_buf_str(&p->text));
    if (!gt_str_eq(id, (gt_str){p->event_id, p->event_id_len})) {
        memcpy(p->event_id, id.ptr, id.len);
        p->event_id_len = id.len;
        p->copy_count = 0;
    }
    for (size_t i = 0; i < p->copy_count; i++)
        if (p->copies[i].low == hash.low && p->copies[i].high == hash.high)
            return true;
    if (p->copy_count < GT_COPIES_MAX)
        p->copies[p->copy_count++] = hash;
    return false;
}

/* Evaluate one hit; matches of rules that another search asks for are its to give. */
static gt_status evaluate(pushdown *p, const gt_hit *hit, size_t group)
{
    const gt_match *matches;
    size_t count, own = 0;
    char name[512];
    gt_pipeline_counts *counts = &p->scan->run->counts;
    counts->read++;
    if (hit->source && is_copy(p, hit->source)) {
        counts->duplicate++;
        return GT_OK;
    }
    counts->evaluated++;
    if (!hit->source || !gt_run_document_inside(p->scan->run, hit->source))
        return GT_OK;
    GT_TRY(gt_detect_document(p->worker, hit->source, hit->id, &matches, &count));
    gt_match *kept = gt_arena_array(gt_detect_worker_batch(p->worker), gt_match, count + 1);
    if (!kept)
        return GT_NOMEM;
    for (size_t i = 0; i < count; i++)
        if (p->group_of[matches[i].index] == group)
            kept[own++] = matches[i];
    if (!own)
        return GT_OK;
    int n = snprintf(name, sizeof name, "%.*s/%.*s", GT_STR_ARG(hit->index), GT_STR_ARG(hit->id));
    gt_str file = {name, n < (int)sizeof name ? (size_t)n : sizeof name - 1};
    return p->scan->matched(p->scan->ctx, kept, own, file);
}

static gt_status search_group(pushdown *p, size_t group)
{
    gt_search *search = NULL;
    gt_hit hit;
    gt_search_options options = {
        .cluster = &p->cluster.options, .index = p->cluster.index, .query = group_query(p, group),
    };
    if (!options.query)
        return GT_NOMEM;
    gt_status status = gt_search_open(&options, &search, &p->message);
    if (status != GT_OK)
        return status;
    while ((status = gt_search_next(search, &hit, &p->message)) == GT_OK) {
        status = evaluate(p, &hit, group);
        if (status != GT_OK)
            break;
    }
    gt_search_close(search, NULL);
    p->event_id_len = 0; /* another search finds the same documents for other rules */
    p->copy_count = 0;
    return status == GT_END ? GT_OK : status;
}

static int prepare(pushdown *p)
{
    gt_cli *cli = p->scan->cli;
    int exit = gt_cli_cluster_open(cli, p->url, &p->cluster);
    if (exit)
        return exit;
    if (!p->cluster.index.len)
        return gt_cli_usage(cli, "the URL names no index: https://HOST:PORT/INDEX");
    p->client = gt_cluster_new(&p->cluster.options);
    if (!p->client)
        return gt_cli_failed(cli, GT_NOMEM, "the cluster");
    gt_status status = gt_cluster_server(p->client, &p->server);
    if (status == GT_OK)
        status = gt_mappings_read(p->client, cli->arena, p->cluster.index, &p->mappings);
    if (status != GT_OK)
        return gt_cli_cluster_failed(cli, status, p->client, "the cluster");
    status = translate_rules(p);
    if (status == GT_OK)
        status = gt_detect_worker_new(p->scan->detector, NULL, NULL, &p->worker);
    return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "translating the rules");
}

static int scan_one(const gt_cluster_scan *scan, gt_str url)
{
    pushdown p = {.scan = scan, .url = url, .message = GT_BUF(8192), .text = GT_BUF(GT_CLUSTER_BODY_MAX)};
    int exit = prepare(&p);
    gt_status status = GT_OK;
    for (size_t group = 0; !exit && group < p.group_count && status == GT_OK; group++)
        status = search_group(&p, group);
    if (!exit && status != GT_OK) {
        gt_buf text = GT_BUF(16384);
        gt_cli_escape(&text, gt_buf_str(&p.message));
        gt_cli_error(scan->cli, "the search ended early: %.*s",
                     GT_STR_ARG(text.len ? gt_buf_str(&text) : gt_str_c(gt_status_text(status))));
        gt_buf_done(&text);
        exit = GT_EXIT_INPUT;
    }
    gt_detect_worker_free(p.worker);
    gt_cluster_free(p.client);
    gt_cli_cluster_done(&p.cluster);
    gt_buf_done(&p.message);
    gt_buf_done(&p.text);
    return exit;
}

int gt_cluster_scan_run(const gt_cluster_scan *scan)
{
    int worst = GT_EXIT_OK;
    for (size_t i = 0; i < scan->url_count && worst != GT_EXIT_USAGE; i++) {
        int exit = scan_one(scan, scan->urls[i]);
        worst = exit ? exit : worst;
    }
    return worst;
}
