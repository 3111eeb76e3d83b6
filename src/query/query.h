/* query.h — query languages to one instruction set, and its execution.
 * KQL today; EQL and ES|QL will compile to the same programs. Pure: no I/O, no clock (date math gets
 * its "now" from the caller at run time).
 *
 * A program is immutable and shared by threads; gt_query_run is given scratch memory. */
#ifndef GT_QUERY_QUERY_H
#define GT_QUERY_QUERY_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/timeutil.h"
#include "json/json.h"
#include "schema/schema.h"

typedef struct gt_query gt_query; /* a compiled program */

/* Compile KQL with Kibana's meaning.
 * rules    owns the program; text is copied into it as far as needed.
 * scratch  for the syntax tree; rewound before returning.
 * where    where the text's bytes stand in diags->text (diag.h).
 * ret      set only on GT_OK.
 * diags    gains at least one error iff the result is GT_INVALID; all errors, not the first.
 * Returns GT_OK, GT_INVALID, GT_NOMEM, or GT_LIMIT (GT_QUERY_DEPTH_MAX, GT_QUERY_BYTES_MAX; with a
 * diagnostic). */
gt_status gt_kql_compile(gt_arena *rules, gt_arena *scratch, gt_str text, gt_offsets where,
                         const gt_schema *schema, gt_query **ret, gt_diags *diags) GT_MUST_CHECK;

/* What a run needs besides the program. */
typedef struct gt_query_env {
    gt_arena *scratch; /* rewound before returning */
    gt_time_ms now;    /* for date math */
} gt_query_env;

/* Does the ECS document match? Documents are nested, dotted ("event.action": …) or mixed. */
bool gt_query_run(const gt_query *query, const gt_json *document, gt_query_env *env);

/* A necessary condition for a match: the document's `field` holds one of these exact values.
 * For dispatch: a detector indexes rules by event.provider and event.action.
 * known is false when the program gives no such condition (then values is empty). */
typedef struct gt_query_needs {
    bool known;
    const gt_str *values; /* sorted, distinct; live as long as the program */
    size_t count;         /* 0 with known = true: the query matches nothing */
} gt_query_needs;
gt_query_needs gt_query_needs_of(const gt_query *query, gt_arena *arena, gt_str field);

/* Another necessary condition: some string of the document, at a field that `takes` says yes to,
 * contains one of these as a part. They are plain: printable ASCII without quote, backslash and slash,
 * at least GT_QUERY_PART_MIN bytes, no number, truth value or null. For looking through the bytes of a
 * record before anything is parsed. known is false when the program gives no such condition. */
gt_query_needs gt_query_parts_of(const gt_query *query, gt_arena *arena, bool (*takes)(gt_str field));

/* --- when only some fields are known ---------------------------------------------------------- */

typedef enum gt_truth { GT_FALSE, GT_TRUE, GT_UNKNOWN } gt_truth;

/* What is known of a field of a document that is not there yet. */
typedef enum gt_known {
    GT_KNOWN_NOT,    /* nothing */
    GT_KNOWN_ABSENT, /* it has no value */
    GT_KNOWN_VALUE,  /* its only value is this string */
    GT_KNOWN_MAYBE,  /* it has this string as its only value, or no value */
} gt_known;

#define GT_SLOT_NONE UINT32_MAX
/* Number the program's fields: slot_of gives the caller's number of a field's name, or GT_SLOT_NONE when
 * nothing is ever known of it. *ret_slots, in `arena`, is for gt_query_judge; *ret_count of them. GT_OK,
 * or the arena's status. */
gt_status gt_query_bind(const gt_query *query, gt_arena *arena,
                        gt_status (*slot_of)(void *ctx, gt_str field, uint32_t *ret), void *ctx,
                        const uint32_t **ret_slots, size_t *ret_count) GT_MUST_CHECK;
/* Three-valued evaluation. GT_TRUE and GT_FALSE are what gt_query_run says of every document that agrees
 * with what `look` tells of its fields. */
gt_truth gt_query_judge(const gt_query *query, const uint32_t *slots, gt_time_ms now,
                        gt_known (*look)(void *ctx, uint32_t slot, gt_str *ret_value), void *ctx);

/* The fields the program reads, sorted; wildcarded names as written. */
const gt_str *gt_query_fields(const gt_query *query, size_t *ret_count);

/* The text it was made from; programs of equal text and schema do the same. */
gt_str gt_query_text(const gt_query *query);
bool gt_query_same(const gt_query *a, const gt_query *b);

/* The instructions, one a line, for `gatetrail explain`. */
void gt_query_disassemble(const gt_query *query, gt_buf *out);

/* Which clause decided for this document: one line a clause of the source, each with its span in the
 * query text, true or false, and the document's values it looked at. */
typedef struct gt_query_clause {
    gt_span span; /* in the query's own text */
    gt_str text;  /* the clause as written */
    gt_str field; /* empty for connectives */
    bool result;
    bool decided; /* the outcome turns on it */
    unsigned depth;
    gt_json *values; /* array of what the document holds there; NULL for connectives */
} gt_query_clause;
gt_status gt_query_explain(const gt_query *query, const gt_json *document, gt_query_env *env,
                           gt_arena *arena, gt_query_clause **ret_clauses, size_t *ret_count)
    GT_MUST_CHECK;

#endif
