#include "cli/cluster.h"

#include "base/file.h"
#include "base/limits.h"
#include "watch/host.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

bool gt_cli_is_cluster_url(gt_str text)
{
    return gt_str_starts(text, GT_STR("http://")) || gt_str_starts(text, GT_STR("https://"));
}

/* "https://a:9200,https://b:9200/index": the nodes of one cluster, the index behind the last. */
static int read_urls(gt_cli *cli, gt_str urls, gt_cli_cluster *c)
{
    gt_str *nodes = gt_arena_array(cli->arena, gt_str, urls.len / 8 + 1), rest = urls;
    size_t count = 0;
    if (!nodes)
        return gt_cli_failed(cli, GT_NOMEM, "the cluster's address");
    while (rest.len) {
        size_t plain = gt_str_find(rest, GT_STR(",http://"));
        size_t tls = gt_str_find(rest, GT_STR(",https://"));
        size_t end = plain < tls ? plain : tls;
        gt_str one = gt_str_head(rest, end), index;
        if (!gt_cluster_url_split(cli->arena, one, &nodes[count], &index))
            return gt_cli_usage(cli, "'%.*s' is no URL of a cluster: https://HOST:PORT/INDEX",
                                GT_STR_ARG(one));
        if (index.len && c->index.len && !gt_str_eq(index, c->index))
            return gt_cli_usage(cli, "the URLs of one cluster's nodes name different indices");
        c->index = index.len ? index : c->index;
        count++;
        rest = end == GT_NPOS ? GT_STR_NULL : gt_str_from(rest, end + 1);
    }
    if (!count)
        return gt_cli_usage(cli, "the URL of the cluster is empty");
    c->options.urls = nodes;
    c->options.url_count = count;
    return GT_EXIT_OK;
}

static int read_secrets(gt_cli *cli, gt_cli_cluster *c)
{
    c->options.user = gt_cli_path(cli, GT_OPT_CLUSTER_USER);
    c->options.password = c->env.getenv(c->env.ctx, "GATETRAIL_PASSWORD");
    c->options.api_key = c->env.getenv(c->env.ctx, "GATETRAIL_API_KEY");
    c->options.ca_file = gt_cli_path(cli, GT_OPT_CA_FILE);
    if (c->options.user && !c->options.password)
        return gt_cli_usage(cli, "--user needs the password in GATETRAIL_PASSWORD");
    if (!gt_cli_has(cli, GT_OPT_SIGN_AWS))
        return GT_EXIT_OK;
    gt_buf message = GT_BUF(4096);
    gt_aws_options aws = {.env = &c->env, .ca_file = c->options.ca_file};
    gt_status status = gt_aws_open(&aws, &c->aws, &message);
    if (status != GT_OK)
        gt_cli_error(cli, "AWS configuration: %.*s", GT_STR_ARG(gt_buf_str(&message)));
    gt_buf_done(&message);
    c->options.aws = c->aws;
    c->options.aws_service = gt_cli_choice(cli, GT_OPT_SIGN_AWS, 0) == 0 ? "es" : "aoss";
    return status == GT_OK ? GT_EXIT_OK : GT_EXIT_USAGE;
}

int gt_cli_cluster_open(gt_cli *cli, gt_str urls, gt_cli_cluster *ret)
{
    struct sigaction action = {.sa_handler = on_signal};
    *ret = (gt_cli_cluster){.env = gt_host_env(&stop)};
    ret->options.env = &ret->env;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    ret->options.patience_ms = gt_cli_number(cli, GT_OPT_PATIENCE, 0);
    int exit = read_urls(cli, urls, ret);
    return exit ? exit : read_secrets(cli, ret);
}

void gt_cli_cluster_done(gt_cli_cluster *cluster)
{
    gt_aws_close(cluster->aws);
}

int gt_cli_cluster_failed(gt_cli *cli, gt_status status, const gt_cluster *cluster, const char *what)
{
    gt_str message = cluster ? gt_cluster_message(cluster) : GT_STR_NULL;
    gt_buf text = GT_BUF(8192);
    gt_cli_escape(&text, message.len ? message : gt_str_c(gt_status_text(status)));
    gt_cli_error(cli, "%s: %.*s", what, GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
    return status == GT_INVALID || status == GT_NOTFOUND ? GT_EXIT_USAGE : GT_EXIT_INPUT;
}
