#include "net/net.h"

int64_t gt_backoff_ms(const gt_retry *retry, unsigned attempt, uint64_t random)
{
    int64_t ceiling = retry->base_ms > 0 ? retry->base_ms : 1;
    for (unsigned i = 1; i < attempt && ceiling < retry->max_ms; i++)
        ceiling *= 2;
    if (ceiling > retry->max_ms)
        ceiling = retry->max_ms > 0 ? retry->max_ms : 1;
    int64_t half = ceiling / 2;
    return ceiling - half + (half ? (int64_t)(random % (uint64_t)(half + 1)) : 0);
}
