/* watch.h — what the store remembers for the engine that runs for ever: counts of each source, when
 * rules last ran, what matched and waits for a run, and the ledger of gaps.
 * All calls work on the caller's connection, inside its transaction when it has one. */
#ifndef GT_STORE_WATCH_H
#define GT_STORE_WATCH_H

#include "base/timeutil.h"
#include "store/store.h"

/* --- sources ------------------------------------------------------------------------------------- */

/* Always: read == evaluated + duplicate + rejected. */
typedef struct gt_watch_counts {
    uint64_t read, evaluated, duplicate, rejected;
    uint64_t changed;    /* of the evaluated: a known eventID with other bytes */
    uint64_t deliveries; /* files, objects, runs of messages */
    uint64_t bytes;      /* as they lay there */
    uint64_t problems;   /* that a delivery had, rejected records included */
    uint64_t alerts;     /* new ones */
    gt_time_ms event_last;   /* newest eventTime; 0: none */
    gt_time_ms arrived_last; /* newest arrival at the source */
} gt_watch_counts;

/* Add to a source's counts; the times are maxima. */
gt_status gt_watch_counts_add(gt_store *store, gt_str source, gt_str type,
                              const gt_watch_counts *counts, gt_time_ms now) GT_MUST_CHECK;
/* What an engine says of a source now and then, for `status` in another process. */
gt_status gt_watch_health_put(gt_store *store, gt_str source, gt_str type, gt_str problem,
                              gt_time_ms since, gt_time_ms looked, int64_t waiting) GT_MUST_CHECK;

typedef struct gt_watch_source {
    gt_str name, type;
    gt_watch_counts counts;
    gt_time_ms stored;  /* when its last delivery was stored; 0: never */
    gt_str problem;     /* empty: none */
    gt_time_ms since, looked;
    int64_t waiting;    /* -1: unknown */
    int64_t set_aside;  /* in the dead letters */
    int64_t findings;
} gt_watch_source;
/* All sources, in the order of their names; everything in the arena. */
gt_status gt_watch_sources(gt_store *store, gt_arena *arena, gt_watch_source **ret,
                           size_t *ret_count) GT_MUST_CHECK;

/* --- runs of rules ------------------------------------------------------------------------------- */

/* When the rule's last run started; *ret_has false: it never ran. */
gt_status gt_watch_run_get(gt_store *store, gt_str rule_id, bool *ret_has, gt_time_ms *ret)
    GT_MUST_CHECK;
gt_status gt_watch_run_put(gt_store *store, gt_str rule_id, gt_time_ms started) GT_MUST_CHECK;

/* --- matches that wait for a run ------------------------------------------------------------------ */

typedef enum gt_watch_state {
    GT_WATCH_WAITING, /* no run has decided about it */
    GT_WATCH_ALERTED,
    GT_WATCH_LATE,   /* it came after the last window that holds its time */
    GT_WATCH_CAPPED, /* a run saw it, but had max_signals alerts already */
} gt_watch_state;

typedef struct gt_watch_match {
    gt_str rule_id, alert_id, event_id;
    gt_time_ms at;      /* the time that windows go by */
    gt_time_ms event;   /* @timestamp */
    gt_time_ms arrived; /* at gatetrail */
    gt_str record;      /* the CloudTrail record */
    gt_watch_state state;
} gt_watch_match;

/* Known matches (rule and alert id) stay as they are. */
gt_status gt_watch_match_put(gt_store *store, const gt_watch_match *match) GT_MUST_CHECK;
/* Not yet alerted, at in [from, to], arrived by `by`: in the order of at, then event, then id. Views
 * into the row: valid during the call. GT_END from the function stops early. */
typedef gt_status (*gt_watch_match_fn)(void *ctx, const gt_watch_match *match);
gt_status gt_watch_matches(gt_store *store, gt_str rule_id, gt_time_ms from, gt_time_ms to,
                           gt_time_ms by, gt_watch_match_fn fn, void *ctx) GT_MUST_CHECK;
gt_status gt_watch_match_set(gt_store *store, gt_str rule_id, gt_str alert_id, gt_watch_state state,
                             gt_time_ms now) GT_MUST_CHECK;
/* Waiting matches with at < before become late. *ret: how many. */
gt_status gt_watch_matches_expire(gt_store *store, gt_str rule_id, gt_time_ms before, gt_time_ms now,
                                  int64_t *ret) GT_MUST_CHECK;
/* Late and capped ones (rule_id empty: of all rules), in the order of rule and time. */
gt_status gt_watch_missed(gt_store *store, gt_str rule_id, gt_watch_match_fn fn, void *ctx)
    GT_MUST_CHECK;
/* Forget alerted, late and capped ones decided before `before`. */
gt_status gt_watch_matches_prune(gt_store *store, gt_time_ms before) GT_MUST_CHECK;

/* --- records about security groups, kept to be judged again -------------------------------------- */

/* What a call opened depends on what came before it; when that arrives later, the call is judged again.
 * A record is kept under each key of its change (a group, a prefix list, a resource). */
typedef struct gt_watch_kept {
    gt_str id; /* of the event */
    gt_str source;
    gt_time_ms event;
    gt_str record; /* in the engine's own form */
} gt_watch_kept;
gt_status gt_watch_kept_put(gt_store *store, gt_str key, const gt_watch_kept *kept, gt_time_ms now)
    GT_MUST_CHECK;
/* Those under a key at or after `from`, in the order of their times. Views are valid during the call. */
typedef gt_status (*gt_watch_kept_fn)(void *ctx, const gt_watch_kept *kept);
gt_status gt_watch_kept_each(gt_store *store, gt_str key, gt_time_ms from, gt_watch_kept_fn fn,
                             void *ctx) GT_MUST_CHECK;
/* Forget what was put before `before`. */
gt_status gt_watch_kept_prune(gt_store *store, gt_time_ms before) GT_MUST_CHECK;

/* --- the ledger of gaps --------------------------------------------------------------------------- */

typedef struct gt_watch_gap {
    int64_t id;
    gt_str rule_id;
    gt_time_ms from, to; /* event time that no run looked at */
    gt_time_ms noticed;
    gt_time_ms filled;   /* 0: open */
    int64_t alerts;      /* that filling it made */
} gt_watch_gap;

gt_status gt_watch_gap_put(gt_store *store, gt_str rule_id, gt_time_ms from, gt_time_ms to,
                           gt_time_ms noticed) GT_MUST_CHECK;
/* In the order of their times; everything in the arena. */
gt_status gt_watch_gaps(gt_store *store, gt_arena *arena, bool open_only, gt_watch_gap **ret,
                        size_t *ret_count) GT_MUST_CHECK;
gt_status gt_watch_gap_fill(gt_store *store, int64_t id, gt_time_ms now, int64_t alerts)
    GT_MUST_CHECK;

#endif
