/* aws_internal.h — shared by the files of net/ that make up aws.h. */
#ifndef GT_NET_AWS_INTERNAL_H
#define GT_NET_AWS_INTERNAL_H

#include "net/aws.h"

#include <pthread.h>
#include <stdatomic.h>

struct gt_aws {
    gt_arena *arena;
    gt_aws_options options; /* strings in the arena */
    gt_str config;          /* text of the configuration file; empty when there is none */
    gt_str shared;          /* text of the credentials file */
    gt_str profile;
    bool profile_asked; /* named by the user, so it must exist */
    gt_str region;
    _Atomic int64_t skew_ms; /* AWS's clock minus ours, learnt from a refused signature */
    pthread_mutex_t lock;    /* guards what follows */
    bool has_credentials;
    gt_aws_credentials credentials;
};

struct gt_aws_client {
    gt_aws *aws;
    const gt_net_env *env;
    gt_http *http;
};

/* An environment variable; NULL when unset or empty. */
const char *gt_aws_env(const gt_aws *aws, const char *name);

/* The value of key in [section] of an INI text, ptr NULL when absent; the last one wins. With a
 * parent, the value of the indented `key` under `parent =`. */
gt_str gt_aws_ini_get(gt_str text, gt_str section, gt_str parent, gt_str key);
bool gt_aws_ini_has(gt_str text, gt_str section);
/* A key of a profile: the credentials file wins over the configuration file. */
gt_str gt_aws_profile_get(const gt_aws *aws, gt_str profile, const char *key);
bool gt_aws_profile_exists(const gt_aws *aws, gt_str profile);

/* A file's text into the arena, *ret empty when the file does not exist. */
gt_status gt_aws_file_read(gt_arena *arena, const char *path, gt_str *ret, gt_buf *reterr);

/* Where credentials may come from. GT_NOTFOUND: this place has none; go on. Any other failure ends
 * the search, with words in reterr. */
typedef struct gt_aws_search {
    gt_aws *aws;
    gt_http *http;
    gt_arena *scratch;
    gt_buf *reterr;
} gt_aws_search;
gt_status gt_aws_from_profile(gt_aws_search *s, gt_str profile, gt_aws_credentials *ret);
gt_status gt_aws_from_web_identity(gt_aws_search *s, gt_str token_file, gt_str role, gt_str session,
                                   gt_aws_credentials *ret);
gt_status gt_aws_from_container(gt_aws_search *s, gt_aws_credentials *ret);
gt_status gt_aws_from_instance(gt_aws_search *s, gt_aws_credentials *ret);
gt_status gt_aws_from_environment(gt_aws_search *s, gt_aws_credentials *ret);

typedef struct gt_aws_role {
    gt_str arn, external_id, session_name, mfa_serial, duration;
} gt_aws_role;
gt_status gt_aws_assume(gt_aws_search *s, const gt_aws_credentials *with, const gt_aws_role *role,
                        gt_aws_credentials *ret);

/* Credentials from JSON {AccessKeyId, SecretAccessKey, Token | SessionToken, Expiration}. */
gt_status gt_aws_from_json(gt_aws_search *s, gt_str text, const char *source,
                           gt_aws_credentials *ret);
/* Fill ret; GT_LIMIT when a part does not fit. */
gt_status gt_aws_fill(gt_aws_credentials *ret, gt_str access, gt_str secret, gt_str token,
                      gt_str expires, const char *source);

/* One signed or anonymous exchange without repetition; used for STS before a client exists. */
gt_status gt_aws_exchange(gt_aws *aws, gt_http *http, const gt_aws_request *request, gt_str url,
                          gt_str region, const gt_aws_credentials *credentials,
                          gt_aws_response *response);

#endif
