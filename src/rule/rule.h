/* rule.h — detection rules: Elastic's TOML, Kibana's NDJSON export, the built-in ones.
 * A rule keeps every key of its file (params, metadata, transform) beside the views the engine
 * reads.
 *
 * Life: gt_rules_load reads everything and says all that is wrong; the set is immutable from then
 * on, shared by threads, and lives in the arena it was loaded into. A rule whose file has errors
 * stays in the set as GT_RULE_BROKEN, so that it can be listed; it never runs. */
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
    GT_RULE_TYPE_NOT_RUN,     /* a rule type that is not run yet */
    GT_RULE_OTHER_PRODUCT,    /* its indices hold no CloudTrail data */
    GT_RULE_LANGUAGE_NOT_RUN, /* Lucene */
    GT_RULE_FILTERS_NOT_RUN,  /* it has Kibana filters of a kind that is not run */
    GT_RULE_BROKEN,           /* its file has errors */
} gt_rule_state;

/* "runs", "type is not run yet", …; never NULL. */
const char *gt_rule_state_text(gt_rule_state state);
/* "query", "new_terms", …: Kibana's word. */
const char *gt_rule_type_name(gt_rule_type type);

/* Alert suppression as the rule asks for it. */
typedef struct gt_rule_suppression {
    const gt_str *group_by;
    size_t group_count;    /* 0: no suppression */
    int64_t duration_ms;   /* 0: per run of the rule */
    bool missing_suppress; /* a missing field is one more value; else such events alert singly */
} gt_rule_suppression;

typedef struct gt_exceptions gt_exceptions; /* exceptions.h */

/* A filter of Kibana's filter bar: must hold, or when negated must not. */
typedef struct gt_rule_filter {
    gt_query *query;
    bool negated;
} gt_rule_filter;

typedef struct gt_rule {
    gt_str path;   /* as given by the user; "builtin:NAME.toml" for built-in ones */
    size_t file;   /* index into gt_rules.files */
    gt_span span;  /* where the rule stands in its file */
    bool builtin;
    bool enabled;  /* runs without --rule; the file's `enabled`, default true */
    gt_rule_state state;
    gt_rule_type type;
    /* Absent keys are empty strings, but for Kibana's defaults: from now-6m, to now, interval 5m,
     * max_signals 100, version 1. */
    gt_str rule_id, name, description, severity, language, license, note, setup;
    gt_str from, to, interval, timestamp_override, building_block_type;
    int64_t interval_ms, risk_score, version, max_signals;
    gt_rule_suppression suppression;
    gt_str query_text;
    gt_span query_span;     /* where the query's text stands in the file, between its quotes */
    gt_offsets query_where; /* for spans inside the query */
    gt_query *query;        /* every KQL that compiles, whatever the state; else NULL */
    const gt_rule_filter *filters; /* beside the query: all must agree, for a match */
    size_t filter_count;
    const gt_exceptions *exceptions; /* what Kibana's export brought for this rule, and
                                        --exceptions; NULL: none */
    const gt_str *more_fields; /* that filters and exceptions read, beside the query's */
    size_t more_field_count;
    gt_json *params;    /* every key of the rule in the spelling of Kibana's rules API */
    gt_json *metadata;  /* [metadata] of a TOML file, or NULL */
    gt_json *transform; /* [transform] of a TOML file, or NULL */
} gt_rule;

/* A text that was read, with all that was found in it. */
typedef struct gt_rule_file {
    gt_str path;
    bool builtin;
    gt_diags diags; /* errors, warnings and notes; its text is the file */
} gt_rule_file;

typedef struct gt_rules {
    gt_rule **items; /* built-in first, then files in the order given; rule_ids are distinct but
                        among broken rules */
    size_t count;
    gt_rule_file *files; /* rule files, exception lists, value lists */
    size_t file_count;
    size_t errors; /* in all files */
    size_t warnings;
} gt_rules;

/* A text in memory in place of a file. */
typedef struct gt_rule_text {
    gt_str name; /* "rules/x.toml": its end says what it is */
    gt_str text;
} gt_rule_text;

/* A list of values that an exception may refer to: one value a line. */
typedef struct gt_value_list_path {
    gt_str id;
    gt_str path;
} gt_value_list_path;

typedef struct gt_rules_options {
    bool no_builtin;
    const gt_str *paths; /* rule files (.toml; else Kibana's export), or folders: their .toml and
                            .ndjson files, recursively in byte order */
    size_t path_count;
    const gt_str *exception_paths; /* Kibana's exception list exports */
    size_t exception_count;
    const gt_value_list_path *value_lists; /* else ID or ID.txt beside the file that refers to it */
    size_t value_list_count;
    const gt_rule_text *texts; /* more rule files, already read */
    size_t text_count;
    const gt_schema *schema; /* NULL: gt_schema_default() */
    bool lint;               /* add what `rules check` warns about */
} gt_rules_options;

/* Load everything. What is wrong with a file, unreadable ones included, is in its diags: ask
 * ret->errors. A rule with the rule_id of a built-in one replaces it, with a note; the same rule_id
 * in two files is an error in both.
 * rules    owns the set and the texts.   scratch  is rewound before returning.
 * Returns GT_OK, GT_NOMEM, GT_LIMIT (an arena's cap). */
gt_status gt_rules_load(gt_arena *rules, gt_arena *scratch, const gt_rules_options *options,
                        gt_rules **ret) GT_MUST_CHECK;

/* The rule that a person means: by rule_id, by name (ASCII case ignored), or by its file's name
 * with or without ".toml"; NULL when there is none. */
gt_rule *gt_rules_find(const gt_rules *rules, gt_str what);

/* What became of one document. */
typedef enum gt_rule_verdict {
    GT_RULE_NO_MATCH,
    GT_RULE_MATCHES,
    GT_RULE_EXCEPTED
} gt_rule_verdict;

/* Run a rule of type query over an ECS document: its query and filters, then its exceptions (those
 * that have expired at env->now do not count). Only for rules with state GT_RULE_RUNS. */
gt_rule_verdict gt_rule_run(const gt_rule *rule, const gt_json *document, gt_query_env *env);
/* The same when the rule's query is known to match the document. */
gt_rule_verdict gt_rule_run_rest(const gt_rule *rule, const gt_json *document, gt_query_env *env);

/* The built-in files: NAME.toml and NAME.test.json, sorted by name. */
typedef struct gt_builtin_file {
    gt_str name;
    gt_str text;
} gt_builtin_file;
size_t gt_builtin_count(void);
gt_builtin_file gt_builtin_at(size_t i); /* i < gt_builtin_count() */

#endif
