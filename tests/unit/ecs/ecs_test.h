/* ecs_test.h — maps JSON given as text and looks values up in the document. */
#ifndef GT_TESTS_ECS_TEST_H
#define GT_TESTS_ECS_TEST_H

#include "test.h"

#include "base/limits.h"
#include "ecs/ecs.h"
#include "json/json.h"

typedef struct bench {
    gt_arena *arena;
    gt_ecs_tables *tables;
    gt_ecs *ecs;
    gt_json *document;
} bench;

static inline bench bench_open(const gt_ecs_options *options)
{
    bench b = {.arena = gt_arena_new(GT_BATCH_ARENA_MAX)};
    gt_str why;
    if (gt_ecs_tables_open(options, b.arena, &b.tables, &why) != GT_OK)
        fail_msg("%.*s", GT_STR_ARG(why));
    b.ecs = gt_ecs_new(b.tables);
    assert_non_null(b.ecs);
    return b;
}

static inline void bench_close(bench *b)
{
    gt_ecs_free(b->ecs);
    gt_ecs_tables_close(b->tables);
    gt_arena_free(b->arena);
}

/* gt_ecs_write gives the text of b->document, from kept pieces too. */
static inline void bench_write(bench *b, gt_str text)
{
    gt_buf want = GT_BUF(GT_BATCH_ARENA_MAX), got = GT_BUF(GT_BATCH_ARENA_MAX);
    gt_json_write(&want, b->document);
    for (int i = 0; i < 3; i++) {
        gt_json *record = NULL;
        if (text.ptr)
            assert_int_equal(gt_json_parse(b->arena, text, &record, NULL), GT_OK);
        gt_buf_reset(&got);
        assert_int_equal(gt_ecs_write(b->ecs, b->arena, record, text, &got), GT_OK);
        assert_string_equal(got.data, want.data);
    }
    gt_buf_done(&want);
    gt_buf_done(&got);
}

static inline void bench_map(bench *b, const char *text)
{
    gt_json *record = NULL;
    gt_str s = gt_str_c(text);
    if (text && gt_json_parse(b->arena, s, &record, NULL) != GT_OK)
        fail_msg("not JSON: %s", text);
    assert_int_equal(gt_ecs_map(b->ecs, b->arena, record, s, &b->document), GT_OK);
    bench_write(b, s);
}

/* The value at a path as JSON text; "" when absent. */
static inline const char *at(bench *b, const char *path)
{
    gt_json *value = gt_json_path(b->document, path);
    if (!value)
        return "";
    gt_buf text = GT_BUF(GT_RECORD_BYTES_MAX);
    gt_json_write(&text, value);
    gt_str copy = gt_arena_dup(b->arena, gt_buf_str(&text));
    gt_buf_done(&text);
    return copy.ptr;
}

#define expect(b, path, json) assert_string_equal(at((b), (path)), (json))
#define absent(b, path) assert_string_equal(at((b), (path)), "")

#endif
