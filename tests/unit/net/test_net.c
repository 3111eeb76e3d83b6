/* net: URLs, XML, back-off, HTTP against a server on the loopback, the credentials chain. */
#include "test.h"

#include "net/aws.h"
#include "net/s3.h"
#include "net_server.h"

/* --- a world of our own --------------------------------------------------------------------------- */

typedef struct world {
    const char *names[16];
    const char *values[16];
    gt_time_ms now;
    int64_t slept;
    unsigned sleeps;
} world;

static const char *world_getenv(void *ctx, const char *name)
{
    world *w = ctx;
    for (size_t i = 0; i < 16 && w->names[i]; i++) {
        if (strcmp(w->names[i], name) == 0)
            return w->values[i];
    }
    return NULL;
}
static gt_time_ms world_now(void *ctx)
{
    return ((world *)ctx)->now;
}
static void world_sleep(void *ctx, int64_t ms)
{
    ((world *)ctx)->slept += ms;
    ((world *)ctx)->sleeps++;
}
static uint64_t world_random(void *ctx)
{
    (void)ctx;
    return 12345;
}
static gt_net_env env_of(world *w)
{
    return (gt_net_env){w, world_getenv, world_now, world_sleep, world_random, NULL};
}
static void set(world *w, const char *name, const char *value)
{
    size_t i = 0;
    while (w->names[i] && strcmp(w->names[i], name) != 0)
        i++;
    w->names[i] = name;
    w->values[i] = value;
}

/* --- text ----------------------------------------------------------------------------------------- */

static void urls(void **state)
{
    (void)state;
    gt_url u;
    assert_true(gt_url_parse(GT_STR("https://h.example:8443/a/b?x=1"), &u));
    assert_true(gt_str_is(u.authority, "h.example:8443") && gt_str_is(u.host, "h.example"));
    assert_true(gt_str_is(u.path, "/a/b") && gt_str_is(u.query, "x=1"));
    assert_true(gt_url_parse(GT_STR("http://[2001:db8::1]:80?q"), &u));
    assert_true(gt_str_is(u.authority, "[2001:db8::1]") && gt_str_is(u.path, "/"));
    assert_true(gt_url_parse(GT_STR("http://[2001:db8::1]/"), &u));
    assert_true(gt_str_is(u.host, "[2001:db8::1]"));
    assert_false(gt_url_parse(GT_STR("ftp://h/"), &u));
    assert_false(gt_url_parse(GT_STR("https:///x"), &u));
    assert_false(gt_url_parse(GT_STR("https://user:secret@h/"), &u));
    assert_false(gt_url_parse(GT_STR("https://h/a b"), &u));
    gt_buf out = GT_BUF(100);
    gt_url_encode(&out, GT_STR("a b/c+\xC3\xA9~"), false);
    assert_string_equal(out.data, "a%20b%2Fc%2B%C3%A9~");
    gt_buf_reset(&out);
    gt_url_decode(&out, GT_STR("AWSLogs%2Fx+y%2B%C3%A9%zz%4"), true);
    assert_string_equal(out.data, "AWSLogs/x y+\xC3\xA9%zz%4");
    gt_buf_done(&out);
    gt_time_ms t;
    char text[GT_TIME_TEXT_MAX];
    assert_true(gt_http_date_parse(GT_STR("Wed, 25 Nov 2026 07:20:01 GMT"), &t));
    gt_time_format(t, text);
    assert_string_equal(text, "2026-11-25T07:20:01.000Z");
    assert_false(gt_http_date_parse(GT_STR("Wed, 25 Foo 2026 07:20:01 GMT"), &t));
    assert_false(gt_http_date_parse(GT_STR("yesterday"), &t));
}

static void backoff(void **state)
{
    (void)state;
    gt_retry r = {5, 100, 1000};
    for (uint64_t random = 0; random < 2000; random += 37) {
        for (unsigned attempt = 1; attempt < 200; attempt++) {
            int64_t top = attempt > 4 ? 1000 : 100 << (attempt - 1);
            int64_t ms = gt_backoff_ms(&r, attempt, random);
            assert_true(ms >= top / 2 && ms <= top);
        }
    }
}

static gt_status xml_status(const char *text)
{
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_xml *root = NULL;
    gt_status status = gt_xml_parse(arena, gt_str_c(text), &root);
    gt_arena_free(arena);
    return status;
}

static void xml(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_xml *root = NULL;
    gt_str text = GT_STR("\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- a > b -->\n<r xmlns=\"http://x/\">\n"
                         "  <n:a k='>'>x &amp; &#x41;&#66;<![CDATA[<&>]]></n:a>\n"
                         "  <set><item>1</item><item/><item>3</item></set>\n</r>\n");
    assert_int_equal(gt_xml_parse(arena, text, &root), GT_OK);
    assert_true(gt_str_is(gt_xml_text(root, "a"), "x & AB<&>"));
    const gt_xml *item = gt_xml_path(root, "set/item");
    assert_true(gt_str_is(item->text, "1"));
    item = gt_xml_next(item);
    assert_true(item->text.ptr && !item->text.len);
    assert_true(gt_str_is(gt_xml_next(item)->text, "3"));
    assert_null(gt_xml_next(gt_xml_next(item)));
    assert_null(gt_xml_text(root, "set/other").ptr);
    gt_arena_free(arena);
    assert_int_equal(xml_status("<!DOCTYPE r [<!ENTITY e 'x'>]><r>&e;</r>"), GT_INVALID);
    assert_int_equal(xml_status("<r>&e;</r>"), GT_INVALID);
    assert_int_equal(xml_status("<r>&#0;</r>"), GT_INVALID);
    assert_int_equal(xml_status("<r><a></r></a>"), GT_INVALID);
    assert_int_equal(xml_status("<r>"), GT_INVALID);
    assert_int_equal(xml_status("<r/>x"), GT_INVALID);
    assert_int_equal(xml_status(""), GT_INVALID);
    char deep[800] = "";
    for (int i = 0; i < 200; i++)
        strcat(deep, "<a>");
    assert_int_equal(xml_status(deep), GT_LIMIT);
}

/* --- HTTP ----------------------------------------------------------------------------------------- */

static gt_str world_url(gt_arena *arena, const net_server *server, const char *path)
{
    return gt_arena_printf(arena, "http://127.0.0.1:%d%s", server->port, path);
}

static void http(void **state)
{
    (void)state;
    net_server server;
    net_server_start(&server);
    world w = {0};
    gt_net_env env = env_of(&w);
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_http *client = gt_http_new(&(gt_http_options){.env = &env});
    gt_http_response r;
    gt_http_response_init(&r);

    net_server_answer(&server, 0, "HTTP/1.1 200 OK\r\nX-One:  a b \r\nContent-Length: 2\r\n\r\nhi");
    gt_http_request request = {.url = world_url(arena, &server, "/x?y=1")};
    assert_int_equal(gt_http_send(client, &request, &r), GT_OK);
    assert_int_equal(r.status, 200);
    assert_true(gt_str_is(gt_http_response_header(&r, GT_STR("x-one")), "a b"));
    assert_true(gt_str_is(gt_buf_str(&r.body), "hi"));
    assert_non_null(strstr(server.requests[0], "GET /x?y=1 HTTP/1.1\r\n"));

    /* throttled twice, then fine: Retry-After is obeyed, then the back-off */
    net_server_answer(&server, 1, "HTTP/1.1 503 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
    net_server_answer(&server, 2, "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n");
    net_server_answer(&server, 3, "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nno!");
    gt_retry retry = {4, 100, 10000};
    assert_int_equal(gt_http_send_retry(client, &request, &retry, &r), GT_OK);
    assert_int_equal(r.status, 404);
    assert_int_equal(w.sleeps, 2);
    assert_true(w.slept >= 3100 && w.slept <= 3200);

    /* closed in the middle, too large, silence, nobody there */
    net_server_answer(&server, 4, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi");
    assert_int_equal(gt_http_send(client, &request, &r), GT_RETRY);
    net_server_answer(&server, 5, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    request.response_max = 9;
    assert_int_equal(gt_http_send(client, &request, &r), GT_LIMIT);
    request.response_max = 0;
    net_server_answer(&server, 6, "");
    request.timeout_ms = 200;
    assert_int_equal(gt_http_send(client, &request, &r), GT_RETRY);
    assert_true(r.message[0]);
    net_server_stop(&server);
    assert_int_equal(gt_http_send(client, &request, &r), GT_RETRY);
    request.url = GT_STR("file:///etc/passwd");
    assert_int_equal(gt_http_send(client, &request, &r), GT_IO);

    gt_http_response_done(&r);
    gt_http_free(client);
    gt_arena_free(arena);
}

/* --- credentials ---------------------------------------------------------------------------------- */

#define STS_ANSWER                                                                                 \
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<AssumeRoleResponse><AssumeRoleResult>"           \
    "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s3</SecretAccessKey>"     \
    "<SessionToken>tok</SessionToken><Expiration>2026-11-25T08:00:00Z</Expiration></Credentials>" \
    "</AssumeRoleResult></AssumeRoleResponse>"

static const char *const CONFIG =
    "[default]\nregion = eu-central-1\n\n[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\n"
    "source_profile = base\nexternal_id = ext ernal\nrole_session_name = sess\n\n"
    "[profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile=base\n"
    "mfa_serial = arn:aws:iam::123456789012:mfa/deploy\n\n"
    "[profile loop]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = loop2\n"
    "[profile loop2]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = loop\n"
    "[profile process]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIAPROCESS\","
    "\"SecretAccessKey\":\"p\"}'\n"
    "[profile local]\nservices = here\n"
    "[services here]\ns3 =\n  endpoint_url = http://127.0.0.1:1/ # ours\nsqs =\n"
    "  endpoint_url = http://127.0.0.1:2\n";
static const char *const SHARED = "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key = b=c\n";

static char folder[] = "/tmp/gatetrail-net-XXXXXX";
static char config_path[64], shared_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int files_setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(config_path, sizeof config_path, "%s/config", folder);
    snprintf(shared_path, sizeof shared_path, "%s/credentials", folder);
    write_file(config_path, CONFIG);
    write_file(shared_path, SHARED);
    return 0;
}

static int files_teardown(void **state)
{
    (void)state;
    remove(config_path);
    remove(shared_path);
    return remove(folder);
}

typedef struct outcome {
    gt_status status;
    gt_aws_credentials credentials;
    char why[1024];
} outcome;

static void get(world *w, gt_aws_options options, outcome *ret)
{
    gt_net_env env = env_of(w);
    set(w, "AWS_CONFIG_FILE", config_path);
    set(w, "AWS_SHARED_CREDENTIALS_FILE", shared_path);
    options.env = &env;
    gt_buf why = GT_BUF(1000);
    gt_aws *aws = NULL;
    memset(ret, 0, sizeof *ret);
    ret->status = gt_aws_open(&options, &aws, &why);
    gt_aws_client *client = aws ? gt_aws_client_new(aws) : NULL;
    if (client)
        ret->status =
            gt_aws_credentials_get(aws, gt_aws_client_http(client), &ret->credentials, &why);
    snprintf(ret->why, sizeof ret->why, "%s", why.data ? why.data : "");
    gt_buf_done(&why);
    gt_aws_client_free(client);
    gt_aws_close(aws);
}

static void chain(void **state)
{
    (void)state;
    static outcome o;
    gt_time_ms now;
    assert_true(gt_time_parse(GT_STR("2026-11-25T07:00:00Z"), &now));
    net_server server;
    net_server_start(&server);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);

    world w = {.now = now};
    set(&w, "AWS_EC2_METADATA_DISABLED", "true");
    get(&w, (gt_aws_options){0}, &o);
    assert_int_equal(o.status, GT_NOTFOUND);
    set(&w, "AWS_ACCESS_KEY_ID", "AKIAENV");
    get(&w, (gt_aws_options){0}, &o);
    assert_int_equal(o.status, GT_INVALID);
    set(&w, "AWS_SECRET_ACCESS_KEY", "verysecret");
    get(&w, (gt_aws_options){0}, &o);
    assert_int_equal(o.status, GT_OK);
    assert_string_equal(o.credentials.access_key, "AKIAENV");
    /* an asked profile wins over the environment's keys */
    get(&w, (gt_aws_options){.profile = "base"}, &o);
    assert_string_equal(o.credentials.access_key, "AKIABASE");
    assert_string_equal(o.credentials.secret_key, "b=c");
    get(&w, (gt_aws_options){.profile = "absent"}, &o);
    assert_int_equal(o.status, GT_INVALID);
    get(&w, (gt_aws_options){.profile = "loop"}, &o);
    assert_int_equal(o.status, GT_INVALID);
    assert_non_null(strstr(o.why, "circle"));
    get(&w, (gt_aws_options){.profile = "process"}, &o);
    assert_string_equal(o.credentials.access_key, "AKIAPROCESS");

    set(&w, "AWS_ENDPOINT_URL_STS", url);
    net_server_answer(&server, 0, STS_ANSWER);
    get(&w, (gt_aws_options){.profile = "role"}, &o);
    assert_int_equal(o.status, GT_OK);
    assert_string_equal(o.credentials.access_key, "ASIAEXAMPLE");
    assert_string_equal(o.credentials.session_token, "tok");
    assert_non_null(strstr(server.requests[0], "Credential=AKIABASE/20261125/"));
    assert_non_null(strstr(server.requests[0], "&RoleSessionName=sess&ExternalId=ext%20ernal"));
    get(&w, (gt_aws_options){.profile = "mfa"}, &o);
    assert_int_equal(o.status, GT_INVALID);
    net_server_answer(&server, 1, STS_ANSWER);
    get(&w, (gt_aws_options){.profile = "mfa", .mfa_token = "123456"}, &o);
    assert_int_equal(o.status, GT_OK);
    assert_non_null(strstr(server.requests[1], "&SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3A"
                                               "mfa%2Fdeploy&TokenCode=123456"));
    net_server_answer(&server, 2,
                      "HTTP/1.1 403 F\r\nConnection: close\r\n\r\n<ErrorResponse><Error><Code>"
                      "AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>");
    get(&w, (gt_aws_options){.role_arn = "arn:aws:iam::123456789012:role/x"}, &o);
    assert_int_equal(o.status, GT_IO);
    assert_non_null(strstr(o.why, "AccessDenied: not you"));
    assert_null(strstr(o.why, "verysecret"));
    net_server_stop(&server);
}

static void container_and_instance(void **state)
{
    (void)state;
    static outcome o;
    net_server server;
    net_server_start(&server);
    char url[64], full[80];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    snprintf(full, sizeof full, "%scredentials/1", url);
    world w = {0};
    set(&w, "AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    net_server_answer(&server, 0, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nTOKEN");
    net_server_answer(&server, 1, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe-role\n");
    net_server_answer(&server, 2,
                      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"Code\":\"Success\","
                      "\"AccessKeyId\":\"ASIAIMDS\",\"SecretAccessKey\":\"x\",\"Token\":\"t\","
                      "\"Expiration\":\"2030-01-01T00:00:00Z\"}");
    get(&w, (gt_aws_options){0}, &o);
    assert_int_equal(o.status, GT_OK);
    assert_string_equal(o.credentials.access_key, "ASIAIMDS");
    assert_non_null(strstr(server.requests[0], "PUT /latest/api/token"));
    assert_non_null(strstr(server.requests[2], "security-credentials/the-role "));
    assert_non_null(strstr(server.requests[2], "X-aws-ec2-metadata-token: TOKEN"));

    set(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI", full);
    set(&w, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x");
    net_server_answer(&server, 3,
                      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"AccessKeyId\":\"ASIAECS\","
                      "\"SecretAccessKey\":\"x\",\"Token\":\"t\"}");
    get(&w, (gt_aws_options){0}, &o);
    assert_string_equal(o.credentials.access_key, "ASIAECS");
    assert_non_null(strstr(server.requests[3], "Authorization: Bearer x"));
    set(&w, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://203.0.113.9/c");
    get(&w, (gt_aws_options){0}, &o);
    assert_int_equal(o.status, GT_INVALID);
    net_server_stop(&server);
}

/* Renewed five minutes before the end; kept while they hold when STS is down. */
static void renewal(void **state)
{
    (void)state;
    net_server server;
    net_server_start(&server);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    world w = {0};
    assert_true(gt_time_parse(GT_STR("2026-11-25T07:00:00Z"), &w.now));
    set(&w, "AWS_CONFIG_FILE", config_path);
    set(&w, "AWS_SHARED_CREDENTIALS_FILE", shared_path);
    set(&w, "AWS_ENDPOINT_URL", url);
    gt_net_env env = env_of(&w);
    gt_aws *aws = NULL;
    gt_buf why = GT_BUF(1000);
    assert_int_equal(gt_aws_open(&(gt_aws_options){.env = &env, .profile = "role"}, &aws, &why), GT_OK);
    gt_aws_client *client = gt_aws_client_new(aws);
    gt_http *h = gt_aws_client_http(client);
    static gt_aws_credentials c;
    net_server_answer(&server, 0, STS_ANSWER);
    assert_int_equal(gt_aws_credentials_get(aws, h, &c, &why), GT_OK);
    w.now += 54 * 60000;
    assert_int_equal(gt_aws_credentials_get(aws, h, &c, &why), GT_OK);
    assert_int_equal(server.count, 1);
    w.now += 2 * 60000;
    net_server_answer(&server, 1, "HTTP/1.1 500 X\r\nConnection: close\r\n\r\n");
    assert_int_equal(gt_aws_credentials_get(aws, h, &c, &why), GT_OK);
    assert_int_equal(server.count, 2);
    w.now += 5 * 60000;
    net_server_answer(&server, 2, "HTTP/1.1 500 X\r\nConnection: close\r\n\r\n");
    assert_int_not_equal(gt_aws_credentials_get(aws, h, &c, &why), GT_OK);
    gt_buf_done(&why);
    gt_aws_client_free(client);
    gt_aws_close(aws);
    net_server_stop(&server);
}

/* --- AWS calls ------------------------------------------------------------------------------------ */

static void endpoint_is(const char *service, const char *region, const char *expected)
{
    world w = {0};
    set(&w, "AWS_CONFIG_FILE", config_path);
    gt_net_env env = env_of(&w);
    gt_aws *aws = NULL;
    gt_buf out = GT_BUF(1000);
    const char *profile = strcmp(region, "local") == 0 ? "local" : NULL;
    gt_aws_options options = {.env = &env, .profile = profile, .region = profile ? NULL : region};
    assert_int_equal(gt_aws_open(&options, &aws, &out), GT_OK);
    gt_str sign = GT_STR_NULL;
    gt_status status = gt_aws_endpoint(aws, service, GT_STR_NULL, &out, &sign);
    if (expected) {
        assert_int_equal(status, GT_OK);
        assert_string_equal(out.data, expected);
    } else {
        assert_int_equal(status, GT_INVALID);
    }
    gt_buf_done(&out);
    gt_aws_close(aws);
}

static void endpoints(void **state)
{
    (void)state;
    endpoint_is("ec2", "eu-west-1", "https://ec2.eu-west-1.amazonaws.com");
    endpoint_is("ec2", "cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn");
    endpoint_is("iam", "eu-west-1", "https://iam.amazonaws.com");
    endpoint_is("iam", "us-gov-east-1", "https://iam.us-gov.amazonaws.com");
    endpoint_is("ec2", "", "https://ec2.eu-central-1.amazonaws.com");
    endpoint_is("s3", "local", "http://127.0.0.1:1");
    endpoint_is("sqs", "local", "http://127.0.0.1:2");
    endpoint_is("ec2", "local", NULL);
}

static void calls(void **state)
{
    (void)state;
    net_server server;
    net_server_start(&server);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    world w = {0};
    assert_true(gt_time_parse(GT_STR("2026-11-25T07:00:00Z"), &w.now));
    set(&w, "AWS_ACCESS_KEY_ID", "AKIAENV");
    set(&w, "AWS_SECRET_ACCESS_KEY", "s");
    gt_net_env env = env_of(&w);
    gt_aws *aws = NULL;
    gt_buf why = GT_BUF(1000);
    gt_aws_options options = {.env = &env, .endpoint_url = url, .region = "us-east-1"};
    assert_int_equal(gt_aws_open(&options, &aws, &why), GT_OK);
    gt_aws_client *client = gt_aws_client_new(aws);
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_aws_response r;
    gt_aws_response_init(&r);

    /* a clock eight hours off: AWS says so, the second signature fits */
    net_server_answer(&server, 0,
                      "HTTP/1.1 403 F\r\nDate: Wed, 25 Nov 2026 15:00:00 GMT\r\nConnection: close\r\n"
                      "\r\n<Response><Errors><Error><Code>RequestTimeTooSkewed</Code><Message>m"
                      "</Message></Error></Errors><RequestID>q</RequestID></Response>");
    net_server_answer(&server, 1,
                      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<R><set><item>1</item></set></R>");
    const gt_xml *root = NULL;
    gt_aws_param param = {GT_STR("GroupId.1"), GT_STR("sg-1 &")};
    assert_int_equal(gt_aws_query(client, "ec2", "2016-11-15", "DescribeSecurityGroups", &param, 1,
                                  arena, &r, &root), GT_OK);
    assert_true(gt_str_is(gt_xml_text(root, "set/item"), "1"));
    assert_non_null(strstr(server.requests[0], "X-Amz-Date: 20261125T070000Z"));
    assert_non_null(strstr(server.requests[1], "X-Amz-Date: 20261125T150000Z"));
    assert_non_null(strstr(server.requests[1], "Action=DescribeSecurityGroups&Version=2016-11-15&"
                                               "GroupId.1=sg-1+%26"));

    net_server_answer(&server, 2,
                      "HTTP/1.1 400 F\r\nConnection: close\r\n\r\n{\"__type\":\"com.amazonaws.sqs#"
                      "QueueDoesNotExist\",\"message\":\"gone\"}");
    gt_json *json = NULL;
    assert_int_equal(gt_aws_json(client, "sqs", "1.0", "AmazonSQS.ReceiveMessage", GT_STR("{}"), 0,
                                 arena, &r, &json), GT_NOTFOUND);
    assert_string_equal(r.code, "QueueDoesNotExist");
    assert_string_equal(r.message, "gone");

    /* a list of keys, decoded, with the next page's token */
    net_server_answer(&server, 3,
                      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult><EncodingType>"
                      "url</EncodingType><Contents><Key>AWSLogs/a+b%2B.gz</Key><Size>12</Size>"
                      "<ETag>&quot;e1&quot;</ETag></Contents><IsTruncated>true</IsTruncated>"
                      "<NextContinuationToken>t/1=</NextContinuationToken></ListBucketResult>");
    gt_s3 s3;
    gt_s3_page page;
    assert_int_equal(gt_s3_init(&s3, client, GT_STR("bucket"), GT_STR("")), GT_OK);
    gt_s3_list list = {.prefix = GT_STR("AWSLogs/"), .start_after = GT_STR("AWSLogs/a")};
    assert_int_equal(gt_s3_list_page(&s3, &list, arena, &r, &page), GT_OK);
    assert_int_equal(page.count, 1);
    assert_true(gt_str_is(page.objects[0].key, "AWSLogs/a b+.gz"));
    assert_true(gt_str_is(page.objects[0].etag, "e1") && page.objects[0].size == 12);
    assert_true(gt_str_is(page.next, "t/1="));
    assert_non_null(strstr(server.requests[3], "GET /bucket/?list-type=2&encoding-type=url&prefix="
                                               "AWSLogs%2F&start-after=AWSLogs%2Fa HTTP"));
    /* the bucket is in another region: asked again with that signature */
    net_server_answer(&server, 4, "HTTP/1.1 301 M\r\nx-amz-bucket-region: eu-west-3\r\n"
                                  "Connection: close\r\n\r\n");
    net_server_answer(&server, 5, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody");
    assert_int_equal(gt_s3_get(&s3, GT_STR("a b+.gz"), 100, &r), GT_OK);
    assert_true(gt_str_is(gt_buf_str(&r.http.body), "body"));
    assert_non_null(strstr(server.requests[5], "GET /bucket/a%20b%2B.gz HTTP"));
    assert_non_null(strstr(server.requests[5], "/eu-west-3/s3/aws4_request"));

    gt_aws_response_done(&r);
    gt_arena_free(arena);
    gt_buf_done(&why);
    gt_aws_client_free(client);
    gt_aws_close(aws);
    net_server_stop(&server);
}

static void s3_uris(void **state)
{
    (void)state;
    gt_str bucket, prefix;
    assert_true(gt_s3_uri_parse(GT_STR("s3://b/AWSLogs/x"), &bucket, &prefix));
    assert_true(gt_str_is(bucket, "b") && gt_str_is(prefix, "AWSLogs/x"));
    assert_true(gt_s3_uri_parse(GT_STR("s3://b"), &bucket, &prefix));
    assert_true(gt_str_is(prefix, ""));
    assert_false(gt_s3_uri_parse(GT_STR("s3:///x"), &bucket, &prefix));
    gt_s3 s3;
    assert_int_equal(gt_s3_init(&s3, NULL, GT_STR("a/b"), GT_STR("")), GT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),      cmocka_unit_test(backoff),
        cmocka_unit_test(xml),       cmocka_unit_test(http),
        cmocka_unit_test(chain),     cmocka_unit_test(container_and_instance),
        cmocka_unit_test(renewal),   cmocka_unit_test(endpoints),
        cmocka_unit_test(calls),     cmocka_unit_test(s3_uris),
    };
    return cmocka_run_group_tests_name("net", tests, files_setup, files_teardown);
}
