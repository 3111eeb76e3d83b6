#include "base/limits.h"
#include "investigate/investigate.h"
#include "investigate/words.h"

typedef struct text {
    gt_buf *out;
    gt_escape_fn *escape;
    bool colour;
} text;

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define OFF "\033[0m"

static void style(text *t, const char *sequence)
{
    if (t->colour)
        gt_buf_add(t->out, gt_str_c(sequence));
}

static void value(text *t, gt_str s)
{
    t->escape(t->out, s);
}

static void styled(text *t, const char *sequence, gt_str s)
{
    style(t, sequence);
    value(t, s);
    style(t, OFF);
}

static void labelled(text *t, const char *label, gt_str s)
{
    if (!s.len)
        return;
    gt_buf_printf(t->out, "  %-12s ", label);
    value(t, s);
    gt_buf_add_byte(t->out, '\n');
}

static const char *verdict_colour(gt_str verdict)
{
    if (gt_str_is(verdict, "harmful"))
        return RED;
    if (gt_str_is(verdict, "suspicious"))
        return YELLOW;
    return gt_str_is(verdict, "expected") ? GREEN : BOLD;
}

static void event_part(text *t, const gt_json *report)
{
    const gt_json *e = gt_json_getl(report, "event");
    styled(t, BOLD, gt_json_path_str(e, "action"));
    gt_buf_lit(t->out, "  ");
    value(t, gt_json_path_str(e, "id"));
    gt_buf_add_byte(t->out, '\n');
    labelled(t, "time", gt_json_path_str(e, "time"));
    labelled(t, "outcome", gt_json_path_str(e, "error_code").len ? gt_json_path_str(e, "error_code")
                                                                 : gt_json_path_str(e, "outcome"));
    labelled(t, "actor", gt_json_path_str(e, "arn").len ? gt_json_path_str(e, "arn")
                                                        : gt_json_path_str(e, "actor"));
    labelled(t, "address", gt_json_path_str(e, "address"));
    labelled(t, "account", gt_json_path_str(e, "account"));
    labelled(t, "region", gt_json_path_str(e, "region"));
    const gt_json *groups = gt_json_getl(e, "groups");
    for (const gt_json *g = gt_json_first(groups); g; g = g->next)
        labelled(t, "group", gt_json_str(g));
    const gt_json *alerts = gt_json_getl(report, "alerts");
    for (const gt_json *a = gt_json_first(alerts); a; a = a->next)
        labelled(t, gt_words_alert(a), gt_json_path_str(a, "rule"));
    const gt_json *fields = gt_json_getl(report, "investigation_fields");
    if (gt_json_first(fields))
        gt_buf_lit(t->out, "\n  investigation fields\n");
    for (const gt_json *f = gt_json_first(fields); f; f = f->next) {
        gt_buf json = GT_BUF(GT_MIB);
        gt_json_write(&json, f);
        gt_buf_lit(t->out, "    ");
        value(t, f->key);
        gt_buf_lit(t->out, ": ");
        value(t, gt_str_head(gt_buf_str(&json), 400));
        gt_buf_add(t->out, json.len > 400 ? GT_STR(" …\n") : GT_STR("\n"));
        gt_buf_done(&json);
    }
}

static void verdict_part(text *t, const gt_json *report)
{
    const gt_json *v = gt_json_getl(report, "verdict");
    gt_str word = gt_json_path_str(v, "verdict");
    gt_buf_lit(t->out, "\nverdict: ");
    styled(t, verdict_colour(word), word);
    gt_buf_printf(t->out, " (%.*s; %.*s)\n", GT_STR_ARG(gt_json_text(gt_json_getl(v, "score"))),
                  GT_STR_ARG(gt_json_path_str(v, "scale")));
    const gt_json *reasons = gt_json_getl(v, "reasons");
    for (const gt_json *r = gt_json_first(reasons); r; r = r->next) {
        int64_t weight = 0;
        (void)gt_json_i64(gt_json_getl(r, "weight"), &weight);
        gt_buf_printf(t->out, "  %+4d  ", (int)weight);
        value(t, gt_json_path_str(r, "text"));
        const gt_json *proof = gt_json_first(gt_json_getl(r, "evidence"));
        style(t, DIM);
        for (; proof; proof = proof->next) {
            gt_buf_lit(t->out, "  ");
            value(t, gt_json_str(proof));
        }
        style(t, OFF);
        gt_buf_add_byte(t->out, '\n');
    }
    if (!gt_json_first(reasons))
        gt_buf_lit(t->out, "  nothing speaks for or against it\n");
}

static void fact_line(text *t, const gt_json *fact)
{
    gt_str status = gt_json_path_str(fact, "status");
    bool found = gt_str_is(status, "found");
    gt_buf_add(t->out, found ? GT_STR("  * ") : gt_str_is(status, "nothing") ? GT_STR("  - ")
                                                                             : GT_STR("  ? "));
    if (!found)
        style(t, DIM);
    value(t, gt_json_path_str(fact, "text"));
    if (!found)
        style(t, OFF);
    const gt_json *proof = gt_json_first(gt_json_getl(fact, "evidence"));
    style(t, DIM);
    for (int i = 0; proof && i < 3; proof = proof->next, i++) {
        gt_buf_add(t->out, i ? GT_STR(" ") : GT_STR("  ["));
        value(t, gt_json_str(proof));
    }
    if (gt_json_first(gt_json_getl(fact, "evidence")))
        gt_buf_add(t->out, proof ? GT_STR(" …]") : GT_STR("]"));
    style(t, OFF);
    gt_buf_add_byte(t->out, '\n');
}

/* Facts of one kind beyond this many in a row are counted, not shown: JSON has them all. */
#define ROW_MAX 10

static void facts(text *t, const gt_json *list)
{
    size_t row = 0;
    for (const gt_json *f = gt_json_first(list), *before = NULL; f; before = f, f = f->next) {
        bool same = before && gt_str_eq(gt_json_path_str(f, "fact"), gt_json_path_str(before, "fact"));
        row = same ? row + 1 : 0;
        if (row < ROW_MAX)
            fact_line(t, f);
        bool last = !f->next || !gt_str_eq(gt_json_path_str(f->next, "fact"),
                                           gt_json_path_str(f, "fact"));
        if (last && row >= ROW_MAX)
            gt_buf_printf(t->out, "    … and %zu more of this kind: --format json has them\n",
                          row + 1 - ROW_MAX);
    }
}

static void steps_part(text *t, const gt_json *array, const char *key)
{
    for (const gt_json *s = gt_json_first(array); s; s = s->next) {
        gt_buf_add_byte(t->out, '\n');
        styled(t, BOLD, gt_json_path_str(s, key));
        gt_buf_lit(t->out, ": ");
        value(t, gt_json_path_str(s, "question"));
        gt_str status = gt_json_path_str(s, "status");
        gt_buf_printf(t->out, "  (%s)\n", gt_str_is(status, "found")     ? "found"
                                          : gt_str_is(status, "nothing") ? "nothing found"
                                                                         : "no data");
        facts(t, gt_json_getl(s, "facts"));
    }
}

static void timeline_line(text *t, const gt_json *l, bool mine)
{
    gt_buf_add(t->out, mine ? GT_STR("> ") : GT_STR("  "));
    value(t, gt_json_path_str(l, "time"));
    gt_buf_printf(t->out, "  %-10.*s  ", GT_STR_ARG(gt_json_path_str(l, "kind")));
    if (mine)
        style(t, BOLD);
    value(t, gt_json_path_str(l, "text"));
    if (mine)
        style(t, OFF);
    style(t, DIM);
    gt_buf_lit(t->out, "  [");
    value(t, gt_json_path_str(l, "event_id"));
    gt_buf_add_byte(t->out, ']');
    style(t, OFF);
    gt_buf_add_byte(t->out, '\n');
}

/* Lines shown before and after the event's own; the others are counted. */
#define LINES_AROUND 25

static void timeline_part(text *t, const gt_json *report)
{
    const gt_json *lines = gt_json_getl(report, "timeline");
    gt_str own = gt_json_path_str(report, "event.id");
    size_t at = 0, mine = 0, count = lines ? lines->count : 0;
    if (!count)
        return;
    gt_buf_add_byte(t->out, '\n');
    styled(t, BOLD, GT_STR("timeline"));
    gt_buf_add_byte(t->out, '\n');
    for (const gt_json *l = gt_json_first(lines); l; l = l->next, at++)
        if (gt_str_eq(gt_json_path_str(l, "event_id"), own))
            mine = at;
    size_t from = mine > LINES_AROUND ? mine - LINES_AROUND : 0;
    size_t to = mine + LINES_AROUND < count ? mine + LINES_AROUND + 1 : count;
    if (from)
        gt_buf_printf(t->out, "  … %zu lines before: --format json has them\n", from);
    at = 0;
    for (const gt_json *l = gt_json_first(lines); l; l = l->next, at++)
        if (at >= from && at < to)
            timeline_line(t, l, at == mine);
    if (to < count)
        gt_buf_printf(t->out, "  … %zu lines after: --format json has them\n", count - to);
}

static void response_part(text *t, const gt_json *report)
{
    const gt_json *plans = gt_json_getl(report, "response");
    if (!gt_json_first(plans))
        return;
    gt_buf_add_byte(t->out, '\n');
    styled(t, BOLD, GT_STR("response"));
    gt_buf_add_byte(t->out, '\n');
    for (const gt_json *p = gt_json_first(plans); p; p = p->next) {
        gt_buf_lit(t->out, "  ");
        value(t, gt_json_path_str(p, "command"));
        gt_buf_lit(t->out, "\n      ");
        value(t, gt_json_path_str(p, "why"));
        gt_buf_add_byte(t->out, '\n');
    }
}

void gt_investigate_text(const gt_json *report, bool colour, gt_escape_fn *escape, gt_buf *out)
{
    text t = {out, escape, colour};
    event_part(&t, report);
    verdict_part(&t, report);
    steps_part(&t, gt_json_getl(report, "steps"), "step");
    gt_buf_add_byte(out, '\n');
    styled(&t, BOLD, GT_STR("false positive?"));
    gt_buf_add_byte(out, '\n');
    steps_part(&t, gt_json_getl(report, "false_positive"), "check");
    timeline_part(&t, report);
    response_part(&t, report);
}
