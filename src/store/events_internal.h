/* events_internal.h — the form of a block.
 * event_raw.keys: 16 bytes an event (the 128-bit hash of its bytes), little endian.
 * event_raw.data: one zstd frame with its checksum: gt_event_head for each event, then the records'
 * bytes one after the other, in the same order. */
#ifndef GT_STORE_EVENTS_INTERNAL_H
#define GT_STORE_EVENTS_INTERNAL_H

#include <endian.h>
#include <stdlib.h>

#include "base/buf.h"
#include "store/events.h"

#define GT_EVENT_KEY_BYTES 16

typedef struct __attribute__((packed)) gt_event_head {
    uint64_t time; /* little endian, two's complement */
    uint32_t len;
} gt_event_head;
_Static_assert(sizeof(gt_event_head) == 12, "a head is 12 bytes in the file");

static inline gt_hash128 gt_event_key_read(const char *bytes)
{
    uint64_t key[2];
    memcpy(key, bytes, sizeof key);
    return (gt_hash128){le64toh(key[0]), le64toh(key[1])};
}

#endif
