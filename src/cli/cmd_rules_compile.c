/* rules compile: a rule's query for another engine. */
#include "base/limits.h"
#include "cli/rules.h"
#include "query/dsl.h"

/* The clauses that are not exact, as findings in the rule's file. Returns how many are errors. */
static size_t report(gt_cli *cli, const gt_rule *rule, const gt_rules *set, const gt_dsl *dsl,
                     bool superset)
{
    gt_diags diags;
    gt_str text = rule->query_text;
    gt_offsets where = {0, NULL};
    for (size_t i = 0; i < set->file_count; i++) {
        const gt_rule_file *file = &set->files[i];
        if (rule->query_where.map == NULL && rule->query_where.base == 0)
            break; /* a query of Kibana's export stands nowhere in one piece */
        if (gt_str_eq(file->path, rule->path)) {
            text = file->diags.text;
            where = rule->query_where;
        }
    }
    gt_diags_init(&diags, cli->arena, rule->path, text);
    for (size_t i = 0; i < dsl->reason_count; i++) {
        const gt_dsl_reason *r = &dsl->reasons[i];
        bool error = !r->native && !superset;
        gt_diag_add(&diags, error ? GT_ERROR : GT_NOTE, error ? "DSL-001" : "DSL-101",
                    gt_offsets_span(where, r->span),
                    error ? "--superset writes a wider query; gatetrail evaluates what that finds" : NULL,
                    "%s: %.*s", error ? "cannot be said exactly" : r->native ? "left to the server"
                    : "widened", GT_STR_ARG(r->text));
    }
    gt_cli_diags(cli, &diags);
    return diags.errors;
}

int gt_cmd_rules_compile(gt_cli *cli)
{
    gt_cli_rules rules = {0};
    int exit = gt_cli_rules_load(cli, NULL, 0, false, &rules);
    const gt_rule *rule = rules.set ? gt_cli_rules_find(cli, &rules, cli->args[0]) : NULL;
    if (!rule)
        return exit ? exit : GT_EXIT_USAGE;
    if (rule->filter_count) {
        gt_cli_error(cli, "rule '%.*s' has Kibana filters beside its query, which are not compiled",
                     GT_STR_ARG(rule->name));
        return GT_EXIT_USAGE;
    }
    if (!rule->query) {
        gt_cli_error(cli, "rule '%.*s' has no KQL that could be compiled: %s", GT_STR_ARG(rule->name),
                     gt_rule_state_text(rule->state));
        return GT_EXIT_USAGE;
    }
    bool superset = gt_cli_flag(cli, GT_OPT_SUPERSET);
    gt_dsl_target target = {
        .server = gt_cli_choice(cli, GT_OPT_SERVER, 0) == 0 ? GT_DSL_ELASTICSEARCH
                                                            : GT_DSL_OPENSEARCH,
        .native = !superset,
    };
    gt_dsl dsl;
    gt_status status = gt_query_to_dsl(rule->query, &target, cli->arena, &dsl);
    if (status != GT_OK)
        return gt_cli_failed(cli, status, "compiling the rule");
    if (report(cli, rule, rules.set, &dsl, superset))
        return GT_EXIT_USAGE;
    gt_buf out = GT_BUF(GT_GIB);
    gt_json_write_pretty(&out, dsl.query);
    gt_cli_printf(cli, "%.*s\n", GT_STR_ARG(gt_buf_str(&out)));
    gt_buf_done(&out);
    return GT_EXIT_OK;
}
