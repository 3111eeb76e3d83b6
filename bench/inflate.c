/* inflate.c — the limit: read and inflate the same files, and do nothing else.
 * usage: inflate [-t THREADS] PATH...     prints files, bytes in, bytes out.
 * Each thread takes the next file (largest first), reads it whole and inflates its gzip members with
 * libdeflate into a buffer it keeps. Every ratio in docs/benchmarks.md is to this program. */
#include <fcntl.h>
#include <ftw.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct input {
    char *path;
    size_t size;
} input;

/* nftw has no context argument: this stand-alone program keeps its list here. */
static input *inputs;
static size_t count, room;
static atomic_size_t next, bytes_out;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F)
        return 0;
    if (count == room) {
        room = room ? room * 2 : 1024;
        inputs = realloc(inputs, room * sizeof *inputs);
        if (!inputs)
            exit(1);
    }
    inputs[count++] = (input){strdup(path), (size_t)st->st_size};
    return 0;
}

static int larger_first(const void *a, const void *b)
{
    size_t x = ((const input *)a)->size, y = ((const input *)b)->size;
    return (x < y) - (x > y);
}

static void *grow(void *buf, size_t *cap, size_t need)
{
    if (need <= *cap)
        return buf;
    *cap = need * 2;
    free(buf);
    buf = malloc(*cap);
    if (!buf)
        exit(1);
    return buf;
}

static size_t inflate_file(struct libdeflate_decompressor *d, const char *in, size_t n, char **out,
                           size_t *cap)
{
    size_t total = 0;
    while (n) {
        size_t used, made;
        enum libdeflate_result r = libdeflate_gzip_decompress_ex(d, in, n, *out, *cap, &used, &made);
        if (r == LIBDEFLATE_INSUFFICIENT_SPACE) {
            *out = grow(*out, cap, *cap * 2);
            continue;
        }
        if (r != LIBDEFLATE_SUCCESS)
            break;
        total += made;
        in += used;
        n -= used;
    }
    return total;
}

static void *work(void *arg)
{
    (void)arg;
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t in_cap = 1 << 20, out_cap = 8 << 20, i;
    char *in = malloc(in_cap), *out = malloc(out_cap);
    if (!d || !in || !out)
        exit(1);
    while ((i = atomic_fetch_add(&next, 1)) < count) {
        int fd = open(inputs[i].path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        in = grow(in, &in_cap, inputs[i].size);
        ssize_t n = read(fd, in, inputs[i].size);
        close(fd);
        if (n > 0)
            atomic_fetch_add(&bytes_out, inflate_file(d, in, (size_t)n, &out, &out_cap));
    }
    libdeflate_free_decompressor(d);
    free(in);
    free(out);
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = 2, opt;
    while ((opt = getopt(argc, argv, "t:")) == 't')
        threads = atoi(optarg);
    for (int i = optind; i < argc; i++)
        if (nftw(argv[i], visit, 64, FTW_PHYS) != 0)
            return perror(argv[i]), 1;
    if (count)
        qsort(inputs, count, sizeof *inputs, larger_first);
    pthread_t thread[64];
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    for (int i = 1; i < threads; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    work(NULL);
    size_t bytes_in = 0;
    for (int i = 1; i < threads; i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < count; i++)
        bytes_in += inputs[i].size;
    printf("%zu files, %zu bytes in, %zu bytes out\n", count, bytes_in, (size_t)bytes_out);
    return 0;
}
