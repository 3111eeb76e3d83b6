#include "ecs/jstr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALL 24 /* members that are ordered on the stack */

/* One character at p: its code point; malformed bytes are U+FFFD each, as Java decodes them. */
static uint32_t next_char(const unsigned char **p, const unsigned char *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = *(*p)++;
    if (c < 0x80)
        return c;
    int more = c >= 0xC2 && c < 0xE0 ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 0;
    uint32_t cp = more ? c & (0x3Fu >> more) : 0xFFFD;
    const unsigned char *q = *p;
    for (int i = 0; i < more; i++, q++) {
        if (q == end || (*q & 0xC0) != 0x80)
            return 0xFFFD;
        cp = cp << 6 | (*q & 0x3F);
    }
    if (!more || cp < least[more + 1] || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        return 0xFFFD;
    *p = q;
    return cp;
}

uint32_t gt_jstr_hash(gt_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;
    uint32_t h = 0;
    while (end - p >= 4) { /* four at a time: a chain of products is slow */
        uint32_t four;
        memcpy(&four, p, 4);
        if (four & 0x80808080u)
            break;
        h = h * (31u * 31 * 31 * 31) + p[0] * (31u * 31 * 31) + p[1] * (31u * 31) + p[2] * 31u + p[3];
        p += 4;
    }
    while (p < end) {
        uint32_t c = next_char(&p, end);
        if (c >= 0x10000) {
            h = h * 31 + (0xD7C0 + (c >> 10));
            c = 0xDC00 + (c & 0x3FF);
        }
        h = h * 31 + c;
    }
    return h;
}

size_t gt_jstr_units(gt_str s)
{
    size_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += ((c & 0xC0) != 0x80) + (c >= 0xF0);
    }
    return units;
}

int gt_jstr_cmp(gt_str a, gt_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < common; i++) {
        unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
        if (x == y)
            continue;
        /* UTF-16 puts surrogates (lead bytes F0-F4) before U+E000-U+FFFF (lead bytes EE, EF). */
        if (x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0))
            return x >= 0xF0 ? -1 : 1;
        return x < y ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Keys sit in buckets by their spread hash; a bucket keeps the order of insertion, also when the
 * table doubles. (Java turns buckets of nine and more into trees; their order is not modelled.) */
gt_status gt_jstr_order(const uint32_t *hashes, size_t count, size_t capacity, uint32_t *order,
                        gt_arena *scratch)
{
    size_t buckets = 16;
    while (capacity * 4 > buckets * 3)
        buckets *= 2;
#define BUCKET(i) ((hashes[i] ^ hashes[i] >> 16) & (buckets - 1))
    if (count <= SMALL) {
        for (size_t i = 0; i < count; i++) {
            size_t at = i, bucket = BUCKET(i);
            for (; at && BUCKET(order[at - 1]) > bucket; at--)
                order[at] = order[at - 1];
            order[at] = (uint32_t)i;
        }
        return GT_OK;
    }
    gt_arena_mark mark = gt_arena_save(scratch);
    uint32_t *begin = gt_arena_array(scratch, uint32_t, buckets + 1);
    if (!begin)
        return gt_arena_status(scratch);
    for (size_t i = 0; i < count; i++)
        begin[BUCKET(i) + 1]++;
    for (size_t i = 1; i <= buckets; i++)
        begin[i] += begin[i - 1];
    for (size_t i = 0; i < count; i++)
        order[begin[BUCKET(i)]++] = (uint32_t)i;
#undef BUCKET
    gt_arena_rewind(scratch, mark);
    return GT_OK;
}

/* Significant digits with the decimal point behind the first `point` of them (at most 7). */
static void write_digits(gt_buf *out, const char *digits, int count, int point)
{
    for (int i = 0; i < point; i++)
        gt_buf_add_byte(out, i < count ? digits[i] : '0');
    gt_buf_add_byte(out, '.');
    if (count > point)
        gt_buf_add(out, (gt_str){digits + point, (size_t)(count - point)});
    else
        gt_buf_add_byte(out, '0');
}

/* digits[0].digits[1]… times ten to the exponent; count is at least 1. */
static void write_decimal(gt_buf *out, const char *digits, int count, int exponent)
{
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent >= 0 && exponent < 7) {
        write_digits(out, digits, count, exponent + 1);
    } else if (exponent < 0 && exponent >= -3) {
        gt_buf_add(out, gt_str_head(GT_STR("0.00"), (size_t)(1 - exponent)));
        gt_buf_add(out, (gt_str){digits, (size_t)count});
    } else {
        write_digits(out, digits, count, 1);
        gt_buf_printf(out, "E%d", exponent);
    }
}

/* java.lang.Double.toString: the shortest digits (two at least) that read back as the number. */
static void write_double(gt_buf *out, double d)
{
    char text[40], digits[32];
    int precision = 1, count = 0;
    if (isinf(d)) {
        gt_buf_add(out, d < 0 ? GT_STR("-Infinity") : GT_STR("Infinity"));
        return;
    }
    do
        snprintf(text, sizeof text, "%.*e", precision, d);
    while (precision++ < 16 && strtod(text, NULL) != d);
    const char *p = text;
    if (*p == '-')
        gt_buf_add_byte(out, *p++);
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    write_decimal(out, digits, count, (int)strtol(p + 1, NULL, 10));
}

/* Up to 15 digits without an exponent are the shortest ones already: no two such numbers are the same
 * double. false: another kind of number. */
static bool write_plain_decimal(gt_buf *out, gt_str text)
{
    char digits[16];
    int count = 0, exponent = -1;
    bool point = false;
    size_t i = text.len && *text.ptr == '-';
    for (; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.') {
            point = true;
            continue;
        }
        if (c < '0' || c > '9' || count == 15)
            return false;
        if (count || c != '0')
            digits[count++] = c;
        exponent += !point && count ? 1 : 0;
        exponent -= point && !count ? 1 : 0;
    }
    if (!count)
        return false; /* zero */
    if (*text.ptr == '-')
        gt_buf_add_byte(out, '-');
    write_decimal(out, digits, count, exponent);
    return true;
}

static void write_number(gt_buf *out, gt_str text)
{
    bool integral = true;
    for (size_t i = 0; i < text.len; i++)
        integral = integral && text.ptr[i] != '.' && text.ptr[i] != 'e' && text.ptr[i] != 'E';
    double d;
    if (integral)
        gt_buf_add(out, gt_str_is(text, "-0") ? GT_STR("0") : text);
    else if (write_plain_decimal(out, text))
        return;
    else if (gt_str_to_double(text, &d))
        write_double(out, d);
    else
        gt_buf_add(out, text);
}

/* As gt_buf_add. Most texts are short and find room: then two loads and stores do, where there are as
 * many bytes to read and to write. */
static inline void add_text(gt_buf *out, gt_str s)
{
    if (s.len < 8 || s.len > 16 || out->status != GT_OK || out->cap - out->len <= s.len ||
        out->max - out->len < s.len) {
        gt_buf_add(out, s);
        return;
    }
    uint64_t head, tail;
    char *to = out->data + out->len;
    memcpy(&head, s.ptr, 8);
    memcpy(&tail, s.ptr + s.len - 8, 8);
    memcpy(to, &head, 8);
    memcpy(to + s.len - 8, &tail, 8);
    out->len += s.len;
    out->data[out->len] = '\0';
}

static gt_status write_value(gt_buf *out, const gt_json *value, gt_arena *scratch);

static gt_status write_members(gt_buf *out, const gt_json *object, gt_arena *scratch,
                               const gt_json **members, uint32_t *hashes, uint32_t *order)
{
    size_t n = 0;
    for (const gt_json *e = object->first; e; e = e->next, n++) {
        members[n] = e;
        hashes[n] = gt_jstr_hash(e->key);
    }
    size_t capacity = object->parsed > n ? object->parsed : n;
    GT_TRY(gt_jstr_order(hashes, n, capacity, order, scratch));
    for (size_t i = 0; i < n; i++) {
        if (i)
            gt_buf_lit(out, ", ");
        add_text(out, members[order[i]]->key);
        gt_buf_add_byte(out, '=');
        GT_TRY(write_value(out, members[order[i]], scratch));
    }
    return GT_OK;
}

static gt_status write_small(gt_buf *out, const gt_json *object, gt_arena *scratch)
{
    const gt_json *members[SMALL];
    uint32_t hashes[SMALL], order[SMALL];
    return write_members(out, object, scratch, members, hashes, order);
}

static gt_status write_object(gt_buf *out, const gt_json *object, gt_arena *scratch)
{
    gt_status status;
    gt_buf_add_byte(out, '{');
    if (object->count <= SMALL) {
        status = write_small(out, object, scratch);
    } else {
        gt_arena_mark mark = gt_arena_save(scratch);
        size_t n = object->count;
        const gt_json **members = gt_arena_alloc(scratch, n * sizeof *members);
        uint32_t *hashes = gt_arena_alloc(scratch, n * sizeof *hashes);
        uint32_t *order = gt_arena_alloc(scratch, n * sizeof *order);
        status = members && hashes && order
                     ? write_members(out, object, scratch, members, hashes, order)
                     : gt_arena_status(scratch);
        gt_arena_rewind(scratch, mark);
    }
    gt_buf_add_byte(out, '}');
    return status;
}

static gt_status write_value(gt_buf *out, const gt_json *value, gt_arena *scratch)
{
    switch ((gt_json_type)value->type) {
    case GT_JSON_NULL:
        gt_buf_lit(out, "null");
        return GT_OK;
    case GT_JSON_BOOL:
        gt_buf_add(out, gt_json_text(value));
        return GT_OK;
    case GT_JSON_NUMBER:
        write_number(out, value->str);
        return GT_OK;
    case GT_JSON_STRING:
        add_text(out, value->str);
        return GT_OK;
    case GT_JSON_ARRAY:
        gt_buf_add_byte(out, '[');
        for (const gt_json *e = value->first; e; e = e->next) {
            GT_TRY(write_value(out, e, scratch));
            if (e->next)
                gt_buf_lit(out, ", ");
        }
        gt_buf_add_byte(out, ']');
        return GT_OK;
    case GT_JSON_OBJECT:
        return write_object(out, value, scratch);
    }
    return GT_OK;
}

gt_status gt_jstr_write(gt_buf *out, const gt_json *value, gt_arena *scratch)
{
    GT_TRY(write_value(out, value, scratch));
    return gt_buf_status(out);
}
