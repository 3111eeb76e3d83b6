#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

const char *gt_status_text(gt_status status)
{
    switch (status) {
#define GT_STATUS_CASE(name, text)                                                                 \
    case GT_##name:                                                                                \
        return text;
        GT_STATUS_MAP(GT_STATUS_CASE)
#undef GT_STATUS_CASE
    }
    return "unknown status";
}

void gt_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
    abort();
}
