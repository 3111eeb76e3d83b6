/* Method: as AWS documents it. Signed with RSA PKCS#1 v1.5 and SHA-256 is the text
 * "END-TIME\nBUCKET/KEY\nHEX-SHA256-OF-THE-DIGEST\nPREVIOUS-SIGNATURE" ("null" when there is none);
 * hashes are over the inflated files. */
#include "source/s3/digest.h"

#include "base/hash.h"
#include "base/limits.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#define ZLIB_CONST /* next_in may point to const bytes */
#include <zlib.h>

/* --- bytes ---------------------------------------------------------------------------------------- */

typedef gt_status (*sink_fn)(void *ctx, gt_str piece);

static bool is_gzip(gt_str bytes)
{
    return bytes.len > 2 && (unsigned char)bytes.ptr[0] == 0x1F && (unsigned char)bytes.ptr[1] == 0x8B;
}

static gt_status inflate_to(gt_str bytes, sink_fn sink, void *ctx)
{
    if (!is_gzip(bytes))
        return sink(ctx, bytes);
    z_stream z = {.next_in = (const Bytef *)bytes.ptr, .avail_in = (uInt)bytes.len};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return GT_NOMEM;
    static const size_t STEP = 32 * 1024;
    unsigned char out[32 * 1024];
    gt_status status = GT_OK;
    int code = Z_OK;
    while (status == GT_OK && code == Z_OK) {
        z.next_out = out;
        z.avail_out = (uInt)STEP;
        code = inflate(&z, Z_NO_FLUSH);
        if (code == Z_OK || code == Z_STREAM_END)
            status = sink(ctx, (gt_str){(const char *)out, STEP - z.avail_out});
        if (z.total_out > GT_OBJECT_BYTES_MAX * 16)
            status = GT_LIMIT;
        if (code == Z_STREAM_END && z.avail_in)
            code = inflateReset(&z); /* another member follows */
        if (code == Z_OK && !z.avail_in && z.avail_out)
            code = Z_DATA_ERROR; /* cut */
    }
    inflateEnd(&z);
    return status == GT_OK && code != Z_STREAM_END ? GT_CORRUPT : status;
}

static gt_status add_to_buf(void *ctx, gt_str piece)
{
    gt_buf_add(ctx, piece);
    return gt_buf_status(ctx);
}

gt_status gt_digest_inflate(gt_arena *arena, gt_str bytes, gt_str *ret)
{
    gt_buf text = GT_BUF(64 * GT_MIB);
    gt_status status = inflate_to(bytes, add_to_buf, &text);
    if (status == GT_OK) {
        gt_str copy = gt_arena_dup(arena, text.len ? gt_buf_str(&text) : GT_STR(""));
        status = copy.ptr ? GT_OK : gt_arena_status(arena);
        if (status == GT_OK)
            *ret = copy;
    }
    gt_buf_done(&text);
    return status;
}

static gt_status add_to_hash(void *ctx, gt_str piece)
{
    return EVP_DigestUpdate(ctx, piece.ptr, piece.len) == 1 ? GT_OK : GT_NOMEM;
}

gt_status gt_digest_hash(gt_str bytes, char ret[64])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t hash[32];
    gt_status status =
        ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? GT_OK : GT_NOMEM;
    if (status == GT_OK)
        status = inflate_to(bytes, add_to_hash, ctx);
    if (status == GT_OK && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
        status = GT_NOMEM;
    EVP_MD_CTX_free(ctx);
    if (status == GT_OK)
        gt_hex(hash, sizeof hash, ret);
    return status;
}

/* --- signature ------------------------------------------------------------------------------------ */

static size_t from_hex(gt_str hex, unsigned char *out, size_t size)
{
    if (hex.len % 2 || hex.len / 2 > size)
        return 0;
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        int digit = c >= '0' && c <= '9'                  ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return 0;
        out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] << 4 | digit : digit);
    }
    return hex.len / 2;
}

static EVP_PKEY *read_key(gt_str der)
{
    const unsigned char *p = (const unsigned char *)der.ptr;
    /* CloudTrail gives PKCS#1; a SubjectPublicKeyInfo does no harm. */
    EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.len);
    p = (const unsigned char *)der.ptr;
    return key ? key : d2i_PUBKEY(NULL, &p, (long)der.len);
}

bool gt_digest_signature_holds(gt_str text, gt_str end_time, gt_str bucket, gt_str key,
                               gt_str previous, gt_str signature_hex, gt_str public_key_der)
{
    unsigned char signature[1024];
    size_t size = from_hex(signature_hex, signature, sizeof signature);
    char hash[64];
    gt_sha256_hex(text, hash);
    gt_buf to_sign = GT_BUF(64 * GT_KIB);
    gt_buf_printf(&to_sign, "%.*s\n%.*s/%.*s\n%.64s\n%.*s", GT_STR_ARG(end_time), GT_STR_ARG(bucket),
                  GT_STR_ARG(key), hash, GT_STR_ARG(previous.ptr ? previous : GT_STR("null")));
    EVP_PKEY *public_key = read_key(public_key_der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool holds = size && public_key && ctx && gt_buf_status(&to_sign) == GT_OK &&
                 EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, public_key) == 1 &&
                 EVP_DigestVerify(ctx, signature, size, (const unsigned char *)to_sign.data,
                                  to_sign.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(public_key);
    gt_buf_done(&to_sign);
    return holds;
}

/* --- one digest ----------------------------------------------------------------------------------- */

typedef struct check {
    gt_feed *feed;
    gt_aws_client *client;
    gt_s3 *s3;
    gt_s3_target *target;
    gt_arena *arena;
    gt_aws_response *response;
    const gt_json *digest;
    size_t room; /* findings there is place for */
} check;

static gt_status add_finding(check *c, const char *kind, gt_str bucket, gt_str key, gt_str detail)
{
    gt_s3_target *t = c->target;
    gt_str name = gt_arena_printf(c->arena, "s3://%.*s/%.*s", GT_STR_ARG(bucket), GT_STR_ARG(key));
    if (!name.ptr || !detail.ptr)
        return GT_NOMEM;
    if (t->finding_count < c->room)
        t->findings[t->finding_count++] = (gt_digest_finding){kind, name, detail};
    return GT_OK;
}

static gt_str decode_base64(gt_arena *arena, gt_str text)
{
    unsigned char *out = gt_arena_alloc(arena, text.len + 4);
    int n = out ? EVP_DecodeBlock(out, (const unsigned char *)text.ptr, (int)text.len) : -1;
    if (n < 0)
        return GT_STR_NULL;
    for (size_t i = text.len; i && text.ptr[i - 1] == '='; i--)
        n--;
    return (gt_str){(const char *)out, (size_t)n};
}

/* The public key with the digest's fingerprint; *ret with ptr NULL: CloudTrail has none. */
static gt_status find_key(check *c, gt_str *ret)
{
    gt_str fingerprint = gt_json_path_str(c->digest, "digestPublicKeyFingerprint");
    gt_time_ms begin = 0, end = 0;
    if (!gt_time_parse(gt_json_path_str(c->digest, "digestStartTime"), &begin) ||
        !gt_time_parse(gt_json_path_str(c->digest, "digestEndTime"), &end))
        return GT_OK;
    gt_str body = gt_arena_printf(c->arena, "{\"StartTime\":%lld,\"EndTime\":%lld}",
                                  (long long)(begin / 1000), (long long)(end / 1000));
    gt_json *answer = NULL;
    if (!body.ptr)
        return GT_NOMEM;
    GT_TRY(gt_aws_json(c->client, "cloudtrail", "1.1",
                       "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys", body, 0,
                       c->arena, c->response, &answer));
    gt_json *keys = gt_json_getl(answer, "PublicKeyList");
    for (gt_json *k = gt_json_first(keys); k; k = k->next) {
        if (gt_str_eq(gt_json_path_str(k, "Fingerprint"), fingerprint)) {
            *ret = decode_base64(c->arena, gt_json_path_str(k, "Value"));
            return GT_OK;
        }
    }
    return GT_OK;
}

static gt_status check_signature(check *c, gt_str text, gt_str signature)
{
    gt_str bucket = c->target->bucket, key = c->target->key, der = GT_STR_NULL;
    if (!signature.len)
        return add_finding(c, "digest signature", bucket, key,
                           GT_STR("the object carries no signature"));
    gt_status status = find_key(c, &der);
    if (status == GT_IO || status == GT_NOTFOUND) /* refused: the files can be checked all the same */
        return add_finding(c, "digest signature", bucket, key,
                           gt_arena_printf(c->arena, "not checked: ListPublicKeys: %s%s%s",
                                           c->response->code, c->response->code[0] ? ": " : "",
                                           c->response->message));
    GT_TRY(status);
    if (!der.ptr)
        return add_finding(c, "digest signature", bucket, key,
                           GT_STR("CloudTrail has no public key with its fingerprint"));
    /* Bucket and key as the digest itself says: a copied digest must not pass for another. */
    gt_str named_bucket = gt_json_path_str(c->digest, "digestS3Bucket");
    gt_str named_key = gt_json_path_str(c->digest, "digestS3Object");
    if (!gt_str_eq(named_key, key) || !gt_str_eq(named_bucket, bucket))
        return add_finding(c, "digest signature", bucket, key,
                           GT_STR("the digest names another place as its own"));
    bool holds = gt_digest_signature_holds(text, gt_json_path_str(c->digest, "digestEndTime"), bucket,
                                           key, gt_json_path_str(c->digest, "previousDigestSignature"),
                                           signature, der);
    return holds ? GT_OK
                 : add_finding(c, "digest signature", bucket, key,
                               GT_STR("the signature does not hold: the digest was changed"));
}

/* Fetch a file and compare its hash; what is wrong becomes a finding of these kinds. */
static gt_status check_file(check *c, gt_str bucket, gt_str key, gt_str expected,
                            const char *kind_missing, const char *kind_changed)
{
    gt_s3 other;
    if (gt_s3_init(&other, c->client, bucket, gt_str_c(c->s3->region)) != GT_OK || !key.len)
        return add_finding(c, kind_missing, bucket, key, GT_STR("no possible place in S3"));
    gt_status status = gt_s3_get(&other, key, GT_OBJECT_BYTES_MAX, c->response);
    if (status == GT_NOTFOUND)
        return add_finding(c, kind_missing, bucket, key,
                           gt_arena_printf(c->arena, "listed by s3://%.*s/%.*s, but not there",
                                           GT_STR_ARG(c->target->bucket), GT_STR_ARG(c->target->key)));
    GT_TRY(status);
    char hash[64] = {0};
    status = gt_digest_hash(gt_buf_str(&c->response->http.body), hash);
    if (status == GT_NOMEM)
        return status;
    if (status == GT_OK && gt_str_eq_nocase((gt_str){hash, 64}, expected))
        return GT_OK;
    return add_finding(c, kind_changed, bucket, key,
                       status == GT_OK
                           ? gt_arena_printf(c->arena, "its SHA-256 is %.64s, the digest says %.*s",
                                             hash, GT_STR_ARG(expected))
                           : GT_STR("it cannot be inflated any more"));
}

static gt_status check_logs(check *c)
{
    gt_json *logs = gt_json_getl(c->digest, "logFiles");
    for (gt_json *log = gt_json_first(logs); log; log = log->next)
        GT_TRY(check_file(c, gt_json_path_str(log, "s3Bucket"), gt_json_path_str(log, "s3Object"),
                          gt_json_path_str(log, "hashValue"), "log missing", "log changed"));
    return GT_OK;
}

static gt_status check_previous(check *c)
{
    gt_str key = gt_json_path_str(c->digest, "previousDigestS3Object");
    if (!key.ptr)
        return GT_OK; /* the first digest of a chain */
    return check_file(c, gt_json_path_str(c->digest, "previousDigestS3Bucket"), key,
                      gt_json_path_str(c->digest, "previousDigestHashValue"), "digest chain",
                      "digest chain");
}

gt_status gt_digest_check(gt_feed *feed, gt_aws_client *client, gt_s3 *s3, gt_s3_target *target,
                          gt_arena *arena, gt_str bytes, gt_aws_response *object)
{
    check c = {.feed = feed, .client = client, .s3 = s3, .target = target, .arena = arena,
               .response = object};
    gt_str signature = gt_arena_dup(
        arena, gt_http_response_header(&object->http, GT_STR("x-amz-meta-signature")));
    gt_str text = GT_STR_NULL;
    gt_json *digest = NULL;
    gt_status status = gt_digest_inflate(arena, bytes, &text);
    if (status == GT_OK)
        status = gt_json_parse(arena, text, &digest, NULL);
    c.digest = digest;
    c.room = 3 + (digest ? gt_json_first(gt_json_getl(digest, "logFiles")) != NULL
                               ? gt_json_getl(digest, "logFiles")->count
                               : 0
                         : 0);
    target->findings = gt_arena_array(arena, gt_digest_finding, c.room);
    target->finding_count = 0;
    if (!target->findings || !signature.ptr)
        return GT_NOMEM;
    if (status == GT_CORRUPT || status == GT_INVALID)
        return add_finding(&c, "digest signature", target->bucket, target->key,
                           GT_STR("no digest file can be read there"));
    GT_TRY(status);
    GT_TRY(check_signature(&c, text, signature));
    GT_TRY(check_previous(&c));
    return check_logs(&c);
}
