#include "net/aws_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

const char *gt_aws_env(const gt_aws *aws, const char *name)
{
    const gt_net_env *env = aws->options.env;
    const char *value = env->getenv ? env->getenv(env->ctx, name) : NULL;
    return value && *value ? value : NULL;
}

/* --- INI ------------------------------------------------------------------------------------------ */

static gt_str next_line(gt_str *rest)
{
    gt_str line;
    *rest = gt_str_cut(*rest, '\n', &line);
    return line;
}

/* The name in "[name]"; ptr NULL when the line is no section. */
static gt_str section_name(gt_str line)
{
    line = gt_str_trim(line);
    if (!line.len || line.ptr[0] != '[')
        return GT_STR_NULL;
    size_t end = gt_str_find_byte(line, ']');
    if (end == GT_NPOS)
        return GT_STR_NULL;
    return gt_str_trim((gt_str){line.ptr + 1, end - 1});
}

/* "# …" and, behind white space, " # …" or " ; …". */
static gt_str without_comment(gt_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        bool mark = line.ptr[i] == '#' || line.ptr[i] == ';';
        if (mark && (i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t'))
            return gt_str_head(line, i);
    }
    return line;
}

gt_str gt_aws_ini_get(gt_str text, gt_str section, gt_str parent, gt_str key)
{
    gt_str found = GT_STR_NULL, above = GT_STR_NULL;
    bool inside = false;
    while (text.len) {
        gt_str line = next_line(&text);
        gt_str name = section_name(line);
        if (name.ptr) {
            inside = gt_str_eq(name, section);
            above = GT_STR_NULL;
            continue;
        }
        line = without_comment(line);
        if (!inside || !gt_str_trim(line).len)
            continue;
        bool indented = line.ptr[0] == ' ' || line.ptr[0] == '\t';
        gt_str left;
        gt_str value = gt_str_trim(gt_str_cut(line, '=', &left));
        left = gt_str_trim(left);
        if (!indented)
            above = left;
        bool wanted = parent.len ? indented && gt_str_eq_nocase(above, parent) : !indented;
        if (wanted && gt_str_eq_nocase(left, key) && value.len)
            found = value;
    }
    return found;
}

bool gt_aws_ini_has(gt_str text, gt_str section)
{
    while (text.len) {
        gt_str name = section_name(next_line(&text));
        if (name.ptr && gt_str_eq(name, section))
            return true;
    }
    return false;
}

/* "profile NAME", or "default" as it is, into out. */
static gt_str config_section(gt_str profile, char out[512])
{
    if (gt_str_is(profile, "default"))
        return profile;
    int n = snprintf(out, 512, "profile %.*s", GT_STR_ARG(profile));
    return (gt_str){out, n > 0 && n < 512 ? (size_t)n : 0};
}

gt_str gt_aws_profile_get(const gt_aws *aws, gt_str profile, const char *key)
{
    char name[512];
    gt_str value = gt_aws_ini_get(aws->shared, profile, GT_STR_NULL, gt_str_c(key));
    if (!value.ptr)
        value = gt_aws_ini_get(aws->config, config_section(profile, name), GT_STR_NULL, gt_str_c(key));
    return value;
}

bool gt_aws_profile_exists(const gt_aws *aws, gt_str profile)
{
    char name[512];
    return gt_aws_ini_has(aws->shared, profile) ||
           gt_aws_ini_has(aws->config, config_section(profile, name));
}

/* --- files ---------------------------------------------------------------------------------------- */

gt_status gt_aws_file_read(gt_arena *arena, const char *path, gt_str *ret, gt_buf *reterr)
{
    FILE *file = fopen(path, "rbe");
    if (!file && (errno == ENOENT || errno == ENOTDIR)) {
        *ret = GT_STR("");
        return GT_OK;
    }
    if (!file) {
        gt_buf_printf(reterr, "%s: %s", path, strerror(errno));
        return GT_IO;
    }
    gt_buf text = GT_BUF(GT_AWS_FILE_MAX);
    size_t got = 0;
    do {
        text.len += got;
        char *room = gt_buf_room(&text, 4096);
        got = room ? fread(room, 1, 4096, file) : 0;
    } while (got);
    bool failed = ferror(file);
    fclose(file);
    gt_status status = failed ? GT_IO : gt_buf_status(&text);
    if (status == GT_OK) {
        gt_str copy = gt_arena_dup(arena, text.len ? gt_buf_str(&text) : GT_STR(""));
        status = copy.ptr ? GT_OK : gt_arena_status(arena);
        if (status == GT_OK)
            *ret = copy;
    } else {
        gt_buf_printf(reterr, "%s: %s", path, gt_status_text(status));
    }
    gt_buf_done(&text);
    return status;
}

/* The file that `variable` names, else ~/.aws/`name`. */
static gt_status read_aws_file(gt_aws *aws, const char *variable, const char *name, gt_str *ret,
                               gt_buf *reterr)
{
    const char *path = gt_aws_env(aws, variable), *home = gt_aws_env(aws, "HOME");
    *ret = GT_STR("");
    if (path && path[0] == '~' && path[1] == '/' && home)
        path = gt_arena_printf(aws->arena, "%s%s", home, path + 1).ptr;
    else if (!path && home)
        path = gt_arena_printf(aws->arena, "%s/.aws/%s", home, name).ptr;
    return path ? gt_aws_file_read(aws->arena, path, ret, reterr) : GT_OK;
}

/* --- opening -------------------------------------------------------------------------------------- */

static const char *keep(gt_arena *arena, const char *text)
{
    return text ? gt_arena_dup(arena, gt_str_c(text)).ptr : NULL;
}

static void keep_options(gt_aws *aws, const gt_aws_options *options)
{
    aws->options = *options;
    aws->options.profile = keep(aws->arena, options->profile);
    aws->options.region = keep(aws->arena, options->region);
    aws->options.endpoint_url = keep(aws->arena, options->endpoint_url);
    aws->options.ca_file = keep(aws->arena, options->ca_file);
    aws->options.role_arn = keep(aws->arena, options->role_arn);
    aws->options.external_id = keep(aws->arena, options->external_id);
    aws->options.session_name = keep(aws->arena, options->session_name);
    aws->options.mfa_serial = keep(aws->arena, options->mfa_serial);
    aws->options.mfa_token = keep(aws->arena, options->mfa_token);
    if (!aws->options.retry.attempts)
        aws->options.retry = GT_RETRY_DEFAULT;
}

/* The first of: an option, an environment variable, another one. */
static const char *first_of(const gt_aws *aws, const char *option, const char *a, const char *b)
{
    if (option && *option)
        return option;
    const char *value = gt_aws_env(aws, a);
    return value ? value : gt_aws_env(aws, b);
}

static gt_status load(gt_aws *aws, gt_buf *reterr)
{
    GT_TRY(read_aws_file(aws, "AWS_CONFIG_FILE", "config", &aws->config, reterr));
    GT_TRY(read_aws_file(aws, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &aws->shared, reterr));
    const char *profile = first_of(aws, aws->options.profile, "AWS_PROFILE", "AWS_DEFAULT_PROFILE");
    aws->profile_asked = profile != NULL;
    aws->profile = gt_arena_dup(aws->arena, gt_str_c(profile ? profile : "default"));
    if (aws->profile_asked && !gt_aws_profile_exists(aws, aws->profile)) {
        gt_buf_printf(reterr, "there is no profile \"%s\" in the AWS configuration", profile);
        return GT_INVALID;
    }
    const char *region = first_of(aws, aws->options.region, "AWS_REGION", "AWS_DEFAULT_REGION");
    gt_str named = region ? gt_str_c(region) : gt_aws_profile_get(aws, aws->profile, "region");
    aws->region = gt_arena_dup(aws->arena, named.ptr ? named : GT_STR(""));
    if (!aws->options.ca_file)
        aws->options.ca_file = keep(aws->arena, gt_aws_env(aws, "AWS_CA_BUNDLE"));
    return gt_arena_status(aws->arena);
}

gt_status gt_aws_open(const gt_aws_options *options, gt_aws **ret, gt_buf *reterr_message)
{
    gt_aws *aws = gt_calloc(1, sizeof *aws);
    if (!aws)
        return GT_NOMEM;
    pthread_mutex_init(&aws->lock, NULL);
    aws->arena = gt_arena_new(4 * GT_AWS_FILE_MAX);
    gt_status status = aws->arena ? GT_OK : GT_NOMEM;
    if (status == GT_OK) {
        keep_options(aws, options);
        status = load(aws, reterr_message);
    }
    if (status != GT_OK) {
        gt_aws_close(aws);
        return status;
    }
    *ret = aws;
    return GT_OK;
}

void gt_aws_close(gt_aws *aws)
{
    if (!aws)
        return;
    gt_arena_free(aws->arena);
    pthread_mutex_destroy(&aws->lock);
    explicit_bzero(&aws->credentials, sizeof aws->credentials);
    gt_free(aws);
}

gt_str gt_aws_region(const gt_aws *aws)
{
    return aws->region;
}

/* --- endpoints ------------------------------------------------------------------------------------ */

/* The URL that was given by hand for a service; ptr NULL when none was. */
static gt_str given_endpoint(const gt_aws *aws, const char *service)
{
    if (aws->options.endpoint_url)
        return gt_str_c(aws->options.endpoint_url);
    const char *ignore = gt_aws_env(aws, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    if (ignore && gt_str_eq_nocase(gt_str_c(ignore), GT_STR("true")))
        return GT_STR_NULL;
    char name[64];
    snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%s", service);
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    const char *url = gt_aws_env(aws, name);
    if (!url)
        url = gt_aws_env(aws, "AWS_ENDPOINT_URL");
    if (url)
        return gt_str_c(url);
    gt_str services = gt_aws_profile_get(aws, aws->profile, "services");
    if (services.ptr) {
        char section[512];
        int n = snprintf(section, sizeof section, "services %.*s", GT_STR_ARG(services));
        gt_str text = {section, n > 0 && (size_t)n < sizeof section ? (size_t)n : 0};
        gt_str found =
            gt_aws_ini_get(aws->config, text, gt_str_c(service), GT_STR("endpoint_url"));
        if (found.ptr)
            return found;
    }
    return gt_aws_profile_get(aws, aws->profile, "endpoint_url");
}

bool gt_aws_endpoint_given(const gt_aws *aws, const char *service)
{
    return given_endpoint(aws, service).ptr != NULL;
}

typedef struct partition {
    const char *prefix; /* of region names */
    const char *suffix; /* of host names */
    const char *global; /* region that IAM is signed for */
    const char *iam;    /* IAM's host */
} partition;

static const partition PARTITIONS[] = {
    {"cn-", "amazonaws.com.cn", "cn-north-1", "iam.cn-north-1.amazonaws.com.cn"},
    {"us-gov-", "amazonaws.com", "us-gov-west-1", "iam.us-gov.amazonaws.com"},
    {"us-iso-", "c2s.ic.gov", "us-iso-east-1", "iam.us-iso-east-1.c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "us-isob-east-1", "iam.us-isob-east-1.sc2s.sgov.gov"},
    {"", "amazonaws.com", "us-east-1", "iam.amazonaws.com"},
};

static const partition *partition_of(gt_str region)
{
    size_t i = 0;
    while (!gt_str_starts(region, gt_str_c(PARTITIONS[i].prefix)))
        i++; /* the last row's prefix is empty */
    return &PARTITIONS[i];
}

gt_status gt_aws_endpoint(const gt_aws *aws, const char *service, gt_str region, gt_buf *out,
                          gt_str *ret_region)
{
    if (!region.len)
        region = aws->region;
    const partition *home = partition_of(region);
    bool global = strcmp(service, "iam") == 0;
    if (global)
        region = gt_str_c(home->global);
    gt_str given = given_endpoint(aws, service);
    if (!region.len && (given.ptr || strcmp(service, "s3") == 0 || strcmp(service, "sts") == 0))
        region = GT_STR("us-east-1"); /* S3 answers where the bucket is; stand-ins do not care */
    if (!region.len)
        return GT_INVALID;
    *ret_region = region;
    if (given.ptr) {
        while (given.len && given.ptr[given.len - 1] == '/')
            given.len--;
        gt_buf_add(out, given);
    } else if (global) {
        gt_buf_printf(out, "https://%s", home->iam);
    } else {
        gt_buf_printf(out, "https://%s.%.*s.%s", service, GT_STR_ARG(region), home->suffix);
    }
    return gt_buf_status(out);
}
