#include "net/s3.h"

#include <stdio.h>

gt_status gt_s3_init(gt_s3 *s3, gt_aws_client *client, gt_str bucket, gt_str region)
{
    if (bucket.len < 3 || bucket.len >= sizeof s3->bucket || region.len >= sizeof s3->region)
        return GT_INVALID;
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
        if (!fine)
            return GT_INVALID;
    }
    s3->client = client;
    snprintf(s3->bucket, sizeof s3->bucket, "%.*s", GT_STR_ARG(bucket));
    snprintf(s3->region, sizeof s3->region, "%.*s", GT_STR_ARG(region));
    return GT_OK;
}

bool gt_s3_uri_parse(gt_str uri, gt_str *ret_bucket, gt_str *ret_prefix)
{
    if (!gt_str_starts(uri, GT_STR("s3://")))
        return false;
    gt_str rest = gt_str_from(uri, 5);
    gt_str prefix = gt_str_cut(rest, '/', ret_bucket);
    *ret_prefix = prefix.ptr ? prefix : GT_STR("");
    return ret_bucket->len > 0;
}

/* Host style needs a name that a certificate for *.s3.… covers and DNS takes. */
static bool path_style(const gt_s3 *s3)
{
    if (gt_aws_endpoint_given(gt_aws_client_aws(s3->client), "s3"))
        return true;
    for (const char *c = s3->bucket; *c; c++) {
        if (*c == '.' || *c == '_' || (*c >= 'A' && *c <= 'Z'))
            return true;
    }
    return false;
}

/* The object's (or with an empty key the bucket's) URL. */
static gt_status object_url(const gt_s3 *s3, gt_str key, gt_str query, gt_buf *out)
{
    gt_buf base = GT_BUF(4096);
    gt_str region = GT_STR_NULL;
    gt_status status = gt_aws_endpoint(gt_aws_client_aws(s3->client), "s3", gt_str_c(s3->region),
                                       &base, &region);
    if (status == GT_OK && path_style(s3)) {
        gt_buf_printf(out, "%.*s/%s/", GT_STR_ARG(gt_buf_str(&base)), s3->bucket);
    } else if (status == GT_OK) {
        gt_str host = gt_str_from(gt_buf_str(&base), strlen("https://"));
        gt_buf_printf(out, "https://%s.%.*s/", s3->bucket, GT_STR_ARG(host));
    }
    gt_url_encode(out, key, true);
    if (query.len) {
        gt_buf_add_byte(out, '?');
        gt_buf_add(out, query);
    }
    gt_buf_done(&base);
    return status == GT_OK ? gt_buf_status(out) : status;
}

/* The bucket is elsewhere: learn where. True: ask there. */
static bool learn_region(gt_s3 *s3, const gt_aws_response *response)
{
    int status = response->http.status;
    if (status != 301 && status != 307 && status != 400 && status != 403)
        return false;
    gt_str region = gt_http_response_header(&response->http, GT_STR("x-amz-bucket-region"));
    if (!region.len || region.len >= sizeof s3->region || gt_str_eq(region, gt_str_c(s3->region)))
        return false;
    snprintf(s3->region, sizeof s3->region, "%.*s", GT_STR_ARG(region));
    return true;
}

static gt_status ask(gt_s3 *s3, const char *method, gt_str key, gt_str query, size_t max,
                     gt_aws_response *response)
{
    for (bool moved = false;; moved = true) {
        gt_buf url = GT_BUF(64 * GT_KIB);
        gt_status status = object_url(s3, key, query, &url);
        gt_aws_request request = {.service = "s3", .region = gt_str_c(s3->region),
                                  .url = gt_buf_str(&url), .method = method, .response_max = max};
        if (status == GT_OK)
            status = gt_aws_send(s3->client, &request, response);
        gt_buf_done(&url);
        if (status != GT_IO || moved || !learn_region(s3, response))
            return status;
    }
}

static void add_param(gt_buf *query, const char *name, gt_str value)
{
    if (!value.len)
        return;
    gt_buf_printf(query, "&%s=", name);
    gt_url_encode(query, value, false);
}

/* An element's text, URL-decoded when the page says that keys are encoded. */
static gt_str key_text(gt_arena *arena, const gt_xml *node, const char *name, bool encoded)
{
    gt_str text = gt_xml_text(node, name);
    if (!encoded || !text.len)
        return text;
    gt_buf plain = GT_BUF(64 * GT_KIB);
    gt_url_decode(&plain, text, true);
    gt_str copy = gt_buf_status(&plain) == GT_OK ? gt_arena_dup(arena, gt_buf_str(&plain)) : GT_STR_NULL;
    gt_buf_done(&plain);
    return copy;
}

static size_t count_children(const gt_xml *root, const char *name)
{
    size_t count = 0;
    for (const gt_xml *n = gt_xml_child(root, name); n; n = gt_xml_next(n))
        count++;
    return count;
}

static gt_status read_page(gt_arena *arena, const gt_xml *root, gt_s3_page *ret)
{
    gt_s3_page page = {0};
    bool encoded = gt_str_is(gt_xml_text(root, "EncodingType"), "url");
    page.objects = gt_arena_array(arena, gt_s3_object, count_children(root, "Contents") + 1);
    page.prefixes = gt_arena_array(arena, gt_str, count_children(root, "CommonPrefixes") + 1);
    if (!page.objects || !page.prefixes)
        return gt_arena_status(arena);
    for (const gt_xml *n = gt_xml_child(root, "Contents"); n; n = gt_xml_next(n)) {
        gt_s3_object *o = &page.objects[page.count++];
        o->key = key_text(arena, n, "Key", encoded);
        if (!o->key.ptr)
            return GT_NOMEM;
        if (!gt_str_to_u64(gt_xml_text(n, "Size"), &o->size))
            o->size = 0;
        if (!gt_time_parse(gt_xml_text(n, "LastModified"), &o->modified))
            o->modified = 0;
        o->etag = gt_xml_text(n, "ETag");
        if (o->etag.len >= 2 && o->etag.ptr[0] == '"')
            o->etag = (gt_str){o->etag.ptr + 1, o->etag.len - 2};
    }
    for (const gt_xml *n = gt_xml_child(root, "CommonPrefixes"); n; n = gt_xml_next(n))
        page.prefixes[page.prefix_count++] = key_text(arena, n, "Prefix", encoded);
    if (gt_str_is(gt_xml_text(root, "IsTruncated"), "true"))
        page.next = gt_xml_text(root, "NextContinuationToken");
    *ret = page;
    return GT_OK;
}

gt_status gt_s3_list_page(gt_s3 *s3, const gt_s3_list *list, gt_arena *arena,
                          gt_aws_response *response, gt_s3_page *ret)
{
    gt_buf query = GT_BUF(64 * GT_KIB);
    gt_buf_lit(&query, "list-type=2&encoding-type=url");
    add_param(&query, "prefix", list->prefix);
    add_param(&query, "delimiter", list->delimiter);
    add_param(&query, "start-after", list->continuation.len ? GT_STR_NULL : list->start_after);
    add_param(&query, "continuation-token", list->continuation);
    gt_status status = gt_buf_status(&query);
    if (status == GT_OK)
        status = ask(s3, "GET", GT_STR_NULL, gt_buf_str(&query), 64 * GT_MIB, response);
    gt_buf_done(&query);
    GT_TRY(status);
    gt_str body = gt_arena_dup(arena, gt_buf_str(&response->http.body));
    gt_xml *root = NULL;
    if (!body.ptr)
        return gt_arena_status(arena);
    status = gt_xml_parse(arena, body, &root);
    if (status == GT_INVALID) {
        snprintf(response->message, sizeof response->message, "the list of s3://%s is no XML",
                 s3->bucket);
        return GT_IO;
    }
    GT_TRY(status);
    return read_page(arena, root, ret);
}

gt_status gt_s3_get(gt_s3 *s3, gt_str key, size_t max, gt_aws_response *response)
{
    return ask(s3, "GET", key, GT_STR_NULL, max, response);
}

gt_status gt_s3_head(gt_s3 *s3, gt_str key, gt_aws_response *response)
{
    return ask(s3, "HEAD", key, GT_STR_NULL, 0, response);
}
