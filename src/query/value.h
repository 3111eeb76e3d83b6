/* value.h — literals of a query in every type they can be read as, and their comparison with JSON
 * values. Elasticsearch's rules for its field types, one place for all query languages. */
#ifndef GT_QUERY_VALUE_H
#define GT_QUERY_VALUE_H

#include "base/arena.h"
#include "base/timeutil.h"
#include "json/json.h"
#include "query/ast.h"
#include "query/pattern.h"
#include "schema/schema.h"

typedef enum gt_op {
#define GT_OP(name, mnemonic, form) GT_OP_##name,
#include "query/opcodes.def"
#undef GT_OP
} gt_op;

/* An address as Elasticsearch indexes it: 16 bytes, IPv4 mapped into ::ffff:0:0/96. */
typedef struct gt_ip_key {
    uint8_t bytes[16];
} gt_ip_key;

/* The right side of a test. What cannot be read as a type has its `is_` false. */
typedef struct gt_literal {
    gt_relation relation;
    gt_str text;
    bool phrase; /* quoted: in text fields, the words in order */
    const gt_pattern *pattern;          /* GT_REL_LIKE */
    const gt_pattern *const *words;     /* LIKE on text: each word of the pattern, lower case */
    size_t word_count;
    bool is_number, is_boolean, is_date, is_ip, is_cidr;
    long double number; /* holds every int64_t and every double exactly */
    bool boolean;
    bool date_moves; /* holds "now" */
    gt_time_ms date_low, date_high; /* the literal rounded down and up; when it does not move */
    gt_ip_key ip_low, ip_high;
    const gt_str *set; /* KEYWORD_IN: sorted, distinct */
    size_t set_count;
    const uint32_t *slots; /* open hash table over set, entries + 1; NULL for short sets */
    size_t slot_mask;
} gt_literal;

/* Fill in every reading of text; with GT_REL_LIKE it is a wildcard text (pattern.h). GT_NOMEM,
 * GT_LIMIT from the arena. */
gt_status gt_literal_init(gt_literal *ret, gt_arena *rules, gt_relation relation, gt_str text,
                          bool phrase);
/* The set of a KEYWORD_IN. items is sorted and made distinct in place. */
gt_status gt_literal_set(gt_literal *ret, gt_arena *rules, gt_str *items, size_t count);

/* Does one JSON value (no array) pass? ignore_above as in schema.h. */
bool gt_value_test(gt_op op, const gt_literal *literal, const gt_json *value,
                   uint32_t ignore_above, gt_time_ms now);
/* The test that a field type asks for; GT_OP_NEVER when the literal says nothing to the type. */
gt_op gt_value_op(gt_field_type type, const gt_literal *literal);
/* Is the value there in the sense of `field:*`? Scalars only. */
bool gt_value_present(const gt_json *value, gt_field_type type, uint32_t ignore_above);

/* Elasticsearch's number text: sign, digits, one point, exponent. */
bool gt_number_parse(gt_str text, long double *ret);
/* A date literal ("now-1d/d", "2024-05", DATE||+1M, epoch milliseconds), rounded as asked. */
bool gt_date_literal(gt_str text, gt_time_ms now, bool up, gt_time_ms *ret);
/* One address or a CIDR as its first and last address. */
bool gt_ip_literal(gt_str text, gt_ip_key *ret_low, gt_ip_key *ret_high, bool *ret_cidr);

#endif
