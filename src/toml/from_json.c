/* JSON text, known to be valid, to the same tree as TOML's: only the places are new work, so
 * scalars are read by json/. */
#include "base/utf8.h"
#include "toml/toml_internal.h"

typedef struct json_walk {
    gt_arena *arena;
    gt_str text;
    size_t pos;
} json_walk;

static int peek(const json_walk *w)
{
    return (unsigned char)w->text.ptr[w->pos];
}

static void skip_space(json_walk *w)
{
    while (w->pos < w->text.len && memchr(" \t\r\n", peek(w), 4))
        w->pos++;
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int c = p[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* The escape at p (a backslash); returns its length. */
static size_t decode_escape(const char *p, const char *end, char **out)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = memchr(plain, p[1], sizeof plain - 1);
    if (at) {
        *(*out)++ = meant[at - plain];
        return 2;
    }
    uint32_t cp = hex4(p + 2);
    size_t taken = 6;
    if (cp >= 0xD800 && cp < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
        hex4(p + 8) >= 0xDC00 && hex4(p + 8) < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (hex4(p + 8) - 0xDC00);
        taken = 12;
    } else if (cp >= 0xD800 && cp < 0xE000) {
        cp = 0xFFFD; /* a lone surrogate, as json/ reads it */
    }
    *out = gt_utf8_put(*out, cp);
    return taken;
}

static bool decode(json_walk *w, size_t begin, size_t end, gt_str *ret, gt_offsets *ret_where)
{
    size_t max = end - begin;
    char *text = gt_arena_alloc(w->arena, max + 1);
    uint32_t *map = gt_arena_alloc(w->arena, (max + 1) * sizeof *map);
    if (!text || !map)
        return false;
    char *out = text;
    for (size_t pos = begin; pos < end;) {
        char *before = out;
        size_t taken = 1;
        if (w->text.ptr[pos] == '\\')
            taken = decode_escape(w->text.ptr + pos, w->text.ptr + end, &out);
        else
            *out++ = w->text.ptr[pos];
        for (; before < out; before++)
            map[before - text] = (uint32_t)pos;
        pos += taken;
    }
    *out = '\0';
    map[out - text] = (uint32_t)end;
    *ret = (gt_str){text, (size_t)(out - text)};
    *ret_where = (gt_offsets){begin, map};
    return true;
}

/* The string at pos. */
static bool read_string(json_walk *w, gt_str *ret, gt_offsets *ret_where, gt_span *ret_span)
{
    size_t begin = w->pos + 1, end = begin;
    bool escaped = false;
    for (; w->text.ptr[end] != '"'; end++) {
        if (w->text.ptr[end] == '\\') {
            escaped = true;
            end++;
        }
    }
    *ret_span = (gt_span){w->pos, end + 1};
    w->pos = end + 1;
    if (escaped)
        return decode(w, begin, end, ret, ret_where);
    *ret = (gt_str){w->text.ptr + begin, end - begin};
    *ret_where = (gt_offsets){begin, NULL};
    return true;
}

static gt_toml *read_value(json_walk *w);

static gt_toml *read_scalar(json_walk *w)
{
    size_t begin = w->pos;
    while (w->pos < w->text.len && !memchr(",]} \t\r\n", peek(w), 7))
        w->pos++;
    gt_str s = {w->text.ptr + begin, w->pos - begin};
    gt_toml *node = toml_new(w->arena, GT_TOML_NULL, (gt_span){begin, w->pos});
    if (!node)
        return NULL;
    node->str = s;
    if (s.ptr[0] == 't' || s.ptr[0] == 'f') {
        node->type = GT_TOML_BOOL;
        node->boolean = s.ptr[0] == 't';
    } else if (s.ptr[0] != 'n') {
        node->type = GT_TOML_INTEGER;
        if (!gt_str_to_i64(s, &node->integer)) {
            node->type = GT_TOML_FLOAT;
            if (!gt_str_to_double(s, &node->number))
                node->number = 0; /* hundreds of digits: no rule has such a number */
        }
    }
    return node;
}

static gt_toml *read_array(json_walk *w)
{
    gt_toml *array = toml_new(w->arena, GT_TOML_ARRAY, (gt_span){w->pos, w->pos});
    if (!array)
        return NULL;
    array->made = MADE_CLOSED;
    w->pos++;
    for (skip_space(w); peek(w) != ']'; skip_space(w)) {
        if (peek(w) == ',') {
            w->pos++;
            continue;
        }
        gt_toml *element = read_value(w);
        if (!element)
            return NULL;
        toml_array_add(array, element);
    }
    array->span.end = ++w->pos;
    return array;
}

/* Of two equal keys the later value wins, at the place of the first, as in json/. */
static bool put(json_walk *w, gt_toml *table, gt_toml *member)
{
    gt_toml *earlier = gt_toml_get(table, member->key);
    if (!earlier)
        return toml_table_add(w->arena, table, member);
    member->next = earlier->next;
    *earlier = *member;
    return true;
}

static gt_toml *read_object(json_walk *w)
{
    gt_toml *table = toml_new(w->arena, GT_TOML_TABLE, (gt_span){w->pos, w->pos});
    if (!table)
        return NULL;
    table->made = MADE_CLOSED;
    w->pos++;
    for (skip_space(w); peek(w) != '}'; skip_space(w)) {
        if (peek(w) == ',') {
            w->pos++;
            continue;
        }
        gt_str key;
        gt_offsets where;
        gt_span span;
        if (!read_string(w, &key, &where, &span))
            return NULL;
        skip_space(w);
        w->pos++; /* ':' */
        gt_toml *member = read_value(w);
        if (!member)
            return NULL;
        member->key = key;
        member->key_span = span;
        if (!put(w, table, member))
            return NULL;
    }
    table->span.end = ++w->pos;
    return table;
}

static gt_toml *read_value(json_walk *w)
{
    skip_space(w);
    if (peek(w) == '{')
        return read_object(w);
    if (peek(w) == '[')
        return read_array(w);
    if (peek(w) != '"')
        return read_scalar(w);
    gt_toml *node = toml_new(w->arena, GT_TOML_STRING, (gt_span){w->pos, w->pos});
    if (!node || !read_string(w, &node->str, &node->where, &node->span))
        return NULL;
    return node;
}

gt_status gt_toml_from_json(gt_arena *arena, gt_str text, gt_span where, gt_toml **ret)
{
    json_walk w = {arena, gt_str_head(text, where.end), where.begin};
    gt_toml *root = read_value(&w);
    if (!root)
        return gt_arena_status(arena);
    *ret = root;
    return GT_OK;
}
