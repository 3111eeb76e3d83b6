/* records_internal.h — the parts of the reader: text that comes in windows, shapes, and finding the
 * way back after something malformed. */
#ifndef GT_CLOUDTRAIL_RECORDS_INTERNAL_H
#define GT_CLOUDTRAIL_RECORDS_INTERNAL_H

#include "base/limits.h"
#include "cloudtrail/cloudtrail.h"
#include "json/skeleton.h"

typedef enum shape {
#define X(name, role, ...) SHAPE_##name,
#include "cloudtrail/shapes.def"
#undef X
    SHAPE_COUNT,
} shape;

struct gt_reader {
    gt_decoder *decoder;
    gt_arena *rules;   /* the plans */
    gt_arena *scratch; /* decoded strings; rewound after every item */
    const gt_scanner *scanner;
    const gt_scan_plan *plan;  /* shapes.def */
    const gt_scan_plan *item_plan; /* of items: the same, or without the fields not asked for */
    gt_skeletons *skeletons;       /* of item_plan; may be NULL */
    gt_skeleton_view view;         /* of the record at hand, if it was recognised */
    const gt_scan_plan *marks; /* every other field that only CloudTrail has */
    gt_record_fields fields;
    gt_record_kind kind;
    const gt_record_sink *sink;
    bool in_member; /* the sink was told of a gzip member */
};

/* Where we are inside the text. */
typedef enum frame { FRAME_TOP, FRAME_ARRAY, FRAME_OBJECT } frame;
#define FRAMES_MAX 8 /* TOP, then two objects and an array at most */

/* A text: the windows of a decoder, or a piece of memory (text taken out of a string). */
typedef struct text {
    gt_reader *reader;
    const char *begin, *p, *end;
    uint64_t base; /* offset of begin */
    bool last;
    bool fixed;          /* memory inside another text: every offset is `base` */
    bool cut_told;       /* the end was told as a cut record */
    bool first;          /* no value stands before p in this array or at the top */
    bool at_line;        /* text_skip_white skipped a line break right before p */
    bool comma;          /* a ',' stands right before p */
    gt_status status;    /* what ended it */
    unsigned nested;     /* texts around this one */
    uint64_t found;      /* records and rejections so far */
    unsigned depth;
    frame frames[FRAMES_MAX];
    const gt_reader_part *part; /* what is read is a part of it; NULL: all, or text inside text */
    uint64_t border;            /* of the part: it asks from here on */
} text;

/* Where the values of shapes.def stand in an object, and the closing quotes that are known. */
typedef struct picks {
    const char *values[SHAPE_COUNT];
    const char *ends[SHAPE_COUNT];
} picks;

/* What an object looks like. */
typedef enum look {
    LOOK_OTHER,
    LOOK_RECORD,
    LOOK_WRAPPER,
    LOOK_CONTAINER,
} look;
look look_of(const gt_reader *reader, const char *const *values);

static inline uint64_t offset_of(const text *t, const char *p)
{
    return t->fixed ? t->base : t->base + (uint64_t)(p - t->begin);
}

/* Forget what stands before keep, get more; p moves with keep. false: there is no more (or memory).*/
gt_status member_ends(gt_reader *reader);
bool text_more(text *t, const char *keep);
/* At least n bytes from p on, as far as the text goes. */
bool text_need(text *t, size_t n);
/* To the next byte that is no white space; false at the end. */
bool text_skip_white(text *t);

/* At a value, behind the white space before it: ask whether somebody else reads on from here. */
gt_status text_border(text *t);
static inline gt_status text_at_border(text *t)
{
    return t->part && offset_of(t, t->p) >= t->border ? text_border(t) : GT_OK;
}

gt_status text_reject(text *t, uint64_t offset, const char *reason);
gt_status text_shape(text *t, uint64_t offset, const char *reason);

/* The whole text, to its end. */
gt_status text_run(text *t);
/* Go to the place that another reader comes to. GT_END: the text does not reach it. */
gt_status text_continue(text *t, const gt_reader_place *place);
/* An object that the item's plan was picked from. */
gt_status item_found(text *t, gt_str object, uint64_t offset, const picks *found);
/* A complete, valid object of a text: a record, or what wraps one. found: by the whole plan. */
gt_status object_found(text *t, gt_str object, uint64_t offset, const picks *found,
                       unsigned nested);
/* Text taken out of a string: 0 or more records. */
gt_status string_found(text *t, const char *value, const char *end, uint64_t offset,
                       unsigned nested);

/* The array of the first container among the members of the object at p, which was scanned with this
 * verdict (and length); NULL when there is none, or something wrong or a record's field stands before
 * it. ret_objects: how deep it lies. */
const char *container_at(text *t, const char *p, gt_scan_verdict verdict, size_t len,
                         unsigned *ret_objects);

/* After the malformed thing that begins at p: to the next place where a record may begin. */
gt_status resync(text *t);
/* "2023-07-10T11:45:00.000Z ": what CloudWatch Logs puts before a message. */
bool is_log_prefix(gt_str prefix);
/* The first object between begin and end that is a record beyond doubt, or end. */
const char *search_within(const text *t, const char *begin, const char *end);

static inline bool is_white(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the white space at p and this token; NULL: something else stands there, or p is NULL. */
static inline const char *behind(const char *p, const char *end, gt_str token)
{
    while (p && p < end && is_white(*p))
        p++;
    return p && gt_str_starts((gt_str){p, (size_t)(end - p)}, token) ? p + token.len : NULL;
}

/* The keys of what holds an array of records. */
#define CONTAINER_KEYS 4
extern const gt_str container_keys[CONTAINER_KEYS];

#endif
