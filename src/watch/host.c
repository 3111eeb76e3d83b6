#include "watch/host.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Sleeps look at the stop flag this often. */
#define SLICE_MS 50

static const char *host_getenv(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static gt_time_ms host_now(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool host_stopped(void *ctx)
{
    const atomic_bool *stop = ctx;
    return stop && atomic_load(stop);
}

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void host_sleep(void *ctx, int64_t ms)
{
    int64_t end = monotonic_ms() + ms;
    for (int64_t left = ms; left > 0 && !host_stopped(ctx); left = end - monotonic_ms()) {
        int64_t slice = left < SLICE_MS ? left : SLICE_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)slice * 1000000}, NULL);
    }
}

static uint64_t host_random(void *ctx)
{
    (void)ctx;
    uint64_t value = 0;
    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        value = (uint64_t)monotonic_ms() * UINT64_C(0x9E3779B97F4A7C15);
    return value;
}

gt_net_env gt_host_env(const atomic_bool *stop)
{
    union {
        const atomic_bool *in;
        void *out;
    } ctx = {stop}; /* only read through host_stopped, which makes it const again */
    return (gt_net_env){ctx.out,     host_getenv, host_now,
                        host_sleep, host_random, host_stopped};
}
