/* Paths to inputs: folders recursively, in byte order. */
#include "source/source.h"

#include "base/buf.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct expansion {
    gt_arena *arena;
    const gt_input_filter *filter;
    gt_inputs *out;
    size_t cap;
    gt_buf path; /* the path at hand */
    struct {
        dev_t dev;
        ino_t ino;
    } around[GT_FOLDER_DEPTH_MAX]; /* folders around it: a link back to one is not followed */
    size_t depth;
} expansion;

static gt_status memory_status(const expansion *x)
{
    return gt_arena_status(x->arena) == GT_LIMIT ? GT_LIMIT : GT_NOMEM;
}

static gt_status add(expansion *x, gt_str name, uint64_t size, const char *problem)
{
    gt_input input = {.size = size, .problem = problem};
    input.name = gt_arena_dup(x->arena, name);
    if (!input.name.ptr)
        return memory_status(x);
    input.key = gt_input_key_parse(input.name);
    if (x->filter && !problem && !gt_input_key_passes(&input.key, x->filter)) {
        x->out->pruned++;
        return GT_OK;
    }
    if (x->out->count == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 64;
        gt_input *items = gt_arena_grow(x->arena, x->out->items, x->cap * sizeof *items,
                                        cap * sizeof *items);
        if (!items)
            return memory_status(x);
        x->out->items = items;
        x->cap = cap;
    }
    x->out->items[x->out->count++] = input;
    x->out->bytes += size;
    return GT_OK;
}

/* Packed in a way that is not read it is a log all the same: reading it says so. */
static bool has_log_name(gt_str name)
{
    static const gt_str ends[] = {{".json", 5},    {".ndjson", 7},   {".jsonl", 6},
                                  {".log", 4},     {".gz", 3},       {".zst", 4},
                                  {".json.xz", 8}, {".json.bz2", 9}, {".json.lz4", 9},
                                  {".json.br", 8}, {".json.zip", 9}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (name.len > ends[i].len &&
            gt_str_eq_nocase(gt_str_from(name, name.len - ends[i].len), ends[i]))
            return true;
    return false;
}

/* Does the file begin like a log? One that cannot be read counts as a log, so that it is reported. */
static bool begins_like_log(const char *path)
{
    char head[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return true;
    ssize_t got = read(fd, head, sizeof head);
    close(fd);
    if (got < 0)
        return true;
    gt_str text = {head, (size_t)got};
    if (gt_str_starts(text, GT_STR("\x1f\x8b")) || gt_str_starts(text, GT_STR("\x28\xb5\x2f\xfd")))
        return true;
    if (gt_str_starts(text, GT_STR("\xef\xbb\xbf")))
        text = gt_str_from(text, 3);
    text = gt_str_trim(text);
    gt_str word;
    gt_time_ms when;
    gt_str_cut(text, ' ', &word);
    return text.len && (*text.ptr == '{' || *text.ptr == '[' ||
                        (word.len >= 19 && word.len < text.len && gt_time_parse(word, &when)));
}

static int compare_names(const void *a, const void *b)
{
    const gt_str *x = a, *y = b;
    return gt_str_cmp(*x, *y);
}

/* The names in a folder, folders with a '/' behind them, so that sorting them gives the byte order
 * of the whole paths. */
static gt_status list_folder(expansion *x, DIR *dir, gt_str **ret_names, size_t *ret_count)
{
    gt_str *names = NULL;
    size_t count = 0, cap = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        struct stat st;
        bool folder = e->d_type == DT_DIR;
        if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN)
            folder = fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
        if (count == cap) {
            size_t more = cap ? cap * 2 : 64;
            names = gt_arena_grow(x->arena, names, cap * sizeof *names, more * sizeof *names);
            if (!names)
                return memory_status(x);
            cap = more;
        }
        names[count] = gt_arena_printf(x->arena, "%s%s", e->d_name, folder ? "/" : "");
        if (!names[count++].ptr)
            return memory_status(x);
    }
    if (count)
        qsort(names, count, sizeof *names, compare_names);
    *ret_names = names;
    *ret_count = count;
    return GT_OK;
}

static gt_status expand_folder(expansion *x);

static gt_status expand_entry(expansion *x, gt_str name)
{
    struct stat st;
    size_t before = x->path.len;
    bool folder = gt_str_ends(name, GT_STR("/"));
    gt_buf_add(&x->path, folder ? gt_str_head(name, name.len - 1) : name);
    GT_TRY(gt_buf_status(&x->path));
    gt_status status = GT_OK;
    gt_str path = gt_buf_str(&x->path);
    if (folder)
        status = expand_folder(x);
    else if (stat(path.ptr, &st) != 0)
        status = add(x, path, 0, "cannot be looked at (a link to nowhere?)");
    else if (!S_ISREG(st.st_mode) || (!has_log_name(name) && !begins_like_log(path.ptr)))
        x->out->ignored++;
    else
        status = add(x, path, (uint64_t)st.st_size, NULL);
    x->path.len = before;
    x->path.data[before] = '\0';
    return status;
}

static gt_status enter_folder(expansion *x, DIR *dir)
{
    gt_str *names = NULL;
    size_t count = 0, before = x->path.len;
    GT_TRY(list_folder(x, dir, &names, &count));
    if (x->path.len && x->path.data[x->path.len - 1] != '/')
        gt_buf_lit(&x->path, "/");
    gt_status status = gt_buf_status(&x->path);
    for (size_t i = 0; i < count && status == GT_OK; i++)
        status = expand_entry(x, names[i]);
    x->path.len = before;
    return status;
}

static gt_status expand_folder(expansion *x)
{
    struct stat st;
    gt_str path = gt_buf_str(&x->path);
    DIR *dir = opendir(path.ptr);
    if (!dir)
        return add(x, path, 0, errno == EACCES ? "permission denied" : "the folder cannot be opened");
    gt_status status = GT_OK;
    bool loop = fstat(dirfd(dir), &st) != 0;
    for (size_t i = 0; i < x->depth; i++)
        loop |= x->around[i].dev == st.st_dev && x->around[i].ino == st.st_ino;
    if (x->depth == GT_FOLDER_DEPTH_MAX) {
        status = add(x, path, 0, "folders nested too deep");
    } else if (!loop) {
        x->around[x->depth].dev = st.st_dev;
        x->around[x->depth++].ino = st.st_ino;
        status = enter_folder(x, dir);
        x->depth--;
    }
    closedir(dir);
    return status;
}

static gt_status expand_path(expansion *x, gt_str path)
{
    struct stat st;
    if (gt_str_is(path, "-"))
        return add(x, path, 0, NULL);
    gt_buf_reset(&x->path);
    gt_buf_add(&x->path, path);
    GT_TRY(gt_buf_status(&x->path));
    if (path.len == 0 || stat(x->path.data, &st) != 0) {
        bool denied = path.len && errno == EACCES;
        return add(x, path, 0, denied ? "permission denied" : "no such file or folder");
    }
    if (S_ISDIR(st.st_mode))
        return expand_folder(x);
    return add(x, path, S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, NULL);
}

gt_status gt_inputs_expand(gt_arena *arena, const gt_str *paths, size_t path_count,
                           const gt_input_filter *filter, gt_inputs *ret)
{
    gt_inputs out = {0};
    expansion x = {.arena = arena, .filter = filter, .out = &out, .path = GT_BUF(64 * GT_KIB)};
    gt_status status = GT_OK;
    for (size_t i = 0; i < path_count && status == GT_OK; i++)
        status = expand_path(&x, paths[i]);
    gt_buf_done(&x.path);
    if (status == GT_OK)
        *ret = out;
    return status;
}
