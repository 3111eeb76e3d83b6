#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void gt_buf_done(gt_buf *buf)
{
    gt_free(buf->data);
    *buf = GT_BUF(buf->max);
}

char *gt_buf_room(gt_buf *buf, size_t more)
{
    if (buf->status != GT_OK)
        return NULL;
    if (more > buf->max - buf->len) {
        buf->status = GT_LIMIT;
        return NULL;
    }
    size_t need = buf->len + more + 1; /* the NUL */
    if (need > buf->cap) {
        size_t cap = buf->cap ? buf->cap * 2 : 256;
        if (cap < need)
            cap = need;
        char *data = gt_realloc(buf->data, cap);
        if (!data) {
            buf->status = GT_NOMEM;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void gt_buf_add(gt_buf *buf, gt_str s)
{
    char *to = gt_buf_room(buf, s.len);
    if (!to)
        return;
    if (s.len)
        memcpy(to, s.ptr, s.len);
    buf->len += s.len;
    buf->data[buf->len] = '\0';
}

void gt_buf_add_byte_slow(gt_buf *buf, char c)
{
    gt_buf_add(buf, (gt_str){&c, 1});
}

void gt_buf_printf(gt_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = len < 0 ? NULL : gt_buf_room(buf, (size_t)len);
    if (to) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}
