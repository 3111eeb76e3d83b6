/* sinks.h — the durable queue of each sink, what it gave up, and how it is.
 * An alert is queued in the transaction that stores it; a sink takes it off the queue when the
 * other side has it. All calls work on the caller's connection, inside its transaction when it has
 * one. */
#ifndef GT_STORE_SINKS_H
#define GT_STORE_SINKS_H

#include "base/timeutil.h"
#include "store/store.h"

/* Queue a stored alert (its number) for a sink; again is nothing. */
gt_status gt_sinks_put(gt_store *store, gt_str sink, int64_t alert, gt_time_ms now) GT_MUST_CHECK;

typedef struct gt_sink_row {
    int64_t seq; /* in the queue */
    int64_t attempts;
    gt_time_ms queued;
    gt_str id, rule_id, rule_name;
    int severity;
    gt_time_ms event, created;
    gt_str text; /* the alert as it was raised: JSON, one line; NUL-terminated */
} gt_sink_row;

/* Up to max rows that are due, oldest first, of at most max_bytes of text together (but at least
 * one); everything in the arena. */
gt_status gt_sinks_take(gt_store *store, gt_arena *arena, gt_str sink, gt_time_ms now, size_t max,
                        size_t max_bytes, gt_sink_row **ret, size_t *ret_count) GT_MUST_CHECK;
/* When the next row is due; *ret_has false: the queue is empty. */
gt_status gt_sinks_due(gt_store *store, gt_str sink, bool *ret_has, gt_time_ms *ret) GT_MUST_CHECK;

/* The other side has it. */
gt_status gt_sinks_done(gt_store *store, int64_t seq) GT_MUST_CHECK;
/* It failed: again at `due`. */
gt_status gt_sinks_again(gt_store *store, int64_t seq, gt_time_ms due) GT_MUST_CHECK;
/* It is given up: a dead letter. */
gt_status gt_sinks_give_up(gt_store *store, int64_t seq, gt_str reason,
                           gt_time_ms now) GT_MUST_CHECK;

/* Add to what was sent; problem empty: all is well. place: a sink's own mark (a file's length). */
gt_status gt_sinks_state_put(gt_store *store, gt_str sink, gt_str type, int64_t sent,
                             gt_str problem, gt_time_ms since, gt_time_ms answered,
                             int64_t place) GT_MUST_CHECK;
gt_status gt_sinks_place(gt_store *store, gt_str sink, int64_t *ret) GT_MUST_CHECK; /* 0: none */

typedef struct gt_sink_state {
    gt_str name, type;
    int64_t sent, queued, dead;
    gt_time_ms oldest;   /* queued since; 0: nothing is queued */
    gt_str problem;      /* empty: none */
    gt_time_ms since;    /* of the problem */
    gt_time_ms answered; /* when the other side last took something; 0: never */
} gt_sink_state;
/* Every sink that is known, by name; in the arena. */
gt_status gt_sinks_list(gt_store *store, gt_arena *arena, gt_sink_state **ret, size_t *ret_count)
    GT_MUST_CHECK;

typedef struct gt_sink_dead {
    int64_t seq;
    gt_str sink, id, reason;
    int64_t attempts;
    gt_time_ms queued, at;
} gt_sink_dead;
/* Dead letters (sink empty: of all), oldest first. Views are valid during the call; GT_END stops.
 */
typedef gt_status (*gt_sink_dead_fn)(void *ctx, const gt_sink_dead *dead);
gt_status gt_sinks_dead_each(gt_store *store, gt_str sink, gt_sink_dead_fn fn, void *ctx)
    GT_MUST_CHECK;
/* Queue them again; *ret: how many. */
gt_status gt_sinks_dead_retry(gt_store *store, gt_str sink, gt_time_ms now,
                              int64_t *ret) GT_MUST_CHECK;
/* Forget a sink: its queue, dead letters and state. *ret: queued alerts and dead letters dropped.
 */
gt_status gt_sinks_drop(gt_store *store, gt_str sink, int64_t *ret) GT_MUST_CHECK;

#endif
