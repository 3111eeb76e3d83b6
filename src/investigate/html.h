/* html.h — shared by the parts of the HTML report. */
#ifndef GT_INVESTIGATE_HTML_H
#define GT_INVESTIGATE_HTML_H

#include "investigate/investigate.h"

typedef struct gt_html {
    gt_buf *out;
    gt_escape_fn *escape;
} gt_html;

/* Text of the logs, fit for element content and quoted attributes. */
void gt_html_value(gt_html *h, gt_str s);
/* The drawing of who could reach the group before and after; nothing when the event changed no rules. */
void gt_html_picture(gt_html *h, const gt_json *report);
/* The timeline as a drawing. */
void gt_html_timeline(gt_html *h, const gt_json *report);

#endif
