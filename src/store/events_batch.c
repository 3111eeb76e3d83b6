/* Batches: records noted, sorted out and sealed, before the store is asked. */
#include <zstd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "store/events_internal.h"
#include "store/terms.h"

/* The heads are written right before the first record once their number is known, so that what is
 * compressed lies in one piece without being copied. */
#define HEAD_ROOM (GT_EVENT_BLOCK_EVENTS * sizeof(gt_event_head))

/* Level 1 packs CloudTrail 7:1. Level -1 is a quarter faster and packs 5:1; level 3 gains a tenth for
 * three times the time. */
#define ZSTD_LEVEL 1

static bool make_head_room(gt_event_batch *batch)
{
    gt_buf_reset(&batch->text);
    if (!gt_buf_room(&batch->text, HEAD_ROOM))
        return false;
    batch->text.len = HEAD_ROOM;
    return true;
}

gt_event_batch *gt_event_batch_new(void)
{
    gt_event_batch *batch = gt_calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->text = GT_BUF(2 * GT_RECORD_BYTES_MAX);
    batch->data = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    batch->filter = GT_BUF(4 * GT_RECORD_BYTES_MAX);
    batch->keys = GT_BUF(GT_EVENT_MEMBER_BYTES * GT_EVENT_KEY_BYTES);
    batch->heads = GT_BUF(4 * GT_EVENT_MEMBER_BYTES);
    batch->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    batch->walk = gt_columns_walk_new();
    batch->columns = gt_columns_new();
    batch->zstd = ZSTD_createCCtx();
    if (batch->scratch && batch->walk && batch->columns && batch->zstd && make_head_room(batch))
        return batch;
    gt_event_batch_free(batch);
    return NULL;
}

void gt_event_batch_free(gt_event_batch *batch)
{
    if (!batch)
        return;
    gt_buf_done(&batch->text);
    gt_buf_done(&batch->data);
    gt_buf_done(&batch->filter);
    gt_buf_done(&batch->keys);
    gt_buf_done(&batch->heads);
    gt_free(batch->entries);
    gt_free(batch->terms.items);
    gt_columns_free(batch->columns);
    gt_columns_walk_free(batch->walk);
    gt_arena_free(batch->scratch);
    (void)ZSTD_freeCCtx(batch->zstd);
    gt_free(batch);
}

void gt_event_batch_clear(gt_event_batch *batch)
{
    batch->text.len = HEAD_ROOM;
    batch->text.status = GT_OK;
    batch->packed = batch->whole = GT_STR_NULL;
    batch->count = 0;
    gt_terms_cut(&batch->terms, 0);
    batch->sealed = false;
}

void gt_event_batch_member(gt_event_batch *batch, gt_str packed, gt_str text)
{
    gt_assert(!batch->count && !batch->sealed);
    batch->packed = packed;
    batch->whole = text;
}

size_t gt_event_batch_count(const gt_event_batch *batch)
{
    return batch->count;
}

gt_hash128 gt_event_batch_key(const gt_event_batch *batch, size_t index)
{
    return batch->entries[index].key;
}

bool gt_event_batch_full(const gt_event_batch *batch)
{
    return !batch->whole.ptr && (batch->text.len - HEAD_ROOM >= GT_EVENT_BLOCK_BYTES ||
                                 batch->count >= GT_EVENT_BLOCK_EVENTS);
}

/* --- adding ------------------------------------------------------------------------------------ */

/* A larger array in place of *array; *cap counts elements. */
static gt_status grow(void **array, size_t *cap, size_t need, size_t element)
{
    if (need <= *cap)
        return GT_OK;
    size_t more = *cap ? *cap * 2 : 1024;
    while (more < need)
        more *= 2;
    void *larger = gt_realloc(*array, more * element);
    if (!larger)
        return GT_NOMEM;
    *array = larger;
    *cap = more;
    return GT_OK;
}

static bool lies_within(gt_str part, gt_str whole)
{
    uintptr_t begin = (uintptr_t)whole.ptr, at = (uintptr_t)part.ptr;
    return at >= begin && at - begin <= whole.len && part.len <= whole.len - (at - begin);
}

bool gt_event_batch_takes(const gt_event_batch *batch, gt_str json)
{
    return batch->whole.ptr && lies_within(json, batch->whole);
}

static gt_status note(gt_event_batch *batch, gt_str json, const gt_skeleton_view *skeleton,
                      gt_time_ms time)
{
    gt_cell cells[GT_COLUMN_COUNT];
    gt_arena_mark mark = gt_arena_save(batch->scratch);
    gt_status status =
        gt_columns_walk_record(batch->walk, json, skeleton, batch->scratch, cells,
                               &batch->terms);
    if (status == GT_OK)
        status = gt_columns_add(batch->columns, cells, time, &batch->terms);
    gt_arena_rewind(batch->scratch, mark);
    return status;
}

gt_status gt_event_batch_add(gt_event_batch *batch, gt_str json, gt_time_ms time)
{
    return gt_event_batch_add_known(batch, json, NULL, time);
}

gt_status gt_event_batch_add_known(gt_event_batch *batch, gt_str json,
                                   const gt_skeleton_view *skeleton, gt_time_ms time)
{
    gt_assert(!batch->sealed);
    bool copies = !batch->whole.ptr;
    if (json.len > GT_RECORD_BYTES_MAX || (copies && batch->count >= GT_EVENT_BLOCK_EVENTS))
        return GT_LIMIT;
    GT_TRY(grow((void **)&batch->entries, &batch->entry_cap, batch->count + 1,
                sizeof *batch->entries));
    size_t offset = batch->text.len, first_term = batch->terms.count;
    gt_status status = GT_OK;
    if (copies) {
        gt_buf_add(&batch->text, json);
        status = gt_buf_status(&batch->text);
    } else {
        gt_assert(lies_within(json, batch->whole));
        offset = (size_t)(json.ptr - batch->whole.ptr);
    }
    if (status == GT_OK)
        status = note(batch, json, skeleton, time);
    if (status != GT_OK) {
        if (copies)
            batch->text.len = offset;
        gt_terms_cut(&batch->terms, first_term);
        return status;
    }
    batch->entries[batch->count++] = (gt_event_entry){
        .key = gt_hash128_of(json), .time = time, .offset = offset, .len = (uint32_t)json.len};
    return GT_OK;
}

/* The terms of what is left out stay: a filter may say yes too often. */
gt_status gt_event_batch_sift(gt_event_batch *batch, bool all,
                              gt_status (*is_new)(void *user, gt_hash128 key, bool *ret_new),
                              void *user)
{
    gt_assert(!batch->sealed);
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        bool keep = true;
        if (all || !batch->entries[i].checked)
            GT_TRY(is_new(user, batch->entries[i].key, &keep));
        if (!keep)
            continue;
        gt_columns_move(batch->columns, i, kept);
        batch->entries[kept++] = batch->entries[i];
    }
    batch->count = kept;
    return GT_OK;
}

gt_status gt_event_batch_keep(gt_event_batch *batch,
                              gt_status (*is_new)(void *user, gt_hash128 key, bool *ret_new),
                              void *user)
{
    return gt_event_batch_sift(batch, false, is_new, user);
}

bool gt_event_batch_sparse(const gt_event_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->entries[i].len;
    return batch->whole.ptr && bytes < batch->whole.len / 2;
}

gt_status gt_event_batch_move(gt_event_batch *batch, size_t index, gt_event_batch *to)
{
    const gt_event_entry *e = &batch->entries[index];
    GT_TRY(gt_event_batch_add(to, (gt_str){batch->whole.ptr + e->offset, e->len}, e->time));
    to->entries[to->count - 1].checked = true;
    return GT_OK;
}

gt_status gt_event_batch_drop(gt_event_batch *batch)
{
    gt_event_batch_clear(batch);
    return gt_columns_block(batch->columns, 0, 0);
}

/* --- sealing ----------------------------------------------------------------------------------- */

/* A filter large enough for all terms as if each were new, then halved while it is sparse: that costs
 * less than telling the distinct ones apart first. Halving joins neighbours, which is exactly the filter
 * of half the size, as a block's number is the high bits of a hash. */
static gt_status build_filter(gt_event_batch *batch)
{
    size_t bytes = GT_FILTER_BLOCK_BYTES;
    while (bytes < gt_filter_bytes(batch->terms.count) / 2)
        bytes *= 2;
    gt_buf_reset(&batch->filter);
    char *room = gt_buf_room(&batch->filter, bytes);
    if (!room)
        return gt_buf_status(&batch->filter);
    uint8_t *filter = (uint8_t *)room;
    memset(filter, 0, bytes);
    for (size_t i = 0; i < batch->terms.count; i++)
        gt_filter_add(filter, bytes, batch->terms.items[i]);
    while (bytes > GT_FILTER_BLOCK_BYTES && gt_filter_sparse(filter, bytes)) {
        gt_filter_halve(filter, bytes);
        bytes /= 2;
    }
    batch->filter.len = bytes;
    return GT_OK;
}

static gt_status write_keys(gt_event_batch *batch)
{
    gt_buf_reset(&batch->keys);
    for (size_t i = 0; i < batch->count; i++) {
        const gt_event_entry *e = &batch->entries[i];
        uint64_t key[2] = {htole64(e->key.low), htole64(e->key.high)};
        gt_buf_add(&batch->keys, (gt_str){(const char *)key, sizeof key});
    }
    return gt_buf_status(&batch->keys);
}

/* Records side by side again after some were left out, their heads before them. */
static gt_str lay_out(gt_event_batch *batch)
{
    size_t end = HEAD_ROOM, heads = batch->count * sizeof(gt_event_head);
    char *head_at = batch->text.data + HEAD_ROOM - heads;
    for (size_t i = 0; i < batch->count; i++) {
        gt_event_entry *e = &batch->entries[i];
        gt_event_head head = {htole64((uint64_t)e->time), htole32(e->len)};
        memcpy(head_at + i * sizeof head, &head, sizeof head);
        if (e->offset != end)
            memmove(batch->text.data + end, batch->text.data + e->offset, e->len);
        e->offset = end;
        end += e->len;
    }
    return (gt_str){head_at, heads + end - HEAD_ROOM};
}

static gt_status compress(gt_event_batch *batch, gt_str plain)
{
    size_t bound = ZSTD_compressBound(plain.len);
    gt_buf_reset(&batch->data);
    char *room = gt_buf_room(&batch->data, bound);
    if (!room)
        return gt_buf_status(&batch->data);
    (void)ZSTD_CCtx_setParameter(batch->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(batch->zstd, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(batch->zstd, room, bound, plain.ptr, plain.len);
    if (ZSTD_isError(n))
        return GT_NOMEM;
    batch->data.len = n;
    return GT_OK;
}

static gt_status write_heads(gt_event_batch *batch)
{
    gt_event_heads heads;
    gt_event_heads_begin(&heads, &batch->heads, batch->whole.len);
    for (size_t i = 0; i < batch->count; i++) {
        const gt_event_entry *e = &batch->entries[i];
        gt_event_heads_add(&heads, (gt_event_spot){e->time, e->offset, e->len});
    }
    return gt_buf_status(&batch->heads);
}

gt_status gt_event_batch_seal(gt_event_batch *batch)
{
    gt_assert(!batch->sealed);
    if (batch->count) {
        GT_TRY(build_filter(batch));
        GT_TRY(write_keys(batch));
        gt_str plain = batch->whole.ptr ? batch->whole : lay_out(batch);
        batch->plain_len = plain.len;
        if (batch->whole.ptr)
            GT_TRY(write_heads(batch));
        else
            GT_TRY(compress(batch, plain));
    }
    batch->sealed = true;
    return GT_OK;
}

void gt_event_batch_unseal(gt_event_batch *batch)
{
    batch->sealed = false;
}
