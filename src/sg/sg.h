/* sg.h — security groups as first-class objects: rules, and what one record changes about them.
 * change (this header) -> history (history.h) -> exposure (exposure.h).
 *
 * The normaliser reads every shape in which AWS ever logged these calls (nested, flat and wrapped
 * requests; responses with and without rule ids; {items}, lists and single objects; numbers and
 * booleans as text) into one form. What a record does not tell stays unknown and is called unknown.
 * Pure: no I/O, no clock. Everything lives in the arena that the caller passes; strings may be views
 * of the record's text. */
#ifndef GT_SG_SG_H
#define GT_SG_SG_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/timeutil.h"
#include "json/json.h"

typedef enum gt_sg_truth { GT_SG_NOT_TOLD, GT_SG_NO, GT_SG_YES } gt_sg_truth;

/* --- rules --------------------------------------------------------------------------------------- */

typedef enum gt_sg_direction {
    GT_SG_DIRECTION_UNKNOWN, /* a rule known only by an id that no record introduced */
    GT_SG_INGRESS,
    GT_SG_EGRESS,
} gt_sg_direction;

typedef enum gt_sg_peer {
    GT_SG_PEER_UNKNOWN,
    GT_SG_PEER_CIDR,
    GT_SG_PEER_PREFIX_LIST,
    GT_SG_PEER_GROUP,
} gt_sg_peer;

#define GT_SG_PROTOCOL_ALL (-1)
#define GT_SG_TCP 6
#define GT_SG_UDP 17
#define GT_SG_ICMP 1
#define GT_SG_ICMPV6 58

/* One rule, canonical: the protocol is a number, CIDRs are masked, ports are -1/-1 for -1 and for
 * protocols without ports; for icmp and icmpv6 from_port is the type and to_port the code, -1 all. */
typedef struct gt_sg_rule {
    gt_sg_direction direction;
    gt_sg_peer peer;
    int16_t protocol; /* -1 or 0-255 */
    int32_t from_port, to_port;
    gt_cidr cidr;
    gt_str peer_id;      /* "pl-…" or "sg-…"; empty when only the name is told */
    gt_str peer_name;    /* of a referenced group */
    gt_str peer_account; /* of a referenced group; may be empty */
    gt_str rule_id;      /* "sgr-…"; empty when no record told it */
    gt_str description;
    gt_str tags; /* [{"Key":…,"Value":…},…] as JSON, by key; empty when the record told none */
    bool content_known; /* false: the record told the rule's id only */
    /* Not NULL: the record's rule breaks EC2's own constraints (a port outside 0-65535, no CIDR); it
     * opens nothing, is no part of any state and is reported with this text. */
    const char *malformed;
} gt_sg_rule;

/* Same direction, protocol, ports and peer: what EC2 calls a duplicate. Ids and descriptions do not
 * count. Both must have their content known. */
bool gt_sg_rule_same(const gt_sg_rule *a, const gt_sg_rule *b);
/* A total order over content, then description and id; for output that never depends on arrival. */
int gt_sg_rule_cmp(const gt_sg_rule *a, const gt_sg_rule *b);
/* "tcp", "udp", "icmp", "icmpv6", "-1", or the number as text. */
gt_str gt_sg_protocol_text(int protocol, char out[8]);
/* The rule as DescribeSecurityGroupRules prints it (SecurityGroupRuleId … Description); members that
 * are not known are left out. group_id and owner may be empty. NULL without memory. */
gt_json *gt_sg_rule_json(gt_arena *arena, const gt_sg_rule *rule, gt_str group_id, gt_str owner);
/* For people: "ingress tcp 22 0.0.0.0/0". ptr NULL without memory. */
gt_str gt_sg_rule_text(gt_arena *arena, const gt_sg_rule *rule);

/* --- actors -------------------------------------------------------------------------------------- */

/* Decided from what a caller cannot choose first (identity type, invoking service, federation,
 * console mark), only then from the user agent. Session names never decide. */
#define GT_SG_ACTOR_MAP(X)                                                                         \
    X(UNKNOWN, "unknown")                                                                          \
    X(CONSOLE, "human console")                                                                    \
    X(CLI, "human CLI")                                                                            \
    X(IAC, "infrastructure as code")                                                               \
    X(CI, "CI")                                                                                    \
    X(SERVICE, "AWS service")                                                                      \
    X(CONTROLLER, "controller")                                                                    \
    X(ROOT, "root")

typedef enum gt_sg_actor_class {
#define GT_SG_ACTOR_ENUM(name, text) GT_SG_ACTOR_##name,
    GT_SG_ACTOR_MAP(GT_SG_ACTOR_ENUM)
#undef GT_SG_ACTOR_ENUM
} gt_sg_actor_class;

typedef struct gt_sg_actor {
    gt_str arn;        /* userIdentity.arn; empty when the record has none */
    gt_str invoked_by; /* the service that called on someone's behalf */
    gt_str address;    /* sourceIPAddress: an address or a service's host name */
    gt_str tool;       /* "Terraform 1.13.5", "aws-cli 2.17.60", "console": from the user agent */
    gt_str basis;      /* the field that decided the class: "invokedBy", "userAgent", … */
    gt_sg_actor_class class;
} gt_sg_actor;

const char *gt_sg_actor_class_text(gt_sg_actor_class class);
/* Never fails; what cannot be told stays empty or GT_SG_ACTOR_UNKNOWN. */
gt_sg_actor gt_sg_actor_of(gt_arena *arena, const gt_json *record);

/* --- changes ------------------------------------------------------------------------------------- */

#define GT_SG_OPERATION_MAP(X)                                                                     \
    X(CREATE, "create")                                                                            \
    X(AUTHORIZE, "authorize")                                                                      \
    X(REVOKE, "revoke")                                                                            \
    X(MODIFY, "modify")                                                                            \
    X(DESCRIBE, "describe")                                                                        \
    X(DELETE, "delete")                                                                            \
    X(ATTACH, "attach")                                                                            \
    X(DETACH, "detach")                                                                            \
    X(PREFIX_LIST, "prefix-list")                                                                  \
    X(VPC, "vpc")

typedef enum gt_sg_operation {
#define GT_SG_OPERATION_ENUM(name, text) GT_SG_##name,
    GT_SG_OPERATION_MAP(GT_SG_OPERATION_ENUM)
#undef GT_SG_OPERATION_ENUM
} gt_sg_operation;
const char *gt_sg_operation_text(gt_sg_operation operation);

typedef enum gt_sg_outcome {
    GT_SG_APPLIED, /* as far as the record tells */
    GT_SG_FAILED,  /* errorCode set, or the response says false */
    GT_SG_DRY_RUN, /* a probe that would have succeeded */
} gt_sg_outcome;

/* How sure the list of rules is. */
typedef enum gt_sg_confidence {
    GT_SG_FROM_RESPONSE, /* AWS answered with these very rules */
    GT_SG_FROM_REQUEST,  /* what was asked for */
    GT_SG_IDS_ONLY,      /* some rules are told by id alone */
    GT_SG_INCOMPLETE,    /* the request was omitted or cut: there may be more */
} gt_sg_confidence;

/* What one call said about the groups of one resource. */
typedef enum gt_sg_attach_mode {
    GT_SG_ATTACH_SET, /* the resource has exactly these groups from now on */
    GT_SG_ATTACH_ADD,
    GT_SG_ATTACH_REMOVE,
    GT_SG_ATTACH_END, /* the resource is gone */
} gt_sg_attach_mode;

typedef struct gt_sg_attachment {
    gt_str resource;  /* "i-…", "eni-…", a database's, balancer's or endpoint's name; may be empty */
    gt_str interface; /* an instance's first interface; may be empty */
    gt_str kind;      /* "instance", "interface", "database", … */
    gt_sg_attach_mode mode;
    gt_str vpc_id;    /* of the resource; may be empty */
    gt_str *groups;   /* ids; a name stands as "name:NAME" */
    gt_str *names;    /* of each group that has an id; may be empty */
    size_t group_count;
} gt_sg_attachment;

typedef struct gt_sg_change {
    gt_str event_id;
    gt_str event_name;
    gt_str account, region;
    gt_time_ms time; /* GT_SG_NO_TIME when the record has no eventTime */
    gt_sg_operation operation;
    gt_sg_outcome outcome;
    gt_str error_code;
    gt_sg_confidence confidence;
    gt_sg_actor actor;

    gt_str group_id, group_name; /* either may be empty: a name is resolved by the history */
    gt_str vpc_id, group_description;
    gt_sg_direction direction;
    gt_sg_rule *rules; /* authorised, revoked, modified (the new content) or described */
    size_t rule_count;
    gt_sg_rule *unmatched; /* of a revoke: what AWS says matched no rule */
    size_t unmatched_count;

    bool default_group; /* set by the history: a VPC's own group, which CreateVpc made */
    bool inferred; /* set by the history: the group is the only one the name can have meant */

    gt_sg_attachment *attachments;
    size_t attachment_count;

    gt_str prefix_list;  /* GT_SG_PREFIX_LIST */
    int64_t list_version; /* before the change; -1 when not told */
    bool list_created, list_deleted, list_restored;
    gt_cidr *list_added, *list_removed;
    size_t list_added_count, list_removed_count;

    bool vpc_default, vpc_created; /* GT_SG_VPC */
    bool vpc_ipv6;
} gt_sg_change;

#define GT_SG_NO_TIME INT64_MIN

/* Can a record of this eventName say anything about security groups? Cheap: for every record. */
bool gt_sg_event_name(gt_str event_name);

/* Normalise one parsed record (wrappers taken off; an EventBridge `detail` is unwrapped here too).
 * fallback_id  stands in for a missing eventID (the caller hashes the record's bytes); may be empty.
 * ret          NULL when the record is about something else (a ModifyInstanceAttribute without groups).
 * GT_OK, GT_NOMEM or GT_LIMIT (the arena's cap). A strange record is never an error. */
gt_status gt_sg_change_of(gt_arena *arena, const gt_json *record, gt_str fallback_id,
                          gt_sg_change **ret) GT_MUST_CHECK;

/* The permissions of DescribeSecurityGroups, of a request or of an AWS Config item (any case of keys)
 * as rules appended to *rules. false without memory. */
bool gt_sg_permissions_read(gt_arena *arena, const gt_json *permissions, gt_sg_direction direction,
                            gt_sg_rule **rules, size_t *count) GT_MUST_CHECK;
/* One row of securityGroupRuleSet or DescribeSecurityGroupRules. otherwise: the direction when the row
 * has no isEgress. Without memory the arena knows. */
gt_sg_rule gt_sg_row_read(gt_arena *arena, const gt_json *row, gt_sg_direction otherwise);

#endif
