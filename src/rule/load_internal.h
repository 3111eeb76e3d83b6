/* load_internal.h — the state of loading, shared by load.c, load_kibana.c and attach.c. */
#ifndef GT_RULE_LOAD_INTERNAL_H
#define GT_RULE_LOAD_INTERNAL_H

#include "rule/exceptions_internal.h"
#include "rule/rule_internal.h"

typedef struct load_file load_file;
struct load_file {
    load_file *next;
    gt_rule_file file;
    size_t number;
    bool global; /* given with --exceptions: its lists may hold for every rule */
};

typedef struct load_rule load_rule;
struct load_rule {
    load_rule *next;
    load_file *file;
    gt_rule *rule;
    gt_toml *table; /* for places */
};

typedef struct load_item load_item;
struct load_item {
    load_item *next;
    load_file *file;
    exception_item *item;
    bool referred; /* a rule's exceptions_list names its list */
};

typedef struct load_list load_list;
struct load_list { /* a container, or a value list */
    load_list *next;
    gt_str id;
    const value_list *values; /* NULL: a container of exception items */
};

typedef struct rule_loader {
    gt_arena *rules;
    gt_arena *scratch;
    const gt_rules_options *options;
    const gt_schema *schema;
    load_file *files, *last_file;
    load_rule *first_rule, *last_rule;
    load_item *first_item, *last_item;
    load_list *lists;
    size_t file_count, rule_count;
    load_file **by_path; /* hash table of files that are not built in */
    size_t path_slots, path_count;
    gt_status status; /* sticky: not GT_OK without memory */
} rule_loader;

/* load.c */
load_file *load_file_new(rule_loader *ld, gt_str path, gt_str text, bool builtin);
/* A rule that stands in a file: checked, filled, linted, added. */
void load_rule_add(rule_loader *ld, load_file *file, rule_source *src);
/* Note a failure that ends loading. */
void load_failed(rule_loader *ld, gt_status status);
/* Read a file whole; NULL after a diagnostic of its own or a failure. */
load_file *load_read(rule_loader *ld, gt_str path);

/* load_kibana.c: NDJSON of rules, exception lists, items, and the line that counts them. */
void load_kibana(rule_loader *ld, load_file *file);

/* attach.c: which exceptions hold for which rule. */
void load_attach_exceptions(rule_loader *ld);

#endif
