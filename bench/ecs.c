/* Measure parse + map (+ write) per record: ecs FILE… with CloudTrail files ({"Records":[…]}).
 * `make bench` builds build/bench/ecs; it prints nanoseconds a record and the mean record size. */
#include "base/limits.h"
#include "ecs/ecs.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static gt_str read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return GT_STR_NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *data = malloc((size_t)size + 1);
    size_t n = data ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    return (gt_str){data, n};
}

/* The records of a file, each as its own compact text. */
static size_t records_of(const char *path, gt_str *out, size_t max)
{
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_str text = read_file(path);
    gt_json *root;
    size_t n = 0;
    if (text.ptr && gt_json_parse(arena, text, &root, NULL) == GT_OK) {
        gt_json *list = gt_json_getl(root, "Records");
        for (gt_json *r = gt_json_first(list); r && n < max; r = r->next) {
            gt_buf buf = GT_BUF(GT_RECORD_BYTES_MAX);
            gt_json_write(&buf, r);
            out[n++] = gt_buf_str(&buf);
        }
    }
    gt_arena_free(arena);
    return n;
}

int main(int argc, char **argv)
{
    enum { MAX = 100000 };
    static gt_str records[MAX];
    size_t n = 0, bytes = 0;
    for (int i = 1; i < argc; i++)
        n += records_of(argv[i], records + n, MAX - n);
    for (size_t i = 0; i < n; i++)
        bytes += records[i].len;
    if (!n)
        return 2;
    gt_arena *arena = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_ecs_options options = {.mapping = GT_ECS_8_8};
    gt_ecs_tables *tables;
    gt_str why;
    double start = now();
    if (gt_ecs_tables_open(&options, arena, &tables, &why) != GT_OK)
        return 2;
    gt_ecs *ecs = gt_ecs_new(tables);
    printf("open %.2f ms\n", (now() - start) * 1e3);
    gt_arena *batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    gt_buf out = GT_BUF(GT_BATCH_ARENA_MAX);
    const char *names[] = {"first pass", "parse", "parse+map", "parse+map+write"};
    for (int mode = 0; mode < 4; mode++) {
        int rounds = mode == 0 ? 1 : 20;
        double best = 1e9;
        for (int round = 0; round < rounds; round++) {
            start = now();
            for (size_t i = 0; i < n; i++) {
                gt_json *record, *document = NULL;
                if (gt_json_parse(batch, records[i], &record, NULL) != GT_OK)
                    return 1;
                if (mode != 1 && gt_ecs_map(ecs, batch, record, records[i], &document) != GT_OK)
                    return 1;
                if (mode == 3)
                    gt_json_write(&out, document);
                if (i % 64 == 63) {
                    gt_arena_reset(batch, GT_MIB);
                    gt_buf_reset(&out);
                }
            }
            double t = now() - start;
            best = t < best ? t : best;
        }
        printf("%-16s %7.0f ns/record  (%zu records, mean %zu bytes)\n", names[mode],
               best / (double)n * 1e9, n, bytes / n);
    }
    return 0;
}
