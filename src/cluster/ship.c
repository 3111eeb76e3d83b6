#include "cluster/ship_internal.h"

#include "base/limits.h"
#include "base/mem.h"

static gt_ship_batch *batch_new(void)
{
    gt_ship_batch *b = gt_calloc(1, sizeof *b);
    if (b)
        b->text = GT_BUF(GT_CLUSTER_BODY_MAX);
    return b;
}

void gt_ship_batch_free(gt_ship_batch *b)
{
    if (!b)
        return;
    gt_buf_done(&b->text);
    gt_free(b->items);
    gt_free(b);
}

static bool batch_add(gt_ship_batch *b, gt_str id, gt_str document)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 1024;
        gt_ship_item *items = gt_realloc(b->items, cap * sizeof *items);
        if (!items)
            return false;
        b->items = items;
        b->cap = cap;
    }
    gt_ship_item item = {.id_at = b->text.len, .id_len = id.len};
    gt_buf_add(&b->text, id);
    item.document_at = b->text.len;
    while (document.len && (document.ptr[document.len - 1] == '\n' ||
                            document.ptr[document.len - 1] == '\r'))
        document.len--;
    item.document_len = document.len;
    gt_buf_add(&b->text, document);
    if (gt_buf_status(&b->text) != GT_OK)
        return false;
    b->items[b->count++] = item;
    b->document_bytes += document.len;
    return true;
}

static void *sender_main(void *opaque)
{
    gt_ship_sender *s = opaque;
    gt_ship *ship = s->ship;
    pthread_mutex_lock(&ship->lock);
    for (;;) {
        while (!ship->waiting && !ship->closing)
            pthread_cond_wait(&ship->changed, &ship->lock);
        gt_ship_batch *batch = ship->waiting;
        if (!batch)
            break;
        ship->waiting = NULL;
        ship->busy++;
        pthread_cond_broadcast(&ship->changed);
        bool give_up = ship->failure != GT_OK;
        pthread_mutex_unlock(&ship->lock);
        gt_status status = give_up ? GT_OK : gt_ship_send(s, batch);
        gt_ship_batch_free(batch);
        pthread_mutex_lock(&ship->lock);
        ship->busy--;
        if (status != GT_OK && ship->failure == GT_OK) {
            ship->failure = status;
            gt_str why = gt_cluster_message(s->cluster);
            snprintf(ship->message, sizeof ship->message, "%.*s", GT_STR_ARG(why));
        }
        pthread_cond_broadcast(&ship->changed);
    }
    pthread_mutex_unlock(&ship->lock);
    return NULL;
}

static void ship_free(gt_ship *ship)
{
    for (unsigned i = 0; i < ship->sender_count; i++) {
        gt_cluster_free(ship->senders[i].cluster);
        gt_arena_free(ship->senders[i].arena);
        gt_buf_done(&ship->senders[i].body);
    }
    gt_ship_batch_free(ship->filling);
    gt_ship_batch_free(ship->waiting);
    gt_arena_free(ship->arena);
    gt_free(ship->senders);
    pthread_mutex_destroy(&ship->lock);
    pthread_cond_destroy(&ship->changed);
    gt_free(ship);
}

static void end_senders(gt_ship *ship)
{
    pthread_mutex_lock(&ship->lock);
    ship->closing = true;
    pthread_cond_broadcast(&ship->changed);
    pthread_mutex_unlock(&ship->lock);
    for (unsigned i = 0; i < ship->started; i++)
        (void)pthread_join(ship->senders[i].thread, NULL);
}

static gt_status start_senders(gt_ship *ship, unsigned count)
{
    ship->senders = gt_calloc(count, sizeof *ship->senders);
    if (!ship->senders)
        return GT_NOMEM;
    ship->sender_count = count;
    for (unsigned i = 0; i < count; i++) {
        gt_ship_sender *s = &ship->senders[i];
        s->ship = ship;
        s->body = GT_BUF(GT_CLUSTER_BODY_MAX);
        s->cluster = gt_cluster_new(ship->options.cluster);
        s->arena = gt_arena_new(GT_CLUSTER_BODY_MAX * 4);
        if (!s->cluster || !s->arena)
            return GT_NOMEM;
    }
    GT_TRY(gt_ship_indices_read(&ship->senders[0]));
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&ship->senders[i].thread, NULL, sender_main, &ship->senders[i]) != 0)
            return GT_NOMEM;
        ship->started++;
    }
    return GT_OK;
}

gt_status gt_ship_open(const gt_ship_options *options, gt_ship **ret, gt_buf *reterr_message)
{
    gt_ship *ship = gt_calloc(1, sizeof *ship);
    if (!ship)
        return GT_NOMEM;
    ship->options = *options;
    if (!ship->options.batch_records)
        ship->options.batch_records = GT_SHIP_BATCH_RECORDS;
    if (!ship->options.batch_bytes)
        ship->options.batch_bytes = GT_SHIP_BATCH_BYTES;
    pthread_mutex_init(&ship->lock, NULL);
    pthread_cond_init(&ship->changed, NULL);
    ship->arena = gt_arena_new(16 * GT_MIB);
    ship->filling = batch_new();
    gt_status status = ship->arena && ship->filling
                           ? start_senders(ship, options->senders ? options->senders : GT_SHIP_SENDERS)
                           : GT_NOMEM;
    if (status != GT_OK) {
        if (ship->sender_count && ship->senders[0].cluster)
            gt_buf_add(reterr_message, gt_cluster_message(ship->senders[0].cluster));
        end_senders(ship);
        ship_free(ship);
        return status;
    }
    *ret = ship;
    return GT_OK;
}

/* Hand the full batch to the next free sender. */
static gt_status hand_over(gt_ship *ship)
{
    gt_ship_batch *next = batch_new();
    if (!next)
        return GT_NOMEM;
    pthread_mutex_lock(&ship->lock);
    while (ship->waiting && ship->failure == GT_OK)
        pthread_cond_wait(&ship->changed, &ship->lock);
    gt_status status = ship->failure;
    if (status == GT_OK) {
        ship->waiting = ship->filling;
        ship->filling = next;
        next = NULL;
        pthread_cond_broadcast(&ship->changed);
    }
    pthread_mutex_unlock(&ship->lock);
    gt_ship_batch_free(next);
    return status;
}

gt_status gt_ship_add(gt_ship *ship, gt_str id, gt_str document)
{
    if (!batch_add(ship->filling, id, document))
        return GT_NOMEM;
    pthread_mutex_lock(&ship->lock);
    ship->counts.added++;
    ship->counts.bytes += document.len;
    pthread_mutex_unlock(&ship->lock);
    if (ship->filling->count >= ship->options.batch_records ||
        ship->filling->document_bytes >= ship->options.batch_bytes)
        return hand_over(ship);
    return GT_OK;
}

gt_status gt_ship_flush(gt_ship *ship)
{
    if (ship->filling->count)
        GT_TRY(hand_over(ship));
    pthread_mutex_lock(&ship->lock);
    while ((ship->waiting || ship->busy) && ship->failure == GT_OK)
        pthread_cond_wait(&ship->changed, &ship->lock);
    gt_status status = ship->failure;
    pthread_mutex_unlock(&ship->lock);
    return status;
}

gt_ship_counts gt_ship_counts_now(gt_ship *ship)
{
    pthread_mutex_lock(&ship->lock);
    gt_ship_counts counts = ship->counts;
    pthread_mutex_unlock(&ship->lock);
    return counts;
}

gt_status gt_ship_close(gt_ship *ship, gt_ship_counts *ret_counts, gt_buf *reterr_message)
{
    gt_status status = ship->filling->count ? hand_over(ship) : GT_OK;
    end_senders(ship);
    if (status == GT_OK)
        status = ship->failure;
    for (unsigned i = 0; i < ship->sender_count; i++)
        ship->counts.repeats += gt_cluster_repeats(ship->senders[i].cluster);
    *ret_counts = ship->counts;
    if (status != GT_OK)
        gt_buf_add(reterr_message, gt_str_c(ship->message));
    ship_free(ship);
    return status;
}
