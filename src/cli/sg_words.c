/* sg_words.c — actors, rules and times as JSON and as text. */
#include "cli/sg.h"

gt_str gt_sg_time_text(gt_arena *arena, gt_time_ms time)
{
    char text[GT_TIME_TEXT_MAX];
    if (time == GT_SG_NO_TIME)
        return GT_STR("time unknown");
    return gt_arena_dup(arena, gt_time_format_short(time, text));
}

gt_json *gt_sg_time_json(gt_arena *arena, gt_time_ms time)
{
    if (time == GT_SG_NO_TIME)
        return gt_json_new_null(arena);
    return gt_json_new_str(arena, gt_sg_time_text(arena, time));
}

static gt_json *text_or_null(gt_arena *arena, gt_str s)
{
    return s.len ? gt_json_new_str(arena, s) : gt_json_new_null(arena);
}

static void add_actor(gt_arena *arena, gt_json *o, const gt_sg_actor *actor)
{
    gt_str class = gt_str_c(gt_sg_actor_class_text(actor->class));
    gt_json_add(o, GT_STR("arn"), text_or_null(arena, actor->arn));
    gt_json_add(o, GT_STR("class"), gt_json_new_str(arena, class));
    gt_json_add(o, GT_STR("tool"), text_or_null(arena, actor->tool));
    gt_json_add(o, GT_STR("source_ip"), text_or_null(arena, actor->address));
    if (actor->invoked_by.len)
        gt_json_add(o, GT_STR("invoked_by"), gt_json_new_str(arena, actor->invoked_by));
}

gt_json *gt_sg_actor_json(gt_arena *arena, const gt_sg_actor *actor)
{
    gt_json *o = gt_json_new_object(arena);
    add_actor(arena, o, actor);
    return o;
}

gt_json *gt_sg_origin_json(gt_arena *arena, const gt_sg_step *step)
{
    if (!step)
        return gt_json_new_null(arena);
    gt_json *o = gt_json_new_object(arena);
    gt_json_add(o, GT_STR("event_id"), gt_json_new_str(arena, step->change->event_id));
    gt_json_add(o, GT_STR("time"), gt_sg_time_json(arena, step->change->time));
    gt_json_add(o, GT_STR("event_name"), gt_json_new_str(arena, step->change->event_name));
    add_actor(arena, o, &step->change->actor);
    return o;
}

gt_json *gt_sg_pieces_json(gt_arena *arena, const gt_sg_space *space)
{
    gt_json *list = gt_json_new_array(arena);
    gt_sg_pieces pieces = {0};
    for (size_t i = 0; i < space->count; i++)
        if (!gt_sg_pieces_of(arena, &space->items[i], &pieces))
            return NULL;
    for (size_t i = 0; i < pieces.count; i++)
        gt_json_append(list, gt_sg_piece_json(arena, &pieces.items[i]));
    return list;
}

gt_json *gt_sg_version_json(gt_arena *arena, const gt_sg_timeline *t, const gt_sg_version *v)
{
    return gt_sg_rule_json(arena, &v->rule, t->group.id, t->group.account);
}

size_t gt_sg_pieces_alike(const gt_sg_piece *pieces, size_t count)
{
    const gt_sg_piece *a = pieces;
    size_t n = 1;
    for (; n < count; n++) {
        const gt_sg_piece *b = &pieces[n];
        if (a->direction != b->direction || !gt_str_eq(a->protocol, b->protocol) ||
            a->from_port != b->from_port || a->to_port != b->to_port || a->internet != b->internet)
            break;
    }
    return n;
}

/* Prefixes shown as text; the JSON has all of them. */
#define PREFIXES_SHOWN 4

void gt_sg_put_pieces(gt_sg_run *r, const gt_sg_piece *pieces, size_t count)
{
    char cidr[GT_IP_TEXT_MAX];
    gt_sg_put(r, gt_sg_piece_text(r->arena, pieces));
    for (size_t i = 1; i < count && i < PREFIXES_SHOWN; i++)
        gt_buf_printf(&r->text, ", %s", gt_cidr_format(&pieces[i].cidr, cidr).ptr);
    if (count > PREFIXES_SHOWN)
        gt_buf_printf(&r->text, " and %zu more prefixes", count - PREFIXES_SHOWN);
}

const char *gt_sg_certainty(const gt_sg_version *v)
{
    if (v->doubt || v->refuted || !v->rule.content_known)
        return "maybe";
    return v->rule.direction == GT_SG_DIRECTION_UNKNOWN ? "direction unknown" : "certain";
}

bool gt_sg_is_fact(const gt_sg_version *v, gt_time_ms time)
{
    bool doubted = v->doubt && v->doubt->change->time <= time;
    return gt_sg_version_at(v, time) && v->rule.content_known && !doubted &&
           v->rule.direction != GT_SG_DIRECTION_UNKNOWN;
}

gt_str gt_sg_actor_short(const gt_sg_actor *actor)
{
    gt_str arn = actor->arn;
    if (arn.len == 0)
        return actor->invoked_by.len ? actor->invoked_by : GT_STR("?");
    size_t assumed = gt_str_find(arn, GT_STR(":assumed-role/"));
    if (assumed != GT_NPOS)
        return gt_str_from(arn, assumed + 14);
    size_t slash = gt_str_rfind_byte(arn, '/');
    if (slash == GT_NPOS)
        slash = gt_str_rfind_byte(arn, ':');
    return slash == GT_NPOS ? arn : gt_str_from(arn, slash + 1);
}

void gt_sg_put(gt_sg_run *r, gt_str s)
{
    gt_cli_escape(&r->text, s);
}

void gt_sg_flush_text(gt_sg_run *r)
{
    gt_cli_print(r->cli, gt_buf_str(&r->text));
    gt_buf_reset(&r->text);
}
