#include "cli/db.h"

#include "base/limits.h"
#include "cli/db_columns.h"
#include "store/filler.h"

int gt_db_failed(gt_cli *cli, const gt_store *store, gt_status status)
{
    gt_str message = gt_store_message(store);
    if (!message.len || status == GT_NOMEM)
        return gt_cli_failed(cli, status, "using the database");
    gt_cli_error(cli, "%.*s", GT_STR_ARG(message));
    return GT_EXIT_INPUT;
}

static int open_store(gt_cli *cli, const char *path, const gt_store_options *options,
                      gt_store **ret)
{
    gt_str message = GT_STR_NULL;
    gt_status status = gt_store_open(path, options, cli->arena, ret, &message);
    if (status == GT_OK)
        return GT_EXIT_OK;
    gt_cli_error(cli, "%.*s", GT_STR_ARG(message));
    return GT_EXIT_INPUT;
}

int gt_db_open(gt_cli *cli, bool write, gt_store **ret)
{
    gt_store_options options = {
        .must_exist = !write,
        .sync = GT_STORE_SYNC_NORMAL,
    };
    return open_store(cli, gt_cli_path(cli, GT_OPT_DB), &options, ret);
}

int gt_db_open_private(gt_cli *cli, gt_store **ret)
{
    return open_store(cli, "", NULL, ret);
}

int gt_db_fill(gt_run *run, gt_store *store)
{
    run->fill = store;
    return gt_run_go(run, &(gt_pipeline_stage){0});
}

int gt_db_expire(gt_cli *cli, gt_store *store)
{
    int64_t days = gt_cli_number(cli, GT_OPT_RETENTION, 0);
    uint64_t gone;
    if (!days)
        return GT_EXIT_OK;
    gt_status status = gt_events_expire(store, cli->now - days * 86400000, &gone);
    if (status != GT_OK)
        return gt_db_failed(cli, store, status);
    if (gone)
        gt_cli_note(cli, "%llu events are older than %lld days and were deleted",
                    (unsigned long long)gone, (long long)days);
    return GT_EXIT_OK;
}

/* --- KQL ------------------------------------------------------------------------------------------- */

/* Fields whose values stand in the record unchanged, as whole strings. */
static bool stands_in_record(gt_str field)
{
    static const char *const fields[] = {
        "event.action", "event.provider", "event.id", "cloud.region", "source.address",
        "user_agent.original", "aws.cloudtrail.error_code",
        "aws.cloudtrail.user_identity.arn", "aws.cloudtrail.user_identity.access_key_id",
        "aws.cloudtrail.user_identity.session_context.session_issuer.arn",
        "aws.cloudtrail.request_id", "user.name", "user.id",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (gt_str_eq(field, gt_str_c(fields[i])))
            return true;
    return gt_str_starts(field, GT_STR("aws.cloudtrail.flattened.request_parameters.")) ||
           gt_str_starts(field, GT_STR("aws.cloudtrail.flattened.response_elements."));
}

/* A number or a truth value may stand in the record without quotes, or be written otherwise. */
static bool is_plain_string(gt_str value)
{
    double number;
    return value.len && value.len <= 256 && !gt_str_to_double(value, &number) &&
           !gt_str_is(value, "true") && !gt_str_is(value, "false") && !gt_str_is(value, "null");
}

static bool usable(const gt_query_needs *needs)
{
    for (size_t i = 0; i < needs->count; i++)
        if (!is_plain_string(needs->values[i]))
            return false;
    return needs->known;
}

typedef struct ask {
    gt_db_record_fn fn;
    void *user;
    const gt_input_filter *filter;
    gt_arena *batch;
} ask;

static bool is_one_of(gt_str text, const gt_str *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(text, list[i]))
            return true;
    return count == 0;
}

static gt_status take_record(void *user, const gt_event_found *found)
{
    ask *a = user;
    gt_arena_reset(a->batch, GT_MIB);
    gt_json *tree;
    gt_status status = gt_json_parse(a->batch, found->json, &tree, NULL);
    if (status == GT_INVALID)
        return GT_OK;
    GT_TRY(status);
    gt_record record = {
        .json = found->json,
        .event_id = gt_json_path_str(tree, "eventID"),
        .event_source = gt_json_path_str(tree, "eventSource"),
        .event_name = gt_json_path_str(tree, "eventName"),
        .event_time = gt_json_path_str(tree, "eventTime"),
        .aws_region = gt_json_path_str(tree, "awsRegion"),
        .account_id = gt_json_path_str(tree, "userIdentity.accountId"),
        .recipient_account_id = gt_json_path_str(tree, "recipientAccountId"),
    };
    if (!record.account_id.ptr)
        record.account_id = record.recipient_account_id;
    gt_str account = record.recipient_account_id.ptr ? record.recipient_account_id
                                                     : record.account_id;
    if ((record.aws_region.ptr &&
         !is_one_of(record.aws_region, a->filter->regions, a->filter->region_count)) ||
        (account.ptr && !is_one_of(account, a->filter->accounts, a->filter->account_count)))
        return GT_OK;
    return a->fn(a->user, &record);
}

/* *ret_nothing: no record can match. */
static gt_status terms_of(const gt_query *query, gt_arena *arena, gt_event_search *search,
                          bool *ret_nothing)
{
    size_t field_count, count = 0;
    const gt_str *fields = gt_query_fields(query, &field_count);
    gt_event_terms *terms = gt_arena_array(arena, gt_event_terms, field_count + 1);
    if (!terms)
        return gt_arena_status(arena);
    *ret_nothing = false;
    for (size_t i = 0; i < field_count; i++) {
        if (!stands_in_record(fields[i]))
            continue;
        gt_query_needs needs = gt_query_needs_of(query, arena, fields[i]);
        *ret_nothing |= needs.known && !needs.count;
        if (usable(&needs))
            terms[count++] = (gt_event_terms){needs.values, needs.count};
    }
    search->all_of = terms;
    search->all_of_count = count;
    return GT_OK;
}

static gt_status query_inside(gt_store *store, const gt_run *run, const gt_query *query,
                              gt_db_record_fn fn, void *user, uint64_t *ret_certain)
{
    const gt_input_filter *filter = &run->filter;
    gt_arena *arena = run->cli->arena;
    gt_db_decided decided;
    bool nothing = false;
    gt_event_search search = {
        .since = filter->has_since ? filter->since : INT64_MIN,
        .until = filter->has_until ? filter->until : INT64_MAX,
        .untimed = true,
    };
    GT_TRY(terms_of(query, arena, &search, &nothing));
    if (nothing)
        return GT_OK;
    GT_TRY(gt_db_decide(store, arena, query, filter, run->tables, run->cli->now,
                        ret_certain != NULL, &decided));
    if (ret_certain)
        *ret_certain = decided.certain;
    search.picks = decided.picks;
    search.pick_count = decided.pick_count;
    search.whole = decided.loose;
    search.whole_count = decided.loose_count;
    ask a = {fn, user, filter, gt_arena_new(GT_BATCH_ARENA_MAX)};
    if (!a.batch)
        return GT_NOMEM;
    gt_status status = gt_events_find(store, &search, take_record, &a, NULL);
    gt_arena_free(a.batch);
    return status;
}

gt_status gt_db_query(gt_store *store, const gt_run *run, const gt_query *query, gt_db_record_fn fn,
                      void *user, uint64_t *ret_certain)
{
    if (ret_certain)
        *ret_certain = 0;
    /* One moment of the database, whoever writes meanwhile; and it is locked once, not for each block. */
    GT_TRY(gt_store_exec(store, "PRAGMA mmap_size = 1073741824; BEGIN"));
    gt_status status = query_inside(store, run, query, fn, user, ret_certain);
    gt_store_rollback(store);
    return status;
}
