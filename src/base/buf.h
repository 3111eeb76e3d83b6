/* buf.h — a growable run of bytes with a maximum.
 * Once an append fails (cap or memory) the buffer stays as it was, ignores later appends and
 * remembers the reason: check gt_buf_status once, at the end. data is NUL-terminated whenever it
 * is not NULL. The struct may be reset and reused; gt_buf_done frees the bytes. */
#ifndef GT_BASE_BUF_H
#define GT_BASE_BUF_H

#include "base/status.h"
#include "base/str.h"

typedef struct gt_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max; /* len never passes it */
    gt_status status;
} gt_buf;

/* An empty buffer that may hold max bytes. */
#define GT_BUF(max_bytes) ((gt_buf){NULL, 0, 0, (max_bytes), GT_OK})

void gt_buf_done(gt_buf *buf);
static inline void gt_buf_reset(gt_buf *buf)
{
    buf->len = 0;
    buf->status = GT_OK;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Make room for `more` bytes behind len and return where they go, NULL on failure; the caller
 * writes there and then adds to len. */
char *gt_buf_room(gt_buf *buf, size_t more);
void gt_buf_add(gt_buf *buf, gt_str s);
void gt_buf_add_byte_slow(gt_buf *buf, char c); /* where gt_buf_add_byte finds no room */
static inline void gt_buf_add_byte(gt_buf *buf, char c)
{
    if (buf->status == GT_OK && buf->len + 1 < buf->cap && buf->len < buf->max) {
        buf->data[buf->len++] = c;
        buf->data[buf->len] = '\0';
    } else {
        gt_buf_add_byte_slow(buf, c);
    }
}
#define gt_buf_lit(buf, literal) gt_buf_add((buf), GT_STR(literal))
void gt_buf_printf(gt_buf *buf, const char *fmt, ...) GT_PRINTF(2, 3);

static inline gt_str gt_buf_str(const gt_buf *buf)
{
    return (gt_str){buf->data, buf->len};
}
static inline gt_status gt_buf_status(const gt_buf *buf)
{
    return buf->status;
}

#endif
