/* Security-group changes: any JSON is normalised, folded and walked; any bytes are unpacked or refused. The
 * input is one record a line (or one value); what it says must not depend on the order of the lines. */
#include "sg/fields.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES_MAX 32

static gt_status digest_step(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    uint64_t *sum = context;
    *sum = *sum * 31 + step->operation + effect->opened.count * 7 + effect->closed.count * 3 +
           step->effective;
    return GT_OK;
}

/* A number for everything the history says. */
static uint64_t digest(gt_sg_change *const *changes, size_t count, bool backwards)
{
    uint64_t sum = 0;
    gt_sg_history *h = gt_sg_history_new();
    for (size_t i = 0; i < count; i++) {
        gt_status status = gt_sg_history_add(h, changes[backwards ? count - 1 - i : i]);
        gt_assert(status == GT_OK);
    }
    for (size_t i = 0; i < gt_sg_history_group_count(h); i++) {
        gt_arena *arena = gt_arena_new(256 * GT_MIB);
        gt_sg_timeline *t;
        gt_sg_window *windows;
        size_t n;
        gt_status status =
            gt_sg_history_fold(h, arena, gt_sg_history_group(h, i)->id, &t);
        gt_assert(status == GT_OK);
        status = gt_sg_timeline_walk(h, arena, t, digest_step, &sum);
        gt_assert(status == GT_OK);
        status = gt_sg_timeline_windows(h, arena, t, &windows, &n);
        gt_assert(status == GT_OK);
        sum = sum * 31 + t->version_count * 5 + n;
        gt_arena_free(arena);
    }
    gt_sg_history_free(h);
    return sum;
}

static void unpack_any(gt_arena *arena, gt_str bytes)
{
    gt_sg_change *change;
    gt_buf again = GT_BUF(16 * GT_MIB);
    if (gt_sg_change_unpack(arena, bytes, &change) == GT_OK)
        gt_sg_change_pack(change, &again);
    gt_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_str text = {(const char *)data, size};
    gt_arena *arena = gt_arena_new(256 * GT_MIB);
    gt_sg_change *changes[CHANGES_MAX];
    size_t count = 0, pos = 0;
    gt_json *record;
    unpack_any(arena, text);
    while (count < CHANGES_MAX && pos < text.len &&
           gt_json_parse_next(arena, text, &pos, &record, NULL) == GT_OK) {
        gt_sg_change *change;
        gt_status status = gt_sg_change_of(arena, record, GT_STR("id"), &change);
        gt_assert(status == GT_OK);
        if (change)
            changes[count++] = change;
    }
    gt_assert(digest(changes, count, false) == digest(changes, count, true));
    gt_arena_free(arena);
    return 0;
}
