/* search.h — every document that a query finds, in the order of time, out of a point-in-time view.
 *
 * Slices of the shards are read in parallel, a page ahead, and merged: hits come in the order of
 * @timestamp, then of event.id. When a node dies and takes its part of the view along, a new view is
 * opened and reading goes on at the time of the last hit; hits of that instant that were given already
 * are not given again. Nothing partial is taken for whole. */
#ifndef GT_CLUSTER_SEARCH_H
#define GT_CLUSTER_SEARCH_H

#include "cluster/cluster.h"

typedef struct gt_search_options {
    const gt_cluster_options *cluster;
    gt_str index;         /* name, list or pattern */
    const gt_json *query; /* Query DSL; NULL: everything */
    unsigned slices;      /* 0: as many as shards, at most GT_SEARCH_SLICES_MAX */
    size_t page;          /* hits of one request; 0: GT_SEARCH_PAGE */
} gt_search_options;

typedef struct gt_hit {
    gt_str id;
    gt_str index;
    gt_json *source;
} gt_hit;

typedef struct gt_search_counts {
    uint64_t hits;
    uint64_t pages;
    uint64_t restarts; /* views that were lost */
} gt_search_counts;

typedef struct gt_search gt_search;

/* GT_OK, GT_NOMEM, or as gt_cluster_call (GT_NOTFOUND: no such index), with reterr_message. */
gt_status gt_search_open(const gt_search_options *options, gt_search **ret, gt_buf *reterr_message)
    GT_MUST_CHECK;
/* The next hit; it lives until the next call. GT_END behind the last. */
gt_status gt_search_next(gt_search *search, gt_hit *ret, gt_buf *reterr_message) GT_MUST_CHECK;
/* Give the view back. NULL is allowed; ret_counts may be NULL. */
void gt_search_close(gt_search *search, gt_search_counts *ret_counts);

/* How many documents a query finds, and no more. */
gt_status gt_search_count(gt_cluster *cluster, gt_arena *arena, gt_str index, const gt_json *query,
                          uint64_t *ret) GT_MUST_CHECK;

/* How the indices map fields: for gt_dsl_target.field. Where indices differ in a field, none counts. */
typedef struct gt_mappings gt_mappings;
gt_status gt_mappings_read(gt_cluster *cluster, gt_arena *arena, gt_str index, gt_mappings **ret)
    GT_MUST_CHECK;
gt_dsl_field gt_mappings_field(void *mappings, gt_str name);
/* Is there any index at all? A pattern may fit none. */
bool gt_mappings_any(const gt_mappings *mappings);

#endif
