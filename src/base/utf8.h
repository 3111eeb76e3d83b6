/* utf8.h — one character of UTF-8 (RFC 3629) at a time. */
#ifndef GT_BASE_UTF8_H
#define GT_BASE_UTF8_H

#include "base/str.h"

/* Length of the valid sequence at the beginning of s (1-4); 0 when s is empty or it begins with
 * bytes that are none (overlong forms, surrogates and values past U+10FFFF are none). */
size_t gt_utf8_length(gt_str s);
/* Is the whole of s valid? */
bool gt_utf8_valid(gt_str s);

/* Write cp (at most U+10FFFF) at out, which has room for four bytes; returns behind it. */
char *gt_utf8_put(char *out, uint32_t cp);

/* How many bytes of printable ASCII (0x20 to 0x7E) s begins with, or a few less: words are looked at, not
 * bytes. For skipping what needs no look. */
size_t gt_utf8_plain(gt_str s);

#endif
