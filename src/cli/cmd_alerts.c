/* alerts list, alerts show, alerts export. What changes alerts is in cmd_alerts_change.c. */
#include "base/limits.h"
#include "cli/alerts.h"
#include "cli/render.h"

enum { TEXT, NDJSON, CSV };

typedef struct listing {
    gt_cli *cli;
    unsigned format;
    bool count_only;
    int64_t count;
} listing;

static gt_str field(const gt_alert *alert, const char *name)
{
    gt_str s = gt_document_text(alert->document, gt_str_c(name));
    return s.ptr ? s : GT_STR("");
}

/* --- list ------------------------------------------------------------------------------------------------ */

static void add_time(gt_buf *out, gt_time_ms t)
{
    char text[GT_TIME_TEXT_MAX];
    gt_str whole = gt_time_format_short(t, text);
    text[10] = ' ';
    gt_buf_add(out, gt_str_head(whole, 19));
}

static void add_part(gt_buf *out, const char *before, gt_str value)
{
    if (!value.len)
        return;
    gt_buf_add(out, gt_str_c(before));
    gt_cli_escape(out, value);
}

static void list_text(listing *l, const gt_alert *a, gt_buf *out)
{
    bool colour = l->cli->colour_out;
    gt_str severity = gt_str_c(gt_alert_severity_name(a->severity));
    gt_buf_printf(out, "%.12s  %s%-8.*s%s  %-12s  ", a->id.ptr,
                  gt_cli_colour(colour, gt_render_severity_colour(severity)), GT_STR_ARG(severity),
                  gt_cli_colour(colour, GT_COLOUR_OFF), gt_alert_status_name(a->status));
    add_time(out, a->event);
    gt_buf_lit(out, "  ");
    gt_cli_escape(out, a->rule_name);
    if (a->folded)
        gt_buf_printf(out, " (+%lld)", (long long)a->folded);
    add_part(out, ": ", field(a, "event.action"));
    add_part(out, " by ", field(a, "user.name"));
    add_part(out, " from ", field(a, "source.address"));
    add_part(out, " in ", field(a, "cloud.account.id"));
    add_part(out, " ", field(a, "cloud.region"));
    add_part(out, ", assigned to ", a->assignee);
    gt_buf_lit(out, "\n");
}

/* A cell that a spreadsheet would take for a formula begins with an apostrophe. */
static void add_cell(gt_buf *out, gt_str s, const char *end)
{
    gt_buf_add_byte(out, '"');
    if (s.len && memchr("=+-@\t\r", s.ptr[0], 6))
        gt_buf_add_byte(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            gt_buf_add_byte(out, '"');
        gt_buf_add_byte(out, s.ptr[i]);
    }
    gt_buf_printf(out, "\"%s", end);
}

#define CSV_HEAD                                                                                   \
    "id,time,severity,status,rule_id,rule,action,user,source,account,region,assignee,suppressed\n"

static void list_csv(const gt_alert *a, gt_buf *out)
{
    char time[GT_TIME_TEXT_MAX];
    gt_buf_printf(out, "%.*s,%.*s,%s,%s,", GT_STR_ARG(a->id),
                  GT_STR_ARG(gt_time_format(a->event, time)), gt_alert_severity_name(a->severity),
                  gt_alert_status_name(a->status));
    add_cell(out, a->rule_id, ",");
    add_cell(out, a->rule_name, ",");
    add_cell(out, field(a, "event.action"), ",");
    add_cell(out, field(a, "user.name"), ",");
    add_cell(out, field(a, "source.address"), ",");
    add_cell(out, field(a, "cloud.account.id"), ",");
    add_cell(out, field(a, "cloud.region"), ",");
    add_cell(out, a->assignee, ",");
    gt_buf_printf(out, "%lld\n", (long long)a->folded);
}

static gt_status list_one(void *ctx, const gt_alert *alert)
{
    listing *l = ctx;
    gt_buf line = GT_BUF(GT_ALERT_BYTES_MAX);
    l->count++;
    if (l->count_only)
        return GT_OK;
    if (l->format == TEXT)
        list_text(l, alert, &line);
    else if (l->format == CSV)
        list_csv(alert, &line);
    else {
        gt_json_write(&line, alert->document);
        gt_buf_lit(&line, "\n");
    }
    gt_cli_print(l->cli, gt_buf_str(&line));
    gt_buf_done(&line);
    return l->cli->out_failed ? GT_END : GT_OK;
}

static int list_all(listing *l, gt_cli_alert_set *set)
{
    int64_t counts[3];
    if (l->format == CSV && !l->count_only)
        gt_cli_printf(l->cli, CSV_HEAD);
    gt_status status = gt_cli_alert_set_each(set, list_one, l);
    if (status == GT_OK)
        status = gt_alerts_count(set->store, counts);
    if (status != GT_OK)
        return gt_cli_store_failed(l->cli, set->store, status);
    if (l->count_only)
        gt_cli_printf(l->cli, "%lld\n", (long long)l->count);
    gt_cli_note(l->cli, "%lld shown; in all %lld open, %lld acknowledged, %lld closed",
                (long long)l->count, (long long)counts[0], (long long)counts[1],
                (long long)counts[2]);
    return GT_EXIT_OK;
}

int gt_cmd_alerts_list(gt_cli *cli)
{
    gt_store *store = NULL;
    gt_cli_alert_set set = {0};
    listing l = {.cli = cli,
                 .format = gt_cli_choice(cli, GT_OPT_FORMAT, cli->tty_out ? TEXT : NDJSON),
                 .count_only = gt_cli_flag(cli, GT_OPT_COUNT_ONLY)};
    int status = gt_cli_store_open(cli, false, &store);
    if (status == GT_EXIT_OK)
        status = gt_cli_alert_set_open(cli, store, cli->arg_count ? cli->args[0] : GT_STR_NULL,
                                       &set);
    if (status == GT_EXIT_OK)
        status = list_all(&l, &set);
    gt_cli_alert_set_close(&set);
    gt_store_close(store);
    return status;
}

/* --- export ------------------------------------------------------------------------------------------------ */

static gt_status export_entry(void *ctx, const gt_alert_entry *e)
{
    listing *l = ctx;
    char time[GT_TIME_TEXT_MAX];
    gt_buf line = GT_BUF(GT_MIB);
    const struct {
        const char *key;
        gt_str value;
    } parts[] = {{"{\"at\":", gt_time_format(e->at, time)},
                 {",\"alert\":", e->alert},
                 {",\"by\":", e->who},
                 {",\"action\":", e->action},
                 {",\"before\":", e->before},
                 {",\"after\":", e->after},
                 {",\"note\":", e->note}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        gt_buf_add(&line, gt_str_c(parts[i].key));
        gt_json_write_str(&line, parts[i].value);
    }
    gt_buf_lit(&line, "}\n");
    gt_cli_print(l->cli, gt_buf_str(&line));
    gt_buf_done(&line);
    l->count++;
    return l->cli->out_failed ? GT_END : GT_OK;
}

int gt_cmd_alerts_export(gt_cli *cli)
{
    gt_store *store = NULL;
    gt_cli_alert_set set = {0};
    listing l = {.cli = cli, .format = NDJSON};
    int status = gt_cli_store_open(cli, false, &store);
    if (status == GT_EXIT_OK)
        status = gt_cli_alert_set_open(cli, store, cli->arg_count ? cli->args[0] : GT_STR_NULL,
                                       &set);
    if (status == GT_EXIT_OK) {
        set.filter.oldest_first = true;
        bool audit = gt_cli_flag(cli, GT_OPT_AUDIT);
        gt_status done = audit ? gt_alerts_audit(store, GT_STR(""), export_entry, &l)
                               : gt_cli_alert_set_each(&set, list_one, &l);
        if (done != GT_OK)
            status = gt_cli_store_failed(cli, store, done);
        else
            gt_cli_note(cli, "%lld exported", (long long)l.count);
    }
    gt_cli_alert_set_close(&set);
    gt_store_close(store);
    return status;
}

/* --- show ---------------------------------------------------------------------------------------------------- */

static void show_line(gt_cli *cli, const char *label, gt_str value)
{
    if (!value.len)
        return;
    gt_buf text = GT_BUF(GT_MIB);
    gt_cli_escape(&text, value);
    gt_cli_printf(cli, "%s%-14s%s %.*s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_DIM), label,
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF), GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
}

static gt_status show_entry(void *ctx, const gt_alert_entry *e)
{
    gt_cli *cli = ctx;
    char time[GT_TIME_TEXT_MAX];
    gt_buf text = GT_BUF(GT_MIB);
    gt_time_format_short(e->at, time);
    gt_buf_printf(&text, "  %.19s  ", time);
    gt_cli_escape(&text, e->who);
    gt_buf_printf(&text, "  %.*s", GT_STR_ARG(e->action));
    add_part(&text, " ", e->before.len || e->after.len ? e->before : GT_STR(""));
    if (e->before.len || e->after.len)
        add_part(&text, " -> ", e->after.len ? e->after : GT_STR("nobody"));
    add_part(&text, ": ", e->note);
    gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&text)));
    gt_buf_done(&text);
    return GT_OK;
}

static gt_str time_text(gt_cli *cli, gt_time_ms t)
{
    char text[GT_TIME_TEXT_MAX];
    return gt_arena_dup(cli->arena, gt_time_format(t, text));
}

static void show_state(gt_cli *cli, const gt_alert *a)
{
    gt_str status = gt_str_c(gt_alert_status_name(a->status));
    if (a->reason.len)
        status = gt_arena_printf(cli->arena, "%.*s: %.*s", GT_STR_ARG(status),
                                 GT_STR_ARG(a->reason));
    show_line(cli, "alert", a->id);
    show_line(cli, "rule", a->rule_name);
    show_line(cli, "rule_id", a->rule_id);
    show_line(cli, "severity",
              gt_arena_printf(cli->arena, "%s, risk score %lld",
                              gt_alert_severity_name(a->severity), (long long)a->risk));
    show_line(cli, "status", status);
    show_line(cli, "assigned to", a->assignee);
    show_line(cli, "event at", time_text(cli, a->event));
    show_line(cli, "raised at", time_text(cli, a->created));
    show_line(cli, "from source", a->source);
    if (a->folded)
        show_line(cli, "suppressed",
                  gt_arena_printf(cli->arena, "%lld more events", (long long)a->folded));
}

static void show_event(gt_cli *cli, const gt_alert *a)
{
    static const char *const fields[][2] = {
        {"reason", "kibana.alert.reason"},
        {"event", "event.id"},
        {"call", "event.action"},
        {"service", "event.provider"},
        {"outcome", "event.outcome"},
        {"actor", "aws.cloudtrail.user_identity.arn"},
        {"access key", "aws.cloudtrail.user_identity.access_key_id"},
        {"address", "source.address"},
        {"agent", "user_agent.original"},
        {"account", "cloud.account.id"},
        {"region", "cloud.region"},
        {"request", "aws.cloudtrail.request_parameters"},
        {"response", "aws.cloudtrail.response_elements"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        show_line(cli, fields[i][0], field(a, fields[i][1]));
}

static int show(gt_cli *cli, gt_store *store, const gt_alert *alert)
{
    if (gt_cli_choice(cli, GT_OPT_FORMAT_SHOW, 0) == 1) {
        gt_buf text = GT_BUF(GT_ALERT_BYTES_MAX);
        gt_json_write_pretty(&text, alert->document);
        gt_cli_print(cli, gt_buf_str(&text));
        gt_cli_printf(cli, "\n");
        gt_buf_done(&text);
        return GT_EXIT_OK;
    }
    show_state(cli, alert);
    gt_cli_printf(cli, "\n");
    show_event(cli, alert);
    gt_cli_printf(cli, "\n%sWhat was done%s\n", gt_cli_colour(cli->colour_out, GT_COLOUR_BOLD),
                  gt_cli_colour(cli->colour_out, GT_COLOUR_OFF));
    gt_status status = gt_alerts_audit(store, alert->id, show_entry, cli);
    return status == GT_OK ? GT_EXIT_OK : gt_cli_store_failed(cli, store, status);
}

int gt_cmd_alerts_show(gt_cli *cli)
{
    gt_store *store = NULL;
    gt_alert alert;
    int status = gt_cli_store_open(cli, false, &store);
    if (status == GT_EXIT_OK) {
        gt_status found = gt_alerts_get(store, cli->arena, cli->args[0], &alert);
        if (found == GT_OK) {
            status = show(cli, store, &alert);
        } else if (found == GT_NOTFOUND || found == GT_INVALID) {
            gt_cli_error(
                cli, found == GT_NOTFOUND ? "no alert '%.*s'" : "several alerts begin with '%.*s'",
                GT_STR_ARG(cli->args[0]));
            status = GT_EXIT_USAGE;
        } else {
            status = gt_cli_store_failed(cli, store, found);
        }
    }
    gt_store_close(store);
    return status;
}
