/* Mappings of indices, as types that the translation can compare with. */
#include "cluster/search.h"

struct gt_mappings {
    gt_json *roots; /* array of the indices' "mappings" objects */
};

gt_status gt_mappings_read(gt_cluster *cluster, gt_arena *arena, gt_str index, gt_mappings **ret)
{
    gt_json *answer = NULL;
    gt_mappings *m = gt_arena_new_of(arena, gt_mappings);
    gt_str path = gt_arena_printf(arena, "/%.*s/_mapping", GT_STR_ARG(index));
    if (!m || !path.ptr)
        return gt_arena_status(arena);
    GT_TRY(gt_cluster_json(cluster, arena, "GET", path, NULL, &answer));
    m->roots = answer;
    *ret = m;
    return GT_OK;
}

bool gt_mappings_any(const gt_mappings *mappings)
{
    return gt_json_first(mappings->roots) != NULL;
}

typedef struct type_word {
    const char *word;
    gt_field_type type;
    const char *inexact;
} type_word;

static const type_word words[] = {
    {"keyword", GT_FIELD_KEYWORD, NULL},
    {"constant_keyword", GT_FIELD_CONSTANT_KEYWORD, NULL},
    {"wildcard", GT_FIELD_WILDCARD, NULL},
    {"text", GT_FIELD_TEXT, NULL},
    {"match_only_text", GT_FIELD_TEXT, NULL},
    {"long", GT_FIELD_LONG, NULL},
    {"integer", GT_FIELD_LONG, "the index holds 32 bits"},
    {"short", GT_FIELD_LONG, "the index holds 16 bits"},
    {"byte", GT_FIELD_LONG, "the index holds 8 bits"},
    {"unsigned_long", GT_FIELD_LONG, "the index holds no negative numbers"},
    {"double", GT_FIELD_DOUBLE, NULL},
    {"float", GT_FIELD_DOUBLE, "the index rounds to 24 bits"},
    {"half_float", GT_FIELD_DOUBLE, "the index rounds to 11 bits"},
    {"scaled_float", GT_FIELD_DOUBLE, "the index rounds to its scale"},
    {"boolean", GT_FIELD_BOOLEAN, NULL},
    {"date", GT_FIELD_DATE, NULL},
    {"date_nanos", GT_FIELD_DATE, NULL},
    {"ip", GT_FIELD_IP, NULL},
    {"geo_point", GT_FIELD_GEO_POINT, NULL},
    {"flattened", GT_FIELD_FLATTENED, NULL},
    {"flat_object", GT_FIELD_FLATTENED, NULL},
    {"nested", GT_FIELD_NESTED, NULL},
    {"long_range", GT_FIELD_LONG_RANGE, NULL},
    {"ip_range", GT_FIELD_IP_RANGE, NULL},
};

static gt_dsl_field field_of(const gt_json *node)
{
    gt_dsl_field f = {.type = GT_FIELD_OBJECT};
    gt_str type = gt_json_path_str(node, "type");
    int64_t above = 0;
    if (!type.len)
        return f;
    f.type = GT_FIELD_UNTYPED;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (gt_str_eq(type, gt_str_c(words[i].word))) {
            f.type = words[i].type;
            f.inexact = words[i].inexact;
        }
    }
    if (gt_json_i64(gt_json_getl(node, "ignore_above"), &above) && above > 0)
        f.ignore_above = (uint32_t)above;
    const gt_json *indexed = gt_json_getl(node, "index");
    if (gt_json_getl(node, "normalizer"))
        f.inexact = "the index changes the letters (normalizer)";
    else if (gt_json_is(indexed, GT_JSON_BOOL) && !indexed->boolean)
        f.inexact = "the field is not indexed";
    else if (gt_json_getl(node, "null_value") || gt_json_getl(node, "script"))
        f.inexact = "the index holds other values than the document";
    return f;
}

/* Elasticsearch has no ignore_above below a constant_keyword or where none is given. */
static gt_dsl_field find(const gt_json *mapping, gt_str name)
{
    const gt_json *node = gt_json_getl(mapping, "mappings");
    gt_dsl_field none = {.type = GT_FIELD_UNTYPED};
    while (name.len) {
        gt_str head, rest = gt_str_cut(name, '.', &head);
        const gt_json *next = gt_json_get(gt_json_getl(node, "properties"), head);
        if (!next)
            return none;
        node = next;
        if (field_of(node).type == GT_FIELD_FLATTENED)
            break; /* whatever is below it is its leaf */
        name = rest;
    }
    return field_of(node);
}

static bool same(gt_dsl_field a, gt_dsl_field b)
{
    return a.type == b.type && a.ignore_above == b.ignore_above && a.inexact == b.inexact;
}

gt_dsl_field gt_mappings_field(void *opaque, gt_str name)
{
    const gt_mappings *m = opaque;
    gt_dsl_field f = {.type = GT_FIELD_UNTYPED};
    bool first = true;
    for (const gt_json *index = gt_json_first(m->roots); index; index = index->next) {
        gt_dsl_field own = find(index, name);
        if (!first && !same(f, own))
            return (gt_dsl_field){.type = GT_FIELD_UNTYPED, .inexact = "indices map it differently"};
        f = own;
        first = false;
    }
    return f;
}
