/* respond.h — plans that undo a change or contain who made it, and their application.
 *
 * A plan is made from the logs alone and changes nothing. Applying it (apply.h) reads the live state
 * first, refuses where the state has moved on, calls EC2 and IAM, reads back and verifies; every step
 * of that is written to a journal before and after it happens.
 *
 * Kinds
 *   revert      the inverse of exactly what the event changed, by rule id where it is known
 *   narrow      what the event opened, for the given address ranges only
 *   restrict    a deny policy on the actor's role or user against changes of security groups
 *   quarantine  an isolation group on what the group is attached to; the old groups are remembered
 *   audit       every open group, and who may change groups (audit.h)
 *
 * Pure: reads and writes nothing. Everything lives in the arena that is passed. */
#ifndef GT_RESPOND_RESPOND_H
#define GT_RESPOND_RESPOND_H

#include "investigate/subject.h"

typedef enum gt_plan_kind {
    GT_PLAN_REVERT,
    GT_PLAN_NARROW,
    GT_PLAN_RESTRICT,
    GT_PLAN_QUARANTINE,
    GT_PLAN_AUDIT,
} gt_plan_kind;
const char *gt_plan_kind_text(gt_plan_kind kind);

typedef enum gt_action_kind {
    GT_ACTION_REVOKE,     /* take a rule away */
    GT_ACTION_AUTHORIZE,  /* add a rule */
    GT_ACTION_MODIFY,     /* give a rule its old content back, under its id */
    GT_ACTION_DELETE,     /* delete the group */
    GT_ACTION_ATTACH,     /* put the group back on an interface */
    GT_ACTION_DETACH,     /* take the group off an interface */
    GT_ACTION_ISOLATE,    /* only the isolation group on every interface of the group */
    GT_ACTION_DENY,       /* an inline deny policy on a role or user */
} gt_action_kind;
const char *gt_action_kind_text(gt_action_kind kind);

typedef struct gt_action {
    gt_action_kind kind;
    gt_str group_id;
    gt_str vpc_id;       /* ISOLATE; may be empty */
    gt_sg_rule rule;     /* REVOKE: as the event left it; AUTHORIZE, MODIFY: as it shall be */
    gt_sg_rule now;      /* MODIFY: as the event left it */
    const gt_json *tags; /* AUTHORIZE: {key: value} of the rule that was removed; NULL: none known */
    gt_str resource;     /* ATTACH, DETACH: the interface or instance */
    gt_str entity;       /* DENY: the name of the role or user */
    bool is_role;
    gt_str words;        /* "revoke ingress tcp/22 from 0.0.0.0/0 (sgr-…)" */
} gt_action;

/* Why a plan should not be applied without somebody's word (--force REASON). */
typedef struct gt_refusal {
    const char *code; /* "may_be_the_fix", "infrastructure_as_code", … */
    gt_str text;
    bool hard; /* cannot be forced: there is nothing that could be done */
} gt_refusal;

typedef struct gt_plan {
    gt_plan_kind kind;
    gt_str event_id;
    gt_time_ms event_time;
    gt_str event_name, actor; /* the role's or user's ARN */
    gt_str account, region;
    gt_action *actions;
    size_t action_count;
    gt_refusal *refusals;
    size_t refusal_count;
    gt_str *notes; /* what the plan cannot tell or does not do */
    size_t note_count;
} gt_plan;

typedef struct gt_plan_options {
    gt_plan_kind kind;
    const gt_cidr *cidrs; /* narrow */
    size_t cidr_count;
    bool has_alarm;       /* somebody was alarmed at this time: later changes may be the fix */
    gt_time_ms alarm;
} gt_plan_options;

/* GT_OK also when there is nothing to do (no actions, with a refusal or note that says why).
 * GT_NOMEM, GT_LIMIT. */
gt_status gt_plan_make(gt_arena *arena, const gt_subject *subject, const gt_plan_options *options,
                       gt_plan **ret) GT_MUST_CHECK;

#define GT_DENY_POLICY_NAME "gatetrail-deny-security-group-changes"
#define GT_ISOLATION_GROUP_NAME "gatetrail-isolation"
/* The policy document of GT_ACTION_DENY. */
gt_str gt_deny_policy(void);

/* {kind, event, account, region, actions: [{action, group_id, rule, …, words}], refusals, notes}. */
gt_json *gt_plan_json(gt_arena *arena, const gt_plan *plan);
/* For people. */
void gt_plan_text(gt_arena *arena, const gt_plan *plan, gt_escape_fn *escape, gt_buf *out);
/* A shell script of AWS CLI commands; every value quoted. */
void gt_plan_commands(gt_arena *arena, const gt_plan *plan, gt_buf *out);
/* What to change in Terraform's code so that the next apply agrees. */
void gt_plan_terraform(gt_arena *arena, const gt_plan *plan, gt_buf *out);

#endif
