/* After a malformed record: where does the next one begin?
 * Method: first the brackets — if they match leniently and what follows looks like the text around
 * records, go on there; at the top, a line is a record if the next line begins like one; else look
 * for the next object that is a record beyond doubt. A quote too many turns the sense of brackets
 * round, so their answer is believed only where the next byte fits. */
#include "cloudtrail/records_internal.h"

/* Behind the value at p, brackets matched by kind and strings skipped; a line break ends a string
 * that lacks its quote. NULL: they do not match within [p, end). */
static const char *lenient_end(const char *p, const char *end)
{
    char stack[GT_JSON_DEPTH_MAX];
    size_t depth = 0;
    for (; p < end; p++) {
        switch (*p) {
        case '"':
            for (p++; p < end && *p != '"' && *p != '\n'; p++)
                p += *p == '\\';
            break;
        case '{':
        case '[':
            if (depth == sizeof stack)
                return NULL;
            stack[depth++] = *p == '{' ? '}' : ']';
            break;
        case '}':
        case ']':
            if (depth == 0 || stack[--depth] != *p)
                return NULL;
            if (depth == 0)
                return p + 1;
            break;
        default:
            break;
        }
    }
    return NULL;
}

static const char *skip_white(const char *p, const char *end)
{
    while (p < end && is_white(*p))
        p++;
    return p;
}

/* Does what stands at p fit behind a record of this frame? */
static bool fits(const text *t, const char *p)
{
    const char *next = skip_white(p, t->end);
    if (next == t->end)
        return t->last;
    if (t->frames[t->depth] == FRAME_ARRAY)
        return *next == ',' || *next == ']';
    return *next == '{' || *next == '[';
}

/* Have the first byte behind the white space at p + at, as far as the text and the limit go. */
static bool see_behind(text *t, size_t at)
{
    while (skip_white(t->p + at, t->end) == t->end)
        if ((size_t)(t->end - t->p) > GT_RECORD_BYTES_MAX || !text_more(t, t->p))
            return false;
    return true;
}

/* Every line its own record? Then the next one begins at the line that follows; its distance from p,
 * or GT_NPOS. */
static size_t next_line(text *t)
{
    const char *nl;
    while (!(nl = memchr(t->p, '\n', (size_t)(t->end - t->p))))
        if ((size_t)(t->end - t->p) > GT_RECORD_BYTES_MAX || !text_more(t, t->p))
            return GT_NPOS;
    see_behind(t, (size_t)(nl - t->p));
    nl = memchr(t->p, '\n', (size_t)(t->end - t->p));
    const char *next = skip_white(nl, t->end);
    /* An indented line is part of a value that goes over many lines. */
    bool unindented = next[-1] == '\n' || next[-1] == '\r';
    bool begins = next == t->end ? t->last : *next == '{' || (*next >= '0' && *next <= '9');
    return unindented && begins ? (size_t)(next - t->p) : GT_NPOS;
}

/* An object that is a record, or an envelope, beyond doubt: some of its parts look like one. */
static bool is_certain(const text *t, const char *const *values)
{
    if (t->reader->kind == GT_RECORDS_ECS)
        return true;
    size_t fields = 0;
    static const shape strong[] = {SHAPE_EVENT_ID, SHAPE_EVENT_NAME, SHAPE_EVENT_SOURCE,
                                   SHAPE_EVENT_TIME, SHAPE_AWS_REGION};
    for (size_t i = 0; i < sizeof strong / sizeof *strong; i++)
        fields += values[strong[i]] != NULL;
    if (fields >= 2)
        return true;
    return fields == 0 && look_of(t->reader, values) >= LOOK_WRAPPER;
}

/* May an object begin at p, seen from what stands before it? begin: of the malformed record. */
static bool may_begin(const char *begin, const char *p)
{
    bool line = false;
    for (; p > begin && is_white(p[-1]); p--)
        line |= p[-1] == '\n';
    return line || p == begin || memchr(",[}]", p[-1], 4);
}

/* From p on: the first object that is certain. t->p ends there, or at the end of the text. */
static gt_status search(text *t)
{
    const char *values[SHAPE_COUNT];
    gt_scan scan = {0, values};
    const char *begin = t->p;
    t->p++;
    for (;;) {
        const char *brace = memchr(t->p, '{', (size_t)(t->end - t->p));
        if (!brace) {
            /* Keep a little before the end, for may_begin. */
            size_t keep = (size_t)(t->end - begin) < 64 ? (size_t)(t->end - begin) : 64;
            const char *from = t->end - keep;
            if (!text_more(t, from)) {
                t->p = t->end;
                return t->status;
            }
            begin = t->begin;
            t->p = t->begin + keep;
            continue;
        }
        t->p = brace + 1;
        if (!may_begin(begin, brace))
            continue;
        gt_scan_verdict verdict =
            gt_scan_text(t->reader->scanner, t->reader->plan, brace, t->end, &scan);
        bool container = t->frames[t->depth] == FRAME_TOP &&
                         look_of(t->reader, values) == LOOK_CONTAINER;
        if ((verdict == GT_SCAN_OK || (container && verdict != GT_SCAN_DEEP)) &&
            is_certain(t, values)) {
            t->p = brace;
            t->comma = true; /* whatever separated them was part of the broken one */
            return GT_OK;
        }
        if (verdict == GT_SCAN_OK)
            t->p = brace + scan.len;
        if (verdict == GT_SCAN_CUT && !t->last &&
            (size_t)(t->end - brace) <= GT_RECORD_BYTES_MAX) {
            if (!text_more(t, brace))
                return t->status;
            begin = t->begin;
        }
    }
}

gt_status resync(text *t)
{
    const char *end;
    /* The brackets may need bytes that are not there yet. */
    while (!(end = lenient_end(t->p, t->end)) &&
           (size_t)(t->end - t->p) < GT_STREAM_WINDOW && text_more(t, t->p))
        ;
    size_t len = end ? (size_t)(end - t->p) : 0, line = GT_NPOS;
    if (len)
        see_behind(t, len);
    GT_TRY(t->status);
    bool fitting = len && fits(t, t->p + len);
    if (t->frames[t->depth] == FRAME_TOP && !(fitting && !memchr(t->p, '\n', len)))
        line = next_line(t);
    GT_TRY(t->status);
    if (line != GT_NPOS)
        t->p += line;
    else if (fitting)
        t->p += len;
    else
        return search(t);
    return GT_OK;
}
