/* investigate.h — the investigation guide answers itself: one event, the guide's six steps, what
 * speaks for a false positive, a verdict whose every reason is told.
 *
 * The answer is one JSON document; text, Markdown and HTML are renderings of it.
 *   event           what happened, in short
 *   alerts          rules that fire on it, and the fields their authors want to be seen first
 *   logs            which time the logs cover, and how many events
 *   steps           [{step, question, status: found|nothing|no_data, facts, evidence}]
 *   false_positive  [{check, status, facts, evidence}]
 *   verdict         {verdict: expected|suspicious|harmful|undetermined, score, reasons}
 *   response        [{plan, why, command}]
 *   timeline        [{time, event_id, actor, action, text, kind}]
 * A fact is {fact, text, evidence, …}: a stable word, a sentence, the event ids that prove it, and
 * what the sentence says as data. "nothing" means that the logs were looked through; "no_data" that
 * what would tell is not there.
 *
 * Pure but for reading the event store. */
#ifndef GT_INVESTIGATE_INVESTIGATE_H
#define GT_INVESTIGATE_INVESTIGATE_H

#include "detect/detect.h"
#include "investigate/evidence.h"
#include "investigate/expected.h"

typedef struct gt_investigate_options {
    gt_time_ms now;
    int64_t window_ms;   /* how far around the event related events are looked for; 0: a day */
    int64_t baseline_ms; /* how far back an actor's habits are counted; 0: 30 days */
    const gt_expected *expected;      /* NULL: nothing is configured */
    const gt_json *terraform_plan;    /* `terraform show -json PLAN`; NULL: none given */
    const gt_json *policies;          /* the actor's policies; NULL: none given */
    gt_str policies_from;             /* where they come from, for the report */
    const gt_ecs_tables *tables;      /* for places of addresses; NULL: none */
    bool geo;                         /* tables have a GeoIP database */
    const gt_detector *detector;      /* rules that may fire on the event; NULL: none */
} gt_investigate_options;

/* Investigate one event. *ret lives in the evidence's arena.
 * GT_OK; GT_NOTFOUND: no event or alert of this id; GT_NOMEM, GT_LIMIT, or what the store failed
 * with (gt_store_message). */
gt_status gt_investigate(gt_evidence *evidence, gt_str event_or_alert_id,
                         const gt_investigate_options *options, gt_json **ret) GT_MUST_CHECK;

/* Makes a string of the logs harmless for where it goes, beyond what the form itself asks for. */
typedef void gt_escape_fn(gt_buf *out, gt_str s);

/* Renderings of the document. Text has ANSI colours when asked; escape is for control characters
 * (gt_cli_escape). HTML is one file without scripts and without anything to fetch. */
void gt_investigate_text(const gt_json *report, bool colour, gt_escape_fn *escape, gt_buf *out);
void gt_investigate_markdown(const gt_json *report, gt_escape_fn *escape, gt_buf *out);
void gt_investigate_html(const gt_json *report, gt_escape_fn *escape, gt_buf *out);

#endif
