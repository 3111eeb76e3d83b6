/* exceptions_internal.h — a compiled exception, shared by its compiler and its evaluator. */
#ifndef GT_RULE_EXCEPTIONS_INTERNAL_H
#define GT_RULE_EXCEPTIONS_INTERNAL_H

#include "base/ip.h"
#include "rule/exceptions.h"
#include "toml/toml.h"

/* What a value list holds; one value a line in its file. */
typedef struct value_list {
    gt_str id;
    bool addresses;       /* type ip or ip_range */
    bool numbers;         /* a numeric type: compared by value */
    gt_str *values;       /* sorted; also those that are no address in an address list */
    size_t value_count;
    struct ip_span {
        gt_ip low, high;
    } *spans; /* sorted and disjoint */
    size_t span_count;
} value_list;

typedef enum entry_kind { ENTRY_QUERY, ENTRY_WILDCARD, ENTRY_LIST, ENTRY_NESTED } entry_kind;

typedef struct exception_entry exception_entry;
struct exception_entry {
    entry_kind kind;
    bool excluded;
    gt_str field;
    uint32_t ignore_above;
    gt_query *query;        /* ENTRY_QUERY: is, is one of, exists */
    gt_str pattern;         /* ENTRY_WILDCARD */
    const value_list *list; /* ENTRY_LIST */
    exception_entry *entries; /* ENTRY_NESTED: all must hold for one object */
    size_t entry_count;
};

typedef struct exception_item {
    gt_str id; /* item_id, else its name */
    gt_str list_id;
    bool expires;
    gt_time_ms expire_time;
    exception_entry *entries;
    size_t entry_count;
} exception_item;

struct gt_exceptions {
    const exception_item **items;
    size_t count;
};

/* --- values.c --------------------------------------------------------------------------------- */

/* Call found for every value that the document holds at a dotted field: keys nested, dotted or
 * mixed, arrays are transparent. Objects are given as such (for nested entries). Stops when found
 * answers true, and answers that. */
typedef bool (*value_found)(const gt_json *value, void *ctx);
bool rule_values_any(const gt_json *document, gt_str field, bool objects, value_found found,
                     void *ctx);

/* Elasticsearch's wildcard on a whole value: '*' any run, '?' one character, '\' escapes. */
bool rule_wildcard_match(gt_str pattern, gt_str value);

/* --- value_list.c ----------------------------------------------------------------------------- */

/* Read one value a line; empty lines are none. type: Elasticsearch's, as in "keyword", "ip_range".
 */
gt_status rule_value_list_read(gt_arena *arena, gt_str id, gt_str type, gt_str text,
                               value_list **ret) GT_MUST_CHECK;
bool rule_value_list_holds(const value_list *list, gt_str value);

/* --- exception_compile.c ---------------------------------------------------------------------- */

/* Where lists come from: gives NULL after a diagnostic (at span) when there is no such list. */
typedef const value_list *(*value_list_find)(void *ctx, gt_diags *diags, gt_span span, gt_str id,
                                             gt_str type);

typedef struct exception_compiler {
    gt_arena *arena;
    gt_arena *scratch;
    gt_diags *diags;
    const gt_schema *schema;
    value_list_find find;
    void *find_ctx;
    bool no_memory;
    gt_str nested; /* while inside an entry for a field of type nested: the field */
} exception_compiler;

/* Compile one item (Kibana's form). GT_INVALID after diagnostics. */
gt_status rule_exception_compile(exception_compiler *c, const gt_toml *item, exception_item **ret)
    GT_MUST_CHECK;

#endif
