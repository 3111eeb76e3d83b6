/* net_server.h — an HTTP server for tests: the nth request gets the nth answer, and is kept. */
#ifndef GT_TESTS_NET_SERVER_H
#define GT_TESTS_NET_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_SERVER_MAX 16

typedef struct net_server {
    int listener, port;
    pthread_t thread;
    atomic_int count;
    _Atomic(const char *) answers[NET_SERVER_MAX]; /* "": never answer */
    char requests[NET_SERVER_MAX][16384];
} net_server;

/* Read one request, its body by Content-Length; false when the peer is gone. */
static inline int net_server_read(int fd, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, out + len, size - 1 - len);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        out[len] = '\0';
        const char *end = strstr(out, "\r\n\r\n");
        if (!end)
            continue;
        const char *length = strcasestr(out, "\r\nContent-Length:");
        size_t body = length && length < end ? (size_t)atol(length + 17) : 0;
        if (len >= (size_t)(end + 4 - out) + body)
            return 1;
    }
}

static inline void *net_server_run(void *ctx)
{
    net_server *s = ctx;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        int at = s->count;
        /* One request a connection; answers that keep it open close it all the same. */
        if (at < NET_SERVER_MAX && net_server_read(fd, s->requests[at], sizeof s->requests[0])) {
            const char *answer = s->answers[at];
            s->count++;
            if (answer && *answer) {
                if (write(fd, answer, strlen(answer)) < 0)
                    s->count = NET_SERVER_MAX;
            } else {
                usleep(400000);
            }
        }
        close(fd);
    }
}

static inline void net_server_start(net_server *s)
{
    memset(s, 0, sizeof *s);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, net_server_run, s), 0);
}

static inline void net_server_answer(net_server *s, int nth, const char *answer)
{
    s->answers[nth] = answer;
}

static inline void net_server_stop(net_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

#endif
