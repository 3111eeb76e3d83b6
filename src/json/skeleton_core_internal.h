/* skeleton_core_internal.h — the stream, compiled for an instruction set after scan_core_internal.h.
 * The including file defines
 *   cut(unsigned char *to, const char *from, uint64_t keep)   the kept bytes of 64, in order; may
 *                                                      write up to 128 bytes; returns how many count
 *   equal_bytes(a, b, len), count_up_to(const int16_t *, int16_t): lanes <= value of LOCATE_LANES
 *   string_masks(const char *, skeleton_masks *)
 *   piece_slot(parent, bytes)                        skeleton_kernel's slot */
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

/* The state is kept in variables of its own: through the pointer it would be written and read again
 * around every store of skeleton bytes, which may alias anything. */
static void feed(skeleton_stream *s, const char *end)
{
    uint64_t escaped_carry = s->escaped, string_carry = s->string, inside = s->inside;
    uint64_t before = s->before;
    unsigned len = s->len, first = s->blocks, bad_block = s->bad;
    const char *p = s->text + 64 * first;
    size_t left = ((size_t)(end - p) + 63) / 64;
    unsigned stop = first + (left < FEED_BLOCKS ? (unsigned)left : FEED_BLOCKS);
    for (unsigned block = first; block < stop; block++, p += 64) {
        skeleton_masks m;
        string_masks(p, &m);
        uint64_t quote = m.quote;
        bool bad = false;
        if (__builtin_expect((m.backslash | escaped_carry) != 0, 0)) {
            uint64_t escaped = escaped_bytes(m.backslash, &escaped_carry);
            s->backslashes[block / 64] |= UINT64_C(1) << (block % 64);
            quote &= ~escaped;
            bad = !escapes_fine(escaped & ~(m.quote | m.backslash), p, end);
        }
        uint64_t string = prefix_xor(quote) ^ string_carry;
        string_carry = (uint64_t)((int64_t)string >> 63);
        uint64_t begins = quote & string & (m.before << 1 | before);
        before = m.before >> 63;
        uint64_t sum = add_carry(string, begins, inside, &inside);
        uint64_t keep = ~(string & ~sum) | begins;
        if (__builtin_expect((m.control & string) != 0 || bad, 0) && block < bad_block)
            bad_block = block;
        s->keep[block] = keep;
        s->base[block] = (int16_t)len;
        len += cut(s->bytes + len, p, keep);
    }
    s->escaped = escaped_carry;
    s->string = string_carry;
    s->inside = inside;
    s->before = before;
    s->len = len;
    s->bad = bad_block;
    s->blocks = stop;
}

static const char *locate(const skeleton_stream *s, unsigned from, unsigned index)
{
    unsigned block = from, count;
    while ((count = count_up_to(s->base + block, (int16_t)index)) == LOCATE_LANES)
        block += LOCATE_LANES;
    block += count - 1;
    unsigned rank = index - (unsigned)s->base[block];
    uint64_t bit = _pdep_u64(UINT64_C(1) << rank, s->keep[block]);
    return s->text + 64 * block + __builtin_ctzll(bit);
}

static bool stream_has(gt_skeletons *k, unsigned index, unsigned len, const char *end)
{
    while (k->stream.len < index + len)
        if (skeleton_may_feed(&k->stream, end))
            feed(&k->stream, end);
        else
            return false;
    return true;
}

static bool has_backslash(const skeleton_stream *s, const char *from, const char *to)
{
    unsigned first = (unsigned)(from - s->text) / 64, last = (unsigned)(to - s->text) / 64;
    uint64_t any = 0;
    for (unsigned b = first; b <= last; b++)
        any |= s->backslashes[b / 64] >> (b % 64) & 1;
    return any;
}

/* --- recognising -------------------------------------------------------------------------------*/

static uint32_t find_full(const gt_skeletons *k, uint32_t parent, const unsigned char *bytes)
{
    for (uint32_t at = piece_slot(parent, bytes);; at = (at + 1) % TABLE_SLOTS) {
        uint32_t id = k->table[at];
        if (!id || (k->pieces[id].parent == parent && equal_bytes(k->bytes[id], bytes, PIECE)))
            return id;
    }
}

/* The piece below parent at `index` of the stream; 0: none. */
static uint32_t next_piece(gt_skeletons *k, uint32_t parent, unsigned index, const char *end)
{
    piece *above = &k->pieces[parent];
    uint32_t id = above->latest;
    if (!id)
        return 0;
    const unsigned char *bytes = k->stream.bytes + index;
    if (stream_has(k, index, k->pieces[id].len, end) &&
        equal_bytes(k->bytes[id], bytes, k->pieces[id].len))
        return id;
    bool full = stream_has(k, index, PIECE, end);
    id = full ? find_full(k, parent, bytes) : 0;
    for (uint32_t e = above->ending; e && !id; e = k->pieces[e].sibling)
        if (stream_has(k, index, k->pieces[e].len, end) &&
            equal_bytes(k->bytes[e], bytes, k->pieces[e].len))
            id = e;
    if (id)
        above->latest = id;
    return id;
}

static void note_picks(const gt_skeletons *k, const piece *ending, unsigned begin,
                       const char *text, bool escapes, gt_scan *out, const char **ends)
{
    const skeleton_stream *s = &k->stream;
    unsigned from = (unsigned)(text - s->text) / 64;
    memset(out->values, 0, k->plan->slot_count * sizeof *out->values);
    memset(ends, 0, k->plan->slot_count * sizeof *ends);
    for (unsigned i = 0; i < ending->pick_count; i++) {
        pick p = k->picks[ending->picks + i];
        out->values[p.slot] = locate(s, from, begin + p.index);
        if (p.is_string && !escapes)
            ends[p.slot] = locate(s, from, begin + p.index + 1);
    }
}

/* Does the object at text follow the last one, with only white space and commas between? Then we
 * know to be outside of strings there, and the bytes between are all part of the skeleton. */
static bool stream_goes_on(const skeleton_stream *s, const char *text)
{
    if (!s->text || text < s->behind || text - s->behind > 16 ||
        text >= s->text + 64 * s->blocks || s->blocks > STREAM_BLOCKS * 3 / 4)
        return false;
    for (const char *p = s->behind; p < text; p++)
        if (*p != ',' && *p != ' ' && *p != '\n' && *p != '\r' && *p != '\t')
            return false;
    return true;
}

static bool recognise(gt_skeletons *k, const char *text, const char *end, gt_scan *out,
                      const char **ends)
{
    skeleton_stream *s = &k->stream;
    if (!stream_goes_on(s, text))
        skeleton_begin(s, text);
    if (!stream_has(k, 0, 1, end))
        return false;
    unsigned block = (unsigned)(text - s->text) / 64, bit = (unsigned)(text - s->text) % 64;
    unsigned begin = (unsigned)s->base[block] +
                     (unsigned)__builtin_popcountll(s->keep[block] & ((UINT64_C(1) << bit) - 1));
    unsigned index = begin;
    uint32_t id = 0;
    do {
        if (!(id = next_piece(k, id, index, end)))
            return false;
        index += k->pieces[id].len;
    } while (!k->pieces[id].ends);
    const char *last = locate(s, block, index - 1);
    if (last >= end || (unsigned)(last - s->text) / 64 >= s->bad)
        return false;
    out->len = (size_t)(last - text) + 1;
    s->behind = last + 1;
    note_picks(k, &k->pieces[id], begin, text, has_backslash(s, text, last), out, ends);
    return true;
}
