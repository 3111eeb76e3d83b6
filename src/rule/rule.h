/* rule.h — detection rules: Elastic's TOML, Kibana's NDJSON export, the built-in ones.
 * A rule keeps every key of its file (params) beside the views the engine reads. Rules are immutable
 * once loaded and shared by threads; they live in the `rules` arena of their set. */
#ifndef GT_RULE_RULE_H
#define GT_RULE_RULE_H

#include "base/arena.h"
#include "base/diag.h"
#include "json/json.h"
#include "query/query.h"

typedef enum gt_rule_type {
    GT_RULE_QUERY,
    GT_RULE_SAVED_QUERY,
    GT_RULE_EQL,
    GT_RULE_ESQL,
    GT_RULE_THRESHOLD,
    GT_RULE_NEW_TERMS,
    GT_RULE_THREAT_MATCH,
    GT_RULE_MACHINE_LEARNING,
} gt_rule_type;

/* Can this program run the rule? Only GT_RULE_RUNS counts as run; the others are reported. */
typedef enum gt_rule_state {
    GT_RULE_RUNS,
    GT_RULE_TYPE_NOT_RUN,  /* a rule type that is not run yet */
    GT_RULE_OTHER_PRODUCT, /* its indices hold no CloudTrail data */
    GT_RULE_LANGUAGE_NOT_RUN,
    GT_RULE_BROKEN, /* its file has errors */
} gt_rule_state;

typedef struct gt_rule {
    gt_str path;     /* as given by the user; "builtin:NAME.toml" for built-in ones */
    bool builtin;
    bool enabled;    /* runs without --rule; the file's `enabled`, default true */
    gt_rule_state state;
    gt_rule_type type;
    gt_str rule_id, name, description, severity, language, license, note, setup;
    gt_str from, interval, timestamp_override, building_block_type;
    int64_t risk_score, version, max_signals;
    gt_str query_text;
    gt_query *query;        /* NULL unless GT_RULE_RUNS */
    gt_json *params;        /* every key of the rule in the spelling of Kibana's rules API */
    gt_json *exceptions;    /* inline exception items, Kibana's form; may be NULL */
} gt_rule;

typedef struct gt_rules {
    gt_rule **items; /* built-in first, then files in the order given; distinct rule_ids */
    size_t count;
} gt_rules;

#endif
