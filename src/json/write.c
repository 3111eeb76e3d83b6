#include "json/json.h"

#include <stdio.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Length of the valid UTF-8 sequence at p (1-4), 0 when there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) || (c == 0xF0 && p[1] < 0x90) ||
        (c == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

static void write_special(gt_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        gt_buf_lit(out, "\\\"");
        return;
    case '\\':
        gt_buf_lit(out, "\\\\");
        return;
    case '\n':
        gt_buf_lit(out, "\\n");
        return;
    case '\r':
        gt_buf_lit(out, "\\r");
        return;
    case '\t':
        gt_buf_lit(out, "\\t");
        return;
    default:
        gt_buf_printf(out, "\\u%04x", c);
    }
}

static bool plain_byte(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Bytes from p on that are written as they are: printable ASCII without quote and backslash. */
static size_t plain_run(const unsigned char *p, size_t len)
{
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i del = _mm_set1_epi8(0x7F), space = _mm_set1_epi8(0x20);
    for (; len - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        /* The comparison is signed: bytes from 0x80 on are below the space too. */
        __m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, del));
        odd = _mm_or_si128(odd, _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(odd);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
#endif
    while (i < len && plain_byte(p[i]))
        i++;
    return i;
}

/* What stands behind the first byte that cannot be written as it is. */
static void write_rest(gt_buf *out, const unsigned char *p, const unsigned char *end)
{
    while (p < end) {
        size_t run = plain_run(p, (size_t)(end - p));
        gt_buf_add(out, (gt_str){(const char *)p, run});
        p += run;
        if (p == end)
            break;
        if (*p < 0x80) {
            write_special(out, *p++);
            continue;
        }
        size_t n = utf8_length(p, (size_t)(end - p));
        if (n == 2 && p[0] == 0xC2 && p[1] < 0xA0)
            gt_buf_printf(out, "\\u%04x", p[1]); /* C1 controls: U+0080-U+009F */
        else if (n)
            gt_buf_add(out, (gt_str){(const char *)p, n});
        else
            gt_buf_lit(out, "\xEF\xBF\xBD");
        p += n ? n : 1;
    }
}

void gt_json_write_str(gt_buf *out, gt_str s)
{
    char *to = gt_buf_room(out, s.len + 2);
    if (!to)
        return;
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t run = plain_run(p, s.len);
    *to++ = '"';
    if (run)
        memcpy(to, p, run);
    out->len += 1 + run;
    to[run] = '\0';
    if (run < s.len)
        write_rest(out, p + run, p + s.len);
    gt_buf_add_byte(out, '"');
}

static void newline(gt_buf *out, unsigned indent)
{
    gt_buf_add_byte(out, '\n');
    for (unsigned i = 0; i < indent; i++)
        gt_buf_lit(out, "  ");
}

static void write_node(gt_buf *out, const gt_json *node, bool pretty, unsigned indent)
{
    switch (node ? (gt_json_type)node->type : GT_JSON_NULL) {
    case GT_JSON_NULL:
        gt_buf_lit(out, "null");
        return;
    case GT_JSON_BOOL:
    case GT_JSON_NUMBER:
        gt_buf_add(out, gt_json_text(node));
        return;
    case GT_JSON_STRING:
        gt_json_write_str(out, node->str);
        return;
    case GT_JSON_ARRAY:
    case GT_JSON_OBJECT:
        break;
    }
    bool object = node->type == GT_JSON_OBJECT;
    gt_buf_add_byte(out, object ? '{' : '[');
    for (const gt_json *e = node->first; e; e = e->next) {
        if (pretty)
            newline(out, indent + 1);
        if (object) {
            gt_json_write_str(out, e->key);
            gt_buf_add(out, pretty ? GT_STR(": ") : GT_STR(":"));
        }
        write_node(out, e, pretty, indent + 1);
        if (e->next)
            gt_buf_add_byte(out, ',');
    }
    if (pretty && node->first)
        newline(out, indent);
    gt_buf_add_byte(out, object ? '}' : ']');
}

void gt_json_write(gt_buf *out, const gt_json *node)
{
    write_node(out, node, false, 0);
}

void gt_json_write_pretty(gt_buf *out, const gt_json *node)
{
    write_node(out, node, true, 0);
}
