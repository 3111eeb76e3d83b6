/* subject.h — one event with the history of the groups it is about: what a response starts from. */
#ifndef GT_INVESTIGATE_SUBJECT_H
#define GT_INVESTIGATE_SUBJECT_H

#include "investigate/evidence.h"
#include "investigate/investigate.h"
#include "sg/history.h"

/* A group as the event left it. */
typedef struct gt_group_view {
    gt_str id;
    const gt_sg_timeline *timeline; /* NULL: no change names it */
    const gt_sg_step *step;         /* the event's; NULL when it is none of this group's */
    gt_sg_effect effect;            /* of that step */
} gt_group_view;

typedef struct gt_subject {
    const gt_event *event;
    const gt_sg_change *change; /* NULL: no change of security groups */
    gt_sg_actor actor;
    gt_sg_history *history;     /* owned; NULL without a change */
    const gt_group_view *groups;
    size_t group_count;
    gt_event_list sg_events;    /* the records the history was made of */
} gt_subject;

/* As gt_investigate finds it. GT_NOTFOUND. Lives in the evidence's arena; gt_subject_done frees the
 * history that it points into. */
gt_status gt_subject_load(gt_evidence *evidence, gt_str event_or_alert_id,
                          const gt_investigate_options *options, gt_subject *ret) GT_MUST_CHECK;
void gt_subject_done(gt_subject *subject);

/* Was the version in force just before, or just after, the step? */
bool gt_version_before(const gt_sg_version *version, const gt_sg_step *step);
bool gt_version_after(const gt_sg_version *version, const gt_sg_step *step);

#endif
