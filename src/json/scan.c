#include "json/scan_internal.h"

#include <string.h>

/* --- the plan ----------------------------------------------------------------------------------*/

typedef struct builder {
    gt_arena *rules;
    gt_scan_plan *plan;
} builder;

static bool is_short(gt_str key)
{
    return key.len < SCAN_HASHED_BYTES;
}

static uint16_t *list_of(scan_node *node, gt_str key)
{
    uint64_t first8 = 0;
    if (is_short(key))
        return &node->shorts;
    memcpy(&first8, key.ptr, SCAN_HASHED_BYTES);
    return &node->bucket[scan_bucket(first8)];
}

static scan_entry *find_entry(const gt_scan_plan *plan, unsigned node, gt_str key)
{
    unsigned e = *list_of(&plan->nodes[node], key);
    while (e && !gt_str_eq(plan->entries[e].key, key))
        e = plan->entries[e].next;
    return e ? &plan->entries[e] : NULL;
}

static scan_entry *entry_of(builder *b, unsigned node, gt_str key)
{
    gt_scan_plan *plan = b->plan;
    scan_entry *entry = find_entry(plan, node, key);
    if (entry)
        return entry;
    uint16_t *list = list_of(&plan->nodes[node], key);
    entry = &plan->entries[plan->entry_count];
    entry->key = gt_arena_dup(b->rules, key);
    if (!entry->key.ptr)
        return NULL;
    entry->next = *list;
    *list = (uint16_t)plan->entry_count++;
    return entry;
}

static bool add_path(builder *b, const gt_scan_path *path, size_t slot)
{
    unsigned node = 1;
    for (size_t i = 0; i < path->count; i++) {
        scan_entry *entry = entry_of(b, node, path->keys[i]);
        if (!entry)
            return false;
        if (i + 1 == path->count) {
            entry->slot = (uint16_t)(slot + 1);
            return true;
        }
        entry->below[entry->below_count++] = (uint16_t)slot;
        if (!entry->child)
            entry->child = (uint16_t)b->plan->node_count++;
        node = entry->child;
    }
    return true;
}

gt_status gt_scan_plan_new(gt_arena *rules, const gt_scan_path *paths, size_t count,
                           const gt_scan_plan **ret)
{
    size_t steps = 2;
    for (size_t i = 0; i < count; i++)
        steps += paths[i].count;
    if (steps > GT_SCAN_NODES_MAX)
        return GT_LIMIT;
    builder b = {.rules = rules, .plan = gt_arena_new_of(rules, gt_scan_plan)};
    if (!b.plan)
        return gt_arena_status(rules);
    b.plan->nodes = gt_arena_array(rules, scan_node, steps);
    b.plan->entries = gt_arena_array(rules, scan_entry, steps);
    uint16_t *below = gt_arena_array(rules, uint16_t, steps * (count ? count : 1));
    if (!b.plan->nodes || !b.plan->entries || !below)
        return gt_arena_status(rules);
    for (size_t i = 0; i < steps; i++)
        b.plan->entries[i].below = below + i * count;
    b.plan->node_count = 2;
    b.plan->entry_count = 1;
    b.plan->slot_count = count;
    for (size_t i = 0; i < count; i++)
        if (!add_path(&b, &paths[i], i))
            return gt_arena_status(rules);
    *ret = b.plan;
    return GT_OK;
}

/* --- picking -----------------------------------------------------------------------------------*/

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_white(const char *p, const char *end)
{
    while (p < end && is_white(*p))
        p++;
    return p;
}

static unsigned note(const scan_entry *entry, const char *value, const char **values)
{
    for (size_t i = 0; i < entry->below_count; i++)
        values[entry->below[i]] = NULL;
    if (entry->slot)
        values[entry->slot - 1] = value;
    return entry->child;
}

static unsigned visit_list(const gt_scan_plan *plan, unsigned e, const char *text, const char *end,
                           const char **values, bool *ret_found)
{
    for (; e; e = plan->entries[e].next) {
        const scan_entry *entry = &plan->entries[e];
        if ((size_t)(end - text) <= entry->key.len || text[entry->key.len] != '"' ||
            memcmp(text, entry->key.ptr, entry->key.len) != 0)
            continue;
        const char *value = skip_white(text + entry->key.len + 1, end);
        if (value < end && *value == ':')
            value = skip_white(value + 1, end);
        *ret_found = true;
        return note(entry, value < end ? value : NULL, values);
    }
    return 0;
}

unsigned scan_visit(const gt_scan_plan *plan, unsigned node, unsigned bucket, const char *text,
                    const char *end, const char **values)
{
    const scan_node *n = &plan->nodes[node];
    bool found = false;
    unsigned child = visit_list(plan, n->bucket[bucket], text, end, values, &found);
    return found ? child : visit_list(plan, n->shorts, text, end, values, &found);
}

/* The key at p ('"') compared with the plan after decoding; few keys have escapes, but a record must
 * not hide behind one. Keys longer than any of the plan match nothing. */
static const scan_entry *match_decoded(const gt_scan_plan *plan, unsigned node, const char *p,
                                       const char *end)
{
    for (size_t e = 1; e < plan->entry_count; e++) {
        const scan_entry *entry = &plan->entries[e];
        if (find_entry(plan, node, entry->key) == entry && scan_key_is(p, end, entry->key))
            return entry;
    }
    return NULL;
}

static void pick_object(const gt_scan_plan *plan, unsigned node, const char *p, const char *end,
                        const char **values)
{
    p = skip_white(p + 1, end);
    while (p < end && *p == '"') {
        const scan_entry *entry = match_decoded(plan, node, p, end);
        p = skip_white(gt_scan_value_end(p, end), end);
        p = skip_white(p + 1, end);
        unsigned child = entry ? note(entry, p, values) : 0;
        if (child && *p == '{')
            pick_object(plan, child, p, end, values);
        p = skip_white(gt_scan_value_end(p, end), end);
        if (p < end && *p == ',')
            p = skip_white(p + 1, end);
    }
}

void scan_pick_slowly(const gt_scan_plan *plan, const char *text, const char *end,
                      const char **values)
{
    memset(values, 0, plan->slot_count * sizeof *values);
    if (*text == '{')
        pick_object(plan, 1, text, end, values);
}

/* --- choosing ----------------------------------------------------------------------------------*/

const gt_scanner *const *gt_scanners(size_t *ret_count)
{
#if defined(__x86_64__)
    static const gt_scanner *const all[] = {&scan_avx512, &scan_avx2, &scan_sse2, &scan_scalar};
    const size_t count = sizeof all / sizeof *all;
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi2") &&
                  __builtin_cpu_supports("vpclmulqdq");
    size_t first = avx512 ? 0 : avx2 ? 1 : 2;
    *ret_count = count - first;
    return all + first;
#else
    static const gt_scanner *const all[] = {&scan_scalar};
    *ret_count = 1;
    return all;
#endif
}
