/* sg_internal.h — reading JSON whose shape depends on who wrote it down; shared inside src/sg. */
#ifndef GT_SG_SG_INTERNAL_H
#define GT_SG_SG_INTERNAL_H

#include "sg/sg.h"

/* The member of this name, letters compared without case; the exact spelling wins. */
gt_json *gt_sg_field(const gt_json *object, const char *name);
/* As gt_sg_field, then one object deeper (the wrappers "XRequest", "XResponse"). */
gt_json *gt_sg_field_deep(const gt_json *object, const char *name);
/* A scalar as text, taken out of a one-element list; empty for anything else. */
gt_str gt_sg_text(const gt_json *node);
gt_str gt_sg_field_text(const gt_json *object, const char *name);
/* true, "true", "True", 1: GT_SG_YES. */
gt_sg_truth gt_sg_bool(const gt_json *node);

/* Lists are written {"items":[…]}, {"item":…}, […], a single object, or {} when empty: walk them all.
 * for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it)) */
typedef struct gt_sg_list {
    const gt_json *at;
    bool single;
} gt_sg_list;
const gt_json *gt_sg_items(const gt_json *list, gt_sg_list *it);
const gt_json *gt_sg_items_next(gt_sg_list *it);

/* A list of tags, {key, value} in any case of letters, as gt_sg_rule has them. */
gt_str gt_sg_tags_read(gt_arena *arena, const gt_json *list);

/* requestParameters and responseElements without their wrapper. */
const gt_json *gt_sg_unwrap(const gt_json *parameters, const char *suffix);

/* A protocol's name or number; false when it is neither. */
bool gt_sg_protocol_read(gt_str text, int16_t *ret);
/* Check and canonicalise protocol and ports; sets malformed. */
void gt_sg_ports_set(gt_sg_rule *rule, const gt_json *protocol, const gt_json *from,
                     const gt_json *to);

/* A total order over what gt_sg_rule_same compares. */
int gt_sg_rule_content_cmp(const gt_sg_rule *a, const gt_sg_rule *b);
bool gt_sg_rule_push(gt_arena *arena, gt_sg_rule **rules, size_t *count, const gt_sg_rule *rule);

/* attach.c: fill change->attachments; false without memory. */
bool gt_sg_attachments_read(gt_arena *arena, gt_str event, const gt_json *request,
                            const gt_json *response, gt_sg_change *change);

#endif
