/* exceptions.h — exception lists as Elastic has them, over mapped documents.
 * Items of a list are or-ed, entries of an item and-ed. Entries: is (match), is one of (match_any),
 * exists, matches (wildcard: * and ?), in list, nested; `excluded` negates one. An item with
 * expire_time holds until then. Immutable once compiled. */
#ifndef GT_RULE_EXCEPTIONS_H
#define GT_RULE_EXCEPTIONS_H

#include "query/query.h"

typedef struct gt_exceptions gt_exceptions;

/* Does an item hold for the document? ret_item (may be NULL) gets its item_id or name. */
bool gt_exceptions_hold(const gt_exceptions *exceptions, const gt_json *document, gt_query_env *env,
                        gt_str *ret_item);
size_t gt_exceptions_count(const gt_exceptions *exceptions); /* of items; NULL gives 0 */

#endif
