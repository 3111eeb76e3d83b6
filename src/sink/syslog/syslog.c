/* Syslog as RFC 5424, over UDP (RFC 5426), TCP (RFC 6587, counted octets) or a local socket. None
 * of these says that a message arrived: OK means that the system took it. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/timeutil.h"
#include "sink/sink.h"
#include "store/alerts.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct syslog_sink {
    int fd;
    bool stream;  /* TCP, or a local stream socket */
    bool counted; /* TCP: "LENGTH MESSAGE" */
} syslog_sink;

static void syslog_close(gt_sink *sink)
{
    syslog_sink *s = sink->own;
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    gt_free(s);
    sink->own = NULL;
}

/* --- connecting ------------------------------------------------------------------------------- */

static gt_status connect_unix(syslog_sink *s, gt_str path, gt_buf *reterr_message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.len >= sizeof address.sun_path) {
        gt_buf_lit(reterr_message, "the path of its socket is too long");
        return GT_INVALID;
    }
    memcpy(address.sun_path, path.ptr, path.len);
    for (int type = 0; type < 2; type++) {
        s->stream = type == 1;
        s->fd = socket(AF_UNIX, (s->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
        if (s->fd >= 0 && connect(s->fd, (struct sockaddr *)&address, sizeof address) == 0)
            return GT_OK;
        if (s->fd >= 0)
            close(s->fd);
        s->fd = -1;
    }
    gt_buf_printf(reterr_message, "%.*s: %s", GT_STR_ARG(path), strerror(errno));
    return GT_RETRY;
}

static bool connect_in_time(int fd, const struct addrinfo *a, int64_t timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); /* for connect, too */
    return connect(fd, a->ai_addr, a->ai_addrlen) == 0;
}

/* "HOST:PORT", "[v6]:PORT" */
static gt_status connect_inet(const gt_sink *sink, syslog_sink *s, gt_str place,
                              gt_buf *reterr_message)
{
    char host[256], port[16];
    size_t colon = gt_str_rfind_byte(place, ':');
    gt_str name = colon == GT_NPOS ? place : gt_str_head(place, colon);
    gt_str number = colon == GT_NPOS ? GT_STR("514") : gt_str_from(place, colon + 1);
    if (name.len > 2 && name.ptr[0] == '[')
        name = (gt_str){name.ptr + 1, name.len - 2};
    if (!name.len || name.len >= sizeof host || !number.len || number.len >= sizeof port) {
        gt_buf_lit(reterr_message, "its address is none: write udp://HOST:PORT or tcp://HOST:PORT");
        return GT_INVALID;
    }
    snprintf(host, sizeof host, "%.*s", GT_STR_ARG(name));
    snprintf(port, sizeof port, "%.*s", GT_STR_ARG(number));
    struct addrinfo hints = {.ai_socktype = s->stream ? SOCK_STREAM : SOCK_DGRAM}, *list;
    int failure = getaddrinfo(host, port, &hints, &list);
    if (failure) {
        gt_buf_printf(reterr_message, "%s: %s", host, gai_strerror(failure));
        return GT_RETRY;
    }
    int64_t timeout = gt_config_number(sink->section, GT_CONFIG_SINK_TIMEOUT);
    for (struct addrinfo *a = list; a && s->fd < 0; a = a->ai_next) {
        s->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (s->fd >= 0 && !connect_in_time(s->fd, a, timeout)) {
            gt_buf_printf(reterr_message, "%s:%s: %s", host, port, strerror(errno));
            close(s->fd);
            s->fd = -1;
        }
    }
    freeaddrinfo(list);
    return s->fd >= 0 ? GT_OK : GT_RETRY;
}

static gt_status syslog_open(gt_sink *sink, gt_buf *reterr_message)
{
    gt_str address = gt_config_str(sink->section, GT_CONFIG_SINK_ADDRESS);
    syslog_sink *s = gt_calloc(1, sizeof *s);
    if (!s)
        return GT_NOMEM;
    s->fd = -1;
    sink->own = s;
    if (gt_str_starts(address, GT_STR("unix:")))
        return connect_unix(s, gt_str_from(address, 5), reterr_message);
    s->stream = s->counted = gt_str_starts(address, GT_STR("tcp://"));
    if (!s->stream && !gt_str_starts(address, GT_STR("udp://"))) {
        gt_buf_lit(reterr_message, "its address begins with udp://, tcp:// or unix:");
        return GT_INVALID;
    }
    return connect_inet(sink, s, gt_str_from(address, 6), reterr_message);
}

/* --- messages --------------------------------------------------------------------------------- */

/* A parameter's value: quotes, backslashes and brackets are escaped, control bytes left out. */
static void add_param(gt_buf *out, const char *name, gt_str value)
{
    if (!value.len)
        return;
    gt_buf_printf(out, " %s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '"' || c == '\\' || c == ']')
            gt_buf_add_byte(out, '\\');
        gt_buf_add_byte(out, (unsigned char)c < 0x20 || c == 0x7F ? ' ' : c);
    }
    gt_buf_lit(out, "\"");
}

static void add_text(gt_buf *out, gt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        gt_buf_add_byte(out, (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F ? ' ' : s.ptr[i]);
}

static gt_str text_at(const gt_json *document, const char *path)
{
    gt_str s = gt_json_text(gt_json_path(document, path));
    return s.ptr ? s : GT_STR("");
}

static void build(const gt_sink *sink, gt_arena *batch, const gt_sink_row *row, gt_buf *out)
{
    static const int severities[] = {5, 4, 3, 2}; /* notice, warning, error, critical */
    static const int facilities[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                     10, 11, 16, 17, 18, 19, 20, 21, 22, 23};
    int64_t facility = gt_config_number(sink->section, GT_CONFIG_SINK_FACILITY);
    int severity = row->severity >= 0 && row->severity < 4 ? severities[row->severity] : 5;
    char time[GT_TIME_TEXT_MAX];
    gt_json *document = NULL;
    if (gt_json_parse(batch, row->text, &document, NULL) != GT_OK)
        document = NULL;
    gt_str when = gt_time_format(row->created, time);
    gt_buf_printf(out, "<%d>1 %.*s - gatetrail - alert [gatetrail@32473",
                  facilities[facility] * 8 + severity, GT_STR_ARG(when));
    add_param(out, "id", row->id);
    add_param(out, "rule_id", row->rule_id);
    add_param(out, "rule", row->rule_name);
    add_param(out, "severity", gt_str_c(gt_alert_severity_name(row->severity)));
    add_param(out, "action", text_at(document, "event.action"));
    add_param(out, "account", text_at(document, "cloud.account.id"));
    add_param(out, "region", text_at(document, "cloud.region"));
    add_param(out, "actor", text_at(document, "aws.cloudtrail.user_identity.arn"));
    add_param(out, "source", text_at(document, "source.address"));
    add_param(out, "event", text_at(document, "event.id"));
    gt_buf_lit(out, "] \xEF\xBB\xBF");
    gt_str reason = gt_json_str(gt_json_getl(document, "kibana.alert.reason"));
    add_text(out, reason.len ? reason : row->rule_name);
}

static bool send_all(const syslog_sink *s, gt_str text)
{
    while (text.len) {
        ssize_t n = send(s->fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text = gt_str_from(text, s->stream ? (size_t)n : text.len);
    }
    return true;
}

/* Did the other end of a TCP connection close it? A write would still succeed once. */
static bool is_closed(const syslog_sink *s)
{
    char byte;
    return s->stream && recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void syslog_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    gt_buf message = GT_BUF(GT_MIB), whole = GT_BUF(GT_MIB), why = GT_BUF(4096);
    gt_status status = GT_OK;
    if (!sink->own || is_closed(sink->own)) { /* an earlier send ended the connection */
        syslog_close(sink);
        status = syslog_open(sink, &why);
    }
    for (size_t i = 0; i < count && status == GT_OK; i++) {
        syslog_sink *s = sink->own;
        gt_buf_reset(&message);
        gt_buf_reset(&whole);
        build(sink, batch, items[i].row, &message);
        if (s->counted)
            gt_buf_printf(&whole, "%zu ", message.len);
        gt_buf_add(&whole, gt_buf_str(&message));
        if (s->stream && !s->counted)
            gt_buf_lit(&whole, "\n");
        if (gt_buf_status(&whole) != GT_OK)
            break;
        if (send_all(s, gt_buf_str(&whole))) {
            items[i].answer = GT_SINK_OK;
        } else if (errno == EMSGSIZE) {
            items[i].answer = GT_SINK_ERROR;
            items[i].reason = GT_STR("too large for a datagram");
        } else {
            gt_buf_printf(&why, "%s", strerror(errno));
            syslog_close(sink);
            status = GT_RETRY;
        }
    }
    gt_str reason = gt_arena_dup(batch, gt_buf_str(&why));
    for (size_t i = 0; i < count; i++)
        if (items[i].answer == GT_SINK_RETRY)
            items[i].reason = reason;
    gt_buf_done(&message);
    gt_buf_done(&whole);
    gt_buf_done(&why);
}

const gt_sink_ops gt_sink_syslog = {"syslog", 0, syslog_open, syslog_send, syslog_close};
