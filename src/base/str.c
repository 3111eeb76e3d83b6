#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

/* Up to here memmem's preparation costs more than looking at every first byte. */
#define SHORT_NEEDLE 24

size_t gt_str_find(gt_str s, gt_str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return GT_NPOS;
    if (needle.len > SHORT_NEEDLE) {
        const char *p = memmem(s.ptr, s.len, needle.ptr, needle.len);
        return p ? (size_t)(p - s.ptr) : GT_NPOS;
    }
    const char *p = s.ptr, *last = s.ptr + s.len - needle.len;
    while ((p = memchr(p, *needle.ptr, (size_t)(last - p) + 1))) {
        if (gt_bytes_eq(p, needle.ptr, needle.len))
            return (size_t)(p - s.ptr);
        if (p++ == last)
            break;
    }
    return GT_NPOS;
}

size_t gt_str_rfind_byte(gt_str s, char c)
{
    const char *p = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return p ? (size_t)(p - s.ptr) : GT_NPOS;
}

int gt_str_cmp(gt_str a, gt_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool gt_str_eq_nocase(gt_str a, gt_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

gt_str gt_str_trim(gt_str s)
{
    while (s.len && is_space(s.ptr[0]))
        s = gt_str_from(s, 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool gt_str_to_u64(gt_str s, uint64_t *ret)
{
    uint64_t n = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(c - '0'), &n))
            return false;
    }
    *ret = n;
    return true;
}

bool gt_str_to_i64(gt_str s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t n;
    if (!gt_str_to_u64(negative ? gt_str_from(s, 1) : s, &n))
        return false;
    if (negative) {
        if (n > (uint64_t)INT64_MAX + 1)
            return false;
        *ret = n == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)n;
    } else {
        if (n > INT64_MAX)
            return false;
        *ret = (int64_t)n;
    }
    return true;
}

/* JSON's number grammar: -? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)? */
static bool is_json_number(gt_str s)
{
    size_t i = 0;
#define DIGIT(k) ((k) < s.len && s.ptr[k] >= '0' && s.ptr[k] <= '9')
    if (i < s.len && s.ptr[i] == '-')
        i++;
    if (!DIGIT(i))
        return false;
    if (s.ptr[i] == '0')
        i++;
    else
        while (DIGIT(i))
            i++;
    if (i < s.len && s.ptr[i] == '.') {
        if (!DIGIT(i + 1))
            return false;
        for (i++; DIGIT(i); i++) {
        }
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        i++;
        if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
            i++;
        if (!DIGIT(i))
            return false;
        while (DIGIT(i))
            i++;
    }
#undef DIGIT
    return i == s.len;
}

bool gt_str_to_double(gt_str s, double *ret)
{
    char text[512]; /* longer numbers than that are no numbers anyone logs */
    if (s.len >= sizeof text || !is_json_number(s))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    *ret = strtod(text, NULL); /* the program never leaves the "C" locale */
    return true;
}

gt_str gt_str_cut(gt_str s, char sep, gt_str *ret_head)
{
    size_t at = gt_str_find_byte(s, sep);
    if (at == GT_NPOS) {
        *ret_head = s;
        return GT_STR_NULL;
    }
    *ret_head = gt_str_head(s, at);
    return gt_str_from(s, at + 1);
}
