/* aws.h — talking to AWS services: region, endpoint, credentials, signature, retries, errors.
 *
 * A gt_aws holds what is common (the configuration files as read once, the credentials and their
 * renewal) and is shared by threads; each thread has its own gt_aws_client with its connections.
 *
 * Credentials are found as AWS's own tools find them: environment, web identity token, the shared
 * credentials and configuration files with profiles (source_profile, credential_source,
 * credential_process, web identity), the container's endpoint, instance metadata (v2 only). They are
 * renewed before they expire and never appear in a message. */
#ifndef GT_NET_AWS_H
#define GT_NET_AWS_H

#include "json/json.h"
#include "net/net.h"
#include "net/sigv4.h"
#include "net/xml.h"

typedef struct gt_aws_options {
    const gt_net_env *env;
    /* All strings may be NULL; they are copied. */
    const char *profile;      /* --profile: then the environment's keys are not looked at */
    const char *region;       /* else AWS_REGION, AWS_DEFAULT_REGION, the profile's */
    const char *endpoint_url; /* else AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's */
    const char *ca_file;      /* else AWS_CA_BUNDLE */
    /* Assume this role with whatever credentials were found. */
    const char *role_arn;
    const char *external_id;
    const char *session_name; /* default "gatetrail" */
    const char *mfa_serial;
    const char *mfa_token; /* the code that a device shows now; for mfa_serial here or in a profile */
    int64_t timeout_ms;    /* of one exchange; 0: GT_HTTP_TIMEOUT_MS */
    gt_retry retry;        /* zeros: GT_RETRY_DEFAULT */
} gt_aws_options;

typedef struct gt_aws gt_aws;
typedef struct gt_aws_client gt_aws_client;

/* Read the configuration; asks nobody yet. reterr_message gains why it failed: GT_INVALID (a profile
 * that does not exist), GT_IO (a file that cannot be read), GT_NOMEM. */
gt_status gt_aws_open(const gt_aws_options *options, gt_aws **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
void gt_aws_close(gt_aws *aws);

/* The region that calls go to by default; empty when none is configured. */
gt_str gt_aws_region(const gt_aws *aws);

/* Valid credentials, renewed when they are about to expire. http is the calling thread's.
 * GT_NOTFOUND: the chain has none. reterr_message says which place failed and why. */
gt_status gt_aws_credentials_get(gt_aws *aws, gt_http *http, gt_aws_credentials *ret,
                                 gt_buf *reterr_message) GT_MUST_CHECK;

/* NULL without memory. env: for this client's pauses and requests (another stop flag, say); NULL: the
 * one of the options. It must outlive the client. */
gt_aws_client *gt_aws_client_new(gt_aws *aws);
gt_aws_client *gt_aws_client_new_env(gt_aws *aws, const gt_net_env *env);
void gt_aws_client_free(gt_aws_client *client);
gt_aws *gt_aws_client_aws(gt_aws_client *client);
gt_http *gt_aws_client_http(gt_aws_client *client);

/* --- one call ------------------------------------------------------------------------------------- */

typedef struct gt_aws_request {
    const char *service; /* name in signatures and endpoints: "ec2", "s3", "sqs", "es", "aoss" */
    gt_str region;       /* empty: the configured one */
    gt_str url;          /* empty: the service's endpoint; else absolute and percent-encoded */
    const char *method;  /* NULL: POST with a body, else GET */
    const gt_http_header *headers;
    size_t header_count;
    gt_str body;
    bool has_body;
    int64_t timeout_ms;
    size_t response_max;
    gt_status (*on_body)(void *ctx, gt_str piece); /* as in gt_http_request */
    void *on_body_ctx;
    bool anonymous; /* do not sign */
    bool once;      /* no repetition: for calls that must not happen twice */
} gt_aws_request;

typedef struct gt_aws_response {
    gt_http_response http;
    char code[128];       /* AWS's error code: "InvalidPermission.Duplicate" */
    char message[512];    /* why it failed, for people: AWS's words, or ours when nobody answered */
    char request_id[128]; /* of AWS, when it gave one */
} gt_aws_response;

void gt_aws_response_init(gt_aws_response *response);
void gt_aws_response_done(gt_aws_response *response);

/* Sign, send, repeat while AWS throttles or fails.
 * GT_OK        2xx.
 * GT_NOTFOUND  404, or an error code that says so.
 * GT_RETRY     still throttled, failing or unreachable after all attempts.
 * GT_INVALID   no region or credentials for it.
 * GT_IO        refused: code and message say why.
 * GT_LIMIT, GT_NOMEM. */
gt_status gt_aws_send(gt_aws_client *client, const gt_aws_request *request,
                      gt_aws_response *response) GT_MUST_CHECK;

/* The base URL of a service in a region (empty: the configured one), without a slash at its end; the
 * region to sign for goes to ret_region. GT_INVALID: no region is known. */
gt_status gt_aws_endpoint(const gt_aws *aws, const char *service, gt_str region, gt_buf *out,
                          gt_str *ret_region) GT_MUST_CHECK;
/* Was an endpoint given by hand (option, environment, profile)? Then S3 uses path style. */
bool gt_aws_endpoint_given(const gt_aws *aws, const char *service);

/* --- protocols ------------------------------------------------------------------------------------ */

typedef struct gt_aws_param {
    gt_str name; /* "GroupId.1" */
    gt_str value;
} gt_aws_param;

/* Query protocol (EC2, IAM, STS): a form POST; the answer's root element goes to ret (its strings
 * live in response and arena). GT_INVALID too when the answer is no XML. */
gt_status gt_aws_query(gt_aws_client *client, const char *service, const char *version,
                       const char *action, const gt_aws_param *params, size_t count,
                       gt_arena *arena, gt_aws_response *response, const gt_xml **ret) GT_MUST_CHECK;

/* AWS JSON 1.0 / 1.1 (SQS, CloudTrail): POST with X-Amz-Target; the answer's tree goes to ret.
 * target: "AmazonSQS.ReceiveMessage". timeout_ms 0: the default. */
gt_status gt_aws_json(gt_aws_client *client, const char *service, const char *json_version,
                      const char *target, gt_str body, int64_t timeout_ms, gt_arena *arena,
                      gt_aws_response *response, gt_json **ret) GT_MUST_CHECK;

#endif
