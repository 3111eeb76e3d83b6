#include "ecs/fragment.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

typedef struct entry {
    gt_str text;
    fragment *value;
} entry;

struct gt_fragments {
    gt_arena *arena;
    entry *table;
    size_t count;
};

#define SLOTS (GT_ECS_CACHE_ENTRIES * 2)

void gt_fragment_add(fragment *f, object_id object, const char *key, gt_json_type type, gt_str text)
{
    if (!text.len)
        return;
    gt_assert(f->count < FRAGMENT_FIELDS_MAX);
    f->fields[f->count++] = (fragment_field){(uint8_t)object, (uint8_t)type, gt_str_c(key), text};
}

gt_fragments *gt_fragments_new(void)
{
    gt_fragments *all = gt_calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->arena = gt_arena_new(GT_ECS_CACHE_BYTES);
    all->table = gt_calloc(SLOTS, sizeof *all->table);
    if (!all->arena || !all->table) {
        gt_fragments_free(all);
        return NULL;
    }
    return all;
}

void gt_fragments_free(gt_fragments *all)
{
    if (!all)
        return;
    gt_arena_free(all->arena);
    gt_free(all->table);
    gt_free(all);
}

static entry *slot_of(const gt_fragments *all, gt_str text)
{
    size_t at = (size_t)gt_hash64(text, (uintptr_t)all) & (SLOTS - 1);
    while (all->table[at].text.ptr && !gt_str_eq(all->table[at].text, text))
        at = (at + 1) & (SLOTS - 1);
    return &all->table[at];
}

const fragment *gt_fragments_find(const gt_fragments *all, gt_str text)
{
    return slot_of(all, text)->value;
}

static void empty(gt_fragments *all)
{
    memset(all->table, 0, SLOTS * sizeof *all->table);
    gt_arena_reset(all->arena, GT_ECS_CACHE_BYTES);
    all->count = 0;
}

static bool keep(gt_fragments *all, gt_str text, const fragment *f)
{
    fragment *copy = gt_arena_alloc(all->arena, sizeof *copy);
    gt_str name = gt_arena_dup(all->arena, text);
    if (!copy || !name.ptr)
        return false;
    copy->count = f->count;
    for (size_t i = 0; i < f->count; i++) {
        copy->fields[i] = f->fields[i];
        copy->fields[i].text = gt_arena_dup(all->arena, f->fields[i].text);
        if (!copy->fields[i].text.ptr)
            return false;
    }
    copy->ready = f->ready.ptr ? gt_arena_dup(all->arena, f->ready) : GT_STR_NULL;
    if (f->ready.ptr && !copy->ready.ptr)
        return false;
    *slot_of(all, text) = (entry){name, copy};
    all->count++;
    return true;
}

void gt_fragments_keep(gt_fragments *all, gt_str text, const fragment *f)
{
    if (all->count == GT_ECS_CACHE_ENTRIES)
        empty(all);
    if (!keep(all, text, f)) {
        empty(all); /* the arena's cap, or no memory: start anew */
    }
}

void gt_fragment_put(mapping *m, const fragment *f)
{
    size_t total = 0;
    for (size_t i = 0; i < f->count; i++)
        total += f->fields[i].text.len;
    char *p = total ? gt_arena_alloc(m->batch, total) : NULL;
    if (!p) {
        m->failed |= total > 0;
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        const fragment_field *field = &f->fields[i];
        gt_json *node = gt_doc_node(m, (gt_json_type)field->type);
        if (!node)
            return;
        memcpy(p, field->text.ptr, field->text.len);
        node->str = (gt_str){p, field->text.len};
        p += field->text.len;
        gt_doc_put(m, (object_id)field->object, field->key, node);
    }
}
