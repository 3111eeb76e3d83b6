/* engine.h — inside the engine: shared by the files that make it up (engine.c, worker.c, committer.c,
 * runs.c). */
#ifndef GT_WATCH_ENGINE_H
#define GT_WATCH_ENGINE_H

#include "cloudtrail/cloudtrail.h"
#include "store/events.h"
#include "watch/judge.h"
#include "watch/memory.h"
#include "watch/queue.h"
#include "watch/watch.h"

/* A source with its threads. */
typedef struct gt_slot {
    gt_watch *watch;
    gt_feed *feed;
    pthread_t reader, keeper;
    bool reader_started, keeper_started;
    gt_queue *acks; /* gt_ack */
    atomic_size_t out;    /* deliveries handed out and not yet taken off */
    atomic_bool empty;    /* its last look found nothing */
    atomic_ullong put_back;
    uint64_t judged_alerts; /* the committer's, of one transaction */
    /* Under watch->lock. */
    gt_watch_counts counts;
    gt_time_ms stored;
} gt_slot;

typedef struct gt_ack {
    gt_delivery *delivery;
    char *reason; /* NULL: stored; else why it is put back */
} gt_ack;

typedef struct gt_job {
    gt_slot *slot;
    gt_delivery *delivery;
} gt_job;

/* What a rule matched in a part; offsets into the part's text. */
typedef struct gt_found {
    uint32_t record; /* index into keys */
    uint32_t rule;   /* the detector's index */
    char id[64];
    size_t json, json_len;     /* alert without its tail; unused for scheduled rules */
    size_t raw, raw_len;       /* scheduled rules: the record */
    size_t event_id, event_id_len;
    size_t terms, terms_len; /* of suppression; 0: none */
    gt_time_ms event, at;
} gt_found;

/* A record about security groups: the committer evaluates it, with the state that the store knows. */
typedef struct gt_aside {
    uint32_t record;           /* index into keys */
    size_t packed, packed_len; /* the change, when it had an effect; else 0 */
    size_t raw, raw_len;       /* the record (gt_record_write), when some rule can match; else 0 */
} gt_aside;

/* A record that is kept in the event store; offsets into the part's text. */
typedef struct gt_kept_raw {
    uint32_t record; /* index into keys */
    size_t raw, raw_len;
    gt_time_ms event; /* GT_EVENT_NO_TIME: none */
} gt_kept_raw;

/* The outcome of a delivery, or of a piece of a large one. */
typedef struct gt_part {
    gt_slot *slot;
    gt_watch_setup *setup; /* held */
    gt_delivery *delivery; /* with the last part of it; else NULL */
    gt_memory_key *keys;
    uint8_t *answers; /* gt_memory_answer of each, once decided */
    size_t count, cap;
    gt_found *founds;
    size_t found_count, found_cap;
    gt_aside *asides;
    size_t aside_count, aside_cap;
    gt_kept_raw *raws;
    size_t raw_count, raw_cap;
    gt_buf text;
    gt_watch_counts counts; /* but evaluated, duplicate and changed, which the committer decides */
    gt_time_ms arrived; /* oldest piece; 0: unknown */
    bool decided;
} gt_part;

struct gt_watch {
    gt_watch_options options;
    gt_arena *arena;
    gt_slot *slots;
    size_t slot_count;
    gt_queue *todo, *done;
    pthread_t *workers;
    size_t worker_count;
    pthread_t committer;
    bool committer_started;
    atomic_bool committer_ended;
    gt_store *store; /* the committer's */
    gt_memory *memory;
    atomic_bool stopping; /* no new deliveries */
    atomic_bool aborting; /* give up what is left */
    atomic_bool failed;
    pthread_mutex_t lock; /* setup and the statistics */
    gt_watch_setup *setup;
    gt_watch_stats stats;
};

/* engine.c */
gt_time_ms gt_watch_now(const gt_watch *watch);
gt_watch_setup *gt_watch_setup_get(gt_watch *watch); /* held for the caller */
/* Hand a delivery to its keeper. reason NULL: it is stored. */
void gt_watch_ack(gt_slot *slot, gt_delivery *delivery, const char *reason);
void gt_part_free(gt_part *part);

/* The time that a scheduled rule's windows go by. */
gt_time_ms gt_watch_primary_time(const gt_match *match, gt_time_ms event, gt_time_ms now);

/* worker.c: thread functions. */
void *gt_watch_worker_main(void *watch);
/* committer.c */
void *gt_watch_committer_main(void *watch);
/* Hand one alert to the output. */
gt_status gt_watch_alert_put(gt_watch *watch, const gt_watch_alert *alert, bool *ret_new)
    GT_MUST_CHECK;

/* runs.c: the schedule; everything on the committer's thread. */
typedef struct gt_runs gt_runs;
gt_runs *gt_runs_new(gt_watch *watch);
void gt_runs_free(gt_runs *runs);
/* Is any rule due? Then gt_runs_go does its runs, each in a transaction of its own. */
bool gt_runs_due(gt_runs *runs, gt_time_ms now);
gt_status gt_runs_go(gt_runs *runs, gt_time_ms now) GT_MUST_CHECK;
gt_status gt_runs_fill(gt_runs *runs, bool missed, gt_time_ms now, gt_watch_filled *ret) GT_MUST_CHECK;

#endif
