/* events_internal.h — the form of a block.
 * event_raw.keys: 16 bytes an event (the 128-bit hash of its bytes), little endian.
 * event_raw.heads NULL: event_raw.data is one zstd frame with its checksum: gt_event_head for each event,
 *   then the records' bytes one after the other, in the same order.
 * else: event_raw.data is a gzip member as it was read. heads, in numbers of seven bits a byte (the last
 *   one without the high bit, low ones first): the length of its text, then for each event its time
 *   less the one before, how far behind the end of the one before it begins (both with the sign
 *   in the lowest bit) and its length.
 * event_blocks.floor: events before it are gone; those without a time are not. */
#ifndef GT_STORE_EVENTS_INTERNAL_H
#define GT_STORE_EVENTS_INTERNAL_H

#include <endian.h>
#include <stdlib.h>

#include "base/buf.h"
#include "store/columns.h"
#include "store/events.h"

#define GT_EVENT_KEY_BYTES 16

typedef struct __attribute__((packed)) gt_event_head {
    uint64_t time; /* little endian, two's complement */
    uint32_t len;
} gt_event_head;
_Static_assert(sizeof(gt_event_head) == 12, "a head is 12 bytes in the file");

static inline gt_hash128 gt_event_key_read(const char *bytes)
{
    uint64_t key[2];
    memcpy(key, bytes, sizeof key);
    return (gt_hash128){le64toh(key[0]), le64toh(key[1])};
}

static inline bool gt_event_is_gone(gt_time_ms time, gt_time_ms floor)
{
    return time < floor && time != GT_EVENT_NO_TIME;
}

/* --- heads of a gzip member --- */

typedef struct gt_event_spot {
    gt_time_ms time;
    size_t begin; /* in the block's text */
    size_t len;
} gt_event_spot;

typedef struct gt_event_heads {
    gt_buf *out;
    uint64_t time, end; /* of the event before */
} gt_event_heads;
void gt_event_heads_begin(gt_event_heads *heads, gt_buf *out, size_t text_len);
void gt_event_heads_add(gt_event_heads *heads, gt_event_spot spot);

/* --- blocks read --- */

typedef struct gt_event_reader gt_event_reader; /* buffers, used again */
gt_event_reader *gt_event_reader_new(void); /* NULL without memory */
void gt_event_reader_free(gt_event_reader *reader);

/* Views of the row and of the reader; until the next block. */
typedef struct gt_event_block {
    const gt_event_spot *spots;
    size_t count;
    gt_str keys; /* GT_EVENT_KEY_BYTES each */
    gt_str text;
} gt_event_block;

/* keys, heads and data are what the row has (heads.ptr NULL: zstd). GT_CORRUPT: it is damaged. */
gt_status gt_event_block_open(gt_event_reader *reader, gt_str keys, gt_str heads, gt_str data,
                              gt_event_block *ret) GT_MUST_CHECK;

/* --- a batch --- */

typedef struct gt_event_entry {
    gt_hash128 key;
    gt_time_ms time;
    size_t offset; /* in text, or in the member's text */
    uint32_t len;
    bool checked; /* gt_event_batch_keep asks no more whether it is new */
} gt_event_entry;

struct gt_event_batch {
    gt_arena *scratch;
    gt_columns_walk *walk;
    gt_columns *columns;
    gt_str packed, whole; /* the gzip member at hand and its text; else NULL */
    gt_buf text; /* without a member: room for the heads, then the records one after the other */
    gt_event_entry *entries;
    size_t count;
    size_t entry_cap;
    gt_terms terms;
    /* After sealing. */
    bool sealed;
    size_t plain_len; /* of what is kept compressed */
    gt_buf data;      /* compressed; not for a member */
    gt_buf heads;     /* of a member */
    gt_buf filter;
    gt_buf keys;
    struct ZSTD_CCtx_s *zstd;
};

/* As gt_event_batch_keep; with `all` about every record. */
gt_status gt_event_batch_sift(gt_event_batch *batch, bool all,
                              gt_status (*is_new)(void *user, gt_hash128 key, bool *ret_new),
                              void *user) GT_MUST_CHECK;
/* Forget the records, keep the columns of blocks before. */
void gt_event_batch_clear(gt_event_batch *batch);

#endif
