/* judge.h — evaluating one record when the state of security groups matters.
 * Rules may ask what a call opened or closed, which depends on the group's state before it. The changes of
 * groups are kept in the store; a judge loads those that a record needs, folds them, and has the record
 * evaluated with what comes of it. What it knows is what has arrived: when something arrives that came
 * before other events of the same groups, those are judged again (their alerts have the same ids).
 *
 * A judge belongs to one thread; its store too. */
#ifndef GT_WATCH_JUDGE_H
#define GT_WATCH_JUDGE_H

#include "sg/fields.h"
#include "store/store.h"
#include "watch/setup.h"

typedef struct gt_judge gt_judge;

gt_status gt_judge_new(gt_watch_setup *setup, gt_store *store, gt_judge **ret) GT_MUST_CHECK;
void gt_judge_free(gt_judge *judge); /* NULL is allowed */
void gt_judge_set_now(gt_judge *judge, gt_time_ms now);
/* From now on count what rules take (pace.h); log outlives the judge. */
void gt_judge_set_log(gt_judge *judge, const gt_log *log);

/* Keep a change in the store (inside the caller's transaction), and its record (gt_record_write; empty: no
 * rule can match it) to be judged. What is to be judged after it is noted. */
gt_status gt_judge_learn(gt_judge *judge, gt_str packed, gt_str record, gt_str source, gt_time_ms now)
    GT_MUST_CHECK;
/* Judge everything that was noted since gt_judge_begin, each record once; in the same transaction. */
typedef gt_status (*gt_judge_fn)(void *ctx, gt_str source, const gt_record *record,
                                 const gt_match *matches, size_t count);
void gt_judge_begin(gt_judge *judge);
gt_status gt_judge_noted(gt_judge *judge, gt_judge_fn fn, void *ctx) GT_MUST_CHECK;
/* Evaluate; as gt_detect_record. */
gt_status gt_judge_record(gt_judge *judge, const gt_record *record, const gt_match **ret_matches,
                          size_t *ret_count) GT_MUST_CHECK;

/* For threads without a store: the enrichment of records that are not about security groups. */
extern const gt_detect_enrich gt_judge_plain;

/* A record's bytes with its fields, to be evaluated later by another thread. */
void gt_record_write(gt_buf *out, const gt_record *record);
bool gt_record_read(gt_str bytes, gt_record *ret); /* views of bytes */

#endif
