/* source: notifications in all wrappings, digest signatures, and the folder feed on real files. */
#include "test.h"

#include "source/feed.h"
#include "source/inflight.h"
#include "source/s3/digest.h"
#include "source/sqs/notice.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* --- notifications -------------------------------------------------------------------------------- */

#define S3_RECORDS                                                                                 \
    "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"awsRegion\":\"eu-west-1\"," \
    "\"eventTime\":\"2024-01-02T03:04:05.678Z\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{"        \
    "\"bucket\":{\"name\":\"trail\"},\"object\":{\"key\":\"AWSLogs%2Fx+y%2B%C3%A9.json.gz\"}}},"     \
    "{\"eventName\":\"ObjectRemoved:Delete\",\"s3\":{\"bucket\":{\"name\":\"trail\"},\"object\":{"    \
    "\"key\":\"gone\"}}}]}"

static void notice_is(const char *body, gt_status expected, size_t count, const char *key, bool empty)
{
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_notice notice = {0};
    gt_status status = gt_notice_parse(arena, gt_str_c(body), &notice);
    assert_int_equal(status, expected);
    assert_int_equal(notice.count, count);
    assert_int_equal(notice.empty, empty);
    if (count) {
        assert_true(gt_str_eq(notice.objects[0].key, gt_str_c(key)));
        assert_true(gt_str_is(notice.objects[0].bucket, "trail"));
    }
    gt_arena_free(arena);
}

/* {"Type":"Notification","Message":"…"} around a body, n times. */
static void wrapped_is(const char *inner, unsigned times, gt_status expected)
{
    gt_buf body = GT_BUF(GT_MIB), next = GT_BUF(GT_MIB);
    gt_buf_add(&body, gt_str_c(inner));
    for (unsigned i = 0; i < times; i++) {
        gt_buf_reset(&next);
        gt_buf_lit(&next, "{\"Type\":\"Notification\",\"TopicArn\":\"arn:aws:sns:x\",\"Message\":");
        gt_json_write_str(&next, gt_buf_str(&body));
        gt_buf_lit(&next, "}");
        gt_buf swap = body;
        body = next;
        next = swap;
    }
    notice_is(body.data, expected, expected == GT_OK ? 1 : 0, "AWSLogs/x y+\xC3\xA9.json.gz", false);
    gt_buf_done(&body);
    gt_buf_done(&next);
}

static void notices(void **state)
{
    (void)state;
    wrapped_is(S3_RECORDS, 0, GT_OK);
    wrapped_is(S3_RECORDS, 1, GT_OK);
    wrapped_is(S3_RECORDS, 30, GT_INVALID);
    /* EventBridge gives the key as it is */
    notice_is("{\"version\":\"0\",\"detail-type\":\"Object Created\",\"source\":\"aws.s3\",\"region\":"
              "\"eu-west-1\",\"time\":\"2024-01-02T03:04:05Z\",\"detail\":{\"bucket\":{\"name\":"
              "\"trail\"},\"object\":{\"key\":\"a+b%2F.gz\"}}}", GT_OK, 1, "a+b%2F.gz", false);
    notice_is("{\"detail-type\":\"Object Deleted\",\"detail\":{}}", GT_OK, 0, NULL, true);
    notice_is("{\"s3Bucket\":\"trail\",\"s3ObjectKey\":[\"k1\",\"k2\"]}", GT_OK, 2, "k1", false);
    notice_is("{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"trail\"}", GT_OK, 0,
              NULL, true);
    notice_is("{\"Type\":\"Notification\",\"Message\":\"CloudTrail validation message.\"}", GT_OK, 0,
              NULL, true);
    notice_is("{\"Records\":[]}", GT_OK, 0, NULL, true);
    notice_is("{\"Records\":[{\"s3\":{\"bucket\":{\"name\":\"trail\"}}}]}", GT_INVALID, 0, NULL, false);
    notice_is("hello", GT_INVALID, 0, NULL, false);
    notice_is("[1,2]", GT_INVALID, 0, NULL, false);
    notice_is("", GT_INVALID, 0, NULL, false);
}

static void keys(void **state)
{
    (void)state;
    assert_true(gt_feed_name_is_log(GT_STR("AWSLogs/1/x.json.gz")));
    assert_false(gt_feed_name_is_log(GT_STR("AWSLogs/1/")));
    assert_false(gt_feed_name_is_log(GT_STR("AWSLogs/1/.x.json.gz")));
    assert_false(gt_feed_name_is_log(GT_STR("x.json.gz.tmp")));
    assert_int_equal(gt_s3_key_kind_of(GT_STR("p/AWSLogs/1/CloudTrail-Digest/r/x.json.gz")),
                     GT_S3_KEY_DIGEST);
    assert_int_equal(gt_s3_key_kind_of(GT_STR("p/AWSLogs/1/CloudTrail/r/x.json.gz")), GT_S3_KEY_LOG);
    assert_int_equal(gt_s3_key_kind_of(GT_STR("p/AWSLogs/1/CloudTrail/")), GT_S3_KEY_OTHER);
}

/* --- digests -------------------------------------------------------------------------------------- */

static void hex_of(const unsigned char *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* A key made here signs as CloudTrail does; every part that is signed matters. */
static void signatures(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    assert_non_null(key);
    unsigned char *der = NULL;
    int der_len = i2d_PublicKey(key, &der);
    const char *text = "{\"digestEndTime\":\"2024-01-01T01:00:00Z\"}";
    const char *to_sign = "2024-01-01T01:00:00Z\nbucket/k/ey\n"
                          "eec75b39d4b59a0b0a2cd7de9b76bb80eb1a3d8bd8d0f3b6e0ce1ea1f3e0b55a\nnull";
    char signed_text[512], hash[65] = "";
    unsigned char raw[32];
    unsigned len = 0;
    assert_int_equal(EVP_Digest(text, strlen(text), raw, &len, EVP_sha256(), NULL), 1);
    hex_of(raw, 32, hash);
    snprintf(signed_text, sizeof signed_text, "%.33s%s\nnull", to_sign, hash);
    unsigned char signature[512];
    size_t size = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &size, (unsigned char *)signed_text,
                                    strlen(signed_text)), 1);
    EVP_MD_CTX_free(ctx);
    char sig[1100];
    hex_of(signature, size, sig);
    gt_str public_key = {(const char *)der, (size_t)der_len}, t = gt_str_c(text), s = gt_str_c(sig);
    gt_str end = GT_STR("2024-01-01T01:00:00Z"), b = GT_STR("bucket"), k = GT_STR("k/ey");
    assert_true(gt_digest_signature_holds(t, end, b, k, GT_STR_NULL, s, public_key));
    assert_false(gt_digest_signature_holds(t, end, b, GT_STR("k/other"), GT_STR_NULL, s, public_key));
    assert_false(gt_digest_signature_holds(t, end, b, k, GT_STR("aa"), s, public_key));
    assert_false(gt_digest_signature_holds(GT_STR("{}"), end, b, k, GT_STR_NULL, s, public_key));
    assert_false(gt_digest_signature_holds(t, end, b, k, GT_STR_NULL, GT_STR("zz"), public_key));
    assert_false(gt_digest_signature_holds(t, end, b, k, GT_STR_NULL, s, GT_STR("no key")));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static gt_str gzip(gt_str text, unsigned char *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char in[4096];
    memcpy(in, text.ptr, text.len);
    z.next_in = in;
    z.avail_in = (unsigned)text.len;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return (gt_str){(const char *)out, n};
}

static void hashes(void **state)
{
    (void)state;
    unsigned char out[8192];
    char plain[64], packed[64];
    gt_str text = GT_STR("{\"Records\":[]}"), member = gzip(text, out, 4096);
    assert_int_equal(gt_digest_hash(text, plain), GT_OK);
    assert_int_equal(gt_digest_hash(member, packed), GT_OK);
    assert_memory_equal(plain, packed, 64);
    /* two members are the text twice */
    memcpy(out + member.len, out, member.len);
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_str twice = GT_STR_NULL;
    assert_int_equal(gt_digest_inflate(arena, (gt_str){member.ptr, 2 * member.len}, &twice), GT_OK);
    assert_true(gt_str_is(twice, "{\"Records\":[]}{\"Records\":[]}"));
    for (size_t cut = 3; cut < member.len; cut++)
        assert_int_equal(gt_digest_hash(gt_str_head(member, cut), packed), GT_CORRUPT);
    gt_arena_free(arena);
}

/* --- what is out ---------------------------------------------------------------------------------- */

static void inflight(void **state)
{
    (void)state;
    gt_inflight *set = gt_inflight_new();
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(gt_inflight_add(set, gt_str_c(key)), GT_OK);
        assert_int_equal(gt_inflight_add(set, gt_str_c(key)), GT_END);
    }
    assert_int_equal(gt_inflight_count(set), 5000);
    for (int i = 0; i < 5000; i += 2) {
        snprintf(key, sizeof key, "key-%d", i);
        gt_inflight_remove(set, gt_str_c(key));
        gt_inflight_remove(set, gt_str_c(key));
    }
    assert_int_equal(gt_inflight_count(set), 2500);
    assert_int_equal(gt_inflight_add(set, GT_STR("key-4")), GT_OK);
    gt_inflight_free(set);
}

/* --- the folder feed ------------------------------------------------------------------------------ */

static gt_time_ms real_now(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static void real_sleep(void *ctx, int64_t ms)
{
    (void)ctx;
    usleep((useconds_t)ms * 1000);
}

static char root[] = "/tmp/gatetrail-feed-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The next delivery's path below the root within about a second; NULL: none. */
static gt_delivery *next_of(gt_feed *feed, const char *expected)
{
    gt_delivery *d = NULL;
    for (int i = 0; i < 60; i++) {
        gt_status status = gt_feed_next(feed, 20, &d);
        if (status == GT_OK)
            break;
        if (status != GT_END)
            fail_msg("%s: %s", gt_status_text(status), gt_feed_health_get(feed).problem);
    }
    if (!expected) {
        assert_null(d);
        return NULL;
    }
    assert_non_null(d);
    assert_string_equal(d->pieces[0].path + strlen(root) + 1, expected);
    assert_true(d->pieces[0].arrived > real_now(NULL) - 60000);
    return d;
}

static void store_of(gt_store **ret, char path[256])
{
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_str why = GT_STR("");
    snprintf(path, 256, "%s.db", root);
    assert_int_equal(gt_store_open(path, NULL, arena, ret, &why), GT_OK);
    gt_arena_free(arena);
}

static void folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    gt_net_env env = {.now = real_now, .sleep = real_sleep};
    char db[256], path[300];
    gt_store *store = NULL;
    store_of(&store, db);
    gt_feed_config config = {.name = GT_STR("logs"), .type = GT_STR("folder"), .env = &env,
                             .store_path = db, .path = gt_str_c(root)};
    gt_buf why = GT_BUF(1000);
    gt_feed *feed = NULL;
    assert_int_equal(gt_feed_open(&config, &feed, &why), GT_OK);
    next_of(feed, NULL);

    /* written and closed; renamed into place; in a new folder; not a log; still being written */
    write_file("a.json", "{}");
    gt_delivery *a = next_of(feed, "a.json");
    write_file("b.tmp", "{}");
    next_of(feed, NULL);
    char from[300];
    snprintf(from, sizeof from, "%s/b.tmp", root);
    snprintf(path, sizeof path, "%s/b.json.gz", root);
    assert_int_equal(rename(from, path), 0);
    gt_delivery *b = next_of(feed, "b.json.gz");
    snprintf(path, sizeof path, "%s/sub", root);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("sub/c.json", "{}");
    gt_delivery *c = NULL;
    for (int i = 0; !c && i < 4; i++) /* at once by inotify, or by the walk for young files */
        if (gt_feed_next(feed, 1000, &c) == GT_END)
            c = NULL;
    assert_non_null(c);

    /* stored: never again; put back: again; changed: again */
    assert_int_equal(gt_feed_save(feed, store, a), GT_OK);
    gt_feed_commit(feed, a);
    assert_int_equal(gt_feed_save(feed, store, c), GT_OK);
    gt_feed_commit(feed, c);
    gt_feed_put_back(feed, b, "try again");
    gt_delivery *again = NULL;
    for (int i = 0; !again && i < 10; i++)
        if (gt_feed_next(feed, 500, &again) == GT_END)
            again = NULL;
    assert_non_null(again);
    assert_true(gt_str_ends(again->pieces[0].name, GT_STR("b.json.gz")));
    assert_int_equal(gt_feed_save(feed, store, again), GT_OK);
    gt_feed_commit(feed, again);
    write_file("a.json", "{}{}");
    a = next_of(feed, "a.json");
    assert_int_equal(gt_feed_save(feed, store, a), GT_OK);
    gt_feed_commit(feed, a);
    gt_feed_close(feed);

    /* started again: only what is new */
    write_file("d.json", "{}");
    struct timespec old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    snprintf(path, sizeof path, "%s/d.json", root);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_int_equal(gt_feed_open(&config, &feed, &why), GT_OK);
    gt_delivery *d = next_of(feed, "d.json");
    next_of(feed, NULL);
    gt_feed_put_back(feed, d, "end");
    gt_feed_close(feed);

    /* what is taken away is forgotten at the next start, so that the same name is read again */
    snprintf(path, sizeof path, "%s/a.json", root);
    assert_int_equal(remove(path), 0);
    assert_int_equal(gt_feed_open(&config, &feed, &why), GT_OK);
    gt_feed_put_back(feed, next_of(feed, "d.json"), "end");
    gt_feed_close(feed);
    bool row = false;
    sqlite3_stmt *stmt;
    assert_int_equal(gt_store_prepare(store, "SELECT count(*) FROM feed_seen", &stmt), GT_OK);
    assert_int_equal(gt_store_step(store, stmt, &row), GT_OK);
    assert_int_equal(gt_store_col_i64(stmt, 0), 2); /* b.json.gz and sub/c.json */
    (void)sqlite3_reset(stmt);

    config.path = GT_STR("/nonexistent/folder");
    assert_int_equal(gt_feed_open(&config, &feed, &why), GT_IO);
    config.type = GT_STR("carrier pigeon");
    assert_int_equal(gt_feed_open(&config, &feed, &why), GT_INVALID);
    gt_buf_done(&why);
    gt_store_close(store);
    char command[400];
    snprintf(command, sizeof command, "rm -r %s %s.db*", root, root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notices), cmocka_unit_test(keys),     cmocka_unit_test(signatures),
        cmocka_unit_test(hashes),  cmocka_unit_test(inflight), cmocka_unit_test(folder),
    };
    return cmocka_run_group_tests_name("source/feeds", tests, NULL, NULL);
}
