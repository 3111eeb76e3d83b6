/* progress.h — the bar on a terminal's standard error. */
#ifndef GT_CLI_PROGRESS_H
#define GT_CLI_PROGRESS_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* Milliseconds of a clock that never jumps. */
int64_t gt_cli_clock_ms(void);
uint64_t gt_cli_clock_ns(void);
/* One line of at most `width` columns, without control bytes. */
void gt_progress_line(const gt_progress *progress, int64_t elapsed_ms, unsigned width, gt_buf *out);
/* Draw it, and take it away again; nothing happens when standard error is no terminal. */
void gt_progress_draw(gt_cli *cli, const gt_progress *progress, int64_t elapsed_ms);
void gt_progress_clear(gt_cli *cli);

#endif
