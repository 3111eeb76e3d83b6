#include "ecs/category.h"

typedef struct row {
    uint8_t mappings;
    gt_str action, category, type, type2;
} row;

#define TEXT(s) {(s), sizeof(s) - 1}

static const row ROWS[] = {
#define GT_CATEGORY(mappings, action, category, type, type2)                                       \
    {IN_##mappings, TEXT(action), TEXT(category), TEXT(type), TEXT(type2)},
#include "ecs/categories.def"
#undef GT_CATEGORY
};

bool gt_categories_init(names *table, gt_arena *arena, bool filebeat)
{
    if (!gt_names_init(table, arena, sizeof ROWS / sizeof ROWS[0]))
        return false;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        if (ROWS[i].mappings & (filebeat ? IN_FILEBEAT : IN_INTEGRATION))
            gt_names_add(table, 0, ROWS[i].action, (uint32_t)i);
    return true;
}

size_t gt_categories_count(void)
{
    return sizeof ROWS / sizeof ROWS[0];
}

uint32_t gt_ecs_category(const mapping *m)
{
    gt_str action = slot_str(m, SRC_EVENT_NAME);
    return action.len ? gt_names_find(&m->tables->categories, 0, action) : NAMES_NONE;
}

static gt_str outcome(mapping *m)
{
    gt_str login = slot_str(m, SRC_S_CONSOLE_LOGIN);
    if (login.len && gt_str_is(slot_str(m, SRC_EVENT_NAME), "ConsoleLogin")) {
        char *lower = gt_arena_alloc(m->batch, login.len);
        m->failed |= !lower;
        for (size_t i = 0; lower && i < login.len; i++)
            lower[i] = login.ptr[i] >= 'A' && login.ptr[i] <= 'Z' ? (char)(login.ptr[i] + 32)
                                                                  : login.ptr[i];
        return (gt_str){lower, lower ? login.len : 0};
    }
    return m->slot[SRC_ERROR_CODE] || m->slot[SRC_ERROR_MESSAGE] ? GT_STR("failure")
                                                                  : GT_STR("success");
}

static gt_json *list_of(mapping *m, gt_str a, gt_str b)
{
    gt_json *list = gt_doc_node(m, GT_JSON_ARRAY);
    gt_json_append(list, gt_doc_str(m, a));
    if (b.len)
        gt_json_append(list, gt_doc_str(m, b));
    return list;
}

void gt_ecs_categorise(mapping *m)
{
    uint32_t at = gt_ecs_category(m);
    put_str(m, EVENT, "kind", m->message_count ? GT_STR("pipeline_error") : GT_STR("event"));
    put_str(m, EVENT, "outcome", outcome(m));
    if (at != NAMES_NONE) {
        put(m, EVENT, "category", list_of(m, ROWS[at].category, GT_STR_NULL));
        put(m, EVENT, "type", list_of(m, ROWS[at].type, ROWS[at].type2));
    } else if (m->filebeat) {
        put_str(m, EVENT, "type", GT_STR("info"));
    } else {
        put(m, EVENT, "type", list_of(m, GT_STR("info"), GT_STR_NULL));
    }
}
