#include "ecs/ecs_internal.h"

__attribute__((always_inline)) static inline size_t slot_of(uint32_t scope, gt_str key)
{
    /* Keys are short: their ends and length tell nearly all of them apart. */
    uint64_t head = 0, tail = 0;
    if (key.len >= 8) {
        memcpy(&head, key.ptr, 8);
        memcpy(&tail, key.ptr + key.len - 8, 8);
    } else if (key.len >= 4) {
        memcpy(&head, key.ptr, 4);
        memcpy(&tail, key.ptr + key.len - 4, 4);
    } else if (key.len) {
        head = (unsigned char)key.ptr[0];
        tail = (unsigned char)key.ptr[key.len - 1];
    }
    uint64_t h = head * UINT64_C(0x9E3779B97F4A7C15) ^ tail * UINT64_C(0xC2B2AE3D27D4EB4F) ^
                 (key.len + (uint64_t)scope * 64) * UINT64_C(0x165667B19E3779F9);
    return (size_t)(h ^ h >> 29 ^ h >> 47);
}

bool gt_names_init(names *n, gt_arena *arena, size_t count)
{
    size_t size = 16;
    while (size < count * 3)
        size *= 2;
    n->entries = gt_arena_array(arena, names_entry, size);
    n->mask = size - 1;
    return n->entries != NULL;
}

void gt_names_add(names *n, uint32_t scope, gt_str key, uint32_t value)
{
    size_t at = slot_of(scope, key) & n->mask;
    while (n->entries[at].key.ptr)
        at = (at + 1) & n->mask;
    n->entries[at] = (names_entry){key, scope, value};
}

uint32_t gt_names_find(const names *n, uint32_t scope, gt_str key)
{
    size_t at = slot_of(scope, key) & n->mask;
    for (; n->entries[at].key.ptr; at = (at + 1) & n->mask)
        if (n->entries[at].scope == scope && gt_str_eq(n->entries[at].key, key))
            return n->entries[at].value;
    return NAMES_NONE;
}
