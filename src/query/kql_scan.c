#include "query/kql_scan.h"

/* Where unescaped stars stand while a word is decoded: offsets into the decoded bytes. */
typedef struct decoded {
    gt_arena *scratch;
    char *bytes;
    size_t len;
    size_t cap;
    size_t *stars;
    size_t star_count;
    size_t star_cap;
    bool failed;
} decoded;

size_t gt_kql_space_at(gt_str text, size_t pos)
{
    if (pos >= text.len)
        return 0;
    char c = text.ptr[pos];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return 1;
    return gt_str_starts(gt_str_from(text, pos), GT_STR("\xC2\xA0")) ? 2 : 0;
}

size_t gt_kql_skip_space(gt_str text, size_t pos)
{
    size_t n;
    while ((n = gt_kql_space_at(text, pos)) != 0)
        pos += n;
    return pos;
}

bool gt_kql_is_special(char c)
{
    switch (c) {
    case '\\':
    case '(':
    case ')':
    case ':':
    case '<':
    case '>':
    case '"':
    case '*':
    case '{':
    case '}':
        return true;
    default:
        return false;
    }
}

static bool letters_at(gt_str text, size_t pos, gt_str word)
{
    return pos <= text.len && text.len - pos >= word.len &&
           gt_str_eq_nocase(gt_str_head(gt_str_from(text, pos), word.len), word);
}

gt_kql_keyword gt_kql_keyword_at(gt_str text, size_t pos, size_t *ret_end, gt_span *ret_word)
{
    size_t at = gt_kql_skip_space(text, pos);
    gt_kql_keyword keyword = GT_KQL_NONE;
    size_t len = 3;
    if (at == pos) {
        if (letters_at(text, at, GT_STR("not")))
            keyword = GT_KQL_NOT;
    } else if (letters_at(text, at, GT_STR("and"))) {
        keyword = GT_KQL_AND;
    } else if (letters_at(text, at, GT_STR("or"))) {
        keyword = GT_KQL_OR;
        len = 2;
    }
    if (keyword == GT_KQL_NONE || !gt_kql_space_at(text, at + len))
        return GT_KQL_NONE;
    if (ret_end)
        *ret_end = gt_kql_skip_space(text, at + len);
    if (ret_word)
        *ret_word = (gt_span){at, at + len};
    return keyword;
}

static void put_byte(decoded *d, char c)
{
    if (d->len == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64;
        char *bytes = gt_arena_grow(d->scratch, d->bytes, d->cap, cap);
        if (!bytes) {
            d->failed = true;
            return;
        }
        d->bytes = bytes;
        d->cap = cap;
    }
    d->bytes[d->len++] = c;
}

static void put_star(decoded *d)
{
    if (d->star_count == d->star_cap) {
        size_t cap = d->star_cap ? d->star_cap * 2 : 8;
        size_t *stars = gt_arena_grow(d->scratch, d->stars, d->star_cap * sizeof(size_t),
                                      cap * sizeof(size_t));
        if (!stars) {
            d->failed = true;
            return;
        }
        d->stars = stars;
        d->star_cap = cap;
    }
    d->stars[d->star_count++] = d->len;
    put_byte(d, '*');
}

static void put_code_point(decoded *d, uint32_t c)
{
    if (c < 0x80) {
        put_byte(d, (char)c);
    } else if (c < 0x800) {
        put_byte(d, (char)(0xC0 | c >> 6));
        put_byte(d, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        put_byte(d, (char)(0xE0 | c >> 12));
        put_byte(d, (char)(0x80 | (c >> 6 & 0x3F)));
        put_byte(d, (char)(0x80 | (c & 0x3F)));
    } else {
        put_byte(d, (char)(0xF0 | c >> 18));
        put_byte(d, (char)(0x80 | (c >> 12 & 0x3F)));
        put_byte(d, (char)(0x80 | (c >> 6 & 0x3F)));
        put_byte(d, (char)(0x80 | (c & 0x3F)));
    }
}

static bool hex4(gt_str text, size_t pos, uint32_t *ret)
{
    uint32_t value = 0;
    if (pos > text.len || text.len - pos < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = text.ptr[pos + i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* \t \r \n \uXXXX at the backslash at *pos: the escapes that quoted and unquoted words share. Two
 * escapes may make one character, as JavaScript's strings are UTF-16. */
static bool common_escape(decoded *d, gt_str text, size_t *pos)
{
    char c = *pos + 1 < text.len ? text.ptr[*pos + 1] : '\0';
    uint32_t high, low;
    if (c == 't' || c == 'r' || c == 'n') {
        put_byte(d, c == 't' ? '\t' : c == 'r' ? '\r' : '\n');
        *pos += 2;
        return true;
    }
    if (c != 'u' || !hex4(text, *pos + 2, &high))
        return false;
    *pos += 6;
    if (high >= 0xD800 && high < 0xDC00 && gt_str_starts(gt_str_from(text, *pos), GT_STR("\\u")) &&
        hex4(text, *pos + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        *pos += 6;
        high = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    } else if (high >= 0xD800 && high < 0xE000) {
        high = 0xFFFD;
    }
    put_code_point(d, high);
    return true;
}

static gt_kql_word_status read_quoted(decoded *d, gt_str text, size_t *pos)
{
    size_t at = *pos + 1;
    while (at < text.len && text.ptr[at] != '"') {
        if (text.ptr[at] == '\\') {
            if (common_escape(d, text, &at))
                continue;
            if (at + 1 < text.len && (text.ptr[at + 1] == '"' || text.ptr[at + 1] == '\\'))
                at++; /* any other backslash stands for itself */
        }
        put_byte(d, text.ptr[at++]);
    }
    if (at >= text.len) {
        *pos = text.len;
        return GT_KQL_WORD_UNCLOSED;
    }
    *pos = at + 1;
    return GT_KQL_WORD_OK;
}

/* \SPECIAL, \and, \or, \not. */
static bool word_escape(decoded *d, gt_str text, size_t *pos)
{
    static const gt_str words[] = {{"and", 3}, {"or", 2}, {"not", 3}};
    if (*pos + 1 < text.len && gt_kql_is_special(text.ptr[*pos + 1])) {
        put_byte(d, text.ptr[*pos + 1]);
        *pos += 2;
        return true;
    }
    for (size_t i = 0; i < 3; i++) {
        if (letters_at(text, *pos + 1, words[i])) {
            for (size_t k = 0; k < words[i].len; k++)
                put_byte(d, text.ptr[*pos + 1 + k]);
            *pos += 1 + words[i].len;
            return true;
        }
    }
    return false;
}

static gt_kql_word_status read_unquoted(decoded *d, gt_str text, size_t *pos, size_t *ret_end)
{
    size_t at = *pos;
    *ret_end = at;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '\\') {
            if (!common_escape(d, text, &at) && !word_escape(d, text, &at)) {
                *pos = at;
                return GT_KQL_WORD_BAD_ESCAPE;
            }
            *ret_end = at;
        } else if (c == '*') {
            put_star(d);
            *ret_end = ++at;
        } else if (gt_kql_is_special(c) || gt_kql_keyword_at(text, at, NULL, NULL)) {
            break;
        } else if (gt_kql_space_at(text, at)) {
            /* The whole run at once: a keyword was looked for behind it already. */
            for (size_t end = gt_kql_skip_space(text, at); at < end; at++)
                put_byte(d, text.ptr[at]);
        } else {
            put_byte(d, c);
            *ret_end = ++at;
        }
    }
    if (at == *pos)
        return GT_KQL_WORD_EMPTY;
    *pos = at;
    return GT_KQL_WORD_OK;
}

/* Length of the character at p when JavaScript's trim() would take it away, else 0. */
static size_t js_space(const char *p, size_t left)
{
    static const char *const wide[] = {
        "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82",
        "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87",
        "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9",
        "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80", "\xEF\xBB\xBF",
    };
    if (!left)
        return 0;
    if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t n = strlen(wide[i]);
        if (left >= n && memcmp(p, wide[i], n) == 0)
            return n;
    }
    return 0;
}

static gt_str js_trim(gt_str s)
{
    size_t n;
    while ((n = js_space(s.ptr, s.len)) != 0)
        s = gt_str_from(s, n);
    for (bool cut = true; cut && s.len;) {
        cut = false;
        for (size_t back = 1; back <= 3 && back <= s.len && !cut; back++) {
            if (js_space(s.ptr + s.len - back, back) == back) {
                s.len -= back;
                cut = true;
            }
        }
    }
    return s;
}

/* Cut the trimmed text at its stars. */
static bool split_parts(decoded *d, gt_ast_word *word)
{
    size_t base = (size_t)(word->text.ptr - d->bytes);
    word->part_count = d->star_count + 1;
    word->parts = gt_arena_array(d->scratch, gt_str, word->part_count);
    if (!word->parts)
        return false;
    size_t from = 0;
    for (size_t i = 0; i < d->star_count; i++) {
        size_t star = d->stars[i] - base;
        word->parts[i] = (gt_str){word->text.ptr + from, star - from};
        from = star + 1;
    }
    word->parts[d->star_count] = gt_str_from(word->text, from);
    return true;
}

gt_kql_word_status gt_kql_word_read(gt_arena *scratch, gt_str text, size_t *pos, gt_ast_word *ret)
{
    decoded d = {.scratch = scratch};
    size_t begin = *pos, end;
    gt_kql_word_status status;
    gt_ast_word word = {.quoted = begin < text.len && text.ptr[begin] == '"'};
    if (word.quoted) {
        status = read_quoted(&d, text, pos);
        end = *pos;
    } else {
        status = read_unquoted(&d, text, pos, &end);
    }
    if (d.failed)
        return GT_KQL_WORD_NOMEM;
    if (status != GT_KQL_WORD_OK)
        return status;
    word.span = (gt_span){begin, end};
    word.text = d.bytes ? (gt_str){d.bytes, d.len} : GT_STR("");
    if (!word.quoted) {
        word.text = js_trim(word.text);
        word.null = d.star_count == 0 && gt_str_is(word.text, "null");
        if (d.star_count && !split_parts(&d, &word))
            return GT_KQL_WORD_NOMEM;
    }
    *ret = word;
    return GT_KQL_WORD_OK;
}
