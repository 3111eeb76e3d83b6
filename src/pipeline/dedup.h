/* dedup.h — which records were seen before: 12 bytes a record, 15 to 25 with the table's slack.
 * An eventID is kept as 64 bits of hash and the record's bytes as 32 more. A duplicate is dropped
 * only when both agree. The hashes have a random secret, so that nobody can make a record that looks
 * like a copy of another one. */
#ifndef GT_PIPELINE_DEDUP_H
#define GT_PIPELINE_DEDUP_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct gt_dedup gt_dedup;

typedef enum gt_seen {
    GT_SEEN_NEW,
    GT_SEEN_SAME,  /* this id with these bytes */
    GT_SEEN_OTHER, /* this id with other bytes only */
} gt_seen;

gt_dedup *gt_dedup_new(void);
void gt_dedup_free(gt_dedup *dedup);
/* GT_SCAN_SECRET bytes for the hashes, drawn at random when it was made. */
const uint8_t *gt_dedup_secret(const gt_dedup *dedup);
/* Look up and remember. GT_OK or GT_NOMEM. */
gt_status gt_dedup_see(gt_dedup *dedup, uint64_t id, uint64_t content, gt_seen *ret) GT_MUST_CHECK;
/* Have the memory that gt_dedup_see(id) will look at on its way. */
void gt_dedup_prefetch(const gt_dedup *dedup, uint64_t id);
/* Bytes of the table, and records in it. */
size_t gt_dedup_bytes(const gt_dedup *dedup);
size_t gt_dedup_count(const gt_dedup *dedup);

#endif
