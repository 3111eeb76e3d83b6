/* KQL's grammar by recursive descent. Kibana's own is a PEG, but none of its alternatives can succeed
 * after a longer one has failed behind a ':' or a bracket, so one token decides.
 *
 * After a mistake the parser goes on at the next `and`, `or` or closing bracket of the same level,
 * so that one mistake is one error. */
#include "base/limits.h"
#include "query/ast.h"
#include "query/kql_scan.h"

typedef struct parser {
    gt_arena *scratch;
    gt_str text;
    gt_offsets where;
    gt_diags *diags;
    size_t pos;
    unsigned depth;
    bool invalid;
    bool swallowed; /* an error reached to the end: brackets left open are no news */
    size_t blamed;  /* the place of the last error of word_error, + 1 */
    gt_status fatal;
} parser;

static gt_ast *parse_or(parser *p, const gt_ast_word *field);

#define ERROR(p, code, begin, end, hint, ...)                                                      \
    do {                                                                                           \
        (p)->invalid = true;                                                                       \
        gt_diag_error((p)->diags, code, gt_offsets_span((p)->where, (gt_span){(begin), (end)}),    \
                      hint, __VA_ARGS__);                                                          \
    } while (0)

static gt_ast *node(parser *p, gt_ast_kind kind, size_t begin, size_t end)
{
    gt_ast *made = gt_arena_new_of(p->scratch, gt_ast);
    if (!made) {
        if (p->fatal == GT_OK)
            p->fatal = gt_arena_status(p->scratch);
        p->pos = p->text.len;
        return NULL;
    }
    made->kind = kind;
    made->span = (gt_span){begin, end};
    return made;
}

static char peek(const parser *p, size_t pos)
{
    return pos < p->text.len ? p->text.ptr[pos] : '\0';
}

static bool at_end(const parser *p, size_t pos)
{
    return pos >= p->text.len;
}

/* Behind the quoted string at pos, or pos + 1 when its partner is missing. */
static size_t skip_quoted(const parser *p, size_t pos)
{
    for (size_t at = pos + 1; at < p->text.len; at++) {
        if (p->text.ptr[at] == '\\')
            at++;
        else if (p->text.ptr[at] == '"')
            return at + 1;
    }
    return pos + 1;
}

/* Go on where the level that the mistake is in goes on. */
static void resync(parser *p)
{
    size_t level = 0, at = p->pos;
    while (at < p->text.len) {
        char c = p->text.ptr[at];
        gt_kql_keyword keyword = gt_kql_keyword_at(p->text, at, NULL, NULL);
        if (level == 0 && (keyword == GT_KQL_AND || keyword == GT_KQL_OR))
            break;
        if (c == '\\') {
            at += 2;
            continue;
        }
        if (c == '"') {
            at = skip_quoted(p, at);
            continue;
        }
        if ((c == ')' || c == '}') && level-- == 0)
            break;
        if (c == '(' || c == '{')
            level++;
        size_t next = gt_kql_skip_space(p->text, at);
        at = next > at ? next : at + 1;
    }
    p->pos = at < p->text.len ? at : p->text.len;
    if (p->pos == p->text.len)
        p->swallowed = true;
}

static gt_ast *recover(parser *p, size_t begin)
{
    resync(p);
    return node(p, GT_AST_ERROR, begin, p->pos);
}

/* Length of the character at pos, for spans. */
static size_t char_len(const parser *p, size_t pos)
{
    size_t n = 1;
    while (pos + n < p->text.len && ((unsigned char)p->text.ptr[pos + n] & 0xC0) == 0x80)
        n++;
    return pos < p->text.len ? n : 0;
}

static const char *const QUOTE_HINT = "put the value in double quotes, or write a backslash before "
                                      "each of \\ ( ) : < > \" * { }";

/* A word was expected at p->pos and there is none, or a broken one. what: "a value", "a clause". */
static gt_ast *word_error(parser *p, gt_kql_word_status status, size_t begin, const char *what)
{
    size_t at = p->pos;
    char c = peek(p, at);
    gt_span word;
    p->blamed = at + 1;
    switch (status) {
    case GT_KQL_WORD_NOMEM:
        p->fatal = gt_arena_status(p->scratch);
        p->pos = p->text.len;
        return NULL;
    case GT_KQL_WORD_UNCLOSED:
        ERROR(p, "KQL-004", begin, begin + 1, "a quote inside quotes is written \\\"",
              "this quote is never closed");
        p->swallowed = true;
        return node(p, GT_AST_ERROR, begin, p->pos);
    case GT_KQL_WORD_BAD_ESCAPE:
        ERROR(p, "KQL-007", at, at + 1 + char_len(p, at + 1),
              "a backslash itself is written \\\\; in double quotes it needs none before other "
              "letters",
              at + 1 < p->text.len ? "'\\%.*s' is no escape of KQL" : "'\\%.*s' at the end escapes "
              "nothing", (int)char_len(p, at + 1), p->text.ptr + at + 1);
        p->pos = at + 1 + char_len(p, at + 1);
        return recover(p, begin);
    default:
        break;
    }
    if (gt_kql_keyword_at(p->text, at, NULL, &word) == GT_KQL_NOT) {
        ERROR(p, "KQL-009", word.begin, word.end,
              "write f:(not value), not f: value, or not (not …)", "'not' cannot stand here");
        p->pos = word.end;
    } else if (at_end(p, at)) {
        ERROR(p, "KQL-002", at, at, NULL, "the query ends where %s is expected", what);
        p->swallowed = true;
    } else if (c == ')' || c == '}') {
        ERROR(p, "KQL-002", at, at + 1, NULL, "%s is expected before '%c'", what, c);
    } else if (c == '<' || c == '>') {
        ERROR(p, "KQL-011", at, at + 1, "a range is written field > value, without ':'",
              "'%c' needs a field before it", c);
        p->pos++;
    } else {
        ERROR(p, "KQL-001", at, at + 1, QUOTE_HINT, "%s is expected, not '%c'", what, c);
        p->pos++;
        if (c == '(' || c == '{')
            p->pos--;
    }
    return recover(p, begin);
}

static bool enter(parser *p, size_t at)
{
    if (++p->depth <= GT_QUERY_DEPTH_MAX)
        return true;
    ERROR(p, "KQL-017", at, at + 1, NULL, "more than %d brackets inside each other",
          GT_QUERY_DEPTH_MAX);
    if (p->fatal == GT_OK)
        p->fatal = GT_LIMIT;
    p->pos = p->text.len;
    p->swallowed = true;
    return false;
}

/* The bracket that was opened at `open` ends here, or should. */
static void close_bracket(parser *p, size_t open, char closer)
{
    p->depth--;
    p->pos = gt_kql_skip_space(p->text, p->pos);
    if (peek(p, p->pos) == closer && !at_end(p, p->pos)) {
        p->pos++;
    } else if (at_end(p, p->pos)) {
        if (!p->swallowed)
            ERROR(p, "KQL-005", open, open + 1, NULL, "this '%c' is never closed",
                  p->text.ptr[open]);
        p->swallowed = true;
    } else {
        ERROR(p, "KQL-005", p->pos, p->pos + 1, NULL, "'%c' does not close '%c': '%c' is expected",
              p->text.ptr[p->pos], p->text.ptr[open], closer);
        p->pos++;
    }
}

static gt_ast *bracketed(parser *p, size_t open, char closer, const gt_ast_word *field)
{
    if (!enter(p, open))
        return NULL;
    p->pos = gt_kql_skip_space(p->text, open + 1);
    gt_ast *inner;
    if (peek(p, p->pos) == closer && !at_end(p, p->pos)) {
        ERROR(p, "KQL-002", open, p->pos + 1, NULL, "nothing stands between these brackets");
        inner = node(p, GT_AST_ERROR, open, p->pos + 1);
    } else {
        inner = parse_or(p, field);
    }
    close_bracket(p, open, closer);
    return inner;
}

static gt_ast *value_node(parser *p, const gt_ast_word *field, const gt_ast_word *value)
{
    gt_ast *n = node(p, GT_AST_IS, value->span.begin, value->span.end);
    if (!n)
        return NULL;
    n->field = *field;
    n->value = *value;
    n->relation = GT_REL_EQ;
    if (value->part_count)
        n->relation = value->part_count == 2 && value->text.len == 1 ? GT_REL_EXISTS : GT_REL_LIKE;
    return n;
}

static bool is_operator(gt_str word)
{
    static const char *const operators[] = {"=", "==", "===", "!=", "!==", "=~", "~=", "!~", "<>"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (gt_str_eq(word, gt_str_c(operators[i])))
            return true;
    return false;
}

/* An operator of other languages standing by itself (or == and != anywhere) in free text. */
static bool find_operator(gt_str raw, gt_span *ret)
{
    for (size_t i = 0; i < raw.len;) {
        size_t end = i;
        while (end < raw.len && !gt_kql_space_at(raw, end))
            end++;
        gt_str word = {raw.ptr + i, end - i};
        if (i > 0 && is_operator(word)) {
            *ret = (gt_span){i, end};
            return true;
        }
        /* A field's name stands before it; what ends the text in == is base64. */
        for (size_t k = i == 0; k + 1 < word.len; k++) {
            if ((word.ptr[k] == '=' || word.ptr[k] == '!') && word.ptr[k + 1] == '=' &&
                i + k + 2 < raw.len) {
                *ret = (gt_span){i + k, i + k + 2};
                return true;
            }
        }
        i = end == i ? end + 1 : end;
        size_t next = gt_kql_skip_space(raw, i);
        i = next;
    }
    return false;
}

/* Free text, or what was meant as a comparison. */
static gt_ast *free_text(parser *p, const gt_ast_word *word)
{
    gt_str raw = {p->text.ptr + word->span.begin, word->span.end - word->span.begin};
    gt_span op;
    if (!word->quoted && find_operator(raw, &op)) {
        ERROR(p, "KQL-003", word->span.begin + op.begin, word->span.begin + op.end,
              "KQL compares with ':', as in event.action: \"DeleteTrail\"; quote the text to search "
              "for it in all fields",
              "'%.*s' is not a KQL operator", (int)(op.end - op.begin), raw.ptr + op.begin);
        return recover(p, word->span.begin);
    }
    gt_ast_word none = {.absent = true};
    return value_node(p, &none, word);
}

/* The length of an `and` or `or` that the word begins with, before white space; else 0. */
static size_t leading_joint(gt_str word)
{
    size_t len = gt_str_eq_nocase(gt_str_head(word, 3), GT_STR("and")) ? 3
               : gt_str_eq_nocase(gt_str_head(word, 2), GT_STR("or")) ? 2 : 0;
    return len && gt_kql_space_at(word, len) ? len : 0;
}

static bool ends_in(gt_str word, gt_str joint)
{
    size_t at = word.len - (joint.len < word.len ? joint.len : word.len);
    return gt_str_eq_nocase(gt_str_from(word, at), joint) &&
           (at == 0 || gt_kql_space_at(word, at - 1));
}

/* Kibana takes a connective with nothing behind it, and those of other languages, as text. */
static void warn_word(parser *p, const gt_ast_word *w, const char *what)
{
    gt_str raw = {p->text.ptr + w->span.begin, w->span.end - w->span.begin};
    const char *joint = NULL;
    if (w->quoted)
        return;
    if (leading_joint(raw) || (raw.len && raw.ptr[0] == '!') || ends_in(raw, GT_STR("and")) ||
        ends_in(raw, GT_STR("or")) || ends_in(raw, GT_STR("not")))
        joint = raw.ptr[0] == '!' ? "'!' is" : "'and', 'or' or 'not' is";
    else if (gt_str_find(raw, GT_STR(" && ")) != GT_NPOS)
        joint = "'&&' is";
    else if (gt_str_find(raw, GT_STR(" || ")) != GT_NPOS)
        joint = "'||' is";
    else if (gt_str_starts(raw, GT_STR("[")) && gt_str_find(raw, GT_STR(" TO ")) != GT_NPOS)
        joint = "a range of Lucene's language is";
    if (joint)
        gt_diag_warn(p->diags, "KQL-101", gt_offsets_span(p->where, w->span),
                     "quote the text if that is meant; KQL has and, or, not, <, <=, > and >=",
                     "%s part of %s here", joint, what);
}

static gt_ast *parse_value(parser *p, const gt_ast_word *field)
{
    gt_ast_word value;
    size_t begin = p->pos;
    gt_kql_word_status status = gt_kql_word_read(p->scratch, p->text, &p->pos, &value);
    if (status != GT_KQL_WORD_OK)
        return word_error(p, status, begin, "a value");
    if (peek(p, gt_kql_skip_space(p->text, p->pos)) != ':') /* that is an error already */
        warn_word(p, &value, "the value");
    return value_node(p, field, &value);
}

static gt_ast *parse_range(parser *p, const gt_ast_word *field, size_t at)
{
    bool less = peek(p, at) == '<', equal = peek(p, at + 1) == '=';
    size_t after = at + (equal ? 2 : 1);
    char c = peek(p, after);
    if (c == '<' || c == '>') {
        ERROR(p, "KQL-003", at, after + 1, "KQL has <, <=, > and >=; 'not equal' is not field: value",
              "'%.*s' is not a KQL operator", (int)(after + 1 - at), p->text.ptr + at);
        p->pos = after + 1;
        return recover(p, field->span.begin);
    }
    p->pos = gt_kql_skip_space(p->text, after);
    if (peek(p, p->pos) == '(') {
        ERROR(p, "KQL-011", p->pos, p->pos + 1, "write each comparison out, joined with and / or",
              "a range takes one value, not a list");
        return recover(p, field->span.begin);
    }
    gt_ast_word value;
    gt_kql_word_status status = gt_kql_word_read(p->scratch, p->text, &p->pos, &value);
    if (status != GT_KQL_WORD_OK)
        return word_error(p, status, field->span.begin, "a value");
    gt_ast *n = node(p, GT_AST_RANGE, field->span.begin, value.span.end);
    if (!n)
        return NULL;
    n->field = *field;
    n->value = value;
    n->relation = less ? (equal ? GT_REL_LTE : GT_REL_LT) : (equal ? GT_REL_GTE : GT_REL_GT);
    return n;
}

/* What follows `field :`. */
static gt_ast *parse_after_colon(parser *p, const gt_ast_word *field, size_t colon)
{
    p->pos = gt_kql_skip_space(p->text, colon + 1);
    size_t open = p->pos;
    char c = peek(p, open);
    if (c == '{') {
        gt_ast *child = bracketed(p, open, '}', NULL);
        gt_ast *n = node(p, GT_AST_NESTED, field->span.begin, p->pos);
        if (n) {
            n->field = *field;
            n->first = child;
        }
        return n;
    }
    if (c == '(') {
        gt_ast *list = bracketed(p, open, ')', field);
        if (list) {
            list->list = true;
            list->span = (gt_span){field->span.begin, p->pos};
        }
        return list;
    }
    if (c == '<' || c == '>') {
        size_t end = open + (peek(p, open + 1) == '=' ? 2 : 1);
        ERROR(p, "KQL-011", open, end, "a range is written field > value, without ':'",
              "'%.*s' cannot follow ':'", (int)(end - open), p->text.ptr + open);
        p->pos = end;
        return recover(p, field->span.begin);
    }
    gt_ast *n = parse_value(p, field);
    if (n)
        n->span.begin = field->span.begin;
    return n;
}

static gt_ast *parse_clause(parser *p)
{
    gt_ast_word word;
    size_t begin = p->pos;
    gt_kql_word_status status = gt_kql_word_read(p->scratch, p->text, &p->pos, &word);
    if (status != GT_KQL_WORD_OK)
        return word_error(p, status, begin, "a clause");
    size_t at = gt_kql_skip_space(p->text, p->pos);
    char c = peek(p, at);
    if (c == '{') {
        ERROR(p, "KQL-001", at, at + 1, "a nested query is written field:{ … }",
              "':' is missing before '{'");
        p->pos = at;
        return recover(p, begin);
    }
    if (c != ':' && c != '<' && c != '>') {
        warn_word(p, &word, "the text");
        return free_text(p, &word);
    }
    word.absent = word.null;
    warn_word(p, &word, "the field's name");
    return c == ':' ? parse_after_colon(p, &word, at) : parse_range(p, &word, at);
}

static gt_ast *parse_operand(parser *p, const gt_ast_word *field)
{
    if (peek(p, p->pos) == '(')
        return bracketed(p, p->pos, ')', field);
    return field ? parse_value(p, field) : parse_clause(p);
}

static gt_ast *parse_not(parser *p, const gt_ast_word *field)
{
    size_t begin = p->pos, end;
    if (gt_kql_keyword_at(p->text, begin, &end, NULL) != GT_KQL_NOT)
        return parse_operand(p, field);
    p->pos = end;
    gt_ast *child = parse_operand(p, field);
    gt_ast *n = node(p, GT_AST_NOT, begin, child ? child->span.end : p->pos);
    if (n)
        n->first = child;
    return n;
}

/* Where the last word before `at` begins: the field of a clause that lacks its `and`. */
static size_t last_word(const parser *p, size_t at, size_t floor)
{
    while (at > floor && gt_kql_space_at(p->text, at - 1))
        at--;
    while (at > floor && !gt_kql_space_at(p->text, at - 1))
        at--;
    return at;
}

/* An operand has ended and neither a connective, a closing bracket nor the end follows. */
static void report_leftover(parser *p, const gt_ast *last, size_t at)
{
    char c = peek(p, at);
    while (last && last->kind == GT_AST_NOT)
        last = last->first;
    gt_str value = last ? last->value.text : GT_STR_NULL;
    bool word = last && (last->kind == GT_AST_IS || last->kind == GT_AST_RANGE) &&
                !last->value.quoted;
    size_t joint = word ? leading_joint(value) : 0;
    if (joint && !last->field.absent) {
        ERROR(p, "KQL-002", last->value.span.begin, last->value.span.begin + joint, NULL,
              "a value is expected before '%.*s'", (int)joint, value.ptr);
    } else if (word && last->field.absent && c == '(' && gt_str_eq_nocase(value, GT_STR("not"))) {
        ERROR(p, "KQL-009", last->value.span.begin, last->value.span.end, "write not (…)",
              "'not' needs white space behind it");
    } else if (gt_kql_keyword_at(p->text, at, NULL, NULL) == GT_KQL_NOT) {
        ERROR(p, "KQL-009", at, at + 3,
              "write 'and not', or put a phrase that holds the word in double quotes",
              "'not' cannot stand here");
    } else if (c == ':' && word) {
        size_t from = last_word(p, at, last->value.span.begin);
        gt_str raw = {p->text.ptr + last->value.span.begin, from - last->value.span.begin};
        gt_str trimmed = gt_str_trim(raw);
        if (gt_str_ends(trimmed, GT_STR("&&")) || gt_str_ends(trimmed, GT_STR("||"))) {
            size_t end = last->value.span.begin + (size_t)(trimmed.ptr - raw.ptr) + trimmed.len;
            bool both = trimmed.ptr[trimmed.len - 1] == '&';
            ERROR(p, "KQL-003", end - 2, end, both ? "write 'and'" : "write 'or'",
                  "'%s' is not a KQL operator", both ? "&&" : "||");
        } else if (from > last->value.span.begin) {
            ERROR(p, "KQL-008", from, at, "join two clauses with and / or",
                  "'and' or 'or' is missing before this clause");
        } else {
            ERROR(p, "KQL-001", at, at + 1, QUOTE_HINT, "':' cannot stand here");
        }
    } else if (c == ':' || c == '<' || c == '>') {
        ERROR(p, "KQL-001", at, at + 1, QUOTE_HINT, "'%c' cannot stand here", c);
    } else if (word && (c == '"' || c == '{' || c == '(') && at == last->value.span.end) {
        ERROR(p, "KQL-001", at, at + 1, QUOTE_HINT, "'%c' cannot stand inside an unquoted value", c);
    } else {
        ERROR(p, "KQL-008", at, at + char_len(p, at), "join two clauses or values with and / or",
              "'and' or 'or' is missing here");
    }
}

/* The connective behind an operand; mistakes before it are reported and skipped. */
static gt_kql_keyword next_keyword(parser *p, const gt_ast *last, size_t *ret_end)
{
    gt_kql_keyword keyword = gt_kql_keyword_at(p->text, p->pos, ret_end, NULL);
    if (keyword == GT_KQL_AND || keyword == GT_KQL_OR)
        return keyword;
    size_t at = gt_kql_skip_space(p->text, p->pos);
    char c = peek(p, at);
    if (at_end(p, at) || c == ')' || c == '}')
        return GT_KQL_NONE;
    report_leftover(p, last, at);
    p->pos = at;
    resync(p);
    keyword = gt_kql_keyword_at(p->text, p->pos, ret_end, NULL);
    return keyword == GT_KQL_NOT ? GT_KQL_NONE : keyword;
}

/* Operands joined by one connective: OR of ANDs, AND of NOTs. */
static gt_ast *parse_chain(parser *p, const gt_ast_word *field, gt_kql_keyword joint)
{
    gt_ast *head = joint == GT_KQL_OR ? parse_chain(p, field, GT_KQL_AND) : parse_not(p, field);
    gt_ast *last = head, *chain = NULL;
    size_t end;
    while (last && p->fatal == GT_OK && next_keyword(p, last, &end) == joint) {
        p->pos = end;
        gt_ast *next = joint == GT_KQL_OR ? parse_chain(p, field, GT_KQL_AND)
                                          : parse_not(p, field);
        if (!next)
            return chain ? chain : head;
        if (!chain) {
            chain = node(p, joint == GT_KQL_OR ? GT_AST_OR : GT_AST_AND, head->span.begin, 0);
            if (!chain)
                return head;
            chain->first = head;
        }
        last->next = next;
        last = next;
        chain->span.end = next->span.end;
    }
    return chain ? chain : head;
}

static gt_ast *parse_or(parser *p, const gt_ast_word *field)
{
    return parse_chain(p, field, GT_KQL_OR);
}

/* After the query: brackets that close nothing, and what stands behind them. */
static void parse_rest(parser *p)
{
    while (p->fatal == GT_OK) {
        p->pos = gt_kql_skip_space(p->text, p->pos);
        if (at_end(p, p->pos))
            return;
        if (p->blamed != p->pos + 1)
            ERROR(p, "KQL-006", p->pos, p->pos + 1, NULL, "this '%c' closes nothing",
                  p->text.ptr[p->pos]);
        p->pos++;
        size_t end;
        gt_kql_keyword keyword = gt_kql_keyword_at(p->text, p->pos, &end, NULL);
        if (keyword != GT_KQL_AND && keyword != GT_KQL_OR) {
            resync(p);
            keyword = gt_kql_keyword_at(p->text, p->pos, &end, NULL);
        }
        if (keyword == GT_KQL_AND || keyword == GT_KQL_OR) {
            p->pos = end;
            if (!parse_or(p, NULL))
                return;
        }
    }
}

gt_status gt_kql_parse(gt_arena *scratch, gt_str text, gt_offsets where, gt_ast **ret,
                       gt_diags *diags)
{
    parser p = {.scratch = scratch, .text = text, .where = where, .diags = diags};
    if (text.len > GT_QUERY_BYTES_MAX) {
        ERROR(&p, "KQL-018", 0, 0, NULL, "the query is longer than %zu bytes", GT_QUERY_BYTES_MAX);
        return GT_LIMIT;
    }
    p.pos = gt_kql_skip_space(text, 0);
    gt_ast *root = at_end(&p, p.pos) ? node(&p, GT_AST_ALL, 0, 0) : parse_or(&p, NULL);
    if (p.fatal == GT_OK)
        parse_rest(&p);
    if (p.fatal != GT_OK)
        return p.fatal;
    if (p.invalid)
        return GT_INVALID;
    *ret = root;
    return GT_OK;
}
