/* post.h — a POST and what its answer means, for webhooks and Slack. */
#ifndef GT_SINK_WEBHOOK_POST_H
#define GT_SINK_WEBHOOK_POST_H

#include "sink/sink.h"

gt_status sink_post_open(gt_sink *sink, gt_buf *reterr_message) GT_MUST_CHECK;
void sink_post_close(gt_sink *sink);

/* POST to the section's url and set the answers of all items. Reasons never hold the URL, which may
 * be a secret. */
void sink_post(gt_sink *sink, gt_arena *batch, const gt_http_header *headers, size_t header_count,
               gt_str body, gt_sink_item *items, size_t count);

/* RFC 4648 with padding; ptr NULL without memory. */
gt_str sink_base64(gt_arena *arena, gt_str bytes);

#endif
