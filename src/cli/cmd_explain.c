#include "base/limits.h"
#include "cli/deferred.h"
#include "cli/rules.h"
#include "cli/run.h"
#include "detect/alert.h"
#include "detect/prefilter.h"
#include "rule/exceptions.h"

typedef struct explain {
    gt_cli *cli;
    gt_run run;
    gt_rule *rule;
    gt_detector *detector;
    gt_str event_id;
    gt_deferred *deferred; /* NULL unless some rule reads gatetrail.* */
    bool found;
    gt_str bytes, file; /* the event and where it stands */
    uint64_t offset;
} explain;

static void heading(gt_cli *cli, const char *text)
{
    gt_cli_printf(cli, "\n%s%s%s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD), text,
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF));
}

/* Lines of text, each behind two spaces. */
static void indented(gt_cli *cli, gt_str text)
{
    gt_buf out = GT_BUF(GT_RULE_FILE_MAX);
    while (text.len) {
        gt_str line;
        text = gt_str_cut(text, '\n', &line);
        gt_buf_lit(&out, "  ");
        gt_cli_escape(&out, line);
        gt_buf_add_byte(&out, '\n');
    }
    gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
}

/* --- the rule --------------------------------------------------------------------------------- */

static void print_needs(gt_cli *cli, gt_str what, gt_query_needs needs)
{
    gt_buf out = GT_BUF(GT_RULE_FILE_MAX);
    gt_buf_printf(&out, "  %-16.*s ", GT_STR_ARG(what));
    if (!needs.known)
        gt_buf_lit(&out, "any value, or none");
    else if (!needs.count)
        gt_buf_lit(&out, "nothing can match");
    for (size_t i = 0; needs.known && i < needs.count; i++) {
        if (i)
            gt_buf_lit(&out, ", ");
        gt_cli_escape(&out, needs.values[i]);
    }
    gt_buf_add_byte(&out, '\n');
    gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
}

static void print_rule(gt_cli *cli, const gt_rule *rule)
{
    gt_buf out = GT_BUF(GT_RULE_FILE_MAX);
    gt_buf_add(&out, gt_str_c(gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD)));
    gt_cli_escape(&out, rule->name);
    gt_buf_printf(&out, "%s\n  rule_id ", gt_cli_colour(cli->colour_out, GT_COLOUR_OFF));
    gt_cli_escape(&out, rule->rule_id);
    gt_buf_printf(&out, ", version %lld, ", (long long)rule->version);
    gt_cli_escape(&out, rule->path);
    gt_buf_printf(&out, "\n  %s: %s\n", gt_rule_type_name(rule->type),
                  rule->state != GT_RULE_RUNS ? gt_rule_state_text(rule->state)
                  : rule->enabled             ? "runs"
                                              : "runs when --rule names it");
    gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
    heading(cli, "Query");
    indented(cli, gt_str_trim(rule->query_text));
}

static void print_program(gt_cli *cli, const gt_rule *rule)
{
    if (!rule->query) {
        gt_cli_print(cli, GT_STR("\nThere is no program: only KQL is compiled.\n"));
        return;
    }
    heading(cli, "Looked at only when");
    gt_str provider = GT_STR("event.provider"), action = GT_STR("event.action");
    print_needs(cli, provider, gt_query_needs_of(rule->query, cli->arena, provider));
    print_needs(cli, action, gt_query_needs_of(rule->query, cli->arena, action));
    gt_query_needs texts = gt_prefilter_needs_of(rule->query, cli->arena);
    if (texts.known)
        print_needs(cli, GT_STR("text in it"), texts);
    heading(cli, "Fields it reads");
    size_t count;
    const gt_str *fields = gt_query_fields(rule->query, &count);
    for (size_t i = 0; i < count; i++) {
        gt_field_type type = gt_schema_type(gt_schema_default(), fields[i], NULL);
        gt_cli_printf(cli, "  %.*s (%s)\n", GT_STR_ARG(fields[i]), gt_field_type_name(type));
    }
    heading(cli, "Program");
    gt_buf out = GT_BUF(GT_RULE_FILE_MAX);
    gt_query_disassemble(rule->query, &out);
    indented(cli, gt_buf_str(&out));
    gt_buf_done(&out);
    size_t exceptions = gt_exceptions_count(rule->exceptions);
    if (exceptions)
        gt_cli_printf(cli, "\n%zu exception%s.\n", exceptions, exceptions == 1 ? "" : "s");
}

/* --- one event -------------------------------------------------------------------------------- */

static gt_status worker_new(void *ctx, size_t index, void **ret)
{
    explain *e = ctx;
    (void)index;
    return gt_run_worker_new(&e->run, e->detector, NULL, e, ret);
}

static void add_clause(gt_buf *out, const gt_query_clause *clause, bool colour)
{
    gt_colour paint = !clause->decided ? GT_COLOUR_DIM : clause->result ? GT_COLOUR_GREEN
                                                                        : GT_COLOUR_RED;
    gt_buf_printf(out, "  %s%-5s%s %s %*s", gt_cli_colour(colour, paint),
                  clause->result ? "true" : "false", gt_cli_colour(colour, GT_COLOUR_OFF),
                  clause->decided ? ">" : " ", (int)(2 * clause->depth), "");
    gt_buf flat = GT_BUF(GT_QUERY_BYTES_MAX + 16);
    for (size_t i = 0; i < clause->text.len; i++) {
        char c = clause->text.ptr[i];
        bool space = c == '\n' || c == '\t' || c == ' ' || c == '\r';
        if (!space || (flat.len && flat.data[flat.len - 1] != ' '))
            gt_buf_add_byte(&flat, space ? ' ' : c);
    }
    gt_cli_escape(out, gt_buf_str(&flat));
    gt_buf_done(&flat);
    if (clause->values) {
        gt_buf values = GT_BUF(GT_BATCH_ARENA_MAX);
        gt_buf_lit(out, "    here: ");
        if (clause->values->count == 0)
            gt_buf_lit(&values, "no value");
        else
            gt_json_write(&values, clause->values);
        gt_cli_escape(out, gt_buf_str(&values));
        gt_buf_done(&values);
    }
    gt_buf_add_byte(out, '\n');
}

/* The verdict and the clauses; emitted as text. */
static gt_status explain_document(explain *e, gt_run_worker *w, const gt_json *document,
                                  gt_buf *out)
{
    static const char *const verdicts[] = {
        [GT_RULE_NO_MATCH] = "The rule does not match this event.",
        [GT_RULE_MATCHES] = "The rule matches this event.",
        [GT_RULE_EXCEPTED] = "The query matches this event, but an exception holds:",
    };
    bool colour = e->cli->colour_out;
    gt_arena *batch = gt_detect_worker_batch(w->detect);
    gt_arena *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (!scratch)
        return GT_NOMEM;
    gt_query_env env = {.scratch = scratch, .now = e->cli->now};
    gt_query_clause *clauses = NULL;
    size_t count = 0;
    gt_rule_verdict verdict = gt_rule_run(e->rule, document, &env);
    gt_buf_printf(out, "%s%s%s", gt_cli_colour(colour, GT_COLOUR_BOLD), verdicts[verdict],
                  gt_cli_colour(colour, GT_COLOUR_OFF));
    if (verdict == GT_RULE_EXCEPTED) {
        gt_str item = GT_STR_NULL;
        if (gt_exceptions_hold(e->rule->exceptions, document, &env, &item)) {
            gt_buf_add_byte(out, ' ');
            gt_cli_escape(out, item);
        }
    }
    gt_buf_lit(out, "\n\n");
    gt_status status =
        gt_query_explain(e->rule->query, document, &env, batch, &clauses, &count);
    for (size_t i = 0; status == GT_OK && i < count; i++)
        add_clause(out, &clauses[i], colour);
    gt_buf_lit(out, "\n'>' marks the clauses that decided.\n");
    gt_arena_free(scratch);
    return status == GT_OK ? gt_buf_status(out) : status;
}

/* --- what the event did to security groups ------------------------------------------------------ */

/* Pieces shown; query and sg log have all of them. */
#define PIECES_SHOWN 6

static void add_pieces(gt_buf *out, const char *word, const gt_json *pieces)
{
    size_t shown = 0;
    for (const gt_json *p = gt_json_first(pieces); p && shown < PIECES_SHOWN; p = p->next, shown++) {
        int64_t from = -1, to = -1;
        gt_json_i64(gt_json_getl(p, "from_port"), &from);
        gt_json_i64(gt_json_getl(p, "to_port"), &to);
        const gt_json *internet = gt_json_getl(p, "internet");
        gt_buf_printf(out, "  %-7s %.*s %.*s", word, GT_STR_ARG(gt_json_path_str(p, "direction")),
                      GT_STR_ARG(gt_json_path_str(p, "protocol")));
        if (from >= 0)
            gt_buf_printf(out, " %lld", (long long)from);
        if (from >= 0 && to != from)
            gt_buf_printf(out, "-%lld", (long long)to);
        gt_buf_printf(out, " %.*s%s\n", GT_STR_ARG(gt_json_path_str(p, "cidr")),
                      internet && internet->boolean ? " (internet)" : "");
    }
    if (pieces && pieces->count > PIECES_SHOWN)
        gt_buf_printf(out, "  %-7s %u more pieces\n", word, pieces->count - PIECES_SHOWN);
}

static void add_field(gt_buf *out, const char *word, const gt_json *value)
{
    gt_buf text = GT_BUF(GT_BATCH_ARENA_MAX);
    if (gt_json_is(value, GT_JSON_STRING))
        gt_buf_add(&text, gt_json_str(value));
    else if (value)
        gt_json_write(&text, value);
    if (value) {
        gt_buf_printf(out, "  %-7s ", word);
        gt_cli_escape(out, gt_buf_str(&text));
        gt_buf_add_byte(out, '\n');
    }
    gt_buf_done(&text);
}

static void add_effect(gt_buf *out, const gt_json *document, bool colour)
{
    const gt_json *group = gt_json_path(document, "gatetrail.security_group");
    if (!group)
        return;
    gt_buf_printf(out, "\n%sWhat the event did to security groups%s\n",
                  gt_cli_colour(colour, GT_COLOUR_BOLD), gt_cli_colour(colour, GT_COLOUR_OFF));
    add_field(out, "group", gt_json_getl(group, "id"));
    add_field(out, "change", gt_json_getl(group, "change"));
    add_field(out, "actor", gt_json_path(document, "gatetrail.actor.class"));
    add_field(out, "effect", gt_json_getl(group, "net_effect"));
    add_pieces(out, "opened", gt_json_getl(group, "opened"));
    add_pieces(out, "closed", gt_json_getl(group, "closed"));
    add_pieces(out, "open", gt_json_getl(group, "open"));
}

/* Which of the rules that run match the event. */
static gt_status add_matches(explain *e, gt_run_worker *w, const gt_record *record, gt_buf *out)
{
    const gt_match *matches;
    size_t count;
    bool colour = e->cli->colour_out;
    GT_TRY(gt_detect_record(w->detect, record, &matches, &count));
    gt_buf_printf(out, "\n%sRules that match this event%s\n",
                  gt_cli_colour(colour, GT_COLOUR_BOLD), gt_cli_colour(colour, GT_COLOUR_OFF));
    for (size_t i = 0; i < count; i++) {
        gt_buf_lit(out, "  ");
        gt_cli_escape(out, matches[i].rule->name);
        gt_buf_lit(out, "  (");
        gt_cli_escape(out, matches[i].rule->path);
        gt_buf_lit(out, ")\n");
    }
    if (count == 0)
        gt_buf_lit(out, "  none\n");
    return gt_buf_status(out);
}

/* --- finding the event ---------------------------------------------------------------------------- */

#define TAG_EVENT 1

static gt_status on_record(void *opaque, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    gt_run_worker *w = opaque;
    explain *e = w->command;
    gt_json *document = NULL;
    bool ecs = gt_run_is_ecs(&e->run), taken;
    char room[GT_RECORD_ID_MAX];
    (void)input;
    GT_TRY(gt_deferred_take(e->deferred, w, record, emit, &taken));
    if (!ecs && !gt_str_eq(gt_record_id(record, room), e->event_id))
        return GT_OK;
    if (ecs) {
        GT_TRY(gt_detect_map(w->detect, record, &document));
        if (!gt_str_eq(gt_document_text(document, GT_STR("event.id")), e->event_id))
            return GT_OK;
    }
    gt_buf_reset(&w->text);
    gt_deferred_write(&w->text, record);
    gt_emit_bytes(emit, TAG_EVENT, gt_buf_str(&w->text));
    return gt_buf_status(&w->text);
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    explain *e = ctx;
    bool kept = false;
    if (item->tag != TAG_EVENT)
        return gt_deferred_keep(e->deferred, item, &kept);
    if (e->found)
        return GT_OK;
    e->found = true;
    e->bytes = gt_arena_dup(e->cli->arena, item->bytes);
    e->file = item->input->name;
    e->offset = item->offset;
    if (!e->bytes.ptr)
        return GT_NOMEM;
    return e->deferred ? GT_OK : GT_END; /* the history needs the other records too */
}

static gt_status print_event(explain *e)
{
    gt_record record;
    gt_json *document = NULL;
    void *opaque = NULL;
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    GT_TRY(gt_deferred_fold(e->deferred));
    GT_TRY(gt_deferred_read(e->bytes, e->offset, &record));
    GT_TRY(gt_run_worker_new(&e->run, e->detector, gt_deferred_enrich(e->deferred), e, &opaque));
    gt_run_worker *w = opaque;
    gt_deferred_current(e->deferred, &record);
    gt_status status = gt_detect_map(w->detect, &record, &document);
    gt_buf_lit(&out, "\nEvent ");
    gt_cli_escape(&out, e->event_id);
    gt_buf_lit(&out, " in ");
    gt_cli_escape(&out, e->file);
    gt_buf_add_byte(&out, '\n');
    if (status == GT_OK)
        status = explain_document(e, w, document, &out);
    if (status == GT_OK) {
        add_effect(&out, document, e->cli->colour_out);
        if (e->deferred)
            status = add_matches(e, w, &record, &out);
    }
    gt_deferred_current(e->deferred, NULL);
    if (status == GT_OK)
        gt_cli_print(e->cli, gt_buf_str(&out));
    gt_buf_done(&out);
    gt_run_worker_free(NULL, w);
    return status;
}

static int explain_event(explain *e, const gt_rules *rules)
{
    gt_cli *cli = e->cli;
    if (e->rule->state != GT_RULE_RUNS)
        return gt_cli_usage(cli, "--event needs a rule that runs: %s",
                            gt_rule_state_text(e->rule->state));
    if (cli->arg_count < 2)
        return gt_cli_usage(cli, "--event needs PATHs to look for the event in");
    int exit = gt_run_open(cli, cli->args + 1, cli->arg_count - 1, &e->run);
    if (!exit && !gt_run_is_ecs(&e->run))
        exit = gt_run_tables(&e->run);
    if (exit)
        return exit;
    gt_detector_options options = {
        .rules = rules,
        .documents = gt_run_is_ecs(&e->run),
        .now = cli->now,
    };
    gt_status status = gt_detector_new(cli->arena, &options, &e->detector);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rule");
    gt_pipeline_stage stage = {
        .ctx = e,
        .worker_new = worker_new,
        .record = on_record,
        .worker_free = gt_run_worker_free,
        .commit = on_commit,
    };
    if (!gt_run_is_ecs(&e->run))
        status = gt_deferred_new(e->detector, &e->deferred);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "preparing the rule");
    exit = gt_run_go(&e->run, &stage);
    if (exit)
        return exit;
    if (e->found) {
        status = print_event(e);
        return status == GT_OK ? GT_EXIT_OK : gt_cli_failed(cli, status, "explaining the event");
    }
    gt_cli_error(cli, "no event '%.*s' among the %llu that were read", GT_STR_ARG(e->event_id),
                 (unsigned long long)e->run.counts.read);
    return GT_EXIT_INPUT;
}

int gt_cmd_explain(gt_cli *cli)
{
    explain e = {.cli = cli, .event_id = gt_cli_str(cli, GT_OPT_EVENT)};
    gt_cli_rules rules = {0};
    int exit = gt_cli_rules_load(cli, NULL, 0, false, &rules);
    if (exit)
        return exit;
    e.rule = gt_cli_rules_find(cli, &rules, cli->args[0]);
    if (!e.rule)
        return GT_EXIT_USAGE;
    if (!e.event_id.ptr && cli->arg_count > 1)
        return gt_cli_usage(cli, "PATHs need --event ID: which event in them?");
    print_rule(cli, e.rule);
    if (!e.event_id.ptr) {
        print_program(cli, e.rule);
        return GT_EXIT_OK;
    }
    exit = explain_event(&e, rules.set);
    gt_deferred_free(e.deferred);
    gt_run_done(&e.run);
    return exit;
}
