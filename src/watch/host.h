/* host.h — the real world as a gt_net_env: environment, clock, sleep, random numbers.
 * For src/cli and src/watch alone; libraries get it handed over. */
#ifndef GT_WATCH_HOST_H
#define GT_WATCH_HOST_H

#include "net/net.h"

#include <stdatomic.h>

/* stop may be NULL; once it is set (from a signal handler, say), sleeps end and requests in flight
 * are given up. It must outlive the environment. */
gt_net_env gt_host_env(const atomic_bool *stop);

#endif
