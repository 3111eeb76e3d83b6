/* sigv4: the requests of AWS's signing test suite and of the S3 documentation, and their published
 * signatures. */
#include "test.h"

#include "net/sigv4.h"

#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TOKEN                                                                                      \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSP" \
    "fIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7" \
    "WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8" \
    "FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

typedef struct vector {
    const char *name, *service, *method, *url, *body, *token;
    gt_http_header headers[4];
    const char *signature;
} vector;

#define H(n, v) {{n, sizeof(n) - 1}, {v, sizeof(v) - 1}}
#define NONE {{{NULL, 0}, {NULL, 0}}}
#define EX "https://example.amazonaws.com/"
#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

static const vector SUITE[] = {
    {"get-vanilla", "service", "GET", EX, "", "", NONE, VANILLA},
    {"get-vanilla-query-order-key-case", "service", "GET", EX "?Param2=value2&Param1=value1", "", "",
     NONE, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value", "service", "GET", EX "?Param1=value2&Param1=Value1", "", "",
     NONE, "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {"get-vanilla-query-order-key", "service", "GET", EX "?Param1=value2&Param1=value1", "", "",
     NONE, "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-unreserved", "service", "GET", EX "?" UNRESERVED "=" UNRESERVED, "", "",
     NONE, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query", "service", "GET", EX "?%E1%88%B4=bar", "", "", NONE,
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved", "service", "GET", EX UNRESERVED, "", "", NONE,
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-relative", "service", "GET", EX "example/..", "", "", NONE, VANILLA},
    {"get-relative-relative", "service", "GET", EX "example1/example2/../..", "", "", NONE,
     VANILLA},
    {"get-slash", "service", "GET", EX "/", "", "", NONE, VANILLA},
    {"get-slash-dot-slash", "service", "GET", EX "./", "", "", NONE, VANILLA},
    {"get-slash-pointless-dot", "service", "GET", EX "./example", "", "", NONE,
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-slashes", "service", "GET", EX "/example//", "", "", NONE,
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-header-value-trim", "service", "GET", EX, "", "",
     {H("My-Header1", " value1"), H("My-Header2", " \"a   b   c\"")},
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-header-key-duplicate", "service", "GET", EX, "", "",
     {H("My-Header1", "value2"), H("My-Header1", "value2"), H("My-Header1", "value1")},
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order", "service", "GET", EX, "", "",
     {H("My-Header1", "value4"), H("My-Header1", "value1"), H("My-Header1", "value3"),
      H("My-Header1", "value2")},
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"post-vanilla", "service", "POST", EX, "", "", NONE,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-query", "service", "POST", EX "?Param1=value1", "", "", NONE,
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-header-key-sort", "service", "POST", EX, "", "", {H("My-Header1", "value1")},
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case", "service", "POST", EX, "", "", {H("My-Header1", "VALUE1")},
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-x-www-form-urlencoded", "service", "POST", EX, "Param1=value1", "",
     {H("Content-Type", "application/x-www-form-urlencoded")},
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-x-www-form-urlencoded-parameters", "service", "POST", EX, "Param1=value1", "",
     {H("Content-Type", "application/x-www-form-urlencoded; charset=utf8")},
     "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
    {"post-sts-header-before", "service", "POST", EX, "", TOKEN, NONE,
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"iam-list-users", "iam", "GET",
     "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "", "",
     {H("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")},
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
    {"default-port", "service", "GET", "https://example.amazonaws.com:443/", "", "",
     {H("Authorization", "Basic x"), H("User-Agent", "ua"), H("Content-Length", "0")}, VANILLA},
    {"get-space", "service", "GET", EX "example%20space/", "", "", NONE,
     "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662"},
};

/* Access key AKIAIOSFODNN7EXAMPLE, 2013-05-24. */
static const vector S3[] = {
    {"get-object", "s3", "GET", "https://examplebucket.s3.amazonaws.com/test.txt", "", "",
     {H("Range", "bytes=0-9")},
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put-object", "s3", "PUT", "https://examplebucket.s3.amazonaws.com/test$file.text",
     "Welcome to Amazon S3.", "",
     {H("Date", "Fri, 24 May 2013 00:00:00 GMT"), H("x-amz-storage-class", "REDUCED_REDUNDANCY")},
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"get-lifecycle", "s3", "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", "", "",
     NONE, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list-objects", "s3", "GET", "https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2", "",
     "", NONE, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void sign_is(const vector *v, const char *access_key, const char *secret, const char *now)
{
    gt_arena *arena = gt_arena_new(GT_MIB);
    static gt_aws_credentials credentials;
    snprintf(credentials.access_key, sizeof credentials.access_key, "%s", access_key);
    snprintf(credentials.secret_key, sizeof credentials.secret_key, "%s", secret);
    snprintf(credentials.session_token, sizeof credentials.session_token, "%s", v->token);
    gt_sigv4_input input = {.method = v->method, .headers = v->headers, .body = gt_str_c(v->body),
                            .service = gt_str_c(v->service), .region = GT_STR("us-east-1"),
                            .credentials = &credentials};
    while (input.header_count < 4 && v->headers[input.header_count].name.ptr)
        input.header_count++;
    assert_true(gt_url_parse(gt_str_c(v->url), &input.url));
    assert_true(gt_time_parse(gt_str_c(now), &input.now));
    gt_http_header *headers = NULL;
    size_t count = 0;
    assert_int_equal(gt_sigv4_sign(&input, arena, &headers, &count), GT_OK);
    gt_str authorization = headers[count - 1].value;
    gt_str expected = gt_arena_printf(arena, "Signature=%s", v->signature);
    if (!gt_str_ends(authorization, expected))
        fail_msg("%s: %.*s, expected %s", v->name, GT_STR_ARG(authorization), v->signature);
    gt_arena_free(arena);
}

static void suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SUITE / sizeof *SUITE; i++)
        sign_is(&SUITE[i], "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "2015-08-30T12:36:00Z");
}

static void s3(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof S3 / sizeof *S3; i++)
        sign_is(&S3[i], "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "2013-05-24T00:00:00Z");
}

static void path_is(const char *path, bool s3_path, const char *expected)
{
    gt_buf out = GT_BUF(4096);
    gt_sigv4_canonical_path(&out, gt_str_c(path), s3_path);
    assert_string_equal(out.data, expected);
    gt_buf_done(&out);
}

static void paths(void **state)
{
    (void)state;
    path_is("/", false, "/");
    path_is("/..", false, "/");
    path_is("/a/.", false, "/a/");
    path_is("/a/b/../c", false, "/a/c");
    path_is("/.well-known/a%20b", false, "/.well-known/a%2520b");
    path_is("/a/../k//", true, "/a/../k//");
    path_is("/my%20photo.jpg", true, "/my%20photo.jpg");
    path_is("/a%zz", true, "/a%25zz");
    path_is("/a+b", true, "/a%2Bb");
}

/* Out of memory at every request: an answer, no crash. */
static void without_memory(void **state)
{
    (void)state;
    static const gt_aws_credentials credentials = {.access_key = "A", .secret_key = "S"};
    gt_sigv4_input input = {.method = "GET", .service = GT_STR("s3"), .region = GT_STR("us-east-1"),
                            .credentials = &credentials};
    assert_true(gt_url_parse(GT_STR("https://h.example/a%20b?c=d&a=b"), &input.url));
    gt_status status = GT_NOMEM;
    for (long n = 0; status != GT_OK && n < 1000; n++) {
        gt_mem_fail_after(n);
        gt_arena *arena = gt_arena_new(GT_MIB);
        gt_http_header *headers = NULL;
        size_t count = 0;
        status = arena ? gt_sigv4_sign(&input, arena, &headers, &count) : GT_NOMEM;
        gt_arena_free(arena);
    }
    gt_mem_fail_after(-1);
    assert_int_equal(status, GT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite),
        cmocka_unit_test(s3),
        cmocka_unit_test(paths),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("net/sigv4", tests, NULL, NULL);
}
