/* scan.h — objects of a bucket as inputs of a run over PATHs: "s3://bucket/prefix" stands for every log
 * below it. Listed once, in the order of keys; fetched by the run's workers, each object whole. */
#ifndef GT_SOURCE_S3_SCAN_H
#define GT_SOURCE_S3_SCAN_H

#include "net/aws.h"
#include "source/source.h"

typedef struct gt_s3_scan gt_s3_scan;

/* aws must outlive it. NULL without memory. */
gt_s3_scan *gt_s3_scan_new(gt_aws *aws);
void gt_s3_scan_free(gt_s3_scan *scan);

/* The logs below the URI that may pass the filter (NULL: all), as inputs in the arena. With --since
 * only the days that can matter are listed, where keys have CloudTrail's layout.
 * reterr_message: why the bucket cannot be listed (GT_IO, GT_RETRY, GT_NOTFOUND, GT_INVALID). */
gt_status gt_s3_scan_expand(gt_s3_scan *scan, gt_arena *arena, gt_str uri,
                            const gt_input_filter *filter, gt_inputs *ret,
                            gt_buf *reterr_message) GT_MUST_CHECK;

/* The bytes of an input that expand gave; from any thread. *reterr_reason lives as long as the scan.
 * ret_bytes is the caller's to free (gt_buf_done). */
gt_status gt_s3_scan_fetch(gt_s3_scan *scan, const gt_input *input, gt_buf *ret_bytes,
                           const char **reterr_reason) GT_MUST_CHECK;

#endif
