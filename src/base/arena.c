#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN 16u
#define FIRST_CHUNK (16u << 10) /* a rule or a small record fits in one chunk */
#define CHUNK_MAX (1u << 20)    /* chunks double up to this; a larger object gets its own */

typedef struct chunk {
    struct chunk *next; /* the chunk used after this one; kept over a reset */
    size_t size;        /* of data */
    size_t used;
    _Alignas(ALIGN) char data[];
} chunk;

struct gt_arena {
    chunk *first;
    chunk *current; /* NULL before the first object */
    size_t bytes;
    size_t max_bytes;
    gt_status status;
};

gt_arena *gt_arena_new(size_t max_bytes)
{
    gt_arena *arena = gt_calloc(1, sizeof *arena);
    if (arena)
        arena->max_bytes = max_bytes;
    return arena;
}

static void free_chunks(gt_arena *arena, chunk *c)
{
    while (c) {
        chunk *next = c->next;
        arena->bytes -= c->size;
        UNPOISON(c->data, c->size);
        gt_free(c);
        c = next;
    }
}

void gt_arena_free(gt_arena *arena)
{
    if (!arena)
        return;
    free_chunks(arena, arena->first);
    gt_free(arena);
}

void gt_arena_reset(gt_arena *arena, size_t keep_bytes)
{
    size_t kept = 0;
    for (chunk **link = &arena->first; *link;) {
        chunk *c = *link;
        if (kept + c->size > keep_bytes) {
            *link = NULL;
            free_chunks(arena, c);
            break;
        }
        kept += c->size;
        c->used = 0;
        POISON(c->data, c->size);
        link = &c->next;
    }
    arena->current = arena->first;
    arena->status = GT_OK;
}

static void *fail(gt_arena *arena, gt_status status)
{
    if (arena->status == GT_OK)
        arena->status = status;
    return NULL;
}

/* A chunk with room for `size` bytes becomes current: the kept next one, or a new one. */
static chunk *next_chunk(gt_arena *arena, size_t size)
{
    chunk *current = arena->current;
    chunk *c = current ? current->next : arena->first;
    if (c && c->size >= size) {
        c->used = 0;
        POISON(c->data, c->size);
        return arena->current = c;
    }
    size_t want = current ? current->size * 2 : FIRST_CHUNK;
    if (want > CHUNK_MAX)
        want = CHUNK_MAX;
    if (want < size)
        want = size;
    if (want > arena->max_bytes - arena->bytes)
        want = size;
    if (want > arena->max_bytes - arena->bytes)
        return fail(arena, GT_LIMIT);
    chunk *made = gt_malloc(sizeof *made + want);
    if (!made)
        return fail(arena, GT_NOMEM);
    *made = (chunk){.next = c, .size = want};
    POISON(made->data, want);
    if (current)
        current->next = made;
    else
        arena->first = made;
    arena->bytes += want;
    return arena->current = made;
}

void *gt_arena_alloc(gt_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return fail(arena, GT_LIMIT);
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    chunk *c = arena->current;
    if (!c || c->size - c->used < rounded) {
        c = next_chunk(arena, rounded);
        if (!c)
            return NULL;
    }
    void *ptr = c->data + c->used;
    c->used += rounded;
    UNPOISON(ptr, size);
    return ptr;
}

void *gt_arena_calloc(gt_arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return fail(arena, GT_LIMIT);
    void *ptr = gt_arena_alloc(arena, total);
    if (ptr)
        memset(ptr, 0, total);
    return ptr;
}

void *gt_arena_grow(gt_arena *arena, void *ptr, size_t old_size, size_t new_size)
{
    gt_assert(new_size >= old_size);
    chunk *c = arena->current;
    size_t old_rounded = (old_size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t new_rounded = (new_size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (ptr && c && c->used >= old_rounded && (char *)ptr == c->data + c->used - old_rounded &&
        c->size - c->used >= new_rounded - old_rounded) {
        c->used += new_rounded - old_rounded;
        UNPOISON(ptr, new_size);
        return ptr;
    }
    void *made = gt_arena_alloc(arena, new_size);
    if (made && old_size)
        memcpy(made, ptr, old_size);
    return made;
}

gt_str gt_arena_dup(gt_arena *arena, gt_str s)
{
    char *copy = gt_arena_alloc(arena, s.len + 1);
    if (!copy)
        return GT_STR_NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (gt_str){copy, s.len};
}

gt_str gt_arena_printf(gt_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = len < 0 ? NULL : gt_arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text ? (gt_str){text, (size_t)len} : GT_STR_NULL;
}

gt_status gt_arena_status(const gt_arena *arena)
{
    return arena->status;
}

size_t gt_arena_bytes(const gt_arena *arena)
{
    return arena->bytes;
}

gt_arena_mark gt_arena_save(const gt_arena *arena)
{
    return (gt_arena_mark){arena->current, arena->current ? arena->current->used : 0};
}

void gt_arena_rewind(gt_arena *arena, gt_arena_mark mark)
{
    chunk *c = mark.chunk ? mark.chunk : arena->first;
    arena->current = c;
    if (!c)
        return;
    c->used = mark.chunk ? mark.used : 0;
    POISON(c->data + c->used, c->size - c->used);
}
