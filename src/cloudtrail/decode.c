#include "cloudtrail/decode.h"

#include "base/limits.h"
#include "base/mem.h"
#include "json/scan.h"

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_FIRST_BYTES 5 /* tell how long the head of a frame is */

typedef enum format { UNKNOWN, PLAIN, GZIP, ZSTD_FRAMES, FINISHED } format;

typedef struct bytes {
    char *data;
    size_t len;
    size_t cap;
} bytes;

struct gt_decoder {
    gt_read_fn read;
    void *ctx;
    uint64_t size_hint;
    format format;
    gt_decode_problem problem;

    bytes in;        /* bytes read; [in_pos, len) not yet used */
    size_t in_pos;
    uint64_t in_base; /* offset of in.data[0] on disk */
    bool in_end;      /* nothing more to read */
    uint64_t bytes_read;

    bytes out; /* the window */
    uint64_t out_base;

    struct libdeflate_decompressor *whole;
    z_stream zlib;
    bool zlib_made;
    unsigned whole_members; /* in the last window */
    uint64_t whole_begin;   /* of the last of them, on disk */
    size_t whole_used;
    bool in_member;       /* a gzip member is being streamed */
    bool members_small;   /* the last streamed member would have fit whole */
    uint64_t stream_begin_in, stream_begin_out; /* of the stream now decoded, for its ratio */
    ZSTD_DCtx *zstd;
    bool in_frame;
    size_t zstd_wants; /* bytes of input, for the next step */
};

gt_decoder *gt_decoder_new(void)
{
    return gt_calloc(1, sizeof(gt_decoder));
}

void gt_decoder_free(gt_decoder *d)
{
    if (!d)
        return;
    gt_free(d->in.data);
    gt_free(d->out.data);
    libdeflate_free_decompressor(d->whole);
    if (d->zlib_made)
        inflateEnd(&d->zlib);
    ZSTD_freeDCtx(d->zstd);
    gt_free(d);
}

void gt_decoder_begin(gt_decoder *d, gt_read_fn read, void *ctx, uint64_t size_hint)
{
    d->read = read;
    d->ctx = ctx;
    d->size_hint = size_hint;
    d->format = UNKNOWN;
    d->problem = (gt_decode_problem){0};
    d->in.len = d->in_pos = d->out.len = 0;
    d->in_base = d->out_base = d->bytes_read = 0;
    d->in_end = d->in_member = d->members_small = d->in_frame = false;
}

void gt_decoder_begin_plain(gt_decoder *d, gt_read_fn read, void *ctx, uint64_t size_hint,
                            uint64_t offset)
{
    gt_decoder_begin(d, read, ctx, size_hint);
    d->format = PLAIN;
    d->in_base = d->out_base = d->bytes_read = offset;
}

const gt_decode_problem *gt_decoder_problem(const gt_decoder *d)
{
    return &d->problem;
}

uint64_t gt_decoder_bytes_read(const gt_decoder *d)
{
    return d->bytes_read;
}

uint64_t gt_decoder_bytes_decoded(const gt_decoder *d)
{
    return d->out_base + d->out.len;
}

static uint64_t in_offset(const gt_decoder *d)
{
    return d->in_base + d->in_pos;
}

static void end_with(gt_decoder *d, const char *reason)
{
    d->format = FINISHED;
    if (!d->problem.reason) /* a failed read explains why data is cut */
        d->problem = (gt_decode_problem){reason, in_offset(d), false};
}

/* Memory we made is kept for the next input; the first bytes are kept. */
static bool ensure(bytes *b, size_t cap)
{
    if (b->cap >= cap)
        return true;
    size_t want = b->cap + b->cap / 2;
    if (want < cap)
        want = cap;
    char *data = gt_realloc(b->data, want + GT_SCAN_PADDING);
    if (!data)
        return false;
    memset(data + want, 0, GT_SCAN_PADDING);
    b->data = data;
    b->cap = want;
    return true;
}

/* --- reading -----------------------------------------------------------------------------------*/

static void read_once(gt_decoder *d, bytes *b, size_t room)
{
    size_t got = 0;
    if (d->read(d->ctx, b->data + b->len, room, &got) != GT_OK) {
        d->problem = (gt_decode_problem){"reading failed", 0, true};
        d->in_end = true;
    }
    /* Less than asked for, and all that the file is long: a file's end needs no further call. (The
     * size may be an old one: then there is one more call.) */
    bool is_file_end = got < room && d->size_hint && d->bytes_read + got == d->size_hint;
    if (got == 0 || is_file_end)
        d->in_end = true;
    d->bytes_read += got;
    b->len += got;
}

/* Have `enough` unused bytes in `in`, as far as the input goes; reads up to `want`, so that a file
 * takes few calls and a pipe's bytes are looked at as they come. false: no memory. */
static bool fill_input(gt_decoder *d, size_t enough, size_t want)
{
    if (d->in.len - d->in_pos >= enough || d->in_end)
        return true;
    if (d->in_pos) {
        memmove(d->in.data, d->in.data + d->in_pos, d->in.len - d->in_pos);
        d->in_base += d->in_pos;
        d->in.len -= d->in_pos;
        d->in_pos = 0;
    }
    if (!ensure(&d->in, want))
        return false;
    while (d->in.len < enough && !d->in_end)
        read_once(d, &d->in, want - d->in.len);
    if (d->problem.reading)
        d->problem.offset = d->in_base + d->in.len;
    return true;
}

static gt_str unused(const gt_decoder *d)
{
    return (gt_str){d->in.data + d->in_pos, d->in.len - d->in_pos};
}

/* --- formats -----------------------------------------------------------------------------------*/

static const struct magic {
    gt_str bytes;
    format format;
    const char *reason; /* for what is known and not read */
} magics[] = {
    {{"\x1f\x8b", 2}, GZIP, NULL},
    {{"\x28\xb5\x2f\xfd", 4}, ZSTD_FRAMES, NULL},
    {{"BZh", 3}, FINISHED, "compressed with bzip2, which is not read"},
    {{"\xfd" "7zXZ", 5}, FINISHED, "compressed with xz, which is not read"},
    {{"PK\x03\x04", 4}, FINISHED, "a ZIP archive, which is not read"},
    {{"PAR1", 4}, FINISHED, "a Parquet file, which is not read"},
    {{"\xff\xfe", 2}, FINISHED, "UTF-16 text, which is not read"},
    {{"\xfe\xff", 2}, FINISHED, "UTF-16 text, which is not read"},
};

static format format_of(gt_str head, const char **ret_reason)
{
    /* zstd's skippable frames: 0x184D2A50 to 5F, little-endian. */
    if (head.len >= 4 && (head.ptr[0] & 0xF0) == 0x50 && memcmp(head.ptr + 1, "\x2a\x4d\x18", 3) == 0)
        return ZSTD_FRAMES;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (gt_str_starts(head, magics[i].bytes)) {
            *ret_reason = magics[i].reason;
            return magics[i].format;
        }
    }
    return PLAIN;
}

static bool detect(gt_decoder *d)
{
    const char *reason = NULL;
    if (!fill_input(d, 8, GT_STREAM_WINDOW))
        return false;
    d->format = format_of(unused(d), &reason);
    if (reason)
        end_with(d, reason);
    d->stream_begin_in = d->stream_begin_out = 0;
    return true;
}

static gt_status more_plain(gt_decoder *d)
{
    gt_str head = unused(d);
    if (head.len && d->out.len == 0 && d->in_pos == 0) { /* what detect() read becomes the window */
        bytes swap = d->out;
        d->out = d->in;
        d->in = swap;
        d->in_base += head.len;
        d->in.len = 0;
        if (d->in_end)
            d->format = FINISHED;
        return GT_OK;
    }
    if (head.len) {
        if (!ensure(&d->out, d->out.len + head.len))
            return GT_NOMEM;
        memcpy(d->out.data + d->out.len, head.ptr, head.len);
        d->out.len += head.len;
        d->in_pos = d->in.len;
        if (d->in_end)
            d->format = FINISHED;
        return GT_OK;
    }
    if (d->in.len) {
        d->in_base += d->in.len;
        d->in.len = d->in_pos = 0;
    }
    size_t before = d->out.len;
    size_t step = before > GT_STREAM_WINDOW ? before : GT_STREAM_WINDOW;
    if (!ensure(&d->out, before + step))
        return GT_NOMEM;
    read_once(d, &d->out, step);
    d->in_base += d->out.len - before;
    if (d->in_end) {
        d->format = FINISHED;
        if (d->problem.reason)
            d->problem.offset = d->in_base;
    }
    return GT_OK;
}

/* Does the stream grow beyond all reason? */
static bool is_bomb(gt_decoder *d)
{
    uint64_t out = gt_decoder_bytes_decoded(d), in = in_offset(d) - d->stream_begin_in;
    out -= d->stream_begin_out;
    if (gt_decoder_bytes_decoded(d) > GT_DECOMPRESSED_MAX) {
        end_with(d, "decompresses to more than the limit allows");
        return true;
    }
    if (out > GT_INFLATE_WHOLE_MAX && out / GT_INFLATE_RATIO_MAX > in) {
        end_with(d, "decompresses to more than 1100 times its size");
        return true;
    }
    return false;
}

/* --- gzip --------------------------------------------------------------------------------------*/

/* Behind a member: another one, zeros (padding, as gzip allows), or nothing. */
static bool at_next_member(gt_decoder *d)
{
    for (;;) {
        if (!fill_input(d, 2, GT_STREAM_WINDOW))
            return false;
        gt_str rest = unused(d);
        while (rest.len && *rest.ptr == '\0') {
            d->in_pos++;
            rest = unused(d);
        }
        if (rest.len == 0 && !d->in_end)
            continue;
        if (rest.len == 0)
            d->format = FINISHED;
        else if (!gt_str_starts(rest, GT_STR("\x1f\x8b")))
            end_with(d, "bytes behind the compressed data that are none");
        return true;
    }
}

static size_t last_isize(gt_str in)
{
    const unsigned char *t = (const unsigned char *)in.ptr + in.len - 4;
    return t[0] | (size_t)t[1] << 8 | (size_t)t[2] << 16 | (size_t)t[3] << 24;
}

typedef enum whole_result { WHOLE_DONE, WHOLE_NOT, WHOLE_NOMEM } whole_result;

/* The member at hand in one go, if it is small enough and sound. */
static whole_result inflate_whole(gt_decoder *d)
{
    bool may_fit = d->size_hint <= GT_INFLATE_INPUT_MAX || d->members_small;
    if (may_fit && d->in.len - d->in_pos < GT_INFLATE_INPUT_MAX / 2) {
        if (!fill_input(d, GT_INFLATE_INPUT_MAX, GT_INFLATE_INPUT_MAX))
            return WHOLE_NOMEM;
    }
    gt_str in = unused(d);
    if (in.len < 18 || (!d->in_end && !d->members_small))
        return WHOLE_NOT;
    size_t room = GT_MIB;
    if (d->in_end && last_isize(in) / GT_INFLATE_RATIO_MAX <= in.len)
        room = last_isize(in); /* true unless more members follow */
    if (room > GT_INFLATE_WHOLE_MAX)
        return WHOLE_NOT;
    if (!d->whole && !(d->whole = libdeflate_alloc_decompressor()))
        return WHOLE_NOMEM;
    for (;;) {
        if (!ensure(&d->out, d->out.len + room + 1))
            return WHOLE_NOMEM;
        size_t used, made, space = d->out.cap - d->out.len;
        if (space > GT_INFLATE_WHOLE_MAX)
            space = GT_INFLATE_WHOLE_MAX;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(
            d->whole, in.ptr, in.len, d->out.data + d->out.len, space, &used, &made);
        if (result == LIBDEFLATE_SUCCESS) {
            d->whole_members++;
            d->whole_begin = in_offset(d);
            d->whole_used = used;
            d->in_pos += used;
            d->out.len += made;
            return WHOLE_DONE;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE || space >= GT_INFLATE_WHOLE_MAX)
            return WHOLE_NOT;
        room = space < GT_INFLATE_WHOLE_MAX / 2 ? 2 * space : GT_INFLATE_WHOLE_MAX;
    }
}

static bool stream_begin(gt_decoder *d)
{
    /* 15 + 16: a gzip wrapper with the largest window. */
    int result = d->zlib_made ? inflateReset2(&d->zlib, 15 + 16) : inflateInit2(&d->zlib, 15 + 16);
    if (result != Z_OK)
        return false;
    d->zlib_made = true;
    d->in_member = true;
    d->stream_begin_in = in_offset(d);
    d->stream_begin_out = gt_decoder_bytes_decoded(d);
    return true;
}

static void stream_end(gt_decoder *d)
{
    d->in_member = false;
    d->members_small =
        gt_decoder_bytes_decoded(d) - d->stream_begin_out <= GT_INFLATE_WHOLE_MAX / 2 &&
        in_offset(d) - d->stream_begin_in <= GT_INFLATE_INPUT_MAX / 2;
}

static gt_status inflate_stream(gt_decoder *d, size_t want)
{
    if (!ensure(&d->out, want))
        return GT_NOMEM;
    while (d->out.len < want && d->in_member && d->format == GZIP) {
        if (d->in_pos == d->in.len && !fill_input(d, 1, GT_STREAM_WINDOW))
            return GT_NOMEM;
        gt_str in = unused(d);
        d->zlib.next_in = (unsigned char *)d->in.data + d->in_pos;
        d->zlib.avail_in = (unsigned)in.len;
        d->zlib.next_out = (unsigned char *)d->out.data + d->out.len;
        d->zlib.avail_out = (unsigned)(want - d->out.len);
        int result = inflate(&d->zlib, Z_NO_FLUSH);
        d->in_pos = d->in.len - d->zlib.avail_in;
        d->out.len = want - d->zlib.avail_out;
        if (result == Z_STREAM_END)
            stream_end(d);
        else if (result == Z_MEM_ERROR)
            return GT_NOMEM;
        else if (result == Z_BUF_ERROR && d->in_end && d->in_pos == d->in.len)
            end_with(d, "the gzip data is cut");
        else if (result != Z_OK && result != Z_BUF_ERROR)
            end_with(d, d->zlib.msg && strstr(d->zlib.msg, "check")
                            ? "the gzip data does not have the checksum or length it names"
                            : "the gzip data is corrupt");
        else if (is_bomb(d))
            break;
    }
    return GT_OK;
}

static gt_status more_gzip(gt_decoder *d)
{
    size_t before = d->out.len;
    size_t want = before + (before > GT_STREAM_WINDOW ? before : GT_STREAM_WINDOW);
    while (d->format == GZIP && d->out.len < want) {
        if (d->in_member) {
            GT_TRY(inflate_stream(d, want));
            if (d->in_member)
                continue;
        } else {
            whole_result whole = inflate_whole(d);
            if (whole == WHOLE_NOMEM || (whole == WHOLE_NOT && !stream_begin(d)))
                return GT_NOMEM;
            if (whole == WHOLE_NOT)
                continue;
        }
        if (!at_next_member(d))
            return GT_NOMEM;
        if (gt_decoder_bytes_decoded(d) > GT_DECOMPRESSED_MAX)
            end_with(d, "decompresses to more than the limit allows");
    }
    return GT_OK;
}

/* --- zstd --------------------------------------------------------------------------------------*/

static gt_status more_zstd(gt_decoder *d)
{
    size_t before = d->out.len;
    size_t want = before + (before > GT_STREAM_WINDOW ? before : GT_STREAM_WINDOW);
    if (!d->zstd && !(d->zstd = ZSTD_createDCtx()))
        return GT_NOMEM;
    if (in_offset(d) == 0) {
        ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only);
        d->zstd_wants = ZSTD_FIRST_BYTES;
    }
    if (!ensure(&d->out, want))
        return GT_NOMEM;
    while (d->out.len < want && d->format == ZSTD_FRAMES) {
        if (d->in_pos == d->in.len && !fill_input(d, 1, GT_STREAM_WINDOW))
            return GT_NOMEM;
        gt_str rest = unused(d);
        /* A block at a time, as the library asks for: what a call decoded before it met corrupt data
         * is lost. */
        ZSTD_inBuffer in = {rest.ptr, rest.len < d->zstd_wants ? rest.len : d->zstd_wants, 0};
        ZSTD_outBuffer out = {d->out.data, want, d->out.len};
        size_t result = ZSTD_decompressStream(d->zstd, &out, &in);
        bool progress = in.pos || out.pos > d->out.len;
        d->in_pos += in.pos;
        d->out.len = out.pos;
        if (ZSTD_isError(result)) {
            end_with(d, "the zstd data is corrupt, or needs too large a window");
            break;
        }
        if (progress)
            d->in_frame = result != 0;
        d->zstd_wants = result ? result : ZSTD_FIRST_BYTES;
        if (d->in_end && d->in_pos == d->in.len && !progress) {
            if (d->in_frame)
                end_with(d, "the zstd data is cut");
            d->format = FINISHED;
        } else if (is_bomb(d)) {
            break;
        }
    }
    return GT_OK;
}

/* --- windows -----------------------------------------------------------------------------------*/

bool gt_decoder_member(const gt_decoder *d, gt_str *ret_packed, gt_str *ret_text)
{
    if (d->whole_members != 1 || d->in_member || d->whole_begin < d->in_base ||
        d->problem.reason || !d->out.len)
        return false;
    size_t at = (size_t)(d->whole_begin - d->in_base);
    *ret_packed = (gt_str){d->in.data + at, d->whole_used};
    *ret_text = (gt_str){d->out.data, d->out.len};
    return at + d->whole_used <= d->in.len;
}

static void forget(gt_decoder *d, size_t keep_from)
{
    gt_assert(keep_from <= d->out.len);
    if (keep_from) {
        memmove(d->out.data, d->out.data + keep_from, d->out.len - keep_from);
        d->out.len -= keep_from;
        d->out_base += keep_from;
    }
}

gt_status gt_decoder_more(gt_decoder *d, size_t keep_from, gt_window *ret)
{
    if (d->out.len)
        forget(d, keep_from);
    d->whole_members = d->out.len ? 2 : 0; /* what is left of the window before counts as one */
    if (d->format == UNKNOWN && !detect(d))
        return GT_NOMEM;
    if (!ensure(&d->out, 1))
        return GT_NOMEM;
    gt_status status = GT_OK;
    if (d->format == PLAIN)
        status = more_plain(d);
    else if (d->format == GZIP)
        status = more_gzip(d);
    else if (d->format == ZSTD_FRAMES)
        status = more_zstd(d);
    if (status != GT_OK)
        return status;
    *ret = (gt_window){d->out.data, d->out.len, d->out_base, d->format == FINISHED};
    return GT_OK;
}
