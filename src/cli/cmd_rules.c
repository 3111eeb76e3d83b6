/* rules list, rules show, rules check. rules test is in cmd_rules_test.c. */
#include "cli/rules.h"

#include "base/limits.h"
#include "rule/exceptions.h"

/* --- list ------------------------------------------------------------------------------------- */

enum { TEXT, NDJSON, CSV };

static const char *switch_text(const gt_rule *rule)
{
    if (rule->state == GT_RULE_BROKEN)
        return "broken";
    if (rule->state != GT_RULE_RUNS)
        return "not run";
    return rule->enabled ? "on" : "off";
}

static void list_text(gt_cli *cli, const gt_rule *rule)
{
    gt_colour colour = rule->state == GT_RULE_BROKEN ? GT_COLOUR_RED
                       : rule->state != GT_RULE_RUNS ? GT_COLOUR_DIM
                       : rule->enabled               ? GT_COLOUR_GREEN
                                                     : GT_COLOUR_YELLOW;
    gt_buf name = GT_BUF(GT_MIB);
    gt_cli_escape(&name, rule->name.len ? rule->name : rule->path);
    gt_cli_printf(cli, "%s%-8s%s %-9.*s %-12s %-36.*s  %.*s",
                  gt_cli_colour(cli->colour_out, colour), switch_text(rule),
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(rule->severity),
                  gt_rule_type_name(rule->type), GT_STR_ARG(rule->rule_id),
                  GT_STR_ARG(gt_buf_str(&name)));
    if (rule->version > 1)
        gt_cli_printf(cli, " (version %lld)", (long long)rule->version);
    if (rule->state != GT_RULE_RUNS)
        gt_cli_printf(cli, " — %s", gt_rule_state_text(rule->state));
    gt_cli_printf(cli, "\n");
    gt_buf_done(&name);
}

static void list_ndjson(gt_cli *cli, gt_arena *arena, const gt_rule *rule)
{
    gt_json *o = gt_json_new_object(arena);
    gt_json_setl(o, "rule_id", gt_json_new_str(arena, rule->rule_id));
    gt_json_setl(o, "name", gt_json_new_str(arena, rule->name));
    gt_json_setl(o, "type", gt_json_new_str(arena, gt_str_c(gt_rule_type_name(rule->type))));
    gt_json_setl(o, "severity", gt_json_new_str(arena, rule->severity));
    gt_json_setl(o, "risk_score", gt_json_new_i64(arena, rule->risk_score));
    gt_json_setl(o, "version", gt_json_new_i64(arena, rule->version));
    gt_json_setl(o, "enabled", gt_json_new_bool(arena, rule->enabled));
    gt_json_setl(o, "runs", gt_json_new_bool(arena, rule->state == GT_RULE_RUNS));
    gt_json_setl(o, "state", gt_json_new_str(arena, gt_str_c(gt_rule_state_text(rule->state))));
    gt_json_setl(o, "exceptions",
                 gt_json_new_i64(arena, (int64_t)gt_exceptions_count(rule->exceptions)));
    gt_json_setl(o, "path", gt_json_new_str(arena, rule->path));
    gt_buf line = GT_BUF(GT_MIB);
    gt_json_write(&line, o);
    gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&line)));
    gt_buf_done(&line);
}

static void csv_cell(gt_buf *out, gt_str s, const char *end)
{
    gt_buf_add_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            gt_buf_add_byte(out, '"');
        gt_buf_add_byte(out, s.ptr[i]);
    }
    gt_buf_printf(out, "\"%s", end);
}

static void list_csv(gt_cli *cli, const gt_rule *rule)
{
    gt_buf line = GT_BUF(GT_MIB);
    csv_cell(&line, rule->rule_id, ",");
    csv_cell(&line, rule->name, ",");
    gt_buf_printf(&line, "%s,%.*s,%lld,%lld,%s,", gt_rule_type_name(rule->type),
                  GT_STR_ARG(rule->severity), (long long)rule->risk_score, (long long)rule->version,
                  switch_text(rule));
    csv_cell(&line, rule->path, "\n");
    gt_cli_print(cli, gt_buf_str(&line));
    gt_buf_done(&line);
}

static void list_counts(gt_cli *cli, const gt_rules *set)
{
    size_t on = 0, off = 0, broken = 0;
    for (size_t i = 0; i < set->count; i++) {
        const gt_rule *rule = set->items[i];
        on += rule->state == GT_RULE_RUNS && rule->enabled;
        off += rule->state == GT_RULE_RUNS && !rule->enabled;
        broken += rule->state == GT_RULE_BROKEN;
    }
    gt_cli_note(cli, "%zu rules: %zu on, %zu off, %zu not run, %zu broken", set->count, on, off,
                set->count - on - off - broken, broken);
}

int gt_cmd_rules_list(gt_cli *cli)
{
    gt_cli_rules rules = {0};
    int status = gt_cli_rules_load(cli, cli->args, cli->arg_count, false, &rules);
    unsigned format = gt_cli_choice(cli, GT_OPT_FORMAT, cli->tty_out ? TEXT : NDJSON);
    if (!rules.set)
        return status;
    if (format == CSV)
        gt_cli_printf(cli, "rule_id,name,type,severity,risk_score,version,state,path\n");
    for (size_t i = 0; i < rules.set->count; i++) {
        if (format == TEXT)
            list_text(cli, rules.set->items[i]);
        else if (format == NDJSON)
            list_ndjson(cli, cli->arena, rules.set->items[i]);
        else
            list_csv(cli, rules.set->items[i]);
    }
    list_counts(cli, rules.set);
    return status;
}

/* --- show ------------------------------------------------------------------------------------- */

static void show_line(gt_cli *cli, const char *label, gt_str value)
{
    if (!value.len)
        return;
    gt_buf text = GT_BUF(GT_MIB);
    gt_cli_escape(&text, value);
    gt_cli_printf(cli, "%s%-14s%s %.*s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_DIM), label,
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
}

static void show_title(gt_cli *cli, const char *title)
{
    gt_cli_printf(cli, "\n%s%s%s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD), title,
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF));
}

/* Text of several lines: each is escaped on its own. first, more: what stands before the first line
 * and the others; trimmed: leave out the indentation. */
static void show_text_lines(gt_cli *cli, gt_str text, const char *first, const char *more,
                            bool trimmed)
{
    while (text.len && (text.ptr[0] == '\n' || text.ptr[0] == '\r'))
        text = gt_str_from(text, 1);
    while (text.len && memchr("\r\n ", text.ptr[text.len - 1], 3))
        text.len--;
    gt_buf out = GT_BUF(16 * GT_MIB);
    const char *before = first;
    for (gt_str rest = text, line; rest.ptr; before = more) {
        rest = gt_str_cut(rest, '\n', &line);
        if (trimmed || gt_str_ends(line, GT_STR("\r")))
            line = trimmed ? gt_str_trim(line) : gt_str_head(line, line.len - 1);
        gt_buf_add(&out, line.len ? gt_str_c(before) : GT_STR_NULL);
        gt_cli_escape(&out, line);
        gt_buf_lit(&out, "\n");
    }
    gt_cli_print(cli, gt_buf_str(&out));
    gt_buf_done(&out);
}

static void show_lines(gt_cli *cli, const char *title, gt_str text)
{
    if (!gt_str_trim(text).len)
        return;
    show_title(cli, title);
    show_text_lines(cli, text, "  ", "  ", false);
}

static void show_list(gt_cli *cli, const char *title, const gt_json *array)
{
    if (!gt_json_first(array))
        return;
    show_title(cli, title);
    for (const gt_json *e = gt_json_first(array); e; e = e->next)
        show_text_lines(cli, gt_json_str(e), "  - ", "    ", true);
}

/* "a, b, c" of an array of strings. */
static gt_str joined(gt_cli *cli, const gt_json *array)
{
    gt_buf text = GT_BUF(GT_MIB);
    for (const gt_json *e = gt_json_first(array); e; e = e->next) {
        gt_str s = gt_json_text(e);
        gt_buf_add(&text, e == gt_json_first(array) ? GT_STR("") : GT_STR(", "));
        gt_buf_add(&text, s.ptr ? s : GT_STR("{…}"));
    }
    gt_str copy = gt_arena_dup(cli->arena, gt_buf_str(&text));
    gt_buf_done(&text);
    return copy;
}

static void show_threat(gt_cli *cli, const gt_rule *rule)
{
    for (const gt_json *t = gt_json_first(gt_json_getl(rule->params, "threat")); t; t = t->next) {
        gt_buf line = GT_BUF(GT_MIB);
        gt_buf_printf(&line, "%.*s %.*s", GT_STR_ARG(gt_json_path_str(t, "tactic.id")),
                      GT_STR_ARG(gt_json_path_str(t, "tactic.name")));
        for (const gt_json *e = gt_json_first(gt_json_getl(t, "technique")); e; e = e->next) {
            gt_buf_printf(&line, "; %.*s %.*s", GT_STR_ARG(gt_json_path_str(e, "id")),
                          GT_STR_ARG(gt_json_path_str(e, "name")));
            for (const gt_json *s = gt_json_first(gt_json_getl(e, "subtechnique")); s; s = s->next)
                gt_buf_printf(&line, " / %.*s %.*s", GT_STR_ARG(gt_json_path_str(s, "id")),
                              GT_STR_ARG(gt_json_path_str(s, "name")));
        }
        show_line(cli, "ATT&CK", gt_buf_str(&line));
        gt_buf_done(&line);
    }
}

static void show_times(gt_cli *cli, const gt_rule *rule)
{
    gt_str times = gt_arena_printf(cli->arena,
                                   "every %.*s from %.*s to %.*s, at most %lld alerts a run",
                                   GT_STR_ARG(rule->interval), GT_STR_ARG(rule->from),
                                   GT_STR_ARG(rule->to), (long long)rule->max_signals);
    show_line(cli, "runs", times);
    show_line(cli, "by the time in", rule->timestamp_override);
}

static void show_text(gt_cli *cli, const gt_rule *rule)
{
    const gt_json *p = rule->params;
    show_line(cli, "name", rule->name);
    show_line(cli, "rule_id", rule->rule_id);
    show_line(cli, "version", gt_arena_printf(cli->arena, "%lld", (long long)rule->version));
    show_line(cli, "file", rule->path);
    show_line(cli, "state",
              rule->state == GT_RULE_RUNS && !rule->enabled
                  ? GT_STR("off; --rule switches it on")
                  : gt_str_c(gt_rule_state_text(rule->state)));
    show_line(
        cli, "type",
        gt_arena_printf(cli->arena, "%s, %.*s", gt_rule_type_name(rule->type),
                        GT_STR_ARG(rule->language.len ? rule->language : GT_STR("no query"))));
    show_line(cli, "severity",
              gt_arena_printf(cli->arena, "%.*s, risk score %lld", GT_STR_ARG(rule->severity),
                              (long long)rule->risk_score));
    show_line(cli, "indices", joined(cli, gt_json_getl(p, "index")));
    show_times(cli, rule);
    show_threat(cli, rule);
    show_line(cli, "tags", joined(cli, gt_json_getl(p, "tags")));
    show_line(cli, "authors", joined(cli, gt_json_getl(p, "author")));
    show_line(cli, "licence", rule->license);
    show_line(cli, "references", joined(cli, gt_json_getl(p, "references")));
    show_line(cli, "fields", joined(cli, gt_json_path(p, "investigation_fields.field_names")));
    if (gt_exceptions_count(rule->exceptions))
        show_line(cli, "exceptions",
                  gt_arena_printf(cli->arena, "%zu items", gt_exceptions_count(rule->exceptions)));
    show_lines(cli, "Description", rule->description);
    show_lines(cli, "Query", rule->query_text);
    show_list(cli, "False positives", gt_json_getl(p, "false_positives"));
    show_lines(cli, "Setup", rule->setup);
    show_lines(cli, "Investigation guide", rule->note);
}

static void show_json(gt_cli *cli, const gt_rule *rule)
{
    gt_json *o = gt_json_copy(cli->arena, rule->params, false);
    gt_buf text = GT_BUF(GT_RULE_FILE_MAX);
    if (rule->metadata)
        gt_json_setl(o, "metadata", gt_json_copy(cli->arena, rule->metadata, false));
    if (rule->transform)
        gt_json_setl(o, "transform", gt_json_copy(cli->arena, rule->transform, false));
    gt_json_write_pretty(&text, o);
    gt_cli_print(cli, gt_buf_str(&text));
    gt_cli_printf(cli, "\n");
    gt_buf_done(&text);
}

int gt_cmd_rules_show(gt_cli *cli)
{
    gt_cli_rules rules = {0};
    int status = gt_cli_rules_load(cli, NULL, 0, false, &rules);
    const gt_rule *rule = rules.set ? gt_cli_rules_find(cli, &rules, cli->args[0]) : NULL;
    if (!rule)
        return status ? status : GT_EXIT_USAGE;
    if (gt_cli_choice(cli, GT_OPT_FORMAT_SHOW, 0) == 0)
        show_text(cli, rule);
    else
        show_json(cli, rule);
    return status;
}

/* --- check ------------------------------------------------------------------------------------ */

static const char *severity_text(gt_severity severity)
{
    return severity == GT_ERROR ? "error" : severity == GT_WARNING ? "warning" : "note";
}

static gt_json *diag_json(gt_arena *arena, const gt_rule_file *file, const gt_diag *d)
{
    gt_line_col at = gt_diag_locate(file->diags.text, d->span.begin);
    gt_line_col end = gt_diag_locate(file->diags.text, d->span.end);
    gt_json *o = gt_json_new_object(arena);
    gt_json_setl(o, "file", gt_json_new_str(arena, file->path));
    gt_json_setl(o, "line", gt_json_new_i64(arena, (int64_t)at.line));
    gt_json_setl(o, "column", gt_json_new_i64(arena, (int64_t)at.col));
    gt_json_setl(o, "end_line", gt_json_new_i64(arena, (int64_t)end.line));
    gt_json_setl(o, "end_column", gt_json_new_i64(arena, (int64_t)end.col));
    gt_json_setl(o, "severity", gt_json_new_str(arena, gt_str_c(severity_text(d->severity))));
    gt_json_setl(o, "code", gt_json_new_str(arena, gt_str_c(d->code)));
    gt_json_setl(o, "message", gt_json_new_str(arena, d->message));
    if (d->hint.len)
        gt_json_setl(o, "hint", gt_json_new_str(arena, d->hint));
    return o;
}

static void check_json(gt_cli *cli, const gt_rules *set)
{
    for (size_t f = 0; f < set->file_count; f++) {
        const gt_diags *diags = &set->files[f].diags;
        for (size_t i = 0; i < diags->count; i++) {
            gt_buf line = GT_BUF(GT_MIB);
            gt_json_write(&line, diag_json(cli->arena, &set->files[f], &diags->items[i]));
            gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&line)));
            gt_buf_done(&line);
        }
    }
}

int gt_cmd_rules_check(gt_cli *cli)
{
    gt_cli_rules rules = {0};
    int status = gt_cli_rules_load(cli, cli->args, cli->arg_count, true, &rules);
    if (!rules.set)
        return status;
    if (gt_cli_choice(cli, GT_OPT_FORMAT_CHECK, 0) == 1)
        check_json(cli, rules.set);
    gt_cli_note(cli, "rules: %zu, files: %zu, errors: %zu, warnings: %zu", rules.set->count,
                rules.set->file_count, rules.set->errors, rules.set->warnings);
    return status;
}
