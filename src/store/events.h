/* events.h — the event store: every record a scan has read, for later questions.
 *
 * Records are kept byte for byte in compressed blocks (a gzip member as it came, or zstd). A block has
 * a filter of all string values that occur in its records (event ids, access keys, ARNs, addresses,
 * group ids, action names, …), so that "which events mention this value" reads small filters and then
 * inflates only the few blocks that can hold one. The filter may say yes where there is nothing; it
 * never says no where there is something, and what is inflated is compared exactly. The values that
 * questions ask about most stand beside the blocks too (columns.h).
 *
 * Identity is the record's bytes: inserting the same record again changes nothing; another record
 * with the same eventID is kept too.
 *
 * A batch belongs to one worker. Insertion and searching belong to the store's thread (or are done
 * under one lock). */
#ifndef GT_STORE_EVENTS_H
#define GT_STORE_EVENTS_H

#include "base/hash.h"
#include "base/timeutil.h"
#include "json/skeleton.h"
#include "store/store.h"

/* --- filling --- */

typedef struct gt_event_batch gt_event_batch;

gt_event_batch *gt_event_batch_new(void); /* NULL without memory */
void gt_event_batch_free(gt_event_batch *batch);

/* Add one record: its bytes are copied, its string values noted. time is eventTime; records without
 * one are kept under GT_EVENT_NO_TIME. */
#define GT_EVENT_NO_TIME INT64_MIN
gt_status gt_event_batch_add(gt_event_batch *batch, gt_str json, gt_time_ms time) GT_MUST_CHECK;
/* skeleton: of the record, if it is known (json/skeleton.h); NULL is slower. */
gt_status gt_event_batch_add_known(gt_event_batch *batch, gt_str json,
                                   const gt_skeleton_view *skeleton, gt_time_ms time)
    GT_MUST_CHECK;
size_t gt_event_batch_count(const gt_event_batch *batch);
/* Full: seal it now. */
bool gt_event_batch_full(const gt_event_batch *batch);
/* The records to come lie in the text of this gzip member, which is kept as it is instead of being
 * compressed again. Both must live until the batch is inserted or dropped; the batch is empty. */
void gt_event_batch_member(gt_event_batch *batch, gt_str packed, gt_str text);
/* Is there a member, and does the record lie in it? (Only such ones may be added then.) */
bool gt_event_batch_takes(const gt_event_batch *batch, gt_str json);
/* Is most of the member's text none of the batch's records? Then they are better kept elsewhere. */
bool gt_event_batch_sparse(const gt_event_batch *batch);
/* Add the record `index` to another batch, which gt_event_batch_keep does not ask about again. */
gt_status gt_event_batch_move(gt_event_batch *batch, size_t index, gt_event_batch *to)
    GT_MUST_CHECK;
/* Forget what is in the batch, and its member. */
gt_status gt_event_batch_drop(gt_event_batch *batch) GT_MUST_CHECK;
/* Leave out the events that the store already has; needs the store. Records of this run are not
 * looked for: the reader of the files has told copies apart already.
 * first_own is gt_events_next_block from before the run. */
gt_status gt_event_batch_drop_known(gt_event_batch *batch, gt_store *store, int64_t first_own)
    GT_MUST_CHECK;
/* Leave out the events that `is_new` says are none; asked once for each, in order. */
gt_status gt_event_batch_keep(gt_event_batch *batch,
                              gt_status (*is_new)(void *user, gt_hash128 key, bool *ret_new),
                              void *user) GT_MUST_CHECK;
/* The identity of a record of the batch. */
gt_hash128 gt_event_batch_key(const gt_event_batch *batch, size_t index);
/* Compress what is in the batch; needs no store, so workers do it side by side. */
gt_status gt_event_batch_seal(gt_event_batch *batch) GT_MUST_CHECK;
/* Allow changes again. */
void gt_event_batch_unseal(gt_event_batch *batch);
/* Write the sealed block, inside the caller's transaction, and empty the batch for reuse. An empty
 * batch writes nothing. *ret_written gets the number of events. */
gt_status gt_events_insert(gt_store *store, gt_event_batch *batch, size_t *ret_written)
    GT_MUST_CHECK;
/* The batch also gathers columns (columns.h) of what was inserted from it, over many blocks. Write them
 * when they are many, and at the end; the batch is empty, the transaction is the caller's. */
bool gt_event_batch_columns_full(const gt_event_batch *batch);
gt_status gt_events_insert_columns(gt_store *store, gt_event_batch *batch) GT_MUST_CHECK;
/* The id that the next block will have at least. */
gt_status gt_events_next_block(gt_store *store, int64_t *ret) GT_MUST_CHECK;

/* Delete the events before `before`: blocks that hold no others for good; of others those events are
 * never found any more, and may be inserted anew. Events without a time are kept. Own transaction. */
gt_status gt_events_expire(gt_store *store, gt_time_ms before, uint64_t *ret_events) GT_MUST_CHECK;

typedef struct gt_events_stats {
    uint64_t events;
    uint64_t blocks;
    uint64_t raw_bytes; /* before compression */
    gt_time_ms min_time; /* of the events that have a time; 0 when there are none */
    gt_time_ms max_time;
} gt_events_stats;
gt_status gt_events_stats_get(gt_store *store, gt_events_stats *ret) GT_MUST_CHECK;

/* --- searching --- */

/* One of these values must occur in the record as a whole string value, compared byte for byte. */
typedef struct gt_event_terms {
    const gt_str *any_of;
    size_t count;
} gt_event_terms;

/* Some events of a block: bit first + i of `bits` is its event i. */
typedef struct gt_event_pick {
    int64_t block;
    const uint64_t *bits;
    size_t first;
    size_t count;
} gt_event_pick;

typedef struct gt_event_search {
    gt_time_ms since; /* inclusive; INT64_MIN: no bound */
    gt_time_ms until; /* exclusive; INT64_MAX: no bound */
    const gt_event_terms *all_of; /* every one of these must hold */
    size_t all_of_count;
    bool untimed; /* records without a time too, whatever the bounds */
    /* Not NULL: look at nothing but these events (columns.h tells which), and all of those of the `whole`
     * blocks. */
    const gt_event_pick *picks;
    size_t pick_count;
    const int64_t *whole;
    size_t whole_count;
} gt_event_search;

/* A record found; views live until the callback returns. */
typedef struct gt_event_found {
    gt_str json;
    gt_time_ms time;
    gt_hash128 key; /* its identity */
} gt_event_found;

/* GT_OK goes on, GT_END stops the search (which then answers GT_OK), all else is passed on. */
typedef gt_status (*gt_event_found_fn)(void *user, const gt_event_found *found);

/* How the search went, for --profile and tests. */
typedef struct gt_event_search_cost {
    uint64_t blocks_seen;     /* filters read */
    uint64_t blocks_inflated;
    uint64_t events_seen;     /* records compared */
} gt_event_search_cost;

/* Hand every record that fits to the callback, in order of time, then of key; each identity once.
 * The callback must not write to the store. cost may be NULL. */
gt_status gt_events_find(gt_store *store, const gt_event_search *search, gt_event_found_fn found,
                         void *user, gt_event_search_cost *cost) GT_MUST_CHECK;

#endif
