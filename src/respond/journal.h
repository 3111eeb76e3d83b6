/* journal.h — what was planned and done, durable: each line is on disk before the next call is made.
 * After a crash the lines tell what had begun; the live state tells what is left to do. */
#ifndef GT_RESPOND_JOURNAL_H
#define GT_RESPOND_JOURNAL_H

#include "base/timeutil.h"
#include "json/json.h"
#include "store/store.h"

typedef struct gt_journal {
    gt_store *store; /* NULL: nothing is kept (a run that changes nothing) */
    int64_t id;      /* of the response */
    int64_t seq;
    bool resumed;    /* an unfinished response of the same event and kind was there */
} gt_journal;

/* Begin a response, or take up the unfinished one of the same event, kind and direction. */
gt_status gt_journal_begin(gt_store *store, gt_str event_id, const char *kind, bool undo,
                           gt_str caller, gt_str reason, gt_time_ms now, const gt_json *plan,
                           gt_journal *ret) GT_MUST_CHECK;
/* Add a line. word: "before", "call", "called", "remember", "after", "verified". */
gt_status gt_journal_add(gt_journal *journal, gt_time_ms now, const char *word,
                         const gt_json *detail) GT_MUST_CHECK;
gt_status gt_journal_end(gt_journal *journal, gt_time_ms now, const char *outcome) GT_MUST_CHECK;

/* The details of all lines of this word, of every response of the event and kind, oldest first, as an
 * array in the arena. */
gt_status gt_journal_read(gt_store *store, gt_arena *arena, gt_str event_id, const char *kind,
                          const char *word, gt_json **ret) GT_MUST_CHECK;

#endif
