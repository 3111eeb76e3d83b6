/* watch.h — the engine that runs for ever.
 *
 * Threads, and what goes between them:
 *
 *   feed's reader ─► todo ─► workers (fetch, decode, detect) ─► done ─► committer ─► feed's keeper
 *   one a source             several                            one: the store        one a source
 *
 * Queues are bounded by bytes: when the store is slow or gone, the sources wait. The committer alone
 * writes: in one transaction the new alerts with what sinks must send, the counts, and what the source
 * must not hand out again. After it the keeper takes the deliveries off their source. So a process
 * killed at any moment loses nothing, and what it did twice has the same ids. */
#ifndef GT_WATCH_WATCH_H
#define GT_WATCH_WATCH_H

#include "source/feed.h"
#include "store/watch.h"
#include "watch/log.h"
#include "watch/setup.h"

/* One alert, when it is stored. Views are valid during the call. */
typedef struct gt_watch_alert {
    const gt_rule *rule;
    gt_str id;
    gt_str json; /* the whole document, one line */
    gt_str source;
    gt_time_ms event; /* @timestamp */
    gt_time_ms now;
    gt_str terms;      /* of its suppression group (suppress.h); empty: it alerts singly */
    int64_t window_ms; /* of the suppression; 0: one run, which is `now` */
} gt_watch_alert;

/* Where alerts go: the alert store and the sinks' queues. Called on the committer's thread. */
typedef struct gt_watch_output {
    void *ctx;
    /* Inside the transaction. *ret_new: it was not known. */
    gt_status (*alert)(void *ctx, gt_store *store, const gt_watch_alert *alert, bool *ret_new);
    /* After a transaction that brought new alerts; may be NULL. */
    void (*stored)(void *ctx, size_t new_alerts);
} gt_watch_output;

typedef struct gt_watch_options {
    const gt_net_env *env; /* the feeds'; its stopped() begins the draining of sources */
    /* The clock of alerts and schedules; tests freeze it. */
    gt_time_ms (*now)(void *ctx);
    void *now_ctx;
    const char *store_path;
    const gt_feed_config *sources; /* their env and store_path are filled in */
    size_t source_count;
    size_t workers;     /* 0: as fits the machine and the sources */
    size_t queue_bytes; /* 0: GT_WATCH_QUEUE_BYTES */
    size_t remember;    /* events whose copies are known; 0: GT_WATCH_REMEMBER */
    int64_t retention_ms; /* of decided matches, closed alerts and events; 0: 90 days */
    bool keep_events;     /* every event goes into the event store (store/events.h) */
    gt_watch_setup *setup; /* held by the engine until it is swapped */
    gt_watch_output output;
    gt_log log;
    bool once; /* stop by itself when every source has been empty for a while: for tests and `replay` */
} gt_watch_options;

typedef struct gt_watch gt_watch;

/* Open store and sources, start all threads. reterr_message says why not. options are copied, what
 * they point to must outlive the engine. */
gt_status gt_watch_start(const gt_watch_options *options, gt_watch **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* From now on work with another setup (taken over). */
void gt_watch_swap(gt_watch *watch, gt_watch_setup *setup);
/* Stop the sources, finish what is in the queues (for up to drain_ms), store it, take it off its
 * sources, free everything. GT_OK; GT_CORRUPT, GT_IO: the store had failed for good. */
gt_status gt_watch_stop(gt_watch *watch, int64_t drain_ms);
/* Did the engine give up (a damaged store)? Then stop it. */
bool gt_watch_has_failed(gt_watch *watch);
/* options.once: is there nothing left to do? */
bool gt_watch_is_idle(gt_watch *watch);

/* Make up for gaps while no engine need run: every match in an open gap becomes an alert, without
 * max_signals, and the gap is closed; with `missed`, late and capped matches too. Gaps of rules that do
 * not run now stay open (`unknown`). Of the options, store_path, setup (released), now, output, env and
 * log are used. */
typedef struct gt_watch_filled {
    uint64_t gaps, alerts, unknown;
} gt_watch_filled;
gt_status gt_watch_fill(const gt_watch_options *options, bool missed, gt_watch_filled *ret,
                        gt_buf *reterr_message) GT_MUST_CHECK;

/* --- seen from outside --------------------------------------------------------------------------- */

#define GT_WATCH_BUCKETS 14

typedef struct gt_watch_source_stats {
    gt_str name, type;
    gt_watch_counts counts; /* since the start */
    gt_feed_health health;
    uint64_t put_back;
    gt_time_ms stored; /* when its last delivery was stored; 0: not yet */
} gt_watch_source_stats;

typedef struct gt_watch_rule_stats { /* since the rules were loaded */
    gt_str rule; /* rule_id */
    uint64_t evaluations, ns;
} gt_watch_rule_stats;

typedef struct gt_watch_stats {
    gt_time_ms started, now;
    bool store_fails;
    char store_problem[256];
    uint64_t store_failures;
    uint64_t transactions;
    size_t todo, done, queue_bytes; /* what waits now */
    size_t rules;
    uint64_t reloads;
    /* Arrival at the source to stored: counts of deliveries up to each bound, in ms, the last one all. */
    uint64_t latency[GT_WATCH_BUCKETS];
    uint64_t latency_sum_ms;
    uint64_t runs, gaps, late, capped; /* of schedules */
    gt_watch_source_stats *sources;
    size_t source_count;
    gt_watch_rule_stats *evaluated; /* rules that have been evaluated at all */
    size_t evaluated_count;
} gt_watch_stats;

extern const int64_t gt_watch_bounds_ms[GT_WATCH_BUCKETS]; /* the last is INT64_MAX */

/* A copy of the moment, in the arena. */
gt_status gt_watch_stats_get(gt_watch *watch, gt_arena *arena, gt_watch_stats *ret) GT_MUST_CHECK;

#endif
