/* columns_walk.h — one pass over a record's bytes that finds its string values (for the filter) and the
 * members of columns.def, without a tree. The record is JSON that has been checked; what is none gives
 * some answer, and no harm. */
#ifndef GT_STORE_COLUMNS_WALK_H
#define GT_STORE_COLUMNS_WALK_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"
#include "json/skeleton.h"

typedef enum gt_column {
#define GT_SCOPE(name, parent, key)
#define GT_COLUMN(number, name, scope, key, what) GT_COLUMN_##name,
#define GT_ODD(scope, key)
#include "store/columns.def"
#undef GT_SCOPE
#undef GT_COLUMN
#undef GT_ODD
    GT_COLUMN_COUNT,
} gt_column;

typedef enum gt_cell_kind {
    GT_CELL_NONE,  /* the member is absent or null (or an object around it is no object) */
    GT_CELL_ODD,   /* look at the record: no string or truth value, too long, a key twice, … */
    GT_CELL_TEXT,
    GT_CELL_TRUE,
    GT_CELL_FALSE,
} gt_cell_kind;

typedef struct gt_cell {
    gt_cell_kind kind;
    gt_str text;
    uint64_t hash; /* of text; 0: not known yet, and not among the terms */
} gt_cell;

typedef struct gt_columns_walk gt_columns_walk; /* of one worker: remembers the skeletons it has met */
gt_columns_walk *gt_columns_walk_new(void); /* NULL without memory */
void gt_columns_walk_free(gt_columns_walk *walk);

/* Hashes (gt_term_hash) of string values of 1 to GT_EVENT_TERM_BYTES_MAX bytes; with repetitions, but few
 * of those that follow soon. */
#define GT_TERMS_RECENT 256u
typedef struct gt_terms {
    uint64_t *items;
    size_t count, cap;
    uint64_t recent[GT_TERMS_RECENT]; /* met a moment ago; 0: none */
} gt_terms;
gt_status gt_terms_push(gt_terms *terms, uint64_t hash) GT_MUST_CHECK; /* however recent */
static inline gt_status gt_terms_add(gt_terms *terms, uint64_t hash)
{
    return terms->recent[hash % GT_TERMS_RECENT] == hash ? GT_OK : gt_terms_push(terms, hash);
}
/* Back to `count` of them, and nothing was met recently. */
void gt_terms_cut(gt_terms *terms, size_t count);

/* cells: GT_COLUMN_COUNT of them; views of json, or of the arena where the value holds escapes.
 * skeleton: of the record, if it is known; NULL is slower. The answer is the same, but for cells whose
 * hash is not known yet: whoever takes them makes the term. */
gt_status gt_columns_walk_record(gt_columns_walk *walk, gt_str json,
                                 const gt_skeleton_view *skeleton, gt_arena *scratch,
                                 gt_cell *cells, gt_terms *terms) GT_MUST_CHECK;

/* Where a column stands in a record: its keys from the outside in; *ret_count of them. */
#define GT_COLUMN_KEYS_MAX 4
void gt_column_path(gt_column column, gt_str ret_keys[GT_COLUMN_KEYS_MAX], size_t *ret_count);

#endif
