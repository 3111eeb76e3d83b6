#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths arrive as views; the system wants them NUL-terminated, and without a NUL inside. */
static const char *c_path(gt_arena *arena, gt_str path)
{
    if (gt_str_find_byte(path, '\0') != GT_NPOS) {
        errno = EINVAL;
        return NULL;
    }
    gt_str copy = gt_arena_dup(arena, path);
    if (!copy.ptr)
        errno = ENOMEM;
    return copy.ptr;
}

static gt_status path_failure(void)
{
    return errno == ENOMEM ? GT_NOMEM : GT_IO;
}

static gt_status read_all(int fd, gt_arena *arena, size_t max_bytes, gt_str *ret)
{
    size_t cap = 65536, len = 0;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        cap = (size_t)st.st_size < max_bytes ? (size_t)st.st_size + 1 : max_bytes + 1;
    char *data = gt_arena_alloc(arena, cap);
    for (;;) {
        if (!data)
            return gt_arena_status(arena);
        if (len == cap) {
            data = gt_arena_grow(arena, data, cap, cap * 2);
            cap *= 2;
            continue;
        }
        ssize_t n = read(fd, data + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return GT_IO;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max_bytes)
            return GT_LIMIT;
    }
    *ret = (gt_str){data, len};
    return GT_OK;
}

gt_status gt_file_read(gt_arena *arena, gt_str path, size_t max_bytes, gt_str *ret)
{
    const char *name = c_path(arena, path);
    if (!name)
        return path_failure();
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return GT_IO;
    gt_status status = read_all(fd, arena, max_bytes, ret);
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

gt_status gt_file_stat(gt_arena *arena, gt_str path, gt_file_kind *ret)
{
    const char *name = c_path(arena, path);
    struct stat st;
    if (!name)
        return path_failure();
    if (stat(name, &st) != 0)
        return GT_IO;
    *ret = S_ISREG(st.st_mode)   ? GT_FILE_REGULAR
           : S_ISDIR(st.st_mode) ? GT_FILE_FOLDER
                                 : GT_FILE_OTHER;
    return GT_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return gt_str_cmp(*(const gt_str *)a, *(const gt_str *)b);
}

static gt_status read_names(DIR *dir, gt_arena *arena, gt_str **ret, size_t *ret_count)
{
    size_t cap = 32, count = 0;
    gt_str *names = gt_arena_array(arena, gt_str, cap);
    for (;;) {
        errno = 0;
        struct dirent *entry = names ? readdir(dir) : NULL;
        if (!entry)
            break;
        gt_str name = gt_str_c(entry->d_name);
        if (gt_str_is(name, ".") || gt_str_is(name, ".."))
            continue;
        if (count == cap) {
            names = gt_arena_grow(arena, names, cap * sizeof *names, cap * 2 * sizeof *names);
            cap *= 2;
            if (!names)
                break;
        }
        names[count++] = gt_arena_dup(arena, name);
    }
    if (!names || gt_arena_status(arena) != GT_OK)
        return gt_arena_status(arena);
    if (errno)
        return GT_IO;
    qsort(names, count, sizeof *names, by_bytes);
    *ret = names;
    *ret_count = count;
    return GT_OK;
}

gt_status gt_folder_list(gt_arena *arena, gt_str path, gt_str **ret, size_t *ret_count)
{
    const char *name = c_path(arena, path);
    if (!name)
        return path_failure();
    DIR *dir = opendir(name);
    if (!dir)
        return GT_IO;
    gt_status status = read_names(dir, arena, ret, ret_count);
    int saved = errno;
    closedir(dir);
    errno = saved;
    return status;
}

gt_str gt_path_join(gt_arena *arena, gt_str folder, gt_str name)
{
    if (folder.len == 0)
        return gt_arena_dup(arena, name);
    const char *slash = folder.ptr[folder.len - 1] == '/' ? "" : "/";
    return gt_arena_printf(arena, "%.*s%s%.*s", GT_STR_ARG(folder), slash, GT_STR_ARG(name));
}

gt_str gt_path_folder(gt_str path)
{
    size_t slash = gt_str_rfind_byte(path, '/');
    return slash == GT_NPOS ? GT_STR_NULL : gt_str_head(path, slash ? slash : 1);
}

gt_str gt_path_base(gt_str path)
{
    size_t slash = gt_str_rfind_byte(path, '/');
    return slash == GT_NPOS ? path : gt_str_from(path, slash + 1);
}
