/* render.h — alerts and events for people (text) and spreadsheets (CSV). Pure: bytes into a buffer.
 * What comes from logs is escaped (gt_cli_escape); CSV cells that a spreadsheet would take for a
 * formula get a leading apostrophe. */
#ifndef GT_CLI_RENDER_H
#define GT_CLI_RENDER_H

#include "cli/cli.h"
#include "detect/alert.h"

/* A block of some lines, and an empty line behind it. */
void gt_render_alert(gt_buf *out, const gt_match *match, gt_str file, bool colour);
/* An event in two lines. */
void gt_render_event(gt_buf *out, const gt_json *document, gt_str file, bool colour);

/* The heading line, and a line for one alert or event. match NULL: an event. */
void gt_render_csv_head(gt_buf *out, bool alert);
void gt_render_csv(gt_buf *out, const gt_match *match, const gt_json *document, gt_str file);

/* "critical" in bold red, …. */
gt_colour gt_render_severity_colour(gt_str severity);

#endif
