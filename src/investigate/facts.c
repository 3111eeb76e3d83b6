#include <stdarg.h>
#include <stdio.h>

#include "investigate/internal.h"

gt_status gt_strs_add(gt_arena *arena, gt_strs *strs, gt_str s)
{
    if (!s.len || gt_strs_has(strs, s))
        return GT_OK;
    if (strs->count == strs->cap) {
        size_t cap = strs->cap ? strs->cap * 2 : 8;
        gt_str *items = gt_arena_grow(arena, strs->items, strs->cap * sizeof *items,
                                      cap * sizeof *items);
        if (!items)
            return gt_arena_status(arena);
        strs->items = items;
        strs->cap = cap;
    }
    strs->items[strs->count++] = s;
    return GT_OK;
}

bool gt_strs_has(const gt_strs *strs, gt_str s)
{
    for (size_t i = 0; i < strs->count; i++)
        if (gt_str_eq(strs->items[i], s))
            return true;
    return false;
}

gt_json *gt_str_node(gt_inv *inv, gt_str s)
{
    return s.ptr ? gt_json_new_str(inv->arena, s) : gt_json_new_null(inv->arena);
}

gt_str gt_time_words(gt_inv *inv, gt_time_ms time)
{
    if (time == GT_EVENT_NO_TIME)
        return GT_STR("an unknown time");
    char text[GT_TIME_TEXT_MAX];
    return gt_arena_dup(inv->arena, gt_time_format_short(time, text));
}

gt_str gt_span_words(gt_inv *inv, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = ms / units[i].ms;
        if (n >= 2 || (n == 1 && (ms % units[i].ms == 0 || i == 3)))
            return gt_arena_printf(inv->arena, "%lld %s%s", (long long)n, units[i].name,
                                   n == 1 ? "" : "s");
    }
    return GT_STR("less than a second");
}

static gt_str vprint(gt_arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = n < 0 ? NULL : gt_arena_alloc(arena, (size_t)n + 1);
    if (!text)
        return GT_STR_NULL;
    (void)vsnprintf(text, (size_t)n + 1, fmt, args);
    return (gt_str){text, (size_t)n};
}

gt_step gt_step_begin(gt_inv *inv, gt_json *array, const char *key, const char *name,
                      const char *question)
{
    gt_step step = {.inv = inv};
    step.node = gt_json_new_object(inv->arena);
    step.facts = gt_json_new_array(inv->arena);
    step.evidence = gt_json_new_array(inv->arena);
    gt_json_set(step.node, gt_str_c(key), gt_json_new_str(inv->arena, gt_str_c(name)));
    gt_json_setl(step.node, "question", gt_json_new_str(inv->arena, gt_str_c(question)));
    gt_json_setl(step.node, "status", gt_json_new_null(inv->arena));
    gt_json_setl(step.node, "facts", step.facts);
    gt_json_setl(step.node, "evidence", step.evidence);
    gt_json_append(array, step.node);
    return step;
}

void gt_step_end(gt_step *step)
{
    const char *status = step->found ? "found" : step->nothing ? "nothing" : "no_data";
    gt_json_setl(step->node, "status", gt_json_new_str(step->inv->arena, gt_str_c(status)));
}

static gt_json *add_fact(gt_step *step, const char *word, const char *status, gt_str text)
{
    gt_arena *arena = step->inv->arena;
    gt_json *fact = gt_json_new_object(arena);
    gt_json_setl(fact, "fact", gt_json_new_str(arena, gt_str_c(word)));
    gt_json_setl(fact, "status", gt_json_new_str(arena, gt_str_c(status)));
    gt_json_setl(fact, "text", gt_json_new_str(arena, text.ptr ? text : GT_STR("")));
    gt_json_setl(fact, "evidence", gt_json_new_array(arena));
    gt_json_append(step->facts, fact);
    return fact;
}

gt_json *gt_fact(gt_step *step, const char *word, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    gt_str text = vprint(step->inv->arena, fmt, args);
    va_end(args);
    step->found = true;
    return add_fact(step, word, "found", text);
}

gt_json *gt_fact_nothing(gt_step *step, const char *word, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    gt_str text = vprint(step->inv->arena, fmt, args);
    va_end(args);
    step->nothing = true;
    return add_fact(step, word, "nothing", text);
}

gt_json *gt_fact_no_data(gt_step *step, const char *word, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    gt_str text = vprint(step->inv->arena, fmt, args);
    va_end(args);
    return add_fact(step, word, "no_data", text);
}

static bool holds(const gt_json *array, gt_str s)
{
    for (const gt_json *e = gt_json_first(array); e; e = e->next)
        if (gt_str_eq(gt_json_str(e), s))
            return true;
    return false;
}

void gt_fact_proof(gt_step *step, gt_json *fact, gt_str event_id)
{
    gt_arena *arena = step->inv->arena;
    gt_json *proofs = gt_json_getl(fact, "evidence");
    if (!event_id.len)
        return;
    if (!holds(proofs, event_id))
        gt_json_append(proofs, gt_json_new_str(arena, event_id));
    if (!holds(step->evidence, event_id))
        gt_json_append(step->evidence, gt_json_new_str(arena, event_id));
}

void gt_reason(gt_inv *inv, int weight, gt_str event_id, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    gt_str text = vprint(inv->arena, fmt, args);
    va_end(args);
    gt_json *reason = gt_json_new_object(inv->arena);
    gt_json *evidence = gt_json_new_array(inv->arena);
    gt_json_setl(reason, "weight", gt_json_new_i64(inv->arena, weight));
    gt_json_setl(reason, "text", gt_json_new_str(inv->arena, text.ptr ? text : GT_STR("")));
    if (event_id.len)
        gt_json_append(evidence, gt_json_new_str(inv->arena, event_id));
    gt_json_setl(reason, "evidence", evidence);
    gt_json_append(inv->reasons, reason);
    inv->score += weight;
    inv->weighed += weight != 0;
}

void gt_timeline_add(gt_inv *inv, const gt_event *event, const char *kind, const char *fmt, ...)
{
    for (const gt_json *e = gt_json_first(inv->timeline_events); e; e = e->next)
        if (gt_str_eq(gt_json_path_str(e, "event_id"), event->id))
            return;
    va_list args;
    va_start(args, fmt);
    gt_str text = vprint(inv->arena, fmt, args);
    va_end(args);
    gt_json *line = gt_json_new_object(inv->arena);
    gt_json_setl(line, "time", gt_json_new_str(inv->arena, gt_time_words(inv, event->time)));
    gt_json_setl(line, "event_id", gt_json_new_str(inv->arena, event->id));
    gt_json_setl(line, "kind", gt_json_new_str(inv->arena, gt_str_c(kind)));
    gt_json_setl(line, "actor", gt_str_node(inv, gt_event_actor(event)));
    gt_json_setl(line, "address", gt_str_node(inv, event->address));
    gt_json_setl(line, "action", gt_str_node(inv, event->name));
    gt_json_setl(line, "outcome",
                 gt_json_new_str(inv->arena, event->error.len ? GT_STR("failure")
                                                              : GT_STR("success")));
    gt_json_setl(line, "text", gt_json_new_str(inv->arena, text.ptr ? text : GT_STR("")));
    gt_json_append(inv->timeline_events, line);
}
