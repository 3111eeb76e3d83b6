#include "json/json.h"

#include <stdio.h>

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

void gt_json_write_str(gt_buf *out, gt_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;
    gt_buf_add_byte(out, '"');
    while (p < end) {
        const unsigned char *run = p;
        while (p < end && plain_byte(*p))
            p++;
        if (p > run)
            gt_buf_add(out, (gt_str){(const char *)run, (size_t)(p - run)});
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
