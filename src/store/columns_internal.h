/* columns_internal.h — the form of a segment in the file. All numbers are little endian.
 * event_segments.blocks: segment_block for each block, in the order of the events.
 * event_columns: id = segment * COLUMNS_MAX + the column's number. data:
 *   u32 values; u32 width (0, 1, 2 or 4); u32 constant code
 *   for each value u32: its length times 8, plus its kind; then all texts
 *   a code of `width` bytes for each event: 0 is GT_CELL_NONE, 1 GT_CELL_ODD, then the values
 * TIMES_NUMBER: 8 bytes an event. */
#ifndef GT_STORE_COLUMNS_INTERNAL_H
#define GT_STORE_COLUMNS_INTERNAL_H

#include "store/columns.h"

#define COLUMNS_MAX 256
#define TIMES_NUMBER 0u
enum { CODE_NONE, CODE_ODD, CODE_FIRST };

typedef struct __attribute__((packed)) segment_block {
    uint64_t id;
    uint32_t events;
} segment_block;
_Static_assert(sizeof(segment_block) == 12, "12 bytes in the file");

/* A column's number in the file. */
unsigned gt_column_number(gt_column column);

#endif
