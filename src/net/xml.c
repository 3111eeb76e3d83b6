#include "net/xml.h"

#include "base/limits.h"

typedef struct parser {
    gt_arena *arena;
    gt_str text;
    size_t pos;
} parser;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(parser *p)
{
    while (p->pos < p->text.len && is_space(p->text.ptr[p->pos]))
        p->pos++;
}

static bool at(const parser *p, gt_str literal)
{
    return gt_str_starts(gt_str_from(p->text, p->pos), literal);
}

/* Move behind the next `end`; false when it never comes. */
static bool skip_past(parser *p, gt_str end)
{
    size_t i = gt_str_find(gt_str_from(p->text, p->pos), end);
    if (i == GT_NPOS)
        return false;
    p->pos += i + end.len;
    return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* "amp", "#38", "#x26" to a code point; 0 when it is none we know. */
static uint32_t entity_value(gt_str name)
{
    static const struct {
        const char *name;
        char value;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (gt_str_eq(name, gt_str_c(known[i].name)))
            return (uint32_t)known[i].value;
    }
    if (name.len < 2 || name.ptr[0] != '#')
        return 0;
    bool hex = name.ptr[1] == 'x' || name.ptr[1] == 'X';
    uint32_t value = 0;
    for (size_t i = hex ? 2 : 1; i < name.len; i++) {
        char c = name.ptr[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (hex && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return 0;
        value = value * (hex ? 16 : 10) + digit;
        if (value > 0x10FFFF)
            return 0;
    }
    return value >= 0xD800 && value <= 0xDFFF ? 0 : value;
}

/* Character data to text: entities decoded (a decoded one is never longer than its source). */
static gt_status decode_text(parser *p, gt_str raw, gt_str *ret)
{
    if (gt_str_find_byte(raw, '&') == GT_NPOS) {
        *ret = raw;
        return GT_OK;
    }
    char *out = gt_arena_alloc(p->arena, raw.len);
    if (!out)
        return gt_arena_status(p->arena);
    size_t n = 0;
    for (size_t i = 0; i < raw.len;) {
        if (raw.ptr[i] != '&') {
            out[n++] = raw.ptr[i++];
            continue;
        }
        size_t end = gt_str_find_byte(gt_str_from(raw, i), ';');
        if (end == GT_NPOS)
            return GT_INVALID;
        uint32_t value = entity_value((gt_str){raw.ptr + i + 1, end - 1});
        if (!value)
            return GT_INVALID;
        n += put_utf8(out + n, value);
        i += end + 1;
    }
    *ret = (gt_str){out, n};
    return GT_OK;
}

/* Comments, processing instructions and white space between elements. */
static gt_status skip_misc(parser *p)
{
    for (;;) {
        skip_space(p);
        if (at(p, GT_STR("<?"))) {
            if (!skip_past(p, GT_STR("?>")))
                return GT_INVALID;
        } else if (at(p, GT_STR("<!--"))) {
            if (!skip_past(p, GT_STR("-->")))
                return GT_INVALID;
        } else {
            return at(p, GT_STR("<!")) ? GT_INVALID : GT_OK;
        }
    }
}

/* At '<' of a start tag: its local name; *ret_empty for <a/>. Attributes are stepped over. */
static gt_status read_start_tag(parser *p, gt_str *ret_full, bool *ret_empty)
{
    if (p->pos >= p->text.len || p->text.ptr[p->pos] != '<')
        return GT_INVALID;
    size_t begin = ++p->pos;
    while (p->pos < p->text.len && !is_space(p->text.ptr[p->pos]) && p->text.ptr[p->pos] != '>' &&
           p->text.ptr[p->pos] != '/' && p->text.ptr[p->pos] != '<')
        p->pos++;
    *ret_full = (gt_str){p->text.ptr + begin, p->pos - begin};
    if (!ret_full->len)
        return GT_INVALID;
    char quote = 0;
    for (; p->pos < p->text.len; p->pos++) {
        char c = p->text.ptr[p->pos];
        if (quote) {
            if (c == quote)
                quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            return GT_INVALID;
        } else if (c == '>') {
            *ret_empty = p->text.ptr[p->pos - 1] == '/';
            p->pos++;
            return GT_OK;
        }
    }
    return GT_INVALID;
}

static gt_str local_name(gt_str full)
{
    size_t colon = gt_str_rfind_byte(full, ':');
    return colon == GT_NPOS ? full : gt_str_from(full, colon + 1);
}

static bool read_end_tag(parser *p, gt_str full)
{
    p->pos += 2;
    if (!at(p, full))
        return false;
    p->pos += full.len;
    skip_space(p);
    if (!at(p, GT_STR(">")))
        return false;
    p->pos++;
    return true;
}

static gt_status read_element(parser *p, unsigned depth, gt_xml **ret);

/* Append a piece of character data to node->text. */
static gt_status add_text(parser *p, gt_xml *node, gt_str piece)
{
    if (!piece.len || node->first) /* what stands between elements is layout */
        return GT_OK;
    if (!node->text.len) {
        node->text = piece;
        return GT_OK;
    }
    char *joined = gt_arena_alloc(p->arena, node->text.len + piece.len);
    if (!joined)
        return gt_arena_status(p->arena);
    memcpy(joined, node->text.ptr, node->text.len);
    memcpy(joined + node->text.len, piece.ptr, piece.len);
    node->text = (gt_str){joined, node->text.len + piece.len};
    return GT_OK;
}

static gt_status read_cdata(parser *p, gt_xml *node)
{
    p->pos += 9;
    size_t begin = p->pos;
    if (!skip_past(p, GT_STR("]]>")))
        return GT_INVALID;
    return add_text(p, node, (gt_str){p->text.ptr + begin, p->pos - 3 - begin});
}

/* Behind the start tag of `full`: everything up to and with its end tag. */
static gt_status read_content(parser *p, gt_xml *node, gt_str full, unsigned depth)
{
    for (;;) {
        size_t begin = p->pos;
        size_t len = gt_str_find_byte(gt_str_from(p->text, begin), '<');
        if (len == GT_NPOS)
            return GT_INVALID;
        p->pos += len;
        gt_str piece = GT_STR_NULL;
        GT_TRY(decode_text(p, (gt_str){p->text.ptr + begin, len}, &piece));
        GT_TRY(add_text(p, node, piece));
        if (at(p, GT_STR("</"))) {
            if (node->first)
                node->text = GT_STR_NULL;
            return read_end_tag(p, full) ? GT_OK : GT_INVALID;
        }
        if (at(p, GT_STR("<![CDATA["))) {
            GT_TRY(read_cdata(p, node));
        } else if (at(p, GT_STR("<!")) || at(p, GT_STR("<?"))) {
            GT_TRY(skip_misc(p));
        } else {
            gt_xml *child = NULL;
            GT_TRY(read_element(p, depth + 1, &child));
            if (node->last)
                node->last->next = child;
            else
                node->first = child;
            node->last = child;
        }
    }
}

static gt_status read_element(parser *p, unsigned depth, gt_xml **ret)
{
    if (depth > GT_XML_DEPTH_MAX)
        return GT_LIMIT;
    gt_str full = GT_STR_NULL;
    bool empty = false;
    GT_TRY(read_start_tag(p, &full, &empty));
    gt_xml *node = gt_arena_new_of(p->arena, gt_xml);
    if (!node)
        return gt_arena_status(p->arena);
    node->name = local_name(full);
    node->text = (gt_str){"", 0};
    if (!empty)
        GT_TRY(read_content(p, node, full, depth));
    *ret = node;
    return GT_OK;
}

gt_status gt_xml_parse(gt_arena *arena, gt_str text, gt_xml **ret)
{
    parser p = {arena, text, 0};
    if (at(&p, GT_STR("\xEF\xBB\xBF")))
        p.pos = 3;
    GT_TRY(skip_misc(&p));
    gt_xml *root = NULL;
    GT_TRY(read_element(&p, 0, &root));
    GT_TRY(skip_misc(&p));
    if (p.pos != text.len)
        return GT_INVALID;
    *ret = root;
    return GT_OK;
}

static const gt_xml *find_name(const gt_xml *node, gt_str name)
{
    while (node && !gt_str_eq(node->name, name))
        node = node->next;
    return node;
}

const gt_xml *gt_xml_child(const gt_xml *node, const char *name)
{
    return node ? find_name(node->first, gt_str_c(name)) : NULL;
}

const gt_xml *gt_xml_next(const gt_xml *node)
{
    return node ? find_name(node->next, node->name) : NULL;
}

const gt_xml *gt_xml_path(const gt_xml *node, const char *path)
{
    gt_str rest = gt_str_c(path);
    while (node && rest.len) {
        gt_str name;
        rest = gt_str_cut(rest, '/', &name);
        node = find_name(node->first, name);
    }
    return node;
}

gt_str gt_xml_text(const gt_xml *node, const char *path)
{
    const gt_xml *found = gt_xml_path(node, path);
    return found ? found->text : GT_STR_NULL;
}
