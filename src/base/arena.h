/* arena.h — memory of one lifetime, freed at once.
 * The variable's name is the lifetime: `rules` lives as long as a rule set, `batch` as long as one
 * batch of events, `scratch` inside one call. Arenas are passed, never implicit, and used by one
 * thread at a time. An arena has a cap: past it, or without memory, gt_arena_alloc gives NULL and
 * the arena remembers why (gt_arena_status). Memory is 16-byte aligned and not zeroed. */
#ifndef GT_BASE_ARENA_H
#define GT_BASE_ARENA_H

#include "base/status.h"
#include "base/str.h"

typedef struct gt_arena gt_arena;

/* A new arena that never holds more than max_bytes. Owned by the caller; NULL without memory. */
gt_arena *gt_arena_new(size_t max_bytes);
/* Free everything; NULL is allowed. */
void gt_arena_free(gt_arena *arena);
/* Forget all objects, keep the chunks for reuse (at most keep_bytes of them), clear the status. */
void gt_arena_reset(gt_arena *arena, size_t keep_bytes);

/* NULL at the cap or without memory. */
void *gt_arena_alloc(gt_arena *arena, size_t size) GT_MUST_CHECK;
void *gt_arena_calloc(gt_arena *arena, size_t count, size_t size) GT_MUST_CHECK;
#define gt_arena_new_of(arena, type) ((type *)gt_arena_calloc((arena), 1, sizeof(type)))
#define gt_arena_array(arena, type, count) ((type *)gt_arena_calloc((arena), (count), sizeof(type)))

/* Grow the array at ptr from old_size to new_size bytes; in place when it was the last object. */
void *gt_arena_grow(gt_arena *arena, void *ptr, size_t old_size, size_t new_size) GT_MUST_CHECK;

/* A copy of s that lives in the arena, NUL-terminated behind its end; ptr NULL on failure. */
gt_str gt_arena_dup(gt_arena *arena, gt_str s);
/* printf into the arena; ptr NULL on failure. */
gt_str gt_arena_printf(gt_arena *arena, const char *fmt, ...) GT_PRINTF(2, 3);

/* GT_OK, or why the first failed request failed: GT_NOMEM or GT_LIMIT. */
gt_status gt_arena_status(const gt_arena *arena);
/* Bytes in chunks, which the cap counts. */
size_t gt_arena_bytes(const gt_arena *arena);

/* Rewind to a mark: objects made since are forgotten. Marks nest. */
typedef struct gt_arena_mark {
    void *chunk;
    size_t used;
} gt_arena_mark;
gt_arena_mark gt_arena_save(const gt_arena *arena);
void gt_arena_rewind(gt_arena *arena, gt_arena_mark mark);

#endif
