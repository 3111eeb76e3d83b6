#include "query/pattern.h"

gt_str gt_pattern_escape(gt_arena *arena, const gt_str *parts, size_t count)
{
    size_t max = count;
    for (size_t i = 0; i < count; i++)
        max += 2 * parts[i].len;
    char *text = gt_arena_alloc(arena, max + 1);
    if (!text)
        return GT_STR_NULL;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (i)
            text[len++] = '*';
        for (size_t k = 0; k < parts[i].len; k++) {
            char c = parts[i].ptr[k];
            if (c == '*' || c == '?' || c == '\\')
                text[len++] = '\\';
            text[len++] = c;
        }
    }
    return (gt_str){text, len};
}

const gt_pattern *gt_pattern_of_wildcard(gt_arena *rules, gt_str text)
{
    gt_pattern *p = gt_arena_new_of(rules, gt_pattern);
    char *bytes = gt_arena_alloc(rules, text.len + 1);
    bool *any = gt_arena_array(rules, bool, text.len + 1);
    size_t stars = 0;
    for (size_t i = 0; i < text.len; i++)
        stars += text.ptr[i] == '*';
    gt_segment *segments = gt_arena_array(rules, gt_segment, stars + 1);
    if (!p || !bytes || !any || !segments)
        return NULL;
    size_t len = 0, from = 0, count = 0;
    bool has_any = false;
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.ptr[i] : '*';
        if (c == '*') {
            segments[count++] = (gt_segment){{bytes + from, len - from}, has_any ? any + from : NULL};
            from = len;
            has_any = false;
            continue;
        }
        if (c == '?') {
            any[len] = true;
            has_any = true;
        } else if (c == '\\' && i + 1 < text.len) {
            c = text.ptr[++i];
        }
        bytes[len++] = c;
        p->length_min++;
    }
    p->segments = segments;
    p->count = count;
    return p;
}

/* Bytes of text that the segment takes when it stands at its beginning, or GT_NPOS. */
static size_t segment_at(const gt_segment *s, gt_str text)
{
    if (!s->any)
        return gt_str_starts(text, s->text) ? s->text.len : GT_NPOS;
    size_t at = 0;
    for (size_t i = 0; i < s->text.len; i++) {
        if (at >= text.len || (!s->any[i] && text.ptr[at] != s->text.ptr[i]))
            return GT_NPOS;
        at++;
        while (s->any[i] && at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

/* The leftmost place of the segment in text; *ret_len is what it takes there. */
static size_t segment_find(const gt_segment *s, gt_str text, size_t *ret_len)
{
    if (!s->any) {
        *ret_len = s->text.len;
        return gt_str_find(text, s->text);
    }
    for (size_t i = 0; i <= text.len; i++) {
        *ret_len = segment_at(s, gt_str_from(text, i));
        if (*ret_len != GT_NPOS)
            return i;
    }
    return GT_NPOS;
}

/* Does the segment end the text? With '?' its length in bytes is not known before. */
static bool segment_ends(const gt_segment *s, gt_str text)
{
    if (!s->any)
        return gt_str_ends(text, s->text);
    for (size_t i = text.len - (s->text.len < text.len ? s->text.len : text.len);; i--) {
        size_t n = segment_at(s, gt_str_from(text, i));
        if (n != GT_NPOS && i + n == text.len)
            return true;
        if (i == 0 || text.len - i > 4 * s->text.len)
            return false;
    }
}

bool gt_pattern_match(const gt_pattern *pattern, gt_str text)
{
    if (text.len < pattern->length_min)
        return false;
    const gt_segment *first = pattern->segments;
    size_t n = segment_at(first, text);
    if (n == GT_NPOS)
        return false;
    if (pattern->count == 1)
        return n == text.len;
    text = gt_str_from(text, n);
    for (size_t i = 1; i + 1 < pattern->count; i++) {
        size_t at = segment_find(&pattern->segments[i], text, &n);
        if (at == GT_NPOS)
            return false;
        text = gt_str_from(text, at + n);
    }
    return segment_ends(&pattern->segments[pattern->count - 1], text);
}
