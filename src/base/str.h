/* str.h — a view of bytes: not owned, not NUL-terminated.
 * Who owns the bytes is said by the function that hands out the view. */
#ifndef GT_BASE_STR_H
#define GT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct gt_str {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;
} gt_str;

/* A half-open range of bytes in a file's text: where a thing stands. */
typedef struct gt_span {
    size_t begin;
    size_t end;
} gt_span;

/* Of a literal or an array. What is only a pointer (`c ? "a" : "bc"` is) does not compile: its sizeof
 * would be a pointer's. */
#define GT_NOT_POINTER(x)                                                                          \
    (sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(x), __typeof__(&(x)[0]))]) - 1)
#define GT_STR(literal) ((gt_str){(literal), sizeof(literal) - 1 + GT_NOT_POINTER(literal)})
#define GT_STR_NULL ((gt_str){NULL, 0})
/* For "%.*s". */
#define GT_STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline gt_str gt_str_c(const char *text)
{
    return (gt_str){text, text ? strlen(text) : 0};
}

/* As memcmp(a, b, n) == 0; names are short, so that most of them need no call. */
static inline bool gt_bytes_eq(const char *a, const char *b, size_t n)
{
    uint64_t x, y, x_end, y_end;
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&x_end, a + n - 8, 8);
        memcpy(&y_end, b + n - 8, 8);
        return ((x ^ y) | (x_end ^ y_end)) == 0;
    }
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static inline bool gt_str_eq(gt_str a, gt_str b)
{
    return a.len == b.len && gt_bytes_eq(a.ptr, b.ptr, a.len);
}

#define gt_str_is(s, literal) gt_str_eq((s), GT_STR(literal))

static inline bool gt_str_starts(gt_str s, gt_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool gt_str_ends(gt_str s, gt_str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 ||
            memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The part from `from`, clipped to the end. */
static inline gt_str gt_str_from(gt_str s, size_t from)
{
    if (from > s.len)
        from = s.len;
    return (gt_str){s.ptr ? s.ptr + from : NULL, s.len - from};
}

/* The first `len` bytes, clipped. */
static inline gt_str gt_str_head(gt_str s, size_t len)
{
    return (gt_str){s.ptr, len < s.len ? len : s.len};
}

#define GT_NPOS ((size_t)-1)

/* Offset of the first byte c or the first occurrence of needle; GT_NPOS when there is none. */
static inline size_t gt_str_find_byte(gt_str s, char c)
{
    const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return p ? (size_t)(p - s.ptr) : GT_NPOS;
}
size_t gt_str_find(gt_str s, gt_str needle);
/* Offset of the last byte c, or GT_NPOS. */
size_t gt_str_rfind_byte(gt_str s, char c);

/* Byte order, a shorter prefix first: <0, 0, >0. */
int gt_str_cmp(gt_str a, gt_str b);
/* Equal, ASCII letters compared without case. */
bool gt_str_eq_nocase(gt_str a, gt_str b);
/* Without ASCII white space at both ends. */
gt_str gt_str_trim(gt_str s);

/* Whole-text decimal numbers with an optional leading '-'; false when the text is anything else or
 * does not fit. gt_str_to_double takes JSON's number grammar. */
bool gt_str_to_i64(gt_str s, int64_t *ret);
bool gt_str_to_u64(gt_str s, uint64_t *ret);
bool gt_str_to_double(gt_str s, double *ret);

/* Cut s at the first sep: *ret_head before it, return what follows. Without a sep, *ret_head is s
 * and the result is empty with a NULL ptr. */
gt_str gt_str_cut(gt_str s, char sep, gt_str *ret_head);

#endif
