#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

/* Thread-local, so that a torture test of one thread leaves the others alone. */
static _Thread_local long fail_after = -1;
static _Thread_local unsigned long requests;

static bool refused(void)
{
    requests++;
    if (fail_after < 0)
        return false;
    if (fail_after == 0)
        return true;
    fail_after--;
    return false;
}

void *gt_malloc(size_t size)
{
    return refused() ? NULL : malloc(size ? size : 1);
}

void *gt_calloc(size_t count, size_t size)
{
    return refused() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *gt_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : realloc(ptr, size ? size : 1);
}

void gt_free(void *ptr)
{
    free(ptr);
}

void gt_mem_fail_after(long after)
{
    fail_after = after;
}

unsigned long gt_mem_requests(void)
{
    return requests;
}
