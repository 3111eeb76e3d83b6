#include "net/aws_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Renew this long before the end, so that no request carries credentials that end on the way. */
#define RENEW_BEFORE_MS (5 * 60 * 1000)

static bool copy_part(char *out, size_t size, gt_str part)
{
    if (part.len >= size)
        return false;
    if (part.len)
        memcpy(out, part.ptr, part.len);
    out[part.len] = '\0';
    return true;
}

gt_status gt_aws_fill(gt_aws_credentials *ret, gt_str access, gt_str secret, gt_str token,
                      gt_str expires, const char *source)
{
    if (!copy_part(ret->access_key, sizeof ret->access_key, access) ||
        !copy_part(ret->secret_key, sizeof ret->secret_key, secret) ||
        !copy_part(ret->session_token, sizeof ret->session_token, token))
        return GT_LIMIT;
    ret->expires = 0;
    if (expires.len && !gt_time_parse(expires, &ret->expires))
        return GT_INVALID;
    snprintf(ret->source, sizeof ret->source, "%s", source);
    return access.len && secret.len ? GT_OK : GT_NOTFOUND;
}

gt_status gt_aws_from_json(gt_aws_search *s, gt_str text, const char *source,
                           gt_aws_credentials *ret)
{
    gt_json *json = NULL;
    gt_status status = gt_json_parse(s->scratch, text, &json, NULL);
    gt_str token = gt_json_path_str(json, "Token");
    if (!token.ptr)
        token = gt_json_path_str(json, "SessionToken");
    if (status == GT_OK)
        status = gt_aws_fill(ret, gt_json_path_str(json, "AccessKeyId"),
                             gt_json_path_str(json, "SecretAccessKey"), token,
                             gt_json_path_str(json, "Expiration"), source);
    if (status != GT_OK) {
        gt_str code = gt_json_path_str(json, "Message");
        gt_buf_printf(s->reterr, "the answer of %s holds no credentials%s%.*s", source,
                      code.len ? ": " : "", GT_STR_ARG(code));
        return status == GT_NOMEM ? status : GT_IO;
    }
    return GT_OK;
}

gt_status gt_aws_from_environment(gt_aws_search *s, gt_aws_credentials *ret)
{
    const char *access = gt_aws_env(s->aws, "AWS_ACCESS_KEY_ID");
    const char *secret = gt_aws_env(s->aws, "AWS_SECRET_ACCESS_KEY");
    if (!access && !secret)
        return GT_NOTFOUND;
    if (!access || !secret) {
        gt_buf_printf(s->reterr, "%s is set, but %s is not",
                      access ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                      access ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        return GT_INVALID;
    }
    gt_status status =
        gt_aws_fill(ret, gt_str_c(access), gt_str_c(secret),
                    gt_str_c(gt_aws_env(s->aws, "AWS_SESSION_TOKEN")), GT_STR_NULL, "environment");
    if (status != GT_OK)
        gt_buf_printf(s->reterr, "the credentials in the environment are too long");
    return status;
}

/* --- profiles ------------------------------------------------------------------------------------- */

static gt_status run_process(gt_aws_search *s, gt_str command, gt_aws_credentials *ret)
{
    gt_str line = gt_arena_dup(s->scratch, command);
    FILE *pipe = line.ptr ? popen(line.ptr, "re") : NULL;
    if (!pipe) {
        gt_buf_printf(s->reterr, "credential_process cannot be started");
        return GT_IO;
    }
    gt_buf out = GT_BUF(64 * GT_KIB);
    size_t got = 0;
    do {
        out.len += got;
        char *room = gt_buf_room(&out, 4096);
        got = room ? fread(room, 1, 4096, pipe) : 0;
    } while (got);
    int code = pclose(pipe);
    gt_status status = gt_buf_status(&out);
    if (code != 0) {
        gt_buf_printf(s->reterr, "credential_process ended with status %d",
                      WIFEXITED(code) ? WEXITSTATUS(code) : code);
        status = GT_IO;
    }
    gt_str text = status == GT_OK ? gt_arena_dup(s->scratch, gt_buf_str(&out)) : GT_STR_NULL;
    if (out.data)
        explicit_bzero(out.data, out.cap);
    gt_buf_done(&out);
    if (status != GT_OK)
        return status;
    return text.ptr ? gt_aws_from_json(s, text, "credential_process", ret) : GT_NOMEM;
}

static gt_status profile_at(gt_aws_search *s, gt_str profile, unsigned hop, bool keys_only,
                            gt_aws_credentials *ret);

/* The credentials that a role profile assumes its role with. */
static gt_status source_of_role(gt_aws_search *s, gt_str profile, unsigned hop,
                                gt_aws_credentials *ret)
{
    gt_str source = gt_aws_profile_get(s->aws, profile, "source_profile");
    /* A role profile may name itself: then its own keys are meant. */
    if (source.ptr)
        return profile_at(s, source, hop + 1, gt_str_eq(source, profile), ret);
    gt_str from = gt_aws_profile_get(s->aws, profile, "credential_source");
    if (gt_str_is(from, "Environment"))
        return gt_aws_from_environment(s, ret);
    if (gt_str_is(from, "EcsContainer"))
        return gt_aws_from_container(s, ret);
    if (gt_str_is(from, "Ec2InstanceMetadata"))
        return gt_aws_from_instance(s, ret);
    gt_buf_printf(s->reterr, "profile %.*s has role_arn, but neither source_profile nor a known "
                             "credential_source", GT_STR_ARG(profile));
    return GT_INVALID;
}

static gt_status role_of_profile(gt_aws_search *s, gt_str profile, unsigned hop, gt_str arn,
                                 gt_aws_credentials *ret)
{
    gt_str session = gt_aws_profile_get(s->aws, profile, "role_session_name");
    gt_str token_file = gt_aws_profile_get(s->aws, profile, "web_identity_token_file");
    if (token_file.ptr)
        return gt_aws_from_web_identity(s, token_file, arn, session, ret);
    gt_aws_credentials *with = gt_arena_new_of(s->scratch, gt_aws_credentials);
    if (!with)
        return GT_NOMEM;
    gt_status status = source_of_role(s, profile, hop, with);
    if (status == GT_NOTFOUND) {
        gt_buf_printf(s->reterr, "the source of profile %.*s has no credentials",
                      GT_STR_ARG(profile));
        return GT_INVALID;
    }
    GT_TRY(status);
    gt_aws_role role = {
        .arn = arn,
        .external_id = gt_aws_profile_get(s->aws, profile, "external_id"),
        .session_name = session,
        .mfa_serial = gt_aws_profile_get(s->aws, profile, "mfa_serial"),
        .duration = gt_aws_profile_get(s->aws, profile, "duration_seconds"),
    };
    return gt_aws_assume(s, with, &role, ret);
}

static gt_status profile_at(gt_aws_search *s, gt_str profile, unsigned hop, bool keys_only,
                            gt_aws_credentials *ret)
{
    if (hop > GT_AWS_PROFILE_HOPS) {
        gt_buf_printf(s->reterr, "profiles name each other in a circle at %.*s", GT_STR_ARG(profile));
        return GT_INVALID;
    }
    gt_str role = gt_aws_profile_get(s->aws, profile, "role_arn");
    if (role.ptr && !keys_only)
        return role_of_profile(s, profile, hop, role, ret);
    char source[64];
    snprintf(source, sizeof source, "profile %.*s", GT_STR_ARG(gt_str_head(profile, 48)));
    gt_str access = gt_aws_profile_get(s->aws, profile, "aws_access_key_id");
    if (access.ptr) {
        gt_status status =
            gt_aws_fill(ret, access, gt_aws_profile_get(s->aws, profile, "aws_secret_access_key"),
                        gt_aws_profile_get(s->aws, profile, "aws_session_token"), GT_STR_NULL, source);
        if (status != GT_OK)
            gt_buf_printf(s->reterr, "%s has no usable aws_secret_access_key", source);
        return status == GT_OK ? GT_OK : GT_INVALID;
    }
    gt_str command = gt_aws_profile_get(s->aws, profile, "credential_process");
    if (command.ptr)
        return run_process(s, command, ret);
    bool sso = gt_aws_profile_get(s->aws, profile, "sso_session").ptr ||
               gt_aws_profile_get(s->aws, profile, "sso_start_url").ptr;
    if (sso) {
        gt_buf_printf(s->reterr, "%s signs in through IAM Identity Center: give it a "
                                 "credential_process, such as \"aws configure export-credentials "
                                 "--profile %.*s\"", source, GT_STR_ARG(profile));
        return GT_INVALID;
    }
    return GT_NOTFOUND;
}

gt_status gt_aws_from_profile(gt_aws_search *s, gt_str profile, gt_aws_credentials *ret)
{
    return profile_at(s, profile, 0, false, ret);
}

/* --- the chain ------------------------------------------------------------------------------------ */

static gt_status from_web_identity_env(gt_aws_search *s, gt_aws_credentials *ret)
{
    const char *file = gt_aws_env(s->aws, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = gt_aws_env(s->aws, "AWS_ROLE_ARN");
    if (!file || !role)
        return GT_NOTFOUND;
    return gt_aws_from_web_identity(s, gt_str_c(file), gt_str_c(role),
                                    gt_str_c(gt_aws_env(s->aws, "AWS_ROLE_SESSION_NAME")), ret);
}

static gt_status from_chain(gt_aws_search *s, gt_aws_credentials *ret)
{
    gt_status status = GT_NOTFOUND;
    if (!s->aws->options.profile)
        status = gt_aws_from_environment(s, ret);
    if (status == GT_NOTFOUND && !s->aws->options.profile)
        status = from_web_identity_env(s, ret);
    if (status == GT_NOTFOUND)
        status = gt_aws_from_profile(s, s->aws->profile, ret);
    if (status == GT_NOTFOUND)
        status = gt_aws_from_container(s, ret);
    if (status == GT_NOTFOUND)
        status = gt_aws_from_instance(s, ret);
    if (status == GT_NOTFOUND)
        gt_buf_printf(s->reterr, "no AWS credentials in the environment, the profile \"%.*s\", the "
                                 "container or the instance metadata", GT_STR_ARG(s->aws->profile));
    return status;
}

static gt_status search(gt_aws_search *s, gt_aws_credentials *ret)
{
    const gt_aws_options *options = &s->aws->options;
    if (!options->role_arn)
        return from_chain(s, ret);
    gt_aws_credentials *with = gt_arena_new_of(s->scratch, gt_aws_credentials);
    if (!with)
        return GT_NOMEM;
    GT_TRY(from_chain(s, with));
    gt_aws_role role = {
        .arn = gt_str_c(options->role_arn),
        .external_id = gt_str_c(options->external_id),
        .session_name = gt_str_c(options->session_name),
        .mfa_serial = gt_str_c(options->mfa_serial),
    };
    return gt_aws_assume(s, with, &role, ret);
}

/* Under the lock: have credentials that last a while, or say why not. */
static gt_status renew(gt_aws *aws, gt_http *http, gt_time_ms now, gt_buf *reterr)
{
    bool have = aws->has_credentials;
    gt_time_ms expires = aws->credentials.expires;
    if (have && (!expires || now < expires - RENEW_BEFORE_MS))
        return GT_OK;
    gt_arena *scratch = gt_arena_new(4 * GT_MIB);
    gt_aws_credentials *fresh = scratch ? gt_arena_new_of(scratch, gt_aws_credentials) : NULL;
    gt_aws_search s = {aws, http, scratch, reterr};
    gt_status status = fresh ? search(&s, fresh) : GT_NOMEM;
    if (status == GT_OK) {
        aws->credentials = *fresh;
        aws->has_credentials = true;
        explicit_bzero(fresh, sizeof *fresh);
    } else if (have && now < expires) {
        gt_buf_reset(reterr); /* the old ones still hold; the next call tries again */
        status = GT_OK;
    }
    gt_arena_free(scratch);
    return status;
}

gt_status gt_aws_credentials_get(gt_aws *aws, gt_http *http, gt_aws_credentials *ret,
                                 gt_buf *reterr_message)
{
    const gt_net_env *env = aws->options.env;
    pthread_mutex_lock(&aws->lock);
    gt_status status = renew(aws, http, env->now(env->ctx), reterr_message);
    if (status == GT_OK)
        *ret = aws->credentials;
    pthread_mutex_unlock(&aws->lock);
    return status;
}
