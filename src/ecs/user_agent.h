/* user_agent.h — user agents by uap-core's expressions, as Elasticsearch's user_agent processor.
 * The file is read once (gt_uap, shared); an expression is compiled when a text first needs it, per
 * thread (gt_uap_matcher). A text only meets the expressions that one of its literals can match. */
#ifndef GT_ECS_USER_AGENT_H
#define GT_ECS_USER_AGENT_H

#include "ecs/fragment.h"

/* One expression of the file. */
typedef struct uap_pattern {
    gt_str regex;
    bool nocase;
    gt_str replacement[5]; /* name, major, minor, patch, build; ptr NULL: none */
    const gt_str *literals; /* lower-case: a match holds one of them; NULL: not known */
    size_t literal_count;
    uint32_t id; /* running number over all lists */
} uap_pattern;

typedef enum uap_kind { UAP_AGENT, UAP_OS, UAP_DEVICE, UAP_KINDS } uap_kind;

struct gt_uap {
    uap_pattern *patterns[UAP_KINDS];
    size_t count[UAP_KINDS];
    size_t total;
};

/* Read the expressions out of the file's text (the subset of YAML that it is written in). Views of
 * text, which must live as long. GT_INVALID with a message for anything else. */
gt_status gt_uap_parse(gt_str text, gt_arena *arena, gt_uap **ret, gt_str *reterr_message)
    GT_MUST_CHECK;
/* Find literals of which every match of the expression holds one (user_agent_literals.c). */
gt_status gt_uap_literals(uap_pattern *pattern, gt_arena *arena) GT_MUST_CHECK;

/* NULL without memory. */
gt_uap_matcher *gt_uap_matcher_new(const gt_uap *uap);
void gt_uap_matcher_free(gt_uap_matcher *matcher);
/* Fill the fragment with user_agent.*; its texts live in scratch. uap NULL: "Other" only. */
gt_status gt_uap_match(gt_uap_matcher *matcher, gt_str agent, gt_arena *scratch, fragment *ret)
    GT_MUST_CHECK;
/* Does the expression compile? For tests: every one of the installed file must. */
bool gt_uap_compiles(gt_uap_matcher *matcher, const uap_pattern *pattern);

#endif
