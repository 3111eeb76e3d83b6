/* sigv4.h — AWS Signature Version 4, in the Authorization header.
 * libcurl's own signer is not used: it signs the query as it was written (AWS wants it sorted), and
 * leaves out the payload hash that S3 demands. */
#ifndef GT_NET_SIGV4_H
#define GT_NET_SIGV4_H

#include "net/net.h"

typedef struct gt_aws_credentials {
    char access_key[256];
    char secret_key[256];
    char session_token[16384]; /* empty: none */
    gt_time_ms expires;        /* 0: never */
    char source[64];           /* where they come from, for people: "environment" */
} gt_aws_credentials;

typedef struct gt_sigv4_input {
    const char *method;
    gt_url url;
    const gt_http_header *headers;
    size_t header_count;
    gt_str body;
    gt_str service; /* "s3" changes two things: the path is encoded once and not normalised, and
                     * X-Amz-Content-Sha256 is sent (for "aoss" too) */
    gt_str region;
    gt_time_ms now;
    const gt_aws_credentials *credentials;
} gt_sigv4_input;

/* The headers to send: those given, then X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256 and
 * Authorization as needed. Host is signed, and left to the HTTP client to send (as authority).
 * The array and its strings live in the arena. GT_OK, GT_NOMEM or GT_LIMIT. */
gt_status gt_sigv4_sign(const gt_sigv4_input *input, gt_arena *arena, gt_http_header **ret_headers,
                        size_t *ret_count) GT_MUST_CHECK;

/* The canonical path and query, for tests. */
void gt_sigv4_canonical_path(gt_buf *out, gt_str path, bool s3);
gt_status gt_sigv4_canonical_query(gt_arena *arena, gt_buf *out, gt_str query) GT_MUST_CHECK;

#endif
