/* jstr.h — a JSON value as Java's toString prints it: {k=v, k2=[a, b]}, unquoted, the members of an
 * object in the order of java.util.HashMap. Elastic's pipeline stores the payloads so, and rules
 * search that text. */
#ifndef GT_ECS_JSTR_H
#define GT_ECS_JSTR_H

#include "base/buf.h"
#include "json/json.h"

/* Append the text of value. scratch is rewound before returning. GT_OK, or why memory ran out. */
gt_status gt_jstr_write(gt_buf *out, const gt_json *value, gt_arena *scratch) GT_MUST_CHECK;

/* java.lang.String.hashCode of UTF-8 text. */
uint32_t gt_jstr_hash(gt_str s);
/* Length in UTF-16 units. */
size_t gt_jstr_units(gt_str s);
/* As java.lang.String.compareTo: by UTF-16 units. */
int gt_jstr_cmp(gt_str a, gt_str b);

/* The order in which a HashMap gives its keys.
 * hashes    of the keys, in the order they were put.
 * capacity  keys the map held at its fullest (at least count).
 * order     count indices are written here. */
gt_status gt_jstr_order(const uint32_t *hashes, size_t count, size_t capacity, uint32_t *order,
                        gt_arena *scratch) GT_MUST_CHECK;

#endif
