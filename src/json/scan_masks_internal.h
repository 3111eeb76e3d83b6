/* scan_masks_internal.h — 64 bytes as masks, bit i for byte i. */
#ifndef GT_JSON_SCAN_MASKS_INTERNAL_H
#define GT_JSON_SCAN_MASKS_INTERNAL_H

#include <stdint.h>

typedef struct scan_masks {
    uint64_t quote, backslash;
    uint64_t open, close; /* '{' '['; '}' ']' */
    uint64_t curly;       /* of the brackets: those that are curly; elsewhere anything */
    uint64_t colon, comma;
    uint64_t low;   /* 0x00-0x20 */
    uint64_t space; /* 0x20 */
} scan_masks;

#endif
