/* history_internal.h — the parts of a history; shared inside src/sg. */
#ifndef GT_SG_HISTORY_INTERNAL_H
#define GT_SG_HISTORY_INTERNAL_H

#include "sg/history.h"
#include "sg/pack.h"
#include "sg/sg_internal.h"

typedef struct gt_sg_entry {
    int64_t time;
    const char *blob; /* packed change */
    uint32_t len;
} gt_sg_entry;

/* Entries under one key. */
typedef struct gt_sg_bucket {
    uint32_t *items;
    uint32_t count, cap;
} gt_sg_bucket;

/* What a snapshot says of one group. */
typedef struct gt_sg_anchor {
    gt_str group_id;
    gt_time_ms time;
    gt_sg_rule *rules;
    size_t rule_count;
} gt_sg_anchor;

struct gt_sg_history {
    gt_arena *arena;  /* blobs, strings, anchors: as long as the history */
    gt_arena *sealed; /* what seal() makes: until the next add */
    gt_sg_strings strings;
    gt_sg_entry *entries;
    size_t count, cap;
    char *chunk; /* where the next blob goes */
    size_t chunk_left;
    gt_sg_strings keys;    /* "sg-…", "name:…", "pl-…", "vpc-…", resources */
    gt_sg_bucket *buckets; /* one a key */
    size_t bucket_cap;
    gt_sg_anchor *anchors;
    size_t anchor_count;
    /* sealed */
    bool is_sealed;
    gt_sg_group *groups; /* by id */
    size_t group_count;
    struct gt_sg_names *names;
    struct gt_sg_named *named; /* by-name changes with the group they mean */
    size_t named_count;
    uint8_t *group_ipv6; /* gt_sg_truth of each group: did it get ::/0 when it was made? */
    gt_sg_vpc_fact *vpc_ipv6;
    size_t vpc_ipv6_count;
    gt_sg_vpc_fact *told; /* by gt_sg_history_tell; in `arena` */
    size_t told_count;
};

/* A change that named its group, and what it was resolved to. */
typedef struct gt_sg_named {
    gt_str group_id;
    uint32_t entry;
    bool inferred; /* the only group it can have been, of those the log knows */
} gt_sg_named;

/* The entries under a key; NULL when there are none. */
const gt_sg_bucket *gt_sg_history_bucket(const gt_sg_history *history, gt_str key);
void gt_sg_history_unseal(gt_sg_history *history);
gt_sg_change *gt_sg_history_unpack(gt_sg_history *history, gt_arena *arena, uint32_t entry);
/* What an entry does, without unpacking the rest. */
gt_sg_operation gt_sg_history_operation(const gt_sg_history *history, uint32_t entry);
const gt_sg_anchor *gt_sg_history_anchor_of(const gt_sg_history *history, gt_str group_id);
/* (time, eventID), then the rest, so that equal changes stand side by side. */
int gt_sg_change_cmp(const gt_sg_change *a, const gt_sg_change *b);
/* Sorted by gt_sg_change_cmp, copies of one event removed. */
gt_status gt_sg_changes_sort(gt_arena *scratch, gt_sg_change **changes, size_t *count);

/* names.c: fill history->named. */
gt_status gt_sg_names_resolve(gt_sg_history *history);
/* The id of the group that this name meant in a call; empty when unknown. */
gt_str gt_sg_name_lookup(gt_sg_history *history, const gt_sg_change *call, gt_str name);
/* Had the VPC IPv6 when a group was made in it? */
gt_sg_truth gt_sg_vpc_ipv6(gt_sg_history *history, gt_arena *scratch, const gt_sg_group *group);

/* attached.c: every attachment change that concerns the group, in order. */
gt_status gt_sg_attached_collect(gt_sg_history *history, gt_arena *arena, const gt_sg_group *group,
                                 gt_sg_change ***ret, size_t *count) GT_MUST_CHECK;
/* The spans that these tell, as gt_sg_history_attached gives them. */
gt_status gt_sg_attached_spans(gt_arena *arena, const gt_sg_group *group, gt_sg_change **changes,
                               size_t count, gt_sg_attached **ret, size_t *ret_count) GT_MUST_CHECK;
/* Does this attachment name the group? */
bool gt_sg_attachment_names(const gt_sg_attachment *attachment, const gt_sg_change *change,
                            const gt_sg_group *group);

/* lists.c: the content of a prefix list over time. */
typedef struct gt_sg_list_state {
    const gt_sg_change *change; /* NULL: before the first */
    gt_cidr *entries;
    size_t count;
    bool known; /* false: there may be more entries than these */
} gt_sg_list_state;
typedef struct gt_sg_list_history {
    gt_str id;
    gt_sg_list_state *states; /* [0] is before the first change */
    size_t count;
} gt_sg_list_history;
gt_status gt_sg_list_fold(gt_sg_history *history, gt_arena *arena, gt_str id,
                          gt_sg_list_history **ret) GT_MUST_CHECK;

#endif
