/* decode.h — bytes as they lie on disk to plain text: gzip (members one after another), zstd (frames
 * one after another) or plain, told apart by their first bytes, never by name.
 *
 * A decoder belongs to one thread and is used for one input after another, so that its buffers are
 * made once. Text is handed out in windows: a run of bytes that begins with what the caller has not
 * used up yet. Small gzip members are inflated whole by libdeflate, all else is streamed. */
#ifndef GT_CLOUDTRAIL_DECODE_H
#define GT_CLOUDTRAIL_DECODE_H

#include "base/status.h"
#include "base/str.h"

/* Read up to `room` bytes to `to`; *ret_len 0 is the end. GT_OK, or a failure that ends the input. */
typedef gt_status (*gt_read_fn)(void *ctx, char *to, size_t room, size_t *ret_len);

typedef struct gt_decoder gt_decoder;

typedef struct gt_window {
    const char *data; /* GT_SCAN_PADDING bytes behind it are readable */
    size_t len;
    uint64_t base; /* offset of data[0] in the decoded bytes of the input */
    bool last;     /* nothing comes behind these bytes */
} gt_window;

/* Why the bytes end before they should. */
typedef struct gt_decode_problem {
    const char *reason; /* NULL: none */
    uint64_t offset;    /* in the input as it lies on disk: where it went wrong */
    bool reading;       /* reading failed, in contrast to corrupt data */
} gt_decode_problem;

gt_decoder *gt_decoder_new(void);
void gt_decoder_free(gt_decoder *decoder);

/* Begin an input. size_hint: its size on disk, 0 when unknown. */
void gt_decoder_begin(gt_decoder *decoder, gt_read_fn read, void *ctx, uint64_t size_hint);
/* The same for plain text from this offset of the file on, where reading begins. */
void gt_decoder_begin_plain(gt_decoder *decoder, gt_read_fn read, void *ctx, uint64_t size_hint,
                            uint64_t offset);
/* The next window: forgets the bytes before data[keep_from] of the window before and appends at
 * least one byte, unless it is the last. Cut and corrupt data, failed reads and decompression bombs
 * end the input: the window holds what could be read, is the last, and the problem tells why.
 * GT_OK, GT_NOMEM. */
gt_status gt_decoder_more(gt_decoder *decoder, size_t keep_from, gt_window *ret) GT_MUST_CHECK;
/* When one gzip member, inflated whole, is all the last window holds: its bytes as they lie on disk, and
 * its text. Views, until the next window. */
bool gt_decoder_member(const gt_decoder *decoder, gt_str *ret_packed, gt_str *ret_text);
const gt_decode_problem *gt_decoder_problem(const gt_decoder *decoder);
/* Bytes read from disk, and bytes decoded, of this input so far. */
uint64_t gt_decoder_bytes_read(const gt_decoder *decoder);
uint64_t gt_decoder_bytes_decoded(const gt_decoder *decoder);

#endif
