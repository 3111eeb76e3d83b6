/* cli.h — what a command is given, and how it talks.
 * A command is `int gt_cmd_NAME(gt_cli *cli)` in its own file: it reads its options and arguments
 * with the getters below, prints results with gt_cli_print, says everything else with
 * gt_cli_error/warn/note, and returns an exit status. Only src/cli (and src/watch) prints, reads the
 * environment, looks at the clock and exits.
 *
 * Streams: results alone on standard output; the rest on standard error. What a log, a file name or
 * a rule holds is escaped before it reaches a terminal (gt_cli_escape). */
#ifndef GT_CLI_CLI_H
#define GT_CLI_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/timeutil.h"
#include "cli/command.h"

#define GT_VERSION "0.1.0"

/* Exit statuses. */
enum {
    GT_EXIT_OK = 0,
    GT_EXIT_INPUT = 1, /* some input could not be read, or the work could not be finished */
    GT_EXIT_USAGE = 2, /* usage, query, rule or configuration error */
    GT_EXIT_ALERTS = 3 /* alerts, with --exit-code */
};

#define GT_CLI_ARENAS_MAX 8

#define GT_CLI_LASTING_MAX 128

/* A text that waits for standard output where it is. */
typedef struct gt_cli_lasting {
    size_t at; /* bytes of `out` before it */
    gt_str text;
} gt_cli_lasting;

struct gt_cli {
    const gt_command *command;
    gt_arena *arena; /* lives as long as the process */
    const gt_str *args;
    size_t arg_count;
    gt_time_ms now;  /* --now, else the clock when the program started */
    bool colour_out; /* use ANSI colours on standard output, on standard error */
    bool colour_err;
    bool tty_out; /* standard output, error is a terminal */
    bool tty_err;
    bool quiet;
    bool bar;        /* a progress bar stands on standard error (progress.h) */
    unsigned width; /* columns of the terminal, 80 when there is none */
    gt_buf out;     /* waiting for standard output */
    gt_cli_lasting lasting[GT_CLI_LASTING_MAX]; /* between its bytes */
    size_t lasting_count, lasting_bytes;
    bool out_failed;
    gt_arena *owned[GT_CLI_ARENAS_MAX]; /* gt_cli_arena_new */
    struct gt_cli_value *values[GT_OPT_COUNT_OF]; /* see the getters */
};

/* Options of the running command. Asking for one that commands.def does not give it is a
 * programmer's error. */
/* Does commands.def give the command this option? For code that several commands share. */
bool gt_cli_accepts(const gt_cli *cli, gt_option_id id);
bool gt_cli_has(const gt_cli *cli, gt_option_id id);
bool gt_cli_flag(const gt_cli *cli, gt_option_id id);
/* The last value; ptr NULL when the option is absent. */
gt_str gt_cli_str(const gt_cli *cli, gt_option_id id);
/* NUL-terminated; NULL when absent. */
const char *gt_cli_path(const gt_cli *cli, gt_option_id id);
/* All values in order; *ret_count is 0 when absent. */
const gt_str *gt_cli_list(gt_cli *cli, gt_option_id id, size_t *ret_count);
/* Which of the CHOICE's values, counted from 0; `absent` when the option is absent. */
unsigned gt_cli_choice(const gt_cli *cli, gt_option_id id, unsigned absent);
/* NUMBER, TIME (an instant) or SPAN (milliseconds); `absent` when the option is absent. */
int64_t gt_cli_number(const gt_cli *cli, gt_option_id id, int64_t absent);

/* A new arena that lives until the program ends; at most GT_CLI_ARENAS_MAX. NULL without memory. */
gt_arena *gt_cli_arena_new(gt_cli *cli, size_t max_bytes);

/* Results: standard output, buffered. */
void gt_cli_print(gt_cli *cli, gt_str s);
/* The same for what stays where it is until the program ends: it need not be copied. */
void gt_cli_print_lasting(gt_cli *cli, gt_str s);
void gt_cli_printf(gt_cli *cli, const char *fmt, ...) GT_PRINTF(2, 3);
/* Write what waits. false once writing failed (the reason was said); the command should end. */
bool gt_cli_flush(gt_cli *cli);

/* One line each on standard error: "gatetrail: error: …". note is silent with --quiet. */
void gt_cli_error(gt_cli *cli, const char *fmt, ...) GT_PRINTF(2, 3);
void gt_cli_warn(gt_cli *cli, const char *fmt, ...) GT_PRINTF(2, 3);
void gt_cli_note(gt_cli *cli, const char *fmt, ...) GT_PRINTF(2, 3);
/* As gt_cli_error, with "see 'gatetrail help CMD'"; returns GT_EXIT_USAGE. */
int gt_cli_usage(gt_cli *cli, const char *fmt, ...) GT_PRINTF(2, 3);
/* Out of memory or a limit: says so and returns GT_EXIT_INPUT. */
int gt_cli_failed(gt_cli *cli, gt_status status, const char *what);
/* Print diagnostics on standard error; nothing when there are none. */
void gt_cli_diags(gt_cli *cli, const gt_diags *diags);

/* Append s so that no byte of it can drive a terminal or fake a line: C0, DEL and C1 controls,
 * line and paragraph separators, bidirectional controls and broken UTF-8 become \xNN or \u{…}. */
void gt_cli_escape(gt_buf *out, gt_str s);

/* Colours: an ANSI sequence when `on`, else "". */
typedef enum gt_colour {
    GT_COLOUR_OFF,
    GT_COLOUR_BOLD,
    GT_COLOUR_DIM,
    GT_COLOUR_RED,
    GT_COLOUR_GREEN,
    GT_COLOUR_YELLOW,
    GT_COLOUR_BLUE,
    GT_COLOUR_MAGENTA,
    GT_COLOUR_CYAN,
    GT_COLOUR_BOLD_RED,
} gt_colour;
const char *gt_cli_colour(bool on, gt_colour colour);

/* The whole program: parse, run, flush. Returns the exit status. */
int gt_cli_main(int argc, char **argv);

#endif
