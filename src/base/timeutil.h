/* timeutil.h — instants as milliseconds since 1970-01-01T00:00:00Z.
 * Pure: "now" is always an argument. */
#ifndef GT_BASE_TIMEUTIL_H
#define GT_BASE_TIMEUTIL_H

#include "base/str.h"

typedef int64_t gt_time_ms;

#define GT_TIME_TEXT_MAX 32

/* RFC 3339 / ISO 8601: date, or date 'T' (or ' ') time with optional seconds, fraction (digits past
 * the third are dropped) and zone (Z, +hh:mm, +hhmm, +hh; none means UTC); also the basic form
 * yyyyMMdd'T'HHmmss[.SSS]Z that session creation dates have. false for anything else, for days that
 * no calendar has, and for years outside 0000-9999. */
bool gt_time_parse(gt_str text, gt_time_ms *ret);

/* "2024-10-14T14:11:38.000Z" into out; returns the view. */
gt_str gt_time_format(gt_time_ms t, char out[GT_TIME_TEXT_MAX]);
/* Without the fraction when it is zero: "2024-10-14T14:11:38Z". */
gt_str gt_time_format_short(gt_time_ms t, char out[GT_TIME_TEXT_MAX]);

/* Elasticsearch date math: "now-9m", "now-1d/d", "now+1h", or DATE||-1d/d with gt_time_parse's DATE,
 * or a bare DATE. Units y M w d h H m s. Rounding (/unit) goes down, or to the last millisecond of
 * the unit with round_up. false when the text is none of these. */
bool gt_time_math(gt_str text, gt_time_ms now, bool round_up, gt_time_ms *ret);

/* "5m", "90s", "24h", "7d", "2w": a positive span in milliseconds; false for anything else. */
bool gt_span_parse(gt_str text, int64_t *ret_ms);

/* Civil date of a day number (days since 1970-01-01) and back. */
typedef struct gt_civil {
    int year;
    int month; /* 1-12 */
    int day;   /* 1-31 */
} gt_civil;
gt_civil gt_civil_from_days(int64_t days);
int64_t gt_days_from_civil(int year, int month, int day);

#endif
