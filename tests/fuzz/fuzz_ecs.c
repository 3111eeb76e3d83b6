/* Any JSON becomes a document in each of the mappings, and the document is valid JSON again. */
#include "ecs/ecs.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAPPINGS 3

/* Opened once for all inputs. */
static gt_ecs *mapper(unsigned mapping)
{
    static gt_ecs *mappers[MAPPINGS];
    static gt_ecs_tables *tables[MAPPINGS];
    if (mappers[mapping])
        return mappers[mapping];
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_ecs_options options = {.mapping = (gt_ecs_mapping)mapping};
    gt_str why;
    gt_status status = gt_ecs_tables_open(&options, arena, &tables[mapping], &why);
    gt_assert(status == GT_OK);
    mappers[mapping] = gt_ecs_new(tables[mapping]);
    gt_arena_free(arena);
    return mappers[mapping];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gt_str text = {(const char *)data, size};
    for (unsigned i = 0; i < MAPPINGS; i++) {
        gt_arena *batch = gt_arena_new(64 * GT_MIB);
        gt_buf out = GT_BUF(64 * GT_MIB);
        gt_buf line = GT_BUF(64 * GT_MIB);
        gt_json *record, *document, *again;
        if (gt_json_parse(batch, text, &record, NULL) == GT_OK) {
            gt_status status = gt_ecs_map(mapper(i), batch, record, text, &document);
            gt_assert(status == GT_OK || status == GT_LIMIT);
            if (status == GT_OK) {
                gt_json_write(&out, document);
                status = gt_json_parse(batch, gt_buf_str(&out), &again, NULL);
                gt_assert(status == GT_OK || status == GT_LIMIT);
                if (gt_json_parse(batch, text, &record, NULL) == GT_OK &&
                    gt_ecs_write(mapper(i), batch, record, text, &line) == GT_OK)
                    gt_assert(gt_str_eq(gt_buf_str(&line), gt_buf_str(&out)));
            }
        }
        gt_buf_done(&out);
        gt_buf_done(&line);
        gt_arena_free(batch);
    }
    return 0;
}
