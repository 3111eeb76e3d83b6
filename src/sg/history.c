#include "sg/history_internal.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>

#define CHUNK_BYTES ((size_t)64 << 10)

gt_sg_history *gt_sg_history_new(void)
{
    gt_sg_history *h = gt_calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->arena = gt_arena_new(GT_SG_HISTORY_MAX);
    h->sealed = gt_arena_new(GT_SG_HISTORY_MAX);
    h->strings.arena = h->keys.arena = h->arena;
    if (!h->arena || !h->sealed) {
        gt_sg_history_free(h);
        return NULL;
    }
    return h;
}

void gt_sg_history_free(gt_sg_history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->keys.count && h->buckets; i++)
        gt_free(h->buckets[i].items);
    gt_free(h->buckets);
    gt_free(h->entries);
    gt_sg_strings_done(&h->strings);
    gt_sg_strings_done(&h->keys);
    gt_arena_free(h->arena);
    gt_arena_free(h->sealed);
    gt_free(h);
}

size_t gt_sg_history_count(const gt_sg_history *h)
{
    return h->count;
}

size_t gt_sg_history_bytes(const gt_sg_history *h)
{
    size_t bytes = gt_arena_bytes(h->arena) + h->cap * sizeof *h->entries +
                   h->bucket_cap * sizeof *h->buckets +
                   (h->strings.cap + h->keys.cap) * sizeof(gt_str) +
                   (h->strings.slot_count + h->keys.slot_count) * sizeof(uint32_t);
    for (size_t i = 0; i < h->keys.count; i++)
        bytes += h->buckets[i].cap * sizeof(uint32_t);
    return bytes;
}

/* --- keys ---------------------------------------------------------------------------------------- */

/* A modified rule's direction is not told: it may have become this one. */
static bool is_default_ipv6(const gt_sg_rule *r)
{
    return r->content_known && r->direction != GT_SG_INGRESS &&
           r->protocol == GT_SG_PROTOCOL_ALL && r->peer == GT_SG_PEER_CIDR && r->cidr.net.v6 &&
           r->cidr.len == 0;
}

static void attachment_keys(const gt_sg_change *change, gt_arena *scratch, gt_sg_key_fn *fn,
                            void *context)
{
    for (size_t i = 0; i < change->attachment_count; i++) {
        const gt_sg_attachment *a = &change->attachments[i];
        for (size_t k = 0; k < a->group_count; k++) {
            fn(context, a->groups[k]);
            if (a->names[k].len)
                fn(context, gt_arena_printf(scratch, "named:%.*s", GT_STR_ARG(a->names[k])));
        }
        if (a->resource.len)
            fn(context, a->resource);
        if (a->interface.len)
            fn(context, a->interface);
    }
}

static void group_keys(const gt_sg_change *change, gt_arena *scratch, gt_sg_key_fn *fn,
                       void *context)
{
    gt_str name = change->group_name, id = change->group_id;
    bool life = change->operation == GT_SG_CREATE || change->operation == GT_SG_DELETE;
    if (id.len)
        fn(context, id);
    if (id.len && life)
        fn(context, gt_arena_printf(scratch, "life:%.*s", GT_STR_ARG(id)));
    if (name.len)
        fn(context, gt_arena_printf(scratch, id.len ? "named:%.*s" : "name:%.*s",
                                    GT_STR_ARG(name)));
    if (name.len && id.len && !life) /* a call by name works in the default VPC alone */
        fn(context, gt_arena_printf(scratch, "default:%.*s/%.*s", GT_STR_ARG(change->account),
                                    GT_STR_ARG(change->region)));
    for (size_t i = 0; i < change->rule_count; i++)
        if (is_default_ipv6(&change->rules[i])) {
            fn(context, GT_STR("default-ipv6"));
            break;
        }
}

void gt_sg_change_keys(const gt_sg_change *change, gt_arena *scratch, gt_sg_key_fn *fn,
                       void *context)
{
    gt_arena_mark mark = gt_arena_save(scratch);
    if (change->operation == GT_SG_ATTACH || change->operation == GT_SG_DETACH)
        attachment_keys(change, scratch, fn, context);
    else if (change->operation == GT_SG_PREFIX_LIST)
        fn(context, change->prefix_list);
    else if (change->operation == GT_SG_VPC)
        fn(context, change->vpc_id);
    else
        group_keys(change, scratch, fn, context);
    gt_arena_rewind(scratch, mark);
}

typedef struct key_context {
    gt_sg_history *history;
    uint32_t entry;
    bool failed;
} key_context;

static bool bucket_push(gt_sg_bucket *b, uint32_t entry)
{
    if (b->count == b->cap) {
        uint32_t cap = b->cap ? b->cap + b->cap / 2 + 1 : 2;
        uint32_t *grown = gt_realloc(b->items, cap * sizeof *grown);
        if (!grown)
            return false;
        b->items = grown;
        b->cap = cap;
    }
    b->items[b->count++] = entry;
    return true;
}

static void key_add(void *context, gt_str key)
{
    key_context *c = context;
    gt_sg_history *h = c->history;
    uint32_t number;
    if (c->failed || !key.ptr || key.len == 0) {
        c->failed = c->failed || !key.ptr;
        return;
    }
    if (h->keys.count == h->bucket_cap) { /* room for one more key before it is made */
        size_t cap = h->bucket_cap ? h->bucket_cap + h->bucket_cap / 2 : 64;
        gt_sg_bucket *grown = gt_realloc(h->buckets, cap * sizeof *grown);
        if (!grown) {
            c->failed = true;
            return;
        }
        h->buckets = grown;
        h->bucket_cap = cap;
    }
    size_t before = h->keys.count;
    if (!gt_sg_strings_add(&h->keys, key, &number)) {
        c->failed = true;
        return;
    }
    if (h->keys.count > before)
        h->buckets[number] = (gt_sg_bucket){0};
    gt_sg_bucket *b = &h->buckets[number];
    if (b->count && b->items[b->count - 1] == c->entry)
        return; /* one record may name a group twice */
    c->failed = !bucket_push(b, c->entry);
}

/* --- adding -------------------------------------------------------------------------------------- */

void gt_sg_history_unseal(gt_sg_history *h)
{
    if (!h->is_sealed)
        return;
    gt_arena_reset(h->sealed, 0);
    h->groups = NULL;
    h->named = NULL;
    h->names = NULL;
    h->group_ipv6 = NULL;
    h->vpc_ipv6 = NULL;
    h->group_count = h->named_count = h->vpc_ipv6_count = 0;
    h->is_sealed = false;
}

static const char *blob_keep(gt_sg_history *h, gt_str bytes)
{
    if (bytes.len > h->chunk_left) {
        size_t size = bytes.len > CHUNK_BYTES ? bytes.len : CHUNK_BYTES;
        char *chunk = gt_arena_alloc(h->arena, size);
        if (!chunk)
            return NULL;
        h->chunk = chunk;
        h->chunk_left = size;
    }
    char *at = h->chunk;
    memcpy(at, bytes.ptr, bytes.len);
    h->chunk += bytes.len;
    h->chunk_left -= bytes.len;
    return at;
}

static gt_status entry_push(gt_sg_history *h, const gt_sg_entry *entry)
{
    if (h->count == h->cap) {
        size_t cap = h->cap ? h->cap + h->cap / 2 : 256;
        gt_sg_entry *grown = gt_realloc(h->entries, cap * sizeof *grown);
        if (!grown)
            return GT_NOMEM;
        h->entries = grown;
        h->cap = cap;
    }
    h->entries[h->count++] = *entry;
    return GT_OK;
}

gt_status gt_sg_history_add(gt_sg_history *h, const gt_sg_change *change)
{
    gt_buf packed = GT_BUF(GT_RECORD_BYTES_MAX);
    if (change->outcome != GT_SG_APPLIED)
        return GT_OK;
    if (h->count >= UINT32_MAX)
        return GT_LIMIT;
    gt_sg_history_unseal(h);
    gt_sg_pack(change, &h->strings, &packed);
    gt_status status = gt_buf_status(&packed);
    const char *blob = status == GT_OK ? blob_keep(h, gt_buf_str(&packed)) : NULL;
    if (blob) {
        gt_sg_entry entry = {change->time, blob, (uint32_t)packed.len};
        status = entry_push(h, &entry);
    } else if (status == GT_OK) {
        status = gt_arena_status(h->arena);
    }
    gt_buf_done(&packed);
    GT_TRY(status);
    key_context context = {h, (uint32_t)(h->count - 1), false};
    gt_sg_change_keys(change, h->sealed, key_add, &context);
    return context.failed ? GT_NOMEM : GT_OK;
}

/* --- reading back -------------------------------------------------------------------------------- */

static bool key_find(const gt_sg_history *h, gt_str key, uint32_t *ret)
{
    return gt_sg_strings_find(&h->keys, key, ret);
}

const gt_sg_bucket *gt_sg_history_bucket(const gt_sg_history *h, gt_str key)
{
    uint32_t number;
    return key_find(h, key, &number) ? &h->buckets[number] : NULL;
}

gt_sg_change *gt_sg_history_unpack(gt_sg_history *h, gt_arena *arena, uint32_t entry)
{
    const gt_sg_entry *e = &h->entries[entry];
    gt_sg_change *change;
    if (!gt_sg_unpack(arena, (gt_str){e->blob, e->len}, &h->strings, &change))
        return NULL;
    return change;
}

gt_sg_operation gt_sg_history_operation(const gt_sg_history *h, uint32_t entry)
{
    return gt_sg_packed_operation(h->entries[entry].blob);
}

const gt_sg_anchor *gt_sg_history_anchor_of(const gt_sg_history *h, gt_str group_id)
{
    for (size_t i = 0; i < h->anchor_count; i++)
        if (gt_str_eq(h->anchors[i].group_id, group_id))
            return &h->anchors[i];
    return NULL;
}

/* Byte order of the packed forms: equal only when nothing differs. */
static int cmp_packed(const gt_sg_change *a, const gt_sg_change *b)
{
    gt_buf x = GT_BUF(GT_RECORD_BYTES_MAX), y = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_sg_change_pack(a, &x);
    gt_sg_change_pack(b, &y);
    int c = gt_str_cmp(gt_buf_str(&x), gt_buf_str(&y));
    gt_buf_done(&x);
    gt_buf_done(&y);
    return c;
}

/* Records of one event with other bytes stand in an order of their own; copies are equal. */
int gt_sg_change_cmp(const gt_sg_change *a, const gt_sg_change *b)
{
    int c = (a->time > b->time) - (a->time < b->time);
    if (!c)
        c = gt_str_cmp(a->event_id, b->event_id);
    return c ? c : cmp_packed(a, b);
}

static int cmp_change_ptr(const void *a, const void *b)
{
    return gt_sg_change_cmp(*(gt_sg_change *const *)a, *(gt_sg_change *const *)b);
}

gt_status gt_sg_changes_sort(gt_arena *scratch, gt_sg_change **changes, size_t *count)
{
    size_t kept = 0;
    (void)scratch;
    if (*count > 1)
        qsort(changes, *count, sizeof *changes, cmp_change_ptr);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || gt_sg_change_cmp(changes[kept - 1], changes[i]) != 0)
            changes[kept++] = changes[i];
    *count = kept;
    return GT_OK;
}

/* --- groups -------------------------------------------------------------------------------------- */

const char *gt_sg_baseline_text(gt_sg_baseline baseline)
{
    return baseline == GT_SG_COMPLETE ? "complete"
           : baseline == GT_SG_ANCHORED ? "anchored"
                                        : "partial";
}

/* The smaller non-empty text: a choice that does not depend on the order of arrival. Kept by copy: an
 * unpacked id lives in the scratch arena. */
static void keep_min(gt_sg_history *h, gt_str *at, gt_str s)
{
    if (s.len && (at->len == 0 || gt_str_cmp(s, *at) < 0))
        *at = gt_arena_dup(h->sealed, s);
}

/* What a record tells of a group; what its creation tells is learnt apart. */
static void group_learn(gt_sg_history *h, gt_sg_group *g, const gt_sg_change *c)
{
    keep_min(h, &g->account, c->account);
    keep_min(h, &g->region, c->region);
    for (size_t i = 0; i < c->attachment_count; i++)
        for (size_t k = 0; k < c->attachments[i].group_count; k++)
            if (gt_str_eq(c->attachments[i].groups[k], g->id)) {
                keep_min(h, &g->name, c->attachments[i].names[k]);
                if (!gt_str_is(c->attachments[i].kind, "vpc"))
                    keep_min(h, &g->vpc_id, c->attachments[i].vpc_id);
            }
    if (!gt_str_eq(c->group_id, g->id))
        return;
    if (c->operation == GT_SG_DELETE && (g->deleted == GT_SG_NO_TIME || c->time > g->deleted))
        g->deleted = c->time;
    keep_min(h, &g->name, c->group_name);
}

/* The creation that counts, of those that different records tell: the first in the order of changes.
 * It lives in scratch. NULL: none was seen. */
static gt_status group_creation(gt_sg_history *h, gt_arena *scratch, gt_str id, gt_sg_change **ret)
{
    gt_str key = gt_arena_printf(scratch, "life:%.*s", GT_STR_ARG(id));
    if (!key.ptr)
        return GT_NOMEM;
    const gt_sg_bucket *life = gt_sg_history_bucket(h, key);
    gt_arena_mark none = gt_arena_save(scratch), one = none;
    *ret = NULL;
    for (uint32_t k = 0; life && k < life->count; k++) {
        if (gt_sg_history_operation(h, life->items[k]) != GT_SG_CREATE)
            continue;
        gt_sg_change *c = gt_sg_history_unpack(h, scratch, life->items[k]);
        if (!c)
            return GT_NOMEM;
        bool first = !*ret || gt_sg_change_cmp(c, *ret) < 0;
        gt_arena_rewind(scratch, first ? none : one);
        if (!first)
            continue;
        *ret = gt_sg_history_unpack(h, scratch, life->items[k]);
        if (!*ret)
            return GT_NOMEM;
        one = gt_arena_save(scratch);
    }
    return GT_OK;
}

static gt_status group_make(gt_sg_history *h, gt_arena *scratch, const gt_sg_bucket *b,
                            gt_sg_group *g)
{
    gt_sg_change *creation;
    for (uint32_t k = 0; k < b->count; k++) {
        gt_arena_mark mark = gt_arena_save(scratch);
        gt_sg_change *c = gt_sg_history_unpack(h, scratch, b->items[k]);
        if (!c)
            return GT_NOMEM;
        group_learn(h, g, c);
        gt_arena_rewind(scratch, mark);
    }
    gt_arena_mark mark = gt_arena_save(scratch);
    GT_TRY(group_creation(h, scratch, g->id, &creation));
    if (creation) {
        g->created = creation->time;
        g->baseline = GT_SG_COMPLETE;
        g->name = gt_arena_dup(h->sealed, creation->group_name);
        g->vpc_id = gt_arena_dup(h->sealed, creation->vpc_id);
        g->description = gt_arena_dup(h->sealed, creation->group_description);
    }
    gt_arena_rewind(scratch, mark);
    return GT_OK;
}

static int cmp_group(const void *a, const void *b)
{
    return gt_str_cmp(((const gt_sg_group *)a)->id, ((const gt_sg_group *)b)->id);
}

static gt_sg_group *group_find(gt_sg_history *h, gt_str id)
{
    gt_sg_group key = {.id = id};
    return h->group_count ? bsearch(&key, h->groups, h->group_count, sizeof key, cmp_group) : NULL;
}

/* The VPC that other groups on the resources of this one are in; of several the smallest name. */
static gt_status vpc_beside(gt_sg_history *h, gt_arena *scratch, const gt_sg_group *g, gt_str *ret)
{
    const gt_sg_bucket *b = gt_sg_history_bucket(h, g->id);
    for (uint32_t i = 0; b && i < b->count; i++) {
        if (gt_sg_history_operation(h, b->items[i]) != GT_SG_ATTACH)
            continue;
        gt_arena_mark mark = gt_arena_save(scratch);
        gt_sg_change *c = gt_sg_history_unpack(h, scratch, b->items[i]);
        if (!c)
            return GT_NOMEM;
        for (size_t n = 0; n < c->attachment_count; n++) {
            const gt_sg_attachment *a = &c->attachments[n];
            if (gt_str_is(a->kind, "vpc") || !gt_sg_attachment_names(a, c, g))
                continue;
            for (size_t k = 0; k < a->group_count; k++) {
                const gt_sg_group *other = group_find(h, a->groups[k]);
                if (other && other->vpc_id.len &&
                    (ret->len == 0 || gt_str_cmp(other->vpc_id, *ret) < 0))
                    *ret = other->vpc_id;
            }
        }
        gt_arena_rewind(scratch, mark);
    }
    return GT_OK;
}

/* Groups on one resource are in one VPC: what is known of one is known of the others. Repeated until
 * nothing is learnt any more; what a round learns counts in the next one only, so that the order of
 * records does not matter. */
static gt_status vpcs_spread(gt_sg_history *h, gt_arena *scratch)
{
    gt_str *found = gt_arena_array(scratch, gt_str, h->group_count + 1);
    bool learnt = true;
    if (!found)
        return GT_NOMEM;
    while (learnt) {
        learnt = false;
        for (size_t i = 0; i < h->group_count; i++) {
            found[i] = GT_STR("");
            if (h->groups[i].vpc_id.len == 0)
                GT_TRY(vpc_beside(h, scratch, &h->groups[i], &found[i]));
        }
        for (size_t i = 0; i < h->group_count; i++)
            if (found[i].len) {
                h->groups[i].vpc_id = found[i];
                learnt = true;
            }
    }
    return GT_OK;
}

/* A VPC's default group comes with the VPC: when that was seen, the group was seen made. Its id is told
 * later, by what it is put on. */
static gt_status default_groups_learn(gt_sg_history *h, gt_arena *scratch)
{
    for (size_t i = 0; i < h->group_count; i++) {
        gt_sg_group *g = &h->groups[i];
        const gt_sg_bucket *b = gt_sg_history_bucket(h, g->vpc_id);
        if (!gt_str_is(g->name, "default") || g->baseline != GT_SG_PARTIAL || !b)
            continue;
        for (uint32_t k = 0; k < b->count; k++) {
            if (gt_sg_history_operation(h, b->items[k]) != GT_SG_VPC)
                continue;
            gt_arena_mark mark = gt_arena_save(scratch);
            gt_sg_change *c = gt_sg_history_unpack(h, scratch, b->items[k]);
            if (!c)
                return GT_NOMEM;
            if (c->vpc_created &&
                (g->baseline == GT_SG_PARTIAL || c->time < g->created)) {
                g->baseline = GT_SG_COMPLETE;
                g->created = c->time;
            }
            gt_arena_rewind(scratch, mark);
        }
    }
    return GT_OK;
}

static gt_status groups_make(gt_sg_history *h, gt_arena *scratch)
{
    size_t count = 0;
    h->groups = gt_arena_array(h->sealed, gt_sg_group, h->keys.count + h->anchor_count + 1);
    if (!h->groups)
        return gt_arena_status(h->sealed);
    for (size_t i = 0; i < h->keys.count; i++) {
        if (!gt_str_starts(h->keys.items[i], GT_STR("sg-")))
            continue;
        gt_sg_group *g = &h->groups[count++];
        *g = (gt_sg_group){.id = h->keys.items[i], .created = GT_SG_NO_TIME,
                           .deleted = GT_SG_NO_TIME};
        GT_TRY(group_make(h, scratch, &h->buckets[i], g));
    }
    h->group_count = count;
    qsort(h->groups, count, sizeof *h->groups, cmp_group);
    GT_TRY(vpcs_spread(h, scratch));
    GT_TRY(default_groups_learn(h, scratch));
    for (size_t i = 0; i < h->anchor_count; i++) {
        gt_sg_group key = {.id = h->anchors[i].group_id};
        gt_sg_group *g = bsearch(&key, h->groups, count, sizeof *g, cmp_group);
        if (g && g->baseline == GT_SG_PARTIAL)
            g->baseline = GT_SG_ANCHORED;
        else if (!g)
            h->groups[h->group_count++] =
                (gt_sg_group){.id = key.id, .created = GT_SG_NO_TIME, .deleted = GT_SG_NO_TIME,
                              .baseline = GT_SG_ANCHORED};
    }
    qsort(h->groups, h->group_count, sizeof *h->groups, cmp_group);
    return GT_OK;
}

gt_status gt_sg_history_seal(gt_sg_history *h)
{
    if (h->is_sealed)
        return GT_OK;
    gt_arena *scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    if (!scratch)
        return GT_NOMEM;
    h->is_sealed = true;
    gt_status status = groups_make(h, scratch);
    gt_arena_free(scratch);
    if (status == GT_OK)
        status = gt_sg_names_resolve(h);
    if (status != GT_OK)
        gt_sg_history_unseal(h);
    return status;
}

size_t gt_sg_history_group_count(gt_sg_history *h)
{
    return gt_sg_history_seal(h) == GT_OK ? h->group_count : 0;
}

const gt_sg_group *gt_sg_history_group(gt_sg_history *h, size_t index)
{
    return h->is_sealed && index < h->group_count ? &h->groups[index] : NULL;
}

const gt_sg_group *gt_sg_history_find(gt_sg_history *h, gt_str group_id)
{
    return gt_sg_history_seal(h) == GT_OK ? group_find(h, group_id) : NULL;
}
