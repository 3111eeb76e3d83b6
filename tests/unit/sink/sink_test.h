/* sink_test.h — a store with alerts, a configuration from text, and a server that answers as told. */
#ifndef GT_TESTS_SINK_TEST_H
#define GT_TESTS_SINK_TEST_H

#include "test.h"

#include "base/hash.h"
#include "base/limits.h"
#include "sink/sink.h"
#include "store/alerts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- the world --------------------------------------------------------------------------------------- */

static inline gt_time_ms env_now(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void env_sleep(void *ctx, int64_t ms)
{
    (void)ctx;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static inline uint64_t env_random(void *ctx)
{
    (void)ctx;
    static atomic_ullong n;
    return atomic_fetch_add(&n, 0x9E3779B97F4A7C15u);
}

static inline bool env_stopped(void *ctx)
{
    (void)ctx;
    return false;
}

static inline const char *env_get(void *ctx, const char *name)
{
    (void)ctx, (void)name;
    return NULL;
}

static const gt_net_env test_env = {NULL, env_get, env_now, env_sleep, env_random, env_stopped};

/* --- a store and a group ------------------------------------------------------------------------------- */

typedef struct world {
    char folder[32], db[64];
    gt_arena *arena;
    gt_store *store;
    gt_config *config;
    gt_sink_group *group;
    bool in_transaction; /* world_alert leaves begin, commit and wake to the test */
    atomic_int fails, works, gave_up;
} world;

static inline void told(void *ctx, gt_sink_event event, gt_str sink, gt_str id, gt_str message)
{
    world *w = ctx;
    (void)sink, (void)id, (void)message;
    atomic_fetch_add(event == GT_SINK_FAILS ? &w->fails : event == GT_SINK_WORKS ? &w->works : &w->gave_up, 1);
}

static inline void world_open(world *w)
{
    *w = (world){.folder = "/tmp/gt-sink-XXXXXX", .arena = gt_arena_new(GT_GIB)};
    gt_str message;
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->db, sizeof w->db, "%s/db", w->folder);
    assert_int_equal(gt_store_open(w->db, NULL, w->arena, &w->store, &message), GT_OK);
}

static inline void world_config(world *w, const char *text)
{
    gt_str path = gt_arena_printf(w->arena, "%s/gatetrail.toml", w->folder);
    assert_int_equal(gt_config_parse(w->arena, path, gt_str_c(text), NULL, &w->config), GT_OK);
    if (w->config->diags.errors)
        fail_msg("%.*s", GT_STR_ARG(w->config->diags.items[0].message));
}

static inline void world_start(world *w)
{
    gt_sink_group_options options = {w->config, &test_env, w->db, told, w};
    gt_buf message = GT_BUF(4096);
    assert_int_equal(gt_sink_group_start(&options, &w->group, &message), GT_OK);
    gt_buf_done(&message);
}

static inline void world_stop(world *w)
{
    gt_sink_group_stop(w->group, 5000);
    w->group = NULL;
}

static inline void world_close(world *w)
{
    gt_sink_group_stop(w->group, 0);
    gt_store_close(w->store);
    gt_arena_free(w->arena);
    DIR *dir = opendir(w->folder);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", w->folder, e->d_name);
        (void)unlink(path); /* "." and ".." stay */
    }
    closedir(dir);
    assert_int_equal(rmdir(w->folder), 0);
}

/* Store alert n (severity n % 4, rule "r<n % 2>") and queue it. */
static inline gt_str world_alert(world *w, int n)
{
    char *id = gt_arena_alloc(w->arena, 65);
    gt_sha256_hex(gt_arena_printf(w->arena, "alert %d", n), id);
    id[64] = '\0';
    gt_alert_new alert = {
        .id = {id, 64},
        .rule_id = gt_arena_printf(w->arena, "r%d", n % 2),
        .rule_name = gt_arena_printf(w->arena, "Rule %d", n % 2),
        .severity = n % 4,
        .source = GT_STR("test"),
        .event = 1700000000000 + n,
        .now = env_now(NULL),
        .document = gt_arena_printf(
            w->arena,
            "{\"@timestamp\":\"2024-01-01T00:00:00.000Z\",\"event\":{\"action\":\"Call%d\"},\"source\":"
            "{\"address\":\"192.0.2.1\"},\"kibana.alert.uuid\":\"%s\",\"kibana.alert.reason\":\"why \\\"%d\\\"\"}",
            n, id, n)};
    gt_alert_outcome outcome;
    gt_sink_alert queued = {.rule_id = alert.rule_id, .rule_name = alert.rule_name,
                            .file = GT_STR("builtin:x.toml"), .severity = alert.severity, .now = alert.now};
    if (!w->in_transaction)
        assert_int_equal(gt_store_begin(w->store), GT_OK);
    assert_int_equal(gt_alerts_put(w->store, &alert, &outcome, &queued.seq), GT_OK);
    assert_int_equal(gt_sink_group_queue(w->group, w->store, &queued), GT_OK);
    if (!w->in_transaction) {
        assert_int_equal(gt_store_commit(w->store), GT_OK);
        gt_sink_group_wake(w->group);
    }
    return alert.id;
}

static inline gt_sink_state world_state(world *w, const char *name)
{
    gt_sink_state *list;
    size_t count;
    assert_int_equal(gt_sinks_list(w->store, w->arena, &list, &count), GT_OK);
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(list[i].name, gt_str_c(name)))
            return list[i];
    return (gt_sink_state){0};
}

/* Wait until a sink's queue holds `queued` alerts. */
static inline void world_wait(world *w, const char *name, int64_t queued)
{
    for (int i = 0; i < 1000; i++) {
        if (world_state(w, name).queued == queued)
            return;
        env_sleep(NULL, 10);
    }
    gt_sink_state s = world_state(w, name);
    fail_msg("%s: %lld queued, not %lld: %.*s", name, (long long)s.queued, (long long)queued,
             GT_STR_ARG(s.problem));
}

/* --- a server -------------------------------------------------------------------------------------------- */

/* Answers request n (from 0) with status and body; fills *ret_body. */
typedef int (*server_answer)(void *ctx, int n, gt_str request_line, gt_str body, gt_buf *ret_body);

typedef struct server {
    int fd, port;
    pthread_t thread;
    atomic_bool end;
    server_answer answer;
    void *ctx;
    int requests;
    gt_buf bodies; /* all bodies, one after the other */
} server;

static inline bool server_read(int fd, gt_buf *in, gt_str *ret_line, gt_str *ret_body)
{
    for (;;) {
        gt_str text = gt_buf_str(in);
        size_t end = gt_str_find(text, GT_STR("\r\n\r\n"));
        if (end != GT_NPOS) {
            int64_t length = 0;
            size_t at = gt_str_find(gt_str_head(text, end + 2), GT_STR("Content-Length: "));
            if (at != GT_NPOS)
                length = atoll(text.ptr + at + 16);
            if (text.len >= end + 4 + (size_t)length) {
                gt_str_cut(text, '\r', ret_line);
                *ret_body = (gt_str){text.ptr + end + 4, (size_t)length};
                return true;
            }
        }
        char *room = gt_buf_room(in, 65536);
        ssize_t n = room ? recv(fd, room, 65536, 0) : -1;
        if (n <= 0)
            return false;
        in->len += (size_t)n;
        in->data[in->len] = '\0';
    }
}

static inline void server_serve(server *s, int fd)
{
    for (;;) {
        gt_buf in = GT_BUF(64 * GT_MIB), body = GT_BUF(4 * GT_MIB), out = GT_BUF(4 * GT_MIB);
        gt_str line, text;
        bool good = server_read(fd, &in, &line, &text);
        if (good) {
            int status = s->answer(s->ctx, s->requests++, line, text, &body);
            gt_buf_add(&s->bodies, text);
            gt_buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Type: application/json\r\n\r\n",
                          status, body.len);
            gt_buf_add(&out, gt_buf_str(&body));
            good = send(fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
        }
        gt_buf_done(&in);
        gt_buf_done(&body);
        gt_buf_done(&out);
        if (!good)
            return;
    }
}

static inline void *server_main(void *ctx)
{
    server *s = ctx;
    while (!atomic_load(&s->end)) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        server_serve(s, fd);
        close(fd);
    }
    return NULL;
}

static inline int local_socket(int type, int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, type, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static inline void server_start(server *s, server_answer answer, void *ctx)
{
    *s = (server){.answer = answer, .ctx = ctx, .bodies = GT_BUF(64 * GT_MIB)};
    s->fd = local_socket(SOCK_STREAM, &s->port);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

/* Call when the client has closed its connections. */
static inline void server_stop(server *s)
{
    atomic_store(&s->end, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static inline size_t times(gt_str text, gt_str word)
{
    size_t n = 0;
    for (size_t at; (at = gt_str_find(text, word)) != GT_NPOS; n++)
        text = gt_str_from(text, at + word.len);
    return n;
}

#endif
