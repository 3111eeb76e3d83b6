/* Any text parses or gets at least one diagnostic, and every place lies in the text. */
#include "toml/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const gt_toml *node, size_t size)
{
    gt_assert(node->span.begin <= node->span.end && node->span.end <= size);
    gt_assert(node->key_span.begin <= node->key_span.end && node->key_span.end <= size);
    if (node->type == GT_TOML_STRING) {
        gt_span all = gt_offsets_span(node->where, (gt_span){0, node->str.len});
        gt_assert(all.begin <= all.end && all.end <= size);
    }
    for (gt_toml *child = gt_toml_first(node); child; child = child->next)
        check(child, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *arena = gt_arena_new((size_t)64 << 20);
    gt_buf out = GT_BUF((size_t)16 << 20);
    gt_diags diags;
    gt_toml *root;
    if (!arena)
        return 0;
    gt_diags_init(&diags, arena, GT_STR("fuzz"), (gt_str){(const char *)data, size});
    gt_status status = gt_toml_parse(arena, size % 2 ? GT_TOML_1_0 : GT_TOML_1_1, &diags, &root);
    gt_assert(status == GT_OK || diags.errors || gt_arena_status(arena) != GT_OK);
    if (status == GT_OK) {
        check(root, size);
        gt_json_write(&out, gt_toml_to_json(arena, root));
    } else {
        gt_diags_render(&diags, true, &out);
    }
    gt_buf_done(&out);
    gt_arena_free(arena);
    return 0;
}
