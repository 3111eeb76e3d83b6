#include "cli/progress.h"

#include <stdio.h>
#include <time.h>

#define BAR_CELLS 24

int64_t gt_cli_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t gt_cli_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 1234567 as "1.23 M": three digits at most say enough while it runs. */
static void add_count(gt_buf *out, double n)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    while (n >= 1000 && unit < 4) {
        n /= 1000;
        unit++;
    }
    gt_buf_printf(out, "%.*f%s%s", unit && n < 100 ? 1 : 0, n, unit ? " " : "", units[unit]);
}

static void add_bar(gt_buf *out, double part)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    unsigned filled = (unsigned)(part * BAR_CELLS * 8 + 0.5);
    unsigned cells = 0;
    for (; cells < filled / 8; cells++)
        gt_buf_lit(out, "█");
    if (filled % 8) {
        gt_buf_add(out, gt_str_c(eighths[filled % 8]));
        cells++;
    }
    for (; cells < BAR_CELLS; cells++)
        gt_buf_lit(out, "·");
}

void gt_progress_line(const gt_progress *p, int64_t elapsed_ms, unsigned width, gt_buf *out)
{
    double part = p->bytes_total ? (double)p->bytes_done / (double)p->bytes_total : 0;
    part = part > 1 ? 1 : part;
    double seconds = (double)(elapsed_ms > 0 ? elapsed_ms : 1) / 1000;
    if (p->bytes_total && width >= 76) {
        add_bar(out, part);
        gt_buf_lit(out, " ");
    }
    if (p->bytes_total)
        gt_buf_printf(out, "%3.0f %%  ", part * 100);
    add_count(out, (double)p->bytes_done);
    gt_buf_printf(out, "B  %zu/%zu files  ", p->inputs_done, p->inputs_total);
    add_count(out, (double)p->records);
    gt_buf_lit(out, " events  ");
    add_count(out, (double)p->records / seconds);
    gt_buf_lit(out, "/s");
    if (part > 0.01 && seconds > 1) {
        long left = (long)(seconds / part - seconds + 0.5);
        gt_buf_printf(out, "  %ld:%02ld left", left / 60, left % 60);
    }
}

void gt_progress_draw(gt_cli *cli, const gt_progress *progress, int64_t elapsed_ms)
{
    gt_buf line = GT_BUF((size_t)64 << 10);
    if (!cli->tty_err || cli->quiet)
        return;
    gt_buf_lit(&line, "\r\033[K");
    gt_progress_line(progress, elapsed_ms, cli->width, &line);
    /* A line longer than the terminal would wrap, and stay when it is cleared. */
    gt_str text = gt_buf_str(&line);
    if (text.len < cli->width + 4u + BAR_CELLS * 2u) {
        fwrite(text.ptr, 1, text.len, stderr);
        cli->bar = true;
    }
    gt_buf_done(&line);
}

void gt_progress_clear(gt_cli *cli)
{
    if (cli->bar)
        fputs("\r\033[K", stderr);
    cli->bar = false;
}
