/* After a malformed record: where does the next one begin?
 * Method: first the brackets — if they match leniently and what follows looks like the text around
 * records, go on there; at the top, a line is a record if the next line begins like one; else look
 * for the next object that is a record beyond doubt. A quote too many turns the sense of brackets
 * round, so their answer is believed only where the next byte fits. */
#include "cloudtrail/records_internal.h"

static const char *skip_white(const char *p, const char *end)
{
    while (p < end && is_white(*p))
        p++;
    return p;
}

/* Behind the string that begins at begin. A line break ends one that lacks its quote. A quote that
 * no ':', ',' or bracket follows begins the next string: one is missing, or too many, and all that
 * follows would be read inside out; so does one that ends just a separator before a quote. */
static const char *lenient_string(const char *begin, const char *end)
{
    const char *p = begin + 1;
    bool separator = true;
    for (; p < end && *p != '"' && *p != '\n'; p++) {
        separator &= is_white(*p) || *p == ':' || *p == ',';
        p += *p == '\\';
    }
    if (p >= end || *p == '\n')
        return p;
    const char *next = skip_white(p + 1, end);
    if (next < end && *next == '"')
        return separator && p > begin + 1 ? p : p + 1;
    return next == end || memchr(":,]}", *next, 4) ? p + 1 : p;
}

/* Behind the value at p, brackets matched by kind and strings skipped.
 * NULL: they do not match within [p, end). */
static const char *lenient_end(const char *p, const char *end)
{
    char stack[GT_JSON_DEPTH_MAX];
    size_t depth = 0;
    while (p < end) {
        switch (*p++) {
        case '"':
            p = lenient_string(p - 1, end);
            break;
        case '{':
        case '[':
            if (depth == sizeof stack)
                return NULL;
            stack[depth++] = p[-1] == '{' ? '}' : ']';
            break;
        case '}':
        case ']':
            if (depth == 0 || stack[--depth] != p[-1])
                return NULL;
            if (depth == 0)
                return p;
            break;
        default:
            break;
        }
    }
    return NULL;
}

/* A key at p: then we are inside an object, not behind one. */
static bool is_key(const char *p, const char *end)
{
    if (p == end || *p != '"')
        return false;
    p = gt_scan_value_end(p, end);
    p = skip_white(p, end);
    return p == end || *p == ':';
}

/* Does what stands at p fit behind a record of this frame? */
static bool fits(const text *t, const char *p)
{
    const char *next = skip_white(p, t->end);
    if (next == t->end)
        return t->last;
    if (t->frames[t->depth] != FRAME_ARRAY)
        return *next == '{' || *next == '[' ||
               (*next >= '0' && *next <= '9' && next > p && next[-1] == '\n');
    if (*next == ',')
        return !is_key(skip_white(next + 1, t->end), t->end);
    if (*next != ']')
        return false;
    if (t->frames[t->depth - 1] != FRAME_OBJECT)
        return true;
    /* Inside an object stands the array of records, or one of the malformed record's own; only
     * behind the former may the text end. */
    for (next = skip_white(next + 1, t->end); next < t->end && *next == '}';)
        next = skip_white(next + 1, t->end);
    if (next < t->end && *next == ',')
        return t->frames[t->depth - 2] == FRAME_TOP && search_within(t, next, t->end) == t->end;
    return next == t->end || *next == '{';
}

/* Bytes behind the white space at p + at to tell a key by. */
#define BEHIND 256

/* Have the bytes behind the white space at p + at, as far as the text and the limit go. */
static bool see_behind(text *t, size_t at)
{
    while (t->end - skip_white(t->p + at, t->end) < BEHIND)
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

static bool is_certain(const text *t, const char *const *values, unsigned nested);

/* Does the wrapped value hold something that is certain? */
static bool wraps_certain(const text *t, const char *value, unsigned nested)
{
    const char *values[SHAPE_COUNT];
    gt_scan scan = {0, values};
    if (*value == '[')
        value = skip_white(value + 1, t->end);
    if (value < t->end && *value == '"') {
        gt_str inside = {value, (size_t)(gt_scan_value_end(value, t->end) - value)};
        return gt_str_find(inside, GT_STR("eventSource")) != GT_NPOS;
    }
    if (value == t->end || *value != '{' || nested == 4)
        return false;
    gt_scan_text(t->reader->scanner, t->reader->plan, value, t->end, &scan);
    return is_certain(t, values, nested + 1);
}

/* An object that is a record, or an envelope of one, beyond doubt. Two fields alone are not enough:
 * the details of an Insight event name source and name of a call. */
static bool is_certain(const text *t, const char *const *values, unsigned nested)
{
    if (t->reader->kind == GT_RECORDS_ECS)
        return true;
    size_t fields = 0;
    static const shape strong[] = {SHAPE_EVENT_ID, SHAPE_EVENT_NAME, SHAPE_EVENT_SOURCE,
                                   SHAPE_EVENT_TIME, SHAPE_AWS_REGION};
    for (size_t i = 0; i < sizeof strong / sizeof *strong; i++)
        fields += values[strong[i]] != NULL;
    bool named = values[SHAPE_EVENT_ID] && *values[SHAPE_EVENT_ID] == '"';
    if (fields >= 3 || (fields == 2 && named))
        return true;
    for (size_t i = SHAPE_RECORDS; i < SHAPE_COUNT && fields == 0; i++)
        if (values[i] && wraps_certain(t, values[i], nested))
            return true;
    return false;
}

/* Does p stand behind the time that CloudWatch Logs begins a line with? */
static bool is_logged(const char *begin, const char *p)
{
    const char *line = p;
    while (line > begin && line[-1] != '\n' && p - line < 40)
        line--;
    return line > begin && line[-1] == '\n' && is_log_prefix((gt_str){line, (size_t)(p - line)});
}

/* May an object begin at p, seen from what stands before it? begin: of the malformed record. */
static bool may_begin(const char *begin, const char *p)
{
    const char *before = p;
    bool line = false;
    for (; before > begin && is_white(before[-1]); before--)
        line |= before[-1] == '\n';
    return line || before == begin || memchr(",[}]", before[-1], 4) || is_logged(begin, p);
}

/* Does p begin a line, and the line before it end without a ','? */
static bool ends_above(const char *begin, const char *p)
{
    if (p == begin || p[-1] != '\n')
        return false;
    while (p > begin && is_white(p[-1]))
        p--;
    return p > begin && p[-1] != ',';
}

/* From p on: the first object that is certain. t->p ends there, or at the end of the text. */
#define HEAD_BYTES 10 /* {"eventVer, {"awsRegio: what records begin with and little else */

/* A malformed record whose first key is like this one's: it counts as one of its own. */
static bool is_another(const text *t, const char *brace, const char *head)
{
    static const gt_str heads[] = {{"{\"event", 7}, {"{\"awsRegion", 11}, {"{\"userIdentity", 14}};
    gt_str rest = {brace, (size_t)(t->end - brace)};
    bool known = false;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        known |= gt_str_starts(rest, heads[i]);
    return known && rest.len >= HEAD_BYTES && memcmp(brace, head, HEAD_BYTES) == 0;
}

static gt_status search(text *t)
{
    const char *values[SHAPE_COUNT];
    gt_scan scan = {0, values};
    const char *begin = t->p;
    char head[HEAD_BYTES] = "";
    if (t->end - begin >= HEAD_BYTES)
        memcpy(head, begin, HEAD_BYTES);
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
        unsigned objects;
        bool container = t->frames[t->depth] == FRAME_TOP &&
                         container_at(t, brace, verdict, scan.len, &objects);
        if (container || (verdict == GT_SCAN_OK && is_certain(t, values, 0)) ||
            (verdict == GT_SCAN_INVALID && is_another(t, brace, head))) {
            t->p = brace;
            t->comma = !ends_above(begin, brace); /* else it was part of the broken one */
            return GT_OK;
        }
        if (verdict == GT_SCAN_OK)
            t->p = brace + scan.len;
        if (verdict == GT_SCAN_CUT && !t->last &&
            (size_t)(t->end - brace) <= GT_RECORD_BYTES_MAX) {
            /* With a little before it, as above. */
            size_t keep = (size_t)(brace - begin) < 64 ? (size_t)(brace - begin) : 64;
            if (!text_more(t, brace - keep))
                return t->status;
            begin = t->begin;
            t->p = t->begin + keep;
        }
    }
}

const char *search_within(const text *t, const char *begin, const char *end)
{
    const char *values[SHAPE_COUNT], *brace;
    gt_scan scan = {0, values};
    for (const char *p = begin; (brace = memchr(p, '{', (size_t)(end - p))); p = brace + 1) {
        if (!may_begin(begin, brace))
            continue;
        gt_scan_verdict verdict =
            gt_scan_text(t->reader->scanner, t->reader->plan, brace, end, &scan);
        if (verdict == GT_SCAN_OK && is_certain(t, values, 0))
            return brace;
        if (verdict == GT_SCAN_OK)
            brace += scan.len - 1;
    }
    return end;
}

gt_status resync(text *t)
{
    /* Brackets, lines and what stands behind them are judged alike however the bytes came. */
    while ((size_t)(t->end - t->p) < GT_STREAM_WINDOW && text_more(t, t->p))
        ;
    GT_TRY(t->status);
    /* Where lines are records, none is looked at beyond its end: a file of broken ones stays linear. */
    size_t line = t->frames[t->depth] == FRAME_TOP ? next_line(t) : GT_NPOS;
    GT_TRY(t->status);
    const char *end = lenient_end(t->p, line == GT_NPOS ? t->end : t->p + line);
    size_t len = end ? (size_t)(end - t->p) : 0;
    const char *next = len ? search_within(t, t->p + 1, end) : end;
    if (next != end) { /* the brackets would take a good record for a part of the bad one */
        t->comma = !ends_above(t->p, next);
        t->p = next;
        return GT_OK;
    }
    if (len)
        see_behind(t, len);
    GT_TRY(t->status);
    bool fitting = len && fits(t, t->p + len);
    if (line != GT_NPOS && !(fitting && !memchr(t->p, '\n', len)))
        t->p += line;
    else if (fitting)
        t->p += len;
    else
        return search(t);
    return GT_OK;
}
