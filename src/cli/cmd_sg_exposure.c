/* sg exposure — what was open to whom, from when to when, opened and closed by whom. */
#include "cli/sg.h"

typedef struct exposure_command {
    gt_sg_run run;
    bool internet_only, open_only;
    const gt_sg_attached *attached; /* of the group at hand, by the time they begin */
    size_t attached_count;
    gt_time_ms *latest_end; /* of the attachments up to each one */
} exposure_command;

static gt_time_ms span_end(const gt_sg_attached *s)
{
    return s->to ? s->to->time : GT_SG_END;
}

static gt_status index_attached(exposure_command *c)
{
    gt_time_ms latest = GT_SG_NO_TIME;
    c->latest_end = gt_arena_array(c->run.arena, gt_time_ms, c->attached_count + 1);
    if (!c->latest_end)
        return gt_arena_status(c->run.arena);
    for (size_t i = 0; i < c->attached_count; i++) {
        if (span_end(&c->attached[i]) > latest)
            latest = span_end(&c->attached[i]);
        c->latest_end[i] = latest;
    }
    return GT_OK;
}

/* The next attachment from i on that overlaps the window; the count when there is none. */
static size_t overlapping(const exposure_command *c, const gt_sg_window *w, size_t i)
{
    gt_time_ms from = w->opened ? w->opened->change->time : GT_SG_NO_TIME;
    gt_time_ms to = w->closed ? w->closed->change->time : GT_SG_END;
    size_t high = c->attached_count;
    if (i == 0)
        while (i < high) { /* none before has an end behind the window's beginning */
            size_t mid = (i + high) / 2;
            if (c->latest_end[mid] <= from)
                i = mid + 1;
            else
                high = mid;
        }
    for (; i < c->attached_count && c->attached[i].from->time < to; i++)
        if (span_end(&c->attached[i]) > from)
            return i;
    return c->attached_count;
}

/* Was the group on something during the window? A partial log may not show it. */
static const char *attached_text(const exposure_command *c, const gt_sg_timeline *t,
                                 const gt_sg_window *w)
{
    for (size_t i = overlapping(c, w, 0); i < c->attached_count; i = overlapping(c, w, i + 1))
        if (!gt_str_is(c->attached[i].kind, "vpc"))
            return "yes";
    return t->group.baseline == GT_SG_COMPLETE ? "no" : "unknown";
}

static gt_json *resources_json(const exposure_command *c, const gt_sg_window *w)
{
    gt_arena *a = c->run.arena;
    gt_json *list = gt_json_new_array(a);
    for (size_t i = overlapping(c, w, 0); i < c->attached_count; i = overlapping(c, w, i + 1)) {
        const gt_sg_attached *s = &c->attached[i];
        gt_json *o = gt_json_new_object(a);
        gt_json_add(o, GT_STR("resource"), gt_json_new_str(a, s->resource));
        gt_json_add(o, GT_STR("kind"), gt_json_new_str(a, s->kind));
        gt_json_add(o, GT_STR("from"), gt_sg_time_json(a, s->from->time));
        gt_json_add(o, GT_STR("to"), s->to ? gt_sg_time_json(a, s->to->time)
                                           : gt_json_new_null(a));
        gt_json_append(list, o);
    }
    return list;
}

static gt_json *step_time(gt_arena *a, const gt_sg_step *step)
{
    return step ? gt_sg_time_json(a, step->change->time) : gt_json_new_null(a);
}

static gt_status item_json(exposure_command *c, const gt_sg_timeline *t, const gt_sg_window *w,
                           const gt_sg_piece *piece)
{
    gt_arena *a = c->run.arena;
    gt_json *o = gt_json_new_object(a);
    gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, t->group.id));
    gt_json *p = gt_sg_piece_json(a, piece);
    for (gt_json *m = gt_json_first(p), *next; m; m = next) {
        next = m->next;
        gt_json_add(o, m->key, gt_json_copy(a, m, false));
    }
    gt_json_add(o, GT_STR("from"), step_time(a, w->opened));
    gt_json_add(o, GT_STR("to"), step_time(a, w->closed));
    gt_json_add(o, GT_STR("opened_by"), gt_sg_origin_json(a, w->opened));
    gt_json_add(o, GT_STR("closed_by"), gt_sg_origin_json(a, w->closed));
    gt_json_add(o, GT_STR("open"), gt_json_new_bool(a, !w->closed));
    gt_json_add(o, GT_STR("attached"), gt_json_new_str(a, gt_str_c(attached_text(c, t, w))));
    gt_json_add(o, GT_STR("resources"), resources_json(c, w));
    gt_json_add(o, GT_STR("known"), gt_json_new_bool(a, w->known));
    gt_json_add(o, GT_STR("baseline"),
                gt_json_new_str(a, gt_str_c(gt_sg_baseline_text(t->group.baseline))));
    GT_TRY(gt_arena_status(a));
    gt_sg_print_item(&c->run, o);
    return GT_OK;
}

static void put_when(gt_sg_run *r, const gt_sg_step *step, const char *otherwise)
{
    if (!step) {
        gt_buf_printf(&r->text, "%s", otherwise);
        return;
    }
    gt_str when = gt_sg_time_text(r->arena, step->change->time);
    gt_buf_printf(&r->text, "%.*s by ", GT_STR_ARG(when));
    gt_sg_put(r, gt_sg_actor_short(&step->change->actor));
}

/* A run of pieces of windows with one beginning and one end that differ in their prefix alone. */
static void put_window(exposure_command *c, const gt_sg_timeline *t, const gt_sg_window *w,
                       const gt_sg_piece *pieces, size_t count)
{
    gt_sg_run *r = &c->run;
    bool on = r->cli->colour_out && !w->closed && pieces->internet &&
              pieces->direction == GT_SG_INGRESS;
    gt_buf_printf(&r->text, "  %s%s", gt_cli_colour(on, GT_COLOUR_BOLD_RED),
                  w->closed ? "was open: " : "OPEN:     ");
    gt_sg_put_pieces(r, pieces, count);
    gt_buf_printf(&r->text, "%s\n            from ", gt_cli_colour(on, GT_COLOUR_OFF));
    put_when(r, w->opened, "before the log");
    gt_buf_lit(&r->text, "\n            until ");
    put_when(r, w->closed, w->known ? "now" : "now, if its rule is still there");
    gt_buf_printf(&r->text, "; attached: %s\n", attached_text(c, t, w));
}

static bool wanted(const exposure_command *c, const gt_sg_window *w, const gt_sg_piece *piece)
{
    return (!c->internet_only || piece->internet) && (!c->open_only || !w->closed);
}

/* Every window's pieces, wanted ones only; windows with one beginning and end together. */
static gt_status each_window(exposure_command *c, const gt_sg_timeline *t,
                             const gt_sg_window *windows, size_t count)
{
    for (size_t i = 0, next; i < count; i = next) {
        gt_sg_pieces all = {0};
        size_t kept = 0;
        for (next = i; next < count && windows[next].opened == windows[i].opened &&
                       windows[next].closed == windows[i].closed &&
                       windows[next].known == windows[i].known;
             next++)
            if (!gt_sg_pieces_of(c->run.arena, &windows[next].box, &all))
                return gt_arena_status(c->run.arena);
        for (size_t k = 0; k < all.count; k++)
            if (wanted(c, &windows[i], &all.items[k]))
                all.items[kept++] = all.items[k];
        for (size_t k = 0, end; k < kept; k = end) {
            end = k + gt_sg_pieces_alike(all.items + k, kept - k);
            if (c->run.format == GT_SG_TEXT)
                put_window(c, t, &windows[i], &all.items[k], end - k);
            for (size_t n = k; c->run.format != GT_SG_TEXT && n < end; n++)
                GT_TRY(item_json(c, t, &windows[i], &all.items[n]));
        }
    }
    return GT_OK;
}

/* Rules that open something that cannot be told as addresses. */
static gt_status unresolved(exposure_command *c, const gt_sg_timeline *t)
{
    gt_sg_run *r = &c->run;
    gt_arena *a = r->arena;
    for (size_t i = 0; i < t->version_count; i++) {
        const gt_sg_version *v = t->versions[i];
        if ((v->rule.peer == GT_SG_PEER_CIDR && v->rule.direction != GT_SG_DIRECTION_UNKNOWN) ||
            !v->rule.content_known || c->internet_only || (c->open_only && v->to))
            continue;
        if (r->format == GT_SG_TEXT) {
            gt_buf_add(&r->text, gt_str_c(v->to ? "  had rule: " : "  has rule: "));
            gt_sg_put(r, gt_sg_rule_text(a, &v->rule));
            gt_buf_lit(&r->text, "\n            from ");
            put_when(r, v->from, "before the log");
            gt_buf_lit(&r->text, "\n            until ");
            put_when(r, v->to, "now");
            gt_buf_lit(&r->text, "\n");
            continue;
        }
        gt_json *o = gt_json_new_object(a);
        gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, t->group.id));
        gt_json_add(o, GT_STR("rule"), gt_sg_version_json(a, t, v));
        gt_json_add(o, GT_STR("from"), step_time(a, v->from));
        gt_json_add(o, GT_STR("to"), step_time(a, v->to));
        gt_json_add(o, GT_STR("opened_by"), gt_sg_origin_json(a, v->from));
        gt_json_add(o, GT_STR("closed_by"), gt_sg_origin_json(a, v->to));
        gt_json_add(o, GT_STR("open"), gt_json_new_bool(a, !v->to));
        gt_json_add(o, GT_STR("known"),
                    gt_json_new_bool(a, v->rule.direction != GT_SG_DIRECTION_UNKNOWN &&
                                            v->rule.peer == GT_SG_PEER_GROUP));
        GT_TRY(gt_arena_status(a));
        gt_sg_print_item(r, o);
    }
    return GT_OK;
}

static void put_head(gt_sg_run *r, const gt_sg_timeline *t)
{
    gt_sg_put(r, t->group.id);
    if (t->group.name.len) {
        gt_buf_lit(&r->text, " (");
        gt_sg_put(r, t->group.name);
        gt_buf_lit(&r->text, ")");
    }
    gt_buf_printf(&r->text, ", baseline %s%s\n", gt_sg_baseline_text(t->group.baseline),
                  t->group.baseline == GT_SG_PARTIAL
                      ? ": more may be open than any record shows"
                      : "");
}

static gt_status on_group(void *context, const gt_sg_timeline *t)
{
    exposure_command *c = context;
    gt_sg_run *r = &c->run;
    gt_sg_window *windows;
    size_t count;
    c->attached = t->attached;
    c->attached_count = t->attached_count;
    GT_TRY(index_attached(c));
    GT_TRY(gt_sg_timeline_windows(r->history, r->arena, t, &windows, &count));
    if (r->format == GT_SG_TEXT)
        put_head(r, t);
    GT_TRY(each_window(c, t, windows, count));
    GT_TRY(unresolved(c, t));
    if (r->format == GT_SG_TEXT)
        gt_buf_lit(&r->text, "\n");
    return GT_OK;
}

int gt_cmd_sg_exposure(gt_cli *cli)
{
    exposure_command c = {.internet_only = gt_cli_flag(cli, GT_OPT_INTERNET),
                          .open_only = gt_cli_flag(cli, GT_OPT_OPEN)};
    int exit = gt_sg_run_open(cli, &c.run);
    if (!exit)
        exit = gt_sg_run_groups(&c.run, on_group, &c);
    if (!exit)
        exit = gt_sg_run_end(&c.run);
    gt_sg_run_done(&c.run);
    return exit;
}
