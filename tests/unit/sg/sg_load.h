/* sg_load.h — records from files into a history, for the tests of src/sg. Keeps every text alive until
 * load_free. */
#ifndef GT_TESTS_SG_LOAD_H
#define GT_TESTS_SG_LOAD_H

#include "test.h"

#include "sg/history.h"

#include <ftw.h>
#include <stdio.h>
#include <zlib.h>

typedef struct load {
    gt_arena *arena;
    gt_sg_change **changes; /* of every record that is about security groups */
    size_t count, cap;
    size_t records;
} load;

static load load_now; /* nftw takes no context */

static inline gt_str load_gz(gt_arena *arena, const char *path)
{
    gzFile f = gzopen(path, "rb");
    assert_non_null(f);
    size_t cap = 1 << 20, len = 0;
    char *data = malloc(cap);
    for (int n; (n = gzread(f, data + len, (unsigned)(cap - len))) > 0;) {
        len += (size_t)n;
        if (len == cap)
            data = realloc(data, cap *= 2);
    }
    gzclose(f);
    gt_str text = gt_arena_dup(arena, (gt_str){data, len});
    free(data);
    return text;
}

static inline void load_record(load *l, const gt_json *record)
{
    gt_sg_change *change;
    assert_int_equal(gt_sg_change_of(l->arena, record, GT_STR("no-id"), &change), GT_OK);
    l->records++;
    if (!change)
        return;
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->changes = realloc(l->changes, l->cap * sizeof *l->changes);
    }
    l->changes[l->count++] = change;
}

static inline gt_json *load_parse(load *l, gt_str text)
{
    gt_json *json;
    assert_int_equal(gt_json_parse(l->arena, text, &json, NULL), GT_OK);
    return json;
}

static inline int load_visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_F && gt_str_ends(gt_str_c(path), GT_STR(".gz"))) {
        gt_json *file = load_parse(&load_now, load_gz(load_now.arena, path));
        for (gt_json *r = gt_json_first(gt_json_getl(file, "Records")); r; r = r->next)
            load_record(&load_now, r);
    }
    return 0;
}

static inline load load_folder(const char *path)
{
    load_now = (load){.arena = gt_arena_new((size_t)4 << 30)};
    assert_int_equal(nftw(path, load_visit, 16, FTW_PHYS), 0);
    return load_now;
}

static inline void load_free(load *l)
{
    free(l->changes);
    gt_arena_free(l->arena);
}

/* xorshift: the same sequence on every machine. */
static inline uint64_t load_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

#endif
