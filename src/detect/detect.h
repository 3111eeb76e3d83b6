/* detect.h — rules over events: which rules can match, which do, and the alert that comes of it.
 *
 * A gt_detector is made once from a rule set and immutable: threads share it. Each thread has its own
 * gt_detect_worker (ECS mapper, arenas). For a record:
 *   dispatch   eventSource and eventName pick the few rules that can still match. Sound because the
 *              mapping copies both unchanged to event.provider and event.action, and because
 *              gt_query_needs_of gives necessary conditions. A record that lacks one of them, or has
 *              something else than a string there, is evaluated by every rule.
 *   prefilter  of those, rules that need a certain text in the record see only records that hold it
 *              (prefilter.h).
 *   judge      of those, the ones that values picked from the bytes rule out are dropped (early.h).
 *   map        parse, map to ECS, enrich (gt_detect_enrich).
 *   match      query, then filters and exceptions.
 * Rules with the same query share it: up to here they are one.
 *   alert      the ECS document plus kibana.alert.* (alert.h).
 * Nothing here does I/O, reads a clock or keeps state between records. */
#ifndef GT_DETECT_DETECT_H
#define GT_DETECT_DETECT_H

#include "cloudtrail/cloudtrail.h"
#include "ecs/ecs.h"
#include "rule/rule.h"

typedef struct gt_detector gt_detector;
typedef struct gt_detect_worker gt_detect_worker;

/* Adds fields to a document before rules see it (gatetrail.security_group.*, gatetrail.actor.*).
 * Called only for records that some rule can still match. record is the parsed record as it came;
 * it is NULL for ECS documents. Concurrent calls come from different workers. */
typedef struct gt_detect_enrich {
    gt_status (*enrich)(void *ctx, gt_arena *batch, const gt_json *record, gt_json *document);
    void *ctx;
    bool (*wanted)(void *ctx, const gt_record *record); /* NULL: every candidate. Spares the second
                                                           parse of records enrich leaves alone */
} gt_detect_enrich;

typedef struct gt_detector_options {
    const gt_rules *rules;
    /* Which rules to run; NULL: those with state GT_RULE_RUNS that are enabled. Only rules with
     * state GT_RULE_RUNS are ever asked about. */
    bool (*select)(void *ctx, const gt_rule *rule);
    void *select_ctx;
    bool documents; /* events are ECS documents: no dispatch, no mapping */
    bool scheduled; /* alerts say kibana.alert.rule.execution.type scheduled, else manual */
    gt_time_ms now; /* date math, and the time alerts carry */
} gt_detector_options;

/* rules owns the detector; the rule set must live as long. GT_OK, GT_NOMEM, GT_LIMIT. */
gt_status gt_detector_new(gt_arena *rules, const gt_detector_options *options, gt_detector **ret)
    GT_MUST_CHECK;
/* The rules that run, in the order of the rule set. */
size_t gt_detector_count(const gt_detector *detector);
const gt_rule *gt_detector_rule(const gt_detector *detector, size_t index);
/* Does some running rule read a field of this name or below it ("gatetrail.security_group")? */
bool gt_detector_reads(const gt_detector *detector, gt_str field);
bool gt_rule_reads(const gt_rule *rule, gt_str field);
/* The part of every alert of this rule that does not depend on the event: JSON members
 * ',"kibana.alert.rule.name":…' and the closing brace. */
gt_str gt_detector_alert_tail(const gt_detector *detector, size_t index);

/* Can any rule match, by eventSource and eventName alone? No allocation. */
bool gt_detector_candidate(const gt_detector *detector, const gt_record *record);

/* A match; everything lives until the next call with the same worker. */
typedef struct gt_match {
    size_t index; /* of the rule in the detector */
    const gt_rule *rule;
    gt_json *document; /* ECS, enriched; shared by the matches of one record */
    gt_str id;         /* kibana.alert.uuid: 64 hex digits */
    gt_str event_id;   /* event.id, or what stands in for it */
    gt_time_ms now;    /* when it was evaluated */
} gt_match;

/* What each evaluation of a rule took, for who wants to know (watch: a rule that is too slow). The clock
 * is read once for each rule that is left after judging, and never for records without one. What a query
 * took that rules share counts for the first of them. */
typedef struct gt_detect_timing {
    void *ctx;
    uint64_t (*now_ns)(void *ctx);
    void (*took)(void *ctx, size_t index, uint64_t now_ns, uint64_t ns);
} gt_detect_timing;

/* tables: for the mapper; may be NULL when detector's events are documents. enrich may be NULL. */
gt_status gt_detect_worker_new(const gt_detector *detector, const gt_ecs_tables *tables,
                               const gt_detect_enrich *enrich, gt_detect_worker **ret) GT_MUST_CHECK;
void gt_detect_worker_free(gt_detect_worker *worker);

/* Evaluate one record (or document). *ret_matches (in the order of the rules) live until the next
 * call. GT_OK; GT_LIMIT: the record is too large or too deep to evaluate; GT_INVALID: not a JSON
 * object; GT_NOMEM. */
gt_status gt_detect_record(gt_detect_worker *worker, const gt_record *record,
                           const gt_match **ret_matches, size_t *ret_count) GT_MUST_CHECK;
/* Does any rule match? As gt_detect_record, but often without making the document. */
gt_status gt_detect_any(gt_detect_worker *worker, const gt_record *record, bool *ret) GT_MUST_CHECK;
/* As gt_detect_record for a document that is there already (from a cluster, or mapped before); it is enriched by
 * nobody. event_id stands in when the document has no event.id. */
gt_status gt_detect_document(gt_detect_worker *worker, gt_json *document, gt_str event_id,
                             const gt_match **ret_matches, size_t *ret_count) GT_MUST_CHECK;
/* The memory that matches live in; for callers that build on a match. */
gt_arena *gt_detect_worker_batch(gt_detect_worker *worker);
/* The time of date math and of alerts, for engines that live longer than one run (watch). */
gt_time_ms gt_detector_now(const gt_detector *detector);
void gt_detect_worker_set_now(gt_detect_worker *worker, gt_time_ms now);
void gt_detect_worker_set_timing(gt_detect_worker *worker, const gt_detect_timing *timing);

/* Why was there no match, for `explain`: map (and enrich) one record without evaluating. */
gt_status gt_detect_map(gt_detect_worker *worker, const gt_record *record, gt_json **ret_document)
    GT_MUST_CHECK;

#endif
