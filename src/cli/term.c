#include "cli/cli_internal.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Enough for one write call to be worth it, little enough that a pipe's reader sees results early. */
#define FLUSH_BYTES ((size_t)64 << 10)

static bool wants_colour(bool tty)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return tty && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

void gt_cli_terminals(gt_cli *cli)
{
    struct winsize size;
    cli->tty_out = isatty(STDOUT_FILENO);
    cli->tty_err = isatty(STDERR_FILENO);
    cli->colour_out = wants_colour(cli->tty_out);
    cli->colour_err = wants_colour(cli->tty_err);
    cli->width = 80;
    int fd = cli->tty_out ? STDOUT_FILENO : STDERR_FILENO;
    if ((cli->tty_out || cli->tty_err) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        cli->width = size.ws_col;
}

const char *gt_cli_colour(bool on, gt_colour colour)
{
    static const char *const sequences[] = {
        [GT_COLOUR_OFF] = "\033[0m",      [GT_COLOUR_BOLD] = "\033[1m",
        [GT_COLOUR_DIM] = "\033[2m",      [GT_COLOUR_RED] = "\033[31m",
        [GT_COLOUR_GREEN] = "\033[32m",   [GT_COLOUR_YELLOW] = "\033[33m",
        [GT_COLOUR_BLUE] = "\033[34m",    [GT_COLOUR_MAGENTA] = "\033[35m",
        [GT_COLOUR_CYAN] = "\033[36m",    [GT_COLOUR_BOLD_RED] = "\033[1;31m",
    };
    return on ? sequences[colour] : "";
}

/* --- standard output ------------------------------------------------------------------------- */

/* Texts shorter than this are copied: a piece of their own would cost more. */
#define LASTING_MIN ((size_t)1 << 10)
/* What waits where it is may be more: writing it takes no copy, only a reader's time. */
#define LASTING_BYTES ((size_t)1 << 20)

/* Take n written bytes off the front of the pieces. */
static struct iovec *advance(struct iovec *piece, size_t n)
{
    while (n >= piece->iov_len) {
        n -= piece->iov_len;
        piece++;
        if (!n)
            return piece;
    }
    piece->iov_base = (char *)piece->iov_base + n;
    piece->iov_len -= n;
    return piece;
}

/* Empty pieces are not allowed. */
static void write_all(gt_cli *cli, struct iovec *piece, size_t count)
{
    struct iovec *end = piece + count;
    while (piece < end && !cli->out_failed) {
        ssize_t n = writev(STDOUT_FILENO, piece, (int)(end - piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cli->out_failed = true;
            gt_cli_error(cli, "standard output: %s", strerror(errno));
            return;
        }
        piece = n ? advance(piece, (size_t)n) : piece;
    }
}

static struct iovec *add_piece(struct iovec *to, const char *data, size_t len)
{
    to->iov_base = (void *)(uintptr_t)data;
    to->iov_len = len;
    return to + (len > 0);
}

bool gt_cli_flush(gt_cli *cli)
{
    struct iovec pieces[2 * GT_CLI_LASTING_MAX + 2], *end = pieces;
    size_t at = 0;
    for (size_t i = 0; i < cli->lasting_count; i++) {
        const gt_cli_lasting *l = &cli->lasting[i];
        end = add_piece(end, cli->out.data + at, l->at - at);
        end = add_piece(end, l->text.ptr, l->text.len);
        at = l->at;
    }
    end = add_piece(end, cli->out.data + at, cli->out.len - at);
    write_all(cli, pieces, (size_t)(end - pieces));
    if (cli->out.status != GT_OK && !cli->out_failed) {
        cli->out_failed = true;
        gt_cli_failed(cli, cli->out.status, "printing");
    }
    gt_buf_reset(&cli->out);
    cli->lasting_count = cli->lasting_bytes = 0;
    return !cli->out_failed;
}

void gt_cli_print(gt_cli *cli, gt_str s)
{
    struct iovec piece[2];
    if (cli->out.len + s.len > FLUSH_BYTES)
        gt_cli_flush(cli);
    if (s.len > FLUSH_BYTES) {
        add_piece(piece, s.ptr, s.len);
        write_all(cli, piece, 1);
    } else {
        gt_buf_add(&cli->out, s);
    }
}

void gt_cli_print_lasting(gt_cli *cli, gt_str s)
{
    if (s.len < LASTING_MIN) {
        gt_cli_print(cli, s);
        return;
    }
    if (cli->lasting_count == GT_CLI_LASTING_MAX || cli->lasting_bytes > LASTING_BYTES)
        gt_cli_flush(cli);
    cli->lasting[cli->lasting_count++] = (gt_cli_lasting){cli->out.len, s};
    cli->lasting_bytes += s.len;
}

void gt_cli_printf(gt_cli *cli, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n < sizeof(line)) {
        gt_cli_print(cli, (gt_str){line, (size_t)n});
        return;
    }
    char *room = gt_buf_room(&cli->out, (size_t)n + 1);
    if (!room)
        return;
    va_start(args, fmt);
    vsnprintf(room, (size_t)n + 1, fmt, args);
    va_end(args);
    cli->out.len += (size_t)n;
    if (cli->out.len > FLUSH_BYTES)
        gt_cli_flush(cli);
}

/* --- standard error -------------------------------------------------------------------------- */

static void say(gt_cli *cli, const char *label, gt_colour colour, const char *fmt, va_list args)
{
    gt_buf line = GT_BUF((size_t)1 << 20);
    char text[4096];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    /* Results printed so far come before what is said about them. */
    if (!cli->out_failed)
        gt_cli_flush(cli);
    gt_progress_clear(cli);
    gt_buf_printf(&line, "gatetrail: %s%s%s", gt_cli_colour(cli->colour_err, colour), label,
                  gt_cli_colour(cli->colour_err, GT_COLOUR_OFF));
    gt_cli_escape(&line, (gt_str){text, len});
    gt_buf_add_byte(&line, '\n');
    fwrite(line.data, 1, line.len, stderr);
    gt_buf_done(&line);
}

void gt_cli_error(gt_cli *cli, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(cli, "error: ", GT_COLOUR_BOLD_RED, fmt, args);
    va_end(args);
}

void gt_cli_warn(gt_cli *cli, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(cli, "warning: ", GT_COLOUR_YELLOW, fmt, args);
    va_end(args);
}

void gt_cli_note(gt_cli *cli, const char *fmt, ...)
{
    if (cli->quiet)
        return;
    va_list args;
    va_start(args, fmt);
    say(cli, "", GT_COLOUR_DIM, fmt, args);
    va_end(args);
}

int gt_cli_usage(gt_cli *cli, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(cli, "error: ", GT_COLOUR_BOLD_RED, fmt, args);
    va_end(args);
    fprintf(stderr, "gatetrail: see 'gatetrail help%s%s'\n", cli->command ? " " : "",
            cli->command ? cli->command->name : "");
    return GT_EXIT_USAGE;
}

int gt_cli_failed(gt_cli *cli, gt_status status, const char *what)
{
    gt_cli_error(cli, "%s: %s", what, gt_status_text(status));
    return GT_EXIT_INPUT;
}

void gt_cli_diags(gt_cli *cli, const gt_diags *diags)
{
    if (!diags->count && !diags->dropped)
        return;
    gt_buf text = GT_BUF((size_t)16 << 20);
    gt_cli_flush(cli);
    gt_diags_render(diags, cli->colour_err, &text);
    fwrite(text.data, 1, text.len, stderr);
    gt_buf_done(&text);
}
