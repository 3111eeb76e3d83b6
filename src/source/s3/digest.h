/* digest.h — CloudTrail's digest files: signed hourly lists of log files and their hashes. */
#ifndef GT_SOURCE_S3_DIGEST_H
#define GT_SOURCE_S3_DIGEST_H

#include "source/s3/objects.h"

/* Check one digest: its signature, the file before it, and every log file that it lists. What is
 * wrong goes to target->findings. bytes: the digest as it lies there (compressed or not); `object`:
 * the response that brought it (its headers hold the signature); reused. GT_RETRY: S3 or CloudTrail
 * could not be asked; then nothing is known. */
gt_status gt_digest_check(gt_feed *feed, gt_aws_client *client, gt_s3 *s3, gt_s3_target *target,
                          gt_arena *arena, gt_str bytes, gt_aws_response *object) GT_MUST_CHECK;

/* The parts, for tests. Text of a gzip member or plain text, in the arena. */
gt_status gt_digest_inflate(gt_arena *arena, gt_str bytes, gt_str *ret) GT_MUST_CHECK;
/* SHA-256 of the inflated bytes as lower-case hex, without keeping them. GT_CORRUPT: broken gzip. */
gt_status gt_digest_hash(gt_str bytes, char ret[64]) GT_MUST_CHECK;
/* Does the signature (hex) over the digest's text hold for the public key (DER, PKCS#1)?
 * previous: the digest's previousDigestSignature; ptr NULL for null. */
bool gt_digest_signature_holds(gt_str text, gt_str end_time, gt_str bucket, gt_str key,
                               gt_str previous, gt_str signature_hex, gt_str public_key_der);

#endif
