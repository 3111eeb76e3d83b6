/* Reading a literal as every type. */
#include "base/hash.h"
#include "base/ip.h"
#include "query/text.h"
#include "query/value.h"

#include <stdlib.h>

/* Digits of the longest number that is read as one; JSON numbers of logs have some twenty. */
#define NUMBER_TEXT_MAX 400

bool gt_number_parse(gt_str text, long double *ret)
{
    char copy[NUMBER_TEXT_MAX + 1];
    size_t i = 0, digits = 0;
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX)
        return false;
    if (text.ptr[0] == '-' || text.ptr[0] == '+')
        i++;
    size_t first = i;
    for (bool point = false; i < text.len; i++) {
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            digits++;
        else if (text.ptr[i] == '.' && !point)
            point = true;
        else
            break;
    }
    if (!digits)
        return false;
    if (i == text.len && digits == text.len - first && digits <= 18) {
        int64_t n = 0; /* the usual case, without the C library */
        for (size_t k = first; k < text.len; k++)
            n = n * 10 + (text.ptr[k] - '0');
        *ret = (long double)(text.ptr[0] == '-' ? -n : n);
        return true;
    }
    if (i < text.len && (text.ptr[i] | 0x20) == 'e') {
        i++;
        if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
            i++;
        size_t from = i;
        while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    if (i != text.len)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtold(copy, NULL);
    return true;
}

static bool all_digits(gt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

/* Shortest text that is epoch milliseconds and no year or slip: 1e9 ms is 1970-01-12. */
#define EPOCH_DIGITS_MIN 10

/* A date whose last parts may be missing. *ret_span is how long the unit is that was given last, what
 * rounding up adds; months and days that are missing are the first, as in Elasticsearch. */
static bool partial_date(gt_str text, gt_time_ms *ret, int64_t *ret_span)
{
    static const struct {
        size_t len;
        const char *rest;
        int64_t span;
    } forms[] = {
        {4, "-01-01", 86400000}, {7, "-01", 86400000}, {10, "", 86400000}, {13, ":00", 3600000},
    };
    char full[24];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text.len != forms[i].len)
            continue;
        gt_str rest = gt_str_c(forms[i].rest);
        memcpy(full, text.ptr, text.len);
        memcpy(full + text.len, rest.ptr, rest.len);
        *ret_span = forms[i].span;
        if (gt_time_parse((gt_str){full, text.len + rest.len}, ret))
            return true;
    }
    if (all_digits(text)) {
        *ret_span = 1;
        return text.len >= EPOCH_DIGITS_MIN && gt_str_to_i64(text, ret);
    }
    if (!gt_time_parse(text, ret))
        return false;
    size_t point = gt_str_find_byte(text, '.');
    bool minutes = text.len == 16 || (text.len > 16 && text.ptr[16] != ':');
    *ret_span = point != GT_NPOS ? 1 : minutes && text.len > 10 ? 60000 : 1000;
    return true;
}

bool gt_date_literal(gt_str text, gt_time_ms now, bool up, gt_time_ms *ret)
{
    gt_time_ms t = 0;
    int64_t span;
    if (gt_str_starts(text, GT_STR("now")))
        return gt_time_math(text, now, up, ret);
    size_t bars = gt_str_find(text, GT_STR("||"));
    if (!partial_date(gt_str_head(text, bars), &t, &span))
        return false;
    if (bars == GT_NPOS) {
        *ret = up ? t + span - 1 : t;
        return true;
    }
    /* DATE||MATH is now+MATH with that date as now. */
    char math[64] = "now";
    gt_str rest = gt_str_from(text, bars + 2);
    if (rest.len > sizeof math - 3)
        return false;
    if (rest.len)
        memcpy(math + 3, rest.ptr, rest.len);
    return gt_time_math((gt_str){math, rest.len + 3}, t, up, ret);
}

static gt_ip_key ip_key(const gt_ip *ip)
{
    gt_ip_key key;
    memcpy(key.bytes, ip->bytes, sizeof key.bytes);
    if (!ip->v6) {
        memset(key.bytes, 0, 10);
        key.bytes[10] = key.bytes[11] = 0xFF;
    }
    return key;
}

bool gt_ip_literal(gt_str text, gt_ip_key *ret_low, gt_ip_key *ret_high, bool *ret_cidr)
{
    gt_cidr cidr;
    if (!gt_cidr_parse(text, &cidr))
        return false;
    gt_ip_key low = ip_key(&cidr.net), high = low;
    for (unsigned bit = cidr.len + (cidr.net.v6 ? 0u : 96u); bit < 128; bit++)
        high.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    *ret_low = low;
    *ret_high = high;
    *ret_cidr = gt_str_find_byte(text, '/') != GT_NPOS;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The words of a pattern on an analysed field: query_string cuts it at white space. */
static gt_status pattern_words(gt_literal *l, gt_arena *rules, gt_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += is_blank(text.ptr[i]);
    const gt_pattern **words = gt_arena_array(rules, const gt_pattern *, count + 1);
    char *lower = gt_arena_alloc(rules, 2 * text.len + 4);
    if (!words || !lower)
        return gt_arena_status(rules);
    gt_str rest = {lower, gt_text_lower(text, lower)};
    while ((rest = gt_str_trim(rest)).len) {
        size_t end = 0;
        while (end < rest.len && !is_blank(rest.ptr[end]))
            end++;
        words[l->word_count] = gt_pattern_of_wildcard(rules, gt_str_head(rest, end));
        if (!words[l->word_count++])
            return gt_arena_status(rules);
        rest = gt_str_from(rest, end);
    }
    l->words = words;
    return GT_OK;
}

gt_status gt_literal_init(gt_literal *ret, gt_arena *rules, gt_relation relation, gt_str text,
                          bool phrase)
{
    gt_literal l = {.relation = relation, .phrase = phrase};
    l.text = gt_arena_dup(rules, text);
    if (!l.text.ptr)
        return gt_arena_status(rules);
    if (relation == GT_REL_LIKE) {
        l.pattern = gt_pattern_of_wildcard(rules, text);
        if (!l.pattern)
            return gt_arena_status(rules);
        GT_TRY(pattern_words(&l, rules, text));
        *ret = l;
        return GT_OK;
    }
    l.is_number = gt_number_parse(text, &l.number);
    l.is_boolean = gt_str_is(text, "true") || gt_str_is(text, "false");
    l.boolean = gt_str_is(text, "true");
    l.is_date = gt_date_literal(text, 0, false, &l.date_low) &&
                gt_date_literal(text, 0, true, &l.date_high);
    l.date_moves = gt_str_starts(text, GT_STR("now"));
    l.is_ip = gt_ip_literal(text, &l.ip_low, &l.ip_high, &l.is_cidr);
    *ret = l;
    return GT_OK;
}

static int compare_strings(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

/* Sets up to this size are searched one by one: comparing lengths is faster than hashing. */
#define SET_SHORT_MAX 8

gt_status gt_literal_set(gt_literal *ret, gt_arena *rules, gt_str *items, size_t count)
{
    size_t kept = 0;
    qsort(items, count, sizeof *items, compare_strings);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !gt_str_eq(items[i], items[kept - 1]))
            items[kept++] = items[i];
    gt_literal l = {.relation = GT_REL_EQ, .set = items, .set_count = kept};
    if (kept > SET_SHORT_MAX) {
        size_t size = 16;
        while (size < 2 * kept)
            size *= 2;
        uint32_t *slots = gt_arena_array(rules, uint32_t, size);
        if (!slots)
            return gt_arena_status(rules);
        for (size_t i = 0; i < kept; i++) {
            size_t at = gt_hash64(items[i], 0) & (size - 1);
            while (slots[at])
                at = (at + 1) & (size - 1);
            slots[at] = (uint32_t)i + 1;
        }
        l.slots = slots;
        l.slot_mask = size - 1;
    }
    *ret = l;
    return GT_OK;
}
