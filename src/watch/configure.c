#include "watch/configure.h"

#include <stdio.h>

static const char CANARY_RULE[] =
    "[metadata]\ncreation_date = \"2026/11/25\"\nupdated_date = \"2026/11/25\"\n\n"
    "[rule]\nname = \"gatetrail canary\"\nrule_id = \"" GT_CANARY_RULE_ID "\"\n"
    "description = \"Fires on the event that gatetrail makes up to prove that alerts get through.\"\n"
    "author = [\"gatetrail\"]\nlicense = \"see gatetrail\"\nindex = [\"logs-aws.cloudtrail-*\"]\n"
    "tags = [\"Canary\"]\ntype = \"query\"\nlanguage = \"kuery\"\nseverity = \"low\"\nrisk_score = 1\n"
    "query = 'event.provider: \"canary.gatetrail\"'\n";

/* --- sources ------------------------------------------------------------------------------------- */

#define SOURCE(key) gt_config_str(source, GT_CONFIG_SOURCE_##key)

/* The source's own key, else [aws]'s. */
static const char *either(const gt_config *config, const gt_config_section *source,
                          gt_config_key_id own, gt_config_key_id common)
{
    gt_str s = source ? gt_config_str(source, own) : GT_STR_NULL;
    if (!s.len)
        s = gt_config_str(gt_config_get(config, GT_CONFIG_AWS), common);
    return s.len ? s.ptr : NULL;
}

gt_aws_options gt_aws_options_of(const gt_config *config, const gt_config_section *source,
                                 const gt_net_env *env)
{
#define EITHER(key) either(config, source, GT_CONFIG_SOURCE_##key, GT_CONFIG_AWS_##key)
    return (gt_aws_options){
        .env = env,
        .profile = EITHER(PROFILE),
        .region = EITHER(REGION),
        .endpoint_url = EITHER(ENDPOINT_URL),
        .ca_file = EITHER(CA_FILE),
        .role_arn = EITHER(ROLE_ARN),
        .external_id = EITHER(EXTERNAL_ID),
    };
#undef EITHER
}

static bool needs_aws(gt_str type)
{
    return gt_str_is(type, "s3") || gt_str_is(type, "sqs") || gt_str_is(type, "lookup");
}

static gt_status properties_of(gt_arena *arena, const gt_config_section *source, gt_feed_config *feed)
{
    const gt_config_value *v = gt_config_value_of(source, GT_CONFIG_SOURCE_PROPERTIES);
    gt_str *list = gt_arena_array(arena, gt_str, v->count + 1);
    for (size_t i = 0; list && i < v->count; i++)
        list[i] = gt_arena_printf(arena, "%.*s=%.*s", GT_STR_ARG(v->pairs[i].name),
                                  GT_STR_ARG(v->pairs[i].value));
    feed->properties = list;
    feed->property_count = v->count;
    return gt_arena_status(arena);
}

static gt_status source_of(gt_arena *arena, const gt_config *config, const gt_config_section *source,
                           const gt_net_env *env, gt_watch_plan *plan, gt_buf *out)
{
    size_t i = plan->source_count;
    gt_feed_config *feed = &plan->sources[i];
    *feed = (gt_feed_config){
        .name = source->name, .type = source->type, .path = SOURCE(PATH), .bucket = SOURCE(BUCKET),
        .prefix = SOURCE(PREFIX), .region = SOURCE(REGION), .queue_url = SOURCE(QUEUE_URL),
        .brokers = SOURCE(BROKERS), .topic = SOURCE(TOPIC), .group = SOURCE(GROUP),
        .poll_ms = gt_config_number(source, GT_CONFIG_SOURCE_POLL),
        .window_ms = gt_config_number(source, GT_CONFIG_SOURCE_WINDOW),
        .visibility_ms = gt_config_number(source, GT_CONFIG_SOURCE_VISIBILITY),
        .max_receives = (unsigned)gt_config_number(source, GT_CONFIG_SOURCE_MAX_RECEIVES),
        .verify_digests = gt_config_flag(source, GT_CONFIG_SOURCE_VERIFY_DIGESTS),
    };
    GT_TRY(properties_of(arena, source, feed));
    plan->source_count++;
    if (!needs_aws(source->type))
        return GT_OK;
    gt_aws_options options = gt_aws_options_of(config, source, env);
    gt_status status = gt_aws_open(&options, &plan->aws[i], out);
    feed->aws = plan->aws[i];
    return status;
}

static void add_canary(gt_watch_plan *plan, int64_t every_ms)
{
    plan->sources[plan->source_count++] =
        (gt_feed_config){.name = GT_STR("canary"), .type = GT_STR("canary"), .poll_ms = every_ms};
}

gt_status gt_watch_plan_make(gt_arena *arena, const gt_config *config, const gt_net_env *env,
                             gt_watch_plan *ret, gt_buf *out)
{
    size_t count = 0;
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(config, GT_CONFIG_SOURCE, s)))
        count++;
    *ret = (gt_watch_plan){.sources = gt_arena_array(arena, gt_feed_config, count + 2),
                           .aws = gt_arena_array(arena, gt_aws *, count + 2)};
    if (!ret->sources || !ret->aws)
        return gt_arena_status(arena);
    if (!count) {
        gt_buf_lit(out, "the configuration names no [[source]]");
        return GT_INVALID;
    }
    while ((s = gt_config_next(config, GT_CONFIG_SOURCE, s)))
        GT_TRY(source_of(arena, config, s, env, ret, out));
    int64_t canary =
        gt_config_number(gt_config_get(config, GT_CONFIG_WATCH), GT_CONFIG_WATCH_CANARY);
    if (canary > 0)
        add_canary(ret, canary);
    return GT_OK;
}

void gt_watch_plan_done(gt_watch_plan *plan)
{
    for (size_t i = 0; i < plan->source_count; i++)
        gt_aws_close(plan->aws[i]);
}

/* --- rules --------------------------------------------------------------------------------------- */

typedef struct choice {
    const gt_config *config;
    bool schedule; /* [watch] mode */
} choice;

static bool names_rule(gt_str name, const gt_rule *rule)
{
    gt_str file = rule->path;
    size_t slash = gt_str_rfind_byte(file, '/');
    file = slash == GT_NPOS ? file : gt_str_from(file, slash + 1);
    if (gt_str_starts(file, GT_STR("builtin:")))
        file = gt_str_from(file, 8);
    if (gt_str_ends(file, GT_STR(".toml")) && !gt_str_ends(name, GT_STR(".toml")))
        file.len -= 5;
    return gt_str_eq(name, rule->rule_id) || gt_str_eq_nocase(name, rule->name) ||
           gt_str_eq(name, file);
}

/* The last [[rule]] that speaks of the rule and has the key; NULL: none does. */
static const gt_config_value *setting(const choice *c, const gt_rule *rule, gt_config_key_id key)
{
    const gt_config_value *found = NULL;
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(c->config, GT_CONFIG_RULE, s))) {
        if (names_rule(gt_config_str(s, GT_CONFIG_RULE_RULE), rule) && gt_config_has(s, key))
            found = gt_config_value_of(s, key);
    }
    return found;
}

static bool is_selected(void *ctx, const gt_rule *rule)
{
    const gt_config_value *v = setting(ctx, rule, GT_CONFIG_RULE_ENABLED);
    return v ? v->number != 0 : rule->enabled;
}

static bool is_scheduled(void *ctx, const gt_rule *rule)
{
    const choice *c = ctx;
    const gt_config_value *v = setting(c, rule, GT_CONFIG_RULE_MODE);
    if (gt_str_is(rule->rule_id, GT_CANARY_RULE_ID))
        return false;
    return v ? gt_str_is(v->text, "schedule") : c->schedule;
}

static gt_status rules_of(const gt_config *config, gt_arena *arena, gt_rule_text *canary,
                          gt_rules_options *ret)
{
    const gt_config_section *rules = gt_config_get(config, GT_CONFIG_RULES), *s = NULL;
    const gt_config_value *paths = gt_config_value_of(rules, GT_CONFIG_RULES_PATHS);
    const gt_config_value *exceptions = gt_config_value_of(rules, GT_CONFIG_RULES_EXCEPTIONS);
    size_t count = 0;
    while ((s = gt_config_next(config, GT_CONFIG_VALUE_LIST, s)))
        count++;
    gt_value_list_path *lists = gt_arena_array(arena, gt_value_list_path, count + 1);
    if (!lists)
        return gt_arena_status(arena);
    count = 0;
    while ((s = gt_config_next(config, GT_CONFIG_VALUE_LIST, s)))
        lists[count++] = (gt_value_list_path){gt_config_str(s, GT_CONFIG_VALUE_LIST_ID),
                                              gt_config_str(s, GT_CONFIG_VALUE_LIST_PATH)};
    *ret = (gt_rules_options){.no_builtin = !gt_config_flag(rules, GT_CONFIG_RULES_BUILTIN),
                              .paths = paths->items, .path_count = paths->count,
                              .exception_paths = exceptions->items,
                              .exception_count = exceptions->count,
                              .value_lists = lists, .value_list_count = count};
    *canary = (gt_rule_text){GT_STR("canary.toml"), {CANARY_RULE, sizeof CANARY_RULE - 1}};
    bool wanted = gt_config_number(gt_config_get(config, GT_CONFIG_WATCH), GT_CONFIG_WATCH_CANARY) > 0;
    ret->texts = canary;
    ret->text_count = wanted ? 1 : 0;
    return GT_OK;
}

static gt_ecs_options mapping_of(const gt_config *config)
{
    static const gt_ecs_mapping releases[] = {GT_ECS_8_8, GT_ECS_9_0, GT_ECS_FILEBEAT};
    const gt_config_section *m = gt_config_get(config, GT_CONFIG_MAPPING);
    const gt_config_value *tags = gt_config_value_of(m, GT_CONFIG_MAPPING_TAGS);
    gt_str city = gt_config_str(m, GT_CONFIG_MAPPING_GEOIP_CITY);
    gt_str asn = gt_config_str(m, GT_CONFIG_MAPPING_GEOIP_ASN);
    return (gt_ecs_options){.mapping = releases[gt_config_number(m, GT_CONFIG_MAPPING_RELEASE)],
                            .tags = tags->items, .tag_count = tags->count,
                            .geoip_city = city.len ? city.ptr : NULL,
                            .geoip_asn = asn.len ? asn.ptr : NULL};
}

/* A [[rule]] about no rule is a mistake that would otherwise stay unseen. */
static gt_status check_names(const gt_config *config, const gt_rules *rules, gt_buf *out)
{
    gt_status status = GT_OK;
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(config, GT_CONFIG_RULE, s))) {
        gt_str name = gt_config_str(s, GT_CONFIG_RULE_RULE);
        const gt_rule *rule = gt_rules_find(rules, name);
        if (rule && (rule->state == GT_RULE_RUNS || !gt_config_flag(s, GT_CONFIG_RULE_ENABLED)))
            continue;
        gt_line_col at = gt_diag_locate(config->diags.text, s->span.begin);
        gt_buf_printf(out, "%.*s:%zu:%zu: error: %s '%.*s'%s%s\n", GT_STR_ARG(config->path), at.line,
                      at.col, rule ? "rule" : "no rule", GT_STR_ARG(name),
                      rule ? " cannot run: " : "", rule ? gt_rule_state_text(rule->state) : "");
        status = GT_INVALID;
    }
    return status;
}

gt_status gt_watch_setup_of(const gt_config *config, gt_time_ms now, gt_watch_setup **ret,
                            gt_buf *out)
{
    const gt_config_section *watch = gt_config_get(config, GT_CONFIG_WATCH);
    choice c = {config, gt_str_is(gt_config_str(watch, GT_CONFIG_WATCH_MODE), "schedule")};
    gt_arena *scratch = gt_arena_new(GT_MIB);
    gt_rule_text canary;
    gt_watch_setup_options options = {.ecs = mapping_of(config), .select = is_selected,
                                      .scheduled = is_scheduled, .ctx = &c, .now = now};
    gt_watch_setup *setup = NULL;
    gt_status status = scratch ? rules_of(config, scratch, &canary, &options.rules) : GT_NOMEM;
    if (status == GT_OK)
        status = gt_watch_setup_load(&options, &setup, out);
    if (status == GT_OK)
        status = check_names(config, setup->rules, out);
    if (status == GT_OK)
        *ret = setup;
    else
        gt_watch_setup_release(setup);
    gt_arena_free(scratch);
    return status;
}
