/* Value lists: exact values in a sorted array, addresses as disjoint spans. */
#include "rule/exceptions_internal.h"

#include <stdlib.h>

static int by_bytes(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

static int by_low(const void *a, const void *b)
{
    return gt_ip_cmp(&((const struct ip_span *)a)->low, &((const struct ip_span *)b)->low);
}

static struct ip_span span_of(const gt_cidr *cidr)
{
    struct ip_span span = {cidr->net, cidr->net};
    unsigned bits = cidr->net.v6 ? cidr->len : cidr->len + 96u;
    for (unsigned i = bits; i < 128; i++)
        span.high.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return span;
}

/* An address, a CIDR, or "low-high". */
static bool parse_span(gt_str text, struct ip_span *ret)
{
    gt_cidr cidr;
    gt_str low, high = gt_str_cut(text, '-', &low);
    if (high.ptr)
        return gt_ip_parse(gt_str_trim(low), &ret->low) &&
               gt_ip_parse(gt_str_trim(high), &ret->high) && gt_ip_cmp(&ret->low, &ret->high) <= 0;
    if (!gt_cidr_parse(text, &cidr))
        return false;
    *ret = span_of(&cidr);
    return true;
}

static size_t merge_spans(struct ip_span *spans, size_t count)
{
    size_t kept = 0;
    qsort(spans, count, sizeof *spans, by_low);
    for (size_t i = 0; i < count; i++) {
        if (kept && gt_ip_cmp(&spans[i].low, &spans[kept - 1].high) <= 0) {
            if (gt_ip_cmp(&spans[i].high, &spans[kept - 1].high) > 0)
                spans[kept - 1].high = spans[i].high;
        } else {
            spans[kept++] = spans[i];
        }
    }
    return kept;
}

static bool is_number_type(gt_str type)
{
    static const char *const names[] = {"byte", "double", "float",        "half_float",   "integer",
                                        "long", "short",  "scaled_float", "unsigned_long"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (gt_str_eq(type, gt_str_c(names[i])))
            return true;
    return false;
}

gt_status rule_value_list_read(gt_arena *arena, gt_str id, gt_str type, gt_str text,
                               value_list **ret)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    value_list *list = gt_arena_new_of(arena, value_list);
    gt_str *values = gt_arena_array(arena, gt_str, lines);
    struct ip_span *spans = gt_arena_array(arena, struct ip_span, lines);
    if (!list || !values || !spans)
        return gt_arena_status(arena);
    list->id = id;
    list->addresses = gt_str_is(type, "ip") || gt_str_is(type, "ip_range");
    list->numbers = is_number_type(type);
    list->values = values;
    list->spans = spans;
    for (gt_str rest = text, line; rest.ptr;) {
        rest = gt_str_cut(rest, '\n', &line);
        line = gt_str_trim(line);
        if (line.len == 0)
            continue;
        if (list->addresses && parse_span(line, &spans[list->span_count]))
            list->span_count++;
        else
            values[list->value_count++] = line;
    }
    qsort(values, list->value_count, sizeof *values, by_bytes);
    list->span_count = merge_spans(spans, list->span_count);
    *ret = list;
    return GT_OK;
}

static bool spans_hold(const value_list *list, gt_str value)
{
    gt_ip ip;
    size_t low = 0, high = list->span_count;
    if (!gt_ip_parse(value, &ip))
        return false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (gt_ip_cmp(&ip, &list->spans[mid].high) > 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < list->span_count && gt_ip_cmp(&list->spans[low].low, &ip) <= 0;
}

static bool numbers_hold(const value_list *list, gt_str value)
{
    double n, other;
    if (!gt_str_to_double(value, &n))
        return false;
    for (size_t i = 0; i < list->value_count; i++)
        if (gt_str_to_double(list->values[i], &other) && !(other < n) && !(other > n))
            return true;
    return false;
}

bool rule_value_list_holds(const value_list *list, gt_str value)
{
    if (list->addresses && spans_hold(list, value))
        return true;
    if (list->numbers)
        return numbers_hold(list, value);
    return bsearch(&value, list->values, list->value_count, sizeof *list->values, by_bytes) != NULL;
}
