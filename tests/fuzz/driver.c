/* driver.c — runs a fuzz target: replays its corpus, then mutates inputs and keeps those that reach
 * new edges of the code.
 *
 * usage: TARGET [-t SECONDS] [-r RUNS] [-s SEED] [-m MAX_BYTES] [-k FOLDER] PATH...
 *   PATH is a file or a folder of inputs. With -t 0 the inputs are replayed and nothing more.
 *   -k FOLDER keeps new inputs there.
 *
 * The input at hand lies in a mapped file, TARGET.input, so that it is there after a crash: replay it
 * with TARGET -t 0 TARGET.input. Output is TAP.
 *
 * Method: edges are counted by the compiler's trace-pc callback in a table hashed from the places of
 * this and the previous callback. Mutations: bits, bytes, numbers, blocks taken out, doubled, moved,
 * spliced from another input, and words that occur in the corpus. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_cov_trace_pc(void);

#define EDGES 65536u
#define RUN_SECONDS_MAX 20

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

typedef struct fuzzer {
    input *queue;
    size_t count, room;
    uint64_t random;
    size_t max;
    uint8_t *now; /* the mapped input */
    const char *keep;
    uint64_t runs;
    size_t edges;
} fuzzer;

static uint8_t edge_now[EDGES];
static uint8_t edge_seen[EDGES];
static uintptr_t edge_last;
static int input_fd;        /* of the mapped input */
static size_t size_now;     /* of what is being run */

__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

__attribute__((no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    edge_now[(pc ^ (edge_last >> 1)) % EDGES] = 1;
    edge_last = pc * 0x9e3779b97f4a7c15u;
}

static uint64_t next(fuzzer *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

static size_t below(fuzzer *f, size_t n)
{
    return n ? (size_t)(next(f) % n) : 0;
}

static void *must(void *p)
{
    if (!p) {
        perror("fuzz");
        exit(1);
    }
    return p;
}

static void queue_add(fuzzer *f, const uint8_t *data, size_t size)
{
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 256;
        f->queue = must(realloc(f->queue, f->room * sizeof(input)));
    }
    uint8_t *copy = must(malloc(size + 1));
    memcpy(copy, data, size);
    f->queue[f->count++] = (input){copy, size};
}

/* Run what lies in f->now; true when it reached an edge for the first time. */
static bool run(fuzzer *f, size_t size)
{
    bool fresh = false;
    memset(edge_now, 0, sizeof(edge_now));
    edge_last = 0;
    /* A heap copy of the exact size, so that AddressSanitizer sees a read past the end. */
    uint8_t *copy = must(malloc(size ? size : 1));
    memcpy(copy, f->now, size);
    size_now = size;
    alarm(RUN_SECONDS_MAX);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
    f->runs++;
    for (size_t i = 0; i < EDGES; i++) {
        if (edge_now[i] && !edge_seen[i]) {
            edge_seen[i] = 1;
            f->edges++;
            fresh = true;
        }
    }
    return fresh;
}

static void load(fuzzer *f, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if (S_ISDIR(st.st_mode)) {
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            char below_it[4096];
            snprintf(below_it, sizeof(below_it), "%s/%s", path, names[i]->d_name);
            if (names[i]->d_name[0] != '.')
                load(f, below_it);
            free(names[i]);
        }
        free(names);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (!file)
        return;
    size_t size = fread(f->now, 1, f->max, file);
    fclose(file);
    run(f, size);
    queue_add(f, f->now, size);
}

static size_t erase(fuzzer *f, size_t size)
{
    if (!size)
        return 0;
    size_t at = below(f, size), n = 1 + below(f, size - at < 64 ? size - at : 64);
    if (n > size - at)
        n = size - at;
    memmove(f->now + at, f->now + at + n, size - at - n);
    return size - n;
}

/* Put n bytes of data at a place of its own choosing. */
static size_t insert(fuzzer *f, size_t size, const uint8_t *data, size_t n)
{
    if (n > f->max - size)
        n = f->max - size;
    uint8_t *copy = must(malloc(n + 1)); /* data may lie in f->now */
    memcpy(copy, data, n);
    size_t at = below(f, size + 1);
    memmove(f->now + at + n, f->now + at, size - at);
    memcpy(f->now + at, copy, n);
    free(copy);
    return size + n;
}

static size_t splice_other(fuzzer *f, size_t size)
{
    const input *other = &f->queue[below(f, f->count)];
    size_t at = below(f, other->size + 1), n = below(f, other->size - at + 1);
    return insert(f, size, other->data + at, n);
}

/* A word of the corpus: letters, digits and what stands beside them. */
static size_t word(fuzzer *f, size_t size)
{
    const input *other = &f->queue[below(f, f->count)];
    size_t at = below(f, other->size), n = 0;
    while (at + n < other->size && n < 24 && other->data[at + n] > ' ')
        n++;
    return insert(f, size, other->data + at, n);
}

static size_t number(fuzzer *f, size_t size)
{
    static const char *const numbers[] = {"0", "-1", "1e400", "65536", "4294967296",
                                          "9223372036854775808", "\\ud800", "\xff\xfe", "\"", "{",
                                          "}", "[", "]", "*", "0.0.0.0/0", "::/0", "(", ")", "\\"};
    const char *text = numbers[below(f, sizeof(numbers) / sizeof(numbers[0]))];
    return insert(f, size, (const uint8_t *)text, strlen(text));
}

static size_t mutate(fuzzer *f, size_t size)
{
    size_t at = below(f, size), n;
    switch (below(f, 9)) {
    case 0:
        if (size)
            f->now[at] ^= (uint8_t)(1u << below(f, 8));
        return size;
    case 1:
        if (size)
            f->now[at] = (uint8_t)next(f);
        return size;
    case 2:
        return erase(f, size);
    case 3:
        n = 1 + below(f, size - at < 32 ? size - at + 1 : 32);
        return insert(f, size, f->now + at, n > size - at ? size - at : n);
    case 4:
        return splice_other(f, size);
    case 5:
        return word(f, size);
    case 6:
        return number(f, size);
    case 7:
        return at;
    default:
        if (size)
            f->now[at] = (uint8_t)" \t\n\"'\\{}[]():,.*0aA\x00\x7f"[below(f, 22)];
        return size;
    }
}

static void keep(const fuzzer *f, size_t size)
{
    char path[4096];
    if (!f->keep)
        return;
    snprintf(path, sizeof(path), "%s/%zu-%llu", f->keep, f->edges, (unsigned long long)f->runs);
    FILE *file = fopen(path, "wb");
    if (!file)
        return;
    fwrite(f->now, 1, size, file);
    fclose(file);
}

static void fuzz(fuzzer *f, unsigned seconds, uint64_t runs)
{
    time_t end = time(NULL) + (time_t)seconds;
    while ((!runs || f->runs < runs) && time(NULL) < end) {
        /* The newest inputs lead furthest: half of the time one of the last few. */
        size_t recent = f->count < 16 ? f->count : 16;
        size_t pick = next(f) & 1 ? f->count - 1 - below(f, recent) : below(f, f->count);
        size_t size = f->queue[pick].size;
        memcpy(f->now, f->queue[pick].data, size);
        for (size_t n = 1 + below(f, 6); n; n--)
            size = mutate(f, size);
        if (run(f, size)) {
            queue_add(f, f->now, size);
            keep(f, size);
        }
    }
}

/* The target died: cut the mapped file to the input's size. */
static void died(void)
{
    static const char text[] = "not ok 1 - crashed; the input is in TARGET.input\n1..1\n";
    if (ftruncate(input_fd, (off_t)size_now) != 0 ||
        write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
        _exit(2);
}

static void aborted(int signal)
{
    (void)signal;
    died();
    _exit(1);
}

static void too_slow(int signal)
{
    static const char text[] = "# an input took too long\n";
    (void)signal;
    if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
        _exit(2);
    died();
    _exit(1);
}

static void map_input(fuzzer *f, const char *program)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.input", program);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || ftruncate(fd, (off_t)f->max) != 0)
        must(NULL);
    f->now = mmap(NULL, f->max, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (f->now == MAP_FAILED)
        must(NULL);
    input_fd = fd;
}

int main(int argc, char **argv)
{
    fuzzer f = {.random = 0x9e3779b97f4a7c15u, .max = 65536};
    unsigned seconds = 5;
    uint64_t runs = 0;
    int option;
    while ((option = getopt(argc, argv, "t:r:s:m:k:")) != -1) {
        switch (option) {
        case 't': seconds = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'r': runs = strtoull(optarg, NULL, 10); break;
        case 's': f.random ^= strtoull(optarg, NULL, 10) * 0xbf58476d1ce4e5b9u + 1; break;
        case 'm': f.max = strtoul(optarg, NULL, 10); break;
        case 'k': f.keep = optarg; break;
        default: return 2;
        }
    }
    signal(SIGALRM, too_slow);
    signal(SIGABRT, aborted);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(died);
    map_input(&f, argv[0]);
    for (int i = optind; i < argc; i++)
        load(&f, argv[i]);
    if (!f.count) {
        run(&f, 0);
        queue_add(&f, f.now, 0);
    }
    size_t seeds = f.count;
    if (seconds)
        fuzz(&f, seconds, runs);
    printf("ok 1 - %llu runs, %zu seeds, %zu inputs, %zu edges\n1..1\n", (unsigned long long)f.runs,
           seeds, f.count, f.edges);
    for (size_t i = 0; i < f.count; i++)
        free(f.queue[i].data);
    free(f.queue);
    return 0;
}
