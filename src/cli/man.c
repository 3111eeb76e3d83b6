/* man.c — manual pages in roff's man macros. */
#include "cli/cli_internal.h"

/* Plain text as roff: backslashes, dashes and leading dots have meanings there. */
static void roff(gt_buf *out, gt_str text)
{
    bool line_start = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (line_start && (c == '.' || c == '\''))
            gt_buf_lit(out, "\\&");
        if (c == '\\')
            gt_buf_lit(out, "\\e");
        else if (c == '-')
            gt_buf_lit(out, "\\-");
        else
            gt_buf_add_byte(out, c);
        line_start = c == '\n';
    }
}

static void roff_paragraphs(gt_buf *out, gt_str text)
{
    while (text.len) {
        size_t end = gt_str_find(text, GT_STR("\n\n"));
        roff(out, end == GT_NPOS ? text : gt_str_head(text, end));
        text = end == GT_NPOS ? GT_STR_NULL : gt_str_from(text, end + 2);
        gt_buf_add(out, text.len ? GT_STR("\n.PP\n") : GT_STR("\n"));
    }
}

static void title(gt_buf *out, const char *name)
{
    gt_buf_lit(out, ".TH \"GATETRAIL");
    if (name)
        gt_buf_add_byte(out, '-');
    for (const char *c = name ? name : ""; *c; c++)
        gt_buf_add_byte(out, *c == ' ' ? '-' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c);
    gt_buf_printf(out, "\" 1 \"\" \"gatetrail %s\" \"gatetrail manual\"\n", GT_VERSION);
}

static void exit_status(gt_buf *out)
{
    gt_buf_lit(out, ".SH EXIT STATUS\n.TP\n.B 0\nfine\n.TP\n.B 1\nsome input could not be read\n"
                    ".TP\n.B 2\nusage, query, rule or configuration error\n.TP\n.B 3\nalerts, with "
                    "\\-\\-exit\\-code\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours when it is set "
                    "and not empty\n");
}

static void options(gt_buf *out, const gt_command *command)
{
    const gt_option *option;
    gt_buf_lit(out, ".SH OPTIONS\n");
    for (size_t i = 0; (option = gt_command_option(command, i, NULL)); i++) {
        gt_buf name = GT_BUF(1024);
        gt_help_option_name(&name, option);
        gt_buf_lit(out, ".TP\n.B ");
        roff(out, gt_buf_str(&name));
        gt_buf_add_byte(out, '\n');
        roff(out, gt_str_c(option->help));
        gt_buf_add_byte(out, '\n');
        gt_buf_done(&name);
    }
}

static void overview(gt_buf *out)
{
    title(out, NULL);
    gt_buf_lit(out, ".SH NAME\ngatetrail \\- run Elastic's detection rules over AWS CloudTrail logs\n"
                    ".SH SYNOPSIS\n.B gatetrail\n.I COMMAND\n[OPTION]... [ARGUMENT]...\n"
                    ".SH COMMANDS\n");
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_buf_printf(out, ".TP\n.B %s\n", gt_commands[i].name);
        roff(out, gt_str_c(gt_commands[i].summary));
        gt_buf_add_byte(out, '\n');
    }
    exit_status(out);
}

void gt_help_man(gt_buf *out, const gt_command *command)
{
    if (!command) {
        overview(out);
        return;
    }
    title(out, command->name);
    gt_buf_lit(out, ".SH NAME\ngatetrail\\-");
    for (const char *c = command->name; *c; c++)
        gt_buf_add(out, *c == ' ' || *c == '-' ? GT_STR("\\-") : (gt_str){c, 1});
    gt_buf_lit(out, " \\- ");
    roff(out, gt_str_c(command->summary));
    gt_buf_printf(out, "\n.SH SYNOPSIS\n.B gatetrail %s\n[OPTION]... ", command->name);
    roff(out, gt_str_c(command->arguments));
    gt_buf_lit(out, "\n.SH DESCRIPTION\n");
    roff_paragraphs(out, gt_str_c(command->description));
    options(out, command);
    gt_str rest = gt_str_c(command->examples), line, what;
    if (rest.len)
        gt_buf_lit(out, ".SH EXAMPLES\n");
    while (gt_help_example(&rest, &line, &what)) {
        gt_buf_lit(out, ".TP\n");
        roff(out, what);
        gt_buf_lit(out, "\n.nf\n");
        roff(out, line);
        gt_buf_lit(out, "\n.fi\n");
    }
    exit_status(out);
    gt_buf_lit(out, ".SH SEE ALSO\n.BR gatetrail (1)\n");
}
