#include "cloudtrail/cloudtrail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

gt_status gt_read_memory(void *ctx, char *to, size_t room, size_t *ret_len)
{
    gt_str *left = ctx;
    size_t n = left->len < room ? left->len : room;
    if (n)
        memcpy(to, left->ptr, n);
    *left = gt_str_from(*left, n);
    *ret_len = n;
    return GT_OK;
}

gt_status gt_read_file(void *ctx, char *to, size_t room, size_t *ret_len)
{
    ssize_t n;
    do
        n = read(*(int *)ctx, to, room);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return GT_IO;
    *ret_len = (size_t)n;
    return GT_OK;
}
