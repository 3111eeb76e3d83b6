/* net.h — HTTP over libcurl, back-off, and the world that library code must be handed.
 *
 * Library code reads no clock and no environment: whoever starts it hands over a gt_net_env. The
 * real one is gt_host_env() (watch/host.h, for src/cli and src/watch); tests hand over their own.
 *
 * A gt_http belongs to one thread and keeps its connections open between requests. */
#ifndef GT_NET_NET_H
#define GT_NET_NET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/timeutil.h"

/* Everything may be called from several threads at once. */
typedef struct gt_net_env {
    void *ctx;
    const char *(*getenv)(void *ctx, const char *name); /* NULL when unset */
    gt_time_ms (*now)(void *ctx);
    void (*sleep)(void *ctx, int64_t ms); /* returns early once stopped() */
    uint64_t (*random)(void *ctx);
    bool (*stopped)(void *ctx); /* asked to stop: requests in flight end with GT_RETRY */
} gt_net_env;

/* --- back-off ---------------------------------------------------------------------------------- */

/* How often, and how far apart. */
typedef struct gt_retry {
    unsigned attempts; /* in all; 0 means GT_RETRY_DEFAULT.attempts */
    int64_t base_ms;   /* the first pause's upper bound; doubles each time */
    int64_t max_ms;    /* no pause is longer */
} gt_retry;

#define GT_RETRY_DEFAULT ((gt_retry){5, 200, 20000})

/* The pause before attempt `attempt` (1 is the first repetition): half fixed, half random, so that
 * many clients spread out and none spins. */
int64_t gt_backoff_ms(const gt_retry *retry, unsigned attempt, uint64_t random);

/* --- HTTP ---------------------------------------------------------------------------------------- */

typedef struct gt_http_header {
    gt_str name;
    gt_str value;
} gt_http_header;

typedef struct gt_http_request {
    const char *method; /* "GET"; NULL is GET, or POST with a body */
    gt_str url;         /* absolute, percent-encoded; http and https only */
    const gt_http_header *headers;
    size_t header_count;
    gt_str body;
    bool has_body;       /* send a body even when it is empty */
    int64_t timeout_ms;  /* for the whole exchange; 0: GT_HTTP_TIMEOUT_MS */
    size_t response_max; /* bytes of body; 0: GT_HTTP_RESPONSE_MAX */
    /* When set, the body of a 2xx response goes here in pieces, not into response->body; anything
     * but GT_OK ends the exchange with that status. */
    gt_status (*on_body)(void *ctx, gt_str piece);
    void *on_body_ctx;
    bool no_proxy; /* instance metadata must be asked directly */
} gt_http_request;

/* Reused from request to request; zero-initialised or from gt_http_response_init. */
typedef struct gt_http_response {
    int status;        /* 0 when none arrived */
    gt_buf headers;    /* lines "Name: value\n" of the last response */
    gt_buf body;
    uint64_t body_bytes; /* received, on_body's included */
    char message[256]; /* why there is no response; for people, without secrets */
} gt_http_response;

typedef struct gt_http_options {
    const gt_net_env *env;
    const char *ca_file;  /* PEM bundle; NULL: the system's */
    bool insecure;        /* do not verify the server; never the default */
    int64_t connect_timeout_ms; /* 0: GT_HTTP_CONNECT_MS */
} gt_http_options;

typedef struct gt_http gt_http;

/* NULL without memory. options->env and ca_file must outlive it. */
gt_http *gt_http_new(const gt_http_options *options);
void gt_http_free(gt_http *http);

void gt_http_response_init(gt_http_response *response);
void gt_http_response_done(gt_http_response *response);
/* The value of a header of the response, without case; ptr NULL when absent. */
gt_str gt_http_response_header(const gt_http_response *response, gt_str name);

/* One exchange; redirects are not followed.
 * GT_OK     a whole response arrived: look at its status.
 * GT_RETRY  no connection, a time-out, a connection lost, or env->stopped.
 * GT_LIMIT  more than response_max bytes.
 * GT_IO     it cannot work: a malformed URL, a certificate that does not verify.
 * GT_NOMEM, or what on_body answered. response->message says why. */
gt_status gt_http_send(gt_http *http, const gt_http_request *request, gt_http_response *response)
    GT_MUST_CHECK;

/* As gt_http_send, again after GT_RETRY and after statuses 429, 500, 502, 503 and 504, waiting as
 * the server says in Retry-After (clipped to max_ms) or as gt_backoff_ms says. GT_OK: the last
 * response, whatever its status. With on_body a response is repeated only before its first piece. */
gt_status gt_http_send_retry(gt_http *http, const gt_http_request *request, const gt_retry *retry,
                             gt_http_response *response) GT_MUST_CHECK;

/* Is a status one that asks for another try? */
bool gt_http_status_transient(int status);

/* "Wed, 25 Nov 2026 07:20:00 GMT" */
bool gt_http_date_parse(gt_str text, gt_time_ms *ret);

/* --- URL text ------------------------------------------------------------------------------------ */

/* Percent-encode all but RFC 3986's unreserved bytes; '/' stays when keep_slash. */
void gt_url_encode(gt_buf *out, gt_str text, bool keep_slash);
/* Decode %XX; '+' becomes a space when plus_is_space. Broken escapes stay as they are. */
void gt_url_decode(gt_buf *out, gt_str text, bool plus_is_space);

typedef struct gt_url {
    gt_str scheme;
    gt_str host;      /* without port; an IPv6 address keeps its brackets */
    gt_str authority; /* host, and the port unless it is the scheme's own */
    gt_str path;      /* as written, "/" when empty */
    gt_str query;     /* as written, without '?' */
} gt_url;

/* Split an absolute http or https URL; userinfo and fragments are refused. */
bool gt_url_parse(gt_str text, gt_url *ret);

#endif
