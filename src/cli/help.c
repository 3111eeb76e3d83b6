#include "cli/cli_internal.h"

#define TEXT_COLUMN 26

bool gt_help_example(gt_str *rest, gt_str *ret_command, gt_str *ret_what)
{
    gt_str line;
    if (!rest->len)
        return false;
    *rest = gt_str_cut(*rest, '\n', &line);
    *ret_what = gt_str_cut(line, '\t', ret_command);
    return ret_command->len != 0;
}

void gt_help_option_name(gt_buf *out, const gt_option *option)
{
    if (option->letter)
        gt_buf_printf(out, "-%c, ", option->letter);
    gt_buf_printf(out, "--%s%s%s", option->name, option->argument ? " " : "",
                  option->argument ? option->argument : "");
}

/* Words of text between columns `indent` and `width`; the cursor stands at `column` now. */
static void wrap(gt_buf *out, gt_str text, unsigned indent, unsigned width, size_t column)
{
    gt_str word;
    while (text.len) {
        text = gt_str_cut(text, ' ', &word);
        if (column + word.len + 1 > width && column > indent) {
            gt_buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            gt_buf_add_byte(out, ' ');
            column++;
        }
        gt_buf_add(out, word);
        column += word.len;
    }
    gt_buf_add_byte(out, '\n');
}

static void paragraphs(gt_buf *out, const char *text, unsigned indent, unsigned width)
{
    gt_str rest = gt_str_c(text);
    while (rest.len) {
        size_t end = gt_str_find(rest, GT_STR("\n\n"));
        gt_str paragraph = end == GT_NPOS ? rest : gt_str_head(rest, end);
        rest = end == GT_NPOS ? GT_STR_NULL : gt_str_from(rest, end + 2);
        gt_buf_printf(out, "%*s", (int)indent, "");
        wrap(out, paragraph, indent, width, indent);
        if (rest.len)
            gt_buf_add_byte(out, '\n');
    }
}

static void heading(gt_buf *out, const char *text, bool colour)
{
    gt_buf_printf(out, "\n%s%s:%s\n", gt_cli_colour(colour, GT_COLOUR_BOLD), text,
                  gt_cli_colour(colour, GT_COLOUR_OFF));
}

static void option_line(gt_buf *out, const gt_option *option, unsigned width)
{
    size_t start = out->len;
    gt_buf_add(out, option->letter ? GT_STR("  ") : GT_STR("      "));
    gt_help_option_name(out, option);
    size_t used = out->len - start;
    if (used + 2 > TEXT_COLUMN) {
        gt_buf_printf(out, "\n%*s", TEXT_COLUMN, "");
    } else {
        gt_buf_printf(out, "%*s", (int)(TEXT_COLUMN - used), "");
    }
    wrap(out, gt_str_c(option->help), TEXT_COLUMN, width, TEXT_COLUMN);
}

static void examples(gt_buf *out, const gt_command *command, bool colour)
{
    gt_str rest = gt_str_c(command->examples), line, what;
    if (!rest.len)
        return;
    heading(out, "Examples", colour);
    while (gt_help_example(&rest, &line, &what))
        gt_buf_printf(out, "  %s# %.*s%s\n  %.*s\n", gt_cli_colour(colour, GT_COLOUR_DIM),
                      GT_STR_ARG(what), gt_cli_colour(colour, GT_COLOUR_OFF), GT_STR_ARG(line));
}

void gt_help_command(gt_buf *out, const gt_command *command, unsigned width, bool colour)
{
    const gt_option *option;
    const char *group = NULL;
    if (width > 100)
        width = 100;
    gt_buf_printf(out, "gatetrail %s: %s\n", command->name, command->summary);
    heading(out, "Usage", colour);
    gt_buf_printf(out, "  gatetrail %s [OPTION]... %s\n\n", command->name, command->arguments);
    paragraphs(out, command->description, 0, width);
    for (size_t i = 0; (option = gt_command_option(command, i, NULL)); i++) {
        if (!group || strcmp(group, option->group) != 0)
            heading(out, option->group, colour);
        group = option->group;
        option_line(out, option, width);
    }
    examples(out, command, colour);
}

void gt_help_group(gt_buf *out, gt_str group, bool colour)
{
    gt_buf_printf(out, "%sgatetrail %.*s%s has these sub-commands:\n\n",
                  gt_cli_colour(colour, GT_COLOUR_BOLD), GT_STR_ARG(group),
                  gt_cli_colour(colour, GT_COLOUR_OFF));
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str name = gt_str_c(gt_commands[i].name);
        if (gt_str_starts(name, group) && name.len > group.len && name.ptr[group.len] == ' ')
            gt_buf_printf(out, "  %-22s %s\n", gt_commands[i].name, gt_commands[i].summary);
    }
    gt_buf_printf(out, "\n'gatetrail %.*s COMMAND --help' explains one.\n", GT_STR_ARG(group));
}

void gt_help_overview(gt_buf *out, bool colour)
{
    gt_buf_printf(out,
                  "%sgatetrail%s runs Elastic's detection rules over AWS CloudTrail logs, and knows "
                  "security groups.\n",
                  gt_cli_colour(colour, GT_COLOUR_BOLD), gt_cli_colour(colour, GT_COLOUR_OFF));
    heading(out, "Usage", colour);
    gt_buf_lit(out, "  gatetrail COMMAND [OPTION]... [ARGUMENT]...\n");
    heading(out, "Commands", colour);
    for (size_t i = 0; i < gt_commands_count; i++)
        gt_buf_printf(out, "  %-18s %s\n", gt_commands[i].name, gt_commands[i].summary);
    heading(out, "Start here", colour);
    gt_buf_lit(out, "  gatetrail scan AWSLogs/                     alerts of the built-in rules\n"
                    "  gatetrail query 'event.outcome: failure' F  the jq and grep of CloudTrail\n"
                    "  gatetrail help scan                         options and examples\n"
                    "\nExit status: 0 fine; 1 some input could not be read; 2 usage, query, rule or\n"
                    "configuration error; 3 alerts, with --exit-code.\n");
}

/* --- reference page -------------------------------------------------------------------------- */

static void markdown_text(gt_buf *out, gt_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr("|<>*_\\`", text.ptr[i], 7))
            gt_buf_add_byte(out, '\\');
        gt_buf_add_byte(out, text.ptr[i]);
    }
}

static void markdown_command(gt_buf *out, const gt_command *command)
{
    const gt_option *option;
    gt_str rest = gt_str_c(command->examples), line, what;
    gt_buf_printf(out, "\n## gatetrail %s\n\n`gatetrail %s [OPTION]... %s`\n\n", command->name,
                  command->name, command->arguments);
    markdown_text(out, gt_str_c(command->description));
    gt_buf_lit(out, "\n\n| option | meaning |\n|---|---|\n");
    for (size_t i = 0; (option = gt_command_option(command, i, NULL)); i++) {
        gt_buf_lit(out, "| `");
        size_t begin = out->len;
        gt_help_option_name(out, option);
        for (size_t k = begin; k < out->len; k++)
            if (out->data[k] == '|') /* a bar ends a table's cell, even inside code */
                out->data[k] = '/';
        gt_buf_lit(out, "` | ");
        markdown_text(out, gt_str_c(option->help));
        gt_buf_lit(out, " |\n");
    }
    if (rest.len)
        gt_buf_lit(out, "\n```sh\n");
    bool any = rest.len != 0;
    while (gt_help_example(&rest, &line, &what))
        gt_buf_printf(out, "# %.*s\n%.*s\n", GT_STR_ARG(what), GT_STR_ARG(line));
    if (any)
        gt_buf_lit(out, "```\n");
}

void gt_help_markdown(gt_buf *out)
{
    gt_buf_lit(out,
               "# Commands\n\nMade by `gatetrail help --markdown` from src/cli/commands.def and "
               "options.def; `make docs` writes it anew.\n\nExit status: 0 fine; 1 some input could "
               "not be read; 2 usage, query, rule or configuration error; 3 alerts, with "
               "`--exit-code`. `--` ends the options; `-` as a PATH is standard input.\n\n");
    for (size_t i = 0; i < gt_commands_count; i++)
        gt_buf_printf(out, "- `gatetrail %s`: %s\n", gt_commands[i].name, gt_commands[i].summary);
    for (size_t i = 0; i < gt_commands_count; i++)
        markdown_command(out, &gt_commands[i]);
}
