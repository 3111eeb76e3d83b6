/* fields.h — gatetrail.security_group.* and gatetrail.actor.*: what rules can ask about an event.
 * Effects are what every change opened and closed given the state before it: folded once from a whole
 * history, then looked up by event. Without a history an event stands alone: its effect is relative to a
 * group of which nothing is known (or, for CreateSecurityGroup, which did not exist).
 *
 * Effects are immutable once made: threads share them. */
#ifndef GT_SG_FIELDS_H
#define GT_SG_FIELDS_H

#include "sg/history.h"

typedef struct gt_sg_effects gt_sg_effects;

/* Fold all groups of the history. It is not needed afterwards. */
gt_status gt_sg_effects_new(gt_sg_history *history, gt_sg_effects **ret) GT_MUST_CHECK;
/* NULL is allowed. */
void gt_sg_effects_free(gt_sg_effects *effects);

/* Set the fields of one event in its document. effects may be NULL: the event stands alone. record is
 * the parsed record, fallback_id names it when it has no eventID. Every document gets
 * gatetrail.actor.class; gatetrail.security_group.* stands where the event is about security groups and
 * succeeded. */
gt_status gt_sg_fields_set(gt_arena *batch, const gt_sg_effects *effects, const gt_json *record,
                           gt_str fallback_id, gt_json *document) GT_MUST_CHECK;

#endif
