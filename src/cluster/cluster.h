/* cluster.h — talking to an Elasticsearch or OpenSearch cluster: one handle a thread.
 * A call goes to one of the nodes that were given; when that one is away or refuses for now (429, 502,
 * 503, 504), to the next, with growing pauses, as long as `patience_ms` says. Calls are therefore
 * repeated: every write that is made here is one that may come twice (create-only ids, versions). */
#ifndef GT_CLUSTER_CLUSTER_H
#define GT_CLUSTER_CLUSTER_H

#include "json/json.h"
#include "net/aws.h"
#include "net/net.h"
#include "query/dsl.h"

/* All of it must outlive the handles. */
typedef struct gt_cluster_options {
    const gt_net_env *env;
    const gt_str *urls; /* "https://host:9200" of nodes of one cluster, NUL-terminated, without path */
    size_t url_count;
    const char *user; /* basic authentication; NULL: none */
    const char *password;
    const char *api_key; /* as the server gave it out: "id:key" in base64; NULL: none */
    const char *ca_file; /* PEM bundle; NULL: the system's */
    gt_aws *aws;         /* sign requests (SigV4) with these credentials; NULL: no */
    const char *aws_service; /* "es" (the default) or "aoss" */
    int64_t patience_ms;     /* 0: GT_CLUSTER_PATIENCE_MS */
    int64_t timeout_ms;      /* of one exchange; 0: GT_HTTP_TIMEOUT_MS */
} gt_cluster_options;

typedef struct gt_cluster gt_cluster;

/* NULL without memory. */
gt_cluster *gt_cluster_new(const gt_cluster_options *options);
void gt_cluster_free(gt_cluster *cluster);

/* What kind of server answers: asked once. */
gt_status gt_cluster_server(gt_cluster *cluster, gt_dsl_server *ret) GT_MUST_CHECK;

/* One call. path begins with '/'. body may be empty; it is JSON, or NDJSON when it says so.
 * GT_OK        2xx: the answer's text is in *ret until the next call.
 * GT_NOTFOUND  404.   GT_END  409: something of that id or version is there.
 * GT_INVALID   refused: gt_cluster_message says why.
 * GT_RETRY     nobody answered, or all refused for now, until patience was over or env->stopped.
 * GT_IO        it cannot work (a certificate, a malformed URL).   GT_LIMIT, GT_NOMEM. */
gt_status gt_cluster_call(gt_cluster *cluster, const char *method, gt_str path, gt_str body,
                          bool ndjson, gt_str *ret) GT_MUST_CHECK;
/* As gt_cluster_call with a tree (NULL: no body); the answer is parsed into the arena. ret may be
 * NULL. */
gt_status gt_cluster_json(gt_cluster *cluster, gt_arena *arena, const char *method, gt_str path,
                          const gt_json *body, gt_json **ret) GT_MUST_CHECK;

/* Why the last call failed, with the server's words; the status of its answer (0: none). */
gt_str gt_cluster_message(const gt_cluster *cluster);
int gt_cluster_status(const gt_cluster *cluster);
/* How often calls were repeated, for counts. */
uint64_t gt_cluster_repeats(const gt_cluster *cluster);

const gt_cluster_options *gt_cluster_options_of(const gt_cluster *cluster);

/* "https://host:9200/index,other-*": the node's URL and the index pattern (may be empty). Copies live
 * in the arena, NUL-terminated. false when it is no such URL. */
bool gt_cluster_url_split(gt_arena *arena, gt_str text, gt_str *ret_node, gt_str *ret_index);

#endif
