/* outside.h — the engine seen from outside: /metrics, /healthz and /readyz over HTTP. */
#ifndef GT_WATCH_OUTSIDE_H
#define GT_WATCH_OUTSIDE_H

#include "watch/watch.h"

typedef struct gt_outside gt_outside;

/* More metrics, in Prometheus' text form, and more reasons not to be ready (one a line): of the alert
 * store and the sinks. Called on the server's thread; either may be NULL. */
typedef struct gt_outside_more {
    void *ctx;
    void (*metrics)(void *ctx, gt_buf *out);
    void (*problems)(void *ctx, gt_buf *out);
} gt_outside_more;

/* Listen on "ADDRESS:PORT" ("127.0.0.1:9464", "[::1]:9464", ":9464" for every address). reterr says why
 * not. */
gt_status gt_outside_start(gt_watch *watch, gt_str listen, const gt_outside_more *more,
                           gt_outside **ret, gt_buf *reterr_message) GT_MUST_CHECK;
void gt_outside_stop(gt_outside *outside);

/* A label's value in Prometheus' text form, without the quotes. */
void gt_outside_label(gt_buf *out, gt_str value);

/* The texts, for tests and for `status`. */
gt_status gt_outside_metrics(gt_watch *watch, const gt_outside_more *more, gt_buf *out) GT_MUST_CHECK;
/* Why the engine is not ready, one reason a line; empty: it is. */
gt_status gt_outside_problems(gt_watch *watch, const gt_outside_more *more, gt_buf *out)
    GT_MUST_CHECK;

#endif
