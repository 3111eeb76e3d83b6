#include "base/timeutil.h"
#include "investigate/html.h"

/* --- before and after ------------------------------------------------------------------------------- */

enum { ROW = 26, PANEL = 500, TOP = 44, ROWS_MAX = 24 };

static bool same_rule(const gt_json *a, const gt_json *b)
{
    return gt_str_eq(gt_json_path_str(a, "words"), gt_json_path_str(b, "words"));
}

static bool among(const gt_json *rules, const gt_json *rule)
{
    for (const gt_json *r = gt_json_first(rules); r; r = r->next)
        if (same_rule(r, rule))
            return true;
    return false;
}

static bool to_everybody(const gt_json *rule)
{
    gt_str v4 = gt_json_path_str(rule, "CidrIpv4"), v6 = gt_json_path_str(rule, "CidrIpv6");
    return gt_str_ends(v4, GT_STR("/0")) || gt_str_ends(v6, GT_STR("/0"));
}

static void row(gt_html *h, int x, int y, const gt_json *rule, bool changed, bool gone)
{
    const char *colour = to_everybody(rule) ? "var(--red)" : "var(--blue)";
    bool egress = false;
    const gt_json *is_egress = gt_json_getl(rule, "IsEgress");
    if (gt_json_is(is_egress, GT_JSON_BOOL))
        egress = is_egress->boolean;
    int from = egress ? x + 392 : x + 372, to = egress ? x + 372 : x + 392;
    gt_buf_printf(h->out, "<text x=\"%d\" y=\"%d\"%s%s>", x + 8, y + 4,
                  changed ? " font-weight=\"700\"" : "",
                  gone ? " text-decoration=\"line-through\"" : "");
    gt_str words = gt_json_path_str(rule, "words");
    gt_html_value(h, gt_str_head(words, 62));
    if (words.len > 62)
        gt_buf_lit(h->out, "…");
    gt_buf_printf(h->out, "</text><line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" "
                  "stroke-width=\"%d\"%s marker-end=\"url(#tip)\"/>\n", from, y, to, y, colour,
                  changed ? 3 : 1, gone ? " stroke-dasharray=\"4 3\"" : "");
}

static size_t panel(gt_html *h, int x, const char *title, const gt_json *rules, const gt_json *others,
                    bool gone, gt_str group)
{
    size_t n = rules ? rules->count : 0, shown = n < ROWS_MAX ? n : ROWS_MAX, i = 0;
    gt_buf_printf(h->out, "<text x=\"%d\" y=\"22\" font-weight=\"700\">%s</text>\n", x + 8, title);
    for (const gt_json *r = gt_json_first(rules); r && i < shown; r = r->next, i++) {
        bool changed = !among(others, r);
        row(h, x, TOP + (int)i * ROW, r, changed, changed && gone);
    }
    if (!n)
        gt_buf_printf(h->out, "<text class=\"dim\" x=\"%d\" y=\"%d\">no rule known</text>\n", x + 8,
                      TOP + 4);
    if (n > shown)
        gt_buf_printf(h->out, "<text class=\"dim\" x=\"%d\" y=\"%d\">and %zu more rules</text>\n",
                      x + 8, TOP + (int)shown * ROW + 4, n - shown);
    int height = (int)(shown ? shown : 1) * ROW;
    gt_buf_printf(h->out, "<rect x=\"%d\" y=\"%d\" width=\"86\" height=\"%d\" rx=\"6\" "
                  "fill=\"var(--soft)\" stroke=\"var(--line)\"/><text x=\"%d\" y=\"%d\" "
                  "text-anchor=\"middle\" font-size=\"10\">", x + 402, TOP - 16, height, x + 445,
                  TOP - 16 + height / 2 + 4);
    gt_html_value(h, gt_str_head(group, 13));
    gt_buf_add(h->out, group.len > 13 ? GT_STR("…</text>\n") : GT_STR("</text>\n"));
    return shown + (n > shown);
}

static const gt_json *change_step(const gt_json *report)
{
    return gt_json_first(gt_json_getl(report, "steps"));
}

void gt_html_picture(gt_html *h, const gt_json *report)
{
    const gt_json *step = change_step(report);
    const gt_json *before = gt_json_getl(step, "before"), *after = gt_json_getl(step, "after");
    if (!before && !after)
        return;
    gt_str group = gt_json_str(gt_json_first(gt_json_path(report, "event.groups")));
    size_t rows = before && before->count > 1 ? before->count : 1;
    if (after && after->count > rows)
        rows = after->count;
    if (rows > ROWS_MAX)
        rows = ROWS_MAX + 1;
    gt_buf_printf(h->out, "<h2>Before and after</h2>\n<div class=\"wide\"><svg id=\"picture\" "
                  "role=\"img\" aria-label=\"rules of the group before and after\" "
                  "viewBox=\"0 0 %d %d\" width=\"%d\">\n<defs><marker id=\"tip\" viewBox=\"0 0 6 6\" "
                  "refX=\"5\" refY=\"3\" markerWidth=\"5\" markerHeight=\"5\" orient=\"auto\">"
                  "<path d=\"M0 0L6 3L0 6z\" fill=\"context-stroke\"/></marker></defs>\n",
                  2 * PANEL, TOP + (int)rows * ROW, 2 * PANEL);
    (void)panel(h, 0, "before", before, after, true, group);
    (void)panel(h, PANEL, "after", after, before, false, group);
    gt_buf_lit(h->out, "</svg></div>\n");
}

/* --- timeline ------------------------------------------------------------------------------------------ */

static const struct lane {
    const char *kind;
    const char *colour;
} LANES[] = {
    {"event", "var(--red)"},      {"change", "var(--blue)"},    {"chain", "var(--violet)"},
    {"iam", "var(--amber)"},      {"foothold", "var(--amber)"}, {"network", "var(--green)"},
    {"logging", "var(--red)"},    {"deployment", "var(--green)"},
};
#define LANE_COUNT (sizeof LANES / sizeof *LANES)

static size_t lane_of(gt_str kind)
{
    for (size_t i = 0; i < LANE_COUNT; i++)
        if (gt_str_eq(kind, gt_str_c(LANES[i].kind)))
            return i;
    return 1;
}

void gt_html_timeline(gt_html *h, const gt_json *report)
{
    enum { LEFT = 90, WIDTH = 880, LANE = 22, HEAD = 24 };
    const gt_json *lines = gt_json_getl(report, "timeline");
    gt_time_ms first = INT64_MAX, last = INT64_MIN, t;
    for (const gt_json *l = gt_json_first(lines); l; l = l->next)
        if (gt_time_parse(gt_json_path_str(l, "time"), &t)) {
            first = t < first ? t : first;
            last = t > last ? t : last;
        }
    if (first > last)
        return;
    double span = last > first ? (double)(last - first) : 1;
    gt_buf_printf(h->out, "<div class=\"wide\"><svg id=\"timeline-drawing\" role=\"img\" "
                  "aria-label=\"timeline\" viewBox=\"0 0 1000 %d\" width=\"1000\">\n",
                  HEAD + LANE * (int)LANE_COUNT + 8);
    char text[GT_TIME_TEXT_MAX];
    gt_str words = gt_time_format_short(first, text);
    gt_buf_printf(h->out, "<text class=\"dim\" x=\"%d\" y=\"14\">%.*s</text>", LEFT, GT_STR_ARG(words));
    words = gt_time_format_short(last, text);
    gt_buf_printf(h->out, "<text class=\"dim\" x=\"%d\" y=\"14\" text-anchor=\"end\">%.*s</text>\n",
                  LEFT + WIDTH, GT_STR_ARG(words));
    for (size_t i = 0; i < LANE_COUNT; i++) {
        int y = HEAD + (int)i * LANE + LANE / 2;
        gt_buf_printf(h->out, "<text class=\"dim\" x=\"4\" y=\"%d\">%s</text><line x1=\"%d\" y1=\"%d\" "
                      "x2=\"%d\" y2=\"%d\" stroke=\"var(--line)\"/>\n", y + 4, LANES[i].kind, LEFT, y,
                      LEFT + WIDTH, y);
    }
    for (const gt_json *l = gt_json_first(lines); l; l = l->next) {
        if (!gt_time_parse(gt_json_path_str(l, "time"), &t))
            continue;
        size_t lane = lane_of(gt_json_path_str(l, "kind"));
        gt_buf_printf(h->out, "<circle cx=\"%.1f\" cy=\"%d\" r=\"%d\" fill=\"%s\"><title>",
                      LEFT + WIDTH * ((double)(t - first) / span),
                      HEAD + (int)lane * LANE + LANE / 2, lane == 0 ? 7 : 5, LANES[lane].colour);
        gt_html_value(h, gt_json_path_str(l, "time"));
        gt_buf_lit(h->out, " ");
        gt_html_value(h, gt_json_path_str(l, "text"));
        gt_buf_lit(h->out, "</title></circle>\n");
    }
    gt_buf_lit(h->out, "</svg></div>\n");
}
