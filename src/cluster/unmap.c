#include "cluster/unmap.h"

typedef struct row {
    const char *record;
    const char *document;
} row;

static const row rows[] = {
#define GT_UNMAP(record, document) {record, document},
#include "cluster/unmap.def"
#undef GT_UNMAP
};

static bool is_empty(const gt_json *value)
{
    return !value || value->type == GT_JSON_NULL ||
           ((value->type == GT_JSON_OBJECT || value->type == GT_JSON_ARRAY) && !value->count);
}

/* userName stands in different places, by who called. */
static void set_user_name(gt_arena *arena, gt_json *record, const gt_json *document)
{
    const gt_json *name = gt_json_path(document, "user.name");
    bool issued = gt_json_path(record, "userIdentity.sessionContext.sessionIssuer") != NULL;
    if (gt_json_is(name, GT_JSON_STRING))
        gt_json_set_path(arena, record, issued ? "userIdentity.sessionContext.sessionIssuer.userName"
                                               : "userIdentity.userName",
                         gt_json_copy(arena, name, false));
}

static void set_resources(gt_arena *arena, gt_json *record, const gt_json *document)
{
    const gt_json *list = gt_json_path(document, "aws.cloudtrail.resources");
    gt_json *made = gt_json_new_array(arena);
    for (const gt_json *r = gt_json_first(list); r; r = r->next) {
        gt_json *one = gt_json_new_object(arena);
        const gt_json *arn = gt_json_getl(r, "arn"), *account = gt_json_getl(r, "account_id");
        const gt_json *type = gt_json_getl(r, "type");
        if (arn)
            gt_json_setl(one, "ARN", gt_json_copy(arena, arn, false));
        if (account)
            gt_json_setl(one, "accountId", gt_json_copy(arena, account, false));
        if (type)
            gt_json_setl(one, "type", gt_json_copy(arena, type, false));
        gt_json_append(made, one);
    }
    if (made && made->count)
        gt_json_setl(record, "resources", made);
}

/* The mapping writes managementEvent as text. */
static void set_management(gt_arena *arena, gt_json *record)
{
    gt_str text = gt_json_path_str(record, "managementEvent");
    if (gt_str_is(text, "true") || gt_str_is(text, "false"))
        gt_json_setl(record, "managementEvent", gt_json_new_bool(arena, gt_str_is(text, "true")));
}

gt_json *gt_unmap(gt_arena *arena, const gt_json *document)
{
    gt_str original = gt_json_path_str(document, "event.original");
    gt_json *record = NULL;
    if (original.len && gt_json_parse(arena, original, &record, NULL) == GT_OK &&
        gt_json_is(record, GT_JSON_OBJECT))
        return record;
    record = gt_json_new_object(arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const gt_json *value = gt_json_path(document, rows[i].document);
        if (!is_empty(value))
            gt_json_set_path(arena, record, rows[i].record, gt_json_copy(arena, value, false));
    }
    set_user_name(arena, record, document);
    set_resources(arena, record, document);
    set_management(arena, record);
    return gt_arena_status(arena) == GT_OK ? record : NULL;
}
