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

/* Zeroed memory for large tables that are read all over, on pages of 2 MiB where the system has
 * them: else most looks into such a table wait for its page to be found first. size is a multiple
 * of GT_HUGE_PAGE; freed by gt_huge_free with the same size (NULL is allowed). */
#define GT_HUGE_PAGE ((size_t)2 << 20)
void *gt_huge_calloc(size_t size);
void gt_huge_free(void *ptr, size_t size);

/* Let the next `after` requests of this thread pass and every later one fail; a negative value
 * turns failing off. For tests only. */
void gt_mem_fail_after(long after);
/* Requests made by this thread since it started; the "no malloc in the event path" tests read it. */
unsigned long gt_mem_requests(void);

#endif
