/* scan.c — the structural scan alone: GB/s over the records of a plain file already in memory, for
 * every instruction set. usage: scan FILE   (inflated; {"Records":[…]} or NDJSON, any number) */
#include "base/arena.h"
#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *read_all(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    char *data = calloc(1, *len + GT_SCAN_PADDING);
    if (data && fread(data, 1, *len, f) != *len)
        return NULL;
    fclose(f);
    return data;
}

/* Every object after '[' or ',' or a line break: good enough for whole, valid files. */
static size_t scan_all(const gt_scanner *s, const gt_scan_plan *plan, const char **values, bool hash,
                       const char *p, const char *end, uint64_t *sum)
{
    static const uint8_t secret[GT_SCAN_SECRET] = {1, 2, 3};
    size_t records = 0;
    while (p < end) {
        gt_scan scan = {0, values};
        if (*p != '{' || memcmp(p, "{\"Records\"", 10) == 0) {
            const char *q = *p == '{' ? strchr(p, '[') : p;
            p = q + 1;
            continue;
        }
        if (gt_scan_text(s, plan, p, end, &scan) != GT_SCAN_OK)
            break;
        if (hash)
            *sum += s->hash(secret, p, scan.len);
        records++;
        p += scan.len;
    }
    return records;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"eventID", "eventSource", "eventName", "eventTime",
                                        "awsRegion", "recipientAccountId", "Records", "Events",
                                        "logEvents", "events", "CloudTrailEvent", "detail",
                                        "message", "_source", "event.original"};
    size_t len, n = sizeof names / sizeof *names, count;
    char *data = argc > 1 ? read_all(argv[1], &len) : NULL;
    gt_arena *arena = gt_arena_new((size_t)1 << 20);
    if (!data || !arena)
        return 1;
    gt_str keys[16], user[2] = {GT_STR("userIdentity"), GT_STR("accountId")};
    gt_scan_path paths[17];
    for (size_t i = 0; i < n; i++) {
        keys[i] = gt_str_c(names[i]);
        paths[i] = (gt_scan_path){&keys[i], 1};
    }
    paths[n] = (gt_scan_path){user, 2};
    const gt_scan_plan *plan;
    if (gt_scan_plan_new(arena, paths, n + 1, &plan) != GT_OK)
        return 1;
    const gt_scanner *const *all = gt_scanners(&count);
    const char *values[17];
    for (size_t i = 0; i < count; i++) {
        double best[3] = {1e9, 1e9, 1e9};
        size_t records = 0;
        uint64_t sum = 0;
        for (int round = 0; round < 15; round++) {
            double t = now();
            int mode = round % 3; /* no plan, plan, plan and hash */
            records = scan_all(all[i], mode ? plan : NULL, values, mode == 2, data, data + len, &sum);
            t = now() - t;
            best[mode] = t < best[mode] ? t : best[mode];
        }
        printf("%-7s %zu records: check %.2f GB/s, and pick %.2f, and hash %.2f\n", all[i]->name,
               records, (double)len / best[0] / 1e9, (double)len / best[1] / 1e9,
               (double)len / best[2] / 1e9);
    }
    return 0;
}
