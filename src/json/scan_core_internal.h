/* scan_core_internal.h — the pass itself, compiled once for each instruction set.
 * The including file defines, before including:
 *   SCAN_NAME                                      name of the gt_scanner
 *   static inline void classify(const char *, scan_masks *)   64 bytes to masks
 *   static inline uint64_t white_space(const char *)  mask of space, tab, LF, CR
 *   static inline uint64_t prefix_xor(uint64_t)       bit i = xor of bits 0..i
 *
 * Method: 64 bytes at a time become bit masks, a bit a byte. Quotes that no backslash escapes toggle
 * "inside a string" (prefix xor). Outside strings every byte is part of a token, and a text is JSON
 * exactly when each token may follow the one before it and brackets match:
 *   after '{' a key or '}'; after '[' a value or ']'; after ',' a key in an object, else a value;
 *   after ':' a value; after a key ':'; after a value ',' '}' or ']'.
 * "Follows" is a shift by one bit where no white space is, else an addition that carries a bit over
 * the run of white space. A key is a string after '{' or an object's ','; its end is found by adding
 * its first bit to the mask of string bytes: the carry comes out at the closing quote.
 * Only brackets are walked one by one (for the stack, and for the object-or-array mask), and keys of
 * the objects the plan looks into, and numbers and literals. */
#include "json/scan_internal.h"

#include <string.h>

/* Runs of bits carried over the end of a block. */
typedef struct scan_state {
    uint64_t escaped; /* the next byte is escaped */
    uint64_t string;  /* all ones inside a string */
    uint64_t scalar;  /* the last byte belonged to a number or literal */
    uint64_t after_object, after_array, after_comma, after_colon, after_key, after_value;
    uint64_t key; /* the string that goes on is a key */
    unsigned depth;
    unsigned pending; /* node of the last key seen in an object of the plan */
    bool escaped_key;
    uint16_t stack[GT_JSON_DEPTH_MAX + 1]; /* node << 1 | is object */
} scan_state;

static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t carry_in, uint64_t *carry_out)
{
    uint64_t sum;
    bool over = __builtin_add_overflow(a, b, &sum);
    over |= __builtin_add_overflow(sum, carry_in, &sum);
    *carry_out = over;
    return sum;
}

/* Positions of the tokens that follow the tokens which end right before the bits of `next`. */
static inline uint64_t over_white(uint64_t next, uint64_t white, uint64_t *carry)
{
    uint64_t over;
    uint64_t sum = add_carry(next & white, white, 0, &over);
    *carry |= over;
    return (next | sum) & ~white;
}

static inline uint64_t follow(uint64_t tokens, uint64_t white, uint64_t *carry)
{
    uint64_t next = tokens << 1 | *carry;
    *carry = tokens >> 63;
    return __builtin_expect(white != 0, 0) ? over_white(next, white, carry) : next;
}

/* Bytes that a backslash escapes. */
static inline uint64_t escaped_bytes(uint64_t backslash, uint64_t *carry)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    backslash &= ~*carry;
    uint64_t follows = backslash << 1 | *carry;
    uint64_t odd_starts = backslash & ~even & ~follows;
    uint64_t sequences = add_carry(odd_starts, backslash, 0, carry);
    return (even ^ (sequences << 1)) & follows;
}

static inline void visit_keys(const gt_scan_plan *plan, unsigned node, uint64_t keys, const char *p,
                              const char *end, scan_state *s, const char **values)
{
    const scan_node *n = &plan->nodes[node];
    for (; keys; keys &= keys - 1) {
        const char *key = p + __builtin_ctzll(keys) + 1;
        uint64_t first8;
        memcpy(&first8, key, 8);
        unsigned bucket = scan_bucket(first8);
        s->pending = 0;
        if (n->bucket[bucket] | n->shorts)
            s->pending = scan_visit(plan, node, bucket, key, end, values);
    }
}

typedef struct scan_brackets {
    uint64_t objects; /* bytes whose innermost container is an object */
    uint64_t live;    /* bytes up to the end of the root */
    bool ended;
    gt_scan_verdict verdict;
} scan_brackets;

static inline void walk_brackets(const gt_scan_plan *plan, const char *p, const char *end,
                                 uint64_t brackets, uint64_t opens, uint64_t curly,
                                 uint64_t maybe_keys, scan_state *s, const char **values,
                                 scan_brackets *out)
{
    uint64_t rest = ~UINT64_C(0); /* bytes behind the last bracket */
    unsigned top = s->stack[s->depth];
    out->objects = 0;
    out->live = ~UINT64_C(0);
    out->ended = false;
    out->verdict = GT_SCAN_OK;
    while (brackets) {
        uint64_t bit = brackets & -brackets;
        uint64_t segment = rest & (bit | (bit - 1));
        rest &= ~segment;
        brackets ^= bit;
        if (top & 1)
            out->objects |= segment;
        if (top > 1)
            visit_keys(plan, top >> 1, maybe_keys & segment, p, end, s, values);
        unsigned is_object = (curly & bit) != 0;
        if (opens & bit) {
            if (s->depth == GT_JSON_DEPTH_MAX) {
                out->verdict = GT_SCAN_DEEP;
                out->live = bit - 1;
                return;
            }
            unsigned node = is_object && top > 1 ? s->pending : 0;
            if (s->depth == 0)
                node = is_object && plan ? 1 : 0;
            top = node << 1 | is_object;
            s->stack[++s->depth] = (uint16_t)top;
            continue;
        }
        if ((top & 1) != is_object || s->depth == 0) {
            out->verdict = GT_SCAN_INVALID;
            return;
        }
        top = s->stack[--s->depth];
        if (s->depth == 0) {
            out->ended = true;
            out->live = bit | (bit - 1);
            return;
        }
    }
    if (top & 1)
        out->objects |= rest;
    if (top > 1)
        visit_keys(plan, top >> 1, maybe_keys & rest, p, end, s, values);
}

static __attribute__((noinline)) bool tokens_valid(uint64_t starts, bool escapes, const char *p,
                                                   const char *end)
{
    for (; starts; starts &= starts - 1) {
        const char *at = p + __builtin_ctzll(starts);
        if (at < end && !(escapes ? scan_escape_valid(at, end) : scan_scalar_valid(at, end)))
            return false;
    }
    return true;
}

/* One block: src holds its 64 bytes, p is where they stand in the text. */
static inline gt_scan_verdict scan_block(const gt_scan_plan *plan, const char *src, const char *p,
                                         const char *end, scan_state *s, const char **values,
                                         unsigned *ret_end)
{
    scan_masks m;
    classify(src, &m);
    uint64_t escaped = 0;
    if (m.backslash | s->escaped)
        escaped = escaped_bytes(m.backslash, &s->escaped);
    uint64_t quote = m.quote & ~escaped;
    uint64_t string = prefix_xor(quote) ^ s->string;
    s->string = (uint64_t)((int64_t)string >> 63);
    uint64_t outside = ~(string | quote);
    uint64_t opens = m.open & outside, closes = m.close & outside;
    uint64_t colon = m.colon & outside, comma = m.comma & outside;
    uint64_t white = m.low & outside;
    uint64_t quote_open = quote & string, quote_close = quote & ~string;
    uint64_t bad = (m.low & ~m.space & string) | (m.backslash & outside);
    if (__builtin_expect(white != 0, 0))
        bad |= white & ~white_space(src);
    uint64_t scalar = outside & ~(opens | closes | colon | comma | white);
    uint64_t scalar_next = scalar << 1 | s->scalar;
    s->scalar = scalar >> 63;

    uint64_t after_object = follow(opens & m.curly, white, &s->after_object);
    uint64_t after_comma = follow(comma, white, &s->after_comma);
    scan_brackets b;
    walk_brackets(plan, p, end, opens | closes, opens, m.curly,
                  quote_open & (after_object | after_comma), s, values, &b);

    uint64_t key = quote_open & (after_object | (after_comma & b.objects));
    uint64_t sum = add_carry(string, key, s->key, &s->key);
    uint64_t key_close = sum & quote_close;
    s->escaped_key |= (m.backslash & string & ~sum) != 0;
    uint64_t value = (quote_open & ~key) | (scalar & ~scalar_next) | opens;
    uint64_t value_end = (quote_close & ~key_close) | closes;
    uint64_t after_value = value_end << 1 | s->after_value | (scalar_next & ~scalar);
    s->after_value = value_end >> 63;
    if (__builtin_expect(white != 0, 0))
        after_value = over_white(after_value, white, &s->after_value);

    bad |= after_object & ~(key | (closes & m.curly));
    bad |= follow(opens & ~m.curly, white, &s->after_array) & ~(value | (closes & ~m.curly));
    bad |= after_comma & ~(key | (value & ~b.objects));
    bad |= follow(colon, white, &s->after_colon) & ~value;
    bad |= follow(key_close, white, &s->after_key) ^ colon;
    bad |= after_value & ~(comma | closes);
    uint64_t starts = scalar & ~scalar_next & b.live;
    uint64_t escapes = escaped & string & b.live & ~(m.quote | m.backslash);
    if ((bad & b.live) || b.verdict == GT_SCAN_INVALID ||
        (starts && !tokens_valid(starts, false, p, end)) ||
        (escapes && !tokens_valid(escapes, true, p, end)))
        return GT_SCAN_INVALID;
    if (b.verdict != GT_SCAN_OK)
        return b.verdict;
    if (!b.ended)
        return GT_SCAN_CUT;
    *ret_end = (unsigned)__builtin_popcountll(b.live);
    return GT_SCAN_OK;
}

static gt_scan_verdict scan(const gt_scan_plan *plan, const char *text, const char *end,
                            gt_scan *out)
{
    scan_state s;
    memset(&s, 0, offsetof(scan_state, stack));
    s.stack[0] = 0;
    if (plan)
        memset(out->values, 0, plan->slot_count * sizeof *out->values);
    gt_scan_verdict verdict = GT_SCAN_CUT;
    unsigned last = 0;
    const char *p = text;
    for (; end - p >= 64; p += 64) {
        verdict = scan_block(plan, p, p, end, &s, out->values, &last);
        if (verdict != GT_SCAN_CUT)
            break;
    }
    if (verdict == GT_SCAN_CUT && p < end) {
        char tail[64];
        memset(tail, ' ', sizeof tail);
        memcpy(tail, p, (size_t)(end - p));
        verdict = scan_block(plan, tail, p, end, &s, out->values, &last);
    }
    if (verdict != GT_SCAN_OK)
        return verdict;
    out->len = (size_t)(p - text) + last;
    if (s.escaped_key && plan)
        scan_pick_slowly(plan, text, text + out->len, out->values);
    return GT_SCAN_OK;
}

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t hash(const uint8_t *secret, const char *data, size_t len)
{
    return XXH3_64bits_withSecret(data, len, secret, GT_SCAN_SECRET);
}
