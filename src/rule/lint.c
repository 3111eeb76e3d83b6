/* What `rules check` warns about in rules that are valid: calls they never see, events that come
 * too late for them. */
#include "rule/rule_internal.h"

#include "base/timeutil.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct family_call {
    gt_str family, provider, call;
    const char *opens;
} family_call;

static const family_call calls[] = {
#define CALL(family, provider, call, opens) {GT_STR(family), GT_STR(provider), GT_STR(call), opens},
#include "rule/families.def"
#undef CALL
};

/* Siblings that a rule must name before a missing opener is taken for a mistake. */
#define SIBLINGS_MIN 3

static bool names(const gt_query_needs *needs, gt_str value)
{
    for (size_t i = 0; i < needs->count; i++)
        if (gt_str_eq(needs->values[i], value))
            return true;
    return false;
}

/* Where the query names a value; the whole query when it does not do so literally. */
static gt_span place_of(const rule_source *src, gt_str value)
{
    const gt_rule *rule = src->rule;
    size_t at = gt_str_find(rule->query_text, value);
    if (at == GT_NPOS)
        return (gt_span){rule->query_span.begin, rule->query_span.begin + 1};
    return gt_offsets_span(rule->query_where, (gt_span){at, at + value.len});
}

/* calls[begin, end) is one family. */
static void lint_family(rule_source *src, const gt_query_needs *needs, size_t begin, size_t end)
{
    size_t siblings = 0, first = begin;
    for (size_t i = begin; i < end; i++) {
        if (!names(needs, calls[i].call))
            continue;
        if (siblings++ == 0 ||
            place_of(src, calls[i].call).begin < place_of(src, calls[first].call).begin)
            first = i;
    }
    for (size_t i = begin; i < end && siblings >= SIBLINGS_MIN; i++) {
        if (!calls[i].opens || names(needs, calls[i].call))
            continue;
        const char *hint = gt_arena_printf(src->arena, "add \"%.*s\" to event.action",
                                           GT_STR_ARG(calls[i].call))
                               .ptr;
        gt_diag_warn(src->diags, "RULE-026", place_of(src, calls[first].call), hint,
                     "the rule names %zu calls on %.*s but never sees %.*s, which %s", siblings,
                     GT_STR_ARG(calls[begin].family), GT_STR_ARG(calls[i].call), calls[i].opens);
    }
}

static void lint_calls(rule_source *src)
{
    gt_query_needs providers = gt_query_needs_of(src->rule->query, src->arena,
                                                 GT_STR("event.provider"));
    gt_query_needs actions = gt_query_needs_of(src->rule->query, src->arena,
                                               GT_STR("event.action"));
    if (!actions.known)
        return;
    for (size_t begin = 0, end; begin < COUNT(calls); begin = end) {
        for (end = begin; end < COUNT(calls) && gt_str_eq(calls[end].family, calls[begin].family);)
            end++;
        if (!providers.known || names(&providers, calls[begin].provider))
            lint_family(src, &actions, begin, end);
    }
}

/* Calls that change many things: with siblings of a family they are meant for one of them only. */
static void lint_wide_call(rule_source *src)
{
    gt_str wide = GT_STR("ModifyInstanceAttribute");
    gt_query_needs actions = gt_query_needs_of(src->rule->query, src->arena,
                                               GT_STR("event.action"));
    size_t siblings = 0, field_count;
    const gt_str *fields = gt_query_fields(src->rule->query, &field_count);
    if (!actions.known || !names(&actions, wide))
        return;
    for (size_t i = 0; i < COUNT(calls) && gt_str_is(calls[i].family, "security groups"); i++)
        siblings += names(&actions, calls[i].call);
    for (size_t i = 0; i < field_count; i++)
        if (gt_str_find(fields[i], GT_STR("groupSet")) != GT_NPOS)
            return;
    if (siblings >= SIBLINGS_MIN)
        gt_diag_warn(
            src->diags, "RULE-033", place_of(src, wide),
            "ask for aws.cloudtrail.flattened.request_parameters.groupSet.items.groupId: * too",
            "ModifyInstanceAttribute changes much else than an instance's security groups");
}

/* CloudTrail delivers within some 5 minutes on average and often later. A run every `interval` that
 * looks back to `from` is sure to see only what arrives within the difference; by an override such
 * as event.ingested it sees what came since, however old. */
#define LATE_MS (15 * 60000)

static void lint_late(rule_source *src)
{
    const gt_rule *rule = src->rule;
    const gt_toml *from = rule_get(src->table, "from", GT_TOML_STRING);
    int64_t back;
    if (rule->timestamp_override.len || !rule_look_back(rule->from, &back))
        return;
    int64_t sure = back > rule->interval_ms ? back - rule->interval_ms : 0;
    if (sure < LATE_MS)
        gt_diag_warn(
            src->diags, "RULE-027", from ? from->span : rule_place(src),
            "set timestamp_override = \"event.ingested\", or look back further",
            "run on a schedule, it can miss events that arrive more than %lld minute%s late",
            (long long)(sure / 60000), sure / 60000 == 1 ? "" : "s");
}

void rule_lint(rule_source *src)
{
    if (src->rule->query) {
        lint_calls(src);
        lint_wide_call(src);
    }
    if (src->rule->state == GT_RULE_RUNS)
        lint_late(src);
}
