#include "net/kafka.h"

#include "base/lazy.h"

#include <pthread.h>

/* Written once, by whoever calls first. */
static gt_kafka_calls calls;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    static const char *const names[] = {
#define CALL(name) #name,
#include "net/kafka.def"
#undef CALL
    };
    gt_lazy_load("librdkafka.so.1", names, sizeof names / sizeof *names, (void **)&calls);
}

const gt_kafka_calls *gt_kafka_calls_get(void)
{
    (void)pthread_once(&once, load);
    return &calls;
}
