/* config.h — gatetrail.toml to checked values.
 * Everything is said by the rows of config.def. Loading checks all and has no other effect: a
 * reload reads a second gt_config and swaps it in when it has no errors. Immutable once loaded;
 * strings live in its arena. Other folders check what only they can know (that a rule exists) and
 * add their own diagnostics to config->diags. */
#ifndef GT_CONFIG_CONFIG_H
#define GT_CONFIG_CONFIG_H

#include "base/diag.h"
#include "toml/toml.h"

typedef enum gt_config_section_id {
#define SECTION(id, ...) GT_CONFIG_##id,
#define KEY(...)
#include "config/config.def"
#undef SECTION
#undef KEY
    GT_CONFIG_SECTIONS,
} gt_config_section_id;

typedef enum gt_config_key_id {
#define SECTION(...)
#define KEY(section, id, ...) GT_CONFIG_##section##_##id,
#include "config/config.def"
#undef SECTION
#undef KEY
    GT_CONFIG_KEYS,
} gt_config_key_id;

/* A secret by name: an HTTP header, a Kafka setting. */
typedef struct gt_config_pair {
    gt_str name, value;
} gt_config_pair;

typedef struct gt_config_value {
    bool given; /* in the file; else the default, if there is one */
    bool has;   /* given or defaulted */
    gt_span span, key_span;
    gt_str text;      /* TEXT, PATH, SECRET (what it stands for), CHOICE; NUL-terminated */
    int64_t number;   /* INTEGER, BOOLEAN, SPAN (ms), CHOICE (from 0) */
    const gt_str *items; /* TEXTS, PATHS */
    const gt_config_pair *pairs; /* SECRETS */
    size_t count;
} gt_config_value;

typedef struct gt_config_section {
    gt_config_section_id id;
    gt_span span;
    gt_str name; /* of a source or sink: its name, or its type */
    gt_str type; /* its key `type`; else empty */
    gt_config_value *values; /* of the section's keys only: use the getters */
    const gt_toml *table;    /* OPAQUE sections; NULL when absent */
} gt_config_section;

typedef struct gt_config {
    gt_str path;
    gt_diags diags;
    gt_config_section *sections; /* ONE and OPAQUE ones always, in the order of config.def; MANY as
                                    often as they are there */
    size_t section_count;
    gt_toml *root; /* NULL when the file is no TOML */
} gt_config;

/* How secrets are looked up; NULL members: such secrets are errors. */
typedef struct gt_config_env {
    void *ctx;
    const char *(*getenv)(void *ctx, const char *name);
} gt_config_env;

/* Read a file, or a text that stands at path. What is wrong is in ret->diags (CFG-0xx); ask
 * ret->diags.errors. GT_OK, GT_NOMEM, GT_LIMIT (the arena's cap). */
gt_status gt_config_load(gt_arena *arena, gt_str path, const gt_config_env *env, gt_config **ret)
    GT_MUST_CHECK;
gt_status gt_config_parse(gt_arena *arena, gt_str path, gt_str text, const gt_config_env *env,
                          gt_config **ret) GT_MUST_CHECK;

/* The only section of this id (ONE, OPAQUE). */
const gt_config_section *gt_config_get(const gt_config *config, gt_config_section_id id);
/* The next one of this id after `after` (NULL: the first), or NULL. */
const gt_config_section *gt_config_next(const gt_config *config, gt_config_section_id id,
                                        const gt_config_section *after);

/* A key's value; asking a section for a key of another one is a programmer's error. */
const gt_config_value *gt_config_value_of(const gt_config_section *section, gt_config_key_id key);
/* Text; ptr NULL when there is none. .ptr is NUL-terminated. */
gt_str gt_config_str(const gt_config_section *section, gt_config_key_id key);
int64_t gt_config_number(const gt_config_section *section, gt_config_key_id key); /* 0: none */
bool gt_config_flag(const gt_config_section *section, gt_config_key_id key);
bool gt_config_has(const gt_config_section *section, gt_config_key_id key);

/* The reference of all sections and keys, as Markdown. */
void gt_config_reference(gt_buf *out);
/* All values as they are in force, as TOML; secrets are shown as "***". */
void gt_config_show(const gt_config *config, gt_buf *out);

#endif
