/* Single values of the pass: what bit masks cannot decide. */
#include "json/json.h"
#include "json/scan_internal.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static bool ends_token(char c)
{
    switch (c) {
    case '{':
    case '}':
    case '[':
    case ']':
    case ':':
    case ',':
    case '"':
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        return true;
    default:
        return false;
    }
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Behind the number at p; NULL when none begins there, end when the text is cut. */
static const char *number(const char *p, const char *end)
{
    if (*p == '-' && ++p == end)
        return end;
    const char *begin = p;
    p = *p == '0' ? p + 1 : digits(p, end);
    if (p == begin)
        return NULL;
    if (p < end && *p == '.') {
        begin = ++p;
        p = digits(p, end);
        if (p == begin && p < end)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        begin = p;
        p = digits(p, end);
        if (p == begin && p < end)
            return NULL;
    }
    return p;
}

bool scan_scalar_valid(const char *p, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (*p != words[i][0])
            continue;
        size_t len = strlen(words[i]);
        if ((size_t)(end - p) <= len)
            return memcmp(p, words[i], (size_t)(end - p) < len ? (size_t)(end - p) : len) == 0;
        return memcmp(p, words[i], len) == 0 && ends_token(p[len]);
    }
    const char *behind = number(p, end);
    return behind && (behind == end || ends_token(*behind));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool scan_escape_valid(const char *p, const char *end)
{
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    case 'u':
        for (int i = 1; i <= 4; i++)
            if (p + i < end && hex_digit(p[i]) < 0)
                return false;
        return true;
    default:
        return false;
    }
}

/* The closing quote of the string whose text begins at p, or end; *escapes when a '\\' was met. */
static const char *closing_quote(const char *p, const char *end, bool *escapes)
{
    while (p < end) {
#if defined(__SSE2__)
        /* The padding makes the load safe; a stop behind the end is the end. */
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (!mask) {
            p += 16;
            continue;
        }
        p += __builtin_ctz(mask);
        if (p >= end)
            break;
#endif
        if (*p == '"')
            return p;
        if (*p == '\\') {
            *escapes = true;
            p++;
        }
        p++;
    }
    return end;
}

bool gt_scan_string(const char *value, const char *end, gt_arena *arena, gt_str *ret)
{
    *ret = GT_STR_NULL;
    if (!value || *value != '"')
        return true;
    bool escapes = false;
    const char *close = closing_quote(value + 1, end, &escapes);
    if (!escapes) {
        *ret = (gt_str){value + 1, (size_t)(close - value - 1)};
        return true;
    }
    gt_json *node;
    size_t pos = 0;
    gt_str text = {value, (size_t)(close - value) + (close < end)};
    if (gt_json_parse_next(arena, text, &pos, &node, NULL) != GT_OK)
        return false;
    *ret = gt_json_str(node);
    return true;
}

const char *gt_scan_value_end(const char *value, const char *end)
{
    bool escapes;
    if (value >= end)
        return end;
    if (*value == '"') {
        const char *close = closing_quote(value + 1, end, &escapes);
        return close < end ? close + 1 : end;
    }
    if (*value == '{' || *value == '[') {
        size_t depth = 0;
        for (const char *p = value; p < end; p++) {
            if (*p == '"')
                p = closing_quote(p + 1, end, &escapes);
            else if (*p == '{' || *p == '[')
                depth++;
            else if ((*p == '}' || *p == ']') && --depth == 0)
                return p + 1;
        }
        return end;
    }
    while (value < end && !ends_token(*value))
        value++;
    return value;
}

static size_t put_utf8(unsigned cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[len] | cp);
    return len;
}

static unsigned hex4(const char *p)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)hex_digit(p[i]);
    return value;
}

/* One decoded character of the valid string at *p to out; its length. */
static size_t next_decoded(const char **p, char out[4])
{
    const char *at = *p;
    if (*at != '\\') {
        out[0] = *at;
        *p = at + 1;
        return 1;
    }
    *p = at + 2;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        out[0] = to[strchr(from, at[1]) - from];
        return 1;
    }
    unsigned cp = hex4(at + 2);
    *p = at + 6;
    if (cp >= 0xD800 && cp < 0xDC00 && at[6] == '\\' && at[7] == 'u') {
        unsigned low = hex4(at + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            *p = at + 12;
            return put_utf8(0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00), out);
        }
    }
    return put_utf8(cp >= 0xD800 && cp < 0xE000 ? 0xFFFD : cp, out);
}

bool scan_key_is(const char *p, const char *end, gt_str key)
{
    size_t at = 0;
    char c[4];
    p++;
    while (p < end && *p != '"') {
        size_t len = next_decoded(&p, c);
        if (key.len - at < len || memcmp(key.ptr + at, c, len) != 0)
            return false;
        at += len;
    }
    return at == key.len;
}
