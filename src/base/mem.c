#include "base/mem.h"

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

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

void *gt_huge_calloc(size_t size)
{
    gt_assert(size && size % GT_HUGE_PAGE == 0);
    if (refused())
        return NULL;
    /* A page more, so that an aligned piece is inside; the rest is given back. */
    char *all = mmap(NULL, size + GT_HUGE_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = (GT_HUGE_PAGE - (uintptr_t)all % GT_HUGE_PAGE) % GT_HUGE_PAGE;
    if (before)
        munmap(all, before);
    munmap(all + before + size, GT_HUGE_PAGE - before);
    /* Advice: works without, more slowly. Pages that are read before they are written would be made
     * twice, and every processor told of it. */
    (void)madvise(all + before, size, MADV_HUGEPAGE);
    (void)madvise(all + before, size, MADV_POPULATE_WRITE);
    return all + before;
}

void gt_huge_free(void *ptr, size_t size)
{
    if (ptr)
        munmap(ptr, size);
}

void gt_mem_fail_after(long after)
{
    fail_after = after;
}

unsigned long gt_mem_requests(void)
{
    return requests;
}
