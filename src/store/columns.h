/* columns.h — the same few members of many records side by side, so that most questions are answered
 * without inflating a record.
 *
 * A segment holds the columns (columns.def) of the events of some blocks, tens of thousands of events:
 * for each column the distinct values and one code an event. The event store stays complete without
 * them: a block that no segment has is "loose" (a fill that was killed, a file made before there were
 * segments), and whoever asks has to look at its records. */
#ifndef GT_STORE_COLUMNS_H
#define GT_STORE_COLUMNS_H

#include "base/buf.h"
#include "base/timeutil.h"
#include "store/columns_walk.h"
#include "store/store.h"

/* --- making --- */

typedef struct gt_columns gt_columns; /* of one worker */

gt_columns *gt_columns_new(void); /* NULL without memory */
void gt_columns_free(gt_columns *columns);

/* The next event of the block at hand. terms gains those that the cells' values still have to give. */
gt_status gt_columns_add(gt_columns *columns, const gt_cell *cells, gt_time_ms time,
                         gt_terms *terms) GT_MUST_CHECK;
/* Of the block at hand, event `from` becomes event `to` (from >= to, called in order). */
void gt_columns_move(gt_columns *columns, size_t from, size_t to);
/* The block at hand ends with `events` of them and has this id; 0: it is given up. */
gt_status gt_columns_block(gt_columns *columns, int64_t id, size_t events) GT_MUST_CHECK;
/* Time to write? */
bool gt_columns_full(const gt_columns *columns);
/* Write the segment, inside the caller's transaction; there must be no block at hand. */
gt_status gt_columns_write(gt_columns *columns, gt_store *store) GT_MUST_CHECK;

/* --- reading --- */

typedef struct gt_segment_block {
    int64_t id;
    size_t first; /* of its events in the segment */
    size_t count;
} gt_segment_block;

typedef struct gt_segment {
    int64_t id;
    size_t events;
    gt_time_ms min_time, max_time; /* GT_EVENT_NO_TIME among them */
    gt_time_ms floor;              /* events before this one are gone (those without a time are not) */
    gt_segment_block *blocks;
    size_t block_count;
} gt_segment;

/* All segments, in the arena; and the blocks that are in none. */
gt_status gt_segments_load(gt_store *store, gt_arena *arena, gt_segment **ret, size_t *ret_count,
                           int64_t **ret_loose, size_t *ret_loose_count) GT_MUST_CHECK;

/* A column of a segment. Views of the buffer it was loaded into. */
typedef struct gt_column_data {
    const gt_cell *values; /* by code; hashes are not set */
    size_t value_count;
    const uint8_t *codes; /* `width` bytes each, little endian */
    unsigned width;       /* 0: all have `constant` */
    uint32_t constant;
} gt_column_data;

static inline uint32_t gt_column_code(const gt_column_data *data, size_t event)
{
    const uint8_t *p = data->codes + event * data->width;
    switch (data->width) {
    case 0:
        return data->constant;
    case 1:
        return p[0];
    case 2:
        return (uint32_t)p[0] | (uint32_t)p[1] << 8;
    default:
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
}

/* The values live in the arena, their text and the codes in the buffer. A column that the segment does
 * not have is odd for all events. GT_CORRUPT. */
gt_status gt_segment_column(gt_store *store, const gt_segment *segment, gt_column column,
                            gt_arena *arena, gt_column_data *ret) GT_MUST_CHECK;
/* The time of each event, in the arena. */
gt_status gt_segment_times(gt_store *store, const gt_segment *segment, gt_arena *arena,
                           gt_time_ms **ret) GT_MUST_CHECK;

/* Events before this time are gone: forget segments that have no others. */
gt_status gt_segments_expire(gt_store *store, gt_time_ms before) GT_MUST_CHECK;

#endif
