#include "net/sigv4.h"

#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#define CANONICAL_MAX (2 * GT_MIB)

/* --- path ----------------------------------------------------------------------------------------- */

/* RFC 3986 dot segments and doubled slashes taken out of an absolute path. */
static void normalise_path(gt_buf *out, gt_str path)
{
    bool trailing = path.len > 0 && path.ptr[path.len - 1] == '/';
    gt_str rest = path;
    while (rest.len) {
        gt_str segment;
        rest = gt_str_cut(rest, '/', &segment);
        trailing = trailing || (!rest.len && (gt_str_is(segment, ".") || gt_str_is(segment, "..")));
        if (!segment.len || gt_str_is(segment, "."))
            continue;
        if (gt_str_is(segment, "..")) {
            size_t slash = gt_str_rfind_byte(gt_buf_str(out), '/');
            out->len = slash == GT_NPOS ? 0 : slash;
            continue;
        }
        gt_buf_add_byte(out, '/');
        gt_buf_add(out, segment);
    }
    if (trailing || !out->len)
        gt_buf_add_byte(out, '/');
}

void gt_sigv4_canonical_path(gt_buf *out, gt_str path, bool s3)
{
    gt_buf plain = GT_BUF(CANONICAL_MAX);
    if (s3)
        gt_url_decode(&plain, path, false); /* encoded once: as the service decodes and encodes it */
    else
        normalise_path(&plain, path);
    gt_url_encode(out, gt_buf_str(&plain), true);
    if (gt_buf_status(&plain) != GT_OK)
        out->status = gt_buf_status(&plain);
    gt_buf_done(&plain);
}

/* --- query ---------------------------------------------------------------------------------------- */

typedef struct pair {
    gt_str key;
    gt_str value;
} pair;

static int compare_pairs(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    int order = gt_str_cmp(x->key, y->key);
    return order ? order : gt_str_cmp(x->value, y->value);
}

/* Decoded and encoded again, so that whatever was written has AWS's one spelling. */
static gt_str respell(gt_arena *arena, gt_str text)
{
    gt_buf plain = GT_BUF(CANONICAL_MAX), encoded = GT_BUF(CANONICAL_MAX);
    gt_url_decode(&plain, text, false);
    gt_url_encode(&encoded, gt_buf_str(&plain), false);
    bool ok = gt_buf_status(&plain) == GT_OK && gt_buf_status(&encoded) == GT_OK;
    gt_str result = ok ? gt_arena_dup(arena, gt_buf_str(&encoded)) : GT_STR_NULL;
    gt_buf_done(&plain);
    gt_buf_done(&encoded);
    return result;
}

gt_status gt_sigv4_canonical_query(gt_arena *arena, gt_buf *out, gt_str query)
{
    size_t count = 0;
    for (size_t i = 0; i < query.len; i++)
        count += query.ptr[i] == '&';
    pair *pairs = gt_arena_array(arena, pair, count + 1);
    if (!pairs)
        return gt_arena_status(arena);
    count = 0;
    while (query.len) {
        gt_str item, key;
        query = gt_str_cut(query, '&', &item);
        if (!item.len)
            continue;
        gt_str value = gt_str_cut(item, '=', &key);
        pairs[count].key = respell(arena, key);
        pairs[count].value = respell(arena, value);
        if (!pairs[count].key.ptr || !pairs[count].value.ptr)
            return GT_NOMEM;
        count++;
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        gt_buf_printf(out, "%s%.*s=%.*s", i ? "&" : "", GT_STR_ARG(pairs[i].key),
                      GT_STR_ARG(pairs[i].value));
    }
    return gt_buf_status(out);
}

/* --- headers -------------------------------------------------------------------------------------- */

/* Proxies and clients may change these; AWS's own signers leave them out. */
static bool is_unsigned_header(gt_str name)
{
    static const char *const names[] = {"authorization", "user-agent", "content-length", "expect",
                                        "connection", "x-amzn-trace-id", "transfer-encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (gt_str_eq_nocase(name, gt_str_c(names[i])))
            return true;
    }
    return false;
}

/* A header's value as it is signed: trimmed, runs of spaces made one. */
static gt_str squeeze(gt_arena *arena, gt_str value)
{
    value = gt_str_trim(value);
    char *out = gt_arena_alloc(arena, value.len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < value.len; i++) {
        bool space = value.ptr[i] == ' ' || value.ptr[i] == '\t';
        if (!space || (n && out[n - 1] != ' '))
            out[n++] = space ? ' ' : value.ptr[i];
    }
    return (gt_str){out, n};
}

static gt_str lower(gt_arena *arena, gt_str text)
{
    char *out = gt_arena_alloc(arena, text.len + 1);
    for (size_t i = 0; out && i < text.len; i++) {
        char c = text.ptr[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    return (gt_str){out, text.len};
}

/* Names and squeezed values of what is signed, sorted by name; equal names keep their order. */
static gt_status signed_headers(gt_arena *arena, const gt_http_header *headers, size_t count,
                                gt_str authority, pair **ret, size_t *ret_count)
{
    pair *list = gt_arena_array(arena, pair, count + 1);
    if (!list)
        return gt_arena_status(arena);
    size_t n = 0;
    list[n++] = (pair){GT_STR("host"), authority};
    for (size_t i = 0; i < count; i++) {
        if (is_unsigned_header(headers[i].name) || gt_str_eq_nocase(headers[i].name, GT_STR("host")))
            continue;
        pair p = {lower(arena, headers[i].name), squeeze(arena, headers[i].value)};
        if (!p.key.ptr || !p.value.ptr)
            return gt_arena_status(arena);
        size_t at = n++;
        for (; at && gt_str_cmp(list[at - 1].key, p.key) > 0; at--)
            list[at] = list[at - 1];
        list[at] = p;
    }
    *ret = list;
    *ret_count = n;
    return GT_OK;
}

static void write_headers(gt_buf *out, gt_buf *names, const pair *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i && gt_str_eq(list[i].key, list[i - 1].key)) {
            gt_buf_printf(out, ",%.*s", GT_STR_ARG(list[i].value));
            continue;
        }
        gt_buf_printf(out, "%s%.*s:%.*s", i ? "\n" : "", GT_STR_ARG(list[i].key),
                      GT_STR_ARG(list[i].value));
        gt_buf_printf(names, "%s%.*s", i ? ";" : "", GT_STR_ARG(list[i].key));
    }
    gt_buf_lit(out, "\n");
}

/* --- signature ------------------------------------------------------------------------------------ */

static void hmac(const void *key, size_t key_len, gt_str text, uint8_t out[32])
{
    unsigned len = 0;
    HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, out, &len);
    gt_assert(len == 32);
}

static void signature_hex(const gt_sigv4_input *input, gt_str day, gt_str to_sign, char out[64])
{
    char secret[4 + sizeof input->credentials->secret_key];
    int n = snprintf(secret, sizeof secret, "AWS4%s", input->credentials->secret_key);
    uint8_t key[32], next[32];
    hmac(secret, (size_t)n, day, key);
    hmac(key, sizeof key, input->region, next);
    hmac(next, sizeof next, input->service, key);
    hmac(key, sizeof key, GT_STR("aws4_request"), next);
    hmac(next, sizeof next, to_sign, key);
    gt_hex(key, sizeof key, out);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(next, sizeof next);
}

/* "20150830T123600Z" */
static gt_str amz_date(gt_arena *arena, gt_time_ms now)
{
    char text[GT_TIME_TEXT_MAX];
    gt_time_format(now - (now % 1000 + 1000) % 1000, text);
    return gt_arena_printf(arena, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", text, text + 5, text + 8, text + 11,
                           text + 14, text + 17);
}

static gt_status canonical_request(const gt_sigv4_input *input, gt_arena *arena,
                                   const gt_http_header *headers, size_t count, gt_str body_hash,
                                   gt_buf *out, gt_buf *names)
{
    bool s3 = gt_str_is(input->service, "s3");
    gt_buf_printf(out, "%s\n", input->method);
    gt_sigv4_canonical_path(out, input->url.path, s3);
    gt_buf_add_byte(out, '\n');
    GT_TRY(gt_sigv4_canonical_query(arena, out, input->url.query));
    gt_buf_add_byte(out, '\n');
    pair *list = NULL;
    size_t n = 0;
    GT_TRY(signed_headers(arena, headers, count, input->url.authority, &list, &n));
    write_headers(out, names, list, n);
    gt_buf_printf(out, "\n%.*s\n%.*s", GT_STR_ARG(gt_buf_str(names)), GT_STR_ARG(body_hash));
    GT_TRY(gt_buf_status(names));
    return gt_buf_status(out);
}

static gt_status authorization(const gt_sigv4_input *input, gt_arena *arena, gt_str date,
                               gt_str canonical, gt_str names, gt_str *ret)
{
    char hash[64], signature[64];
    gt_sha256_hex(canonical, hash);
    gt_str day = gt_str_head(date, 8);
    gt_str scope = gt_arena_printf(arena, "%.*s/%.*s/%.*s/aws4_request", GT_STR_ARG(day),
                                   GT_STR_ARG(input->region), GT_STR_ARG(input->service));
    gt_str to_sign = gt_arena_printf(arena, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.64s", GT_STR_ARG(date),
                                     GT_STR_ARG(scope), hash);
    if (!scope.ptr || !to_sign.ptr)
        return gt_arena_status(arena);
    signature_hex(input, day, to_sign, signature);
    *ret = gt_arena_printf(
        arena, "AWS4-HMAC-SHA256 Credential=%s/%.*s, SignedHeaders=%.*s, Signature=%.64s",
        input->credentials->access_key, GT_STR_ARG(scope), GT_STR_ARG(names), signature);
    return ret->ptr ? GT_OK : gt_arena_status(arena);
}

gt_status gt_sigv4_sign(const gt_sigv4_input *input, gt_arena *arena, gt_http_header **ret_headers,
                        size_t *ret_count)
{
    gt_http_header *headers = gt_arena_array(arena, gt_http_header, input->header_count + 4);
    char hash[64];
    gt_sha256_hex(input->body, hash);
    gt_str date = amz_date(arena, input->now), body_hash = gt_arena_dup(arena, (gt_str){hash, 64});
    gt_str token = gt_arena_dup(arena, gt_str_c(input->credentials->session_token));
    if (!headers || !date.ptr || !body_hash.ptr || !token.ptr)
        return gt_arena_status(arena);
    size_t n = 0;
    for (; n < input->header_count; n++)
        headers[n] = input->headers[n];
    headers[n++] = (gt_http_header){GT_STR("X-Amz-Date"), date};
    if (token.len)
        headers[n++] = (gt_http_header){GT_STR("X-Amz-Security-Token"), token};
    if (gt_str_is(input->service, "s3") || gt_str_is(input->service, "aoss"))
        headers[n++] = (gt_http_header){GT_STR("X-Amz-Content-Sha256"), body_hash};

    gt_buf canonical = GT_BUF(CANONICAL_MAX), names = GT_BUF(CANONICAL_MAX);
    gt_str value = GT_STR_NULL;
    gt_status status = canonical_request(input, arena, headers, n, body_hash, &canonical, &names);
    if (status == GT_OK)
        status = authorization(input, arena, date, gt_buf_str(&canonical), gt_buf_str(&names), &value);
    gt_buf_done(&canonical);
    gt_buf_done(&names);
    if (status != GT_OK)
        return status;
    headers[n++] = (gt_http_header){GT_STR("Authorization"), value};
    *ret_headers = headers;
    *ret_count = n;
    return GT_OK;
}
