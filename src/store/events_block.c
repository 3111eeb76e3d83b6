/* The two forms of a block, read. */
#include <libdeflate.h>
#include <zstd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/events_internal.h"

struct gt_event_reader {
    gt_buf plain;
    gt_event_spot *spots;
    size_t spot_cap;
    ZSTD_DCtx *zstd;
    struct libdeflate_decompressor *gzip;
};

gt_event_reader *gt_event_reader_new(void)
{
    gt_event_reader *r = gt_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->plain = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    r->zstd = ZSTD_createDCtx();
    r->gzip = libdeflate_alloc_decompressor();
    if (r->zstd && r->gzip)
        return r;
    gt_event_reader_free(r);
    return NULL;
}

void gt_event_reader_free(gt_event_reader *r)
{
    if (!r)
        return;
    gt_buf_done(&r->plain);
    gt_free(r->spots);
    (void)ZSTD_freeDCtx(r->zstd);
    libdeflate_free_decompressor(r->gzip);
    gt_free(r);
}

/* --- numbers ----------------------------------------------------------------------------------- */

static void put_number(gt_buf *out, uint64_t n)
{
    char bytes[10];
    size_t len = 0;
    for (; n > 0x7f; n >>= 7)
        bytes[len++] = (char)(n | 0x80);
    bytes[len++] = (char)n;
    gt_buf_add(out, (gt_str){bytes, len});
}

static uint64_t fold_sign(uint64_t n)
{
    return n << 1 ^ (n >> 63 ? ~(uint64_t)0 : 0);
}

static uint64_t unfold_sign(uint64_t n)
{
    return n >> 1 ^ (n & 1 ? ~(uint64_t)0 : 0);
}

static bool get_number(gt_str *bytes, uint64_t *ret)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 10 && i < bytes->len; i++) {
        uint64_t b = (unsigned char)bytes->ptr[i];
        n |= (b & 0x7f) << 7 * i;
        if (b < 0x80) {
            *bytes = gt_str_from(*bytes, i + 1);
            *ret = n;
            return true;
        }
    }
    return false;
}

void gt_event_heads_begin(gt_event_heads *heads, gt_buf *out, size_t text_len)
{
    gt_buf_reset(out);
    *heads = (gt_event_heads){.out = out};
    put_number(out, text_len);
}

void gt_event_heads_add(gt_event_heads *heads, gt_event_spot spot)
{
    put_number(heads->out, fold_sign((uint64_t)spot.time - heads->time));
    put_number(heads->out, fold_sign(spot.begin - heads->end));
    put_number(heads->out, spot.len);
    heads->time = (uint64_t)spot.time;
    heads->end = spot.begin + spot.len;
}

/* --- blocks ------------------------------------------------------------------------------------ */

static gt_status spots_room(gt_event_reader *r, size_t count)
{
    if (count <= r->spot_cap)
        return GT_OK;
    gt_event_spot *spots = gt_realloc(r->spots, count * sizeof *spots);
    if (!spots)
        return GT_NOMEM;
    r->spots = spots;
    r->spot_cap = count;
    return GT_OK;
}

static gt_status read_heads(gt_event_reader *r, gt_str heads, size_t count, size_t *ret_text_len)
{
    uint64_t text_len, time = 0, end = 0;
    if (!get_number(&heads, &text_len) || text_len > GT_EVENT_MEMBER_BYTES)
        return GT_CORRUPT;
    for (size_t i = 0; i < count; i++) {
        uint64_t t, gap, len;
        if (!get_number(&heads, &t) || !get_number(&heads, &gap) || !get_number(&heads, &len))
            return GT_CORRUPT;
        uint64_t begin = end + unfold_sign(gap);
        time += unfold_sign(t);
        if (begin > text_len || len > text_len - begin)
            return GT_CORRUPT;
        end = begin + len;
        r->spots[i] = (gt_event_spot){(gt_time_ms)time, (size_t)begin, (size_t)len};
    }
    *ret_text_len = (size_t)text_len;
    return GT_OK;
}

static gt_status open_member(gt_event_reader *r, gt_str heads, gt_str data, gt_event_block *ret)
{
    size_t len, made;
    GT_TRY(read_heads(r, heads, ret->count, &len));
    gt_buf_reset(&r->plain);
    char *room = gt_buf_room(&r->plain, len + 1);
    if (!room)
        return gt_buf_status(&r->plain);
    if (libdeflate_gzip_decompress(r->gzip, data.ptr, data.len, room, len, &made) !=
            LIBDEFLATE_SUCCESS ||
        made != len)
        return GT_CORRUPT;
    ret->text = (gt_str){room, len};
    return GT_OK;
}

static gt_status inflate_frame(gt_event_reader *r, gt_str data)
{
    unsigned long long size = ZSTD_getFrameContentSize(data.ptr, data.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > r->plain.max)
        return GT_CORRUPT;
    gt_buf_reset(&r->plain);
    char *room = gt_buf_room(&r->plain, (size_t)size);
    if (!room)
        return gt_buf_status(&r->plain);
    size_t n = ZSTD_decompressDCtx(r->zstd, room, (size_t)size, data.ptr, data.len);
    if (ZSTD_isError(n) || n != size)
        return GT_CORRUPT;
    r->plain.len = n;
    return GT_OK;
}

static gt_status open_frame(gt_event_reader *r, gt_str data, gt_event_block *ret)
{
    GT_TRY(inflate_frame(r, data));
    ret->text = gt_buf_str(&r->plain);
    if (ret->count > ret->text.len / sizeof(gt_event_head))
        return GT_CORRUPT;
    size_t at = ret->count * sizeof(gt_event_head);
    for (size_t i = 0; i < ret->count; i++) {
        gt_event_head head;
        memcpy(&head, ret->text.ptr + i * sizeof head, sizeof head);
        size_t len = le32toh(head.len);
        if (len > ret->text.len - at)
            return GT_CORRUPT;
        r->spots[i] = (gt_event_spot){(gt_time_ms)le64toh(head.time), at, len};
        at += len;
    }
    return GT_OK;
}

gt_status gt_event_block_open(gt_event_reader *r, gt_str keys, gt_str heads, gt_str data,
                              gt_event_block *ret)
{
    *ret = (gt_event_block){.count = keys.len / GT_EVENT_KEY_BYTES, .keys = keys};
    GT_TRY(spots_room(r, ret->count));
    ret->spots = r->spots;
    return heads.ptr ? open_member(r, heads, data, ret) : open_frame(r, data, ret);
}
