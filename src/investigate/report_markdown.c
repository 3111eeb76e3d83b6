#include "base/limits.h"
#include "investigate/investigate.h"
#include "investigate/words.h"

typedef struct markdown {
    gt_buf *out;
    gt_escape_fn *escape;
} markdown;

/* Text of the logs: no character of it makes markup. */
static void value(markdown *m, gt_str s)
{
    gt_buf plain = GT_BUF(16 * GT_MIB);
    m->escape(&plain, s);
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.data[i];
        if (c == '<')
            gt_buf_lit(m->out, "&lt;");
        else if (c == '&')
            gt_buf_lit(m->out, "&amp;");
        else {
            if (strchr("\\`*_{}[]()#+!|>~-", c))
                gt_buf_add_byte(m->out, '\\');
            gt_buf_add_byte(m->out, c);
        }
    }
    gt_buf_done(&plain);
}

static void field(markdown *m, const char *label, gt_str s)
{
    if (!s.len)
        return;
    gt_buf_printf(m->out, "| %s | ", label);
    value(m, s);
    gt_buf_lit(m->out, " |\n");
}

static void proofs(markdown *m, const gt_json *node)
{
    const gt_json *e = gt_json_first(gt_json_getl(node, "evidence"));
    for (const char *before = " — "; e; e = e->next, before = ", ") {
        gt_buf_add(m->out, gt_str_c(before));
        value(m, gt_json_str(e));
    }
}

static void head(markdown *m, const gt_json *report)
{
    const gt_json *e = gt_json_getl(report, "event");
    gt_buf_lit(m->out, "# Investigation: ");
    value(m, gt_json_path_str(e, "action"));
    gt_buf_lit(m->out, "\n\n| | |\n|---|---|\n");
    field(m, "event", gt_json_path_str(e, "id"));
    field(m, "time", gt_json_path_str(e, "time"));
    field(m, "actor", gt_json_path_str(e, "arn"));
    field(m, "access key", gt_json_path_str(e, "access_key_id"));
    field(m, "address", gt_json_path_str(e, "address"));
    field(m, "user agent", gt_json_path_str(e, "user_agent"));
    field(m, "account", gt_json_path_str(e, "account"));
    field(m, "region", gt_json_path_str(e, "region"));
    field(m, "error", gt_json_path_str(e, "error_code"));
    for (const gt_json *g = gt_json_first(gt_json_getl(e, "groups")); g; g = g->next)
        field(m, "group", gt_json_str(g));
    for (const gt_json *a = gt_json_first(gt_json_getl(report, "alerts")); a; a = a->next)
        field(m, gt_words_alert(a), gt_json_path_str(a, "rule"));
    const gt_json *fields = gt_json_getl(report, "investigation_fields");
    if (gt_json_first(fields))
        gt_buf_lit(m->out, "\n## Investigation fields\n\n");
    for (const gt_json *f = gt_json_first(fields); f; f = f->next) {
        gt_buf json = GT_BUF(4 * GT_MIB);
        gt_json_write(&json, f);
        gt_buf_lit(m->out, "- ");
        value(m, f->key);
        gt_buf_lit(m->out, ": ");
        value(m, gt_buf_str(&json));
        gt_buf_add_byte(m->out, '\n');
        gt_buf_done(&json);
    }
}

static void verdict(markdown *m, const gt_json *report)
{
    const gt_json *v = gt_json_getl(report, "verdict");
    gt_buf_printf(m->out, "\n## Verdict: %.*s (%.*s)\n\n| weight | reason |\n|---:|---|\n",
                  GT_STR_ARG(gt_json_path_str(v, "verdict")),
                  GT_STR_ARG(gt_json_text(gt_json_getl(v, "score"))));
    for (const gt_json *r = gt_json_first(gt_json_getl(v, "reasons")); r; r = r->next) {
        gt_buf_printf(m->out, "| %.*s | ", GT_STR_ARG(gt_json_text(gt_json_getl(r, "weight"))));
        value(m, gt_json_path_str(r, "text"));
        proofs(m, r);
        gt_buf_lit(m->out, " |\n");
    }
    gt_buf_lit(m->out, "\n");
    value(m, gt_json_path_str(v, "scale"));
    gt_buf_lit(m->out, "\n");
}

static void steps(markdown *m, const gt_json *array, const char *key, const char *marks)
{
    for (const gt_json *s = gt_json_first(array); s; s = s->next) {
        gt_buf_printf(m->out, "\n%s %.*s: ", marks, GT_STR_ARG(gt_json_path_str(s, key)));
        value(m, gt_json_path_str(s, "question"));
        gt_buf_printf(m->out, "\n\nStatus: %.*s\n\n", GT_STR_ARG(gt_json_path_str(s, "status")));
        for (const gt_json *f = gt_json_first(gt_json_getl(s, "facts")); f; f = f->next) {
            gt_str status = gt_json_path_str(f, "status");
            gt_buf_add(m->out, gt_str_is(status, "found")     ? GT_STR("- ")
                               : gt_str_is(status, "nothing") ? GT_STR("- *nothing:* ")
                                                              : GT_STR("- *no data:* "));
            value(m, gt_json_path_str(f, "text"));
            proofs(m, f);
            gt_buf_add_byte(m->out, '\n');
        }
    }
}

static void timeline(markdown *m, const gt_json *report)
{
    gt_buf_lit(m->out, "\n## Timeline\n\n| time | kind | what | event |\n|---|---|---|---|\n");
    for (const gt_json *l = gt_json_first(gt_json_getl(report, "timeline")); l; l = l->next) {
        const char *const keys[] = {"time", "kind", "text", "event_id"};
        gt_buf_lit(m->out, "|");
        for (size_t i = 0; i < 4; i++) {
            gt_buf_lit(m->out, " ");
            value(m, gt_json_path_str(l, keys[i]));
            gt_buf_lit(m->out, " |");
        }
        gt_buf_lit(m->out, "\n");
    }
}

void gt_investigate_markdown(const gt_json *report, gt_escape_fn *escape, gt_buf *out)
{
    markdown m = {out, escape};
    head(&m, report);
    verdict(&m, report);
    gt_buf_lit(out, "\n## Steps\n");
    steps(&m, gt_json_getl(report, "steps"), "step", "###");
    gt_buf_lit(out, "\n## False positive?\n");
    steps(&m, gt_json_getl(report, "false_positive"), "check", "###");
    timeline(&m, report);
    const gt_json *plans = gt_json_getl(report, "response");
    if (gt_json_first(plans))
        gt_buf_lit(out, "\n## Response\n\n");
    for (const gt_json *p = gt_json_first(plans); p; p = p->next) {
        gt_buf_lit(out, "- ");
        value(&m, gt_json_path_str(p, "command"));
        gt_buf_lit(out, ": ");
        value(&m, gt_json_path_str(p, "why"));
        gt_buf_lit(out, "\n");
    }
}
