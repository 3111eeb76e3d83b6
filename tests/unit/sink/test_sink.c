/* Sinks: everything arrives, once where the other side allows it; failures wait, refusals become dead
 * letters; who gets what. */
#include "sink_test.h"

#include <sys/un.h>

/* --- files ------------------------------------------------------------------------------------------- */

static gt_str read_lines(world *w, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    gt_str text = test_read_file(path), copy = gt_arena_dup(w->arena, text);
    free((void *)(uintptr_t)text.ptr);
    return copy;
}

static void a_file(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    world_config(&w, "[[sink]]\ntype = 'ndjson'\npath = 'out.ndjson'\nbatch = 7\n");
    world_start(&w);
    gt_str ids[50];
    for (int i = 0; i < 50; i++)
        ids[i] = world_alert(&w, i);
    world_wait(&w, "ndjson", 0);
    world_stop(&w);
    gt_str text = read_lines(&w, "out.ndjson");
    assert_int_equal(times(text, GT_STR("\n")), 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(times(text, ids[i]), 1);
    assert_int_equal(world_state(&w, "ndjson").sent, 50);
    world_close(&w);
}

/* As after a kill between writing and writing that down: lines that the store still has in the queue, and
 * a torn one. */
static void a_file_after_a_kill(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    world_config(&w, "[[sink]]\ntype = 'ndjson'\npath = 'out.ndjson'\n");
    world_start(&w);
    gt_str first = world_alert(&w, 0);
    world_wait(&w, "ndjson", 0);
    world_stop(&w);
    char path[128];
    snprintf(path, sizeof path, "%s/out.ndjson", w.folder);
    char id[65] = {0};
    gt_sha256_hex(GT_STR("alert 1"), id);
    FILE *f = fopen(path, "ab");
    fprintf(f, "{\"kibana.alert.uuid\":\"%s\",\"event\":1}\n{\"kibana.alert.uuid\":\"torn", id);
    fclose(f);
    world_start(&w);
    gt_str second = world_alert(&w, 1), third = world_alert(&w, 2);
    world_wait(&w, "ndjson", 0);
    world_stop(&w);
    gt_str text = read_lines(&w, "out.ndjson");
    assert_int_equal(times(text, GT_STR("\n")), 3);
    assert_int_equal(times(text, first), 1);
    assert_int_equal(times(text, second), 1);
    assert_int_equal(times(text, third), 1);
    assert_int_equal(times(text, GT_STR("torn")), 0);
    world_close(&w);
}

static void a_file_that_is_moved_away(void **state)
{
    (void)state;
    world w;
    char from[128], to[128];
    world_open(&w);
    world_config(&w, "[[sink]]\ntype = 'ndjson'\npath = 'out.ndjson'\n");
    world_start(&w);
    world_alert(&w, 0);
    world_wait(&w, "ndjson", 0);
    snprintf(from, sizeof from, "%s/out.ndjson", w.folder);
    snprintf(to, sizeof to, "%s/out.1", w.folder);
    assert_int_equal(rename(from, to), 0);
    world_alert(&w, 1);
    world_wait(&w, "ndjson", 0);
    world_stop(&w);
    assert_int_equal(times(read_lines(&w, "out.1"), GT_STR("\n")), 1);
    assert_int_equal(times(read_lines(&w, "out.ndjson"), GT_STR("\n")), 1);
    world_close(&w);
}

static void a_full_disk(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    world_config(&w, "[[sink]]\ntype = 'ndjson'\npath = '/dev/full'\n");
    world_start(&w);
    for (int i = 0; i < 3; i++)
        world_alert(&w, i);
    for (int i = 0; i < 300 && !atomic_load(&w.fails); i++)
        env_sleep(NULL, 10);
    world_stop(&w);
    gt_sink_state sink = world_state(&w, "ndjson");
    assert_int_equal(sink.queued, 3);
    assert_int_equal(sink.sent, 0);
    assert_true(gt_str_is(sink.problem, "No space left on device"));
    world_close(&w);
}

/* --- HTTP ---------------------------------------------------------------------------------------------- */

/* Down for the first five requests; refuses the alert "Call3". */
static int moody(void *ctx, int n, gt_str line, gt_str body, gt_buf *ret_body)
{
    (void)ctx, (void)line;
    if (n < 5)
        return n % 2 ? 500 : 429;
    if (gt_str_find(body, GT_STR("\"Call3\"")) != GT_NPOS) {
        gt_buf_lit(ret_body, "no thanks");
        return 400;
    }
    return 200;
}

static gt_status keep_dead(void *ctx, const gt_sink_dead *dead)
{
    gt_buf_printf(ctx, "%.*s|%.*s\n", GT_STR_ARG(dead->id), GT_STR_ARG(dead->reason));
    return GT_OK;
}

static void a_webhook(void **state)
{
    (void)state;
    world w;
    server s;
    char text[256];
    world_open(&w);
    server_start(&s, moody, NULL);
    snprintf(text, sizeof text,
             "[[sink]]\ntype = 'webhook'\nurl = 'http://127.0.0.1:%d/hook'\nretry_base = '1s'\n"
             "retry_max = '1s'\nheaders = {X-Key = 'k'}\n", s.port);
    world_config(&w, text);
    world_start(&w);
    gt_str ids[10];
    for (int i = 0; i < 10; i++)
        ids[i] = world_alert(&w, i);
    world_wait(&w, "webhook", 0);
    world_stop(&w);
    server_stop(&s);
    assert_true(atomic_load(&w.fails) >= 1);
    assert_int_equal(atomic_load(&w.works), atomic_load(&w.fails));
    assert_int_equal(atomic_load(&w.gave_up), 1);
    for (int i = 0; i < 10; i++)
        assert_true(times(gt_buf_str(&s.bodies), ids[i]) >= 1);
    gt_buf dead = GT_BUF(GT_MIB);
    assert_int_equal(gt_sinks_dead_each(w.store, GT_STR("webhook"), keep_dead, &dead), GT_OK);
    assert_true(gt_str_starts(gt_buf_str(&dead), ids[3]));
    assert_non_null(strstr(dead.data, "|HTTP 400: no thanks\n"));
    assert_int_equal(world_state(&w, "webhook").sent, 9);
    gt_buf_done(&dead);
    gt_buf_done(&s.bodies);
    world_close(&w);
}

static int away(void *ctx, int n, gt_str line, gt_str body, gt_buf *ret_body)
{
    (void)ctx, (void)n, (void)line, (void)body, (void)ret_body;
    return 401; /* a wrong token is repaired: nothing is given up for it */
}

static void nothing_is_lost_while_away(void **state)
{
    (void)state;
    world w;
    server s;
    char text[256];
    world_open(&w);
    server_start(&s, away, NULL);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'webhook'\nurl = 'http://127.0.0.1:%d/'\n", s.port);
    world_config(&w, text);
    world_start(&w);
    for (int i = 0; i < 5; i++)
        world_alert(&w, i);
    for (int i = 0; i < 300 && !atomic_load(&w.fails); i++)
        env_sleep(NULL, 10);
    assert_int_equal(atomic_load(&w.fails), 1);
    world_stop(&w); /* at once: a failing sink is not waited for */
    server_stop(&s);
    gt_sink_state sink = world_state(&w, "webhook");
    assert_int_equal(sink.queued, 5);
    assert_int_equal(sink.dead, 0);
    assert_true(gt_str_starts(sink.problem, GT_STR("HTTP 401")));
    gt_buf_done(&s.bodies);
    world_close(&w);
}

static int hangs(void *ctx, int n, gt_str line, gt_str body, gt_buf *ret_body)
{
    (void)n, (void)line, (void)body, (void)ret_body;
    while (!atomic_load((atomic_bool *)ctx))
        env_sleep(NULL, 10);
    return 200;
}

/* librdkafka's threads are C11's, which gcc 12's ThreadSanitizer does not know: it crashes in them. */
#ifdef __SANITIZE_THREAD__
#define KAFKA "type = 'syslog'\nname = 'kafka'\naddress = 'tcp://127.0.0.1:1'\n"
#else
#define KAFKA "type = 'kafka'\nbrokers = '127.0.0.1:1'\ntopic = 't'\n"
#endif

/* A stop waits as long as it was told, not as long as the other side hangs. */
static void a_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    world w;
    server s;
    char text[256];
    atomic_bool go_on = false;
    world_open(&w);
    server_start(&s, hangs, &go_on);
    snprintf(text, sizeof text,
             "[[sink]]\ntype = 'webhook'\nurl = 'http://127.0.0.1:%d/'\n[[sink]]\n" KAFKA, s.port);
    world_config(&w, text);
    world_start(&w);
    world_alert(&w, 0);
    env_sleep(NULL, 300);
    gt_time_ms begin = env_now(NULL);
    gt_sink_group_stop(w.group, 500);
    w.group = NULL;
    assert_true(env_now(NULL) - begin < 6000); /* Kafka's timeout alone is 30 s */
    atomic_store(&go_on, true);
    server_stop(&s);
    assert_int_equal(world_state(&w, "webhook").queued, 1);
    assert_int_equal(world_state(&w, "kafka").queued, 1);
    gt_buf_done(&s.bodies);
    world_close(&w);
}

static int slack_ok(void *ctx, int n, gt_str line, gt_str body, gt_buf *ret_body)
{
    (void)n, (void)line, (void)ret_body;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_json *json;
    *(bool *)ctx = gt_json_parse(arena, body, &json, NULL) == GT_OK && gt_json_path_str(json, "text").ptr;
    gt_arena_free(arena);
    return 200;
}

static void slack(void **state)
{
    (void)state;
    world w;
    server s;
    char text[256];
    bool good = false;
    world_open(&w);
    server_start(&s, slack_ok, &good);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'slack'\nurl = 'http://127.0.0.1:%d/'\n", s.port);
    world_config(&w, text);
    world_start(&w);
    for (int i = 0; i < 3; i++)
        world_alert(&w, i);
    world_wait(&w, "slack", 0);
    world_stop(&w);
    server_stop(&s);
    assert_true(good);
    assert_non_null(strstr(s.bodies.data, "Rule 1"));
    gt_buf_done(&s.bodies);
    world_close(&w);
}

/* _bulk: the first answer says created, there already, busy, refused; later all are created. The template
 * is forbidden. */
static int bulk(void *ctx, int n, gt_str line, gt_str body, gt_buf *ret_body)
{
    (void)n;
    int *calls = ctx;
    if (gt_str_find(line, GT_STR("/alerts/_bulk")) == GT_NPOS) {
        gt_buf_lit(ret_body, "{\"error\":{\"type\":\"security_exception\",\"reason\":\"no\"},\"status\":403}");
        return 403;
    }
    size_t items = times(body, GT_STR("{\"create\":"));
    gt_buf_lit(ret_body, "{\"errors\":true,\"items\":[");
    for (size_t i = 0; i < items; i++) {
        static const char *const first[] = {
            "{\"status\":201}", "{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\"}}",
            "{\"status\":429,\"error\":{\"type\":\"busy\",\"reason\":\"later\"}}",
            "{\"status\":400,\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"bad field\"}}"};
        bool script = *calls == 0 && items == 4;
        gt_buf_printf(ret_body, "%s{\"create\":%s}", i ? "," : "", script ? first[i] : "{\"status\":201}");
    }
    *calls += items == 4 || *calls;
    gt_buf_lit(ret_body, "]}");
    return 200;
}

static void opensearch(void **state)
{
    (void)state;
    world w;
    server s;
    char text[300];
    int calls = 0;
    world_open(&w);
    server_start(&s, bulk, &calls);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'opensearch'\nurl = 'http://127.0.0.1:%d'\nindex = 'alerts'\n"
             "retry_base = '1s'\nretry_max = '1s'\n", s.port);
    world_config(&w, text);
    world_start(&w);
    gt_str ids[4];
    w.in_transaction = true; /* all four in one request */
    assert_int_equal(gt_store_begin(w.store), GT_OK);
    for (int i = 0; i < 4; i++)
        ids[i] = world_alert(&w, i);
    assert_int_equal(gt_store_commit(w.store), GT_OK);
    gt_sink_group_wake(w.group);
    world_wait(&w, "opensearch", 0);
    world_stop(&w);
    server_stop(&s);
    gt_sink_state sink = world_state(&w, "opensearch");
    assert_int_equal(sink.sent, 3);
    assert_int_equal(sink.dead, 1);
    assert_int_equal(times(gt_buf_str(&s.bodies), ids[2]), 4); /* sent twice, id and document */
    for (int i = 0; i < 4; i++)
        assert_true(times(gt_buf_str(&s.bodies), ids[i]) >= 1);
    gt_buf_done(&s.bodies);
    world_close(&w);
}

/* --- syslog ---------------------------------------------------------------------------------------------- */

static void syslog_udp(void **state)
{
    (void)state;
    world w;
    char text[200], got[4096];
    int port, fd = local_socket(SOCK_DGRAM, &port);
    world_open(&w);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'syslog'\naddress = 'udp://127.0.0.1:%d'\nfacility = 'local0'\n",
             port);
    world_config(&w, text);
    world_start(&w);
    gt_str id = world_alert(&w, 3);
    world_wait(&w, "syslog", 0);
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    assert_true(n > 0);
    got[n] = '\0';
    assert_true(strncmp(got, "<130>1 ", 7) == 0); /* local0, critical */
    assert_true(times((gt_str){got, (size_t)n}, id) == 1);
    assert_non_null(strstr(got, "rule=\"Rule 1\""));
    assert_non_null(strstr(got, "] \xEF\xBB\xBFwhy \"3\""));
    world_close(&w);
    close(fd);
}

static void syslog_tcp(void **state)
{
    (void)state;
    world w;
    char text[200], got[8192];
    int port, fd = local_socket(SOCK_STREAM, &port);
    assert_int_equal(listen(fd, 4), 0);
    world_open(&w);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'syslog'\naddress = 'tcp://127.0.0.1:%d'\n", port);
    world_config(&w, text);
    world_start(&w);
    world_alert(&w, 0);
    int client = accept(fd, NULL, NULL);
    world_wait(&w, "syslog", 0);
    world_alert(&w, 1);
    world_wait(&w, "syslog", 0);
    world_stop(&w);
    size_t len = 0;
    ssize_t n;
    while ((n = recv(client, got + len, sizeof got - 1 - len, 0)) > 0)
        len += (size_t)n;
    size_t at = 0, messages = 0; /* "LENGTH MESSAGE" again and again */
    while (at < len) {
        char *end;
        size_t size = (size_t)strtoul(got + at, &end, 10);
        assert_true(size > 0 && *end == ' ');
        at = (size_t)(end + 1 - got) + size;
        messages++;
    }
    assert_int_equal(at, len);
    assert_int_equal(messages, 2);
    close(client);
    close(fd);
    world_close(&w);
}

static void syslog_unix(void **state)
{
    (void)state;
    world w;
    char text[200], got[4096];
    world_open(&w);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/log", w.folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    snprintf(text, sizeof text, "[[sink]]\ntype = 'syslog'\naddress = 'unix:%s'\n", a.sun_path);
    world_config(&w, text);
    world_start(&w);
    world_alert(&w, 0);
    world_wait(&w, "syslog", 0);
    assert_true(recv(fd, got, sizeof got, 0) > 0);
    close(fd);
    world_close(&w);
}

/* --- who gets what ------------------------------------------------------------------------------------------ */

static void routes(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    world_config(&w, "[[sink]]\nname = 'all'\ntype = 'ndjson'\npath = 'all'\n"
                     "[[sink]]\nname = 'high'\ntype = 'ndjson'\npath = 'high'\nmin_severity = 'high'\n"
                     "[[sink]]\nname = 'r0'\ntype = 'ndjson'\npath = 'r0'\nrules = ['rule 0']\n"
                     "[[sink]]\nname = 'own'\ntype = 'ndjson'\npath = 'own'\n"
                     "[[rule]]\nrule = 'r1'\nsinks = ['own', 'high']\n");
    world_start(&w);
    for (int i = 0; i < 8; i++) /* r0: 0 2 4 6; r1: 1 3 5 7; high: 2 3 6 7 */
        world_alert(&w, i);
    const char *const names[] = {"all", "high", "r0", "own"};
    for (int i = 0; i < 4; i++)
        world_wait(&w, names[i], 0);
    world_stop(&w);
    assert_int_equal(times(read_lines(&w, "all"), GT_STR("\n")), 4);
    assert_int_equal(times(read_lines(&w, "high"), GT_STR("\n")), 4);
    assert_int_equal(times(read_lines(&w, "r0"), GT_STR("\n")), 4);
    assert_int_equal(times(read_lines(&w, "own"), GT_STR("\n")), 8);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file),
        cmocka_unit_test(a_file_after_a_kill),
        cmocka_unit_test(a_file_that_is_moved_away),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_webhook),
        cmocka_unit_test(nothing_is_lost_while_away),
        cmocka_unit_test(a_stop_does_not_wait_for_ever),
        cmocka_unit_test(slack),
        cmocka_unit_test(opensearch),
        cmocka_unit_test(syslog_udp),
        cmocka_unit_test(syslog_tcp),
        cmocka_unit_test(syslog_unix),
        cmocka_unit_test(routes),
    };
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
