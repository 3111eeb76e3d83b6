#include "cli/cli_internal.h"

static int unknown(gt_cli *cli, gt_str name)
{
    return gt_cli_usage(cli, "no command '%.*s'; 'gatetrail help' lists them", GT_STR_ARG(name));
}

static int help_text(gt_cli *cli, gt_str name, gt_buf *text)
{
    const gt_command *command = name.len ? gt_command_find(name) : NULL;
    bool group = name.len && !command && gt_command_is_group(name);
    if (name.len && !command && !group)
        return unknown(cli, name);
    if (gt_cli_flag(cli, GT_OPT_MAN))
        gt_help_man(text, command);
    else if (command)
        gt_help_command(text, command, cli->width, cli->colour_out);
    else if (group)
        gt_help_group(text, name, cli->colour_out);
    else
        gt_help_overview(text, cli->colour_out);
    return GT_EXIT_OK;
}

int gt_cmd_help(gt_cli *cli)
{
    gt_str name = GT_STR_NULL;
    if (cli->arg_count == 1)
        name = cli->args[0];
    if (cli->arg_count == 2)
        name = gt_arena_printf(cli->arena, "%.*s %.*s", GT_STR_ARG(cli->args[0]),
                               GT_STR_ARG(cli->args[1]));
    gt_buf text = GT_BUF((size_t)4 << 20);
    int status = GT_EXIT_OK;
    if (gt_cli_flag(cli, GT_OPT_MARKDOWN))
        gt_help_markdown(&text);
    else if (gt_cli_flag(cli, GT_OPT_LIST))
        for (size_t i = 0; i < gt_commands_count; i++)
            gt_buf_printf(&text, "%s\n", gt_commands[i].name);
    else if (gt_cli_has(cli, GT_OPT_COMPLETION) && gt_cli_choice(cli, GT_OPT_COMPLETION, 0) == 0)
        gt_help_bash(&text);
    else if (gt_cli_has(cli, GT_OPT_COMPLETION))
        gt_help_zsh(&text);
    else
        status = help_text(cli, name, &text);
    gt_cli_print(cli, gt_buf_str(&text));
    gt_buf_done(&text);
    return status;
}
