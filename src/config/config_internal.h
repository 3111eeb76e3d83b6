/* config_internal.h — the rows of config.def, shared by the files of config/. */
#ifndef GT_CONFIG_CONFIG_INTERNAL_H
#define GT_CONFIG_CONFIG_INTERNAL_H

#include "config/config.h"

typedef enum config_how { ONE, MANY, OPAQUE } config_how;
typedef enum config_type {
    TEXT,
    PATH,
    SECRET,
    CHOICE,
    INTEGER,
    BOOLEAN,
    SPAN,
    TEXTS,
    PATHS,
    SECRETS,
} config_type;
enum { REQUIRED = 1, SINKS = 2 };

typedef struct config_section_row {
    gt_str name;
    config_how how;
    const char *help;
} config_section_row;

typedef struct config_key_row {
    gt_config_section_id section;
    gt_str name;
    config_type type;
    gt_str preset;    /* the default */
    gt_str for_types; /* "a|b" */
    unsigned flags;
    gt_str limits;
    const char *help;
} config_key_row;

extern const config_section_row config_sections[GT_CONFIG_SECTIONS];
extern const config_key_row config_keys[GT_CONFIG_KEYS];

/* The first key of a section and how many there are. */
size_t config_keys_of(gt_config_section_id id, size_t *ret_first);
/* Is word one of "a|b|c"? Its number goes to ret_index (may be NULL). */
bool config_is_one_of(gt_str word, gt_str list, size_t *ret_index);

typedef struct config_reader {
    gt_arena *arena;
    gt_config *config;
    gt_diags *diags;
    const gt_config_env *env;
    gt_str folder; /* relative paths start here */
} config_reader;

/* value.c: what a key's node means; false after a diagnostic (or without memory). */
bool config_value_read(config_reader *r, const config_key_row *row, const gt_toml *node,
                       gt_config_value *ret);
/* The default as a value. */
bool config_value_preset(config_reader *r, const config_key_row *row, gt_config_value *ret);

#endif
