/* sink.h — where alerts go. Each configured sink has a thread, a connection to the store and a
 * durable queue there: what a sink cannot send now waits, and detection never does.
 *
 * A type of sink is a row of sinks.def and a gt_sink_ops. It sends a batch and answers for each
 * alert with one of three words; when to try again, for how long, and what becomes of what is given
 * up is decided here, for all types alike: OK     the other side has it RETRY  not now: the server
 * is away, busy, or refuses us (a wrong password is repaired, too) ERROR  never: the other side
 * refuses this very alert; it goes to the dead letters with the reason An alert may reach the other
 * side twice when gatetrail is killed between sending and writing that down; every type makes that
 * harmless where the other side allows it (create-only ids, keys, Idempotency-Key, a file's
 * length). */
#ifndef GT_SINK_SINK_H
#define GT_SINK_SINK_H

#include "config/config.h"
#include "net/net.h"
#include "store/sinks.h"

/* --- for the engine --------------------------------------------------------------------------- */

typedef enum gt_sink_event {
    GT_SINK_FAILS,    /* the sink stopped taking alerts; message says why */
    GT_SINK_WORKS,    /* it takes them again */
    GT_SINK_GAVE_UP,  /* an alert went to the dead letters; message is the reason */
} gt_sink_event;

typedef struct gt_sink_group_options {
    const gt_config *config;  /* its [[sink]]s, [[rule]].sinks and [aws]; must outlive the group */
    const gt_net_env *env; /* clock, environment and random numbers; its stopped() must stay false
                              until gt_sink_group_stop has returned */
    const char *store_path;
    /* Called on sinks' threads, one at a time. May be NULL. */
    void (*say)(void *ctx, gt_sink_event event, gt_str sink, gt_str id, gt_str message);
    void *ctx;
} gt_sink_group_options;

typedef struct gt_sink_group gt_sink_group;

/* Check what can be checked without the other sides and start the threads. reterr_message says why
 * not: GT_INVALID (the configuration), GT_NOMEM, GT_IO. A server that is away is no failure. */
gt_status gt_sink_group_start(const gt_sink_group_options *options, gt_sink_group **ret,
                              gt_buf *reterr_message) GT_MUST_CHECK;
/* For up to drain_ms send what is due, then end; the rest stays queued. NULL is allowed. */
void gt_sink_group_stop(gt_sink_group *group, int64_t drain_ms);

/* Queue a stored alert for the sinks that want it; inside the transaction that stores it. rule_id,
 * rule_name, file: what [[rule]].rule and a sink's `rules` may call the rule (file: its path). */
typedef struct gt_sink_alert {
    int64_t seq; /* from gt_alerts_put */
    gt_str rule_id, rule_name, file;
    int severity;
    gt_time_ms now;
} gt_sink_alert;
gt_status gt_sink_group_queue(gt_sink_group *group, gt_store *store, const gt_sink_alert *alert)
    GT_MUST_CHECK;
/* After that transaction: there is something to send. */
void gt_sink_group_wake(gt_sink_group *group);

/* Is nothing queued that is due now? */
bool gt_sink_group_is_idle(gt_sink_group *group);

/* For /metrics: since the start. */
typedef struct gt_sink_health {
    gt_str name, type;
    uint64_t sent, failures, given_up;
    bool fails;
    char problem[256];
    gt_time_ms since;    /* of the problem */
    gt_time_ms answered; /* when it last took something; 0: not yet */
} gt_sink_health;
size_t gt_sink_group_count(const gt_sink_group *group);
gt_sink_health gt_sink_group_health(gt_sink_group *group, size_t index); /* a copy */

/* --- for types of sinks ----------------------------------------------------------------------- */

typedef enum gt_sink_answer { GT_SINK_OK, GT_SINK_RETRY, GT_SINK_ERROR } gt_sink_answer;

typedef struct gt_sink_item {
    const gt_sink_row *row;
    gt_sink_answer answer; /* RETRY until send sets it */
    gt_str reason;         /* why not OK; in the batch arena or static */
} gt_sink_item;

typedef struct gt_sink gt_sink;
typedef struct gt_sink_ops {
    const char *type;
    size_t batch_max; /* alerts a send takes at most; 0: as configured */
    /* Called again after each failure. GT_OK; anything else: try later; reterr_message says why. */
    gt_status (*open)(gt_sink *sink, gt_buf *reterr_message);
    /* Answer for every item. batch lives until the next send. */
    void (*send)(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count);
    void (*close)(gt_sink *sink); /* also of a half-open one; may be called without an open */
} gt_sink_ops;

struct gt_sink {
    const gt_sink_ops *ops;
    const gt_config_section *section;
    const gt_config *config;
    const gt_net_env *env; /* stopped(): give up what is being sent */
    gt_store *store;       /* the sink's own connection */
    int64_t place;         /* kept in the store with what was sent: a file's length */
    int64_t retry_after_ms; /* set by send: the other side named a pause; 0: it did not */
    void *own;
};

extern const gt_sink_ops gt_sink_ndjson, gt_sink_webhook, gt_sink_slack, gt_sink_opensearch,
    gt_sink_kafka, gt_sink_syslog;

/* Answer the same for all items. */
void gt_sink_answer_all(gt_sink_item *items, size_t count, gt_sink_answer answer, gt_str reason);
/* What an HTTP status means for one alert: 2xx OK; 400, 413, 415 and 422 ERROR; all else RETRY. */
gt_sink_answer gt_sink_answer_http(int status);

#endif
