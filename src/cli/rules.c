#include "cli/rules.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/nearest.h"

/* --- loading ---------------------------------------------------------------------------------- */

/* "ID=FILE" of --value-list. */
static bool value_lists(gt_cli *cli, gt_rules_options *options)
{
    size_t count;
    const gt_str *texts = gt_cli_list(cli, GT_OPT_VALUE_LIST, &count);
    gt_value_list_path *lists = gt_arena_array(cli->arena, gt_value_list_path, count + 1);
    for (size_t i = 0; lists && i < count; i++) {
        lists[i].path = gt_str_cut(texts[i], '=', &lists[i].id);
        if (!lists[i].path.len || !lists[i].id.len) {
            gt_cli_usage(cli, "--value-list takes ID=FILE, not '%.*s'", GT_STR_ARG(texts[i]));
            return false;
        }
    }
    options->value_lists = lists;
    options->value_list_count = count;
    return lists != NULL;
}

static const gt_str *all_paths(gt_cli *cli, const gt_str *more, size_t more_count,
                               size_t *ret_count)
{
    size_t count;
    const gt_str *paths = gt_cli_list(cli, GT_OPT_RULES, &count);
    gt_str *all = gt_arena_array(cli->arena, gt_str, count + more_count + 1);
    for (size_t i = 0; all && i < count; i++)
        all[i] = paths[i];
    for (size_t i = 0; all && i < more_count; i++)
        all[count + i] = more[i];
    *ret_count = count + more_count;
    return all;
}

int gt_cli_rules_load(gt_cli *cli, const gt_str *more, size_t more_count, bool lint,
                      gt_cli_rules *ret)
{
    gt_rules_options options = {.no_builtin = gt_cli_flag(cli, GT_OPT_NO_BUILTIN), .lint = lint};
    options.paths = all_paths(cli, more, more_count, &options.path_count);
    options.exception_paths = gt_cli_list(cli, GT_OPT_EXCEPTIONS, &options.exception_count);
    if (!options.paths || !value_lists(cli, &options))
        return options.paths ? GT_EXIT_USAGE : gt_cli_failed(cli, GT_NOMEM, "the rules");
    gt_arena *rules = gt_cli_arena_new(cli, GT_RULES_ARENA_MAX);
    gt_arena *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_status status = GT_NOMEM;
    if (rules && scratch)
        status = gt_rules_load(rules, scratch, &options, &ret->set);
    gt_arena_free(scratch);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "the rules");
    for (size_t i = 0; i < ret->set->file_count; i++)
        gt_cli_diags(cli, &ret->set->files[i].diags);
    return ret->set->errors ? GT_EXIT_USAGE : GT_EXIT_OK;
}

/* --- choosing --------------------------------------------------------------------------------- */

/* "rules/x.toml" and "builtin:x.toml" as "x". */
static gt_str file_name(gt_str path)
{
    gt_str name = gt_path_base(path);
    if (gt_str_starts(name, GT_STR("builtin:")))
        name = gt_str_from(name, strlen("builtin:"));
    if (gt_str_ends(name, GT_STR(".toml")))
        name.len -= strlen(".toml");
    return name;
}

gt_rule *gt_cli_rules_find(gt_cli *cli, const gt_cli_rules *rules, gt_str what)
{
    gt_rule *rule = gt_rules_find(rules->set, what);
    gt_nearest_search search = {.word = what};
    if (rule)
        return rule;
    for (size_t i = 0; i < rules->set->count; i++) {
        gt_nearest_offer(&search, rules->set->items[i]->rule_id);
        gt_nearest_offer(&search, rules->set->items[i]->name);
        gt_nearest_offer(&search, file_name(rules->set->items[i]->path));
    }
    if (search.best.len)
        gt_cli_error(cli, "no rule '%.*s'; did you mean '%.*s'?", GT_STR_ARG(what),
                     GT_STR_ARG(search.best));
    else
        gt_cli_error(cli, "no rule '%.*s'; 'gatetrail rules list' shows them", GT_STR_ARG(what));
    return NULL;
}

int gt_cli_rules_choose(gt_cli *cli, gt_cli_rules *rules, bool any_state)
{
    size_t count;
    const gt_str *names = gt_cli_list(cli, GT_OPT_RULE, &count);
    rules->chosen = gt_arena_array(cli->arena, const gt_rule *, count + 1);
    if (!rules->chosen)
        return gt_cli_failed(cli, GT_NOMEM, "the rules");
    for (size_t i = 0; i < count; i++) {
        const gt_rule *rule = gt_cli_rules_find(cli, rules, names[i]);
        if (!rule)
            return GT_EXIT_USAGE;
        if (rule->state != GT_RULE_RUNS && !any_state) {
            gt_cli_error(cli, "rule '%.*s' cannot run: %s", GT_STR_ARG(rule->name),
                         gt_rule_state_text(rule->state));
            return GT_EXIT_USAGE;
        }
        rules->chosen[rules->chosen_count++] = rule;
    }
    return GT_EXIT_OK;
}

bool gt_cli_rules_selected(void *ctx, const gt_rule *rule)
{
    const gt_cli_rules *rules = ctx;
    for (size_t i = 0; i < rules->chosen_count; i++)
        if (rules->chosen[i] == rule)
            return true;
    return !rules->chosen_count && rule->enabled;
}

void gt_cli_rules_note(gt_cli *cli, const gt_cli_rules *rules)
{
    size_t counts[GT_RULE_BROKEN + 1] = {0};
    if (rules->chosen_count)
        return;
    for (size_t i = 0; i < rules->set->count; i++)
        counts[rules->set->items[i]->state]++;
    for (int state = GT_RULE_RUNS + 1; state <= GT_RULE_BROKEN; state++)
        if (counts[state])
            gt_cli_note(cli, "%zu rule%s not run: %s", counts[state], counts[state] == 1 ? "" : "s",
                        gt_rule_state_text((gt_rule_state)state));
}
