/* alerts.h — alerts and their life: raised once, acknowledged, closed, reopened, assigned, noted;
 * each change is written down with who made it.
 *
 * Invariants
 *  - An alert id is stored once, however often its event is evaluated.
 *  - Suppression folds an event into an alert of the same instance; an event that was folded is
 * known by its id and never counted twice.
 *  - An alert and what sinks must send of it are stored in one transaction (the caller's).
 * All calls work on the caller's connection, inside its transaction when it has one. */
#ifndef GT_STORE_ALERTS_H
#define GT_STORE_ALERTS_H

#include "base/timeutil.h"
#include "json/json.h"
#include "store/store.h"

typedef enum gt_alert_status {
    GT_ALERT_OPEN,
    GT_ALERT_ACKNOWLEDGED,
    GT_ALERT_CLOSED,
} gt_alert_status;
/* Kibana's words: "open", "acknowledged", "closed". */
const char *gt_alert_status_name(gt_alert_status status);

/* "low" 0 … "critical" 3; -1 for anything else. */
int gt_alert_severity(gt_str name);
const char *gt_alert_severity_name(int severity);

/* --- raising ---------------------------------------------------------------------------------- */

/* How an alert is suppressed; terms NULL: not at all. */
typedef struct gt_alert_group {
    const gt_json *terms; /* [{"field": …, "value": …}], sorted by field */
    int64_t
        window_ms; /* fold into an alert that was raised at most this long ago; 0: in this run */
    gt_time_ms run;       /* when the run started, for window_ms 0 */
} gt_alert_group;

typedef struct gt_alert_new {
    gt_str id; /* 64 hex digits */
    gt_str rule_id, rule_name;
    int severity;
    int64_t risk;
    gt_str source;   /* the configured source it came from */
    gt_time_ms event; /* @timestamp */
    gt_time_ms now;
    gt_str document; /* the alert as JSON, one line */
    gt_alert_group group;
} gt_alert_new;

typedef enum gt_alert_outcome {
    GT_ALERT_RAISED,
    GT_ALERT_KNOWN,  /* stored, or folded, before */
    GT_ALERT_FOLDED, /* suppressed into another alert, now */
} gt_alert_outcome;

/* *ret_seq: the alert's number (of a folded one: the alert it went into). */
gt_status gt_alerts_put(gt_store *store, const gt_alert_new *alert, gt_alert_outcome *ret,
                        int64_t *ret_seq) GT_MUST_CHECK;

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct gt_alert {
    int64_t seq;
    gt_str id, rule_id, rule_name, source;
    int severity;
    int64_t risk;
    gt_time_ms event, created, updated;
    gt_alert_status status;
    gt_str reason; /* why it was closed */
    gt_str assignee;
    int64_t folded; /* events that suppression counted into it */
    gt_json *document; /* as it is now: with status, assignee and suppression written into it */
} gt_alert;

typedef struct gt_alert_filter {
    bool has_status;
    gt_alert_status status;
    int min_severity;
    gt_str rule;     /* rule_id or name; empty: all */
    gt_str assignee; /* empty: all */
    bool has_since, has_until;
    gt_time_ms since; /* of the event, inclusive */
    gt_time_ms until; /* exclusive */
    bool oldest_first;
} gt_alert_filter;

/* Called for each alert, newest event first; what it holds lives in `batch`, which is reset between
 * calls. GT_END stops early and is no failure. */
typedef gt_status (*gt_alert_fn)(void *ctx, const gt_alert *alert);
gt_status gt_alerts_each(gt_store *store, gt_arena *batch, const gt_alert_filter *filter,
                         gt_alert_fn fn, void *ctx) GT_MUST_CHECK;

/* The alert of this id, or the only one whose id begins with it (at least four digits).
 * GT_NOTFOUND; GT_INVALID: several begin so. */
gt_status gt_alerts_get(gt_store *store, gt_arena *arena, gt_str id, gt_alert *ret) GT_MUST_CHECK;

/* How many there are by status. */
gt_status gt_alerts_count(gt_store *store, int64_t ret[3]) GT_MUST_CHECK;

/* --- changing --------------------------------------------------------------------------------- */

typedef enum gt_alert_action {
    GT_ALERT_ACK,
    GT_ALERT_CLOSE,
    GT_ALERT_REOPEN,
    GT_ALERT_ASSIGN, /* text: to whom; empty: to nobody */
    GT_ALERT_NOTE,   /* text: the note */
} gt_alert_action;

typedef struct gt_alert_change {
    gt_alert_action action;
    gt_str text; /* the assignee, the note, or why it is closed */
    gt_str who;
    gt_time_ms now;
} gt_alert_change;

/* Change the alert of this full id and write it down. *ret_changed false: it was so already, and
 * nothing is written. GT_NOTFOUND. */
gt_status gt_alerts_change(gt_store *store, gt_str id, const gt_alert_change *change,
                           bool *ret_changed) GT_MUST_CHECK;

typedef struct gt_alert_entry { /* of the audit */
    gt_str alert, who, action, before, after, note;
    gt_time_ms at;
} gt_alert_entry;
/* What was done to one alert (id empty: to all), oldest first. Views are valid during the call. */
typedef gt_status (*gt_alert_entry_fn)(void *ctx, const gt_alert_entry *entry);
gt_status gt_alerts_audit(gt_store *store, gt_str id, gt_alert_entry_fn fn,
                          void *ctx) GT_MUST_CHECK;

/* Delete closed alerts last changed before `before` that no sink still has to send; their audit
 * stays. *ret: how many. */
gt_status gt_alerts_prune(gt_store *store, gt_time_ms before, int64_t *ret) GT_MUST_CHECK;

#endif
