/* Credentials that somebody is asked for: STS, the container's endpoint, instance metadata. */
#include "net/aws_internal.h"

#include <stdio.h>

/* Metadata answers at once or is not there: two short tries, as AWS's own tools do. */
#define METADATA_TIMEOUT_MS 1000
#define METADATA_RETRY ((gt_retry){2, 100, 500})

/* --- STS ------------------------------------------------------------------------------------------ */

typedef struct form {
    gt_buf text;
} form;

static void form_add(form *f, const char *name, gt_str value)
{
    if (!value.len)
        return;
    gt_buf_printf(&f->text, "%s%s=", f->text.len ? "&" : "", name);
    gt_url_encode(&f->text, value, false);
}

/* POST the form to STS; `with` NULL: unsigned. */
static gt_status ask_sts(gt_aws_search *s, const form *f, const gt_aws_credentials *with,
                         const char *result, const char *source, gt_aws_credentials *ret)
{
    gt_buf url = GT_BUF(4096);
    gt_str region = GT_STR_NULL;
    gt_aws_response response;
    gt_aws_response_init(&response);
    gt_http_header type = {GT_STR("Content-Type"),
                           GT_STR("application/x-www-form-urlencoded; charset=utf-8")};
    gt_aws_request request = {.service = "sts", .method = "POST", .headers = &type,
                              .header_count = 1, .body = gt_buf_str(&f->text),
                              .anonymous = with == NULL, .response_max = GT_MIB};
    gt_xml *root = NULL;
    gt_status status = gt_buf_status(&f->text);
    if (status == GT_OK)
        status = gt_aws_endpoint(s->aws, "sts", GT_STR_NULL, &url, &region);
    if (status == GT_OK) {
        gt_buf_add_byte(&url, '/');
        status = gt_aws_exchange(s->aws, s->http, &request, gt_buf_str(&url), region, with, &response);
    }
    if (status == GT_OK)
        status = gt_xml_parse(s->scratch, gt_buf_str(&response.http.body), &root);
    if (status == GT_OK) {
        const gt_xml *c = gt_xml_path(gt_xml_child(root, result), "Credentials");
        status = gt_aws_fill(ret, gt_xml_text(c, "AccessKeyId"), gt_xml_text(c, "SecretAccessKey"),
                             gt_xml_text(c, "SessionToken"), gt_xml_text(c, "Expiration"), source);
    }
    if (status != GT_OK)
        gt_buf_printf(s->reterr, "%s: %s%s%s", source, response.code, response.code[0] ? ": " : "",
                      response.message[0] ? response.message : gt_status_text(status));
    gt_buf_done(&url);
    gt_aws_response_done(&response);
    return status == GT_NOTFOUND ? GT_IO : status;
}

gt_status gt_aws_assume(gt_aws_search *s, const gt_aws_credentials *with, const gt_aws_role *role,
                        gt_aws_credentials *ret)
{
    form f = {GT_BUF(64 * GT_KIB)};
    const char *token = s->aws->options.mfa_token;
    if (role->mfa_serial.len && !token) {
        gt_buf_printf(s->reterr, "the role %.*s wants a code of the device %.*s",
                      GT_STR_ARG(role->arn), GT_STR_ARG(role->mfa_serial));
        return GT_INVALID;
    }
    form_add(&f, "Action", GT_STR("AssumeRole"));
    form_add(&f, "Version", GT_STR("2011-06-15"));
    form_add(&f, "RoleArn", role->arn);
    form_add(&f, "RoleSessionName", role->session_name.len ? role->session_name : GT_STR("gatetrail"));
    form_add(&f, "ExternalId", role->external_id);
    form_add(&f, "DurationSeconds", role->duration);
    if (role->mfa_serial.len) {
        form_add(&f, "SerialNumber", role->mfa_serial);
        form_add(&f, "TokenCode", gt_str_c(token));
    }
    gt_status status = ask_sts(s, &f, with, "AssumeRoleResult", "AssumeRole", ret);
    gt_buf_done(&f.text);
    return status;
}

gt_status gt_aws_from_web_identity(gt_aws_search *s, gt_str token_file, gt_str role, gt_str session,
                                   gt_aws_credentials *ret)
{
    gt_str path = gt_arena_dup(s->scratch, token_file), token = GT_STR_NULL;
    if (!path.ptr)
        return GT_NOMEM;
    GT_TRY(gt_aws_file_read(s->scratch, path.ptr, &token, s->reterr));
    token = gt_str_trim(token);
    if (!token.len) {
        gt_buf_printf(s->reterr, "the web identity token file %s is missing or empty", path.ptr);
        return GT_IO;
    }
    form f = {GT_BUF(GT_AWS_FILE_MAX * 4)};
    form_add(&f, "Action", GT_STR("AssumeRoleWithWebIdentity"));
    form_add(&f, "Version", GT_STR("2011-06-15"));
    form_add(&f, "RoleArn", role);
    form_add(&f, "RoleSessionName", session.len ? session : GT_STR("gatetrail"));
    form_add(&f, "WebIdentityToken", token);
    gt_status status = ask_sts(s, &f, NULL, "AssumeRoleWithWebIdentityResult",
                               "AssumeRoleWithWebIdentity", ret);
    gt_buf_done(&f.text);
    return status;
}

/* --- container and instance ----------------------------------------------------------------------- */

/* GET or PUT with at most one header; the body of a 200 goes to ret (in scratch). GT_NOTFOUND: nobody
 * answered or the answer was not 200. */
static gt_status ask_local(gt_aws_search *s, const char *method, gt_str url, const char *header,
                           gt_str value, gt_str *ret)
{
    gt_http_header extra = {gt_str_c(header), value};
    gt_http_request request = {.method = method, .url = url, .headers = &extra,
                               .header_count = header ? 1 : 0,
                               .has_body = strcmp(method, "PUT") == 0,
                               .timeout_ms = METADATA_TIMEOUT_MS, .response_max = 64 * GT_KIB,
                               .no_proxy = true};
    gt_http_response response;
    gt_http_response_init(&response);
    gt_retry retry = METADATA_RETRY;
    gt_status status = gt_http_send_retry(s->http, &request, &retry, &response);
    if (status == GT_OK && response.status == 200) {
        *ret = gt_arena_dup(s->scratch, response.body.len ? gt_buf_str(&response.body) : GT_STR(""));
        status = ret->ptr ? GT_OK : GT_NOMEM;
    } else {
        status = status == GT_NOMEM ? GT_NOMEM : GT_NOTFOUND;
    }
    gt_http_response_done(&response);
    return status;
}

/* The endpoint hands out credentials in clear text: over http only to this machine, or to the
 * addresses that ECS and EKS use. */
static bool container_host_allowed(gt_str url)
{
    gt_url parts;
    if (!gt_url_parse(url, &parts))
        return false;
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", "169.254.170.2",
                                        "169.254.170.23", "[fd00:ec2::23]"};
    bool known = gt_str_is(parts.scheme, "https") || gt_str_starts(parts.host, GT_STR("127."));
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        known = known || gt_str_eq_nocase(parts.host, gt_str_c(hosts[i]));
    return known;
}

gt_status gt_aws_from_container(gt_aws_search *s, gt_aws_credentials *ret)
{
    const char *relative = gt_aws_env(s->aws, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = gt_aws_env(s->aws, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full)
        return GT_NOTFOUND;
    gt_str url = relative ? gt_arena_printf(s->scratch, "http://169.254.170.2%s", relative)
                          : gt_str_c(full);
    if (!url.ptr || !container_host_allowed(url)) {
        gt_buf_printf(s->reterr, "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or local");
        return GT_INVALID;
    }
    gt_str token = gt_str_c(gt_aws_env(s->aws, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    const char *file = gt_aws_env(s->aws, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (file) {
        GT_TRY(gt_aws_file_read(s->scratch, file, &token, s->reterr));
        token = gt_str_trim(token);
    }
    gt_str body = GT_STR_NULL;
    gt_status status = ask_local(s, "GET", url, token.len ? "Authorization" : NULL, token, &body);
    if (status != GT_OK) {
        gt_buf_printf(s->reterr, "the container's credentials endpoint does not answer");
        return status == GT_NOTFOUND ? GT_RETRY : status;
    }
    return gt_aws_from_json(s, body, "container", ret);
}

static gt_str metadata_url(gt_aws_search *s, const char *path, gt_str more)
{
    const char *given = gt_aws_env(s->aws, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    gt_str base = given ? gt_str_c(given) : GT_STR("http://169.254.169.254");
    while (base.len && base.ptr[base.len - 1] == '/')
        base.len--;
    return gt_arena_printf(s->scratch, "%.*s/latest/%s%.*s", GT_STR_ARG(base), path,
                           GT_STR_ARG(more));
}

gt_status gt_aws_from_instance(gt_aws_search *s, gt_aws_credentials *ret)
{
    const char *off = gt_aws_env(s->aws, "AWS_EC2_METADATA_DISABLED");
    if (off && gt_str_eq_nocase(gt_str_c(off), GT_STR("true")))
        return GT_NOTFOUND;
    static const char *const list = "meta-data/iam/security-credentials/";
    gt_str token = GT_STR_NULL, role = GT_STR_NULL, body = GT_STR_NULL;
    /* Version 2 only: without a token nothing is asked. */
    GT_TRY(ask_local(s, "PUT", metadata_url(s, "api/token", GT_STR_NULL),
                     "X-aws-ec2-metadata-token-ttl-seconds", GT_STR("21600"), &token));
    GT_TRY(ask_local(s, "GET", metadata_url(s, list, GT_STR_NULL), "X-aws-ec2-metadata-token", token,
                     &role));
    gt_str_cut(role, '\n', &role);
    role = gt_str_trim(role);
    if (!role.len)
        return GT_NOTFOUND;
    GT_TRY(ask_local(s, "GET", metadata_url(s, list, role), "X-aws-ec2-metadata-token", token, &body));
    return gt_aws_from_json(s, body, "instance metadata", ret);
}
