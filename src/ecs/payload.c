/* Method: each payload is printed as Java prints it, then hung into the document as it is. */
#include "ecs/ecs_internal.h"

#include "base/limits.h"
#include "ecs/jstr.h"

/* Lucene refuses terms of more bytes than this; the pipeline leaves the object out from here on. */
#define FLATTENED_UNITS 32766

static const struct {
    source_id source;
    gt_str key;
} PAYLOADS[] = {
    {SRC_Q, {"request_parameters", 18}},
    {SRC_S, {"response_elements", 17}},
    {SRC_A, {"additional_eventdata", 20}},
    {SRC_D, {"service_event_details", 21}},
};

/* What `retain: minimal` keeps of an object, which may be NULL. */
static gt_json *minimal(mapping *m, source_id source, const gt_json *value)
{
    static const char *const of_request[] = {
        "cidrIp",    "dryRun",       "fromPort",       "includeDeprecated",
        "policyArn", "serialNumber", "withDecryption",
        "x-amz-server-side-encryption-customer-algorithm", NULL};
    static const char *const of_data[] = {"SSEApplied", NULL};
    static const char *const none[] = {NULL};
    const char *const *keys = source == SRC_Q ? of_request : source == SRC_A ? of_data : none;
    gt_json *kept = NULL;
    for (; *keys; keys++) {
        const gt_json *member = gt_json_get(value, gt_str_c(*keys));
        if (!member)
            continue;
        if (!kept)
            kept = gt_doc_node(m, GT_JSON_OBJECT);
        gt_json_add(kept, gt_str_c(*keys), gt_doc_copy(m, member));
    }
    return kept;
}

static gt_str string_copy(mapping *m, const gt_json *value)
{
    gt_buf *text = &m->ecs->text;
    if (value->type == GT_JSON_STRING)
        return value->str;
    gt_buf_reset(text);
    gt_str copy = GT_STR_NULL;
    if (gt_jstr_write(text, value, m->batch) == GT_OK)
        copy = gt_arena_dup(m->batch, gt_buf_str(text));
    m->failed |= !copy.ptr;
    return copy;
}

static void payload(mapping *m, source_id source, gt_str key)
{
    gt_json *value = m->slot[source];
    gt_ecs_retain retain = m->filebeat ? GT_ECS_RETAIN_ALL : m->tables->retain;
    if (!value || retain == GT_ECS_RETAIN_NONE)
        return;
    gt_str text = string_copy(m, value);
    if (retain != GT_ECS_RETAIN_FLATTENED)
        gt_doc_put_str(m, OBJ_CT, key, text);
    if (retain == GT_ECS_RETAIN_KEYWORD)
        return;
    if (text.len >= FLATTENED_UNITS && gt_jstr_units(text) >= FLATTENED_UNITS)
        return;
    if (retain == GT_ECS_RETAIN_MINIMAL)
        value = minimal(m, source, value);
    else if (!m->filebeat && value->type == GT_JSON_OBJECT && !value->first)
        value = NULL; /* its only member was moved away */
    gt_doc_put(m, OBJ_FLATTENED, key, value);
}

/* --- copies of members ----------------------------------------------------------------------- */
static void copies(mapping *m)
{
    put(m, GROUP, "id", gt_doc_copy(m, m->slot[SRC_S_GROUP_ID]));
    put(m, GROUP, "name", gt_doc_copy(m, m->slot[SRC_Q_GROUP_NAME]));
    put(m, USER_TARGET, "id", gt_doc_copy(m, m->slot[SRC_S_USER_ID]));
    put(m, USER_TARGET, "name", gt_doc_copy(m, m->slot[SRC_Q_USER_NAME]));
    put(m, USER_CHANGES, "name", gt_doc_copy(m, m->slot[SRC_Q_NEW_USER_NAME]));
}

static void console_login(mapping *m)
{
    const gt_json *mobile = m->slot[SRC_A_MOBILE_VERSION], *mfa = m->slot[SRC_A_MFA_USED];
    if (!gt_str_is(slot_str(m, SRC_EVENT_NAME), "ConsoleLogin"))
        return;
    gt_json *flag = mobile ? gt_doc_node(m, GT_JSON_BOOL) : NULL;
    if (flag)
        flag->boolean = !gt_str_is(slot_str(m, SRC_A_MOBILE_VERSION), "No");
    put(m, CONSOLE_DATA, "mobile_version", flag);
    put(m, CONSOLE_DATA, "login_to", gt_doc_copy(m, m->slot[SRC_A_LOGIN_TO]));
    flag = mfa ? gt_doc_node(m, GT_JSON_BOOL) : NULL;
    if (flag)
        flag->boolean = !gt_str_is(slot_str(m, SRC_A_MFA_USED), "No");
    put(m, CONSOLE_DATA, "mfa_used", flag);
}

void gt_ecs_payloads(mapping *m)
{
    copies(m);
    console_login(m);
    for (size_t i = 0; i < sizeof PAYLOADS / sizeof PAYLOADS[0]; i++)
        payload(m, PAYLOADS[i].source, PAYLOADS[i].key);
}

/* --- resources ------------------------------------------------------------------------------- */
static void rename_member(gt_json *object, gt_str from, gt_str to)
{
    gt_json *member = gt_json_remove(object, from);
    if (member)
        gt_json_set(object, to, member);
}

static gt_str resource_id(mapping *m, const gt_json *r)
{
    gt_str arn = gt_json_text(gt_json_getl(r, "arn"));
    gt_str account = gt_json_text(gt_json_getl(r, "account_id"));
    gt_str type = gt_json_text(gt_json_getl(r, "type"));
    size_t len = arn.len + account.len + type.len + 2;
    char *text = gt_arena_alloc(m->batch, len);
    if (!text)
        return GT_STR_NULL;
    char *p = text;
    if (arn.len)
        memcpy(p, arn.ptr, arn.len);
    p += arn.len;
    *p++ = '_';
    if (account.len)
        memcpy(p, account.ptr, account.len);
    p += account.len;
    *p++ = '_';
    if (type.len)
        memcpy(p, type.ptr, type.len);
    return (gt_str){text, len};
}

/* Distinct resources, a later one in the place of an earlier equal one. */
static size_t distinct(mapping *m, gt_json *list, gt_json **out, text_set *ids)
{
    for (gt_json *r = list->first, *next; r; r = next) {
        bool added;
        next = r->next;
        if (r->type != GT_JSON_OBJECT)
            continue;
        rename_member(r, GT_STR("ARN"), GT_STR("arn"));
        rename_member(r, GT_STR("accountId"), GT_STR("account_id"));
        gt_str id = resource_id(m, r);
        size_t at = id.ptr ? gt_text_set_add(ids, m->batch, id, &added) : SIZE_MAX;
        if (at == SIZE_MAX) {
            m->failed = true;
            return 0;
        }
        out[at] = r;
    }
    return ids->count;
}

void gt_ecs_resources(mapping *m)
{
    gt_json *list = m->slot[SRC_RESOURCES];
    if (!list || m->filebeat)
        return;
    if (list->type != GT_JSON_ARRAY) {
        put(m, CT, "resources", list);
        return;
    }
    text_set ids = {0};
    gt_json **all = gt_arena_array(m->batch, gt_json *, list->count);
    uint32_t *hashes = gt_arena_array(m->batch, uint32_t, list->count);
    uint32_t *order = gt_arena_array(m->batch, uint32_t, list->count);
    if (!all || !hashes || !order) {
        m->failed = true;
        return;
    }
    size_t n = distinct(m, list, all, &ids);
    for (size_t i = 0; i < n; i++)
        hashes[i] = gt_jstr_hash(ids.items[i]);
    m->failed |= gt_jstr_order(hashes, n, n, order, m->batch) != GT_OK;
    if (!n || m->failed)
        return;
    m->resources = put(m, CT, "resources", gt_doc_node(m, GT_JSON_ARRAY));
    for (size_t i = 0; i < n; i++)
        gt_json_append(m->resources, all[order[i]]);
}

/* --- related.hosts --------------------------------------------------------------------------- */
static void append_host(mapping *m, gt_str host)
{
    gt_doc_append(m, &m->related_hosts, OBJ_RELATED, GT_STR("hosts"), host);
}

static void append_instance(mapping *m, gt_str id)
{
    if (id.len >= 10 && gt_str_starts(id, GT_STR("i-")))
        append_host(m, id);
}

static void instances_of(mapping *m, const source_id ids[3], source_id list, source_id set)
{
    for (size_t i = 0; i < 3; i++)
        append_instance(m, slot_str(m, ids[i]));
    const gt_json *v = gt_json_is(m->slot[list], GT_JSON_ARRAY) ? m->slot[list]->first : NULL;
    for (; v; v = v->next)
        append_instance(m, gt_json_str(v));
    v = gt_json_getl(m->slot[set], "items");
    for (v = gt_json_is(v, GT_JSON_ARRAY) ? v->first : NULL; v; v = v->next)
        append_instance(m, gt_json_str(gt_json_getl(v, "instanceId")));
}

/* After gt_ecs_resources: the order of the resources is that of the document. */
void gt_ecs_hosts(mapping *m)
{
    static const source_id of_request[] = {SRC_Q_INSTANCE_ID, SRC_Q_TARGET, SRC_Q_RESOURCE_ID};
    static const source_id of_answer[] = {SRC_S_INSTANCE_ID, SRC_S_TARGET, SRC_S_RESOURCE_ID};
    gt_str host = slot_str(m, SRC_TLS_HOST), address = slot_str(m, SRC_SOURCE_IP_ADDRESS);
    if (!gt_str_ends(host, GT_STR(".amazonaws.com")))
        append_host(m, host);
    if (!m->source_ip && gt_str_find_byte(address, '.') != GT_NPOS &&
        gt_str_find_byte(address, ' ') == GT_NPOS &&
        !gt_str_ends(address, GT_STR(".amazonaws.com")))
        append_host(m, address);
    append_host(m, slot_str(m, SRC_Q_COMPUTER_NAME));
    for (const gt_json *r = gt_json_first(m->resources); r; r = r->next) {
        gt_str arn = gt_json_str(gt_json_getl(r, "arn"));
        if (gt_str_find(arn, GT_STR(":instance/")) != GT_NPOS)
            append_instance(m, gt_str_from(arn, gt_str_rfind_byte(arn, '/') + 1));
    }
    instances_of(m, of_request, SRC_Q_INSTANCE_IDS, SRC_Q_INSTANCES_SET);
    instances_of(m, of_answer, SRC_S_INSTANCE_IDS, SRC_S_INSTANCES_SET);
}
