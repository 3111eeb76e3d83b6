/* The structure of a TOML text: keys, headers, arrays, inline tables, and going on after a mistake.
 */
#include "base/limits.h"
#include "base/utf8.h"
#include "toml/toml_internal.h"

/* --- white space ------------------------------------------------------------------------------ */

static void skip_blanks(toml_parser *ps)
{
    while (toml_peek(ps) == ' ' || toml_peek(ps) == '\t')
        ps->pos++;
}

static void skip_comment(toml_parser *ps)
{
    if (toml_peek(ps) == '#')
        while (toml_peek(ps) >= 0 && toml_peek(ps) != '\n')
            ps->pos++;
}

static void skip_blank_lines(toml_parser *ps)
{
    for (;;) {
        skip_blanks(ps);
        skip_comment(ps);
        int c = toml_peek(ps);
        if (c != '\n' && c != '\r')
            return;
        ps->pos++;
    }
}

static bool fail(toml_parser *ps, const char *code, size_t begin, size_t end, const char *hint,
                 const char *message)
{
    gt_diag_error(ps->diags, code, ((gt_span){begin, end}), hint, "%s", message);
    return false;
}

/* The place of the next byte, empty at the end of a line. */
static bool fail_here(toml_parser *ps, const char *code, const char *hint, const char *message)
{
    int c = toml_peek(ps);
    size_t n = c >= 0 && c != '\n' && c != '\r';
    return fail(ps, code, ps->pos, ps->pos + n, hint, message);
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool is_bare_byte(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

static bool parse_key_part(toml_parser *ps, gt_str *ret, gt_span *ret_span)
{
    size_t begin = ps->pos;
    int c = toml_peek(ps);
    if (c == '"' || c == '\'') {
        gt_toml *string;
        if (!toml_parse_string(ps, false, &string))
            return false;
        *ret = string->str;
    } else {
        while (is_bare_byte(toml_peek(ps)))
            ps->pos++;
        if (ps->pos == begin)
            return fail_here(ps, "TOML-004",
                             "a key is letters, digits, '-' and '_', or stands in quotes",
                             "a key is missing here");
        *ret = (gt_str){ps->text.ptr + begin, ps->pos - begin};
    }
    *ret_span = (gt_span){begin, ps->pos};
    return true;
}

/* A dotted key, one part at a time: *ret_more when another part follows. */
static bool next_key_part(toml_parser *ps, gt_str *ret, gt_span *ret_span, bool *ret_more)
{
    skip_blanks(ps);
    if (!parse_key_part(ps, ret, ret_span))
        return false;
    skip_blanks(ps);
    *ret_more = toml_peek(ps) == '.';
    if (*ret_more)
        ps->pos++;
    return true;
}

static gt_toml *new_member(toml_parser *ps, gt_toml *table, gt_str key, gt_span key_span,
                           gt_toml *value)
{
    if (!value)
        return NULL;
    value->key = key;
    value->key_span = key_span;
    return toml_table_add(ps->arena, table, value) ? value : NULL;
}

static gt_toml *new_table(toml_parser *ps, gt_span span, uint8_t made)
{
    gt_toml *table = toml_new(ps->arena, GT_TOML_TABLE, span);
    if (table)
        table->made = made;
    return table;
}

static bool refuse_key(toml_parser *ps, const char *code, gt_span span, const gt_toml *earlier,
                       const char *what)
{
    gt_line_col at = gt_diag_locate(ps->text, earlier->key_span.begin);
    gt_str key = {ps->text.ptr + span.begin, span.end - span.begin};
    gt_diag_error(ps->diags, code, span, NULL, "%.*s %s in line %zu", GT_STR_ARG(key), what,
                  at.line);
    return false;
}

static bool deeper(toml_parser *ps, gt_span span)
{
    if (++ps->depth <= GT_TOML_DEPTH_MAX)
        return true;
    ps->too_deep = true;
    gt_diag_error(ps->diags, "TOML-013", span, NULL, "nested deeper than %d levels",
                  GT_TOML_DEPTH_MAX);
    return false;
}

/* --- key = value ------------------------------------------------------------------------------ */

/* The table that the first parts of `a.b.c = …` lead to from *table, and the last part. */
static bool walk_dotted(toml_parser *ps, gt_toml **table, gt_str *ret_key, gt_span *ret_span)
{
    bool more = true;
    for (;;) {
        if (!next_key_part(ps, ret_key, ret_span, &more))
            return false;
        if (!more)
            return true;
        if (!deeper(ps, *ret_span))
            return false;
        gt_toml *next = gt_toml_get(*table, *ret_key);
        if (!next)
            next = new_member(ps, *table, *ret_key, *ret_span,
                              new_table(ps, *ret_span, MADE_BY_DOTS));
        else if (next->type != GT_TOML_TABLE)
            return refuse_key(ps, "TOML-009", *ret_span, next, "has a value already,");
        else if (next->made != MADE_BY_DOTS)
            return refuse_key(ps, "TOML-010", *ret_span, next, "is a table of its own, begun");
        if (!next)
            return false;
        *table = next;
    }
}

static bool parse_key_value(toml_parser *ps, gt_toml *table)
{
    gt_str key;
    gt_span key_span;
    gt_toml *value;
    unsigned depth = ps->depth;
    if (!walk_dotted(ps, &table, &key, &key_span))
        return false;
    if (toml_peek(ps) != '=')
        return fail_here(ps, "TOML-005", NULL, "'=' is missing here");
    ps->pos++;
    skip_blanks(ps);
    if (!toml_parse_value(ps, &value))
        return false;
    ps->depth = depth;
    gt_toml *earlier = gt_toml_get(table, key);
    if (earlier)
        return refuse_key(ps, "TOML-009", key_span, earlier, "was given already,");
    return new_member(ps, table, key, key_span, value) != NULL;
}

/* --- arrays and inline tables ----------------------------------------------------------------- */

static bool parse_array(toml_parser *ps, gt_toml **ret)
{
    size_t begin = ps->pos++;
    gt_toml *array = toml_new(ps->arena, GT_TOML_ARRAY, (gt_span){begin, begin + 1}), *element;
    if (!array)
        return false;
    array->made = MADE_CLOSED;
    for (;;) {
        skip_blank_lines(ps);
        if (toml_peek(ps) == ']')
            break;
        if (toml_peek(ps) < 0)
            return fail(ps, "TOML-012", begin, begin + 1, NULL, "this array is not closed");
        if (!toml_parse_value(ps, &element))
            return false;
        toml_array_add(array, element);
        skip_blank_lines(ps);
        if (toml_peek(ps) == ',')
            ps->pos++;
        else if (toml_peek(ps) != ']')
            return fail_here(ps, "TOML-012", NULL, "',' or ']' is missing here");
    }
    array->span.end = ++ps->pos;
    *ret = array;
    return true;
}

/* Between the parts of an inline table: TOML 1.1 allows line ends and comments there. */
static void skip_inline(toml_parser *ps)
{
    if (ps->version == GT_TOML_1_1)
        skip_blank_lines(ps);
    else
        skip_blanks(ps);
}

/* Nothing can be added to an inline table later, nor to the tables inside it. */
static void close_tables(gt_toml *table)
{
    table->made = MADE_CLOSED;
    for (gt_toml *m = table->first; m; m = m->next)
        if (m->type == GT_TOML_TABLE && m->made == MADE_BY_DOTS)
            close_tables(m);
}

static bool parse_inline_table(toml_parser *ps, gt_toml **ret)
{
    size_t begin = ps->pos++;
    gt_toml *table = new_table(ps, (gt_span){begin, begin + 1}, MADE_CLOSED);
    if (!table)
        return false;
    skip_inline(ps);
    while (toml_peek(ps) != '}' || (table->count && ps->version == GT_TOML_1_0)) {
        if (!parse_key_value(ps, table))
            return false;
        skip_inline(ps);
        if (toml_peek(ps) == '}')
            break;
        if (toml_peek(ps) != ',')
            return fail_here(ps, "TOML-012", "an inline table ends on the line it begins on",
                             "',' or '}' is missing here");
        ps->pos++;
        skip_inline(ps);
    }
    table->span.end = ++ps->pos;
    close_tables(table);
    *ret = table;
    return true;
}

bool toml_parse_value(toml_parser *ps, gt_toml **ret)
{
    int c = toml_peek(ps);
    if (c == '"' || c == '\'')
        return toml_parse_string(ps, true, ret);
    if (c != '[' && c != '{')
        return toml_parse_scalar(ps, ret);
    if (!deeper(ps, (gt_span){ps->pos, ps->pos + 1}))
        return false;
    bool good = c == '[' ? parse_array(ps, ret) : parse_inline_table(ps, ret);
    ps->depth--;
    return good;
}

/* --- headers ---------------------------------------------------------------------------------- */

/* One step of a header's path, not the last. */
static gt_toml *step_into(toml_parser *ps, gt_toml *table, gt_str key, gt_span span)
{
    gt_toml *next = gt_toml_get(table, key);
    if (!next)
        return new_member(ps, table, key, span, new_table(ps, span, MADE_IMPLICITLY));
    if (next->type == GT_TOML_ARRAY && next->made == MADE_BY_ARRAY)
        return next->last;
    if (next->type == GT_TOML_TABLE && next->made != MADE_CLOSED)
        return next;
    refuse_key(ps, next->type == GT_TOML_TABLE ? "TOML-010" : "TOML-009", span, next,
               next->type == GT_TOML_TABLE ? "is an inline table, closed" : "has a value already,");
    return NULL;
}

static gt_toml *open_table(toml_parser *ps, gt_toml *parent, gt_str key, gt_span span)
{
    gt_toml *table = gt_toml_get(parent, key);
    if (!table)
        return new_member(ps, parent, key, span, new_table(ps, span, MADE_BY_HEADER));
    if (table->type == GT_TOML_TABLE && table->made == MADE_IMPLICITLY) {
        table->made = MADE_BY_HEADER;
        table->span = table->key_span = span;
        return table;
    }
    refuse_key(ps, "TOML-010", span, table,
               table->type == GT_TOML_TABLE ? "was defined already," : "has a value already,");
    return NULL;
}

static gt_toml *open_element(toml_parser *ps, gt_toml *parent, gt_str key, gt_span span)
{
    gt_toml *array = gt_toml_get(parent, key);
    if (!array) {
        array = new_member(ps, parent, key, span, toml_new(ps->arena, GT_TOML_ARRAY, span));
        if (!array)
            return NULL;
        array->made = MADE_BY_ARRAY;
    } else if (array->type != GT_TOML_ARRAY || array->made != MADE_BY_ARRAY) {
        refuse_key(ps, "TOML-010", span, array, "is no array of tables; it was defined");
        return NULL;
    }
    gt_toml *table = new_table(ps, span, MADE_BY_HEADER);
    if (table)
        toml_array_add(array, table);
    return table;
}

/* [a.b] or [[a.b]]. */
static bool parse_header(toml_parser *ps)
{
    size_t begin = ps->pos;
    bool element = toml_at(ps, begin + 1) == '[', more = true;
    gt_toml *table = ps->root;
    gt_str key = GT_STR_NULL;
    gt_span span = {begin, begin};
    ps->pos += 1 + element;
    for (;;) {
        if (!next_key_part(ps, &key, &span, &more))
            return false;
        if (!more)
            break;
        if (!deeper(ps, span) || !(table = step_into(ps, table, key, span)))
            return false;
    }
    size_t close = 1 + element;
    for (size_t i = 0; i < close; i++)
        if (toml_at(ps, ps->pos + i) != ']')
            return fail_here(ps, "TOML-014", NULL,
                             element ? "']]' is missing here" : "']' is missing here");
    ps->pos += close;
    table = element ? open_element(ps, table, key, span) : open_table(ps, table, key, span);
    if (!table)
        return false;
    table->span = (gt_span){begin, ps->pos};
    ps->table = table;
    return true;
}

/* --- the whole text --------------------------------------------------------------------------- */

/* What no part of a TOML text may hold: invalid UTF-8 and control characters. */
static void check_bytes(toml_parser *ps)
{
    for (size_t i = 0; i < ps->text.len;) {
        size_t plain = gt_utf8_plain(gt_str_from(ps->text, i));
        if (plain) {
            i += plain;
            continue;
        }
        unsigned char c = (unsigned char)ps->text.ptr[i];
        size_t n = gt_utf8_length(gt_str_from(ps->text, i));
        if (!n) {
            gt_diag_error(ps->diags, "TOML-001", ((gt_span){i, i + 1}), "save the file as UTF-8",
                          "byte 0x%02X is not UTF-8", c);
        } else if ((c < 0x20 && c != '\t' && c != '\n' &&
                    !(c == '\r' && toml_at(ps, i + 1) == '\n')) ||
                   c == 0x7F) {
            gt_diag_error(ps->diags, "TOML-001", ((gt_span){i, i + 1}),
                          "write it as an escape, as in \"\\u001B\"",
                          "control character 0x%02X is not allowed", c);
        }
        i += n ? n : 1;
    }
}

/* Does the line at pos begin a key or a header? Then parsing can go on here after a mistake. */
static bool begins_statement(const toml_parser *ps, size_t pos)
{
    while (toml_at(ps, pos) == ' ' || toml_at(ps, pos) == '\t')
        pos++;
    if (toml_at(ps, pos) ==
        '[') /* a header's key follows at once; an array's text mostly does not */
        return is_bare_byte(toml_at(ps, pos + 1)) || toml_at(ps, pos + 1) == '[';
    size_t begin = pos;
    while (is_bare_byte(toml_at(ps, pos)) || toml_at(ps, pos) == '.' || toml_at(ps, pos) == ' ' ||
           toml_at(ps, pos) == '\t')
        pos++;
    return pos > begin && toml_at(ps, pos) == '=';
}

static void resync(toml_parser *ps)
{
    for (;;) {
        while (toml_peek(ps) >= 0 && toml_peek(ps) != '\n')
            ps->pos++;
        if (toml_peek(ps) < 0)
            return;
        ps->pos++;
        if (ps->depth == 0 ||
            begins_statement(ps, ps->pos)) /* depth: inside an array, most likely */
            return;
    }
}

static bool parse_statement(toml_parser *ps)
{
    ps->depth = 0;
    if (toml_peek(ps) == '[') {
        /* keys below a wrong header go nowhere, lest they seem to repeat those above it */
        ps->table = new_table(ps, (gt_span){ps->pos, ps->pos}, MADE_BY_HEADER);
        if (!ps->table || !parse_header(ps))
            return false;
    } else if (!parse_key_value(ps, ps->table)) {
        return false;
    }
    skip_blanks(ps);
    skip_comment(ps);
    int c = toml_peek(ps);
    if (c >= 0 && c != '\n' && c != '\r')
        return fail_here(ps, "TOML-011", NULL, "the line should end here");
    return true;
}

gt_status gt_toml_parse(gt_arena *arena, gt_toml_version version, gt_diags *diags, gt_toml **ret)
{
    toml_parser ps = {.arena = arena, .text = diags->text, .diags = diags, .version = version};
    size_t errors = diags->errors;
    check_bytes(&ps);
    if (gt_str_starts(ps.text, GT_STR("\xEF\xBB\xBF")))
        ps.pos = 3;
    ps.root = ps.table = new_table(&ps, (gt_span){0, 0}, MADE_BY_HEADER);
    if (!ps.root)
        return gt_arena_status(arena);
    for (skip_blank_lines(&ps); toml_peek(&ps) >= 0; skip_blank_lines(&ps)) {
        if (parse_statement(&ps))
            continue;
        if (gt_arena_status(arena) != GT_OK)
            return gt_arena_status(arena);
        resync(&ps);
    }
    if (ps.too_deep)
        return GT_LIMIT;
    if (diags->errors > errors)
        return GT_INVALID;
    *ret = ps.root;
    return GT_OK;
}
