/* Method: two sets of texts, filled from the record in the pipeline's order, then sorted as Java
 * sorts. Where text is expected and something else stands, the pipeline's script throws: then none
 * of its fields is written and the event becomes a pipeline error. */
#include "ecs/ecs_internal.h"


typedef struct entities {
    mapping *m;
    text_set related, targets;
    const char *wrong; /* what was no text; NULL: nothing */
} entities;

/* false: it was there already (or memory ran out). */
static bool set_add(mapping *m, text_set *set, gt_str text)
{
    bool added;
    m->failed |= gt_text_set_add(set, m->batch, text, &added) == SIZE_MAX;
    return added;
}

/* --- values ---------------------------------------------------------------------------------- */
static gt_str want_text(entities *e, const gt_json *value, const char *what)
{
    if (!value || value->type == GT_JSON_NULL)
        return GT_STR_NULL;
    if (value->type != GT_JSON_STRING) {
        if (!e->wrong)
            e->wrong = what;
        return GT_STR_NULL;
    }
    return value->str;
}

static bool add_value(entities *e, text_set *set, const gt_json *value, const char *what)
{
    gt_str text = want_text(e, value, what);
    return text.len && set_add(e->m, set, text);
}

static void add_related(entities *e, const gt_json *value, const char *what)
{
    add_value(e, &e->related, value, what);
}

/* Values at keys of `object`, in order, until one is absent or known already. */
static void chain(entities *e, const gt_json *object, const char *const *paths, const char *what)
{
    for (; *paths; paths++)
        if (!add_value(e, &e->related, gt_json_path(object, *paths), what))
            return;
}

static void chain_list(entities *e, text_set *set, const gt_json *list, const char *what)
{
    for (gt_json *v = gt_json_is(list, GT_JSON_ARRAY) ? list->first : NULL; v; v = v->next)
        if (!add_value(e, set, v, what))
            return;
}

static const gt_json *elements(const gt_json *list)
{
    return gt_json_is(list, GT_JSON_ARRAY) ? list->first : NULL;
}

static void add_resources(entities *e, text_set *set)
{
    for (const gt_json *r = elements(e->m->slot[SRC_RESOURCES]); r; r = r->next)
        add_value(e, set, gt_json_getl(r, "ARN"), "resources.ARN");
}

static void add_path(entities *e, text_set *set, const entity_path *path, size_t part,
                     const gt_json *at)
{
    for (; part < path->parts; part++) {
        at = gt_json_get(at, path->keys[part]);
        if (path->each[part]) {
            for (const gt_json *v = elements(at); v; v = v->next)
                add_path(e, set, path, part + 1, v);
            return;
        }
    }
    if (at && path->kind == PATH_AS_TEXT && at->type != GT_JSON_NULL && at->type < GT_JSON_ARRAY) {
        set_add(e->m, set, gt_json_text(at));
        return;
    }
    /* The last key names the place well enough for the message; it is a literal of a table. */
    add_value(e, set, at, path->parts ? path->keys[path->parts - 1].ptr : "recipientAccountId");
}

/* --- what each service adds ------------------------------------------------------------------ */
static void add_ec2_instances(entities *e, const gt_json *answer)
{
    static const char *const of_instance[] = {"subnetId", "vpcId", "instanceId", "imageId",
                                              "iamInstanceProfile.arn", NULL};
    static const char *const of_interface[] = {"networkInterfaceId", "vpcId", "subnetId", NULL};
    const gt_json *list = elements(gt_json_path(answer, "instancesSet.items"));
    for (const gt_json *i = list; i; i = i->next) {
        chain(e, i, of_instance, "instancesSet.items");
        const gt_json *n = elements(gt_json_path(i, "networkInterfaceSet.items"));
        for (; n; n = n->next) {
            chain(e, n, of_interface, "networkInterfaceSet.items");
            const gt_json *g = elements(gt_json_path(n, "groupSet.items"));
            for (; g; g = g->next)
                add_related(e, gt_json_getl(g, "groupId"), "groupSet.items.groupId");
        }
    }
}

static void add_each(entities *e, const gt_json *from, const char *list, const char *key)
{
    for (const gt_json *v = elements(gt_json_path(from, list)); v; v = v->next)
        add_related(e, gt_json_get(v, gt_str_c(key)), key);
}

static void add_ec2(entities *e, const gt_json *request, const gt_json *answer)
{
    static const char *const of_rule[] = {"groupId", "referencedGroupInfo.groupId",
                                          "securityGroupRuleId", NULL};
    static const char *const of_revoked[] = {"securityGroupRuleId", "groupId", NULL};
    const gt_json *v = elements(gt_json_path(answer, "securityGroupRuleSet.items"));
    for (; v; v = v->next)
        chain(e, v, of_rule, "securityGroupRuleSet.items");
    add_each(e, answer, "groupSet.items", "groupId");
    add_each(e, request, "groupSet.items", "groupId");
    add_each(e, request, "instancesSet.items", "instanceId");
    add_ec2_instances(e, answer);
    /* AWS has this list in the answer, where the pipeline does not look. */
    v = elements(gt_json_path(request, "revokedSecurityGroupRuleSet.items"));
    for (; v; v = v->next)
        chain(e, v, of_revoked, "revokedSecurityGroupRuleSet.items");
}

static void add_service(entities *e, gt_str service)
{
    const gt_json *request = e->m->slot[SRC_Q], *answer = e->m->slot[SRC_S];
    const entity_tables *tables = &e->m->tables->entity;
    uint32_t id = gt_names_find(&tables->services, 0, service);
    if (id == NAMES_NONE)
        return;
    for (uint32_t i = 0; i < tables->related[id].count; i++) {
        const entity_path *path = &tables->paths[tables->related[id].first + i];
        add_path(e, &e->related, path, 0, e->m->slot[path->source]);
    }
    if (gt_str_is(service, "ec2")) {
        add_ec2(e, request, answer);
    } else if (gt_str_is(service, "lambda")) {
        chain_list(e, &e->related, gt_json_path(answer, "vpcConfig.securityGroupIds"),
                   "vpcConfig.securityGroupIds");
        chain_list(e, &e->related, gt_json_path(answer, "vpcConfig.subnetIds"),
                   "vpcConfig.subnetIds");
    } else if (gt_str_is(service, "rds")) {
        add_each(e, answer, "dBSubnetGroup.subnets", "subnetIdentifier");
        add_each(e, answer, "vpcSecurityGroups", "vpcSecurityGroupId");
    }
}

static void add_common(entities *e)
{
    gt_json **slot = e->m->slot;
    add_related(e, slot[SRC_UI_ACCESS_KEY_ID], "userIdentity.accessKeyId");
    add_related(e, slot[SRC_UI_ARN], "userIdentity.arn");
    add_related(e, slot[SRC_UI_USER_NAME], "userIdentity.userName");
    add_related(e, slot[SRC_ISSUER_ARN], "sessionIssuer.arn");
    add_related(e, slot[SRC_ISSUER_USER_NAME], "sessionIssuer.userName");
    if (gt_str_is(slot_str(e->m, SRC_UI_TYPE), "IdentityCenterUser"))
        add_related(e, slot[SRC_BEHALF_STORE_ARN], "onBehalfOf.identityStoreArn");
    add_resources(e, &e->related);
}

/* --- targets --------------------------------------------------------------------------------- */
static void add_send_command(entities *e)
{
    const gt_json *request = e->m->slot[SRC_Q];
    text_set found = {0};
    chain_list(e, &found, gt_json_getl(request, "instanceIds"), "instanceIds");
    if (!elements(gt_json_getl(request, "instanceIds")))
        for (const gt_json *t = elements(gt_json_getl(request, "targets")); t; t = t->next) {
            const gt_json *v = elements(gt_json_getl(t, "values"));
            for (; v; v = v->next)
                if (!add_value(e, &found, v, "targets.values"))
                    break;
            if (v)
                break; /* the chain runs through all the targets */
        }
    if (found.count == 1 && gt_str_is(found.items[0], "*")) {
        add_value(e, &e->targets, e->m->slot[SRC_RECIPIENT_ACCOUNT_ID], "recipientAccountId");
        return;
    }
    for (size_t i = 0; i < found.count; i++)
        set_add(e->m, &e->targets, found.items[i]);
}

static void find_targets(entities *e, gt_str service, gt_str action)
{
    const entity_tables *tables = &e->m->tables->entity;
    if (gt_str_is(service, "lambda")) { /* AddPermission20150331v2 and the like */
        if (gt_str_find(action, GT_STR("AddPermission")) != GT_NPOS)
            action = GT_STR("AddPermission");
        else if (gt_str_find(action, GT_STR("ListFunctions")) != GT_NPOS)
            action = GT_STR("ListFunctions");
    }
    uint32_t id = gt_names_find(&tables->services, 0, service);
    uint32_t row = id == NAMES_NONE ? NAMES_NONE : gt_names_find(&tables->targets, id, action);
    if (row == NAMES_NONE)
        return;
    for (uint32_t i = 0; i < tables->target_rows[row].count; i++) {
        const entity_path *path = &tables->paths[tables->target_rows[row].first + i];
        if (path->kind == PATH_RESOURCES)
            add_resources(e, &e->targets);
        else if (path->kind == PATH_SEND_COMMAND)
            add_send_command(e);
        else
            add_path(e, &e->targets, path, 0, e->m->slot[path->source]);
    }
}

/* The n-th part of an ARN (from 0); the last one takes the rest. */
static gt_str arn_part(gt_str arn, unsigned n)
{
    size_t at = 0;
    for (; n; n--) { /* parts are short: a call for each would cost more */
        while (at < arn.len && arn.ptr[at] != ':')
            at++;
        if (at == arn.len)
            return GT_STR_NULL;
        at++;
    }
    size_t end = at;
    while (end < arn.len && arn.ptr[end] != ':')
        end++;
    return (gt_str){arn.ptr + at, end - at};
}

/* The resource type of an ARN: its sixth part up to the first '/'. */
static gt_str arn_type(gt_str arn)
{
    gt_str type, part = arn_part(arn, 5);
    gt_str_cut(part, '/', &type);
    return type;
}

static bool is_any(gt_str text, const gt_str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gt_str_eq(text, words[i]))
            return true;
    return false;
}

static bool is_service_role(gt_str text)
{
    size_t at;
    for (gt_str rest = text; (at = gt_str_find_byte(rest, '/')) != GT_NPOS;) {
        rest = gt_str_from(rest, at + 1);
        if (gt_str_starts(rest, GT_STR("AWSServiceRoleFor")) ||
            gt_str_starts(rest, GT_STR("aws-service-role/")))
            return true;
    }
    return false;
}

typedef enum entity_class { CLASS_GENERIC, CLASS_USER, CLASS_HOST, CLASS_SERVICE } entity_class;

#define WORD(text) {(text), sizeof(text) - 1}
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static entity_class class_of_arn(gt_str arn)
{
    static const gt_str users[] = {WORD("user"),           WORD("role"), WORD("assumed-role"),
                                   WORD("federated-user"), WORD("mfa"),  WORD("instance-profile"),
                                   WORD("serialNumber")};
    static const gt_str services[] = {
        WORD("stack"),        WORD("stack-set"),     WORD("trail"),      WORD("file-system"),
        WORD("mount-target"), WORD("rule"),          WORD("detector"),   WORD("key"),
        WORD("function"),     WORD("log-group"),     WORD("log-stream"), WORD("alarm"),
        WORD("db"),           WORD("cluster"),       WORD("secret"),     WORD("global-cluster"),
        WORD("trust-anchor"), WORD("parameter"),     WORD("document"),   WORD("session"),
        WORD("webacl"),       WORD("rulegroup"),     WORD("ipset"),      WORD("topic"),
        WORD("model"),        WORD("loadbalancer"),  WORD("table"),      WORD("group"),
        WORD("policy"),       WORD("vpc"),           WORD("subnet"),     WORD("security-group"),
        WORD("network-acl"),  WORD("dhcp-options"),  WORD("network-interface"),
        WORD("resolver-query-log-config"), WORD("configuration-recorder"),
    };
    gt_str type = arn_type(arn);
    if (!type.ptr)
        return CLASS_GENERIC;
    if (is_service_role(arn))
        return CLASS_SERVICE;
    if (is_any(type, users, COUNT(users)))
        return CLASS_USER;
    if (gt_str_is(type, "instance"))
        return CLASS_HOST;
    if (is_any(type, services, COUNT(services)) || gt_str_is(arn_part(arn, 2), "s3"))
        return CLASS_SERVICE;
    return CLASS_GENERIC;
}

static entity_class class_of(gt_str target)
{
    static const gt_str prefixes[] = {WORD("sg-"),  WORD("sgr-"),  WORD("eni-"), WORD("vpc-"),
                                      WORD("acl-"), WORD("rtb-"),  WORD("igw-"), WORD("subnet-"),
                                      WORD("nat-"), WORD("vpce-"), WORD("tgw-"), WORD("pcx-")};
    if (gt_str_starts(target, GT_STR("arn:")))
        return class_of_arn(target);
    if (target.len == 20 && gt_str_starts(target, GT_STR("AKIA")))
        return CLASS_USER;
    if (gt_str_starts(target, GT_STR("i-")))
        return CLASS_HOST;
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (gt_str_starts(target, prefixes[i]))
            return CLASS_SERVICE;
    return CLASS_GENERIC;
}

/* The bare id of an instance, or GT_STR_NULL. */
static gt_str instance_id(gt_str target)
{
    if (gt_str_starts(target, GT_STR("i-")))
        return target;
    if (!gt_str_starts(target, GT_STR("arn:")) || !gt_str_is(arn_part(target, 2), "ec2"))
        return GT_STR_NULL;
    gt_str part = arn_part(target, 5);
    if (!gt_str_starts(part, GT_STR("instance/")))
        return GT_STR_NULL;
    return gt_str_from(part, sizeof "instance/" - 1);
}

static void write_list(mapping *m, object_id id, gt_str key, const text_set *set)
{
    gt_json *list = set->count ? gt_doc_put(m, id, key, gt_doc_node(m, GT_JSON_ARRAY)) : NULL;
    for (size_t i = 0; list && i < set->count; i++)
        gt_json_append(list, gt_doc_str(m, set->items[i]));
}

static void write_targets(entities *e)
{
    static const object_id objects[] = {OBJ_ENTITY_TARGET, OBJ_USER_TARGET_ENTITY,
                                        OBJ_HOST_TARGET_ENTITY, OBJ_SERVICE_TARGET_ENTITY};
    mapping *m = e->m;
    gt_json *lists[COUNT(objects)] = {NULL};
    text_set hosts = {0};
    write_list(m, OBJ_TARGET_ENTITY, GT_STR("id"), &e->targets);
    for (size_t i = 0; i < e->targets.count; i++) {
        gt_str target = e->targets.items[i], host = instance_id(target);
        entity_class c = class_of(target);
        if (!lists[c])
            lists[c] = gt_doc_put(m, objects[c], GT_STR("id"), gt_doc_node(m, GT_JSON_ARRAY));
        gt_json_append(lists[c], gt_doc_str(m, target));
        if (m->tables->mapping == GT_ECS_9_0 && host.len)
            set_add(m, &hosts, host);
    }
    gt_text_set_sort(&hosts);
    write_list(m, OBJ_HOST_TARGET, GT_STR("id"), &hosts);
}

/* --- the actor ------------------------------------------------------------------------------- */
static gt_str find_actor(entities *e, gt_str service, gt_str action)
{
    gt_json **slot = e->m->slot;
    gt_str type = slot_str(e->m, SRC_UI_TYPE);
    if (gt_str_is(service, "sts") && gt_str_is(action, "AssumeRole")) {
        if (gt_str_is(type, "AWSService"))
            return want_text(e, slot[SRC_UI_INVOKED_BY], "userIdentity.invokedBy");
        if (gt_str_is(type, "AssumedRole"))
            return want_text(e, slot[SRC_ISSUER_ARN], "sessionIssuer.arn");
        return want_text(e, slot[SRC_UI_ARN], "userIdentity.arn");
    }
    gt_str arn = want_text(e, slot[SRC_UI_ARN], "userIdentity.arn");
    if (arn.len || (gt_str_is(service, "sts") && gt_str_is(action, "GetCallerIdentity")))
        return arn;
    return want_text(e, slot[SRC_BEHALF_USER_ID], "onBehalfOf.userId");
}

static void write_actor(mapping *m, gt_str actor)
{
    static const gt_str user_types[] = {WORD("IAMUser"), WORD("Root"), WORD("AssumedRole")};
    static const gt_str user_arns[] = {WORD("user"), WORD("role"), WORD("assumed-role"),
                                       WORD("federated-user")};
    gt_str type = slot_str(m, SRC_UI_TYPE);
    gt_str resource = gt_str_starts(actor, GT_STR("arn:")) ? arn_type(actor) : GT_STR_NULL;
    text_set one = {&actor, 1, 1, NULL, 0};
    object_id id = OBJ_ENTITY;
    if (gt_str_is(type, "AWSService") || is_service_role(actor))
        id = OBJ_SERVICE_ENTITY;
    else if (is_any(type, user_types, COUNT(user_types)) ||
             is_any(resource, user_arns, COUNT(user_arns)))
        id = OBJ_USER_ENTITY;
    else if (gt_str_is(resource, "instance") || gt_str_starts(actor, GT_STR("i-")))
        id = OBJ_HOST_ENTITY;
    write_list(m, OBJ_ACTOR_ENTITY, GT_STR("id"), &one);
    write_list(m, id, GT_STR("id"), &one);
}

void gt_ecs_entities(mapping *m)
{
    if (!m->slot[SRC_EVENT_NAME])
        return;
    entities e = {.m = m};
    gt_str action = slot_str(m, SRC_EVENT_NAME), service = slot_str(m, SRC_EVENT_SOURCE);
    gt_str suffix = GT_STR(".amazonaws.com");
    service = gt_str_ends(service, suffix) ? gt_str_head(service, service.len - suffix.len)
                                           : GT_STR_NULL;
    add_common(&e);
    add_service(&e, service);
    find_targets(&e, service, action);
    gt_str actor = find_actor(&e, service, action);
    if (e.wrong) {
        gt_doc_error(m, gt_arena_printf(m->batch, "entity fields: %s is not text", e.wrong));
        return;
    }
    gt_text_set_sort(&e.targets);
    for (size_t i = 0; i < e.targets.count; i++)
        set_add(m, &e.related, e.targets.items[i]);
    gt_text_set_sort(&e.related);
    write_list(m, OBJ_RELATED, GT_STR("entity"), &e.related);
    write_targets(&e);
    if (actor.len)
        write_actor(m, actor);
}

/* --- tables ---------------------------------------------------------------------------------- */
typedef struct row {
    gt_str service, event, path;
} row;

static const row RELATED[] = {
#define GT_RELATED(service, path) {WORD(service), {"", 0}, WORD(path)},
#include "ecs/related.def"
#undef GT_RELATED
};
static const row TARGETS[] = {
#define GT_TARGET(service, event, path) {WORD(service), WORD(event), WORD(path)},
#include "ecs/targets.def"
#undef GT_TARGET
};

static void compile_path(entity_path *path, gt_str text, const names *sources)
{
    if (gt_str_is(text, "@resources") || gt_str_is(text, "@sendcommand")) {
        path->kind = text.ptr[1] == 'r' ? PATH_RESOURCES : PATH_SEND_COMMAND;
        return;
    }
    if (text.ptr[0] == '#') {
        path->kind = PATH_AS_TEXT;
        text = gt_str_from(text, 1);
    }
    gt_str part, rest = gt_str_cut(text, '.', &part);
    if (part.len == 1 && rest.ptr)
        path->source = part.ptr[0] == 'Q' ? SRC_Q : part.ptr[0] == 'S' ? SRC_S : SRC_A;
    else
        path->source = (uint8_t)gt_names_find(sources, SRC_ROOT, part);
    while (rest.ptr) {
        rest = gt_str_cut(rest, '.', &part);
        gt_assert(path->parts < PATH_PARTS_MAX);
        path->each[path->parts] = gt_str_ends(part, GT_STR("[]"));
        path->keys[path->parts] = gt_str_head(part, part.len - 2 * path->each[path->parts]);
        path->parts++;
    }
}

static uint32_t service_id(entity_tables *tables, gt_str service)
{
    uint32_t id = gt_names_find(&tables->services, 0, service);
    if (id == NAMES_NONE) {
        id = (uint32_t)tables->service_count++;
        gt_names_add(&tables->services, 0, service, id);
    }
    return id;
}

bool gt_entity_tables_init(entity_tables *tables, gt_arena *arena, const names *sources)
{
    size_t rows = COUNT(RELATED) + COUNT(TARGETS);
    tables->paths = gt_arena_array(arena, entity_path, rows);
    tables->related = gt_arena_array(arena, path_range, rows);
    tables->target_rows = gt_arena_array(arena, path_range, rows);
    if (!tables->paths || !tables->related || !tables->target_rows ||
        !gt_names_init(&tables->services, arena, rows) ||
        !gt_names_init(&tables->targets, arena, rows))
        return false;
    uint32_t path = 0, target = 0;
    for (size_t i = 0; i < COUNT(RELATED); i++, path++) {
        uint32_t id = service_id(tables, RELATED[i].service);
        compile_path(&tables->paths[path], RELATED[i].path, sources);
        if (!tables->related[id].count++)
            tables->related[id].first = path;
    }
    for (size_t i = 0; i < COUNT(TARGETS); i++, path++) {
        uint32_t id = service_id(tables, TARGETS[i].service);
        uint32_t known = gt_names_find(&tables->targets, id, TARGETS[i].event);
        compile_path(&tables->paths[path], TARGETS[i].path, sources);
        if (known == NAMES_NONE) {
            known = target++;
            gt_names_add(&tables->targets, id, TARGETS[i].event, known);
            tables->target_rows[known].first = path;
        }
        tables->target_rows[known].count++;
    }
    return true;
}
