/* alert.h — the alert document: the ECS document of the event plus kibana.alert.*, as Elastic's
 * detection engine writes it. kibana.* keys are flat, the event's fields nested.
 *
 * Differences from Elastic, all for want of a Kibana: no kibana.alert.url, kibana.version and
 * workflow assignees; kibana.alert.rule.uuid is the saved object's id when an export brought one,
 * else the rule_id; kibana.alert.rule.execution.uuid is made from the rule_id and the run's time.
 *
 * The id (kibana.alert.uuid) is the hex SHA-256 of rule_id, cloud.account.id, cloud.region and
 * event.id, with a NUL between each two: the same for every run, file layout and source. cloud.* are
 * the document's: for a call from another account that is the caller's account. An event without an
 * id is named by a hash of its record's bytes (gt_record_id). */
#ifndef GT_DETECT_ALERT_H
#define GT_DETECT_ALERT_H

#include "base/buf.h"
#include "detect/detect.h"

#define GT_ALERT_ID_LEN 64

/* 64 hex digits into out. GT_OK or GT_NOMEM. */
gt_status gt_alert_id(const gt_rule *rule, const gt_json *document, gt_str event_id,
                      char out[GT_ALERT_ID_LEN]) GT_MUST_CHECK;

/* "network event with source 192.0.2.1 by admin created low alert NAME." into out. */
void gt_alert_reason(const gt_rule *rule, const gt_json *document, gt_buf *out);

/* The alert's JSON up to gt_detector_alert_tail: '{"@timestamp":…' without the closing brace. */
void gt_alert_write_head(const gt_match *match, gt_buf *out);
/* The whole of it: head and tail, one line without a line end. */
void gt_alert_write(const gt_detector *detector, const gt_match *match, gt_buf *out);

/* --- many alerts of one event ------------------------------------------------------------------ */

/* Alerts of one event differ in four places: the id, the end of the reason, the execution's id, and the
 * rule's tail. What they share is written once; an alert is made of GT_ALERT_PARTS parts, which together
 * are what gt_alert_write writes. */
typedef struct gt_alert_cuts {
    size_t id, reason, execution; /* where the rule's own texts go in the shared one */
} gt_alert_cuts;
/* match: any of the event's. */
void gt_alert_write_shared(const gt_match *match, gt_buf *out, gt_alert_cuts *ret_cuts);

/* What is a rule's own, whatever the event. */
typedef struct gt_alert_own {
    gt_str reason_end, execution, tail;
} gt_alert_own;
gt_status gt_alert_own_make(const gt_detector *detector, size_t index, gt_time_ms now,
                            gt_arena *arena, gt_alert_own *ret) GT_MUST_CHECK;

#define GT_ALERT_PARTS 8
/* The last part is own->tail. */
void gt_alert_parts(gt_str shared, const gt_alert_cuts *cuts, gt_str id, const gt_alert_own *own,
                    gt_str ret[GT_ALERT_PARTS]);

/* First scalar at a dotted path of a document, as text, whether the document is nested, dotted or
 * mixed; of a list, its first scalar. ptr NULL when there is none. */
gt_str gt_document_text(const gt_json *document, gt_str path);
/* The node at that path, NULL when absent. */
gt_json *gt_document_get(const gt_json *document, gt_str path);

#endif
