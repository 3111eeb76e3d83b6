#include "config/config_internal.h"

const config_section_row config_sections[GT_CONFIG_SECTIONS] = {
#define SECTION(id, name, how, help) {GT_STR(name), how, help},
#define KEY(...)
#include "config/config.def"
#undef SECTION
#undef KEY
};

const config_key_row config_keys[GT_CONFIG_KEYS] = {
#define SECTION(...)
#define KEY(section, id, name, type, preset, for_types, flags, limits, help)                       \
    {GT_CONFIG_##section, GT_STR(name), type, GT_STR(preset), GT_STR(for_types), flags,            \
     GT_STR(limits), help},
#include "config/config.def"
#undef SECTION
#undef KEY
};

size_t config_keys_of(gt_config_section_id id, size_t *ret_first)
{
    size_t first = 0, count = 0;
    while (first < GT_CONFIG_KEYS && config_keys[first].section != id)
        first++;
    while (first + count < GT_CONFIG_KEYS && config_keys[first + count].section == id)
        count++;
    *ret_first = first;
    return count;
}

bool config_is_one_of(gt_str word, gt_str list, size_t *ret_index)
{
    size_t i = 0;
    for (gt_str rest = list, one; rest.ptr; i++) {
        rest = gt_str_cut(rest, '|', &one);
        if (!gt_str_eq(one, word))
            continue;
        if (ret_index)
            *ret_index = i;
        return true;
    }
    return false;
}
