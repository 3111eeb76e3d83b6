/* Places where another reader may take over: told, guessed and gone to. */
#include "cloudtrail/records_internal.h"

_Static_assert(GT_READER_DEPTH_MAX == FRAMES_MAX, "a place holds every frame");

/* How far from its offset a record is looked for. */
#define GUESS_BYTES (1 * GT_MIB)

uint64_t gt_reader_place_window(uint64_t offset)
{
    return offset - offset % GT_STREAM_WINDOW;
}

bool gt_reader_place_equals(const gt_reader_place *a, const gt_reader_place *b)
{
    return a->offset == b->offset && a->window_end == b->window_end && a->depth == b->depth &&
           a->first == b->first && a->comma == b->comma && a->begun == b->begun &&
           a->cut_told == b->cut_told && memcmp(a->frames, b->frames, a->depth + 1U) == 0;
}

/* Not in it: `at_line`. It matters for what is no object only, and a guess is always one. */
gt_status text_border(text *t)
{
    gt_reader_place here = {.offset = offset_of(t, t->p), .window_end = offset_of(t, t->end),
                            .depth = (uint8_t)t->depth, .begun = t->found > 0,
                            .cut_told = t->cut_told};
    if (t->frames[t->depth] != FRAME_TOP) { /* at the top nothing asks for them */
        here.first = t->first;
        here.comma = t->comma;
    }
    for (unsigned i = 0; i <= t->depth; i++)
        here.frames[i] = (uint8_t)t->frames[i];
    return t->part->at_border(t->part->ctx, &here, &t->border);
}

gt_status text_continue(text *t, const gt_reader_place *place)
{
    if (!text_more(t, t->p))
        return t->status == GT_OK ? GT_END : t->status;
    if (place->offset - t->base >= (uint64_t)(t->end - t->begin))
        return GT_END; /* the file is shorter than it was */
    t->p = t->begin + (place->offset - t->base);
    t->depth = place->depth;
    for (unsigned i = 0; i <= t->depth; i++)
        t->frames[i] = (frame)place->frames[i];
    t->first = place->first;
    t->comma = place->comma;
    t->found = place->begun;
    t->cut_told = place->cut_told;
    return GT_OK;
}

/* --- guesses -----------------------------------------------------------------------------------*/

/* The same for a key in its quotes. */
static const char *behind_key(const char *p, const char *end, gt_str key)
{
    const char *name = behind(p, end, GT_STR("\""));
    if (!name || !gt_str_starts((gt_str){name, (size_t)(end - name)}, key) ||
        name + key.len == end || name[key.len] != '"')
        return NULL;
    return name + key.len + 1;
}

bool gt_reader_guess_frames(gt_record_kind kind, gt_str head, gt_reader_place *ret)
{
    const char *p = head.ptr, *end = p + head.len;
    *ret = (gt_reader_place){.begun = true, .frames = {FRAME_TOP}};
    if (behind(p, end, GT_STR("["))) {
        ret->frames[ret->depth = 1] = FRAME_ARRAY;
        ret->comma = true;
        return true;
    }
    const char *object = behind(p, end, GT_STR("{"));
    for (size_t i = 0; object && i < CONTAINER_KEYS; i++) {
        const char *colon = behind(behind_key(object, end, container_keys[i]), end, GT_STR(":"));
        if (kind != GT_RECORDS_CLOUDTRAIL || !behind(colon, end, GT_STR("[")))
            continue;
        ret->frames[1] = FRAME_OBJECT;
        ret->frames[ret->depth = 2] = FRAME_ARRAY;
        ret->comma = true;
    }
    return object != NULL;
}

/* Does what stands before p fit what records are guessed to stand in? */
static bool stands_in(const text *t, const char *p)
{
    bool line = p > t->begin && p[-1] == '\n';
    while (p > t->begin && is_white(p[-1]))
        p--;
    if (p == t->begin)
        return false;
    return t->frames[t->depth] == FRAME_ARRAY ? p[-1] == ',' : p[-1] == '}' || line;
}

static const char *guess_within(const text *t)
{
    for (const char *p = t->p; p < t->end; p++) {
        p = search_within(t, p, t->end);
        if (p < t->end && stands_in(t, p))
            return p;
    }
    return NULL;
}

bool gt_reader_guess_place(gt_reader *r, gt_record_kind kind, gt_read_fn read, void *read_ctx,
                           uint64_t size, uint64_t offset, gt_reader_place *place)
{
    static const gt_record_sink nobody = {0};
    r->kind = kind;
    r->sink = &nobody;
    r->in_member = false;
    gt_decoder_begin_plain(r->decoder, read, read_ctx, size, gt_reader_place_window(offset));
    text t = {.reader = r};
    t.begin = t.p = t.end = "";
    place->offset = offset;
    if (text_continue(&t, place) != GT_OK)
        return false;
    const char *found;
    while (!(found = guess_within(&t)))
        if ((size_t)(t.end - t.p) > GUESS_BYTES || !text_more(&t, t.p))
            return false;
    place->offset = offset_of(&t, found);
    place->window_end = gt_reader_place_window(place->offset) + GT_STREAM_WINDOW;
    if (place->window_end > size)
        place->window_end = size;
    return true;
}
