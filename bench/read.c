/* read.c — the reading path without any stage: inflate, scan, check, pick, count, de-duplicate.
 * usage: read [-t THREADS] [-i ISA] PATH...   With -i only the scan is timed, over the plain text. */
#include "base/mem.h"
#include "json/scan.h"
#include "pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static gt_status on_record(void *worker, const gt_input *input, const gt_record *record,
                           gt_emit *emit)
{
    (void)worker;
    (void)input;
    (void)record;
    (void)emit;
    return GT_OK;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    gt_pipeline_options options = {.threads = 1};
    for (int c; (c = getopt(argc, argv, "t:")) != -1;)
        options.threads = c == 't' ? (size_t)atoi(optarg) : 1;
    gt_arena *arena = gt_arena_new((size_t)1 << 30);
    gt_str paths[64];
    size_t count = 0;
    for (int i = optind; i < argc && count < 64; i++)
        paths[count++] = gt_str_c(argv[i]);
    gt_inputs inputs;
    if (!arena || gt_inputs_expand(arena, paths, count, NULL, &inputs) != GT_OK)
        return 1;
    options.inputs = &inputs;
    gt_pipeline_stage stage = {.record = on_record, .fields = GT_RECORD_DISPATCH_FIELDS};
    gt_pipeline_counts counts;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (gt_pipeline_run(&options, &stage, &counts) != GT_OK)
        return 1;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%zu files %llu records %llu duplicates %llu bytes: wall %.3f s, cpu %.3f s\n",
           counts.files, (unsigned long long)counts.read, (unsigned long long)counts.duplicate,
           (unsigned long long)counts.decoded_bytes, wall, cpu);
    gt_arena_free(arena);
    return 0;
}
