/* history.h — what security groups were at any time, folded from changes in any order.
 * The answer depends on the set of changes alone: not on the order in which they come, nor on how they
 * are split into files, nor on how often one is delivered.
 *
 * A history keeps changes packed (about 150 bytes each, strings once); a group's timeline is folded on
 * demand into the caller's arena. Order: eventTime; inside a second the order in which every call could
 * have succeeded (a rule is authorised before it is revoked, a revoked id was there), else create,
 * authorise, modify, describe, revoke, delete, then eventID.
 *
 * One thread at a time. */
#ifndef GT_SG_HISTORY_H
#define GT_SG_HISTORY_H

#include "sg/exposure.h"

typedef struct gt_sg_history gt_sg_history;

gt_sg_history *gt_sg_history_new(void); /* NULL without memory */
void gt_sg_history_free(gt_sg_history *history);

/* Add a change; a copy is kept. Changes that had no effect (errors, dry runs) are kept out. */
gt_status gt_sg_history_add(gt_sg_history *history, const gt_sg_change *change) GT_MUST_CHECK;
/* Changes kept, copies included. */
size_t gt_sg_history_count(const gt_sg_history *history);
/* Bytes held, for the memory bound. */
size_t gt_sg_history_bytes(const gt_sg_history *history);

/* Anchor groups to what AWS itself said at `time` (GT_SG_NO_TIME: after the last change):
 * `describe-security-groups`, `describe-security-group-rules`, or AWS Config items (their own
 * configurationItemCaptureTime wins). ret_groups: how many groups it held.
 * GT_INVALID when the document is none of these. */
gt_status gt_sg_history_anchor(gt_sg_history *history, const gt_json *snapshot, gt_time_ms time,
                               size_t *ret_groups) GT_MUST_CHECK;

/* Packed form, for storage: self-contained bytes; and the keys under which a reader will look for it, one
 * call each: the ids of groups, prefix lists, VPCs and resources as they are; "name:NAME" for a call by
 * name, "named:NAME" where name and id are both told, "life:ID" for the beginning and end of a group,
 * "default:ACCOUNT/REGION" where a call by name told an id, "default-ipv6" for all egress to ::/0. */
void gt_sg_change_pack(const gt_sg_change *change, gt_buf *out);
gt_status gt_sg_change_unpack(gt_arena *arena, gt_str bytes, gt_sg_change **ret) GT_MUST_CHECK;
typedef void gt_sg_key_fn(void *context, gt_str key);
void gt_sg_change_keys(const gt_sg_change *change, gt_arena *scratch, gt_sg_key_fn *fn,
                       void *context);

/* Finish indexing: names to ids, prefix lists, resources. Called by the readers below as needed;
 * adding more afterwards is allowed. */
gt_status gt_sg_history_seal(gt_sg_history *history) GT_MUST_CHECK;

typedef enum gt_sg_baseline {
    GT_SG_PARTIAL,  /* first seen in mid-life: rules may exist that no record shows */
    GT_SG_COMPLETE, /* seen created */
    GT_SG_ANCHORED, /* a snapshot told its rules */
} gt_sg_baseline;
const char *gt_sg_baseline_text(gt_sg_baseline baseline);

typedef struct gt_sg_group {
    gt_str id, name, description, vpc_id, account, region;
    gt_time_ms created, deleted; /* GT_SG_NO_TIME: not seen */
    gt_sg_baseline baseline;
} gt_sg_group;

/* Groups in the order of their ids. Views into the history, until the next add. */
size_t gt_sg_history_group_count(gt_sg_history *history);
const gt_sg_group *gt_sg_history_group(gt_sg_history *history, size_t index);
/* NULL when no change names it. */
const gt_sg_group *gt_sg_history_find(gt_sg_history *history, gt_str group_id);

/* What the groups of a VPC without events of its own tell about its IPv6, and the same as told from
 * elsewhere: for readers that load one group. */
typedef struct gt_sg_vpc_fact {
    gt_str vpc_id;
    gt_sg_truth told;
} gt_sg_vpc_fact;
const gt_sg_vpc_fact *gt_sg_history_vpc_facts(gt_sg_history *history, size_t *ret_count);
gt_status gt_sg_history_tell(gt_sg_history *history, gt_str vpc_id, gt_sg_truth told) GT_MUST_CHECK;
/* Does only evidence from other groups tell whether the group's VPC had IPv6 when it was made? For loading
 * no more than needed. */
bool gt_sg_history_needs_ipv6(gt_sg_history *history, const gt_sg_group *group);

/* --- a group's timeline -------------------------------------------------------------------------- */

typedef struct gt_sg_version gt_sg_version;

/* One change of this group, in order. Rules have been resolved against the state. */
typedef struct gt_sg_step {
    const gt_sg_change *change; /* who, when, with what */
    gt_sg_operation operation;
    size_t index;
    gt_sg_version *added;   /* linked by next_added */
    gt_sg_version *removed; /* linked by next_removed */
    bool effective;         /* false: it matched nothing, no line of a log */
    bool uncertain;         /* its effect is not wholly known */
    bool inferred;          /* the call gave a name that only this group can have had */
    gt_str resource;        /* attach, detach */
    gt_str resource_kind;
} gt_sg_step;

/* A rule as it stood between two changes. */
struct gt_sg_version {
    gt_sg_rule rule;
    const gt_sg_step *from; /* NULL: in force before the first change that is known */
    const gt_sg_step *to;   /* NULL: still in force */
    const gt_sg_step *introduced; /* who authorised it; NULL: before the log, or a snapshot */
    const gt_sg_step *modified;   /* who changed it last; NULL: nobody */
    const gt_sg_step *doubt;      /* since then it may be gone or changed; NULL: no doubt */
    bool implied;                 /* a default egress rule, made by CreateSecurityGroup */
    bool anchored;                /* a snapshot proves it */
    bool refuted;                 /* a snapshot taken at gone_by does not have it */
    gt_time_ms gone_by;
    gt_sg_version *next_added, *next_removed;
    const gt_sg_version *next_same; /* the same rule, the next time it came into force */
};

typedef struct gt_sg_pair {
    const gt_sg_version *revoked, *authorized;
    int64_t gap_seconds;
} gt_sg_pair;

typedef struct gt_sg_attached gt_sg_attached; /* below */

typedef struct gt_sg_timeline {
    gt_sg_group group;
    const gt_sg_step *created, *deleted; /* NULL: not seen */
    gt_sg_step **steps; /* effective ones and others, in order */
    size_t step_count;
    gt_sg_version **versions; /* sorted by rule */
    size_t version_count;
    size_t unknown_removed; /* ids that were revoked but never told */
    bool default_ipv6_unknown; /* the VPC's IPv6 is not known: a default ::/0 rule may exist */
    gt_sg_attached *attached; /* as gt_sg_history_attached gives them */
    size_t attached_count;
} gt_sg_timeline;

/* Fold one group. The timeline lives in `arena` and in the history (until the next add).
 * GT_NOTFOUND for a group that no change names. */
gt_status gt_sg_history_fold(gt_sg_history *history, gt_arena *arena, gt_str group_id,
                             gt_sg_timeline **ret) GT_MUST_CHECK;

/* Did the group exist at `time` (inclusive)? A partial one exists unless it was seen deleted. */
bool gt_sg_timeline_exists(const gt_sg_timeline *timeline, gt_time_ms time);
/* Was the version in force at `time`, changes of that very second included? GT_SG_END: at the end. */
#define GT_SG_END INT64_MAX
bool gt_sg_version_at(const gt_sg_version *version, gt_time_ms time);

/* Walk the steps in order, with the addresses each one opens and closes relative to the state just
 * before it. */
typedef struct gt_sg_effect {
    gt_sg_space opened, closed;
    gt_sg_space open; /* on attach: what the group lets in from the internet at that time */
    bool unknown;     /* a prefix list's content, a direction or a rule is not known: there may be more */
} gt_sg_effect;
typedef gt_status gt_sg_step_fn(void *context, const gt_sg_step *step, const gt_sg_effect *effect);
gt_status gt_sg_timeline_walk(gt_sg_history *history, gt_arena *scratch,
                              const gt_sg_timeline *timeline, gt_sg_step_fn *fn,
                              void *context) GT_MUST_CHECK;

/* Everything that is open at `time` (inclusive), disjoint; GT_SG_END: at the end. *ret_unknown: there may be
 * more than that. */
gt_status gt_sg_timeline_space(gt_sg_history *history, gt_arena *arena,
                               const gt_sg_timeline *timeline, gt_time_ms time,
                               gt_sg_space *ret, bool *ret_unknown) GT_MUST_CHECK;

/* Net no-ops: a rule revoked and authorised again within GT_SG_NOOP_SECONDS with nothing on it in
 * between. */
#define GT_SG_NOOP_SECONDS 600
gt_status gt_sg_timeline_pairs(gt_arena *arena, const gt_sg_timeline *timeline, gt_sg_pair **ret,
                               size_t *ret_count) GT_MUST_CHECK;
/* Was the rule that this version held, and that a revoke ended, never authorised again? */
bool gt_sg_version_never_back(const gt_sg_version *version);

/* --- attachments --------------------------------------------------------------------------------- */

struct gt_sg_attached {
    gt_str resource, interface, kind;
    gt_str group_id;
    const gt_sg_change *from; /* lives in the arena that was passed */
    const gt_sg_change *to;   /* NULL: still attached */
};
/* Every span of time in which the group was on something, in order. A folded timeline has them. */
gt_status gt_sg_history_attached(gt_sg_history *history, gt_arena *arena, gt_str group_id,
                                 gt_sg_attached **ret, size_t *ret_count) GT_MUST_CHECK;

/* --- exposure over time -------------------------------------------------------------------------- */

typedef struct gt_sg_window {
    gt_sg_box box;
    const gt_sg_step *opened, *closed; /* NULL: before the log; still open */
    bool known; /* false: a rule behind it is in doubt */
} gt_sg_window;
/* What was open to whom, from when to when: disjoint at every moment, ordered by time. */
gt_status gt_sg_timeline_windows(gt_sg_history *history, gt_arena *arena,
                                 const gt_sg_timeline *timeline, gt_sg_window **ret,
                                 size_t *ret_count) GT_MUST_CHECK;

#endif
