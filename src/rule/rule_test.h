/* rule_test.h — tests that live beside a rule: NAME.test.json next to NAME.toml.
 *
 *   {"rule": "…",                        optional: a rule_id or name; else the rule in NAME.toml
 *    "tests": [
 *      {"name": "a port is opened", "alert": true,  "record": { a CloudTrail record }},
 *      {"name": "a call that fails", "alert": false, "record": {…}},
 *      {"name": "as ECS",           "alert": true,  "event":  { an ECS document }},
 *      {"name": "several",          "alerts": 2,    "records": [ {…}, {…}, {…} ]} ]}
 *
 * Running them needs the mapping and the detector, so it is the caller's work. */
#ifndef GT_RULE_RULE_TEST_H
#define GT_RULE_RULE_TEST_H

#include "rule/rule.h"

typedef struct gt_rule_test {
    gt_str name;
    gt_span span;
    bool documents;        /* events are ECS documents; else CloudTrail records */
    const gt_json *events; /* an array */
    size_t alerts;         /* how many of them must raise an alert */
} gt_rule_test;

typedef struct gt_rule_tests {
    gt_str path;
    gt_str rule; /* empty: the rule beside the file */
    const gt_rule_test *items;
    size_t count;
    gt_diags diags; /* errors: RULE-032 */
} gt_rule_tests;

/* Read a test file's text. What is wrong is in ret->diags. GT_OK, GT_NOMEM, GT_LIMIT. */
gt_status gt_rule_tests_read(gt_arena *arena, gt_str path, gt_str text, gt_rule_tests *ret)
    GT_MUST_CHECK;

#endif
