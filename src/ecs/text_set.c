#include "ecs/text_set.h"

#include "base/hash.h"
#include "ecs/jstr.h"

#include <stdlib.h>

#define FEW 16

static size_t slot_of(const text_set *set, gt_str text)
{
    size_t at = (size_t)gt_hash64(text, (uintptr_t)set) & set->mask;
    while (set->table[at] && !gt_str_eq(set->items[set->table[at] - 1], text))
        at = (at + 1) & set->mask;
    return at;
}

static bool grow(text_set *set, gt_arena *arena)
{
    size_t cap = set->cap ? set->cap * 2 : FEW, old = set->cap * sizeof(gt_str);
    gt_str *items = gt_arena_grow(arena, set->items, old, cap * sizeof(gt_str));
    uint32_t *table = cap > FEW ? gt_arena_array(arena, uint32_t, cap * 2) : NULL;
    if (!items || (cap > FEW && !table))
        return false;
    *set = (text_set){items, set->count, cap, table, cap * 2 - 1};
    for (size_t i = 0; table && i < set->count; i++)
        table[slot_of(set, items[i])] = (uint32_t)i + 1;
    return true;
}

size_t gt_text_set_add(text_set *set, gt_arena *arena, gt_str text, bool *ret_added)
{
    *ret_added = false;
    if (set->count == set->cap && !grow(set, arena))
        return SIZE_MAX;
    if (set->table) {
        size_t at = slot_of(set, text);
        if (set->table[at])
            return set->table[at] - 1;
        set->table[at] = (uint32_t)set->count + 1;
    } else {
        for (size_t i = 0; i < set->count; i++)
            if (gt_str_eq(set->items[i], text))
                return i;
    }
    set->items[set->count] = text;
    *ret_added = true;
    return set->count++;
}

static int cmp_texts(const void *a, const void *b)
{
    return gt_jstr_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

void gt_text_set_sort(text_set *set)
{
    if (set->count > FEW) {
        qsort(set->items, set->count, sizeof *set->items, cmp_texts);
        return;
    }
    for (size_t i = 1; i < set->count; i++) {
        gt_str text = set->items[i];
        size_t at = i;
        for (; at && gt_jstr_cmp(set->items[at - 1], text) > 0; at--)
            set->items[at] = set->items[at - 1];
        set->items[at] = text;
    }
}
