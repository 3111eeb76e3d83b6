/* cli_internal.h — between the files of src/cli that make the framework; commands use cli.h. */
#ifndef GT_CLI_CLI_INTERNAL_H
#define GT_CLI_CLI_INTERNAL_H

#include "cli/cli.h"

/* The values of one option in the order given; it stands in gt_cli.values at its id. */
typedef struct gt_cli_value {
    gt_str *texts; /* NUL-terminated */
    size_t count;
    int64_t number; /* NUMBER, TIME, SPAN; the index for CHOICE */
} gt_cli_value;

/* Find the command, parse and check options and arguments: all mistakes are said, not the first.
 * GT_OK: run the command. GT_END: help was asked for and printed. GT_INVALID: mistakes. */
gt_status gt_cli_parse(gt_cli *cli, int argc, char **argv) GT_MUST_CHECK;

/* What the terminals are; fills colour_*, tty_*, width. */
void gt_cli_terminals(gt_cli *cli);

/* Texts made from the tables. */
void gt_help_overview(gt_buf *out, bool colour);
void gt_help_group(gt_buf *out, gt_str group, bool colour);
void gt_help_command(gt_buf *out, const gt_command *command, unsigned width, bool colour);
void gt_help_markdown(gt_buf *out);
void gt_help_man(gt_buf *out, const gt_command *command); /* NULL: gatetrail(1) itself */
void gt_help_bash(gt_buf *out);
void gt_help_zsh(gt_buf *out);
/* The next line "command\twhat" of examples; false at the end. */
bool gt_help_example(gt_str *rest, gt_str *ret_command, gt_str *ret_what);
/* "--format text|ndjson|csv" */
void gt_help_option_name(gt_buf *out, const gt_option *option);
/* The i-th word of a CHOICE's "a|b|c"; empty behind the end. */
gt_str gt_option_choice(const gt_option *option, unsigned i);

#endif
