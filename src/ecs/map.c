/* Method: the record is cleaned, read into slots, and the document is made in the pipeline's order:
 * entities (they look at the untouched record), identity, head, source, payloads, the plain moves,
 * related.*, categories and what the end of the pipeline adds. */
#include "ecs/ecs.h"

#include "base/limits.h"
#include "ecs/category.h"
#include "ecs/geoip.h"
#include "ecs/ready.h"
#include "ecs/user_agent.h"

typedef struct move {
    uint8_t mappings;
    uint8_t source;
    uint8_t object;
    gt_str key;
} move;

static const move MOVES[] = {
#define GT_MOVE(mappings, source, object, key)                                                     \
    {IN_##mappings, SRC_##source, OBJ_##object, {(key), sizeof(key) - 1}},
#include "ecs/moves.def"
#undef GT_MOVE
};

static void moves(mapping *m)
{
    uint8_t mine = m->filebeat ? IN_FILEBEAT : IN_INTEGRATION;
    for (size_t i = 0; i < sizeof MOVES / sizeof MOVES[0]; i++)
        if (m->slot[MOVES[i].source] && (MOVES[i].mappings & mine))
            gt_doc_put(m, (object_id)MOVES[i].object, MOVES[i].key, m->slot[MOVES[i].source]);
}

/* --- times ----------------------------------------------------------------------------------- */
static void timestamp(mapping *m)
{
    gt_str event = gt_doc_date(m, SRC_EVENT_TIME, "eventTime");
    gt_str end = gt_doc_date(m, SRC_DIGEST_END_TIME, "digestEndTime");
    gt_str t = end.len ? end : event.len ? event : m->tables->created;
    put_str(m, ROOT, "@timestamp", t);
    if (!m->slot[SRC_DIGEST_END_TIME] && !m->slot[SRC_DIGEST_START_TIME])
        return;
    object_id digest = m->filebeat ? OBJ_DIGEST_FILEBEAT : OBJ_DIGEST;
    gt_doc_put_str(m, digest, GT_STR("end_time"), end);
    gt_doc_put_str(m, digest, GT_STR("start_time"),
                   gt_doc_date(m, SRC_DIGEST_START_TIME, "digestStartTime"));
    gt_doc_put_str(m, digest, GT_STR("newest_event_time"),
                   gt_doc_date(m, SRC_NEWEST_EVENT_TIME, "newestEventTime"));
    gt_doc_put_str(m, digest, GT_STR("oldest_event_time"),
                   gt_doc_date(m, SRC_OLDEST_EVENT_TIME, "oldestEventTime"));
}

/* --- source and user agent ------------------------------------------------------------------- */
static void address(mapping *m)
{
    gt_str text = slot_str(m, SRC_SOURCE_IP_ADDRESS);
    gt_ip ip;
    if (!text.len || !gt_ip_parse(text, &ip))
        return;
    m->source_ip = put_str(m, SOURCE, "ip", text);
    if (!m->filebeat)
        gt_doc_append(m, &m->related_ip, OBJ_RELATED, GT_STR("ip"), text);
    if (!m->tables->geoip)
        return;
    const fragment *known = gt_fragments_find(m->ecs->addresses, text);
    if (known) {
        gt_fragment_put(m, known);
        return;
    }
    fragment found;
    if (gt_geoip_find(m->tables->geoip, &ip, m->batch, &found) != GT_OK) {
        m->failed = true;
        return;
    }
    found.ready = GT_STR_NULL;
    gt_fragments_keep(m->ecs->addresses, text, &found);
    gt_fragment_put(m, &found);
}

static void user_agent(mapping *m)
{
    gt_str text = slot_str(m, SRC_USER_AGENT);
    if (!text.len)
        return;
    const fragment *known = gt_fragments_find(m->ecs->agents, text);
    if (known && m->text && known->ready.ptr) {
        m->object[OBJ_USER_AGENT] =
            gt_ready_put(m, OBJ_ROOT, GT_STR("user_agent"), known->ready);
        return;
    }
    put(m, USER_AGENT, "original", m->slot[SRC_USER_AGENT]);
    if (known) {
        gt_fragment_put(m, known);
        return;
    }
    fragment found;
    if (gt_uap_match(m->ecs->uap, text, m->batch, &found) != GT_OK) {
        m->failed = true;
        return;
    }
    gt_fragment_put(m, &found);
    found.ready = m->text && !m->failed ? gt_ready_render(m, m->object[OBJ_USER_AGENT])
                                        : GT_STR_NULL;
    gt_fragments_keep(m->ecs->agents, text, &found);
}

/* --- the rest of the head -------------------------------------------------------------------- */
static void cloud(mapping *m)
{
    gt_json *account = m->account_id;
    gt_str source = slot_str(m, SRC_EVENT_SOURCE), suffix = GT_STR(".amazonaws.com");
    if (!account)
        account = m->slot[SRC_AWS_ACCOUNT_ID];
    if (!account && !m->filebeat)
        account = gt_doc_copy(m, m->slot[SRC_RECIPIENT_ACCOUNT_ID]);
    put(m, CLOUD_ACCOUNT, "id", account);
    if (m->filebeat)
        return;
    put_str(m, CLOUD, "provider", GT_STR("aws"));
    if (gt_str_ends(source, suffix))
        put_str(m, CLOUD_SERVICE, "name", gt_str_head(source, gt_str_find(source, suffix)));
}

static void tls(mapping *m)
{
    gt_str version = slot_str(m, SRC_TLS_VERSION);
    if (m->filebeat)
        return;
    size_t v = gt_str_find_byte(version, 'v');
    if (v == GT_NPOS) {
        put_str(m, TLS, "version", version);
    } else {
        char *lower = gt_arena_alloc(m->batch, v + 1);
        m->failed |= !lower;
        for (size_t i = 0; lower && i < v; i++)
            lower[i] = version.ptr[i] >= 'A' && version.ptr[i] <= 'Z' ? (char)(version.ptr[i] + 32)
                                                                      : version.ptr[i];
        gt_str protocol = {lower, lower ? v : 0};
        put_str(m, TLS, "version_protocol", protocol);
        put_str(m, TLS, "version", gt_str_from(version, v + 1));
    }
    put(m, TLS, "cipher", m->slot[SRC_TLS_CIPHER]);
    put(m, TLS_CLIENT, "server_name", m->slot[SRC_TLS_HOST]);
    put(m, TLS_DETAILS, "key_exchange", m->slot[SRC_TLS_KEY_EXCHANGE]);
}

static void flags_and_ids(mapping *m)
{
    const gt_json *management = m->slot[SRC_MANAGEMENT_EVENT];
    if (m->filebeat)
        return;
    if (management)
        put(m, CT, "management_event",
            management->type < GT_JSON_ARRAY ? gt_doc_str(m, gt_json_text(management)) : NULL);
    put(m, CT, "shared_event_id",
        m->slot[m->slot[SRC_SHARED_EVENT_ID] ? SRC_SHARED_EVENT_ID : SRC_SHARED_EVENT_ID_OLD]);
}

static void digest(mapping *m)
{
    gt_json **slot = m->slot;
    gt_json *print = slot[slot[SRC_DIGEST_FINGERPRINT] ? SRC_DIGEST_FINGERPRINT
                                                       : SRC_DIGEST_FINGERPRINT_OLD];
    if (!m->filebeat) {
        put(m, DIGEST, "public_key_fingerprint", print);
        gt_doc_append(m, &m->related_hash, OBJ_RELATED, GT_STR("hash"),
                      slot_str(m, SRC_PREVIOUS_HASH_VALUE));
        return;
    }
    put(m, DIGEST_FILEBEAT, "public_key_fingerprint", slot[SRC_DIGEST_FINGERPRINT_OLD]);
    if (gt_str_is(slot_str(m, SRC_PREVIOUS_HASH_ALGORITHM), "SHA-256"))
        put(m, FILE_HASH, "sha256", slot[SRC_PREVIOUS_SIGNATURE]);
    else
        gt_doc_append(m, &m->related_hash, OBJ_RELATED, GT_STR("hash"),
                      slot_str(m, SRC_PREVIOUS_SIGNATURE));
}

/* --- related.* ------------------------------------------------------------------------------- */
static void append_user(mapping *m, const gt_json *name)
{
    gt_doc_append(m, &m->related_user, OBJ_RELATED, GT_STR("user"), gt_json_text(name));
}

static void related(mapping *m)
{
    append_user(m, m->slot[SRC_Q_USER_NAME]);
    append_user(m, m->slot[SRC_Q_NEW_USER_NAME]);
    if (m->filebeat)
        return;
    append_user(m, m->slot[SRC_S_USER_ID]);
    gt_str name = gt_json_str(m->user_name);
    size_t at = gt_str_find_byte(name, '@');
    if (!m->user_email && at != GT_NPOS && at > 0)
        put_str(m, USER, "email", name);
    if (m->tables->mapping == GT_ECS_9_0)
        append_user(m, m->slot[SRC_UI_PRINCIPAL_ID]);
    append_user(m, m->user_id);
    append_user(m, m->user_name);
    append_user(m, m->slot[SRC_Q_NEW_USER_NAME]);
    append_user(m, m->slot[SRC_BEHALF_USER_ID]);
    gt_ip ip;
    gt_str source = slot_str(m, SRC_D_SOURCE_IP);
    if (source.len && gt_ip_parse(source, &ip))
        gt_doc_append(m, &m->related_ip, OBJ_RELATED, GT_STR("ip"), source);
    gt_ecs_hosts(m);
}

/* --- begin and end --------------------------------------------------------------------------- */
static void constants(mapping *m)
{
    put_str(m, EVENT, "dataset", GT_STR("aws.cloudtrail"));
    put_str(m, EVENT, "module", GT_STR("aws"));
    if (m->filebeat) {
        put_str(m, ECS, "version", GT_STR("1.12.0"));
        put_str(m, FILESET, "name", GT_STR("cloudtrail"));
        put_str(m, SERVICE, "type", GT_STR("aws"));
        return;
    }
    put_str(m, ECS, "version", GT_STR("8.11.0"));
    put_str(m, DATA_STREAM, "type", GT_STR("logs"));
    put_str(m, DATA_STREAM, "dataset", GT_STR("aws.cloudtrail"));
    put_str(m, DATA_STREAM, "namespace", GT_STR("default"));
}

static void tags(mapping *m)
{
    gt_str preserve = GT_STR("preserve_original_event");
    doc_list list = {0};
    for (size_t i = 0; i < m->tables->tag_count; i++)
        gt_doc_append(m, &list, OBJ_ROOT, GT_STR("tags"), m->tables->tags[i]);
    if (!m->message_count)
        return;
    gt_doc_append(m, &list, OBJ_ROOT, GT_STR("tags"), preserve);
    gt_json *texts = put(m, ERROR, "message", gt_doc_node(m, GT_JSON_ARRAY));
    for (size_t i = 0; texts && i < m->message_count; i++)
        gt_json_append(texts, gt_doc_str(m, m->messages[i]));
}

/* Some services log the names of the details in the place of their values. */
static void drop_tls_names(mapping *m)
{
    if (!gt_str_is(slot_str(m, SRC_TLS_VERSION), "tlsVersion"))
        return;
    m->slot[SRC_TLS_VERSION] = m->slot[SRC_TLS_CIPHER] = NULL;
    m->slot[SRC_TLS_HOST] = m->slot[SRC_TLS_KEY_EXCHANGE] = NULL;
}

static void map_record(mapping *m, gt_json *record)
{
    bool nothing = !m->filebeat && gt_ecs_clean(record);
    if (!nothing)
        gt_slots_fill(m, record);
    if (record->type != GT_JSON_OBJECT)
        gt_doc_error(m, GT_STR("the record is no object"));
    drop_tls_names(m);
    timestamp(m);
    if (m->tables->entities)
        gt_ecs_entities(m);
    gt_ecs_identity(m);
    cloud(m);
    address(m);
    user_agent(m);
    flags_and_ids(m);
    gt_ecs_resources(m);
    related(m);
    gt_ecs_payloads(m);
    tls(m);
    digest(m);
    moves(m);
}

/* What people read first stands first; the rest keeps the order in which it was made. */
static void order_members(gt_json *root, gt_json *const *object)
{
    enum { FIRST = 7, REST = FIRST };
    const gt_json *const first[FIRST] = {
        root->first && root->first->type == GT_JSON_STRING ? root->first : NULL, /* @timestamp */
        object[OBJ_EVENT], object[OBJ_USER], object[OBJ_SOURCE], object[OBJ_USER_AGENT],
        object[OBJ_CLOUD], object[OBJ_AWS]};
    gt_json *heads[FIRST + 1] = {NULL}, *tails[FIRST + 1] = {NULL};
    for (gt_json *m = root->first, *next; m; m = next) {
        size_t at = 0;
        next = m->next;
        m->next = NULL;
        while (at < REST && m != first[at])
            at++;
        if (tails[at])
            tails[at]->next = m;
        else
            heads[at] = m;
        tails[at] = m;
    }
    root->first = root->last = NULL;
    for (size_t i = 0; i <= REST; i++) {
        if (!heads[i])
            continue;
        if (root->last)
            root->last->next = heads[i];
        else
            root->first = heads[i];
        root->last = tails[i];
    }
}

void gt_ecs_end(mapping *m)
{
    gt_ecs_categorise(m);
    put_str(m, EVENT, "created", m->tables->created);
    if (m->tables->original)
        put_str(m, EVENT, "original", m->original);
    constants(m);
    tags(m);
}

static gt_status map_one(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, bool text,
                         gt_json **ret)
{
    mapping m = {.ecs = ecs, .tables = ecs->tables, .batch = batch, .text = text};
    m.filebeat = ecs->tables->mapping == GT_ECS_FILEBEAT;
    m.original = original;
    gt_json *document = gt_doc_object(&m, OBJ_ROOT);
    if (document) {
        if (record) {
            map_record(&m, record);
        } else {
            put_str(&m, ROOT, "@timestamp", m.tables->created);
            cloud(&m);
        }
        gt_ready_end(&m);
        order_members(document, m.object);
    }
    if (m.failed || !document || gt_arena_status(batch) != GT_OK)
        return gt_arena_status(batch) != GT_OK ? gt_arena_status(batch) : GT_NOMEM;
    *ret = document;
    return GT_OK;
}

gt_status gt_ecs_map(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, gt_json **ret)
{
    return map_one(ecs, batch, record, original, false, ret);
}

gt_status gt_ecs_write(gt_ecs *ecs, gt_arena *batch, gt_json *record, gt_str original, gt_buf *out)
{
    gt_json *document;
    GT_TRY(map_one(ecs, batch, record, original, true, &document));
    gt_json_write(out, document);
    return gt_buf_status(out);
}
