#include "cli/cli.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli_internal.h"

#include <time.h>

bool gt_cli_accepts(const gt_cli *cli, gt_option_id id)
{
    gt_option_id other;
    for (size_t i = 0; gt_command_option(cli->command, i, &other); i++)
        if (other == id)
            return true;
    return false;
}

static const gt_cli_value *value_of(const gt_cli *cli, gt_option_id id)
{
    gt_assert(gt_cli_accepts(cli, id)); /* commands.def does not give the command this option */
    return cli->values[id];
}

bool gt_cli_has(const gt_cli *cli, gt_option_id id)
{
    return value_of(cli, id) != NULL;
}

bool gt_cli_flag(const gt_cli *cli, gt_option_id id)
{
    return value_of(cli, id) != NULL;
}

gt_str gt_cli_str(const gt_cli *cli, gt_option_id id)
{
    const gt_cli_value *v = value_of(cli, id);
    return v ? v->texts[v->count - 1] : GT_STR_NULL;
}

const char *gt_cli_path(const gt_cli *cli, gt_option_id id)
{
    return gt_cli_str(cli, id).ptr;
}

const gt_str *gt_cli_list(gt_cli *cli, gt_option_id id, size_t *ret_count)
{
    const gt_cli_value *v = value_of(cli, id);
    *ret_count = v ? v->count : 0;
    return v ? v->texts : NULL;
}

unsigned gt_cli_choice(const gt_cli *cli, gt_option_id id, unsigned absent)
{
    const gt_cli_value *v = value_of(cli, id);
    return v ? (unsigned)v->number : absent;
}

int64_t gt_cli_number(const gt_cli *cli, gt_option_id id, int64_t absent)
{
    const gt_cli_value *v = value_of(cli, id);
    return v ? v->number : absent;
}

gt_arena *gt_cli_arena_new(gt_cli *cli, size_t max_bytes)
{
    size_t i = 0;
    while (i < GT_CLI_ARENAS_MAX && cli->owned[i])
        i++;
    gt_assert(i < GT_CLI_ARENAS_MAX);
    cli->owned[i] = gt_arena_new(max_bytes);
    return cli->owned[i];
}

static gt_time_ms clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (gt_time_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int gt_cli_main(int argc, char **argv)
{
    gt_cli cli = {.now = clock_now(), .out = GT_BUF(GT_CLI_OUT_MAX)};
    gt_cli_terminals(&cli);
    cli.arena = gt_arena_new(GT_CLI_ARENA_MAX);
    if (!cli.arena)
        return gt_cli_failed(&cli, GT_NOMEM, "starting");

    int status = GT_EXIT_OK;
    gt_status parsed = gt_cli_parse(&cli, argc, argv);
    if (parsed == GT_OK)
        status = cli.command->run(&cli);
    else if (parsed == GT_INVALID)
        status = GT_EXIT_USAGE;
    else if (parsed != GT_END)
        status = gt_cli_failed(&cli, parsed, "reading the command line");

    if (!gt_cli_flush(&cli) && status == GT_EXIT_OK)
        status = GT_EXIT_INPUT;
    gt_buf_done(&cli.out);
    for (size_t i = 0; i < GT_CLI_ARENAS_MAX; i++)
        gt_arena_free(cli.owned[i]);
    gt_arena_free(cli.arena);
    return status;
}
