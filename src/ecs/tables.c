#include "ecs/ecs_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "ecs/category.h"
#include "ecs/geoip.h"
#include "ecs/ready.h"
#include "ecs/user_agent.h"

#include <errno.h>
#include <stdio.h>

typedef struct source_row {
    uint32_t scope, id;
    gt_str key;
} source_row;

static const source_row SOURCES[] = {
#define GT_SOURCE(name, parent, key) {SRC_##parent, SRC_##name, {(key), sizeof(key) - 1}},
#include "ecs/sources.def"
#undef GT_SOURCE
};

static const gt_str DEFAULT_TAGS[] = {{"preserve_original_event", 23},
                                      {"actor_target_mapping", 20}};
static const gt_str FILEBEAT_TAGS[] = {{"forwarded", 9}};

static bool init_names(gt_ecs_tables *t)
{
    if (!gt_names_init(&t->sources, t->arena, sizeof SOURCES / sizeof SOURCES[0]))
        return false;
    for (size_t i = 0; i < sizeof SOURCES / sizeof SOURCES[0]; i++) {
        gt_names_add(&t->sources, SOURCES[i].scope, SOURCES[i].key, SOURCES[i].id);
        t->is_parent[SOURCES[i].scope] = true;
    }
    return gt_categories_init(&t->categories, t->arena, t->mapping == GT_ECS_FILEBEAT) &&
           gt_entity_tables_init(&t->entity, t->arena, &t->sources);
}

static void init_tags(gt_ecs_tables *t, const gt_ecs_options *options)
{
    bool filebeat = t->mapping == GT_ECS_FILEBEAT;
    t->entities = !filebeat && !options->tags;
    t->tags = filebeat ? FILEBEAT_TAGS : DEFAULT_TAGS;
    t->tag_count = filebeat ? 1 : 2;
    if (!options->tags)
        return;
    t->tags = options->tags;
    t->tag_count = options->tag_count;
    for (size_t i = 0; i < t->tag_count; i++) {
        t->entities |= !filebeat && gt_str_is(t->tags[i], "actor_target_mapping");
        t->original |= gt_str_is(t->tags[i], "preserve_original_event");
    }
}

/* The whole of a file into the arena. */
static gt_status read_file(const char *path, gt_arena *arena, gt_str *ret)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return GT_IO;
    char *data = NULL;
    size_t len = 0, cap = 0, n = 0;
    do {
        if (len == cap) {
            size_t more = cap ? cap * 2 : 256 * GT_KIB;
            data = more > GT_ECS_UAP_FILE_MAX ? NULL : gt_arena_grow(arena, data, cap, more);
            cap = more;
        }
        n = data ? fread(data + len, 1, cap - len, file) : 0;
        len += n;
    } while (n);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (!data)
        return gt_arena_status(arena) != GT_OK ? gt_arena_status(arena) : GT_LIMIT;
    *ret = (gt_str){data, len};
    return failed ? GT_IO : GT_OK;
}

static gt_status open_uap(gt_ecs_tables *t, const char *asked, gt_arena *arena, gt_str *reterr)
{
    const char *path = asked ? asked : GT_ECS_UAP_CORE;
    gt_str text, why = GT_STR_NULL;
    gt_status status = read_file(path, t->arena, &text);
    if (status == GT_IO && !asked) {
        t->warning = gt_arena_printf(t->arena,
                                     "%s is absent (install uap-core): user_agent.name and "
                                     "user_agent.device.name are \"Other\" in every document",
                                     path);
        return t->warning.ptr ? GT_OK : gt_arena_status(t->arena);
    }
    if (status == GT_IO)
        why = gt_str_c(strerror(errno));
    if (status == GT_OK)
        status = gt_uap_parse(text, t->arena, &t->uap, &why);
    if (status != GT_OK)
        *reterr = gt_arena_printf(arena, "%s: %.*s", path,
                                  GT_STR_ARG(why.ptr ? why : gt_str_c(gt_status_text(status))));
    return status;
}

gt_status gt_ecs_tables_open(const gt_ecs_options *options, gt_arena *arena, gt_ecs_tables **ret,
                             gt_str *reterr_message)
{
    *reterr_message = gt_str_c(gt_status_text(GT_NOMEM));
    gt_arena *own = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    gt_ecs_tables *t = own ? gt_arena_new_of(own, gt_ecs_tables) : NULL;
    if (!t) {
        gt_arena_free(own);
        return GT_NOMEM;
    }
    t->arena = own;
    t->mapping = options->mapping;
    t->retain = options->retain;
    t->created = options->created;
    init_tags(t, options);
    gt_status status = init_names(t) ? GT_OK : gt_arena_status(own);
    if (status == GT_OK)
        status = open_uap(t, options->uap_core, arena, reterr_message);
    if (status == GT_OK && (options->geoip_city || options->geoip_asn)) {
        gt_str why = GT_STR_NULL;
        status = gt_geoip_open(options->geoip_city, options->geoip_asn, own, &t->geoip, &why);
        if (why.ptr)
            *reterr_message = gt_arena_dup(arena, why);
    }
    if (status != GT_OK) {
        gt_ecs_tables_close(t);
        return status;
    }
    *reterr_message = GT_STR_NULL;
    *ret = t;
    return GT_OK;
}

void gt_ecs_tables_close(gt_ecs_tables *tables)
{
    if (!tables)
        return;
    gt_geoip_close(tables->geoip);
    gt_arena_free(tables->arena);
}

gt_str gt_ecs_tables_warning(const gt_ecs_tables *tables)
{
    return tables->warning;
}

gt_ecs *gt_ecs_new(const gt_ecs_tables *tables)
{
    gt_ecs *ecs = gt_calloc(1, sizeof *ecs);
    if (!ecs)
        return NULL;
    ecs->tables = tables;
    ecs->text = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    ecs->uap = gt_uap_matcher_new(tables->uap);
    ecs->agents = gt_fragments_new();
    ecs->addresses = gt_fragments_new();
    ecs->ready = gt_ready_new();
    if (!ecs->ready || !ecs->uap || !ecs->agents || !ecs->addresses) {
        gt_ecs_free(ecs);
        return NULL;
    }
    return ecs;
}

void gt_ecs_free(gt_ecs *ecs)
{
    if (!ecs)
        return;
    gt_uap_matcher_free(ecs->uap);
    gt_fragments_free(ecs->agents);
    gt_fragments_free(ecs->addresses);
    gt_ready_free(ecs->ready);
    gt_buf_done(&ecs->text);
    gt_free(ecs);
}
