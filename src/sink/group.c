#include "base/limits.h"
#include "base/nearest.h"
#include "sink/sink_internal.h"

static const gt_sink_ops *const types[] = {
#define SINK(type) &gt_sink_##type,
#include "sink/sinks.def"
#undef SINK
};

void gt_sink_answer_all(gt_sink_item *items, size_t count, gt_sink_answer answer, gt_str reason)
{
    for (size_t i = 0; i < count; i++) {
        items[i].answer = answer;
        items[i].reason = reason;
    }
}

gt_sink_answer gt_sink_answer_http(int status)
{
    if (status >= 200 && status < 300)
        return GT_SINK_OK;
    return status == 400 || status == 413 || status == 415 || status == 422 ? GT_SINK_ERROR
                                                                            : GT_SINK_RETRY;
}

/* --- routing ---------------------------------------------------------------------------------- */

static bool names_rule(gt_str word, const gt_sink_alert *alert)
{
    gt_str base = alert->file;
    size_t slash = gt_str_rfind_byte(base, '/'), colon = gt_str_find_byte(base, ':');
    if (slash != GT_NPOS)
        base = gt_str_from(base, slash + 1);
    else if (colon != GT_NPOS) /* "builtin:NAME.toml" */
        base = gt_str_from(base, colon + 1);
    gt_str stem = gt_str_ends(base, GT_STR(".toml")) ? gt_str_head(base, base.len - 5) : base;
    return gt_str_eq(word, alert->rule_id) || gt_str_eq_nocase(word, alert->rule_name) ||
           (base.len && (gt_str_eq(word, base) || gt_str_eq(word, stem)));
}

static bool list_names(const gt_config_value *list, const gt_sink_alert *alert)
{
    for (size_t i = 0; i < list->count; i++)
        if (names_rule(list->items[i], alert))
            return true;
    return false;
}

static bool list_has(const gt_config_value *list, gt_str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (gt_str_eq(list->items[i], name))
            return true;
    return false;
}

/* The sinks that [[rule]] names for this rule; NULL: any. */
static const gt_config_value *own_sinks(const gt_config *config, const gt_sink_alert *alert)
{
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(config, GT_CONFIG_RULE, s)))
        if (names_rule(gt_config_str(s, GT_CONFIG_RULE_RULE), alert) &&
            gt_config_has(s, GT_CONFIG_RULE_SINKS))
            return gt_config_value_of(s, GT_CONFIG_RULE_SINKS);
    return NULL;
}

static bool wants(const sink_worker *w, const gt_config_value *own, const gt_sink_alert *alert)
{
    const gt_config_section *section = w->sink.section;
    const gt_config_value *rules = gt_config_value_of(section, GT_CONFIG_SINK_RULES);
    if (own && !list_has(own, w->name))
        return false;
    if (alert->severity < gt_config_number(section, GT_CONFIG_SINK_MIN_SEVERITY))
        return false;
    return !rules->has || list_names(rules, alert);
}

gt_status gt_sink_group_queue(gt_sink_group *group, gt_store *store, const gt_sink_alert *alert)
{
    const gt_config_value *own = own_sinks(group->options.config, alert);
    for (size_t i = 0; i < group->count; i++)
        if (wants(&group->workers[i], own, alert))
            GT_TRY(gt_sinks_put(store, group->workers[i].name, alert->seq, alert->now));
    return GT_OK;
}

void gt_sink_group_wake(gt_sink_group *group)
{
    pthread_mutex_lock(&group->lock);
    for (size_t i = 0; i < group->count; i++) {
        group->workers[i].woken = true;
        group->workers[i].idle = false;
    }
    pthread_cond_broadcast(&group->changed);
    pthread_mutex_unlock(&group->lock);
}

/* --- life ------------------------------------------------------------------------------------- */

static const gt_sink_ops *find_type(gt_str type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (gt_str_eq(type, gt_str_c(types[i]->type)))
            return types[i];
    return NULL;
}

static gt_status init_worker(gt_sink_group *group, const gt_config_section *section)
{
    sink_worker *w = &group->workers[group->count];
    const gt_sink_ops *ops = find_type(section->type);
    gt_assert(ops); /* config.def has the same types */
    int64_t batch = gt_config_number(section, GT_CONFIG_SINK_BATCH);
    *w = (sink_worker){.group = group, .name = section->name, .idle = false};
    w->env = sink_worker_env(w);
    w->sink = (gt_sink){
        .ops = ops, .section = section, .config = group->options.config, .env = &w->env};
    w->batch_items = ops->batch_max && (int64_t)ops->batch_max < batch ? ops->batch_max
                                                                       : (size_t)batch;
    w->health = (gt_sink_health){.name = section->name, .type = section->type};
    w->batch = gt_arena_new(GT_SINK_ARENA_MAX);
    if (!w->batch)
        return GT_NOMEM;
    group->count++;
    return GT_OK;
}

static void free_group(gt_sink_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        sink_worker *w = &group->workers[i];
        w->sink.ops->close(&w->sink);
        gt_store_close(w->sink.store);
        gt_arena_free(w->batch);
    }
    pthread_mutex_destroy(&group->lock);
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->say_lock);
    gt_arena_free(group->arena); /* the group lives in it */
}

static gt_sink_group *new_group(const gt_sink_group_options *options)
{
    size_t count = 0;
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(options->config, GT_CONFIG_SINK, s)))
        count++;
    gt_arena *arena = gt_arena_new(GT_SINK_ARENA_MAX);
    gt_sink_group *group = arena ? gt_arena_new_of(arena, gt_sink_group) : NULL;
    sink_worker *workers = group ? gt_arena_array(arena, sink_worker, count + 1) : NULL;
    if (!workers) {
        gt_arena_free(arena);
        return NULL;
    }
    group->options = *options;
    group->arena = arena;
    group->workers = workers;
    pthread_mutex_init(&group->lock, NULL);
    pthread_cond_init(&group->changed, NULL);
    pthread_mutex_init(&group->say_lock, NULL);
    return group;
}

gt_status gt_sink_group_start(const gt_sink_group_options *options, gt_sink_group **ret,
                              gt_buf *reterr_message)
{
    gt_sink_group *group = new_group(options);
    const gt_config_section *s = NULL;
    gt_status status = group ? GT_OK : GT_NOMEM;
    while (status == GT_OK && (s = gt_config_next(options->config, GT_CONFIG_SINK, s)))
        status = init_worker(group, s);
    for (size_t i = 0; status == GT_OK && i < group->count; i++) {
        sink_worker *w = &group->workers[i];
        w->started = pthread_create(&w->thread, NULL, sink_worker_main, w) == 0;
        status = w->started ? GT_OK : GT_NOMEM;
    }
    if (status != GT_OK) {
        gt_buf_printf(reterr_message, "the sinks cannot be started: %s", gt_status_text(status));
        gt_sink_group_stop(group, 0);
        return status;
    }
    *ret = group;
    return GT_OK;
}

void gt_sink_group_stop(gt_sink_group *group, int64_t drain_ms)
{
    if (!group)
        return;
    pthread_mutex_lock(&group->lock);
    group->stopping = true;
    group->stop_at = group->options.env->now(group->options.env->ctx) + drain_ms;
    pthread_cond_broadcast(&group->changed);
    pthread_mutex_unlock(&group->lock);
    for (size_t i = 0; i < group->count; i++)
        if (group->workers[i].started)
            pthread_join(group->workers[i].thread, NULL);
    free_group(group);
}

/* --- seen from outside ------------------------------------------------------------------------ */

bool gt_sink_group_is_idle(gt_sink_group *group)
{
    bool idle = true;
    pthread_mutex_lock(&group->lock);
    for (size_t i = 0; i < group->count; i++)
        idle = idle && group->workers[i].idle && !group->workers[i].woken;
    pthread_mutex_unlock(&group->lock);
    return idle;
}

size_t gt_sink_group_count(const gt_sink_group *group)
{
    return group->count;
}

gt_sink_health gt_sink_group_health(gt_sink_group *group, size_t index)
{
    pthread_mutex_lock(&group->lock);
    gt_sink_health health = group->workers[index].health;
    pthread_mutex_unlock(&group->lock);
    return health;
}
