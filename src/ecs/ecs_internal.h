/* ecs_internal.h — what the files of ecs/ share; nobody else includes it.
 * A record is read once into slots (sources.def), then the document is built from them. The objects
 * of the document (objects.def) are made when first written to. */
#ifndef GT_ECS_ECS_INTERNAL_H
#define GT_ECS_ECS_INTERNAL_H

#include "ecs/ecs.h"

#include "base/buf.h"
#include "ecs/text_set.h"

/* --- names made of the tables ---------------------------------------------------------------- */
typedef enum source_id {
    SRC_ROOT, /* the record itself */
#define GT_SOURCE(name, parent, key) SRC_##name,
#include "ecs/sources.def"
#undef GT_SOURCE
    SRC_COUNT
} source_id;

typedef enum object_id {
    OBJ_ROOT, /* the document */
#define GT_OBJECT(name, parent, key) OBJ_##name,
#include "ecs/objects.def"
#undef GT_OBJECT
    OBJ_COUNT
} object_id;

enum { IN_INTEGRATION = 1, IN_FILEBEAT = 2, IN_BOTH = 3 };

/* --- exact names to small numbers ------------------------------------------------------------ */
typedef struct names_entry {
    gt_str key;
    uint32_t scope; /* names are looked up within a scope */
    uint32_t value;
} names_entry;
typedef struct names {
    names_entry *entries; /* open addressing; key.ptr NULL is free */
    size_t mask;
} names;

#define NAMES_NONE UINT32_MAX
bool gt_names_init(names *n, gt_arena *arena, size_t count);
void gt_names_add(names *n, uint32_t scope, gt_str key, uint32_t value);
/* NAMES_NONE when unknown. */
uint32_t gt_names_find(const names *n, uint32_t scope, gt_str key);

/* --- tables ---------------------------------------------------------------------------------- */
#define PATH_PARTS_MAX 5

/* A compiled path: a slot, then keys; `each` goes through the elements of a list. */
typedef struct entity_path {
    enum { PATH_PLAIN, PATH_AS_TEXT, PATH_RESOURCES, PATH_SEND_COMMAND } kind;
    uint8_t source;
    uint8_t parts;
    bool each[PATH_PARTS_MAX];
    gt_str keys[PATH_PARTS_MAX];
} entity_path;

typedef struct path_range {
    uint32_t first, count;
} path_range;

typedef struct entity_tables {
    names services; /* service → index in `related` */
    names targets;  /* scope: service; event → index of the first row */
    entity_path *paths;
    path_range *related; /* by service */
    path_range *target_rows;
    size_t service_count;
} entity_tables;

typedef struct gt_uap gt_uap;     /* user_agent.h */
typedef struct gt_geoip gt_geoip; /* geoip.h */

struct gt_ecs_tables {
    gt_arena *arena;
    gt_ecs_mapping mapping;
    gt_ecs_retain retain;
    const gt_str *tags;
    size_t tag_count;
    bool entities;
    bool original;
    gt_str created;
    names sources; /* scope: parent source_id; key → source_id */
    bool is_parent[SRC_COUNT]; /* names that others have as their parent are walked too */
    names categories;
    entity_tables entity;
    gt_uap *uap; /* NULL: no expressions */
    gt_geoip *geoip;
    gt_str warning;
};

bool gt_entity_tables_init(entity_tables *tables, gt_arena *arena, const names *sources);

/* --- one record ------------------------------------------------------------------------------ */
typedef struct gt_uap_matcher gt_uap_matcher;
typedef struct gt_fragments gt_fragments; /* fragment.h */
typedef struct gt_ready gt_ready;         /* ready.h */

struct gt_ecs {
    const gt_ecs_tables *tables;
    gt_uap_matcher *uap;
    gt_fragments *agents;
    gt_fragments *addresses;
    gt_ready *ready;
    gt_buf text; /* of the string copies, and of what is made ready */
};

#define MESSAGES_MAX 8

/* A list of distinct texts in the document. */
typedef struct doc_list {
    gt_json *node; /* NULL while empty */
    text_set set;
} doc_list;

/* The state of mapping one record. */
typedef struct mapping {
    gt_ecs *ecs;
    const gt_ecs_tables *tables;
    gt_arena *batch;
    bool filebeat;
    bool text;   /* the document is written at once and never looked at (gt_ecs_write) */
    bool failed; /* out of memory: the document is worthless */
    gt_json *slot[SRC_COUNT];
    gt_json *object[OBJ_COUNT];
    gt_json *spare; /* nodes from the arena in one piece */
    size_t spare_count;
    doc_list related_user, related_ip, related_hosts, related_hash;
    gt_json *user_name, *user_id, *user_email, *account_id;
    gt_json *source_ip; /* the node of source.ip */
    gt_json *resources; /* the list in the document */
    gt_str original;
    gt_str messages[MESSAGES_MAX];
    size_t message_count;
} mapping;

/* doc.c — building. NULL values are passed over; without memory m->failed is set. */
gt_json *gt_doc_node(mapping *m, gt_json_type type);
gt_json *gt_doc_object(mapping *m, object_id id);
gt_json *gt_doc_put(mapping *m, object_id id, gt_str key, gt_json *value);
gt_json *gt_doc_put_str(mapping *m, object_id id, gt_str key, gt_str value); /* "" is passed over */
gt_json *gt_doc_str(mapping *m, gt_str s);
gt_json *gt_doc_copy(mapping *m, const gt_json *value);
/* Append text to a list of distinct texts that is put at object.key when it gets its first one.
 * Empty text is passed over. */
void gt_doc_append(mapping *m, doc_list *list, object_id id, gt_str key, gt_str text);
void gt_doc_error(mapping *m, gt_str message);
/* The date in a slot as Elasticsearch prints it; empty when the slot is. What is no date is a
 * pipeline error that names it. */
gt_str gt_doc_date(mapping *m, source_id id, const char *name);
#define put(m, id, key, value) gt_doc_put((m), OBJ_##id, GT_STR(key), (value))
#define put_str(m, id, key, value) gt_doc_put_str((m), OBJ_##id, GT_STR(key), (value))

/* map.c — the end of every document: categories, constants, tags. */
void gt_ecs_end(mapping *m);
/* slots.c */
void gt_slots_fill(mapping *m, gt_json *record);
/* Take out null, "", "-", "none", {} and []; true when nothing is left of the node. */
bool gt_ecs_clean(gt_json *node);

/* entity.c — the entity fields (before anything is moved). */
void gt_ecs_entities(mapping *m);
/* identity.c */
void gt_ecs_identity(mapping *m);
/* payload.c — the four payloads, resources, copies out of them. */
void gt_ecs_payloads(mapping *m);
void gt_ecs_resources(mapping *m);
void gt_ecs_hosts(mapping *m);

/* Text of a slot: strings only; ptr NULL otherwise. */
static inline gt_str slot_str(const mapping *m, source_id id)
{
    const gt_json *node = m->slot[id];
    return node && node->type == GT_JSON_STRING ? node->str : GT_STR_NULL;
}

#endif
