/* suppress.h — which group of events an alert belongs to, for alert suppression. */
#ifndef GT_WATCH_SUPPRESS_H
#define GT_WATCH_SUPPRESS_H

#include "detect/detect.h"

/* The terms of a match as Elastic writes them, [{"field":…,"value":…}] sorted by field, appended to out
 * as JSON. Nothing is appended when the rule does not suppress, or when a field is missing and the rule
 * lets such events alert singly. */
void gt_suppress_terms(const gt_rule *rule, const gt_json *document, gt_buf *out);

#endif
