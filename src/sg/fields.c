#include "sg/fields.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What one event did to one group. */
typedef struct effect {
    gt_hash128 event;
    const char *boxes; /* packed: opened, closed, open, one after the other */
    uint32_t group;    /* in gt_sg_effects.groups */
    uint32_t opened, closed, open;
    uint8_t operation; /* gt_sg_operation */
    uint8_t baseline;
    uint8_t directions; /* bit gt_sg_direction of the rules it touched */
    bool unknown, net_noop, never_readded;
} effect;

typedef struct effect_group {
    gt_str id, name;
} effect_group;

struct gt_sg_effects {
    gt_arena *arena;
    effect *items; /* by event */
    size_t count, cap;
    effect_group *groups;
    size_t group_count;
};

/* --- boxes as bytes: a history has many ------------------------------------------------------------ */

static int only_protocol(const gt_sg_box *box)
{
    int found = -1;
    for (int i = 0; i < 4; i++) {
        if (box->protocols[i] & (box->protocols[i] - 1))
            return -1;
        if (box->protocols[i]) {
            if (found >= 0)
                return -1;
            found = i * 64 + __builtin_ctzll(box->protocols[i]);
        }
    }
    return found;
}

static bool all_protocols(const gt_sg_box *box)
{
    for (int i = 0; i < 4; i++)
        if (box->protocols[i] != UINT64_MAX)
            return false;
    return true;
}

enum box_kind { BOX_ONE = 1, BOX_ALL, BOX_MASK };

/* kind | v6 << 2 | direction << 3, ports, prefix, and the protocols where the kind asks for them */
static void box_put(gt_buf *out, const gt_sg_box *box)
{
    int one = only_protocol(box);
    unsigned kind = one >= 0 ? BOX_ONE : all_protocols(box) ? BOX_ALL : BOX_MASK;
    size_t skip = box->cidr.net.v6 ? 0 : 12, bytes = (box->cidr.len + 7u) / 8;
    gt_buf_add_byte(out, (char)(kind | (unsigned)box->cidr.net.v6 << 2 |
                                (unsigned)box->direction << 3));
    gt_buf_add(out, (gt_str){(const char *)&box->from, sizeof box->from});
    gt_buf_add(out, (gt_str){(const char *)&box->to, sizeof box->to});
    gt_buf_add_byte(out, (char)box->cidr.len);
    gt_buf_add(out, (gt_str){(const char *)box->cidr.net.bytes + skip, bytes});
    if (kind == BOX_ONE)
        gt_buf_add_byte(out, (char)one);
    else if (kind == BOX_MASK)
        gt_buf_add(out, (gt_str){(const char *)box->protocols, sizeof box->protocols});
}

static const char *box_get(const char *at, gt_sg_box *ret)
{
    unsigned head = (unsigned char)*at++, kind = head & 3;
    gt_sg_box box = {.direction = (uint8_t)(head >> 3)};
    box.cidr.net.v6 = head >> 2 & 1;
    memcpy(&box.from, at, sizeof box.from);
    memcpy(&box.to, at + sizeof box.from, sizeof box.to);
    at += sizeof box.from + sizeof box.to;
    box.cidr.len = (uint8_t)*at++;
    size_t bytes = (box.cidr.len + 7u) / 8;
    memcpy(box.cidr.net.bytes + (box.cidr.net.v6 ? 0 : 12), at, bytes);
    at += bytes;
    if (kind == BOX_ONE) {
        unsigned one = (unsigned char)*at++;
        box.protocols[one / 64] |= (uint64_t)1 << (one % 64);
    } else if (kind == BOX_ALL) {
        memset(box.protocols, 0xff, sizeof box.protocols);
    } else {
        memcpy(box.protocols, at, sizeof box.protocols);
        at += sizeof box.protocols;
    }
    *ret = box;
    return at;
}

/* --- making -------------------------------------------------------------------------------------- */

typedef struct maker {
    gt_sg_effects *effects;
    gt_sg_history *history;
    gt_arena *scratch; /* for one group */
    const gt_sg_timeline *timeline;
    gt_sg_pair *pairs;
    size_t pair_count;
    gt_buf packed;
} maker;

static bool room(gt_sg_effects *e)
{
    if (e->count < e->cap)
        return true;
    size_t cap = e->cap ? e->cap + e->cap / 2 : 64;
    effect *grown = gt_realloc(e->items, cap * sizeof *grown);
    if (!grown)
        return false;
    e->items = grown;
    e->cap = cap;
    return true;
}

static bool is_paired(const maker *m, const gt_sg_version *v)
{
    for (size_t i = 0; i < m->pair_count; i++)
        if (m->pairs[i].revoked == v || m->pairs[i].authorized == v)
            return true;
    return false;
}

/* Is every rule that the step touched revoked and added again within minutes? */
static void judge(const maker *m, const gt_sg_step *step, effect *e)
{
    bool revoke = step->operation == GT_SG_REVOKE, all = true, any = false;
    const gt_sg_version *v = revoke ? step->removed : step->added;
    for (; v; v = revoke ? v->next_removed : v->next_added) {
        any = true;
        all = all && is_paired(m, v);
        e->directions |= (uint8_t)(1u << v->rule.direction);
        if (revoke && gt_sg_version_never_back(v))
            e->never_readded = true;
    }
    for (v = step->removed; v; v = v->next_removed)
        e->directions |= (uint8_t)(1u << v->rule.direction);
    e->net_noop = any && all && (revoke || step->operation == GT_SG_AUTHORIZE);
}

static gt_status on_step(void *context, const gt_sg_step *step, const gt_sg_effect *found)
{
    maker *m = context;
    gt_sg_effects *all = m->effects;
    const gt_sg_space *spaces[] = {&found->opened, &found->closed, &found->open};
    if (!step->effective)
        return GT_OK;
    gt_buf_reset(&m->packed);
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; i < spaces[s]->count; i++)
            box_put(&m->packed, &spaces[s]->items[i]);
    GT_TRY(gt_buf_status(&m->packed));
    char *boxes = NULL;
    if (m->packed.len) {
        boxes = gt_arena_alloc(all->arena, m->packed.len);
        if (!boxes)
            return gt_arena_status(all->arena);
        memcpy(boxes, m->packed.data, m->packed.len);
    }
    if (!room(all))
        return GT_NOMEM;
    effect *e = &all->items[all->count++];
    *e = (effect){.event = gt_hash128_of(step->change->event_id), .boxes = boxes,
                  .group = (uint32_t)(all->group_count - 1),
                  .opened = (uint32_t)found->opened.count,
                  .closed = (uint32_t)found->closed.count, .open = (uint32_t)found->open.count,
                  .operation = (uint8_t)step->operation, .unknown = found->unknown,
                  .baseline = (uint8_t)m->timeline->group.baseline};
    judge(m, step, e);
    return GT_OK;
}

static gt_status group_add(maker *m, gt_str id)
{
    gt_sg_timeline *timeline;
    gt_sg_effects *all = m->effects;
    gt_arena_reset(m->scratch, GT_MIB);
    GT_TRY(gt_sg_history_fold(m->history, m->scratch, id, &timeline));
    m->timeline = timeline;
    effect_group *g = &all->groups[all->group_count++];
    g->id = gt_arena_dup(all->arena, timeline->group.id);
    g->name = gt_arena_dup(all->arena, timeline->group.name);
    if (!g->id.ptr || !g->name.ptr)
        return GT_NOMEM;
    GT_TRY(gt_sg_timeline_pairs(m->scratch, timeline, &m->pairs, &m->pair_count));
    return gt_sg_timeline_walk(m->history, m->scratch, timeline, on_step, m);
}

static int cmp_effect(const void *pa, const void *pb)
{
    const effect *a = pa, *b = pb;
    if (a->event.high != b->event.high)
        return a->event.high > b->event.high ? 1 : -1;
    if (a->event.low != b->event.low)
        return a->event.low > b->event.low ? 1 : -1;
    if (a->group != b->group)
        return a->group > b->group ? 1 : -1;
    return a->operation - b->operation;
}

gt_status gt_sg_effects_new(gt_sg_history *h, gt_sg_effects **ret)
{
    gt_sg_effects *e = gt_calloc(1, sizeof *e);
    if (!e)
        return GT_NOMEM;
    maker m = {.effects = e, .history = h, .scratch = gt_arena_new(GT_SG_HISTORY_MAX),
               .packed = GT_BUF(GT_BATCH_ARENA_MAX)};
    e->arena = gt_arena_new(GT_SG_HISTORY_MAX);
    gt_status status = m.scratch && e->arena ? gt_sg_history_seal(h) : GT_NOMEM;
    size_t count = status == GT_OK ? gt_sg_history_group_count(h) : 0;
    e->groups = e->arena ? gt_arena_array(e->arena, effect_group, count + 1) : NULL;
    if (status == GT_OK && !e->groups)
        status = GT_NOMEM;
    for (size_t i = 0; i < count && status == GT_OK; i++)
        status = group_add(&m, gt_sg_history_group(h, i)->id);
    gt_arena_free(m.scratch);
    gt_buf_done(&m.packed);
    if (status != GT_OK) {
        gt_sg_effects_free(e);
        return status;
    }
    if (e->count)
        qsort(e->items, e->count, sizeof *e->items, cmp_effect);
    *ret = e;
    return GT_OK;
}

void gt_sg_effects_free(gt_sg_effects *e)
{
    if (!e)
        return;
    gt_free(e->items);
    gt_arena_free(e->arena);
    gt_free(e);
}

static const effect *effects_find(const gt_sg_effects *e, gt_str event_id, size_t *ret_count)
{
    gt_hash128 key = gt_hash128_of(event_id);
    size_t low = 0, high = e->count, end;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const gt_hash128 *at = &e->items[mid].event;
        if (at->high < key.high || (at->high == key.high && at->low < key.low))
            low = mid + 1;
        else
            high = mid;
    }
    for (end = low; end < e->count && e->items[end].event.high == key.high &&
                    e->items[end].event.low == key.low;)
        end++;
    *ret_count = end - low;
    return e->items + low;
}

/* --- the document -------------------------------------------------------------------------------- */

/* A good part of the internet, not somebody's network. A group holds at most 1,000 rules: prefixes that are
 * all longer than /10 cannot add up to the IPv4 internet, however they are spread over calls. */
static bool is_wide(const gt_sg_piece *p)
{
    return p->internet && p->cidr.len <= (p->cidr.net.v6 ? 16 : 10);
}

/* A piece as a nested object, with the range of ports that it holds. Protocols without ports have none,
 * so that `port: 22` is never true of ICMP. */
static gt_json *piece_json(gt_arena *a, const gt_sg_piece *p, gt_str group_id)
{
    gt_json *o = gt_sg_piece_json(a, p);
    bool all = gt_str_is(p->protocol, "-1");
    if (all || gt_str_is(p->protocol, "tcp") || gt_str_is(p->protocol, "udp")) {
        gt_json *range = gt_json_new_object(a);
        gt_json_add(range, GT_STR("gte"), gt_json_new_i64(a, all ? 0 : p->from_port));
        gt_json_add(range, GT_STR("lte"), gt_json_new_i64(a, all ? 65535 : p->to_port));
        gt_json_add(o, GT_STR("port"), range);
    }
    gt_json_add(o, GT_STR("wide"), gt_json_new_bool(a, is_wide(p)));
    gt_json_add(o, GT_STR("group_id"), gt_json_new_str(a, group_id));
    return o;
}

/* NULL without memory, else where the next boxes begin. */
static const char *pieces_append(gt_arena *a, gt_json *list, const char *boxes, size_t count,
                                 gt_str group_id)
{
    for (size_t i = 0; i < count; i++) {
        gt_sg_pieces pieces = {0};
        gt_sg_box box;
        boxes = box_get(boxes, &box);
        if (!gt_sg_pieces_of(a, &box, &pieces))
            return NULL;
        for (size_t k = 0; k < pieces.count; k++)
            gt_json_append(list, piece_json(a, &pieces.items[k], group_id));
    }
    return boxes;
}

/* Append text to a list unless it is there. */
static void list_add(gt_arena *a, gt_json *list, gt_str text)
{
    for (gt_json *e = gt_json_first(list); e; e = e->next)
        if (gt_str_eq(gt_json_str(e), text))
            return;
    if (text.len)
        gt_json_append(list, gt_json_new_str(a, text));
}

/* One value alone, several as a list, none not at all. */
static void set_list(gt_json *group, gt_str key, gt_json *list)
{
    if (!list || list->count == 0)
        return;
    gt_json *only = list->first;
    gt_json_set(group, key, list->count == 1 && only->type == GT_JSON_STRING ? only : list);
}

static const char *net_effect(const gt_json *opened, const gt_json *closed, bool unknown)
{
    if (opened && opened->count)
        return closed && closed->count ? "opens and closes" : "opens";
    if (closed && closed->count)
        return "closes";
    return unknown ? "unknown" : "none";
}

typedef struct group_fields {
    gt_json *ids, *names, *changes, *directions, *baselines, *opened, *closed, *open;
    bool unknown, net_noop, never_readded;
} group_fields;

static bool effect_add(gt_arena *a, const gt_sg_effects *all, const effect *e, group_fields *f)
{
    const effect_group *g = &all->groups[e->group];
    gt_str id = gt_arena_dup(a, g->id);
    static const char *const directions[] = {"", "ingress", "egress"};
    list_add(a, f->ids, id);
    list_add(a, f->names, gt_arena_dup(a, g->name));
    list_add(a, f->changes, gt_str_c(gt_sg_operation_text((gt_sg_operation)e->operation)));
    list_add(a, f->baselines, gt_str_c(gt_sg_baseline_text((gt_sg_baseline)e->baseline)));
    for (unsigned d = GT_SG_INGRESS; d <= GT_SG_EGRESS; d++)
        if (e->directions >> d & 1)
            list_add(a, f->directions, gt_str_c(directions[d]));
    f->unknown = f->unknown || e->unknown;
    f->net_noop = f->net_noop || e->net_noop;
    f->never_readded = f->never_readded || e->never_readded;
    if (!e->boxes)
        return true;
    const char *at = pieces_append(a, f->opened, e->boxes, e->opened, id);
    at = at ? pieces_append(a, f->closed, at, e->closed, id) : NULL;
    return at && pieces_append(a, f->open, at, e->open, id);
}

static void group_write(gt_arena *a, const group_fields *f, const gt_sg_change *change,
                        gt_json *document)
{
    gt_json *group = gt_json_new_object(a);
    set_list(group, GT_STR("id"), f->ids);
    set_list(group, GT_STR("name"), f->names);
    set_list(group, GT_STR("change"), f->changes);
    set_list(group, GT_STR("direction"), f->directions);
    set_list(group, GT_STR("baseline"), f->baselines);
    const char *net = net_effect(f->opened, f->closed, f->unknown);
    gt_json_set(group, GT_STR("net_effect"), gt_json_new_str(a, gt_str_c(net)));
    set_list(group, GT_STR("opened"), f->opened);
    set_list(group, GT_STR("closed"), f->closed);
    set_list(group, GT_STR("open"), f->open);
    gt_json_set(group, GT_STR("net_noop"), gt_json_new_bool(a, f->net_noop));
    gt_json_set(group, GT_STR("never_readded"), gt_json_new_bool(a, f->never_readded));
    if (change->prefix_list.len)
        gt_json_set(group, GT_STR("prefix_list"), gt_json_new_str(a, change->prefix_list));
    gt_json_set_path(a, document, "gatetrail.security_group", group);
}

/* The event alone: a history of one change. */
static gt_status alone(const gt_sg_change *change, gt_sg_effects **ret)
{
    gt_sg_history *h = gt_sg_history_new();
    gt_status status = h ? gt_sg_history_add(h, change) : GT_NOMEM;
    if (status == GT_OK)
        status = gt_sg_effects_new(h, ret);
    gt_sg_history_free(h);
    return status;
}

static gt_status group_set(gt_arena *a, const gt_sg_effects *effects, const gt_sg_change *change,
                           gt_json *document)
{
    gt_sg_effects *own = NULL;
    size_t count;
    if (!effects) {
        GT_TRY(alone(change, &own));
        effects = own;
    }
    group_fields f = {gt_json_new_array(a), gt_json_new_array(a), gt_json_new_array(a),
                      gt_json_new_array(a), gt_json_new_array(a), gt_json_new_array(a),
                      gt_json_new_array(a), gt_json_new_array(a), false, false, false};
    const effect *e = effects_find(effects, change->event_id, &count);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = effect_add(a, effects, &e[i], &f);
    if (count == 0)
        list_add(a, f.ids, change->group_id);
    gt_sg_effects_free(own);
    if (ok)
        group_write(a, &f, change, document);
    return gt_arena_status(a);
}

gt_status gt_sg_fields_set(gt_arena *a, const gt_sg_effects *effects, const gt_json *record,
                           gt_str fallback_id, gt_json *document)
{
    gt_sg_change *change = NULL;
    gt_sg_actor actor = gt_sg_actor_of(a, record);
    gt_str class = gt_str_c(gt_sg_actor_class_text(actor.class));
    gt_json_set_path(a, document, "gatetrail.actor.class", gt_json_new_str(a, class));
    GT_TRY(gt_sg_change_of(a, record, fallback_id, &change));
    if (!change || change->outcome != GT_SG_APPLIED || change->operation == GT_SG_VPC)
        return gt_arena_status(a);
    return group_set(a, effects, change, document);
}
