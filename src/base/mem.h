/* mem.h — the only place that asks the C library for memory.
 * Tests make the nth request fail (gt_mem_fail_after), so that every path out of memory is run. */
#ifndef GT_BASE_MEM_H
#define GT_BASE_MEM_H

#include <stddef.h>

/* As malloc, calloc, realloc, free; size 0 is asked as 1. NULL when there is no memory. */
void *gt_malloc(size_t size);
void *gt_calloc(size_t count, size_t size);
void *gt_realloc(void *ptr, size_t size);
void gt_free(void *ptr);

/* Let the next `after` requests of this thread pass and every later one fail; a negative value
 * turns failing off. For tests only. */
void gt_mem_fail_after(long after);
/* Requests made by this thread since it started; the "no malloc in the event path" tests read it. */
unsigned long gt_mem_requests(void);

#endif
