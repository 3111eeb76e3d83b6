/* fragment.h — small pieces of documents that are worked out once per text (a user agent, an
 * address) and then copied into every document that has the text. One thread; bounded, and emptied
 * when full. Documents never point into the cache. */
#ifndef GT_ECS_FRAGMENT_H
#define GT_ECS_FRAGMENT_H

#include "ecs/ecs_internal.h"

#define FRAGMENT_FIELDS_MAX 12

typedef struct fragment_field {
    uint8_t object; /* object_id */
    uint8_t type;   /* gt_json_type: a string or a number */
    gt_str key;     /* a literal */
    gt_str text;
} fragment_field;

typedef struct fragment {
    fragment_field fields[FRAGMENT_FIELDS_MAX];
    size_t count;
    gt_str ready; /* all of it as text (ready.h); ptr NULL: not made */
} fragment;

/* Add a field; empty text is passed over. Texts must live until the fragment is kept. */
void gt_fragment_add(fragment *f, object_id object, const char *key, gt_json_type type,
                     gt_str text);

/* NULL without memory. */
gt_fragments *gt_fragments_new(void);
void gt_fragments_free(gt_fragments *all);
/* The fragment kept for text, or NULL. Valid until the next gt_fragments_keep. */
const fragment *gt_fragments_find(const gt_fragments *all, gt_str text);
/* Keep a copy; without memory nothing is kept, which costs time only. */
void gt_fragments_keep(gt_fragments *all, gt_str text, const fragment *f);
/* Write the fields into the document; texts are copied into the batch. */
void gt_fragment_put(mapping *m, const fragment *f);

#endif
