/* JSON that parses is written and parsed again to the same tree. (Of text that is no UTF-8 only the first
 * writing is tried: keys that differ in such bytes alone are written alike, and become one.) */
#include "base/utf8.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_arena *batch = gt_arena_new((size_t)64 << 20);
    gt_buf out = GT_BUF((size_t)16 << 20);
    gt_json *tree = NULL, *again = NULL;
    gt_str text = {(const char *)data, size};
    if (batch && gt_json_parse(batch, text, &tree, NULL) == GT_OK) {
        gt_json_write(&out, tree);
        if (gt_buf_status(&out) == GT_OK) {
            gt_status status = gt_json_parse(batch, gt_buf_str(&out), &again, NULL);
            gt_assert(status == GT_OK);
            gt_buf second = GT_BUF((size_t)16 << 20);
            gt_json_write(&second, again);
            gt_assert(!gt_utf8_valid(text) || gt_str_eq(gt_buf_str(&out), gt_buf_str(&second)));
            gt_buf_done(&second);
        }
    }
    gt_buf_done(&out);
    gt_arena_free(batch);
    return 0;
}
