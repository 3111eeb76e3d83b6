/* Any text is a configuration or has at least one mistake; what is shown of it is one again. */
#include "base/limits.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    gt_buf shown = GT_BUF(16 * GT_MIB);
    gt_config *config, *again;
    gt_str text = {(const char *)data, size};
    if (arena && gt_config_parse(arena, GT_STR("f/c.toml"), text, NULL, &config) == GT_OK) {
        if (config->diags.errors) {
            gt_diags_render(&config->diags, false, &shown);
        } else {
            gt_config_show(config, &shown);
            if (gt_config_parse(arena, GT_STR("f/c.toml"), gt_buf_str(&shown), NULL, &again) == GT_OK)
                gt_assert(again->diags.errors == 0);
        }
    }
    gt_buf_done(&shown);
    gt_arena_free(arena);
    return 0;
}
