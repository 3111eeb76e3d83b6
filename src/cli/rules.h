/* rules.h — the rules a command works with, by its options --rules, --rule, --no-builtin,
 * --exceptions and --value-list (GT_OPTS_RULES). */
#ifndef GT_CLI_RULES_H
#define GT_CLI_RULES_H

#include "cli/cli.h"
#include "rule/rule.h"

typedef struct gt_cli_rules {
    gt_rules *set;
    const gt_rule *
        *chosen; /* by --rule; all have state GT_RULE_RUNS unless any_state was asked for */
    size_t chosen_count;
} gt_cli_rules;

/* Load the rules and print all that is wrong with them. more: further files and folders, as with
 * --rules; may be NULL. lint: also what `rules check` warns about. GT_EXIT_OK; else (already said)
 * what the command should return: GT_EXIT_USAGE when a file has errors. */
int gt_cli_rules_load(gt_cli *cli, const gt_str *more, size_t more_count, bool lint,
                      gt_cli_rules *ret);
/* Find what --rule names; a rule that cannot run is an error unless any_state. */
int gt_cli_rules_choose(gt_cli *cli, gt_cli_rules *rules, bool any_state);
/* Does this rule run: chosen by --rule, or without --rule enabled? ctx is a gt_cli_rules; for
 * gt_detector_options.select. */
bool gt_cli_rules_selected(void *ctx, const gt_rule *rule);
/* Say on standard error which rules do not run, and why. */
void gt_cli_rules_note(gt_cli *cli, const gt_cli_rules *rules);
/* The one rule of this name, or NULL after an error with a hint. */
gt_rule *gt_cli_rules_find(gt_cli *cli, const gt_cli_rules *rules, gt_str what);

#endif
