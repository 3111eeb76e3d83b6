/* toml_internal.h — shared by the files of toml/. */
#ifndef GT_TOML_TOML_INTERNAL_H
#define GT_TOML_TOML_INTERNAL_H

#include "toml/toml.h"

/* How a table or an array came to be: decides what may still be added to it. */
enum {
    MADE_BY_HEADER = 1, /* [a.b]: its b; the root */
    MADE_IMPLICITLY,    /* [a.b]: its a */
    MADE_BY_DOTS,       /* a.b = 1: its a */
    MADE_CLOSED,        /* {…}, […]: nothing can be added */
    MADE_BY_ARRAY,      /* [[a]]: the array, and each of its tables is MADE_BY_HEADER */
};

typedef struct toml_parser {
    gt_arena *arena;
    gt_str text;
    size_t pos;
    gt_diags *diags;
    gt_toml_version version;
    unsigned depth;
    bool too_deep;
    gt_toml *root;
    gt_toml *table; /* the one that the last header opened */
} toml_parser;

static inline int toml_peek(const toml_parser *ps)
{
    return ps->pos < ps->text.len ? (unsigned char)ps->text.ptr[ps->pos] : -1;
}
static inline int toml_at(const toml_parser *ps, size_t pos)
{
    return pos < ps->text.len ? (unsigned char)ps->text.ptr[pos] : -1;
}

/* Functions answering bool: false means that a diagnostic was added or memory ran out. */

/* tree.c */
gt_toml *toml_new(gt_arena *arena, gt_toml_type type, gt_span span);
bool toml_table_add(gt_arena *arena, gt_toml *table, gt_toml *member);
void toml_array_add(gt_toml *array, gt_toml *element);

/* string.c: a string that begins at pos (a quote); multi-line ones only when allowed. */
bool toml_parse_string(toml_parser *ps, bool multi_line_allowed, gt_toml **ret);

/* scalar.c: anything that is no string and no container. */
bool toml_parse_scalar(toml_parser *ps, gt_toml **ret);

/* parse.c */
bool toml_parse_value(toml_parser *ps, gt_toml **ret);

#endif
