/* rule_internal.h — shared by the files of rule/. */
#ifndef GT_RULE_RULE_INTERNAL_H
#define GT_RULE_RULE_INTERNAL_H

#include "rule/exceptions.h"
#include "rule/rule.h"
#include "toml/toml.h"

typedef enum rule_form { FORM_TOML, FORM_KIBANA } rule_form;

/* One rule as it was read, before and while it is checked. */
typedef struct rule_source {
    gt_arena *arena; /* rules */
    gt_arena *scratch;
    gt_diags *diags; /* of its file */
    const gt_schema *schema;
    rule_form form;
    gt_span span;       /* where the rule stands */
    gt_toml *table;     /* [rule], or the export's line */
    gt_toml *metadata;  /* TOML; may be NULL */
    gt_toml *transform; /* TOML; may be NULL */
    gt_rule *rule;      /* what it becomes */
} rule_source;

/* --- check.c: what every rule must obey ------------------------------------------------------- */

/* All checks of §keys, enumerations, patterns and types. Adds diagnostics only. */
void rule_check(rule_source *src);

/* A key's value when it is there, not null and of this type; the wrong type was or is reported by
 * rule_check_keys. */
gt_toml *rule_get(const gt_toml *table, const char *key, gt_toml_type type);
gt_str rule_get_str(const gt_toml *table, const char *key);
/* Where to point when a key is missing: the rule's header. */
gt_span rule_place(const rule_source *src);

/* Report a mistake that Elastic's rule repository refuses and Kibana does not: an error in TOML, a
 * warning in an export. */
void rule_complain(rule_source *src, const char *code, gt_span span, const char *hint,
                   const char *fmt, ...) GT_PRINTF(5, 6);

/* A row of a table of keys. */
typedef enum rule_holds { TEXT, TEXTS, INTEGER, BOOLEAN, TABLE, TABLES, ANY } rule_holds;
typedef struct rule_key {
    gt_str name;
    rule_holds holds;
    unsigned where;
} rule_key;
enum { T = 1, K = 2, R = 4 };
/* Unknown keys, missing keys, wrong types. what: "rule", "threshold", as messages call the table.
 */
void rule_check_keys(rule_source *src, const gt_toml *table, gt_span place, const char *what,
                     const rule_key *keys, size_t count);
/* Is the string one of the values? Reports it otherwise; NULL nodes are fine. */
bool rule_check_enum(rule_source *src, const gt_toml *node, const char *what, const gt_str *values,
                     size_t count);

/* --- check_types.c, check_language.c, check_threat.c ------------------------------------------ */
void rule_check_threshold(rule_source *src);
void rule_check_new_terms(rule_source *src);
void rule_check_suppression(rule_source *src);
void rule_check_eql(rule_source *src, const gt_toml *query);
void rule_check_esql(rule_source *src, const gt_toml *query);
void rule_check_threat(rule_source *src);
void rule_check_metadata(rule_source *src);

/* --- times ------------------------------------------------------------------------------------ */

/* How far before "now" a date math expression lies; false when it is none. */
bool rule_look_back(gt_str text, int64_t *ret_ms);

/* --- params.c: the views the engine reads ----------------------------------------------------- */
gt_status rule_fill(rule_source *src) GT_MUST_CHECK;

/* filters.c: *ret_all false when there is a filter that cannot be run (with a warning). */
gt_status rule_compile_filters(rule_source *src, bool *ret_all) GT_MUST_CHECK;

/* --- lint.c ----------------------------------------------------------------------------------- */
void rule_lint(rule_source *src);

/* --- indices.c -------------------------------------------------------------------------------- */
/* Can an index that matches this pattern hold CloudTrail events? */
bool rule_index_may_hold_cloudtrail(gt_str pattern);

#endif
