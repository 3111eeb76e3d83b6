/* One HTML file without scripts, fonts or images from elsewhere: fit to be attached to a ticket. */
#include "base/limits.h"
#include "base/timeutil.h"
#include "investigate/html.h"
#include "investigate/words.h"

static const char STYLE[] =
    ":root{--ink:#1c2430;--dim:#667085;--line:#d9dee7;--paper:#fff;--soft:#f5f7fa;--red:#b42318;"
    "--amber:#b54708;--green:#067647;--blue:#175cd3;--violet:#6941c6}"
    "@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#98a2b3;--line:#344054;"
    "--paper:#10151f;--soft:#1a2230;--red:#f97066;--amber:#fdb022;--green:#47cd89;--blue:#84adff;"
    "--violet:#a48afb}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:68rem;margin:0 auto;padding:2rem 1.25rem}"
    "h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.25rem 0 .75rem;"
    "border-bottom:1px solid var(--line);padding-bottom:.25rem}h3{font-size:1rem;margin:1.25rem 0 .25rem}"
    "code,.id{font:.85em ui-monospace,monospace;color:var(--dim);overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:1rem 0}"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}"
    ".badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;color:#fff;font-weight:600;"
    "font-size:.85rem;background:var(--dim)}.harmful{background:#b42318}.suspicious{background:#b54708}"
    ".expected{background:#067647}"
    "ul{padding-left:1.1rem;margin:.25rem 0}li{margin:.2rem 0;overflow-wrap:anywhere}"
    ".nothing,.no_data{color:var(--dim)}"
    ".tag{font-size:.75rem;border:1px solid var(--line);border-radius:.25rem;padding:0 .35rem;"
    "margin-right:.35rem;color:var(--dim)}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{text-align:left;"
    "vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.mine td{background:var(--soft);font-weight:600}.wide{overflow-x:auto}"
    "svg{max-width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}"
    "svg .dim{fill:var(--dim)}"
    "@media print{main{max-width:none}h2{break-after:avoid}}";

void gt_html_value(gt_html *h, gt_str s)
{
    gt_buf plain = GT_BUF(16 * GT_MIB);
    h->escape(&plain, s);
    for (size_t i = 0; i < plain.len; i++) {
        switch (plain.data[i]) {
        case '<':
            gt_buf_lit(h->out, "&lt;");
            break;
        case '>':
            gt_buf_lit(h->out, "&gt;");
            break;
        case '&':
            gt_buf_lit(h->out, "&amp;");
            break;
        case '"':
            gt_buf_lit(h->out, "&quot;");
            break;
        case '\'':
            gt_buf_lit(h->out, "&#39;");
            break;
        default:
            gt_buf_add_byte(h->out, plain.data[i]);
        }
    }
    gt_buf_done(&plain);
}

static void field(gt_html *h, const char *label, gt_str s)
{
    if (!s.len)
        return;
    gt_buf_printf(h->out, "<dt>%s</dt><dd>", label);
    gt_html_value(h, s);
    gt_buf_lit(h->out, "</dd>\n");
}

static void proofs(gt_html *h, const gt_json *node)
{
    const gt_json *e = gt_json_first(gt_json_getl(node, "evidence"));
    for (; e; e = e->next) {
        gt_buf_lit(h->out, " <span class=\"id\">");
        gt_html_value(h, gt_json_str(e));
        gt_buf_lit(h->out, "</span>");
    }
}

static void head(gt_html *h, const gt_json *report)
{
    const gt_json *e = gt_json_getl(report, "event");
    gt_str verdict = gt_json_path_str(report, "verdict.verdict");
    gt_buf_lit(h->out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                       "style-src 'unsafe-inline'\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>");
    gt_html_value(h, gt_json_path_str(e, "action"));
    gt_buf_lit(h->out, " ");
    gt_html_value(h, gt_json_path_str(e, "id"));
    gt_buf_printf(h->out, "</title>\n<style>%s</style></head>\n<body><main>\n<h1>", STYLE);
    gt_html_value(h, gt_json_path_str(e, "action"));
    gt_buf_printf(h->out, " <span id=\"verdict\" class=\"badge %.*s\">%.*s</span></h1>\n",
                  GT_STR_ARG(verdict), GT_STR_ARG(verdict));
    gt_buf_lit(h->out, "<dl id=\"event\">\n");
    field(h, "event", gt_json_path_str(e, "id"));
    field(h, "time", gt_json_path_str(e, "time"));
    field(h, "actor", gt_json_path_str(e, "arn").len ? gt_json_path_str(e, "arn")
                                                     : gt_json_path_str(e, "actor"));
    field(h, "access key", gt_json_path_str(e, "access_key_id"));
    field(h, "address", gt_json_path_str(e, "address"));
    field(h, "user agent", gt_json_path_str(e, "user_agent"));
    field(h, "account", gt_json_path_str(e, "account"));
    field(h, "region", gt_json_path_str(e, "region"));
    field(h, "error", gt_json_path_str(e, "error_code"));
    for (const gt_json *g = gt_json_first(gt_json_getl(e, "groups")); g; g = g->next)
        field(h, "group", gt_json_str(g));
    for (const gt_json *a = gt_json_first(gt_json_getl(report, "alerts")); a; a = a->next)
        field(h, gt_words_alert(a), gt_json_path_str(a, "rule"));
    gt_buf_lit(h->out, "</dl>\n");
}

static void fields(gt_html *h, const gt_json *report)
{
    const gt_json *list = gt_json_getl(report, "investigation_fields");
    if (!gt_json_first(list))
        return;
    gt_buf_lit(h->out, "<h2>Investigation fields</h2>\n<table id=\"fields\">\n");
    for (const gt_json *f = gt_json_first(list); f; f = f->next) {
        gt_buf json = GT_BUF(4 * GT_MIB);
        gt_json_write(&json, f);
        gt_buf_lit(h->out, "<tr><td><code>");
        gt_html_value(h, f->key);
        gt_buf_lit(h->out, "</code></td><td>");
        gt_html_value(h, gt_buf_str(&json));
        gt_buf_lit(h->out, "</td></tr>\n");
        gt_buf_done(&json);
    }
    gt_buf_lit(h->out, "</table>\n");
}

static void verdict(gt_html *h, const gt_json *report)
{
    const gt_json *v = gt_json_getl(report, "verdict");
    gt_buf_printf(h->out, "<h2>Verdict: %.*s, %.*s points</h2>\n<p class=\"nothing\">",
                  GT_STR_ARG(gt_json_path_str(v, "verdict")),
                  GT_STR_ARG(gt_json_text(gt_json_getl(v, "score"))));
    gt_html_value(h, gt_json_path_str(v, "scale"));
    gt_buf_lit(h->out, "</p>\n<table id=\"reasons\">\n");
    for (const gt_json *r = gt_json_first(gt_json_getl(v, "reasons")); r; r = r->next) {
        int64_t weight = 0;
        (void)gt_json_i64(gt_json_getl(r, "weight"), &weight);
        gt_buf_printf(h->out, "<tr><td class=\"n\" style=\"color:var(--%s)\">%+d</td><td>",
                      weight > 0 ? "red" : "green", (int)weight);
        gt_html_value(h, gt_json_path_str(r, "text"));
        proofs(h, r);
        gt_buf_lit(h->out, "</td></tr>\n");
    }
    gt_buf_lit(h->out, "</table>\n");
}

static void steps(gt_html *h, const gt_json *array, const char *key)
{
    for (const gt_json *s = gt_json_first(array); s; s = s->next) {
        gt_str status = gt_json_path_str(s, "status"), name = gt_json_path_str(s, key);
        gt_buf_printf(h->out, "<section id=\"%.*s\"><h3>", GT_STR_ARG(name));
        gt_html_value(h, gt_json_path_str(s, "question"));
        gt_buf_printf(h->out, " <span class=\"tag\">%.*s</span><span class=\"tag\">%.*s</span></h3>\n"
                              "<ul>\n", GT_STR_ARG(name),
                      GT_STR_ARG(gt_str_is(status, "no_data") ? GT_STR("no data") : status));
        for (const gt_json *f = gt_json_first(gt_json_getl(s, "facts")); f; f = f->next) {
            gt_buf_printf(h->out, "<li class=\"%.*s\">", GT_STR_ARG(gt_json_path_str(f, "status")));
            if (gt_str_is(gt_json_path_str(f, "status"), "no_data"))
                gt_buf_lit(h->out, "<span class=\"tag\">no data</span>");
            gt_html_value(h, gt_json_path_str(f, "text"));
            proofs(h, f);
            gt_buf_lit(h->out, "</li>\n");
        }
        gt_buf_lit(h->out, "</ul></section>\n");
    }
}

static void timeline_table(gt_html *h, const gt_json *report)
{
    gt_str own = gt_json_path_str(report, "event.id");
    gt_buf_lit(h->out, "<div class=\"wide\"><table id=\"timeline\"><tr><th>time</th><th>kind</th>"
                       "<th>what</th><th>event</th></tr>\n");
    for (const gt_json *l = gt_json_first(gt_json_getl(report, "timeline")); l; l = l->next) {
        bool mine = gt_str_eq(gt_json_path_str(l, "event_id"), own);
        gt_buf_add(h->out, mine ? GT_STR("<tr class=\"mine\">") : GT_STR("<tr>"));
        gt_buf_lit(h->out, "<td class=\"n\">");
        gt_html_value(h, gt_json_path_str(l, "time"));
        gt_buf_lit(h->out, "</td><td>");
        gt_html_value(h, gt_json_path_str(l, "kind"));
        gt_buf_lit(h->out, "</td><td>");
        gt_html_value(h, gt_json_path_str(l, "text"));
        gt_buf_lit(h->out, "</td><td><span class=\"id\">");
        gt_html_value(h, gt_json_path_str(l, "event_id"));
        gt_buf_lit(h->out, "</span></td></tr>\n");
    }
    gt_buf_lit(h->out, "</table></div>\n");
}

static void response(gt_html *h, const gt_json *report)
{
    const gt_json *plans = gt_json_getl(report, "response");
    if (!gt_json_first(plans))
        return;
    gt_buf_lit(h->out, "<h2>Response</h2>\n<ul id=\"response\">\n");
    for (const gt_json *p = gt_json_first(plans); p; p = p->next) {
        gt_buf_lit(h->out, "<li><code>");
        gt_html_value(h, gt_json_path_str(p, "command"));
        gt_buf_lit(h->out, "</code><br>");
        gt_html_value(h, gt_json_path_str(p, "why"));
        gt_buf_lit(h->out, "</li>\n");
    }
    gt_buf_lit(h->out, "</ul>\n");
}

void gt_investigate_html(const gt_json *report, gt_escape_fn *escape, gt_buf *out)
{
    gt_html h = {out, escape};
    head(&h, report);
    fields(&h, report);
    verdict(&h, report);
    gt_html_picture(&h, report);
    gt_buf_lit(out, "<h2>Steps</h2>\n");
    steps(&h, gt_json_getl(report, "steps"), "step");
    gt_buf_lit(out, "<h2>False positive?</h2>\n");
    steps(&h, gt_json_getl(report, "false_positive"), "check");
    gt_buf_lit(out, "<h2>Timeline</h2>\n");
    gt_html_timeline(&h, report);
    timeline_table(&h, report);
    response(&h, report);
    gt_buf_lit(out, "</main></body></html>\n");
}
