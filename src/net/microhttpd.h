/* microhttpd.h — libmicrohttpd, loaded when it is first used (base/lazy.h). A function that is called for the first
 * time gets a row in microhttpd.def and a line below. */
#ifndef GT_NET_MICROHTTPD_H
#define GT_NET_MICROHTTPD_H

#include <microhttpd.h>

typedef struct gt_microhttpd_calls {
#define CALL(name) __typeof__(name) *name;
#include "net/microhttpd.def"
#undef CALL
} gt_microhttpd_calls;

const gt_microhttpd_calls *gt_microhttpd_calls_get(void);

#define MHD_add_response_header gt_microhttpd_calls_get()->MHD_add_response_header
#define MHD_create_response_from_buffer gt_microhttpd_calls_get()->MHD_create_response_from_buffer
#define MHD_destroy_response gt_microhttpd_calls_get()->MHD_destroy_response
#define MHD_queue_response gt_microhttpd_calls_get()->MHD_queue_response
#define MHD_start_daemon gt_microhttpd_calls_get()->MHD_start_daemon
#define MHD_stop_daemon gt_microhttpd_calls_get()->MHD_stop_daemon

#endif
