/* internal.h — what the steps of an investigation share. */
#ifndef GT_INVESTIGATE_INTERNAL_H
#define GT_INVESTIGATE_INTERNAL_H

#include "investigate/investigate.h"
#include "investigate/subject.h"
#include "investigate/words.h"
#include "sg/fields.h"
#include "sg/history.h"
#include "sg/sg.h"

/* --- the chain of identities (chain.c) ------------------------------------------------------------ */

typedef enum gt_link_kind {
    GT_LINK_ASSUMED,    /* the session was given out by this STS call */
    GT_LINK_KEY_MADE,   /* the long-term key was created by this call of somebody else */
    GT_LINK_OTHER_COPY, /* the same call as the caller's own account recorded it */
} gt_link_kind;

typedef struct gt_link {
    gt_link_kind kind;
    const gt_event *event; /* the call that gave out what the previous link used */
} gt_link;

typedef enum gt_chain_end {
    GT_END_UNKNOWN, /* the record that would tell is not in these logs */
    GT_END_HUMAN,
    GT_END_USER,    /* an IAM user with a long-term key: a person or a program */
    GT_END_SERVICE,
    GT_END_ROOT,
    GT_END_WORKLOAD, /* an OpenID Connect identity: a pipeline, a pod */
} gt_chain_end;

typedef struct gt_strs {
    gt_str *items;
    size_t count;
    size_t cap;
} gt_strs;
/* Append unless it is there already. */
gt_status gt_strs_add(gt_arena *arena, gt_strs *strs, gt_str s) GT_MUST_CHECK;
bool gt_strs_has(const gt_strs *strs, gt_str s);

typedef struct gt_chain {
    gt_link links[32]; /* from the event back to the first identity */
    size_t link_count;
    const gt_event *first; /* whose identity is the first one known */
    gt_chain_end end;
    gt_str end_text;   /* "the IAM user arn:…", "unknown: …" */
    gt_strs keys;      /* of the path, the event's own first; then those the path gave out later */
    size_t path_keys;  /* how many of keys are the path's */
    gt_str source_identity;
    gt_event_list events; /* all calls made with these keys in the window, in order of time */
    bool by_key;       /* false: the record has no access key; events are by the actor's ARN */
} gt_chain;

/* --- habits (habits.c): what an actor did in the time before the event ---------------------------------- */

/* An event id that is overwritten many times, without new memory each time. */
typedef struct gt_last_id {
    char *text;
    size_t len;
    size_t cap;
} gt_last_id;
static inline gt_str gt_last_id_str(const gt_last_id *id)
{
    return (gt_str){id->text, id->len};
}

typedef struct gt_seen {
    gt_str value;
    gt_time_ms first, last;
    gt_str first_id; /* event */
    gt_last_id last_id;
    uint64_t count;
} gt_seen;

typedef struct gt_seen_list {
    gt_seen *items;
    size_t count;
    size_t cap;
} gt_seen_list;

typedef struct gt_habits {
    bool known;         /* there is an identity to count by */
    int64_t covered_ms; /* how much of the time before the event these logs cover */
    uint64_t events, sg_changes, same_call, same_group, same_region, same_hour, same_key;
    gt_last_id last_sg, last_same_call, last_same_group;
    gt_time_ms first;
    gt_str first_id;
    gt_seen_list addresses, agents;
} gt_habits;

/* --- the investigation ----------------------------------------------------------------------------- */

typedef struct gt_inv {
    gt_arena *arena;
    gt_evidence *evidence;
    const gt_investigate_options *options;
    const gt_expected *expected; /* never NULL */
    gt_time_ms from, until;      /* the window around the event */
    gt_time_ms baseline_from;
    gt_event *event;
    size_t copies;
    gt_sg_change *change; /* NULL: no change of security groups */
    gt_sg_actor actor;    /* class and tool */
    gt_sg_history *history;
    gt_sg_effects *effects; /* of the history; NULL until alerts are looked for */
    gt_event_list sg_events; /* that the history was made of */
    gt_group_view *groups;
    size_t group_count;
    gt_chain chain;
    gt_habits habits;
    gt_ecs *ecs; /* NULL: no mapper */
    gt_json *report;
    gt_json *reasons; /* of the verdict */
    gt_json *timeline_events; /* array, sorted at the end */
    int64_t score;
    unsigned weighed; /* reasons with weight */
    /* What steps found that others need. */
    bool opens_internet; /* ingress */
    bool beyond_ports, completed;
    bool undone;
    gt_str undone_by; /* the last event that did it */
    bool administrator, automation;
    bool in_window;
} gt_inv;

/* --- facts (facts.c) -------------------------------------------------------------------------------- */

typedef struct gt_step {
    gt_inv *inv;
    gt_json *node, *facts, *evidence;
    bool found, nothing;
} gt_step;

/* A step of the array; its status is worked out from its facts by gt_step_end. */
gt_step gt_step_begin(gt_inv *inv, gt_json *array, const char *key, const char *name,
                      const char *question);
void gt_step_end(gt_step *step);

/* What the logs show; what they were looked through for without a result; what they cannot tell.
 * Each returns the fact, for members of its own; NULL without memory (the arena remembers). */
gt_json *gt_fact(gt_step *step, const char *word, const char *fmt, ...) GT_PRINTF(3, 4);
gt_json *gt_fact_nothing(gt_step *step, const char *word, const char *fmt, ...) GT_PRINTF(3, 4);
gt_json *gt_fact_no_data(gt_step *step, const char *word, const char *fmt, ...) GT_PRINTF(3, 4);
/* An event that proves the fact (and its step). */
void gt_fact_proof(gt_step *step, gt_json *fact, gt_str event_id);

/* A reason for the verdict: positive speaks for harm. */
void gt_reason(gt_inv *inv, int weight, gt_str event_id, const char *fmt, ...) GT_PRINTF(4, 5);
/* A line of the timeline. kind: a short word that drawings colour by. */
void gt_timeline_add(gt_inv *inv, const gt_event *event, const char *kind, const char *fmt, ...)
    GT_PRINTF(4, 5);

gt_json *gt_str_node(gt_inv *inv, gt_str s); /* null for a NULL ptr */
gt_str gt_time_words(gt_inv *inv, gt_time_ms time);
/* "3 minutes", "2 hours", "5 days". */
gt_str gt_span_words(gt_inv *inv, int64_t ms);

/* --- reach (reach.c): what a step opened or closed, by ports ------------------------------------------ */

typedef struct gt_reach {
    gt_sg_direction direction;
    gt_str protocol;   /* as in gt_sg_piece */
    int number;        /* of the protocol; -1 all, -2 what is left of all */
    int32_t from, to;
    gt_sg_piece **pieces;
    size_t piece_count;
    const gt_sg_step *step; /* that opened it; NULL for what was closed */
    bool internet;     /* one piece holds an internet address */
    bool whole_v4, whole_v6; /* afterwards every internet address can */
    bool alone_v4, alone_v6; /* and this step opened all of it by itself */
} gt_reach;
/* Group a space by direction, protocol and ports; whole_* are about the state after the view's step. */
gt_status gt_reach_of(gt_inv *inv, const gt_group_view *view, const gt_sg_space *space,
                      gt_reach **ret, size_t *ret_count) GT_MUST_CHECK;
/* The first later step after which every internet address of the family can reach these ports, or
 * some of them (ret_part), while what the view's step added is still in force; NULL when there is
 * none. */
gt_status gt_reach_completed(gt_inv *inv, const gt_group_view *view, const gt_reach *reach, bool v6,
                             const gt_sg_step **ret, gt_reach *ret_part) GT_MUST_CHECK;
/* Fills whole_* and alone_* for the state after the view's step. */
typedef gt_status (*gt_reach_judge)(gt_inv *inv, const gt_group_view *view, gt_reach *reach,
                                    size_t count);
/* reach (tcp or udp), cut where the judgement differs from port to port. */
gt_status gt_reach_by_ports(gt_inv *inv, const gt_group_view *view, const gt_reach *reach,
                            gt_reach_judge judge, gt_reach **ret, size_t *ret_count) GT_MUST_CHECK;
/* The ports that older rules name inside reach (all protocols) and that are open to the whole
 * internet now, while reach as a whole is not. */
gt_status gt_reach_named_ports(gt_inv *inv, const gt_group_view *view, const gt_reach *reach,
                               gt_reach_judge judge, gt_reach **ret,
                               size_t *ret_count) GT_MUST_CHECK;
/* The part of reach that lies in the rule's protocol and ports too; reach itself where that is no
 * part. */
gt_status gt_reach_within(gt_inv *inv, const gt_reach *reach, const gt_sg_rule *rule,
                          gt_reach *ret) GT_MUST_CHECK;
/* Any space by direction, protocol and ports; alone_* say whether it holds all of the internet.
 * around: a step whose rules may stand for many ranges in words, or NULL. */
gt_status gt_reach_of_space(gt_inv *inv, const gt_sg_space *space, const gt_sg_step *around,
                            gt_reach **ret, size_t *ret_count) GT_MUST_CHECK;
/* "tcp/22". */
gt_str gt_reach_ports(gt_inv *inv, const gt_reach *reach);
/* "the whole IPv4 internet and 2001:db8::/32". */
gt_str gt_reach_peers(gt_inv *inv, const gt_reach *reach);
/* Does a rule (of the same group) let some of the same traffic through? */
bool gt_reach_meets(const gt_reach *reach, const gt_sg_rule *rule);
/* {direction, protocol, from_port, to_port, cidr, internet} of all pieces. */
gt_json *gt_reach_json(gt_inv *inv, const gt_reach *reach, size_t count);

/* --- notable calls ------------------------------------------------------------------------------------ */

typedef enum gt_notable_kind {
    GT_NOTABLE_IAM,
    GT_NOTABLE_FOOTHOLD,
    GT_NOTABLE_NETWORK,
    GT_NOTABLE_LOGGING,
} gt_notable_kind;
typedef struct gt_notable {
    const char *name;
    gt_notable_kind kind;
    const char *words;
} gt_notable;
/* NULL when the call is none. */
const gt_notable *gt_notable_of(gt_str event_name);
extern const gt_notable gt_notables[];
extern const size_t gt_notables_count;
/* A call that cannot change anything. */
bool gt_event_reads_only(const gt_event *event);
/* What it was done to, in short: names and ids of the request, "" when there are none. */
gt_str gt_event_target(gt_arena *arena, const gt_event *event);

/* --- parts --------------------------------------------------------------------------------------------- */

gt_status gt_inv_load_groups(gt_inv *inv) GT_MUST_CHECK;
gt_status gt_inv_follow_chain(gt_inv *inv) GT_MUST_CHECK;
gt_status gt_inv_count_habits(gt_inv *inv) GT_MUST_CHECK;
const gt_seen *gt_seen_find(const gt_seen_list *list, gt_str value);
/* Is the call one that changes security groups (rules, groups, attachments)? By its name alone. */
bool gt_event_changes_groups(const gt_event *event);
/* Is the event made with one of the chain's keys? */
bool gt_chain_has(const gt_chain *chain, const gt_event *event);

gt_status gt_step_change(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_step_actor(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_step_exposure(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_step_origin(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_step_persistence(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_step_correlation(gt_inv *inv, gt_json *steps) GT_MUST_CHECK;
gt_status gt_inv_false_positive(gt_inv *inv, gt_json *checks) GT_MUST_CHECK;
/* Did somebody assume the role whom the configuration does not name? A pipeline's or a service's own
 * identity needs no name there. */
bool gt_inv_is_stranger(const gt_inv *inv);
void gt_inv_verdict(gt_inv *inv);
void gt_permissions_review(gt_inv *inv, gt_step *step);

#endif
