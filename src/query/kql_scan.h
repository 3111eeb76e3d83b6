/* kql_scan.h — the characters of KQL: spaces, keywords, words. Only for the parser. */
#ifndef GT_QUERY_KQL_SCAN_H
#define GT_QUERY_KQL_SCAN_H

#include "query/ast.h"

typedef enum gt_kql_keyword { GT_KQL_NONE, GT_KQL_AND, GT_KQL_OR, GT_KQL_NOT } gt_kql_keyword;

/* The keyword at pos. `and` and `or` begin with the white space before them and need white space
 * behind, `not` needs white space behind. *ret_end is behind all of it, *ret_word (both may be NULL)
 * the span of the letters. */
gt_kql_keyword gt_kql_keyword_at(gt_str text, size_t pos, size_t *ret_end, gt_span *ret_word);

/* Length of the white space character at pos (space, tab, CR, LF, U+00A0), 0 when there is none. */
size_t gt_kql_space_at(gt_str text, size_t pos);
size_t gt_kql_skip_space(gt_str text, size_t pos);
/* One of \ ( ) : < > " * { } */
bool gt_kql_is_special(char c);

/* What stopped a word that could not be read. */
typedef enum gt_kql_word_status {
    GT_KQL_WORD_OK,
    GT_KQL_WORD_EMPTY,       /* nothing that can begin a word */
    GT_KQL_WORD_UNCLOSED,    /* a quote without its partner; *pos is the end of the text */
    GT_KQL_WORD_BAD_ESCAPE,  /* *pos is at the backslash */
    GT_KQL_WORD_NOMEM,
} gt_kql_word_status;

/* Read a quoted or unquoted word at *pos. On OK *pos is behind it; an unquoted word takes the white
 * space behind it along (its span does not). */
gt_kql_word_status gt_kql_word_read(gt_arena *scratch, gt_str text, size_t *pos, gt_ast_word *ret);

#endif
