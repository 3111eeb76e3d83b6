#include "watch/setup.h"

gt_watch_setup *gt_watch_setup_new(gt_arena *arena)
{
    gt_watch_setup *setup = gt_arena_new_of(arena, gt_watch_setup);
    if (!setup)
        return NULL;
    setup->arena = arena;
    atomic_init(&setup->holders, 1);
    return setup;
}

gt_watch_setup *gt_watch_setup_hold(gt_watch_setup *setup)
{
    atomic_fetch_add(&setup->holders, 1);
    return setup;
}

void gt_watch_setup_release(gt_watch_setup *setup)
{
    if (!setup || atomic_fetch_sub(&setup->holders, 1) != 1)
        return;
    gt_ecs_tables_close(setup->tables);
    gt_arena_free(setup->arena); /* the setup lives in it */
}
