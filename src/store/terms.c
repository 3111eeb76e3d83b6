#include "store/terms.h"

#include "base/hash.h"
#include "json/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The first '"' or '\\' at or after p. */
static const char *string_stop(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    for (; end - p >= 16; p += 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)(const void *)p);
        int mask = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(chunk, quote), _mm_cmpeq_epi8(chunk, slash)));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

#if defined(__SSE2__)
/* Sixteen places at a time whose first and last byte fit; the rest is compared. */
static size_t find_by_ends(gt_str hay, gt_str needle, size_t *ret_at)
{
    const __m128i first = _mm_set1_epi8(needle.ptr[0]);
    const __m128i last = _mm_set1_epi8(needle.ptr[needle.len - 1]);
    size_t at = 0;
    for (; at + needle.len + 15 <= hay.len; at += 16) {
        const char *p = hay.ptr + at;
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + needle.len - 1));
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
        for (; mask; mask &= mask - 1) {
            size_t i = (size_t)__builtin_ctz(mask);
            if (memcmp(p + i, needle.ptr, needle.len) == 0)
                return at + i;
        }
    }
    *ret_at = at;
    return GT_NPOS;
}
#endif

size_t gt_bytes_find(gt_str hay, gt_str needle)
{
    size_t at = 0;
    if (needle.len == 1)
        return gt_str_find_byte(hay, needle.ptr[0]);
#if defined(__SSE2__)
    if (needle.len > 1) {
        size_t found = find_by_ends(hay, needle, &at);
        if (found != GT_NPOS)
            return found;
    }
#endif
    size_t rest = gt_str_find(gt_str_from(hay, at), needle);
    return rest == GT_NPOS ? GT_NPOS : at + rest;
}

/* A string's end: its closing quote, or `end` when there is none. */
static const char *string_end(const char *p, const char *end, bool *ret_escapes)
{
    *ret_escapes = false;
    for (;;) {
        p = string_stop(p, end);
        if (p >= end || *p == '"')
            return p < end ? p : end;
        *ret_escapes = true;
        p = end - p > 2 ? p + 2 : end;
    }
}

static bool is_key(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p < end && *p == ':';
}

static gt_status give_decoded(gt_str token, gt_arena *scratch, gt_term_fn fn, void *user)
{
    gt_arena_mark mark = gt_arena_save(scratch);
    gt_json *node;
    gt_status status = gt_json_parse(scratch, token, &node, NULL);
    if (status == GT_OK)
        status = fn(user, gt_json_str(node));
    else if (status == GT_INVALID)
        status = GT_OK;
    gt_arena_rewind(scratch, mark);
    return status;
}

gt_status gt_terms_walk(gt_str json, gt_arena *scratch, gt_term_fn fn, void *user)
{
    const char *p = json.ptr, *end = json.ptr + json.len;
    while (p < end) {
        if (*p != '"') {
            p++;
            continue;
        }
        bool escapes;
        const char *open = p, *close = string_end(p + 1, end, &escapes);
        if (close >= end)
            break;
        p = close + 1;
        if (is_key(p, end))
            continue;
        if (escapes)
            GT_TRY(give_decoded((gt_str){open, (size_t)(p - open)}, scratch, fn, user));
        else
            GT_TRY(fn(user, (gt_str){open + 1, (size_t)(close - open - 1)}));
    }
    return GT_OK;
}

size_t gt_filter_bytes(size_t terms)
{
    size_t blocks = (terms * 12 + 255) / 256;
    return (blocks ? blocks : 1) * GT_FILTER_BLOCK_BYTES;
}

/* The high half of the hash chooses the block, the low half, multiplied by eight odd numbers, the bit
 * in each word (the split-block Bloom filter that Parquet and Impala use). */
static const uint32_t SALT[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                 0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

static size_t filter_block(size_t bytes, uint64_t hash)
{
    uint64_t blocks = bytes / GT_FILTER_BLOCK_BYTES;
    return (size_t)(((hash >> 32) * blocks) >> 32) * GT_FILTER_BLOCK_BYTES;
}

void gt_filter_add(uint8_t *filter, size_t bytes, uint64_t term_hash)
{
    uint8_t *block = filter + filter_block(bytes, term_hash);
    for (size_t i = 0; i < 8; i++) {
        uint32_t bit = ((uint32_t)term_hash * SALT[i]) >> 27;
        block[4 * i + bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
}

bool gt_filter_may_have(const uint8_t *filter, size_t bytes, uint64_t term_hash)
{
    if (bytes < GT_FILTER_BLOCK_BYTES)
        return true;
    const uint8_t *block = filter + filter_block(bytes, term_hash);
    for (size_t i = 0; i < 8; i++) {
        uint32_t bit = ((uint32_t)term_hash * SALT[i]) >> 27;
        if (!(block[4 * i + bit / 8] & (1u << (bit % 8))))
            return false;
    }
    return true;
}

bool gt_filter_sparse(const uint8_t *filter, size_t bytes)
{
    size_t set = 0;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word;
        memcpy(&word, filter + at, sizeof word);
        set += (size_t)__builtin_popcountll(word);
    }
    /* Halved, a third of the bits set become some 55 %: 0.55^8 is one false yes in 120. */
    return set * 3 < bytes * 8;
}

void gt_filter_halve(uint8_t *filter, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 2 * GT_FILTER_BLOCK_BYTES)
        for (size_t i = 0; i < GT_FILTER_BLOCK_BYTES; i++)
            filter[at / 2 + i] = filter[at + i] | filter[at + GT_FILTER_BLOCK_BYTES + i];
}

uint64_t gt_term_hash(gt_str term)
{
    return gt_hash64(term, 0x6761746574726169);
}
