/* file.h — a local file, or stdin, as a run of bytes. */
#ifndef GT_SOURCE_FILE_FILE_H
#define GT_SOURCE_FILE_FILE_H

#include "base/status.h"
#include "source/source.h"

typedef struct gt_source_file {
    int fd;
    uint64_t size; /* as listed, else now; 0 when it has none */
    const volatile int *interrupt; /* when it becomes non-zero, a pipe that is silent has ended; may be
                                      NULL, as gt_source_file_open leaves it */
    uint64_t pos; /* bytes read, or passed over */
    bool waited;  /* some bytes were not in memory */
    bool no_peek; /* the system cannot say whether they are */
} gt_source_file;

/* Open for reading; "-" is stdin. On GT_IO *reterr_reason is a static text. */
gt_status gt_source_file_open(const gt_input *input, gt_source_file *ret, const char **reterr_reason) GT_MUST_CHECK;
void gt_source_file_close(gt_source_file *file);
/* Read on from this offset; of a file that has a size. */
gt_status gt_source_file_seek(gt_source_file *file, uint64_t offset) GT_MUST_CHECK;
/* A gt_read_fn (cloudtrail/decode.h); ctx is the gt_source_file. What has a size fills the room up to
 * its end, so that what comes in one piece does not depend on what happens to be in memory. */
gt_status gt_source_file_read(void *file, char *to, size_t room, size_t *ret_len);
/* Ask the system to have the file in memory soon. Never fails. */
void gt_source_file_prefetch(const gt_input *input);

#endif
