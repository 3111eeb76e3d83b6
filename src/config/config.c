#include "base/file.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "config/config_internal.h"

#include <errno.h>

/* --- getters ---------------------------------------------------------------------------------- */

const gt_config_section *gt_config_get(const gt_config *config, gt_config_section_id id)
{
    const gt_config_section *section = gt_config_next(config, id, NULL);
    gt_assert(section);
    return section;
}

const gt_config_section *gt_config_next(const gt_config *config, gt_config_section_id id,
                                        const gt_config_section *after)
{
    const gt_config_section *end = config->sections + config->section_count;
    for (const gt_config_section *s = after ? after + 1 : config->sections; s < end; s++)
        if (s->id == id)
            return s;
    return NULL;
}

const gt_config_value *gt_config_value_of(const gt_config_section *section, gt_config_key_id key)
{
    size_t first;
    gt_assert(config_keys[key].section == section->id);
    config_keys_of(section->id, &first);
    return &section->values[key - first];
}

gt_str gt_config_str(const gt_config_section *section, gt_config_key_id key)
{
    return gt_config_value_of(section, key)->text;
}

int64_t gt_config_number(const gt_config_section *section, gt_config_key_id key)
{
    return gt_config_value_of(section, key)->number;
}

bool gt_config_flag(const gt_config_section *section, gt_config_key_id key)
{
    return gt_config_value_of(section, key)->number != 0;
}

bool gt_config_has(const gt_config_section *section, gt_config_key_id key)
{
    return gt_config_value_of(section, key)->has;
}

/* --- one section ------------------------------------------------------------------------------ */

static const config_key_row *find_key(gt_config_section_id id, gt_str name, size_t *ret_index)
{
    size_t first, count = config_keys_of(id, &first);
    for (size_t i = 0; i < count; i++) {
        if (!gt_str_eq(config_keys[first + i].name, name))
            continue;
        *ret_index = i;
        return &config_keys[first + i];
    }
    return NULL;
}

static void unknown_key(config_reader *r, gt_config_section_id id, const gt_toml *node)
{
    size_t first, count = config_keys_of(id, &first);
    gt_nearest_search search = {.word = node->key};
    for (size_t i = 0; i < count; i++)
        gt_nearest_offer(&search, config_keys[first + i].name);
    const char *hint =
        search.best.len
            ? gt_arena_printf(r->arena, "did you mean '%.*s'?", GT_STR_ARG(search.best)).ptr
            : NULL;
    gt_diag_error(r->diags, "CFG-002", node->key_span, hint, "[%.*s] has no key '%.*s'",
                  GT_STR_ARG(config_sections[id].name), GT_STR_ARG(node->key));
}

static bool belongs(const config_key_row *row, gt_str type)
{
    return !row->for_types.len || config_is_one_of(type, row->for_types, NULL);
}

static void read_keys(config_reader *r, gt_config_section *section, const gt_toml *table)
{
    for (const gt_toml *m = gt_toml_first(table); m; m = m->next) {
        size_t index;
        const config_key_row *row = find_key(section->id, m->key, &index);
        if (!row) {
            unknown_key(r, section->id, m);
            continue;
        }
        if (section->type.len && !belongs(row, section->type)) {
            gt_diag_error(r->diags, "CFG-006", m->key_span, NULL,
                          "a %.*s of type %.*s has no key '%.*s'",
                          GT_STR_ARG(config_sections[section->id].name), GT_STR_ARG(section->type),
                          GT_STR_ARG(m->key));
            continue;
        }
        section->values[index].has = config_value_read(r, row, m, &section->values[index]);
    }
}

static void read_presets(config_reader *r, gt_config_section *section, gt_span place)
{
    size_t first, count = config_keys_of(section->id, &first);
    for (size_t i = 0; i < count; i++) {
        const config_key_row *row = &config_keys[first + i];
        gt_config_value *value = &section->values[i];
        if (value->given || !belongs(row, section->type))
            continue;
        if (row->flags & REQUIRED)
            gt_diag_error(r->diags, "CFG-004", place, NULL, "[%.*s] has no '%.*s'",
                          GT_STR_ARG(config_sections[section->id].name), GT_STR_ARG(row->name));
        else
            (void)config_value_preset(r, row, value); /* a failure is the arena's */
    }
}

/* The type first: which keys there are depends on it. A wrong type leaves it empty, so that only
 * the type is reported. */
static void read_type(gt_config_section *section, const gt_toml *table)
{
    size_t index;
    const config_key_row *row = find_key(section->id, GT_STR("type"), &index);
    const gt_toml *type = gt_toml_getl(table, "type"), *name = gt_toml_getl(table, "name");
    section->type = section->name = GT_STR("");
    if (row && gt_toml_is(type, GT_TOML_STRING) && config_is_one_of(type->str, row->limits, NULL))
        section->type = section->name = type->str;
    if (gt_toml_is(name, GT_TOML_STRING) && name->str.len)
        section->name = name->str;
}

static bool read_section(config_reader *r, gt_config_section_id id, const gt_toml *table)
{
    size_t first, count = config_keys_of(id, &first);
    gt_config_section *section = &r->config->sections[r->config->section_count];
    section->values = gt_arena_array(r->arena, gt_config_value, count + 1);
    if (!section->values)
        return false;
    r->config->section_count++;
    section->id = id;
    section->span = table ? table->span : (gt_span){0, 0};
    if (config_sections[id].how == OPAQUE) {
        section->table = table;
        return true;
    }
    read_type(section, table);
    read_keys(r, section, table);
    if (!section->type.len && find_key(id, GT_STR("type"), &first) && gt_toml_getl(table, "type"))
        return true;
    read_presets(r, section, section->span);
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void unknown_section(config_reader *r, const gt_toml *node)
{
    gt_nearest_search search = {.word = node->key};
    for (size_t i = 0; i < GT_CONFIG_SECTIONS; i++)
        gt_nearest_offer(&search, config_sections[i].name);
    const char *hint =
        search.best.len
            ? gt_arena_printf(r->arena, "did you mean '%.*s'?", GT_STR_ARG(search.best)).ptr
            : NULL;
    gt_diag_error(r->diags, "CFG-001", node->key_span, hint, "there is no section '%.*s'",
                  GT_STR_ARG(node->key));
}

static void check_sections(config_reader *r, const gt_toml *root)
{
    for (const gt_toml *m = gt_toml_first(root); m; m = m->next) {
        size_t i = 0;
        while (i < GT_CONFIG_SECTIONS && !gt_str_eq(config_sections[i].name, m->key))
            i++;
        if (i == GT_CONFIG_SECTIONS) {
            unknown_section(r, m);
            continue;
        }
        bool many = config_sections[i].how == MANY;
        if (m->type != (many ? GT_TOML_ARRAY : GT_TOML_TABLE))
            gt_diag_error(r->diags, "CFG-003", m->span, NULL,
                          many ? "write it as [[%.*s]]" : "write it as [%.*s]", GT_STR_ARG(m->key));
    }
}

static bool read_sections(config_reader *r, const gt_toml *root)
{
    size_t count = GT_CONFIG_SECTIONS;
    for (const gt_toml *m = gt_toml_first(root); m; m = m->next)
        count += m->type == GT_TOML_ARRAY ? m->count : 0;
    r->config->sections = gt_arena_array(r->arena, gt_config_section, count);
    if (!r->config->sections)
        return false;
    for (size_t i = 0; i < GT_CONFIG_SECTIONS; i++) {
        const gt_toml *node = gt_toml_get(root, config_sections[i].name);
        gt_config_section_id id = (gt_config_section_id)i;
        if (config_sections[i].how != MANY) {
            if (!read_section(r, id, gt_toml_is(node, GT_TOML_TABLE) ? node : NULL))
                return false;
            continue;
        }
        for (const gt_toml *e = gt_toml_is(node, GT_TOML_ARRAY) ? gt_toml_first(node) : NULL; e;
             e = e->next) {
            if (e->type != GT_TOML_TABLE)
                gt_diag_error(r->diags, "CFG-003", e->span, NULL, "write it as [[%.*s]]",
                              GT_STR_ARG(config_sections[i].name));
            else if (!read_section(r, id, e))
                return false;
        }
    }
    return true;
}

/* --- how sections go together ----------------------------------------------------------------- */

static void check_names(config_reader *r, gt_config_section_id id)
{
    for (const gt_config_section *s = gt_config_next(r->config, id, NULL); s;
         s = gt_config_next(r->config, id, s))
        for (const gt_config_section *other = gt_config_next(r->config, id, NULL); other != s;
             other = gt_config_next(r->config, id, other))
            if (s->name.len && gt_str_eq(s->name, other->name)) {
                gt_diag_error(r->diags, "CFG-007", s->span, "give each a name of its own",
                              "two [[%.*s]] are called '%.*s'",
                              GT_STR_ARG(config_sections[id].name), GT_STR_ARG(s->name));
                break;
            }
}

static bool sink_exists(const config_reader *r, gt_str name)
{
    const gt_config_section *s = NULL;
    while ((s = gt_config_next(r->config, GT_CONFIG_SINK, s)))
        if (gt_str_eq(s->name, name))
            return true;
    return false;
}

static void check_references(config_reader *r)
{
    for (size_t n = 0; n < r->config->section_count; n++) {
        const gt_config_section *s = &r->config->sections[n];
        size_t first, count = config_keys_of(s->id, &first);
        for (size_t k = 0; k < count; k++)
            for (size_t i = 0; (config_keys[first + k].flags & SINKS) && i < s->values[k].count;
                 i++)
                if (!sink_exists(r, s->values[k].items[i]))
                    gt_diag_error(r->diags, "CFG-009", s->values[k].span, NULL,
                                  "there is no [[sink]] called '%.*s'",
                                  GT_STR_ARG(s->values[k].items[i]));
    }
}

gt_status gt_config_parse(gt_arena *arena, gt_str path, gt_str text, const gt_config_env *env,
                          gt_config **ret)
{
    gt_config *config = gt_arena_new_of(arena, gt_config);
    if (!config)
        return gt_arena_status(arena);
    config->path = path;
    gt_diags_init(&config->diags, arena, path, text);
    config_reader r = {arena, config, &config->diags, env, gt_path_folder(path)};
    gt_status status = gt_toml_parse(arena, GT_TOML_1_0, &config->diags, &config->root);
    if (status == GT_NOMEM || gt_arena_status(arena) != GT_OK)
        return status == GT_OK ? gt_arena_status(arena) : status;
    if (status == GT_OK)
        check_sections(&r, config->root);
    if (!read_sections(&r, config->root))
        return gt_arena_status(arena);
    if (status == GT_OK) {
        check_names(&r, GT_CONFIG_SOURCE);
        check_names(&r, GT_CONFIG_SINK);
        check_references(&r);
    }
    if (gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena);
    *ret = config;
    return GT_OK;
}

gt_status gt_config_load(gt_arena *arena, gt_str path, const gt_config_env *env, gt_config **ret)
{
    gt_str text, copy = gt_arena_dup(arena, path);
    gt_status status = copy.ptr ? gt_file_read(arena, copy, GT_CONFIG_BYTES_MAX, &text) : GT_NOMEM;
    if (status == GT_OK)
        return gt_config_parse(arena, copy, text, env, ret);
    if (gt_arena_status(arena) != GT_OK || status == GT_NOMEM)
        return gt_arena_status(arena) == GT_OK ? GT_NOMEM : gt_arena_status(arena);
    gt_str why = gt_str_c(status == GT_IO ? strerror(errno) : gt_status_text(status));
    GT_TRY(gt_config_parse(arena, copy, GT_STR_NULL, env, ret));
    (*ret)->diags.count = (*ret)->diags.errors = 0; /* of the empty text */
    gt_diag_error(&(*ret)->diags, "CFG-010", ((gt_span){0, 0}),
                  "--config FILE names another; 'gatetrail config reference' says what can be in one",
                  "cannot be read: %.*s", GT_STR_ARG(why));
    return GT_OK;
}
