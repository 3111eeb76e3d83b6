/* The walk over a text: what stands at the top, in arrays of records and in the objects around
 * them. Records themselves are left to the scan. */
#include "cloudtrail/records_internal.h"

#include "json/json.h"

gt_status member_ends(gt_reader *r)
{
    if (!r->in_member)
        return GT_OK;
    r->in_member = false;
    return r->sink->member(r->sink->ctx, GT_STR_NULL, GT_STR_NULL);
}

static gt_status member_begins(gt_reader *r)
{
    gt_str packed, whole;
    if (!r->sink->member || !gt_decoder_member(r->decoder, &packed, &whole))
        return GT_OK;
    r->in_member = true;
    return r->sink->member(r->sink->ctx, packed, whole);
}

bool text_more(text *t, const char *keep)
{
    if (t->last || t->status != GT_OK)
        return false;
    gt_window w;
    gt_reader *r = t->reader;
    t->status = member_ends(r);
    if (t->status != GT_OK)
        return false;
    gt_skeletons_leave(r->skeletons);
    if (r->sink->decoding)
        r->sink->decoding(r->sink->ctx, true);
    t->status = gt_decoder_more(r->decoder, (size_t)(keep - t->begin), &w);
    if (r->sink->decoding)
        r->sink->decoding(r->sink->ctx, false);
    if (t->status != GT_OK)
        return false;
    /* The old bytes are gone, whatever happens next. */
    t->begin = t->p = w.data;
    t->end = w.data + w.len;
    t->base = w.base;
    t->last = w.last;
    t->status = member_begins(r);
    if (t->status == GT_OK && r->sink->progress)
        t->status = r->sink->progress(r->sink->ctx, gt_decoder_bytes_read(r->decoder),
                                      gt_decoder_bytes_decoded(r->decoder));
    return t->status == GT_OK;
}

bool text_need(text *t, size_t n)
{
    while ((size_t)(t->end - t->p) < n)
        if (!text_more(t, t->p))
            return false;
    return true;
}

bool text_skip_white(text *t)
{
    t->at_line = false;
    do {
        for (; t->p < t->end && is_white(*t->p); t->p++)
            t->at_line = *t->p == '\n';
        if (t->p < t->end)
            return true;
    } while (text_more(t, t->p));
    return false;
}

gt_status text_reject(text *t, uint64_t offset, const char *reason)
{
    t->found++;
    const gt_record_sink *sink = t->reader->sink;
    return sink->problem(sink->ctx, GT_PROBLEM_RECORD, offset, reason);
}

gt_status text_shape(text *t, uint64_t offset, const char *reason)
{
    const gt_record_sink *sink = t->reader->sink;
    return sink->problem(sink->ctx, GT_PROBLEM_SHAPE, offset, reason);
}

/* --- frames ------------------------------------------------------------------------------------*/

static bool push(text *t, frame f)
{
    if (t->depth + 1 == FRAMES_MAX)
        return false;
    t->frames[++t->depth] = f;
    t->first = true;
    t->comma = false;
    return true;
}

static void pop(text *t)
{
    t->depth--;
    t->first = t->comma = false;
}

/* Into the array at value, `objects` objects around it. */
static bool enter(text *t, const char *value, unsigned objects)
{
    if (t->depth + objects + 1 >= FRAMES_MAX)
        return false;
    for (unsigned i = 0; i < objects; i++)
        push(t, FRAME_OBJECT);
    push(t, FRAME_ARRAY);
    t->p = value + 1;
    return true;
}

/* key: as it is written, in its quotes; a producer may write any letter as \u0052. */
static bool key_is_one_of(const text *t, gt_str key, const gt_str *names, size_t count)
{
    gt_arena *scratch = t->reader->scratch;
    gt_arena_mark mark = gt_arena_save(scratch);
    gt_str plain = key.len < 2 ? GT_STR_NULL : (gt_str){key.ptr + 1, key.len - 2};
    bool found = gt_str_find_byte(plain, '\\') == GT_NPOS ||
                 gt_scan_string(key.ptr, key.ptr + key.len, scratch, &plain);
    for (size_t i = 0; found && i < count; i++)
        if (gt_str_eq(plain, names[i])) {
            gt_arena_rewind(scratch, mark);
            return true;
        }
    gt_arena_rewind(scratch, mark);
    return false;
}

const gt_str container_keys[CONTAINER_KEYS] = {
    {"Records", 7}, {"Events", 6}, {"logEvents", 9}, {"events", 6}};

static bool is_container_key(const text *t, gt_str key)
{
    return t->reader->kind == GT_RECORDS_CLOUDTRAIL &&
           key_is_one_of(t, key, container_keys, CONTAINER_KEYS);
}

static bool is_field_key(const text *t, gt_str key)
{
    static const gt_str keys[] = {{"eventID", 7},   {"eventSource", 11}, {"eventName", 9},
                                  {"eventTime", 9}, {"awsRegion", 9},    {"recipientAccountId", 18}};
    return t->reader->kind == GT_RECORDS_CLOUDTRAIL &&
           key_is_one_of(t, key, keys, sizeof keys / sizeof *keys);
}

static bool is_hits_key(const text *t, gt_str key)
{
    static const gt_str hits = {"hits", 4};
    return key_is_one_of(t, key, &hits, 1);
}

static const char *skip_white(const char *p, const char *end)
{
    while (p < end && is_white(*p))
        p++;
    return p;
}

/* The first container among the members of the object at p, looking no further than limit; NULL when
 * there is none or a record's field stands before it. (The scan's picks name the last one of equal
 * keys, and what they hold behind an error or the end of a window is chance.) */
static const char *first_container(const text *t, const char *p, const char *limit,
                                   unsigned *ret_objects)
{
    for (p = skip_white(p + 1, limit); p < limit && *p == '"';) {
        const char *behind = gt_scan_value_end(p, limit);
        gt_str key = {p, (size_t)(behind - p)};
        p = skip_white(behind, limit);
        if (p == limit || *p != ':')
            return NULL;
        p = skip_white(p + 1, limit);
        if (p == limit)
            return NULL;
        if (*p == '[' && is_container_key(t, key))
            return p;
        if (is_field_key(t, key))
            return NULL;
        if (*p == '{' && *ret_objects == 1 && is_hits_key(t, key)) {
            const char *inner = skip_white(p + 1, limit);
            const char *inner_behind = inner < limit ? gt_scan_value_end(inner, limit) : limit;
            while (inner < limit && *inner == '"') {
                gt_str inner_key = {inner, (size_t)(inner_behind - inner)};
                inner = skip_white(inner_behind, limit);
                inner = skip_white(inner < limit ? inner + 1 : limit, limit);
                if (inner < limit && *inner == '[' && is_hits_key(t, inner_key)) {
                    *ret_objects = 2;
                    return inner;
                }
                inner = skip_white(gt_scan_value_end(inner, limit), limit);
                inner = skip_white(inner < limit && *inner == ',' ? inner + 1 : limit, limit);
                inner_behind = inner < limit ? gt_scan_value_end(inner, limit) : limit;
            }
        }
        p = skip_white(gt_scan_value_end(p, limit), limit);
        if (p < limit && *p == ',')
            p = skip_white(p + 1, limit);
    }
    return NULL;
}

/* Where the text at p stops to be JSON, and why. */
static gt_json_error why_invalid(text *t, const char *p)
{
    gt_json *tree;
    gt_json_error error = {0, "not JSON"};
    size_t pos = 0;
    gt_arena *scratch = t->reader->scratch;
    gt_arena_mark mark = gt_arena_save(scratch);
    gt_str rest = {p, (size_t)(t->end - p)};
    if (rest.len > GT_RECORD_BYTES_MAX)
        rest.len = GT_RECORD_BYTES_MAX;
    if (gt_json_parse_next(scratch, rest, &pos, &tree, &error) == GT_OK)
        error = (gt_json_error){0, "not JSON"};
    gt_arena_rewind(scratch, mark);
    return error;
}

const char *container_at(text *t, const char *p, gt_scan_verdict verdict, size_t len,
                         unsigned *ret_objects)
{
    *ret_objects = 1;
    const char *array = first_container(t, p, verdict == GT_SCAN_OK ? p + len : t->end, ret_objects);
    if (array && (verdict == GT_SCAN_INVALID || verdict == GT_SCAN_DEEP) &&
        array >= p + why_invalid(t, p).offset)
        return NULL;
    return array;
}

static bool has_container(const char *const *values)
{
    for (shape i = SHAPE_RECORDS; i <= SHAPE_HITS; i++)
        if (values[i] && *values[i] == '[')
            return true;
    return false;
}

/* {"Records":[ — the usual beginning of a file, seen without scanning its whole text. */
static bool enter_records(text *t)
{
    const char *colon = behind(behind(t->p, t->end, GT_STR("{")), t->end, GT_STR("\"Records\""));
    const char *p = behind(behind(colon, t->end, GT_STR(":")), t->end, GT_STR("["));
    return p && t->reader->kind == GT_RECORDS_CLOUDTRAIL && enter(t, p - 1, 1);
}

/* --- items -------------------------------------------------------------------------------------*/

static gt_status reject_and_resync(text *t, const char *reason)
{
    GT_TRY(text_reject(t, offset_of(t, t->p), reason));
    return resync(t);
}

/* An object, at p. */
static gt_status item(text *t)
{
    picks found;
    gt_scan scan = {0, found.values};
    gt_reader *r = t->reader;
    if (t->frames[t->depth] == FRAME_TOP && text_need(t, 32) && enter_records(t))
        return GT_OK;
    GT_TRY(t->status);
    for (;;) {
        const char *end = t->end;
        if ((size_t)(end - t->p) > GT_RECORD_BYTES_MAX)
            end = t->p + GT_RECORD_BYTES_MAX;
        gt_scan_verdict verdict =
            gt_skeletons_scan(r->skeletons, r->scanner, r->item_plan, t->p, end, &scan, found.ends);
        /* What the picks hold behind an error is chance: then only looking tells. */
        bool invalid = verdict == GT_SCAN_INVALID || verdict == GT_SCAN_DEEP;
        unsigned objects = 1;
        const char *array = NULL;
        if (invalid || has_container(found.values))
            array = container_at(t, t->p, verdict, scan.len, &objects);
        if (array && enter(t, array, objects))
            return GT_OK;
        if (verdict == GT_SCAN_OK) {
            gt_str object = {t->p, scan.len};
            uint64_t offset = offset_of(t, t->p);
            t->p += scan.len;
            t->cut_told = false;
            return item_found(t, object, offset, &found);
        }
        if (invalid)
            return reject_and_resync(t, why_invalid(t, t->p).message);
        if (end != t->end)
            return reject_and_resync(t, "a record larger than the limit allows");
        if (text_more(t, t->p))
            continue;
        GT_TRY(t->status);
        t->cut_told = true;
        return reject_and_resync(t, "the text ends in the middle of a record");
    }
}

/* The whole of the value at p in the window, so far as the text and the limit go. */
static const char *whole_value(text *t)
{
    for (;;) {
        const char *behind = gt_scan_value_end(t->p, t->end);
        if (behind < t->end || (size_t)(t->end - t->p) > GT_RECORD_BYTES_MAX ||
            !text_more(t, t->p))
            return behind;
    }
}

/* A string where a record should be: it may hold one. */
static gt_status string_item(text *t)
{
    const char *behind = whole_value(t);
    GT_TRY(t->status);
    gt_str inside = {t->p, (size_t)(behind - t->p)};
    uint64_t offset = offset_of(t, t->p);
    const char *value = t->p;
    size_t pos = 0;
    gt_json *node;
    gt_arena_mark mark = gt_arena_save(t->reader->scratch);
    bool valid = gt_json_parse_next(t->reader->scratch, inside, &pos, &node, NULL) == GT_OK;
    gt_arena_rewind(t->reader->scratch, mark);
    if (!valid)
        return reject_and_resync(t, "a string that does not end");
    t->p = behind;
    if (t->reader->kind == GT_RECORDS_ECS || t->nested >= 4 ||
        gt_str_find_byte(inside, '{') == GT_NPOS)
        return text_reject(t, offset, "a string where a record should be");
    return string_found(t, value, behind, offset, t->nested + 1);
}

/* An array among the elements of one: a text of its own. `jq -s .` puts the arrays of several files
 * into one. */
static gt_status array_found(text *t, const char *value, const char *end)
{
    text inner = {.reader = t->reader, .begin = value, .p = value, .end = end,
                  .base = offset_of(t, value), .last = true, .fixed = t->fixed, .first = true,
                  .nested = t->nested + 1, .frames = {FRAME_TOP}};
    gt_skeletons_leave(t->reader->skeletons); /* the text ends elsewhere */
    gt_status status = text_run(&inner);
    gt_skeletons_leave(t->reader->skeletons);
    t->found += inner.found;
    return status;
}

/* Anything but an object or a string among the elements of an array. */
static gt_status other_item(text *t)
{
    uint64_t offset = offset_of(t, t->p);
    const char *behind = whole_value(t);
    GT_TRY(t->status);
    if (behind == t->p || (*t->p != '[' && !memchr("-0123456789tfn", *t->p, 14)))
        return reject_and_resync(t, "no JSON where a record should be");
    const char *value = t->p;
    t->p = behind;
    if (*value == '[' && t->nested < 4 && behind[-1] == ']')
        return array_found(t, value, behind);
    return text_reject(t, offset, "a value that is no object where a record should be");
}

/* --- the top -----------------------------------------------------------------------------------*/

static const char *line_end(text *t)
{
    for (;;) {
        const char *nl = memchr(t->p, '\n', (size_t)(t->end - t->p));
        if (nl || (size_t)(t->end - t->p) > GT_RECORD_BYTES_MAX || !text_more(t, t->p))
            return nl ? nl : t->end;
    }
}

bool is_log_prefix(gt_str prefix)
{
    gt_time_ms when;
    gt_str word;
    gt_str_cut(gt_str_trim(prefix), ' ', &word);
    return word.len >= 19 && gt_time_parse(word, &when);
}

/* What is left of a container whose beginning was lost: no record stood there. */
static bool only_closes(gt_str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (!is_white(line.ptr[i]) && !memchr("]},", line.ptr[i], 3))
            return false;
    return true;
}

/* What a logger puts before a message: at the beginning of a line, and nothing that is left of a record
 * or of a hole in the file. */
static bool may_be_prefix(const text *t, gt_str prefix)
{
    for (size_t i = 0; i < prefix.len; i++)
        if (prefix.ptr[i] == '}' || ((unsigned char)prefix.ptr[i] < ' ' && prefix.ptr[i] != '\t'))
            return false;
    return t->at_line || t->found == 0;
}

/* Text that is no value. A line may carry an object behind a prefix of whatever logged it; with a
 * time as the prefix it is taken as a record even when it is broken. */
static gt_status line_item(text *t)
{
    const char *end = line_end(t);
    GT_TRY(t->status);
    gt_str line = {t->p, (size_t)(end - t->p)};
    size_t brace = gt_str_find_byte(line, '{');
    if (brace != GT_NPOS) {
        const char *values[SHAPE_COUNT];
        gt_scan scan = {0, values};
        bool taken = is_log_prefix(gt_str_head(line, brace));
        if (!taken)
            taken = gt_scan_text(t->reader->scanner, t->reader->plan, t->p + brace, end, &scan) ==
                        GT_SCAN_OK &&
                    look_of(t->reader, values) != LOOK_OTHER;
        if (taken) {
            if (!may_be_prefix(t, gt_str_head(line, brace)))
                GT_TRY(text_shape(t, offset_of(t, t->p), "text before a record that is none"));
            t->p += brace;
            return item(t);
        }
    }
    uint64_t offset = offset_of(t, t->p);
    if (only_closes(line)) {
        t->p = end;
        return text_shape(t, offset, "brackets that close nothing");
    }
    t->p = search_within(t, t->p, end);
    return text_reject(t, offset, "text that is no JSON object");
}

static gt_status at_top(text *t)
{
    if (!text_skip_white(t)) {
        t->depth = FRAMES_MAX; /* the end */
        return t->status;
    }
    GT_TRY(text_at_border(t));
    switch (*t->p) {
    case '{':
        return item(t);
    case '[':
        t->p++;
        push(t, FRAME_ARRAY);
        return GT_OK;
    case '"':
        return string_item(t);
    case ',': {
        uint64_t offset = offset_of(t, t->p++);
        return text_shape(t, offset, "a ',' between values that stand in no array");
    }
    case '\x1e': /* RFC 7464 */
        t->p++;
        return GT_OK;
    case '\xef':
        if (text_need(t, 3) && memcmp(t->p, "\xef\xbb\xbf", 3) == 0) {
            t->p += 3;
            return GT_OK;
        }
        GT_TRY(t->status);
        return line_item(t);
    default:
        return line_item(t);
    }
}

/* --- inside containers -------------------------------------------------------------------------*/

static gt_status cut(text *t, const char *reason)
{
    GT_TRY(t->status);
    t->depth = FRAMES_MAX;
    return t->cut_told ? GT_OK : text_shape(t, offset_of(t, t->p), reason);
}

static gt_status at_element(text *t)
{
    if (!text_skip_white(t))
        return cut(t, "the text ends inside an array of records");
    GT_TRY(text_at_border(t));
    uint64_t offset = offset_of(t, t->p);
    if (*t->p == ']') {
        bool dangling = t->comma;
        t->p++;
        pop(t);
        return dangling ? text_shape(t, offset, "a ',' before ']'") : GT_OK;
    }
    if (*t->p == ',') {
        bool stray = t->first || t->comma;
        t->p++;
        t->first = false;
        t->comma = true;
        return stray ? text_shape(t, offset, "a ',' with no record before it") : GT_OK;
    }
    if (!t->first && !t->comma && t->at_line && memchr("{[", *t->p, 2)) {
        t->depth = 0; /* a broken container on a line of its own; the next line has its own again */
        return text_shape(t, offset, "the array of records before this line does not end");
    }
    if (!t->first && !t->comma)
        GT_TRY(text_shape(t, offset, "expected ',' or ']' behind a record"));
    t->first = t->comma = false;
    if (*t->p == '{')
        return item(t);
    return *t->p == '"' ? string_item(t) : other_item(t);
}

/* Behind the array of a container: the object's other members. */
static gt_status at_member(text *t)
{
    if (!text_skip_white(t))
        return cut(t, "the text ends inside the object around the records");
    uint64_t offset = offset_of(t, t->p);
    if (*t->p == '}') {
        t->p++;
        pop(t);
        return GT_OK;
    }
    bool ok = *t->p == ',';
    if (ok) {
        t->p++;
        ok = text_skip_white(t) && *t->p == '"';
    }
    const char *colon = ok ? whole_value(t) : NULL;
    if (ok) {
        bool records = is_container_key(t, (gt_str){t->p, (size_t)(colon - t->p)});
        t->p = colon;
        ok = text_skip_white(t) && *t->p == ':';
        t->p += ok;
        ok = ok && text_skip_white(t);
        if (ok && records && *t->p == '[')
            return enter(t, t->p, 0) ? GT_OK : GT_LIMIT;
    }
    if (ok) {
        const char *behind = whole_value(t);
        ok = behind > t->p && behind < t->end;
        t->p = behind;
    }
    GT_TRY(t->status);
    if (ok)
        return GT_OK;
    if (t->p == t->end && t->last)
        return cut(t, "the text ends inside the object around the records");
    t->depth = 0; /* what comes now is looked at as if nothing stood around it */
    t->first = t->comma = false;
    return text_shape(t, offset, "expected ',' or '}' behind the records");
}

gt_status text_run(text *t)
{
    gt_status status = GT_OK;
    while (status == GT_OK && t->depth < FRAMES_MAX) {
        switch (t->frames[t->depth]) {
        case FRAME_TOP:
            status = at_top(t);
            break;
        case FRAME_ARRAY:
            status = at_element(t);
            break;
        case FRAME_OBJECT:
            status = at_member(t);
            break;
        }
        if (status == GT_OK)
            status = t->status;
    }
    return status;
}
