#include "base/utf8.h"
#include "toml/toml_internal.h"

/* A string's raw text between its quotes. */
typedef struct raw_string {
    size_t open;  /* of the first quote */
    size_t begin; /* of the text */
    size_t end;
    size_t close; /* behind the last quote */
    char quote;
    bool multi_line;
    bool escaped; /* it holds a backslash that means something */
} raw_string;

static size_t quotes_at(const toml_parser *ps, size_t pos, char quote)
{
    size_t n = 0;
    while (toml_at(ps, pos + n) == quote)
        n++;
    return n;
}

static bool unterminated(toml_parser *ps, const raw_string *raw, size_t end)
{
    const char *hint = raw->multi_line ? "close it with the three quotes it began with"
                                       : "close it on the same line, or use three quotes";
    gt_span span = {raw->open, raw->multi_line ? raw->begin : end};
    gt_diag_error(ps->diags, "TOML-002", span, hint, "this string is not closed");
    ps->pos = end;
    return false;
}

/* Find where the string ends; nothing is decoded yet. */
static bool find_end(toml_parser *ps, raw_string *raw)
{
    size_t pos = raw->begin;
    for (;;) {
        int c = toml_at(ps, pos);
        if (c < 0 || (c == '\n' && !raw->multi_line)) {
            if (c == '\n' && pos > raw->begin && toml_at(ps, pos - 1) == '\r')
                pos--;
            return unterminated(ps, raw, pos);
        }
        if (c == '\\' && raw->quote == '"') {
            raw->escaped = true;
            pos += toml_at(ps, pos + 1) == '\n' && !raw->multi_line ? 1 : 2;
            continue;
        }
        if (c == raw->quote) {
            size_t n = quotes_at(ps, pos, raw->quote);
            if (!raw->multi_line || n >= 3) {
                /* up to two quotes may stand before the closing three */
                size_t before = !raw->multi_line ? 0 : n >= 5 ? 2 : n - 3;
                raw->end = pos + before;
                raw->close = raw->end + (raw->multi_line ? 3 : 1);
                return true;
            }
            pos += n;
            continue;
        }
        pos++;
    }
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The digits of \x, \u or \U at pos. */
static bool hex_escape(toml_parser *ps, const raw_string *raw, size_t pos, size_t digits,
                       uint32_t *ret)
{
    uint32_t cp = 0;
    size_t i = 0;
    for (; i < digits && pos + i < raw->end; i++) {
        int digit = hex_digit(toml_at(ps, pos + i));
        if (digit < 0)
            break;
        cp = cp << 4 | (uint32_t)digit;
    }
    gt_span span = {pos - 2, pos + i};
    if (i < digits) {
        gt_diag_error(ps->diags, "TOML-003", span, NULL, "this escape needs %zu hexadecimal digits",
                      digits);
        return false;
    }
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) {
        gt_diag_error(ps->diags, "TOML-003", span, "surrogates and values past 10FFFF are none",
                      "this escape is no Unicode character");
        return false;
    }
    *ret = cp;
    return true;
}

/* The length of "\ <white space> <line end> <white space>…" at pos, which stands for nothing; 0
 * when it is something else. */
static size_t line_continuation(const toml_parser *ps, const raw_string *raw, size_t pos)
{
    size_t i = pos + 1;
    bool line_end = false;
    for (; i < raw->end; i++) {
        int c = toml_at(ps, i);
        if (c == '\n')
            line_end = true;
        else if (c != ' ' && c != '\t' && c != '\r')
            break;
    }
    return line_end ? i - pos : 0;
}

static int simple_escape(const toml_parser *ps, int c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'f':
        return '\f';
    case 'r':
        return '\r';
    case '"':
        return '"';
    case '\\':
        return '\\';
    case 'e':
        return ps->version == GT_TOML_1_1 ? 0x1B : -1;
    default:
        return -1;
    }
}

static size_t hex_digits_of(const toml_parser *ps, int c)
{
    if (c == 'x' && ps->version == GT_TOML_1_1)
        return 2;
    return c == 'u' ? 4 : c == 'U' ? 8 : 0;
}

/* One escape at pos, decoded to out. Returns its length in the text, 0 after a diagnostic. */
static size_t decode_escape(toml_parser *ps, const raw_string *raw, size_t pos, char **out)
{
    int c = toml_at(ps, pos + 1);
    size_t digits = hex_digits_of(ps, c);
    if (digits) {
        uint32_t cp;
        if (!hex_escape(ps, raw, pos + 2, digits, &cp))
            return 0;
        *out = gt_utf8_put(*out, cp);
        return 2 + digits;
    }
    int simple = simple_escape(ps, c);
    if (simple >= 0) {
        *(*out)++ = (char)simple;
        return 2;
    }
    size_t skipped = raw->multi_line ? line_continuation(ps, raw, pos) : 0;
    if (!skipped)
        gt_diag_error(ps->diags, "TOML-003", ((gt_span){pos, pos + 2}),
                      "a backslash in \"…\" is written \\\\, or use '…', which knows no escapes",
                      "this is no escape");
    return skipped;
}

/* Decode the escapes, and remember for every byte where it came from. */
static bool decode(toml_parser *ps, const raw_string *raw, gt_toml *node)
{
    size_t max = raw->end - raw->begin;
    char *text = gt_arena_alloc(ps->arena, max + 1);
    uint32_t *map = gt_arena_alloc(ps->arena, (max + 1) * sizeof *map);
    if (!text || !map)
        return false;
    bool good = true;
    char *out = text;
    size_t pos = raw->begin;
    while (pos < raw->end) {
        char *before = out;
        size_t taken = 1;
        if (ps->text.ptr[pos] == '\\') {
            taken = decode_escape(ps, raw, pos, &out);
            good = good && taken;
            taken = taken ? taken : 2;
        } else {
            *out++ = ps->text.ptr[pos];
        }
        for (; before < out; before++)
            map[before - text] = (uint32_t)pos;
        pos += taken;
    }
    *out = '\0';
    map[out - text] = (uint32_t)raw->end;
    node->str = (gt_str){text, (size_t)(out - text)};
    node->where = (gt_offsets){raw->begin, map};
    return good;
}

bool toml_parse_string(toml_parser *ps, bool multi_line_allowed, gt_toml **ret)
{
    raw_string raw = {.open = ps->pos, .quote = (char)toml_peek(ps)};
    raw.multi_line = multi_line_allowed && quotes_at(ps, ps->pos, raw.quote) >= 3;
    raw.begin = ps->pos + (raw.multi_line ? 3 : 1);
    if (raw.multi_line) { /* a line end right behind the quotes is not part of the string */
        size_t cr = toml_at(ps, raw.begin) == '\r';
        if (toml_at(ps, raw.begin + cr) == '\n')
            raw.begin += cr + 1;
    }
    if (!find_end(ps, &raw))
        return false;
    ps->pos = raw.close;
    gt_toml *node = toml_new(ps->arena, GT_TOML_STRING, (gt_span){raw.open, raw.close});
    if (!node)
        return false;
    node->str = (gt_str){ps->text.ptr + raw.begin, raw.end - raw.begin};
    node->where = (gt_offsets){raw.begin, NULL};
    if (raw.escaped && !decode(ps, &raw, node))
        return false;
    *ret = node;
    return true;
}
