#include "base/nearest.h"
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct parser {
    gt_cli *cli;
    int argc;
    char **argv;
    int at;
    bool ended; /* "--" was seen */
    bool help;
    unsigned mistakes;
    gt_str *args;
} parser;

static void mistake(parser *p, const char *what, gt_str word, const char *more, gt_str hint)
{
    p->mistakes++;
    if (hint.ptr)
        gt_cli_error(p->cli, "%s '%.*s'%s; did you mean '%.*s'?", what, GT_STR_ARG(word), more,
                     GT_STR_ARG(hint));
    else
        gt_cli_error(p->cli, "%s '%.*s'%s", what, GT_STR_ARG(word), more);
}

gt_str gt_option_choice(const gt_option *option, unsigned i)
{
    gt_str rest = gt_str_c(option->argument), word = GT_STR_NULL;
    for (unsigned k = 0; k <= i; k++) {
        if (!rest.ptr)
            return GT_STR_NULL;
        rest = gt_str_cut(rest, '|', &word);
    }
    return word;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool value_choice(parser *p, const gt_option *option, gt_str text, int64_t *ret)
{
    gt_nearest_search near = {.word = text};
    gt_str word;
    for (unsigned i = 0; (word = gt_option_choice(option, i)).len; i++) {
        if (gt_str_eq(word, text)) {
            *ret = i;
            return true;
        }
        gt_nearest_offer(&near, word);
    }
    p->mistakes++;
    gt_cli_error(p->cli, "--%s must be one of %s, not '%.*s'", option->name, option->argument,
                 GT_STR_ARG(text));
    return false;
}

static bool value_number(parser *p, const gt_option *option, gt_str text, int64_t *ret)
{
    const char *wanted = "";
    switch (option->type) {
    case GT_OPTION_NUMBER:
        if (gt_str_to_i64(text, ret) && *ret >= 0)
            return true;
        wanted = "a whole number, 0 or more";
        break;
    case GT_OPTION_SPAN:
        if (gt_span_parse(text, ret))
            return true;
        wanted = "a span of time like 30s, 5m, 24h, 7d or 2w";
        break;
    default:
        if (gt_time_math(text, p->cli->now, false, ret))
            return true;
        wanted = "a time like 2024-10-14T09:00:00Z, 2024-10-14 or now-1d";
        break;
    }
    p->mistakes++;
    gt_cli_error(p->cli, "--%s must be %s, not '%.*s'", option->name, wanted, GT_STR_ARG(text));
    return false;
}

static gt_status value_add(parser *p, gt_option_id id, gt_str text)
{
    gt_arena *arena = p->cli->arena;
    gt_cli_value *v = p->cli->values[id];
    if (!v) {
        v = gt_arena_new_of(arena, gt_cli_value);
        if (!v)
            return gt_arena_status(arena);
    }
    gt_str *texts = gt_arena_grow(arena, v->texts, v->count * sizeof(gt_str),
                                  (v->count + 1) * sizeof(gt_str));
    if (!texts)
        return gt_arena_status(arena);
    v->texts = texts;
    v->texts[v->count++] = text;
    p->cli->values[id] = v;
    return GT_OK;
}

/* Numbers are read when all options are known: --now may stand behind --since. */
static void values_check(parser *p)
{
    gt_cli *cli = p->cli;
    gt_option_id id;
    const gt_option *option;
    if (cli->values[GT_OPT_NOW]) {
        gt_cli_value *v = cli->values[GT_OPT_NOW];
        if (value_number(p, &gt_options[GT_OPT_NOW], v->texts[v->count - 1], &v->number))
            cli->now = v->number;
    }
    for (size_t i = 0; (option = gt_command_option(cli->command, i, &id)); i++) {
        gt_cli_value *v = cli->values[id];
        if (!v || id == GT_OPT_NOW)
            continue;
        gt_str text = v->texts[v->count - 1];
        if (option->type == GT_OPTION_CHOICE)
            value_choice(p, option, text, &v->number);
        else if (option->type >= GT_OPTION_NUMBER)
            value_number(p, option, text, &v->number);
        else if (option->type == GT_OPTION_PATH && text.len == 0)
            mistake(p, "an empty path for", gt_str_c(option->name), "", GT_STR_NULL);
    }
}

/* --- options --------------------------------------------------------------------------------- */

static const gt_option *find_long(const gt_command *command, gt_str name, gt_option_id *ret_id)
{
    const gt_option *option;
    for (size_t i = 0; (option = gt_command_option(command, i, ret_id)); i++)
        if (gt_str_eq(gt_str_c(option->name), name))
            return option;
    return NULL;
}

static const gt_option *find_letter(const gt_command *command, char letter, gt_option_id *ret_id)
{
    const gt_option *option;
    for (size_t i = 0; (option = gt_command_option(command, i, ret_id)); i++)
        if (option->letter == letter && letter)
            return option;
    return NULL;
}

static void unknown_long(parser *p, gt_str name)
{
    gt_nearest_search near = {.word = name};
    const gt_option *option;
    char hint[80];
    for (size_t i = 0; (option = gt_command_option(p->cli->command, i, NULL)); i++)
        gt_nearest_offer(&near, gt_str_c(option->name));
    snprintf(hint, sizeof(hint), "--%.*s", GT_STR_ARG(near.best));
    gt_str shown = {name.ptr - 2, name.len + 2};
    gt_str more = gt_arena_printf(p->cli->arena, " of 'gatetrail %s'", p->cli->command->name);
    mistake(p, "unknown option", shown, more.ptr ? more.ptr : "",
            near.best.ptr ? gt_str_c(hint) : GT_STR_NULL);
}

/* The value that stands in the next argument. Another option of the command there is more likely a
 * forgotten value. */
static bool next_value(parser *p, const gt_option *option, gt_str *ret)
{
    gt_option_id id;
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    if (next && next[0] == '-' && next[1] == '-' && find_long(p->cli->command, gt_str_c(next + 2), &id))
        next = NULL;
    if (!next) {
        p->mistakes++;
        gt_cli_error(p->cli, "--%s needs a value: --%s %s", option->name, option->name,
                     option->argument);
        return false;
    }
    p->at++;
    *ret = gt_str_c(next);
    return true;
}

static gt_status option_long(parser *p, gt_str text)
{
    gt_str name, value = gt_str_cut(text, '=', &name);
    gt_option_id id;
    const gt_option *option = find_long(p->cli->command, name, &id);
    if (!option) {
        unknown_long(p, name);
        return GT_OK;
    }
    if (option->type == GT_OPTION_FLAG && value.ptr) {
        mistake(p, "no value belongs to", (gt_str){name.ptr - 2, name.len + 2}, "", GT_STR_NULL);
        return GT_OK;
    }
    if (option->type != GT_OPTION_FLAG && !value.ptr && !next_value(p, option, &value))
        return GT_OK;
    return value_add(p, id, value);
}

/* "-q", "-qc", "-j4", "-j 4". */
static gt_status option_letters(parser *p, gt_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        gt_option_id id;
        const gt_option *option = find_letter(p->cli->command, text.ptr[i], &id);
        if (!option) {
            char shown[3] = {'-', text.ptr[i], 0};
            mistake(p, "unknown option", gt_str_c(shown), "", GT_STR_NULL);
            return GT_OK;
        }
        if (option->type == GT_OPTION_FLAG) {
            GT_TRY(value_add(p, id, GT_STR_NULL));
            continue;
        }
        gt_str value = gt_str_from(text, i + 1);
        if (!value.len && !next_value(p, option, &value))
            return GT_OK;
        return value_add(p, id, value);
    }
    return GT_OK;
}

static gt_status argument(parser *p, char *text)
{
    if (p->ended || text[0] != '-' || text[1] == '\0') {
        p->args[p->cli->arg_count++] = gt_str_c(text);
        return GT_OK;
    }
    if (text[1] != '-')
        return option_letters(p, gt_str_c(text + 1));
    if (text[2] == '\0') {
        p->ended = true;
        return GT_OK;
    }
    return option_long(p, gt_str_c(text + 2));
}

/* --- commands -------------------------------------------------------------------------------- */

static void unknown_command(parser *p, gt_str name, gt_str group)
{
    gt_nearest_search near = {.word = name};
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str other = gt_str_c(gt_commands[i].name);
        gt_str word;
        gt_str sub = gt_str_cut(other, ' ', &word);
        if (group.len && gt_str_eq(word, group))
            gt_nearest_offer(&near, sub);
        else if (!group.len)
            gt_nearest_offer(&near, word);
    }
    const char *what = group.len ? "unknown sub-command" : "unknown command";
    mistake(p, what, name, "", near.best);
    fprintf(stderr, "gatetrail: 'gatetrail help' lists the commands\n");
}

static void print(gt_cli *cli, gt_buf *text)
{
    gt_cli_print(cli, gt_buf_str(text));
    gt_buf_done(text);
}

/* gatetrail, gatetrail --help, gatetrail --version, gatetrail rules, gatetrail rules --help. */
static gt_status no_command(parser *p, gt_str group, bool asked)
{
    gt_buf text = GT_BUF((size_t)1 << 20);
    if (group.len)
        gt_help_group(&text, group, asked ? p->cli->colour_out : p->cli->colour_err);
    else
        gt_help_overview(&text, asked ? p->cli->colour_out : p->cli->colour_err);
    if (asked) {
        print(p->cli, &text);
        return GT_END;
    }
    fwrite(text.data, 1, text.len, stderr);
    gt_buf_done(&text);
    return GT_INVALID;
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static gt_status find_command(parser *p)
{
    if (p->argc < 2)
        return no_command(p, GT_STR_NULL, false);
    gt_str word = gt_str_c(p->argv[1]);
    if (is_help(p->argv[1]))
        return no_command(p, GT_STR_NULL, true);
    if (gt_str_is(word, "--version") || gt_str_is(word, "-V")) {
        gt_cli_printf(p->cli, "gatetrail %s\n", GT_VERSION);
        return GT_END;
    }
    p->at = 2;
    p->cli->command = gt_command_find(word);
    if (p->cli->command)
        return GT_OK;
    if (!gt_command_is_group(word)) {
        unknown_command(p, word, GT_STR_NULL);
        return GT_INVALID;
    }
    if (p->argc < 3)
        return no_command(p, word, false);
    if (is_help(p->argv[2]))
        return no_command(p, word, true);
    p->at = 3;
    gt_str full = gt_arena_printf(p->cli->arena, "%s %s", p->argv[1], p->argv[2]);
    if (!full.ptr)
        return gt_arena_status(p->cli->arena);
    p->cli->command = gt_command_find(full);
    if (p->cli->command)
        return GT_OK;
    unknown_command(p, gt_str_c(p->argv[2]), word);
    return GT_INVALID;
}

static void general_options(gt_cli *cli)
{
    const gt_cli_value *colour = cli->values[GT_OPT_COLOR];
    cli->quiet = cli->values[GT_OPT_QUIET] != NULL;
    if (colour && colour->number != 0)
        cli->colour_out = cli->colour_err = colour->number == 1;
}

static void count_arguments(parser *p)
{
    const gt_command *command = p->cli->command;
    size_t n = p->cli->arg_count;
    if (n >= command->least && n <= command->most)
        return;
    p->mistakes++;
    gt_cli_error(p->cli, "%s: usage: gatetrail %s %s",
                 n < command->least ? "an argument is missing" : "too many arguments",
                 command->name, command->arguments);
}

gt_status gt_cli_parse(gt_cli *cli, int argc, char **argv)
{
    parser p = {.cli = cli, .argc = argc, .argv = argv};
    p.args = gt_arena_array(cli->arena, gt_str, (size_t)argc + 1);
    if (!p.args)
        return gt_arena_status(cli->arena);
    cli->args = p.args;
    GT_TRY(find_command(&p));
    for (; p.at < argc; p.at++)
        GT_TRY(argument(&p, argv[p.at]));
    if (cli->values[GT_OPT_HELP]) {
        gt_buf text = GT_BUF((size_t)1 << 20);
        values_check(&p);
        general_options(cli);
        gt_help_command(&text, cli->command, cli->width, cli->colour_out);
        print(cli, &text);
        return GT_END;
    }
    values_check(&p);
    general_options(cli);
    if (!p.mistakes)
        count_arguments(&p);
    if (!p.mistakes)
        return GT_OK;
    fprintf(stderr, "gatetrail: see 'gatetrail help %s'\n", cli->command->name);
    return GT_INVALID;
}
