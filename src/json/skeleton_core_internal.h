/* skeleton_core_internal.h — the stream, compiled for an instruction set after scan_core_internal.h.
 * The including file defines
 *   lowest, lowest_none(), has_control(lowest)                the least byte of many blocks
 *   string_masks(const char *, skeleton_masks *, lowest)      gives the new lowest
 *   control_mask(const char *)                                bytes below 0x20
 *   cut(unsigned char *to, const char *from, uint64_t keep)   the kept bytes of 64, in order; may
 *                                write PIECE bytes behind them; returns how many count
 *   boundary_mask(const unsigned char *)   of 64 places: where '}', any byte and '{' stand
 *   digest_state, digest_begin(), digest_piece(digest_state, key, bytes), digest_sum(digest_state)
 *   count_up_to(const int16_t *, int16_t)  of LOCATE_LANES numbers: those <= the value */
#include <immintrin.h>

static bool escapes_fine(uint64_t escapes, const char *p, const char *end)
{
    for (; escapes; escapes &= escapes - 1) {
        const char *at = p + __builtin_ctzll(escapes);
        if (at < end && !scan_escape_valid(at, end))
            return false;
    }
    return true;
}

/* What goes from block to block. Kept in variables while feeding: through a pointer it would be
 * written and read again around every store of skeleton bytes, which may alias anything. */
typedef struct feed_state {
    uint64_t escaped; /* 1: the next byte is escaped */
    uint64_t string, inside, before;
    unsigned char *to;
    lowest low; /* the least byte seen in each place */
} feed_state;

typedef struct quotes {
    uint64_t quote;
    uint64_t escaped; /* feed_state's; bit 1: some escape is no good */
} quotes;

/* The quotes that no backslash escapes. Out of line, so that the usual block stays in registers. */
static __attribute__((noinline, cold)) quotes unescaped(const char *p, const char *end,
                                                        uint64_t quote, uint64_t backslash,
                                                        uint64_t escaped)
{
    uint64_t bytes = escaped_bytes(backslash, &escaped);
    bool fine = escapes_fine(bytes & ~(quote | backslash), p, end);
    return (quotes){quote & ~bytes, escaped | (fine ? 0 : 2)};
}

/* Is a control byte among what was cut out? Those that were kept are compared like all else. */
static __attribute__((noinline)) bool cut_control(const skeleton_stream *s, unsigned from,
                                                  unsigned to)
{
    bool any = false;
    for (unsigned b = from; b < to; b++)
        any |= (control_mask(s->text + 64 * b) & ~s->keep[b]) != 0;
    return any;
}

/* Text that comes soon is fetched: inflating left it in the second cache. */
#define FETCH_AHEAD 1024

static void feed(skeleton_stream *s, const char *end)
{
    feed_state f = {s->escaped, s->string, s->inside, s->before, s->bytes + s->len, lowest_none()};
    unsigned first = s->blocks, stop = first + FEED_BLOCKS;
    size_t left = ((size_t)(end - s->text) + 63) / 64 - first;
    if (left < FEED_BLOCKS)
        stop = first + (unsigned)left;
    const char *p = s->text + 64 * (size_t)first;
    bool bad = false;
    for (unsigned block = first; block < stop; block++, p += 64) {
        skeleton_masks m;
        __builtin_prefetch(p + FETCH_AHEAD);
        f.low = string_masks(p, &m, f.low);
        if (__builtin_expect((m.backslash | f.escaped) != 0, 0)) {
            quotes q = unescaped(p, end, m.quote, m.backslash, f.escaped);
            m.quote = q.quote;
            f.escaped = q.escaped & 1;
            bad |= q.escaped & 2;
            s->escapes = block + 1;
        }
        uint64_t string = prefix_xor(m.quote) ^ f.string;
        f.string = (uint64_t)((int64_t)string >> 63);
        uint64_t begins = m.quote & string & (m.before << 1 | f.before);
        f.before = m.before >> 63;
        /* Inside the string that goes on, bit 0 begins nothing: one addition carries both. */
        uint64_t sum;
        f.inside = __builtin_add_overflow(string, begins | f.inside, &sum);
        uint64_t keep = ~string | sum | begins;
        s->keep[block] = keep;
        s->base[block] = (int16_t)(f.to - s->bytes);
        f.to += cut(f.to, p, keep);
    }
    s->escaped = f.escaped;
    s->string = f.string;
    s->inside = f.inside;
    s->before = f.before;
    s->len = (uint32_t)(f.to - s->bytes);
    s->blocks = stop;
    if (__builtin_expect(has_control(f.low), 0))
        bad |= cut_control(s, first, stop);
    if (bad && first < s->bad)
        s->bad = first;
}

typedef struct place {
    unsigned block;
    uint64_t bit;
} place;

/* Where byte `index` of the skeleton stands; from: a block at or before it. */
static inline place locate(const skeleton_stream *s, unsigned from, unsigned index)
{
    unsigned block = from, count;
    while ((count = count_up_to(s->base + block, (int16_t)index)) == LOCATE_LANES)
        block += LOCATE_LANES;
    block += count - 1;
    unsigned rank = index - (unsigned)s->base[block];
    return (place){block, _pdep_u64(UINT64_C(1) << rank, s->keep[block])};
}

static inline const char *text_at(const skeleton_stream *s, place p)
{
    return s->text + 64 * p.block + __builtin_ctzll(p.bit);
}

/* The next byte of the skeleton. It is there: skeletons end with a bracket. */
static inline place place_behind(const skeleton_stream *s, place p)
{
    uint64_t rest = s->keep[p.block] & ~(p.bit | (p.bit - 1));
    while (!rest)
        rest = s->keep[++p.block];
    return (place){p.block, rest & -rest};
}

static bool stream_has(gt_skeletons *k, unsigned len, const char *end)
{
    while (k->stream.len < len)
        if (skeleton_may_feed(&k->stream, end))
            feed(&k->stream, end);
        else
            return false;
    return true;
}

/* The last object of a text: "}" or "}]}" and white space come last. */
static unsigned last_end(const skeleton_stream *s, unsigned begin, const char *end)
{
    if (s->text + 64 * s->blocks < end)
        return 0; /* the stream's room is at its end, not the text */
    place p = {s->blocks - 1, 0};
    unsigned in_last = (unsigned)(end - (s->text + 64 * p.block));
    uint64_t before_end = in_last >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << in_last) - 1;
    unsigned at = (unsigned)s->base[p.block] +
                  (unsigned)__builtin_popcountll(s->keep[p.block] & before_end);
    while (at > begin && s->bytes[at - 1] <= ' ')
        at--;
    if (at - begin > 2 && memcmp(s->bytes + at - 2, "]}", 2) == 0)
        at -= 2;
    return at - 1;
}

/* Behind '}': what stands between two objects, and one that begins as some did? */
static bool is_boundary(const gt_skeletons *k, const unsigned char *bytes)
{
    uint64_t first8;
    memcpy(&first8, bytes + 1, 8);
    bool any = false;
    for (unsigned i = 0; i < MARKERS_MAX; i++)
        any |= first8 == k->markers[i];
    return any && (*bytes == ',' || *bytes == '\n');
}

/* The digest (skeleton.h): the sum over all pairs of 8 bytes of (a ^ key) * (b ^ key'), carry-less, in
 * the field of 2^64 elements. The last piece overlaps the one before. */
static uint64_t digest_end(digest_state h, const unsigned char *key, const unsigned char *bytes,
                           unsigned len)
{
    __m128i sum = digest_sum(digest_piece(h, key + (len - 1) / PIECE * PIECE, bytes + len - PIECE));
    const __m128i modulus = _mm_set_epi64x(0, 0x1B); /* x^64 + x^4 + x^3 + x + 1 */
    __m128i high = _mm_clmulepi64_si128(sum, modulus, 0x01);
    __m128i higher = _mm_clmulepi64_si128(high, modulus, 0x01);
    return (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(_mm_xor_si128(sum, high), higher));
}

static uint64_t digest_bytes(const unsigned char *key, const unsigned char *bytes, unsigned len)
{
    digest_state h = digest_begin();
    for (unsigned at = 0; at + PIECE < len; at += PIECE)
        h = digest_piece(h, key + at, bytes + at);
    return digest_end(h, key, bytes, len);
}

/* Note what begins at ahead.begin and ends with the guess. */
static void look_up(gt_skeletons *k, unsigned guess, uint64_t digest)
{
    unsigned len = guess - k->ahead.begin + 1;
    k->ahead.guess = guess;
    k->ahead.digest = digest;
    k->ahead.id = 0;
    for (uint64_t at = digest & k->table_mask;; at = (at + 1) & k->table_mask) {
        const table_slot *found = &k->table[at];
        if (!found->id)
            return;
        if (found->tag != (uint32_t)(digest >> 32) || found->len != len)
            continue;
        __builtin_prefetch(&k->items[found->id]);
        k->ahead.id = found->id;
        return;
    }
}

/* The place behind the first of these 64 that an object seems to end at; 0: none. */
static inline unsigned boundary_behind(const gt_skeletons *k, const unsigned char *bytes)
{
    for (uint64_t mask = boundary_mask(bytes); mask; mask &= mask - 1) {
        unsigned i = (unsigned)__builtin_ctzll(mask);
        if (is_boundary(k, bytes + i + 1))
            return i + 1;
    }
    return 0;
}

/* Guess the '}' that ends the object at begin, and look its skeleton up. The digest is made on the
 * way. */
static void look_ahead(gt_skeletons *k, unsigned begin, const char *end)
{
    const skeleton_stream *s = &k->stream;
    digest_state h = digest_begin();
    unsigned at = begin, behind = 0, stop = begin + SKELETON_LEN_MAX;
    k->ahead.begin = begin;
    k->ahead.id = 0;
    for (;;) {
        for (unsigned fed = s->len; at + PIECE + 16 <= fed; at += PIECE) {
            behind = boundary_behind(k, s->bytes + at);
            if (behind)
                break;
            h = digest_piece(h, k->key + (at - begin), s->bytes + at);
        }
        if (behind || at >= stop || !skeleton_may_feed(s, end))
            break;
        feed(&k->stream, end);
    }
    unsigned guess = behind ? at + behind - 1 : last_end(s, begin, end);
    if (guess < begin + PIECE || guess >= stop)
        return;
    unsigned len = guess - begin + 1;
    look_up(k, guess, behind ? digest_end(h, k->key, s->bytes + begin, len)
                             : digest_bytes(k->key, s->bytes + begin, len));
}

/* Returns the block of the last one. */
static unsigned note_picks(const gt_skeletons *k, const known *item, unsigned begin, unsigned from,
                           gt_scan *out, const char **ends)
{
    const skeleton_stream *s = &k->stream;
    /* A backslash in one of the next objects counts too: then strings are looked at, no harm. */
    bool escapes = s->escapes > from;
    memset(out->values, 0, k->plan->slot_count * sizeof *out->values);
    memset(ends, 0, k->plan->slot_count * sizeof *ends);
    for (unsigned i = 0; i < item->pick_count; i++) {
        pick p = item->picks[i];
        place value = locate(s, from, begin + p.index);
        from = value.block; /* picks are sorted */
        out->values[p.slot] = text_at(s, value);
        if (p.is_string && !escapes)
            ends[p.slot] = text_at(s, place_behind(s, value));
    }
    return from;
}

/* Does the object at text follow the last one, with only white space and commas between? Then we
 * know to be outside of strings there, and the bytes between are all part of the skeleton. */
static bool stream_goes_on(const skeleton_stream *s, const char *text)
{
    if (!s->text || text < s->behind || text - s->behind > 16 ||
        text >= s->text + 64 * s->blocks)
        return false;
    for (const char *p = s->behind; p < text; p++)
        if (*p != ',' && *p != ' ' && *p != '\n' && *p != '\r' && *p != '\t')
            return false;
    return true;
}

/* Forget the blocks before the one that holds text, when room runs short. */
static void slide(gt_skeletons *k, const char *text)
{
    skeleton_stream *s = &k->stream;
    unsigned gone = (unsigned)(text - s->text) / 64, left = s->blocks - gone;
    unsigned bytes = (unsigned)s->base[gone];
    s->text += 64 * gone;
    s->blocks = left;
    s->len -= bytes;
    s->bad = s->bad == STREAM_BLOCKS ? STREAM_BLOCKS : s->bad > gone ? s->bad - gone : 0;
    memmove(s->bytes, s->bytes + bytes, s->len);
    memmove(s->keep, s->keep + gone, left * sizeof *s->keep);
    s->escapes = s->escapes > gone ? s->escapes - gone : 0;
    for (unsigned b = 0; b < left; b++)
        s->base[b] = (int16_t)(s->base[b + gone] - (int)bytes);
    memset(s->base + left, 0x7F, gone * sizeof *s->base);
    k->ahead.begin -= bytes;
    k->ahead.guess -= bytes;
}

static bool recognise(gt_skeletons *k, const char *text, const char *end, gt_scan *out,
                      const char **ends)
{
    skeleton_stream *s = &k->stream;
    bool goes_on = stream_goes_on(s, text);
    if (!goes_on)
        skeleton_begin(s, text);
    else if (s->blocks > STREAM_BLOCKS - 2 * FEED_BLOCKS)
        slide(k, text);
    if (!stream_has(k, 1, end))
        return false;
    unsigned block = (unsigned)(text - s->text) / 64, bit = (unsigned)(text - s->text) % 64;
    unsigned begin = (unsigned)s->base[block] +
                     (unsigned)__builtin_popcountll(s->keep[block] & ((UINT64_C(1) << bit) - 1));
    if (!goes_on || k->ahead.begin != begin)
        look_ahead(k, begin, end);
    const known *item = &k->items[k->ahead.id];
    unsigned guess = k->ahead.guess;
    if (!k->ahead.id || item->digest != k->ahead.digest)
        return false;
    place last = locate(s, note_picks(k, item, begin, block, out, ends), guess);
    if (text_at(s, last) >= end || last.block >= s->bad)
        return false;
    s->behind = text_at(s, last) + 1;
    k->last_digest = item->digest;
    out->len = (size_t)(s->behind - text);
    while (++guess < s->len && (s->bytes[guess] == ',' || s->bytes[guess] <= ' '))
        ;
    if (guess < s->len && s->bytes[guess] == '{')
        look_ahead(k, guess, end);
    return true;
}
