#include "base/utf8.h"
#include "json/json.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static bool plain_byte(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

#if defined(__SSE2__)
/* Of 16 bytes those that are not written as they are. */
static inline unsigned odd_mask(__m128i v)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i del = _mm_set1_epi8(0x7F), space = _mm_set1_epi8(0x20);
    /* The comparison is signed: bytes from 0x80 on are below the space too. */
    __m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, del));
    odd = _mm_or_si128(odd, _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
    return (unsigned)_mm_movemask_epi8(odd);
}
#endif

/* Bytes from p on that are written as they are: printable ASCII without quote and backslash. */
static size_t plain_run(const unsigned char *p, size_t len)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; len - i >= 16; i += 16) {
        unsigned mask = odd_mask(_mm_loadu_si128((const __m128i *)(const void *)(p + i)));
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
#endif
    while (i < len && plain_byte(p[i]))
        i++;
    return i;
}

#define BYTES(n) (UINT64_C(0x0101010101010101) * (n))

/* Has one of the eight bytes to be looked at: below 0x20, from 0x7F on, quote or backslash? A plain one
 * may be named too when a lower byte is one that must. */
static inline uint64_t odd_bytes(uint64_t x)
{
    uint64_t quote = x ^ BYTES('"'), slash = x ^ BYTES('\\');
    return (x | (x - BYTES(0x20)) | (x + BYTES(1)) | (quote - BYTES(1)) | (slash - BYTES(1))) &
           BYTES(0x80);
}

static inline uint64_t load8(const unsigned char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint32_t load4(const unsigned char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

/* Fewer than 16 bytes, copied; false: one of them has to be looked at. */
static inline bool copy_short(char *to, const unsigned char *p, size_t len)
{
    if (len >= 8) {
        uint64_t a = load8(p), b = load8(p + len - 8);
        memcpy(to, &a, 8);
        memcpy(to + len - 8, &b, 8);
        return !(odd_bytes(a) | odd_bytes(b));
    }
    if (len >= 4) {
        uint32_t a = load4(p), b = load4(p + len - 4);
        memcpy(to, &a, 4);
        memcpy(to + len - 4, &b, 4);
        return !odd_bytes(a | (uint64_t)b << 32);
    }
    bool plain = true;
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)p[i];
        plain &= plain_byte(p[i]);
    }
    return plain;
}

/* Copy and look in one go; returns how many bytes from the first are written as they are. */
static inline size_t copy_plain(char *to, const unsigned char *p, size_t len)
{
#if defined(__SSE2__)
    if (len >= 16) {
        size_t i = 0, last = len - 16;
        for (;;) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
            _mm_storeu_si128((__m128i *)(void *)(to + i), v);
            unsigned mask = odd_mask(v);
            if (mask)
                return i + (unsigned)__builtin_ctz(mask);
            if (i == last)
                return len;
            i = i + 16 < last ? i + 16 : last; /* the last one overlaps the one before */
        }
    }
#endif
    if (len < 16 && copy_short(to, p, len))
        return len;
    size_t run = plain_run(p, len);
    if (run)
        memcpy(to, p, run);
    return run;
}

/* Where the next byte goes. Room is made once for a whole member. */
typedef struct writer {
    gt_buf *out;
    char *p, *end;
} writer;

static void writer_begin(writer *w, gt_buf *out)
{
    char *at = out->data ? out->data + out->len : NULL;
    *w = (writer){.out = out, .p = at, .end = at};
}

static void writer_end(writer *w)
{
    if (w->out->data && w->out->status == GT_OK) {
        w->out->len = (size_t)(w->p - w->out->data);
        *w->p = '\0';
    }
}

static bool more_room(writer *w, size_t n)
{
    writer_end(w);
    if (!gt_buf_room(w->out, n))
        return false;
    gt_buf *out = w->out;
    size_t left = out->cap - 1 - out->len, allowed = out->max - out->len;
    w->p = out->data + out->len;
    w->end = w->p + (left < allowed ? left : allowed);
    return true;
}

static inline bool room(writer *w, size_t n)
{
    return (w->p && (size_t)(w->end - w->p) >= n) || more_room(w, n);
}

#define PIECE 64       /* bytes of a text with escapes that are looked after at a time */
#define ESCAPED_MAX 6  /* \u and four digits */

static inline char *put_two(char *to, char a, char b)
{
    to[0] = a;
    to[1] = b;
    return to + 2;
}

static char *put_unicode(char *to, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    memcpy(to, "\\u00", 4);
    return put_two(to + 4, digits[c >> 4], digits[c & 15]);
}

/* An ASCII byte that is not written as it is. */
static inline char *put_special(char *to, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return put_two(to, '\\', (char)c);
    case '\n':
        return put_two(to, '\\', 'n');
    case '\r':
        return put_two(to, '\\', 'r');
    case '\t':
        return put_two(to, '\\', 't');
    default:
        return put_unicode(to, c);
    }
}

/* The character at p, which is not ASCII; *p is moved behind it. */
static char *put_character(char *to, const unsigned char **p, const unsigned char *end)
{
    const unsigned char *c = *p;
    size_t n = gt_utf8_length((gt_str){(const char *)c, (size_t)(end - c)});
    *p += n ? n : 1;
    if (n == 2 && c[0] == 0xC2 && c[1] < 0xA0)
        return put_unicode(to, c[1]); /* C1 controls: U+0080-U+009F */
    memcpy(to, n ? (const char *)c : "\xEF\xBF\xBD", n ? n : 3);
    return to + (n ? n : 3);
}

/* What stands behind the first byte that cannot be written as it is. */
static bool put_rest(writer *w, const unsigned char *p, const unsigned char *end)
{
    while (p < end) {
        size_t n = (size_t)(end - p) < PIECE ? (size_t)(end - p) : PIECE;
        if (!room(w, n + ESCAPED_MAX))
            return false;
        size_t run = copy_plain(w->p, p, n);
        p += run;
        w->p += run;
        if (run < n)
            w->p = *p < 0x80 ? put_special(w->p, *p++) : put_character(w->p, &p, end);
    }
    return room(w, 1);
}

/* s in quotes; there is room for it and two bytes, as long as all of it is plain. */
static inline bool put_quoted(writer *w, gt_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    *w->p++ = '"';
    size_t run = s.len ? copy_plain(w->p, p, s.len) : 0;
    w->p += run;
    if (run < s.len && !put_rest(w, p + run, p + s.len))
        return false;
    *w->p++ = '"';
    return true;
}

static bool put_text(writer *w, gt_str s)
{
    if (!room(w, s.len))
        return false;
    memcpy(w->p, s.ptr, s.len);
    w->p += s.len;
    return true;
}

static bool put_byte(writer *w, char c)
{
    if (!room(w, 1))
        return false;
    *w->p++ = c;
    return true;
}

static bool newline(writer *w, unsigned indent)
{
    bool ok = put_byte(w, '\n');
    for (unsigned i = 0; i < indent && ok; i++)
        ok = put_text(w, GT_STR("  "));
    return ok;
}

/* The key, and the whole of a plain value too when it is a string: most members take one look at the
 * room. */
static inline bool write_member(writer *w, const gt_json *e, bool pretty, bool *ret_done)
{
    bool string = e->type == GT_JSON_STRING;
    *ret_done = string;
    if (!room(w, e->key.len + (string ? e->str.len : 0) + 7) || !put_quoted(w, e->key) ||
        !room(w, string ? e->str.len + 4 : 2))
        return false;
    *w->p++ = ':';
    if (pretty)
        *w->p++ = ' ';
    return !string || put_quoted(w, e->str);
}

/* false: no room; the buffer knows why. */
static bool write_node(writer *w, const gt_json *node, bool pretty, unsigned indent)
{
    switch (node ? (gt_json_type)node->type : GT_JSON_NULL) {
    case GT_JSON_NULL:
        return put_text(w, GT_STR("null"));
    case GT_JSON_BOOL:
    case GT_JSON_NUMBER:
        return put_text(w, gt_json_text(node));
    case GT_JSON_STRING:
        return room(w, node->str.len + 2) && put_quoted(w, node->str);
    case GT_JSON_ARRAY:
    case GT_JSON_OBJECT:
        break;
    }
    bool object = node->type == GT_JSON_OBJECT;
    if (!put_byte(w, object ? '{' : '['))
        return false;
    for (const gt_json *e = node->first; e; e = e->next) {
        bool done = false;
        if ((pretty && !newline(w, indent + 1)) || (object && !write_member(w, e, pretty, &done)) ||
            (!done && !write_node(w, e, pretty, indent + 1)) || (e->next && !put_byte(w, ',')))
            return false;
    }
    return (!pretty || !node->first || newline(w, indent)) && put_byte(w, object ? '}' : ']');
}

void gt_json_write_str(gt_buf *out, gt_str s)
{
    writer w;
    writer_begin(&w, out);
    if (room(&w, s.len + 2) && put_quoted(&w, s))
        writer_end(&w);
}

static void write_tree(gt_buf *out, const gt_json *node, bool pretty)
{
    writer w;
    writer_begin(&w, out);
    if (write_node(&w, node, pretty, 0))
        writer_end(&w);
}

void gt_json_write(gt_buf *out, const gt_json *node)
{
    write_tree(out, node, false);
}

void gt_json_write_pretty(gt_buf *out, const gt_json *node)
{
    write_tree(out, node, true);
}
