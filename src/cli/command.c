#include "cli/command.h"

const gt_option gt_options[GT_OPT_COUNT_OF] = {
#define ONE false
#define MANY true
#define OPTION(id, name, letter, type, argument, repeat, group, help)                              \
    {name, letter, GT_OPTION_##type, repeat, argument, group, help},
#include "cli/options.def"
#undef OPTION
#undef ONE
#undef MANY
};

#define OPTIONS(...) ((const uint8_t[]){__VA_ARGS__, GT_OPT_END})
#define OPTIONS_NONE ((const uint8_t[]){GT_OPT_END})
const gt_command gt_commands[] = {
#define COMMAND(id, name, arguments, least, most, options, summary, description, examples)         \
    {name, arguments, least, most, options, summary, description, examples, gt_cmd_##id},
#include "cli/commands.def"
#undef COMMAND
};
const size_t gt_commands_count = sizeof(gt_commands) / sizeof(gt_commands[0]);

const uint8_t gt_options_general[] = {GT_OPT_NOW, GT_OPT_COLOR, GT_OPT_QUIET, GT_OPT_HELP,
                                      GT_OPT_END};

const gt_command *gt_command_find(gt_str name)
{
    for (size_t i = 0; i < gt_commands_count; i++)
        if (gt_str_eq(gt_str_c(gt_commands[i].name), name))
            return &gt_commands[i];
    return NULL;
}

bool gt_command_is_group(gt_str word)
{
    for (size_t i = 0; i < gt_commands_count; i++) {
        gt_str name = gt_str_c(gt_commands[i].name);
        if (name.len > word.len && gt_str_starts(name, word) && name.ptr[word.len] == ' ')
            return true;
    }
    return false;
}

const gt_option *gt_command_option(const gt_command *command, size_t i, gt_option_id *ret_id)
{
    const uint8_t *list = command->options;
    size_t n = 0;
    while (list[n] != GT_OPT_END)
        n++;
    uint8_t id = i < n ? list[i] : GT_OPT_END;
    if (i >= n && i - n < sizeof(gt_options_general))
        id = gt_options_general[i - n];
    if (id == GT_OPT_END)
        return NULL;
    if (ret_id)
        *ret_id = (gt_option_id)id;
    return &gt_options[id];
}
