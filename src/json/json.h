/* json.h — JSON text (RFC 8259) to a tree and back.
 * The tree is for records that matter (a rule may match, a person asked for them) and for
 * configuration-like files; the hot path works on scan.h's structure and never builds one.
 *
 * Invariants
 *  - Nodes live in the arena they were made in. Strings are views of the parsed text where they hold
 *    no escape, else arena copies: the text must outlive the tree.
 *  - Keys of an object are distinct: of several equal keys the last value wins, at the place of the
 *    first (as in jq, Go and JavaScript).
 *  - A number keeps its text; gt_json_i64 and gt_json_double read it.
 *  - Strings are bytes: escapes are decoded to UTF-8, a lone surrogate becomes U+FFFD, invalid UTF-8
 *    is kept. The writer turns what is not UTF-8 into U+FFFD, so its output is always valid JSON.
 * A tree is used by one thread at a time. */
#ifndef GT_JSON_JSON_H
#define GT_JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"

typedef enum gt_json_type {
    GT_JSON_NULL,
    GT_JSON_BOOL,
    GT_JSON_NUMBER,
    GT_JSON_STRING,
    GT_JSON_ARRAY,
    GT_JSON_OBJECT,
} gt_json_type;

typedef struct gt_json gt_json;
struct gt_json {
    gt_json *next; /* sibling in the same array or object */
    gt_str key;    /* of a member, decoded; empty in arrays and roots */
    union {
        gt_str str; /* GT_JSON_STRING: decoded; GT_JSON_NUMBER: its text */
        struct {
            gt_json *first; /* GT_JSON_ARRAY, GT_JSON_OBJECT */
            gt_json *last;
        };
    };
    uint32_t count;  /* elements or members now */
    uint32_t parsed; /* distinct keys the object was parsed with; builders leave it at 0 */
    uint8_t type;    /* gt_json_type */
    bool boolean;
};

typedef struct gt_json_error {
    size_t offset;       /* in the text: the first byte that cannot be */
    const char *message; /* "expected ',' or '}'"; static text */
} gt_json_error;

/* Parse the whole of text (white space around the value is allowed). reterr may be NULL.
 * GT_OK, GT_INVALID (not JSON), GT_LIMIT (deeper than GT_JSON_DEPTH_MAX, or the arena's cap),
 * GT_NOMEM. */
gt_status gt_json_parse(gt_arena *arena, gt_str text, gt_json **ret, gt_json_error *reterr)
    GT_MUST_CHECK;
/* Parse one value that begins at or after *pos (white space is skipped); on GT_OK *pos is behind
 * it. */
gt_status gt_json_parse_next(gt_arena *arena, gt_str text, size_t *pos, gt_json **ret,
                             gt_json_error *reterr) GT_MUST_CHECK;

/* Reading. All accept NULL nodes and nodes of another type, and then answer "nothing". */
gt_json *gt_json_get(const gt_json *object, gt_str key); /* NULL when absent */
#define gt_json_getl(object, literal) gt_json_get((object), GT_STR(literal))
/* The value at a path of literal keys "a.b.c"; never looks into arrays, and a dot always separates. */
gt_json *gt_json_path(const gt_json *object, const char *path);
/* The string value at a path, or GT_STR_NULL (ptr NULL) when absent or no string. */
gt_str gt_json_path_str(const gt_json *object, const char *path);
bool gt_json_is(const gt_json *node, gt_json_type type);
gt_str gt_json_str(const gt_json *node); /* strings only; ptr NULL otherwise */
/* A scalar as text: strings, numbers' text, "true"/"false"; ptr NULL for null and containers. */
gt_str gt_json_text(const gt_json *node);
bool gt_json_i64(const gt_json *node, int64_t *ret);    /* an integral number that fits */
bool gt_json_double(const gt_json *node, double *ret);
/* Equal as JSON values: objects without order, numbers by value (1 == 1.0), strings by bytes. */
bool gt_json_equal(const gt_json *a, const gt_json *b);

/* Building. NULL without memory; every function accepts NULL for what it is given and passes it on,
 * so that a chain needs one check (or gt_arena_status) at its end. Strings are not copied. */
gt_json *gt_json_new_object(gt_arena *arena);
gt_json *gt_json_new_array(gt_arena *arena);
gt_json *gt_json_new_str(gt_arena *arena, gt_str s);
gt_json *gt_json_new_number(gt_arena *arena, gt_str text); /* JSON number text */
gt_json *gt_json_new_i64(gt_arena *arena, int64_t n);
gt_json *gt_json_new_bool(gt_arena *arena, bool b);
gt_json *gt_json_new_null(gt_arena *arena);
/* Deep copy; strings are copied too when dup_strings. */
gt_json *gt_json_copy(gt_arena *arena, const gt_json *node, bool dup_strings);
/* Set a member: replaces the value of an existing key, else appends. value must not hang elsewhere. */
gt_json *gt_json_set(gt_json *object, gt_str key, gt_json *value);
#define gt_json_setl(object, literal, value) gt_json_set((object), GT_STR(literal), (value))
/* Append a member whose key is known to be new, without looking. */
gt_json *gt_json_add(gt_json *object, gt_str key, gt_json *value);
gt_json *gt_json_append(gt_json *array, gt_json *value);
/* Set at a dotted path, making objects on the way; an existing non-object on the way is replaced. */
gt_json *gt_json_set_path(gt_arena *arena, gt_json *object, const char *path, gt_json *value);
/* Take a member out; returns it (its next is NULL) or NULL. */
gt_json *gt_json_remove(gt_json *object, gt_str key);

/* Writing. Compact: no white space. Pretty: two spaces, as jq. Control bytes, DEL and C1 controls are
 * escaped, so that a terminal cannot be driven by a log. */
void gt_json_write(gt_buf *out, const gt_json *node);
void gt_json_write_pretty(gt_buf *out, const gt_json *node);
/* s as a JSON string with its quotes. */
void gt_json_write_str(gt_buf *out, gt_str s);

/* Iterate over elements or members: for (gt_json *e = gt_json_first(n); e; e = e->next). */
static inline gt_json *gt_json_first(const gt_json *node)
{
    return node && (node->type == GT_JSON_ARRAY || node->type == GT_JSON_OBJECT) ? node->first : NULL;
}

#endif
