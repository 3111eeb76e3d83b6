#include "sg/pack.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sg/history.h"

#include <string.h>

/* --- the string table ---------------------------------------------------------------------------- */

void gt_sg_strings_done(gt_sg_strings *strings)
{
    gt_free(strings->items);
    gt_free(strings->slots);
    *strings = (gt_sg_strings){0};
}

static bool slots_grow(gt_sg_strings *t)
{
    size_t count = t->slot_count ? t->slot_count * 2 : 256;
    uint32_t *slots = gt_calloc(count, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < t->count; i++) {
        size_t at = gt_hash64(t->items[i], 0) & (count - 1);
        while (slots[at])
            at = (at + 1) & (count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    gt_free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    return true;
}

static bool items_room(gt_sg_strings *t)
{
    if (t->count < t->cap)
        return true;
    size_t cap = t->cap ? t->cap + t->cap / 2 : 128;
    gt_str *grown = gt_realloc(t->items, cap * sizeof *grown);
    if (!grown)
        return false;
    t->items = grown;
    t->cap = cap;
    return true;
}

bool gt_sg_strings_find(const gt_sg_strings *t, gt_str s, uint32_t *ret)
{
    if (t->slot_count == 0)
        return false;
    for (size_t at = gt_hash64(s, 0) & (t->slot_count - 1); t->slots[at];
         at = (at + 1) & (t->slot_count - 1))
        if (gt_str_eq(t->items[t->slots[at] - 1], s)) {
            *ret = t->slots[at] - 1;
            return true;
        }
    return false;
}

bool gt_sg_strings_add(gt_sg_strings *t, gt_str s, uint32_t *ret)
{
    if ((t->count + 1) * 4 > t->slot_count * 3 && !slots_grow(t))
        return false;
    size_t at = gt_hash64(s, 0) & (t->slot_count - 1);
    for (; t->slots[at]; at = (at + 1) & (t->slot_count - 1))
        if (gt_str_eq(t->items[t->slots[at] - 1], s)) {
            *ret = t->slots[at] - 1;
            return true;
        }
    if (!items_room(t))
        return false;
    gt_str copy = gt_arena_dup(t->arena, s);
    if (!copy.ptr)
        return false;
    *ret = (uint32_t)t->count;
    t->items[t->count++] = copy;
    t->slots[at] = *ret + 1;
    return true;
}

/* --- writing ------------------------------------------------------------------------------------- */

typedef struct writer {
    gt_buf *out;
    gt_sg_strings *strings; /* may be NULL */
} writer;

static void put_uint(writer *w, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        gt_buf_add_byte(w->out, (char)((n & 0x7f) | 0x80));
    gt_buf_add_byte(w->out, (char)n);
}

static void put_int(writer *w, int64_t n)
{
    put_uint(w, (uint64_t)n << 1 ^ (uint64_t)(n >> 63)); /* small magnitudes stay short */
}

/* Ids are nearly all distinct: as nibbles they take half their length and no table entry. */
static const char *const prefixes[] = {"", "sg-", "sgr-", "eni-", "i-", "vpc-", "pl-", "subnet-"};
#define PREFIXES (sizeof prefixes / sizeof *prefixes)

enum tag { INLINE, TABLE, HEX, UUID };

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(gt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (nibble(s.ptr[i]) < 0)
            return false;
    return s.len > 0;
}

static void put_nibbles(writer *w, gt_str hex)
{
    for (size_t i = 0; i < hex.len; i += 2) {
        int low = i + 1 < hex.len ? nibble(hex.ptr[i + 1]) : 0;
        gt_buf_add_byte(w->out, (char)((nibble(hex.ptr[i]) << 4) | low));
    }
}

static bool put_hex_id(writer *w, gt_str s)
{
    for (size_t i = 1; i < PREFIXES; i++) {
        gt_str prefix = gt_str_c(prefixes[i]), hex = gt_str_from(s, prefix.len);
        if (gt_str_starts(s, prefix) && hex.len <= 32 && is_hex(hex)) {
            put_uint(w, (uint64_t)HEX | i << 2 | (uint64_t)hex.len << 5);
            put_nibbles(w, hex);
            return true;
        }
    }
    return false;
}

static bool put_uuid(writer *w, gt_str s)
{
    char hex[32];
    size_t n = 0;
    if (s.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.ptr[i] != '-' : nibble(s.ptr[i]) < 0)
            return false;
        if (!dash)
            hex[n++] = s.ptr[i];
    }
    put_uint(w, UUID);
    put_nibbles(w, (gt_str){hex, 32});
    return true;
}

static void put_str(writer *w, gt_str s)
{
    uint32_t number;
    if (put_uuid(w, s) || put_hex_id(w, s))
        return;
    if (w->strings && s.len > 2) {
        if (gt_sg_strings_add(w->strings, s, &number))
            put_uint(w, (uint64_t)TABLE | (uint64_t)number << 2);
        else
            w->out->status = GT_NOMEM;
        return;
    }
    put_uint(w, (uint64_t)INLINE | (uint64_t)s.len << 2);
    gt_buf_add(w->out, s);
}

static void put_cidr(writer *w, const gt_cidr *cidr)
{
    size_t skip = cidr->net.v6 ? 0 : 12, bytes = (cidr->len + 7u) / 8;
    put_uint(w, (uint64_t)cidr->len << 1 | cidr->net.v6);
    gt_buf_add(w->out, (gt_str){(const char *)cidr->net.bytes + skip, bytes});
}

enum rule_flag {
    CONTENT = 1,
    MALFORMED = 2,
    HAS_ID = 4,
    HAS_TEXT = 8,
    HAS_ACCOUNT = 16,
    HAS_TAGS = 512, /* above the direction and the peer */
};

static void put_rule(writer *w, const gt_sg_rule *r)
{
    unsigned flags = (r->content_known ? CONTENT : 0u) | (r->malformed ? MALFORMED : 0u) |
                     (r->rule_id.len ? HAS_ID : 0u) | (r->description.len ? HAS_TEXT : 0u) |
                     (r->peer_account.len ? HAS_ACCOUNT : 0u) | (r->tags.len ? HAS_TAGS : 0u);
    put_uint(w, flags | (unsigned)r->direction << 5 | (uint64_t)r->peer << 7);
    if (r->content_known) {
        put_int(w, r->protocol);
        put_int(w, r->from_port);
        put_int(w, r->to_port);
        if (r->peer == GT_SG_PEER_CIDR) {
            put_cidr(w, &r->cidr);
        } else {
            put_str(w, r->peer_id);
            put_str(w, r->peer_name);
        }
    }
    if (r->malformed)
        put_str(w, gt_str_c(r->malformed));
    if (r->rule_id.len)
        put_str(w, r->rule_id);
    if (r->description.len)
        put_str(w, r->description);
    if (r->peer_account.len)
        put_str(w, r->peer_account);
    if (r->tags.len)
        put_str(w, r->tags);
}

static void put_attachment(writer *w, const gt_sg_attachment *a)
{
    put_uint(w, a->mode);
    put_str(w, a->resource);
    put_str(w, a->interface);
    put_str(w, a->kind);
    put_str(w, a->vpc_id);
    put_uint(w, a->group_count);
    for (size_t i = 0; i < a->group_count; i++) {
        put_str(w, a->groups[i]);
        put_str(w, a->names[i]);
    }
}

static void put_list(writer *w, const gt_sg_change *c)
{
    put_str(w, c->prefix_list);
    put_int(w, c->list_version);
    put_uint(w, (c->list_created ? 1u : 0u) | (c->list_deleted ? 2u : 0u) |
                    (c->list_restored ? 4u : 0u));
    put_uint(w, c->list_added_count);
    for (size_t i = 0; i < c->list_added_count; i++)
        put_cidr(w, &c->list_added[i]);
    put_uint(w, c->list_removed_count);
    for (size_t i = 0; i < c->list_removed_count; i++)
        put_cidr(w, &c->list_removed[i]);
}

static void put_body(writer *w, const gt_sg_change *c)
{
    switch (c->operation) {
    case GT_SG_ATTACH:
    case GT_SG_DETACH:
        put_uint(w, c->attachment_count);
        for (size_t i = 0; i < c->attachment_count; i++)
            put_attachment(w, &c->attachments[i]);
        return;
    case GT_SG_PREFIX_LIST:
        put_list(w, c);
        return;
    case GT_SG_VPC:
        put_uint(w, (c->vpc_default ? 1u : 0u) | (c->vpc_created ? 2u : 0u) |
                        (c->vpc_ipv6 ? 4u : 0u));
        return;
    default:
        put_str(w, c->group_id);
        put_str(w, c->group_name);
        put_str(w, c->group_description);
        put_uint(w, c->direction);
        put_uint(w, c->rule_count);
        for (size_t i = 0; i < c->rule_count; i++)
            put_rule(w, &c->rules[i]);
        put_uint(w, c->unmatched_count);
        for (size_t i = 0; i < c->unmatched_count; i++)
            put_rule(w, &c->unmatched[i]);
    }
}

void gt_sg_pack(const gt_sg_change *c, gt_sg_strings *strings, gt_buf *out)
{
    writer w = {out, strings};
    bool timed = c->time != GT_SG_NO_TIME;
    put_uint(&w, (uint64_t)c->operation | (uint64_t)c->confidence << 4 |
                     (uint64_t)c->outcome << 7 | (uint64_t)timed << 9 |
                     (uint64_t)c->actor.class << 10);
    if (timed)
        put_int(&w, c->time / 1000); /* CloudTrail's time has whole seconds */
    put_str(&w, c->event_id);
    put_str(&w, c->event_name);
    put_str(&w, c->account);
    put_str(&w, c->region);
    put_str(&w, c->vpc_id);
    put_str(&w, c->error_code);
    put_str(&w, c->actor.arn);
    put_str(&w, c->actor.invoked_by);
    put_str(&w, c->actor.address);
    put_str(&w, c->actor.tool);
    put_str(&w, c->actor.basis);
    put_body(&w, c);
}

void gt_sg_change_pack(const gt_sg_change *change, gt_buf *out)
{
    gt_sg_pack(change, NULL, out);
}

/* --- reading ------------------------------------------------------------------------------------- */

typedef struct reader {
    gt_arena *arena;
    gt_str bytes;
    size_t at;
    const gt_sg_strings *strings;
    bool bad;
} reader;

static uint64_t get_uint(reader *r)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at >= r->bytes.len)
            break;
        uint8_t byte = (uint8_t)r->bytes.ptr[r->at++];
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return n;
    }
    r->bad = true;
    return 0;
}

static int64_t get_int(reader *r)
{
    uint64_t n = get_uint(r);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

static gt_str get_bytes(reader *r, size_t n)
{
    if (r->bytes.len - r->at < n) {
        r->bad = true;
        return GT_STR("");
    }
    gt_str s = {r->bytes.ptr + r->at, n};
    r->at += n;
    return s;
}

static char *unhex(gt_str bytes, size_t digits, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < digits; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i / 2];
        *out++ = hex[i % 2 ? byte & 15 : byte >> 4];
    }
    return out;
}

static gt_str get_hex_id(reader *r, uint64_t head)
{
    gt_str prefix = gt_str_c(prefixes[head >> 2 & 7]);
    size_t digits = (size_t)(head >> 5);
    gt_str bytes = digits <= 32 ? get_bytes(r, (digits + 1) / 2) : (r->bad = true, GT_STR(""));
    if (r->bad)
        return GT_STR("");
    char *text = gt_arena_alloc(r->arena, prefix.len + digits);
    if (!text)
        return GT_STR("");
    memcpy(text, prefix.ptr, prefix.len);
    unhex(bytes, digits, text + prefix.len);
    return (gt_str){text, prefix.len + digits};
}

static gt_str get_uuid(reader *r)
{
    static const uint8_t lengths[] = {8, 4, 4, 4, 12};
    gt_str bytes = get_bytes(r, 16);
    char *text = r->bad ? NULL : gt_arena_alloc(r->arena, 36), *at = text;
    if (!text)
        return GT_STR("");
    for (size_t i = 0; i < sizeof lengths; i++) {
        if (i)
            *at++ = '-';
        at = unhex(bytes, lengths[i], at);
        bytes = gt_str_from(bytes, lengths[i] / 2u);
    }
    return (gt_str){text, 36};
}

static gt_str get_str(reader *r)
{
    uint64_t head = get_uint(r);
    switch ((enum tag)(head & 3)) {
    case TABLE:
        if (!r->strings || head >> 2 >= r->strings->count) {
            r->bad = true;
            return GT_STR("");
        }
        return r->strings->items[head >> 2];
    case HEX:
        return get_hex_id(r, head);
    case UUID:
        return get_uuid(r);
    case INLINE:
        break;
    }
    return get_bytes(r, (size_t)(head >> 2));
}

static gt_cidr get_cidr(reader *r)
{
    uint64_t head = get_uint(r);
    gt_cidr cidr = {.len = (uint8_t)(head >> 1)};
    cidr.net.v6 = head & 1;
    if (head >> 1 > (cidr.net.v6 ? 128u : 32u)) {
        r->bad = true;
        return (gt_cidr){0};
    }
    gt_str bytes = get_bytes(r, (cidr.len + 7u) / 8);
    if (!r->bad)
        memcpy(cidr.net.bytes + (cidr.net.v6 ? 0 : 12), bytes.ptr, bytes.len);
    return cidr;
}

static gt_sg_rule get_rule(reader *r)
{
    uint64_t head = get_uint(r);
    gt_sg_rule rule = {.direction = (gt_sg_direction)(head >> 5 & 3),
                       .peer = (gt_sg_peer)(head >> 7 & 3),
                       .content_known = head & CONTENT};
    if (rule.content_known) {
        rule.protocol = (int16_t)get_int(r);
        rule.from_port = (int32_t)get_int(r);
        rule.to_port = (int32_t)get_int(r);
        if (rule.peer == GT_SG_PEER_CIDR) {
            rule.cidr = get_cidr(r);
        } else {
            rule.peer_id = get_str(r);
            rule.peer_name = get_str(r);
        }
        if (rule.protocol < -1 || rule.protocol > 255)
            r->bad = true;
    }
    if (rule.direction > GT_SG_EGRESS)
        r->bad = true;
    if (head & MALFORMED)
        rule.malformed = gt_arena_dup(r->arena, get_str(r)).ptr;
    if (head & HAS_ID)
        rule.rule_id = get_str(r);
    if (head & HAS_TEXT)
        rule.description = get_str(r);
    if (head & HAS_ACCOUNT)
        rule.peer_account = get_str(r);
    if (head & HAS_TAGS)
        rule.tags = get_str(r);
    return rule;
}

/* Room for count elements; every element takes a byte at least, so damaged bytes cannot ask for more
 * than they hold. */
static void *get_array(reader *r, size_t size, size_t *ret_count)
{
    uint64_t count = get_uint(r);
    *ret_count = 0;
    if (r->bad || count > r->bytes.len - r->at) {
        r->bad = true;
        return NULL;
    }
    void *items = count ? gt_arena_calloc(r->arena, (size_t)count, size) : NULL;
    if (items)
        *ret_count = (size_t)count;
    else if (count)
        r->bad = true;
    return items;
}

static void get_rules(reader *r, gt_sg_rule **ret, size_t *count)
{
    *ret = get_array(r, sizeof **ret, count);
    for (size_t i = 0; i < *count && !r->bad; i++)
        (*ret)[i] = get_rule(r);
}

static void get_attachments(reader *r, gt_sg_change *c)
{
    c->attachments = get_array(r, sizeof *c->attachments, &c->attachment_count);
    for (size_t i = 0; i < c->attachment_count && !r->bad; i++) {
        gt_sg_attachment *a = &c->attachments[i];
        a->mode = (gt_sg_attach_mode)(get_uint(r) & 3);
        a->resource = get_str(r);
        a->interface = get_str(r);
        a->kind = get_str(r);
        a->vpc_id = get_str(r);
        a->groups = get_array(r, sizeof *a->groups, &a->group_count);
        a->names = gt_arena_array(r->arena, gt_str, a->group_count + 1);
        for (size_t k = 0; k < a->group_count && !r->bad && a->names; k++) {
            a->groups[k] = get_str(r);
            a->names[k] = get_str(r);
        }
    }
}

static void get_cidrs(reader *r, gt_cidr **ret, size_t *count)
{
    *ret = get_array(r, sizeof **ret, count);
    for (size_t i = 0; i < *count && !r->bad; i++)
        (*ret)[i] = get_cidr(r);
}

static void get_body(reader *r, gt_sg_change *c)
{
    uint64_t flags;
    switch (c->operation) {
    case GT_SG_ATTACH:
    case GT_SG_DETACH:
        get_attachments(r, c);
        return;
    case GT_SG_PREFIX_LIST:
        c->prefix_list = get_str(r);
        c->list_version = get_int(r);
        flags = get_uint(r);
        c->list_created = flags & 1;
        c->list_deleted = flags & 2;
        c->list_restored = flags & 4;
        get_cidrs(r, &c->list_added, &c->list_added_count);
        get_cidrs(r, &c->list_removed, &c->list_removed_count);
        return;
    case GT_SG_VPC:
        flags = get_uint(r);
        c->vpc_default = flags & 1;
        c->vpc_created = flags & 2;
        c->vpc_ipv6 = flags & 4;
        return;
    default:
        c->group_id = get_str(r);
        c->group_name = get_str(r);
        c->group_description = get_str(r);
        c->direction = (gt_sg_direction)(get_uint(r) % 3);
        get_rules(r, &c->rules, &c->rule_count);
        get_rules(r, &c->unmatched, &c->unmatched_count);
    }
}

bool gt_sg_unpack(gt_arena *arena, gt_str bytes, const gt_sg_strings *strings, gt_sg_change **ret)
{
    reader r = {arena, bytes, 0, strings, false};
    gt_sg_change *c = gt_arena_new_of(arena, gt_sg_change);
    if (!c)
        return false;
    uint64_t head = get_uint(&r);
    c->operation = (gt_sg_operation)(head & 15);
    c->confidence = (gt_sg_confidence)(head >> 4 & 7);
    c->outcome = (gt_sg_outcome)(head >> 7 & 3);
    c->actor.class = (gt_sg_actor_class)(head >> 10 & 15);
    if (c->operation > GT_SG_VPC || c->actor.class > GT_SG_ACTOR_ROOT)
        return false;
    c->time = head >> 9 & 1 ? get_int(&r) * 1000 : GT_SG_NO_TIME;
    gt_str *const fields[] = {&c->event_id,         &c->event_name,    &c->account,
                              &c->region,           &c->vpc_id,        &c->error_code,
                              &c->actor.arn,        &c->actor.invoked_by,
                              &c->actor.address,    &c->actor.tool,    &c->actor.basis};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = get_str(&r);
    get_body(&r, c);
    if (r.bad || gt_arena_status(arena) != GT_OK)
        return false;
    *ret = c;
    return true;
}

gt_status gt_sg_change_unpack(gt_arena *arena, gt_str bytes, gt_sg_change **ret)
{
    if (gt_sg_unpack(arena, bytes, NULL, ret))
        return GT_OK;
    return gt_arena_status(arena) != GT_OK ? gt_arena_status(arena) : GT_CORRUPT;
}
