/* Method: recursive descent over the text, nodes appended to their parent's list. Duplicate keys of
 * small objects are found by a small Bloom filter and a list walk, of large ones by one hash table
 * when the object closes, so that hostile objects stay linear. */
#include "json/json.h"

#include "base/hash.h"
#include "base/limits.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SMALL_OBJECT 64 /* keys: up to here a list walk is cheaper than a table */
#define BLOOM_WORDS 4   /* a record has some 25 keys: with one word five walks were for nothing */

typedef struct parser {
    gt_arena *arena;
    const char *begin;
    const char *p;
    const char *end;
    const char *message;
    gt_status status;
    gt_json *spare; /* zeroed nodes, made some at a time */
    unsigned spare_count;
} parser;

#define SPARE_NODES 16

static bool fail(parser *ps, const char *at, const char *message)
{
    if (ps->status == GT_OK) {
        ps->status = GT_INVALID;
        ps->message = message;
        ps->p = at;
    }
    return false;
}

static bool fail_memory(parser *ps)
{
    if (ps->status == GT_OK) {
        ps->status = gt_arena_status(ps->arena) == GT_NOMEM ? GT_NOMEM : GT_LIMIT;
        ps->message = "the record needs more memory than the limit allows";
    }
    return false;
}

static inline gt_json *new_node(parser *ps)
{
    if (ps->spare_count == 0) {
        ps->spare = gt_arena_array(ps->arena, gt_json, SPARE_NODES);
        if (!ps->spare) {
            fail_memory(ps);
            return NULL;
        }
        ps->spare_count = SPARE_NODES;
    }
    ps->spare_count--;
    return ps->spare++;
}

static inline void skip_space(parser *ps)
{
    const char *p = ps->p;
    while (p < ps->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    ps->p = p;
}

#if defined(__SSE2__)
/* Of 16 bytes those that end a run: quote, backslash, below 0x20. */
static inline unsigned stop_mask(__m128i v)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    __m128i named = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, named));
}
#endif

/* First byte at or after p that is '"', '\\' or below 0x20; end when there is none. Inlined: a string
 * is short, the call would be a good part of it. */
__attribute__((always_inline)) static inline const char *string_stop(const char *p, const char *end)
{
#if defined(__SSE2__)
    while (end - p >= 16) {
        unsigned mask = stop_mask(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (mask)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool hex4(const char *p, const char *end, unsigned *ret)
{
    unsigned value = 0;
    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *ret = value;
    return true;
}

static char *put_utf8(char *out, unsigned cp)
{
    if (cp < 0x80) {
        *out++ = (char)cp;
    } else if (cp < 0x800) {
        *out++ = (char)(0xC0 | cp >> 6);
        *out++ = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        *out++ = (char)(0xE0 | cp >> 12);
        *out++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *out++ = (char)(0x80 | (cp & 0x3F));
    } else {
        *out++ = (char)(0xF0 | cp >> 18);
        *out++ = (char)(0x80 | (cp >> 12 & 0x3F));
        *out++ = (char)(0x80 | (cp >> 6 & 0x3F));
        *out++ = (char)(0x80 | (cp & 0x3F));
    }
    return out;
}

/* \uXXXX at p (behind the 'u'); a pair of surrogates is one character, a lone one U+FFFD. */
static const char *unicode_escape(parser *ps, const char *p, char **out)
{
    unsigned cp, low;
    if (!hex4(p, ps->end, &cp)) {
        fail(ps, p, "expected four hex digits after \\u");
        return NULL;
    }
    p += 4;
    if (cp >= 0xD800 && cp < 0xDC00 && ps->end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
        hex4(p + 2, ps->end, &low) && low >= 0xDC00 && low < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    } else if (cp >= 0xD800 && cp < 0xE000) {
        cp = 0xFFFD;
    }
    *out = put_utf8(*out, cp);
    return p;
}

/* As string_stop, copying what stands before it to *out; up to 15 bytes more may be written there. */
static inline const char *copy_to_stop(const char *p, const char *end, char **out)
{
#if defined(__SSE2__)
    for (; end - p >= 16; p += 16, *out += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)*out, v);
        unsigned mask = stop_mask(v);
        if (mask) {
            *out += __builtin_ctz(mask);
            return p + __builtin_ctz(mask);
        }
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        *(*out)++ = *p++;
    return p;
}

/* What a backslash and c stand for; 0: nothing of one byte. */
static inline char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* Length of the rest of a string with escapes, as an upper bound of its decoded size. */
static const char *closing_quote(const char *p, const char *end)
{
    while ((p = string_stop(p, end)) < end && *p != '"')
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    return p < end ? p : end;
}

static bool decode_string(parser *ps, const char *begin, const char *first_escape, gt_str *ret)
{
    size_t room = (size_t)(closing_quote(first_escape, ps->end) - begin);
    char *text = gt_arena_alloc(ps->arena, room + 16);
    if (!text)
        return fail_memory(ps);
    size_t head = (size_t)(first_escape - begin);
    memcpy(text, begin, head);
    char *out = text + head;
    const char *p = first_escape;
    for (;;) {
        const char *stop = copy_to_stop(p, ps->end, &out);
        if (stop == ps->end)
            return fail(ps, stop, "the string does not end");
        if (*stop == '"') {
            ps->p = stop + 1;
            *ret = (gt_str){text, (size_t)(out - text)};
            return true;
        }
        if (*stop != '\\')
            return fail(ps, stop, "a control byte in a string");
        if (ps->end - stop < 2)
            return fail(ps, ps->end, "the string does not end");
        char known = simple_escape(stop[1]);
        p = stop + 2;
        if (known)
            *out++ = known;
        else if (stop[1] != 'u')
            return fail(ps, stop, "no such escape");
        else if (!(p = unicode_escape(ps, p, &out)))
            return false;
    }
}

/* p stands behind the opening quote. */
static bool parse_string(parser *ps, gt_str *ret)
{
    const char *begin = ps->p;
    const char *stop = string_stop(begin, ps->end);
    if (stop == ps->end)
        return fail(ps, stop, "the string does not end");
    if (*stop == '"') {
        *ret = (gt_str){begin, (size_t)(stop - begin)};
        ps->p = stop + 1;
        return true;
    }
    if (*stop != '\\')
        return fail(ps, stop, "a control byte in a string");
    return decode_string(ps, begin, stop, ret);
}

static bool digits(const char **p, const char *end)
{
    const char *begin = *p;
    while (*p < end && **p >= '0' && **p <= '9')
        (*p)++;
    return *p > begin;
}

static bool parse_number(parser *ps, gt_str *ret)
{
    const char *begin = ps->p, *p = begin;
    if (*p == '-')
        p++;
    if (p < ps->end && *p == '0')
        p++;
    else if (!digits(&p, ps->end))
        return fail(ps, p, "expected a value");
    if (p < ps->end && *p == '.') {
        p++;
        if (!digits(&p, ps->end))
            return fail(ps, p, "expected a digit after the decimal point");
    }
    if (p < ps->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < ps->end && (*p == '+' || *p == '-'))
            p++;
        if (!digits(&p, ps->end))
            return fail(ps, p, "expected a digit in the exponent");
    }
    *ret = (gt_str){begin, (size_t)(p - begin)};
    ps->p = p;
    return true;
}

static bool parse_word(parser *ps, const char *word, size_t len)
{
    if ((size_t)(ps->end - ps->p) < len || memcmp(ps->p, word, len) != 0)
        return fail(ps, ps->p, "expected a value");
    ps->p += len;
    return true;
}

static void append(gt_json *parent, gt_json *node)
{
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    parent->count++;
}

/* The new last member may repeat an earlier key of a small object: then its value moves there. */
static void merge_last(gt_json *object, gt_json *node)
{
    gt_json *twin = object->first, *tail;
    while (twin != node && !gt_str_eq(twin->key, node->key))
        twin = twin->next;
    if (twin == node)
        return;
    for (tail = twin; tail->next != node; tail = tail->next) {
    }
    tail->next = NULL;
    gt_json *next = twin->next;
    *twin = *node;
    twin->next = next;
    object->last = tail;
    object->count--;
}

/* Drop repeated keys of a large object in one pass with a table of its members. */
static bool merge_large(parser *ps, gt_json *object)
{
    size_t slots = 256;
    while (slots < (size_t)object->count * 2)
        slots *= 2;
    gt_arena_mark mark = gt_arena_save(ps->arena);
    gt_json **table = gt_arena_array(ps->arena, gt_json *, slots);
    if (!table)
        return fail_memory(ps);
    gt_json *last = NULL;
    for (gt_json *m = object->first, *next; m; m = next) {
        next = m->next;
        size_t at = (size_t)gt_hash64(m->key, (uint64_t)(uintptr_t)ps->arena) & (slots - 1);
        while (table[at] && !gt_str_eq(table[at]->key, m->key))
            at = (at + 1) & (slots - 1);
        if (table[at]) {
            gt_json *keep_next = table[at]->next;
            *table[at] = *m;
            table[at]->next = keep_next;
            last->next = next;
            object->count--;
        } else {
            table[at] = m;
            last = m;
        }
    }
    last->next = NULL;
    object->last = last;
    gt_arena_rewind(ps->arena, mark);
    return true;
}

static bool parse_value(parser *ps, gt_json *node, unsigned depth);

static bool parse_member(parser *ps, gt_json *object, uint64_t bloom[BLOOM_WORDS], unsigned depth)
{
    if (ps->p == ps->end || *ps->p != '"')
        return fail(ps, ps->p, "expected a key in quotes");
    ps->p++;
    gt_json *node = new_node(ps);
    if (!node)
        return false;
    if (!parse_string(ps, &node->key))
        return false;
    skip_space(ps);
    if (ps->p == ps->end || *ps->p != ':')
        return fail(ps, ps->p, "expected ':'");
    ps->p++;
    if (!parse_value(ps, node, depth))
        return false;
    append(object, node);
    if (object->count <= SMALL_OBJECT) {
        gt_str key = node->key;
        unsigned mix = (unsigned)key.len * 31u;
        if (key.len)
            mix += (unsigned char)key.ptr[0] * 7u + (unsigned char)key.ptr[key.len - 1] * 13u +
                   (unsigned char)key.ptr[key.len / 2];
        uint64_t bit = UINT64_C(1) << (mix & 63), *word = &bloom[mix / 64 % BLOOM_WORDS];
        if (*word & bit)
            merge_last(object, node);
        *word |= bit;
    }
    return true;
}

static bool parse_object(parser *ps, gt_json *node, unsigned depth)
{
    uint64_t bloom[BLOOM_WORDS] = {0};
    node->type = GT_JSON_OBJECT;
    skip_space(ps);
    if (ps->p < ps->end && *ps->p == '}') {
        ps->p++;
        return true;
    }
    for (;;) {
        skip_space(ps);
        if (!parse_member(ps, node, bloom, depth))
            return false;
        skip_space(ps);
        if (ps->p < ps->end && *ps->p == ',') {
            ps->p++;
            continue;
        }
        if (ps->p == ps->end || *ps->p != '}')
            return fail(ps, ps->p, "expected ',' or '}'");
        ps->p++;
        break;
    }
    if (node->count > SMALL_OBJECT && !merge_large(ps, node))
        return false;
    node->parsed = node->count;
    return true;
}

static bool parse_array(parser *ps, gt_json *node, unsigned depth)
{
    node->type = GT_JSON_ARRAY;
    skip_space(ps);
    if (ps->p < ps->end && *ps->p == ']') {
        ps->p++;
        return true;
    }
    for (;;) {
        gt_json *element = new_node(ps);
        if (!element)
            return false;
        if (!parse_value(ps, element, depth))
            return false;
        append(node, element);
        skip_space(ps);
        if (ps->p < ps->end && *ps->p == ',') {
            ps->p++;
            continue;
        }
        if (ps->p == ps->end || *ps->p != ']')
            return fail(ps, ps->p, "expected ',' or ']'");
        ps->p++;
        return true;
    }
}

static bool parse_value(parser *ps, gt_json *node, unsigned depth)
{
    skip_space(ps);
    if (ps->p == ps->end)
        return fail(ps, ps->p, "the text ends where a value should be");
    if (depth == GT_JSON_DEPTH_MAX && (*ps->p == '{' || *ps->p == '[')) {
        fail(ps, ps->p, "nested too deep");
        ps->status = GT_LIMIT;
        return false;
    }
    switch (*ps->p) {
    case '{':
        ps->p++;
        return parse_object(ps, node, depth + 1);
    case '[':
        ps->p++;
        return parse_array(ps, node, depth + 1);
    case '"':
        ps->p++;
        node->type = GT_JSON_STRING;
        return parse_string(ps, &node->str);
    case 't':
        node->type = GT_JSON_BOOL;
        node->boolean = true;
        return parse_word(ps, "true", 4);
    case 'f':
        node->type = GT_JSON_BOOL;
        return parse_word(ps, "false", 5);
    case 'n':
        return parse_word(ps, "null", 4);
    default:
        node->type = GT_JSON_NUMBER;
        return parse_number(ps, &node->str);
    }
}

gt_status gt_json_parse_next(gt_arena *arena, gt_str text, size_t *pos, gt_json **ret,
                             gt_json_error *reterr)
{
    parser ps = {.arena = arena, .begin = text.ptr, .p = text.ptr + *pos, .end = text.ptr + text.len};
    if (!text.ptr)
        ps.begin = ps.p = ps.end = "";
    gt_json *root = new_node(&ps);
    if (root && parse_value(&ps, root, 0)) {
        *pos = (size_t)(ps.p - ps.begin);
        *ret = root;
        return GT_OK;
    }
    if (reterr)
        *reterr = (gt_json_error){(size_t)(ps.p - ps.begin), ps.message};
    return ps.status;
}

gt_status gt_json_parse(gt_arena *arena, gt_str text, gt_json **ret, gt_json_error *reterr)
{
    size_t pos = 0;
    gt_json *root;
    gt_status status = gt_json_parse_next(arena, text, &pos, &root, reterr);
    if (status != GT_OK)
        return status;
    while (pos < text.len && (text.ptr[pos] == ' ' || text.ptr[pos] == '\n' ||
                              text.ptr[pos] == '\r' || text.ptr[pos] == '\t'))
        pos++;
    if (pos < text.len) {
        if (reterr)
            *reterr = (gt_json_error){pos, "text after the value"};
        return GT_INVALID;
    }
    *ret = root;
    return GT_OK;
}
