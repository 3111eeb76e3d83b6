/* memory.h — the events of late, so that a second copy is known as one.
 * Bounded: it remembers at least the last `remember` events and forgets older ones by the half; 16
 * bytes an event, in tables at most half full. A copy of a forgotten event is evaluated again, which
 * is harmless, since alerts have ids. Used by one thread. */
#ifndef GT_WATCH_MEMORY_H
#define GT_WATCH_MEMORY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct gt_memory gt_memory;

/* What names an event, and what it says. */
typedef struct gt_memory_key {
    uint64_t id;      /* hash of the eventID, or of what stands in for it */
    uint64_t content; /* hash of the record's bytes */
} gt_memory_key;

typedef enum gt_memory_answer {
    GT_MEMORY_NEW,
    GT_MEMORY_COPY,    /* known, with the same bytes */
    GT_MEMORY_CHANGED, /* known, with other bytes; those are remembered too */
} gt_memory_answer;

gt_memory *gt_memory_new(size_t remember);
void gt_memory_free(gt_memory *memory);
/* Ask, and remember. */
gt_memory_answer gt_memory_meet(gt_memory *memory, gt_memory_key key);
#endif
