#include "sg/exposure.h"

#include <stdlib.h>
#include <string.h>

#define AXIS_MAX 65535

/* --- masks of protocols -------------------------------------------------------------------------- */

static const uint64_t all_protocols[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

static void mask_set(uint64_t m[4], int protocol)
{
    m[protocol / 64] |= (uint64_t)1 << (protocol % 64);
}

/* ret = a and b, or a and not b; is anything left? */
static bool mask_and(const uint64_t a[4], const uint64_t b[4], bool inverted, uint64_t ret[4])
{
    uint64_t any = 0;
    for (int i = 0; i < 4; i++) {
        ret[i] = a[i] & (inverted ? ~b[i] : b[i]);
        any |= ret[i];
    }
    return any != 0;
}

/* --- prefixes ------------------------------------------------------------------------------------ */

static unsigned bit_index(const gt_cidr *c, unsigned bit)
{
    return c->net.v6 ? bit : bit + 96;
}

static unsigned cidr_bit(const gt_cidr *c, unsigned bit)
{
    unsigned i = bit_index(c, bit);
    return c->net.bytes[i / 8] >> (7 - i % 8) & 1;
}

static void cidr_flip(gt_cidr *c, unsigned bit)
{
    unsigned i = bit_index(c, bit);
    c->net.bytes[i / 8] = (uint8_t)(c->net.bytes[i / 8] ^ (0x80u >> (i % 8)));
}

/* The first len bits alone. */
static gt_cidr cidr_cut(const gt_cidr *c, unsigned len)
{
    gt_cidr cut = *c;
    for (unsigned bit = len; bit < c->len; bit++)
        if (cidr_bit(&cut, bit))
            cidr_flip(&cut, bit);
    cut.len = (uint8_t)len;
    return cut;
}

static bool cidr_equal(const gt_cidr *a, const gt_cidr *b)
{
    return a->len == b->len && gt_ip_cmp(&a->net, &b->net) == 0;
}

static bool cidr_covers(const gt_cidr *a, const gt_cidr *b)
{
    return a->len <= b->len && gt_cidr_contains(a, &b->net);
}

typedef struct block {
    uint8_t bytes[4];
    uint8_t len;
} block;

static const block not_internet_v4[] = {{{0}, 8},         {{10}, 8},       {{100, 64}, 10},
                                        {{127}, 8},       {{169, 254}, 16}, {{172, 16}, 12},
                                        {{192, 168}, 16}, {{224}, 4},      {{240}, 4}};
static const block not_internet_v6[] = {{{0xfc}, 7}, {{0xfe, 0x80}, 10}, {{0xff}, 8}};

static gt_cidr block_cidr(const block *b, bool v6)
{
    gt_cidr c = {.len = b->len};
    c.net.v6 = v6;
    for (size_t i = 0; i < sizeof b->bytes; i++)
        c.net.bytes[(v6 ? 0 : 12) + i] = b->bytes[i];
    return c;
}

/* The list's i-th range that is not the internet; false behind the last. */
static bool not_internet(size_t i, bool v6, gt_cidr *ret)
{
    size_t count = v6 ? sizeof not_internet_v6 / sizeof *not_internet_v6
                      : sizeof not_internet_v4 / sizeof *not_internet_v4;
    if (v6 && i == count) {
        *ret = (gt_cidr){.net = {.v6 = true}, .len = 128};
        ret->net.bytes[15] = 1; /* ::1 */
        return true;
    }
    if (i >= count)
        return false;
    *ret = block_cidr(v6 ? &not_internet_v6[i] : &not_internet_v4[i], v6);
    return true;
}

bool gt_sg_is_internet(const gt_cidr *cidr)
{
    bool inside = false;
    gt_cidr n;
    for (size_t i = 0; not_internet(i, cidr->net.v6, &n); i++) {
        if (cidr_covers(&n, cidr))
            return false;
        inside = inside || cidr_covers(cidr, &n);
    }
    if (!inside)
        return true;
    /* Some of the ranges lie inside: 224.0.0.0/3 is two of them. Halving ends at their length. */
    gt_cidr half = cidr_cut(cidr, cidr->len);
    half.len++;
    if (gt_sg_is_internet(&half))
        return true;
    cidr_flip(&half, cidr->len);
    return gt_sg_is_internet(&half);
}

/* --- boxes --------------------------------------------------------------------------------------- */

bool gt_sg_box_of_entry(const gt_sg_rule *rule, const gt_cidr *entry, gt_sg_box *ret)
{
    if (!rule->content_known || rule->malformed || rule->direction == GT_SG_DIRECTION_UNKNOWN)
        return false;
    gt_sg_box box = {.direction = (uint8_t)rule->direction, .cidr = *entry, .to = AXIS_MAX};
    if (rule->protocol == GT_SG_PROTOCOL_ALL)
        memcpy(box.protocols, all_protocols, sizeof box.protocols);
    else
        mask_set(box.protocols, rule->protocol);
    if (rule->protocol == GT_SG_TCP || rule->protocol == GT_SG_UDP) {
        box.from = (uint16_t)rule->from_port;
        box.to = (uint16_t)rule->to_port;
    } else if ((rule->protocol == GT_SG_ICMP || rule->protocol == GT_SG_ICMPV6) &&
               rule->from_port >= 0) {
        bool all_codes = rule->to_port < 0;
        box.from = (uint16_t)(rule->from_port * 256 + (all_codes ? 0 : rule->to_port));
        box.to = (uint16_t)(rule->from_port * 256 + (all_codes ? 255 : rule->to_port));
    }
    *ret = box;
    return true;
}

bool gt_sg_box_of(const gt_sg_rule *rule, gt_sg_box *ret)
{
    return rule->peer == GT_SG_PEER_CIDR && gt_sg_box_of_entry(rule, &rule->cidr, ret);
}

bool gt_sg_box_intersect(const gt_sg_box *a, const gt_sg_box *b, gt_sg_box *ret)
{
    gt_sg_box both = *a;
    if (a->direction != b->direction || a->from > b->to || b->from > a->to ||
        !mask_and(a->protocols, b->protocols, false, both.protocols))
        return false;
    if (cidr_covers(&a->cidr, &b->cidr))
        both.cidr = b->cidr;
    else if (!cidr_covers(&b->cidr, &a->cidr))
        return false;
    both.from = a->from > b->from ? a->from : b->from;
    both.to = a->to < b->to ? a->to : b->to;
    *ret = both;
    return true;
}

bool gt_sg_space_push(gt_arena *arena, gt_sg_space *space, const gt_sg_box *box)
{
    if (space->count == space->cap) {
        size_t cap = space->cap ? space->cap * 2 : 8;
        gt_sg_box *grown = gt_arena_grow(arena, space->items, space->cap * sizeof *box,
                                         cap * sizeof *box);
        if (!grown)
            return false;
        space->items = grown;
        space->cap = cap;
    }
    space->items[space->count++] = *box;
    return true;
}

bool gt_sg_box_subtract(gt_arena *arena, const gt_sg_box *a, const gt_sg_box *b, gt_sg_space *ret)
{
    gt_sg_box both, rest = *a, part;
    if (!gt_sg_box_intersect(a, b, &both))
        return gt_sg_space_push(arena, ret, a);
    /* Peel off protocols, then ports, then addresses: what remains in `rest` shrinks to `both`. */
    part = rest;
    if (mask_and(rest.protocols, both.protocols, true, part.protocols) &&
        !gt_sg_space_push(arena, ret, &part))
        return false;
    memcpy(rest.protocols, both.protocols, sizeof rest.protocols);
    part = rest;
    if (rest.from < both.from) {
        part.to = (uint16_t)(both.from - 1);
        if (!gt_sg_space_push(arena, ret, &part))
            return false;
    }
    part = rest;
    if (rest.to > both.to) {
        part.from = (uint16_t)(both.to + 1);
        if (!gt_sg_space_push(arena, ret, &part))
            return false;
    }
    rest.from = both.from;
    rest.to = both.to;
    for (unsigned len = rest.cidr.len; len < both.cidr.len; len++) {
        part = rest;
        part.cidr = cidr_cut(&both.cidr, len + 1);
        cidr_flip(&part.cidr, len);
        if (!gt_sg_space_push(arena, ret, &part))
            return false;
    }
    return true;
}

bool gt_sg_space_minus(gt_arena *arena, const gt_sg_box *x, const gt_sg_box *y, size_t count,
                       gt_sg_space *ret)
{
    gt_sg_space left = {0}, next = {0};
    if (!gt_sg_space_push(arena, &left, x))
        return false;
    for (size_t i = 0; i < count && left.count; i++) {
        next.count = 0;
        for (size_t k = 0; k < left.count; k++)
            if (!gt_sg_box_subtract(arena, &left.items[k], &y[i], &next))
                return false;
        gt_sg_space swap = left;
        left = next;
        next = swap;
    }
    for (size_t k = 0; k < left.count; k++)
        if (!gt_sg_space_push(arena, ret, &left.items[k]))
            return false;
    return true;
}

bool gt_sg_space_add(gt_arena *arena, gt_sg_space *space, const gt_sg_box *box)
{
    gt_sg_space fresh = {0};
    if (!gt_sg_space_minus(arena, box, space->items, space->count, &fresh))
        return false;
    for (size_t i = 0; i < fresh.count; i++)
        if (!gt_sg_space_push(arena, space, &fresh.items[i]))
            return false;
    return true;
}

/* --- one form for one set: joining and sorting ---------------------------------------------------- */

static int cmp_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int cmp_mask(const gt_sg_box *a, const gt_sg_box *b)
{
    for (int i = 0; i < 4; i++)
        if (a->protocols[i] != b->protocols[i])
            return a->protocols[i] < b->protocols[i] ? 1 : -1;
    return 0;
}

static int cmp_cidr(const gt_cidr *a, const gt_cidr *b)
{
    int c = gt_ip_cmp(&a->net, &b->net);
    return c ? c : cmp_int(a->len, b->len);
}

static int cmp_by_address(const void *pa, const void *pb)
{
    const gt_sg_box *a = pa, *b = pb;
    int c = cmp_int(a->direction, b->direction);
    if (!c)
        c = cmp_mask(a, b);
    if (!c)
        c = cmp_int(a->from, b->from);
    if (!c)
        c = cmp_int(a->to, b->to);
    return c ? c : cmp_cidr(&a->cidr, &b->cidr);
}

int gt_sg_box_cmp(const gt_sg_box *a, const gt_sg_box *b)
{
    return cmp_by_address(a, b);
}

static int cmp_by_port(const void *pa, const void *pb)
{
    const gt_sg_box *a = pa, *b = pb;
    int c = cmp_int(a->direction, b->direction);
    if (!c)
        c = cmp_mask(a, b);
    if (!c)
        c = cmp_cidr(&a->cidr, &b->cidr);
    return c ? c : cmp_int(a->from, b->from);
}

static int cmp_by_mask(const void *pa, const void *pb)
{
    const gt_sg_box *a = pa, *b = pb;
    int c = cmp_int(a->direction, b->direction);
    if (!c)
        c = cmp_cidr(&a->cidr, &b->cidr);
    if (!c)
        c = cmp_int(a->from, b->from);
    if (!c)
        c = cmp_int(a->to, b->to);
    return c ? c : cmp_mask(a, b);
}

static bool join_addresses(gt_sg_box *a, const gt_sg_box *b)
{
    if (a->direction != b->direction || cmp_mask(a, b) || a->from != b->from || a->to != b->to ||
        a->cidr.len != b->cidr.len || a->cidr.len == 0 || a->cidr.net.v6 != b->cidr.net.v6)
        return false;
    gt_cidr parent = cidr_cut(&a->cidr, a->cidr.len - 1u);
    if (!cidr_covers(&parent, &b->cidr))
        return false;
    a->cidr = parent;
    return true;
}

static bool join_ports(gt_sg_box *a, const gt_sg_box *b)
{
    if (a->direction != b->direction || cmp_mask(a, b) || !cidr_equal(&a->cidr, &b->cidr) ||
        (uint32_t)a->to + 1 != b->from)
        return false;
    a->to = b->to;
    return true;
}

static bool join_masks(gt_sg_box *a, const gt_sg_box *b)
{
    if (a->direction != b->direction || a->from != b->from || a->to != b->to ||
        !cidr_equal(&a->cidr, &b->cidr))
        return false;
    for (int i = 0; i < 4; i++)
        a->protocols[i] |= b->protocols[i];
    return true;
}

static bool join_pass(gt_sg_space *space, int (*cmp)(const void *, const void *),
                      bool (*join)(gt_sg_box *, const gt_sg_box *))
{
    size_t kept = 0;
    qsort(space->items, space->count, sizeof *space->items, cmp);
    for (size_t i = 0; i < space->count; i++) {
        space->items[kept++] = space->items[i];
        /* A join may make the box before it joinable in turn. */
        while (kept > 1 && join(&space->items[kept - 2], &space->items[kept - 1]))
            kept--;
    }
    bool joined = kept < space->count;
    space->count = kept;
    return joined;
}

void gt_sg_space_normalise(gt_sg_space *space)
{
    bool joined = space->count > 1;
    while (joined) {
        joined = join_pass(space, cmp_by_address, join_addresses);
        joined = join_pass(space, cmp_by_port, join_ports) || joined;
        joined = join_pass(space, cmp_by_mask, join_masks) || joined;
    }
    if (space->count > 1)
        qsort(space->items, space->count, sizeof *space->items, cmp_by_address);
}
