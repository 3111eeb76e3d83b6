/* pack.h — changes as bytes. With a table, strings are written once there and named by number; without
 * one the bytes stand alone (for the database). Inside src/sg only. */
#ifndef GT_SG_PACK_H
#define GT_SG_PACK_H

#include "sg/sg.h"

typedef struct gt_sg_strings {
    gt_arena *arena; /* owns the bytes */
    gt_str *items;
    size_t count, cap;
    uint32_t *slots; /* item + 1; 0 = free */
    size_t slot_count;
} gt_sg_strings;

void gt_sg_strings_done(gt_sg_strings *strings);
/* The number of s, added when new; false without memory. */
bool gt_sg_strings_add(gt_sg_strings *strings, gt_str s, uint32_t *ret);
bool gt_sg_strings_find(const gt_sg_strings *strings, gt_str s, uint32_t *ret);

/* What packed bytes do, without unpacking them. */
static inline gt_sg_operation gt_sg_packed_operation(const char *bytes)
{
    return (gt_sg_operation)(*bytes & 15);
}

void gt_sg_pack(const gt_sg_change *change, gt_sg_strings *strings, gt_buf *out);
/* Strings are views of `strings`, of bytes, or live in the arena. false: damaged bytes or no memory
 * (gt_arena_status tells). */
bool gt_sg_unpack(gt_arena *arena, gt_str bytes, const gt_sg_strings *strings, gt_sg_change **ret);

#endif
