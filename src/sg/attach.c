/* attach.c — which security groups a call puts on which resource. */
#include "sg/sg_internal.h"

typedef struct attach_row {
    const char *event;
    const char *kind;
    gt_sg_attach_mode mode;
    const char *resource_keys, *group_keys;
} attach_row;

static const attach_row rows[] = {
#define GT_SG_ATTACH_ROW(event, kind, mode, resource, groups)                                      \
    {#event, kind, GT_SG_ATTACH_##mode, resource, groups},
#include "sg/attach.def"
#undef GT_SG_ATTACH_ROW
};

/* The first member named `key` at any depth, in document order. Records nest a dozen deep, the parser
 * refuses more than GT_JSON_DEPTH_MAX. */
static const gt_json *find_deep(const gt_json *node, gt_str key)
{
    if (gt_json_is(node, GT_JSON_OBJECT))
        for (const gt_json *m = node->first; m; m = m->next)
            if (gt_str_eq_nocase(m->key, key))
                return m;
    const gt_json *found = NULL;
    for (const gt_json *m = gt_json_first(node); m && !found; m = m->next)
        found = find_deep(m, key);
    return found;
}

/* The first of "a|b" that is there, in the response, then in the request. */
static const gt_json *find_keys(const gt_json *request, const gt_json *response, const char *keys)
{
    const gt_json *places[] = {response, request};
    for (size_t i = 0; i < 2; i++) {
        gt_str rest = gt_str_c(keys), key;
        while (rest.len) {
            rest = gt_str_cut(rest, '|', &key);
            const gt_json *found = find_deep(places[i], key);
            gt_sg_list it;
            if (found && (gt_sg_items(found, &it) || i == 1))
                return found;
        }
    }
    return NULL;
}

static gt_str group_text(gt_arena *arena, const gt_json *element)
{
    static const char *const keys[] = {"groupId", "securityGroupId", "vpcSecurityGroupId",
                                       "content"};
    if (element->type != GT_JSON_OBJECT)
        return gt_sg_text(element);
    if (gt_str_is(gt_sg_field_text(element, "status"), "removing"))
        return GT_STR(""); /* RDS lists what it is about to take away */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        gt_str id = gt_sg_field_text(element, keys[i]);
        if (id.len)
            return id;
    }
    gt_str name = gt_sg_field_text(element, "groupName");
    return name.len ? gt_arena_printf(arena, "name:%.*s", GT_STR_ARG(name)) : GT_STR("");
}

static bool group_add(gt_arena *arena, gt_sg_attachment *a, gt_str group, gt_str name)
{
    if (!gt_str_starts(group, GT_STR("sg-")) && !gt_str_starts(group, GT_STR("name:")))
        return true;
    for (size_t i = 0; i < a->group_count; i++)
        if (gt_str_eq(a->groups[i], group))
            return true;
    size_t size = a->group_count * sizeof *a->groups;
    gt_str *groups = gt_arena_grow(arena, a->groups, size, size + sizeof *groups);
    gt_str *names = gt_arena_grow(arena, a->names, size, size + sizeof *names);
    if (!groups || !names)
        return false;
    groups[a->group_count] = group;
    names[a->group_count++] = name;
    a->groups = groups;
    a->names = names;
    return true;
}

static bool groups_add(gt_arena *arena, const gt_json *list, gt_sg_attachment *a)
{
    gt_sg_list it;
    for (const gt_json *e = gt_sg_items(list, &it); e; e = gt_sg_items_next(&it))
        if (!group_add(arena, a, group_text(arena, e), gt_sg_field_text(e, "groupName")))
            return false;
    return true;
}

static bool attachment_push(gt_arena *arena, gt_sg_change *change, const gt_sg_attachment *a)
{
    size_t size = change->attachment_count * sizeof *a;
    gt_sg_attachment *grown = gt_arena_grow(arena, change->attachments, size, size + sizeof *a);
    if (!grown)
        return false;
    grown[change->attachment_count++] = *a;
    change->attachments = grown;
    return true;
}

/* The groups of a request that an instance gets: its own list, or that of its first interface. */
static bool request_groups_add(gt_arena *arena, const gt_json *request, gt_sg_attachment *a)
{
    gt_sg_list it;
    if (!groups_add(arena, gt_sg_field(request, "groupSet"), a))
        return false;
    const gt_json *set = gt_sg_field(request, "networkInterfaceSet");
    for (const gt_json *e = gt_sg_items(set, &it); e; e = gt_sg_items_next(&it))
        if (!groups_add(arena, gt_sg_field(e, "groupSet"), a))
            return false;
    return true;
}

/* Interfaces of a started instance: the first one (device 0) is the instance's own, every other is a
 * resource of its own. */
static bool interfaces_read(gt_arena *arena, const gt_json *instance, gt_sg_attachment *a,
                            gt_sg_change *change)
{
    gt_sg_list it;
    const gt_json *set = gt_sg_field(instance, "networkInterfaceSet");
    for (const gt_json *e = gt_sg_items(set, &it); e; e = gt_sg_items_next(&it)) {
        gt_str id = gt_sg_field_text(e, "networkInterfaceId");
        gt_str device = gt_sg_field_text(gt_sg_field(e, "attachment"), "deviceIndex");
        const gt_json *groups = gt_sg_field(e, "groupSet");
        if (a->interface.len == 0 && (device.len == 0 || gt_str_is(device, "0"))) {
            a->interface = id;
            if (!groups_add(arena, groups, a))
                return false;
            continue;
        }
        gt_sg_attachment other = {.resource = id, .kind = GT_STR("interface"),
                                  .vpc_id = gt_sg_field_text(e, "vpcId")};
        if (!groups_add(arena, groups, &other))
            return false;
        if (other.group_count && !attachment_push(arena, change, &other))
            return false;
    }
    return true;
}

/* Four places: the request's groupSet and networkInterfaceSet, and the same two in the response. A
 * response that names groups wins; a launch template hides them from the request. */
static bool run_instances_read(gt_arena *arena, const gt_json *request, const gt_json *response,
                               gt_sg_change *change)
{
    gt_sg_list it;
    bool any = false;
    const gt_json *set = gt_sg_field(response, "instancesSet");
    for (const gt_json *e = gt_sg_items(set, &it); e; e = gt_sg_items_next(&it)) {
        gt_sg_attachment a = {.resource = gt_sg_field_text(e, "instanceId"),
                              .kind = GT_STR("instance"),
                              .vpc_id = gt_sg_field_text(e, "vpcId")};
        if (!interfaces_read(arena, e, &a, change) ||
            !groups_add(arena, gt_sg_field(e, "groupSet"), &a))
            return false;
        if (a.group_count == 0 && !request_groups_add(arena, request, &a))
            return false;
        if (a.group_count && !attachment_push(arena, change, &a))
            return false;
        any = true;
    }
    if (any)
        return true;
    gt_sg_attachment a = {.kind = GT_STR("instance")};
    if (!request_groups_add(arena, request, &a))
        return false;
    return a.group_count == 0 || attachment_push(arena, change, &a);
}

/* Every resource that an ending call names: one key, or a list of objects each with it. */
static bool ends_read(gt_arena *arena, const attach_row *row, const gt_json *request,
                      const gt_json *response, gt_sg_change *change)
{
    gt_str key = gt_str_c(row->resource_keys);
    const gt_json *set = gt_sg_field(request, "instancesSet");
    gt_sg_list it;
    if (!set)
        set = find_keys(request, response, row->resource_keys);
    for (const gt_json *e = gt_sg_items(set, &it); e; e = gt_sg_items_next(&it)) {
        const gt_json *id = e->type == GT_JSON_OBJECT ? find_deep(e, key) : e;
        gt_sg_attachment a = {.resource = gt_sg_text(id), .kind = gt_str_c(row->kind),
                              .mode = GT_SG_ATTACH_END};
        if (a.resource.len && !attachment_push(arena, change, &a))
            return false;
    }
    return true;
}

static bool row_read(gt_arena *arena, const attach_row *row, const gt_json *request,
                     const gt_json *response, gt_sg_change *change)
{
    if (row->mode == GT_SG_ATTACH_END)
        return ends_read(arena, row, request, response, change);
    const gt_json *groups = find_keys(request, response, row->group_keys);
    gt_sg_attachment a = {.kind = gt_str_c(row->kind), .mode = row->mode,
                          .vpc_id = gt_sg_text(find_deep(response, GT_STR("vpcId")))};
    gt_str rest = gt_str_c(row->resource_keys), key;
    while (rest.len && a.resource.len == 0) {
        rest = gt_str_cut(rest, '|', &key);
        const gt_json *found = find_deep(response, key);
        a.resource = gt_sg_text(found ? found : find_deep(request, key));
    }
    if (!groups_add(arena, groups, &a))
        return false;
    return a.group_count == 0 || attachment_push(arena, change, &a);
}

bool gt_sg_attachments_read(gt_arena *arena, gt_str event, const gt_json *request,
                            const gt_json *response, gt_sg_change *change)
{
    if (gt_str_is(event, "RunInstances"))
        return run_instances_read(arena, request, response, change);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (gt_str_eq(event, gt_str_c(rows[i].event)) &&
            !row_read(arena, &rows[i], request, response, change))
            return false;
    return true;
}
