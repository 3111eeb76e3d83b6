/* toml.h — TOML 1.0 text to a tree in which everything knows its place in the file.
 * For rule files and configuration: a mistake in a value is shown with its line and a caret, and a
 * query inside a string is compiled in place (gt_offsets).
 *
 * Invariants
 *  - Nodes live in the arena they were made in; strings are views of the text where they hold no
 *    escape, else arena copies: the text must outlive the tree.
 *  - Keys of a table are distinct, in the order of the file.
 *  - All mistakes of a text are reported, not the first: after one, parsing goes on at the next
 * line that looks like a key or a header. Pure; a tree is used by one thread at a time. */
#ifndef GT_TOML_TOML_H
#define GT_TOML_TOML_H

#include "base/diag.h"
#include "json/json.h"

typedef enum gt_toml_type {
    GT_TOML_NULL, /* never from TOML text; from gt_toml_from_json only */
    GT_TOML_STRING,
    GT_TOML_INTEGER,
    GT_TOML_FLOAT,
    GT_TOML_BOOL,
    GT_TOML_DATETIME, /* with an offset */
    GT_TOML_LOCAL_DATETIME,
    GT_TOML_LOCAL_DATE,
    GT_TOML_LOCAL_TIME,
    GT_TOML_ARRAY,
    GT_TOML_TABLE,
} gt_toml_type;

typedef struct gt_toml gt_toml;
struct gt_toml {
    gt_toml *next;     /* sibling in the same array or table */
    gt_str key;        /* of a table's member, decoded */
    gt_span key_span;  /* where the key stands; of an array's element: empty, before it */
    gt_span span;      /* the value with its quotes or brackets; of a [table]: its header */
    gt_str str;        /* strings: decoded; numbers: as written; dates: RFC 3339 with 'T' and 'Z' */
    gt_offsets where;  /* GT_TOML_STRING: where str's bytes stand in the text */
    union {
        int64_t integer;
        double number; /* GT_TOML_FLOAT; inf and nan are possible */
        bool boolean;
        struct {
            gt_toml *first; /* GT_TOML_ARRAY, GT_TOML_TABLE */
            gt_toml *last;
        };
    };
    uint32_t count; /* elements or members */
    uint8_t type;   /* gt_toml_type */
    uint8_t made;   /* the parser's: how a table or array came to be */
    struct gt_toml_index *index; /* the parser's: keys of a large table */
};

typedef enum gt_toml_version {
    GT_TOML_1_0, /* what Elastic's tools read, and our files are written in */
    GT_TOML_1_1, /* also: line ends and a trailing comma in inline tables, \e, \xHH, no seconds */
} gt_toml_version;

/* Parse diags->text, which must be UTF-8 (a byte order mark before it is allowed).
 * ret   the root table; set on GT_OK only.
 * diags gains at least one error (TOML-…) iff the result is GT_INVALID.
 * Returns GT_OK, GT_INVALID, GT_NOMEM, or GT_LIMIT (GT_TOML_DEPTH_MAX with a diagnostic; the
 * arena's cap). */
gt_status gt_toml_parse(gt_arena *arena, gt_toml_version version, gt_diags *diags, gt_toml **ret)
    GT_MUST_CHECK;

/* The same tree from a JSON value that stands at text[where.begin, where.end) of a larger text:
 * Kibana's exports then share every check with TOML files. where must hold exactly one valid JSON
 * value (gt_json_parse said so); of equal keys the last counts. GT_OK, GT_NOMEM, GT_LIMIT. */
gt_status gt_toml_from_json(gt_arena *arena, gt_str text, gt_span where, gt_toml **ret)
    GT_MUST_CHECK;

/* Reading. All accept NULL and nodes of another type and then answer "nothing". */
gt_toml *gt_toml_get(const gt_toml *table, gt_str key);
#define gt_toml_getl(table, literal) gt_toml_get((table), GT_STR(literal))
/* The value at a path of plain keys "a.b.c". */
gt_toml *gt_toml_path(const gt_toml *table, const char *path);
bool gt_toml_is(const gt_toml *node, gt_toml_type type);
static inline gt_toml *gt_toml_first(const gt_toml *node)
{
    return node && (node->type == GT_TOML_ARRAY || node->type == GT_TOML_TABLE) ? node->first
                                                                                : NULL;
}
/* "string", "integer", …: as messages call it. */
const char *gt_toml_type_name(gt_toml_type type);

/* As JSON: dates become strings, inf and nan the strings "inf" and "nan". NULL without memory (see
 * the arena's status). Strings are not copied. */
gt_json *gt_toml_to_json(gt_arena *arena, const gt_toml *node);

#endif
