/* Security-group changes: any JSON is normalised, folded and walked; any bytes are unpacked or refused. The
 * input is one record a line (or one value); what it says must not depend on the order of the lines. */
#include "sg/fields.h"

#include "sg_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANGES_MAX 32

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
    size_t forth[CHANGES_MAX], back[CHANGES_MAX];
    gt_buf one = GT_BUF(64 * GT_MIB), other = GT_BUF(64 * GT_MIB);
    for (size_t i = 0; i < count; i++)
        forth[i] = back[count - 1 - i] = i;
    gt_status status = sg_dump_history(changes, forth, count, &one);
    gt_assert(status == GT_OK);
    status = sg_dump_history(changes, back, count, &other);
    gt_assert(status == GT_OK);
    gt_assert(gt_str_eq(gt_buf_str(&one), gt_buf_str(&other)));
    gt_buf_done(&one);
    gt_buf_done(&other);
    gt_arena_free(arena);
    return 0;
}
