/* Slack's incoming webhooks: one message tells of up to ten alerts. */
#include "base/limits.h"
#include "base/timeutil.h"
#include "sink/webhook/post.h"
#include "store/alerts.h"

/* Slack's three special characters; the text comes from logs. */
static void add_escaped(gt_buf *out, gt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '&')
            gt_buf_lit(out, "&amp;");
        else if (c == '<')
            gt_buf_lit(out, "&lt;");
        else if (c == '>')
            gt_buf_lit(out, "&gt;");
        else
            gt_buf_add_byte(out, c == '`' || c == '*' || c == '_' || c == '~' ? ' ' : c);
    }
}

static void add_field(gt_buf *out, const char *label, gt_str value)
{
    if (!value.len)
        return;
    gt_buf_printf(out, "\n%s: `", label);
    add_escaped(out, gt_str_head(value, 300));
    gt_buf_lit(out, "`");
}

static gt_str scalar_at(const gt_json *document, const char *path)
{
    const gt_json *node = gt_json_path(document, path);
    if (gt_json_is(node, GT_JSON_ARRAY))
        node = gt_json_first(node);
    gt_str text = gt_json_text(node);
    return text.ptr ? text : GT_STR("");
}

/* One alert as Slack's mrkdwn. */
static void add_alert(gt_buf *out, gt_arena *batch, const gt_sink_row *row)
{
    static const char *const marks[] = {
        ":large_blue_circle:", ":large_yellow_circle:", ":large_orange_circle:", ":red_circle:"};
    char time[GT_TIME_TEXT_MAX];
    gt_json *document = NULL;
    if (gt_json_parse(batch, row->text, &document, NULL) != GT_OK)
        document = NULL;
    gt_buf_printf(out, "%s *", marks[row->severity >= 0 && row->severity < 4 ? row->severity : 0]);
    add_escaped(out, row->rule_name);
    gt_buf_printf(out, "* (%s)", gt_alert_severity_name(row->severity));
    add_field(out, "Call", scalar_at(document, "event.action"));
    add_field(out, "By", scalar_at(document, "aws.cloudtrail.user_identity.arn"));
    add_field(out, "From", scalar_at(document, "source.address"));
    add_field(out, "Account", scalar_at(document, "cloud.account.id"));
    add_field(out, "Region", scalar_at(document, "cloud.region"));
    add_field(out, "At", gt_time_format_short(row->event, time));
    add_field(out, "Alert", row->id);
}

static void send_message(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    static const gt_http_header json = {{"Content-Type", 12}, {"application/json", 16}};
    gt_buf text = GT_BUF(4 * GT_MIB), body = GT_BUF(8 * GT_MIB);
    for (size_t i = 0; i < count; i++) {
        gt_buf_add(&text, i ? GT_STR("\n\n") : GT_STR(""));
        add_alert(&text, batch, items[i].row);
    }
    gt_buf_lit(&body, "{\"text\":");
    gt_json_write_str(&body, gt_buf_str(&text));
    gt_buf_lit(&body, ",\"unfurl_links\":false}");
    if (gt_buf_status(&text) == GT_OK && gt_buf_status(&body) == GT_OK)
        sink_post(sink, batch, &json, 1, gt_buf_str(&body), items, count);
    gt_buf_done(&text);
    gt_buf_done(&body);
}

static void slack_send(gt_sink *sink, gt_arena *batch, gt_sink_item *items, size_t count)
{
    send_message(sink, batch, items, count);
    if (count == 1 || items[0].answer != GT_SINK_ERROR)
        return;
    for (size_t i = 0; i < count; i++) /* one of them is refused: which? */
        send_message(sink, batch, &items[i], 1);
}

const gt_sink_ops gt_sink_slack = {"slack", 10, sink_post_open, slack_send, sink_post_close};
