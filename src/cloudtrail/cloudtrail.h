/* cloudtrail.h — bytes of any shape CloudTrail comes in to single records.
 * Understood: {"Records":[…]}, a bare array, a single record, NDJSON of records, EventBridge
 * envelopes (`detail`), CloudWatch Logs export lines and subscription logEvents[], lookup-events
 * output (CloudTrailEvent is a string), {"_source":…} dumps, digest and Insight files, each inside
 * each other, plain, gzip or zstd. */
#ifndef GT_CLOUDTRAIL_CLOUDTRAIL_H
#define GT_CLOUDTRAIL_CLOUDTRAIL_H

#include "base/arena.h"
#include "base/timeutil.h"
#include "cloudtrail/decode.h"
#include "json/skeleton.h"

/* A record and the few fields that every stage needs, taken from its bytes without a tree. Views
 * live as long as the buffer the record was found in (one call). A field that is absent, null or no
 * string is GT_STR_NULL; escapes are decoded; of duplicate keys the last one counts. */
typedef struct gt_record {
    gt_str json;         /* the record's own bytes: one JSON object, wrappers taken off; valid JSON */
    uint64_t offset;     /* where it (or the wrapper that holds it) begins, in decoded bytes */
    gt_str event_id;     /* eventID */
    gt_str event_source; /* eventSource; for Insight events too, where the record has it on top */
    gt_str event_name;
    gt_str event_time; /* as written */
    gt_str aws_region;
    gt_str account_id; /* userIdentity.accountId, else recipientAccountId: as ECS cloud.account.id */
    gt_str recipient_account_id;
    const gt_skeleton_view *skeleton; /* NULL: unknown (json/skeleton.h) */
} gt_record;

typedef enum gt_record_kind {
    GT_RECORDS_CLOUDTRAIL,
    GT_RECORDS_ECS, /* every JSON object is a document; only json and offset are set */
} gt_record_kind;

typedef enum gt_problem_kind {
    GT_PROBLEM_INPUT,   /* cannot be opened or read; offset: bytes of the file read so far */
    GT_PROBLEM_STREAM,  /* compressed data is cut or corrupt; offset: in the file as it lies on disk */
    GT_PROBLEM_RECORD,  /* a record (or what stands where one should) is rejected; offset: decoded */
    GT_PROBLEM_SHAPE,   /* the text around records is cut or wrong; offset: decoded */
    GT_PROBLEM_WARNING, /* nothing is missing, but look: the same eventID with other bytes */
} gt_problem_kind;

/* Who gets what a reader finds, in the order of the input. A failure ends the input at once. */
typedef struct gt_record_sink {
    void *ctx;
    gt_status (*record)(void *ctx, const gt_record *record);
    /* reason is static text. A GT_PROBLEM_RECORD stands for exactly one rejected record. */
    gt_status (*problem)(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason);
    /* After every window; may be NULL. Bytes as they lie on disk, and decoded. */
    gt_status (*progress)(void *ctx, uint64_t bytes_read, uint64_t bytes_decoded);
    /* Before (begins) and after reading and inflating a window, for a profile; may be NULL. */
    void (*decoding)(void *ctx, bool begins);
    /* Records whose json lies in text come from this gzip member, whose bytes as they lie on disk are
     * packed. NULL strings: what was told before is about to vanish. Not told of larger members, and of
     * those that share a window. May be NULL. */
    gt_status (*member)(void *ctx, gt_str packed, gt_str text);
} gt_record_sink;

/* Reads one input after another; belongs to one thread. Its memory is bounded by limits.h whatever
 * the inputs hold: GT_RECORD_BYTES_MAX is the largest record. */
typedef struct gt_reader gt_reader;
typedef enum gt_record_fields {
    GT_RECORD_ALL_FIELDS,
    GT_RECORD_DISPATCH_FIELDS, /* event_id, event_source and event_name; the others stay null */
} gt_record_fields;
gt_reader *gt_reader_new(gt_record_fields fields);
void gt_reader_free(gt_reader *reader);
/* Objects whose skeleton (json/skeleton.h) was known and not, since the reader was made. */
void gt_reader_stats(const gt_reader *reader, uint64_t *ret_known, uint64_t *ret_other);
/* Read an input to its end. What is broken is told to the sink and the rest is read on: after a
 * malformed record at the next record, by brackets, by lines, or by looking for one.
 * GT_OK (whatever the data was), GT_NOMEM, or what a function of the sink failed with. */
gt_status gt_reader_run(gt_reader *reader, gt_record_kind kind, gt_read_fn read, void *read_ctx,
                        uint64_t size_hint, const gt_record_sink *sink) GT_MUST_CHECK;

/* --- a large plain file in parts -----------------------------------------------------------------
 * Several readers read one file, each from a place where it guesses that a record begins. A guess
 * proves right when the reader before it comes to that very place in that very state: what reading on
 * finds depends on nothing but the state and the bytes. Otherwise what the guess found is thrown away
 * and the reader before it reads on, as if there had been no parts. */

#define GT_READER_DEPTH_MAX 8

/* A place at a value, with all that reading on from there depends on. */
typedef struct gt_reader_place {
    uint64_t offset;
    uint64_t window_end; /* how far bytes were read: after broken records it decides what is seen */
    uint8_t frames[GT_READER_DEPTH_MAX]; /* what it stands in: [1, depth] */
    uint8_t depth;
    bool first, comma; /* no value, a ',' stands before it in its array */
    bool begun;        /* records were found before it */
    bool cut_told;     /* the end of the text was told already */
} gt_reader_place;
bool gt_reader_place_equals(const gt_reader_place *a, const gt_reader_place *b);
/* Where reading has to begin for a place at this offset: windows end where they would have. */
uint64_t gt_reader_place_window(uint64_t offset);

typedef struct gt_reader_part {
    void *ctx;
    const gt_reader_place *begin; /* NULL: the file's beginning; else `read` begins at its window */
    /* At the first value at or behind *border (0 at first). GT_OK: read on, having set *border to
     * where to ask again. Anything else ends the part. */
    gt_status (*at_border)(void *ctx, const gt_reader_place *here, uint64_t *border);
} gt_reader_part;

/* What records stand in, by the first bytes of a plain file. false: do not guess. */
bool gt_reader_guess_frames(gt_record_kind kind, gt_str head, gt_reader_place *ret);
/* Guess the first place of a record behind offset, which stands in what guess_frames() wrote to
 * *place. `read` begins at gt_reader_place_window(offset). false: none is near. */
bool gt_reader_guess_place(gt_reader *reader, gt_record_kind kind, gt_read_fn read, void *read_ctx,
                           uint64_t size, uint64_t offset, gt_reader_place *place);
/* gt_reader_run of a part. A whole file is a part that begins at NULL. */
gt_status gt_reader_run_part(gt_reader *reader, gt_record_kind kind, gt_read_fn read,
                             void *read_ctx, uint64_t size_hint, const gt_record_sink *sink,
                             const gt_reader_part *part) GT_MUST_CHECK;

/* Two gt_read_fn: of bytes in memory (ctx: a gt_str, what is left of them), and of an open file (ctx: its
 * descriptor as an int; GT_IO with errno). */
gt_status gt_read_memory(void *ctx, char *to, size_t room, size_t *ret_len) GT_MUST_CHECK;
gt_status gt_read_file(void *ctx, char *to, size_t room, size_t *ret_len) GT_MUST_CHECK;

#define GT_RECORD_ID_MAX 40
/* What names the record in ids and counts: its eventID, or for want of one the hash of its bytes
 * ("xxh3:" and 32 hex digits, written to out). */
gt_str gt_record_id(const gt_record *record, char out[GT_RECORD_ID_MAX]);

#endif
