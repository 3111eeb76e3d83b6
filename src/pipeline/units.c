/* Units of work: an input, or a part of a large plain file.
 *
 * Why parts give what one reader gives. Every part but the first begins at a guess: a place in the text
 * with all that reading on depends on (gt_reader_place). The first part is right. A right part reads on
 * past its nominal end until it stands at exactly the place where the next part began, in the same
 * state: then what that part reads is what the right one would have read, so that one is right too. A
 * part whose beginning is passed without standing there is absorbed: its output is thrown away, and the
 * reader before it goes on to the part after it. A part that is itself wrong may absorb right ones: they
 * are read again by the one that absorbs it. Nothing of a part is committed before all parts before it
 * are finished or absorbed, that is before it is proved: a finished part has met the next one that is
 * not absorbed, or the end of the file.
 *
 * Nobody waits long: a part waits only for the guess of one that a worker is looking for right now. */
#include "base/limits.h"
#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

#define HEAD_BYTES 4096 /* of a file, to see what its records stand in */
#define WRONG_MAX 3     /* guesses that may be wrong, beside half of those that were right */

/* --- the plan ----------------------------------------------------------------------------------*/

static uint64_t unit_bytes(const run *r)
{
    return r->options->unit_bytes ? r->options->unit_bytes : GT_PIPELINE_UNIT_BYTES;
}

/* Is this a file to be read in parts, and what do its records stand in? */
static bool is_split(const run *r, const gt_input *input, gt_reader_place *ret)
{
    gt_source_file file;
    const char *reason;
    char head[HEAD_BYTES];
    size_t len = 0;
    if (r->worker_count < 2 || r->stage->effects || input->size / 2 < unit_bytes(r) ||
        input->problem || gt_str_is(input->name, "-") ||
        (r->options->fetch && gt_str_starts(input->name, GT_STR("s3://"))) ||
        gt_source_file_open(input, &file, &reason) != GT_OK)
        return false;
    bool split = gt_source_file_seek(&file, 0) == GT_OK && /* no pipe */
                 gt_source_file_read(&file, head, sizeof head, &len) == GT_OK &&
                 gt_reader_guess_frames(r->options->kind, (gt_str){head, len}, ret);
    gt_source_file_close(&file);
    return split;
}

static gt_status plan_input(run *r, size_t input, size_t *unit_cap, size_t *part_count)
{
    gt_reader_place begin;
    uint64_t size = r->options->inputs->items[input].size, step = unit_bytes(r);
    size_t parts = 0;
    if (is_split(r, &r->options->inputs->items[input], &begin))
        parts = (size_t)(size / step);
    size_t units = parts ? parts : 1;
    if (r->unit_count + units > *unit_cap) {
        *unit_cap += units + (parts ? *unit_cap / 2 : 0);
        unit *more = gt_realloc(r->units, *unit_cap * sizeof *more);
        if (!more)
            return GT_NOMEM;
        r->units = more;
    }
    part *all = parts ? gt_realloc(r->parts, (*part_count + parts) * sizeof *all) : NULL;
    if (parts && !all)
        return GT_NOMEM;
    if (parts)
        r->parts = all;
    for (size_t i = 0; i < units; i++)
        r->units[r->unit_count++] = (unit){.input = input, .last = i + 1 == units};
    for (size_t i = 0; i < parts; i++) {
        part *p = &r->parts[*part_count + i];
        *p = (part){.offset = i * step, .begin = begin};
        p->size = i + 1 == parts ? size - p->offset : step;
    }
    *part_count += parts;
    return GT_OK;
}

/* Set when the array of parts has stopped to move: units of split inputs are told by not being alone. */
static void link_parts(run *r)
{
    part *p = r->parts;
    for (size_t i = 0, first = 0; i < r->unit_count; i++) {
        if (!r->units[i].last)
            continue;
        part *head = p;
        for (size_t k = first; i > first && k <= i; k++) {
            p->head = head;
            r->units[k].part = p++;
        }
        first = i + 1;
    }
}

gt_status units_plan(run *r)
{
    size_t cap = r->options->inputs->count, parts = 0;
    r->units = gt_calloc(cap ? cap : 1, sizeof *r->units);
    if (!r->units)
        return GT_NOMEM;
    for (size_t i = 0; i < r->options->inputs->count; i++)
        GT_TRY(plan_input(r, i, &cap, &parts));
    link_parts(r);
    return GT_OK;
}

void units_free(run *r)
{
    for (size_t i = 0; r->units && i < r->unit_count; i++)
        for (batch *b = r->units[i].queue.first, *next; b; b = next) {
            next = b->next;
            batch_free(b);
        }
    gt_free(r->units);
    gt_free(r->parts);
}

/* --- absorbing, with the lock held -------------------------------------------------------------*/

static void absorb(run *r, size_t index)
{
    unit *u = &r->units[index];
    if (!u->claimed) { /* nobody will */
        u->claimed = true;
        r->unclaimed_bytes -= u->part->size;
        r->progress.bytes_done += u->part->size;
    }
    u->part->state = PART_ABSORBED;
    atomic_store_explicit(&u->part->absorbed, true, memory_order_relaxed);
    for (batch *b = u->queue.first, *next; b; b = next) {
        next = b->next;
        r->workers[b->owner].waiting_bytes -= batch_held(b);
        batch_recycle(r, b);
    }
    u->queue.first = u->queue.last = NULL;
    pthread_cond_broadcast(&r->moved);
}

/* The next part of the worker's file that is not absorbed; r->unit_count: none. */
static size_t next_part(const worker *w)
{
    const run *r = w->run;
    for (size_t i = w->unit; !r->units[i].last; i++)
        if (r->units[i + 1].part->state != PART_ABSORBED)
            return i + 1;
    return r->unit_count;
}

void part_finish(worker *w)
{
    run *r = w->run;
    if (w->part->state == PART_GUESSING && w->part != w->part->head)
        absorb(r, w->unit); /* the file could not be opened again */
    if (w->part->state == PART_ABSORBED || w->met)
        return;
    w->part->decoded = w->bytes_decoded;
    for (size_t next; (next = next_part(w)) < r->unit_count;)
        absorb(r, next);
}

/* --- reading a part ----------------------------------------------------------------------------*/

/* As of gt_reader_part.at_border, with the lock held. */
static gt_status border(worker *w, const gt_reader_place *here, uint64_t *ret_border)
{
    run *r = w->run;
    size_t next;
    while (w->part->state != PART_ABSORBED && (next = next_part(w)) < r->unit_count) {
        part *p = r->units[next].part;
        *ret_border = p->state == PART_GUESSED ? p->begin.offset : p->offset;
        if (here->offset < *ret_border)
            return GT_OK;
        if (p->state == PART_GUESSING) {
            pthread_cond_wait(&r->moved, &r->lock);
            continue;
        }
        w->met = p->state == PART_GUESSED && gt_reader_place_equals(here, &p->begin);
        p->head->right += w->met;
        p->head->wrong += p->state == PART_GUESSED && !w->met;
        if (w->met)
            return GT_END;
        absorb(r, next);
    }
    *ret_border = UINT64_MAX;
    return w->part->state == PART_ABSORBED ? GT_END : GT_OK;
}

static gt_status at_border(void *ctx, const gt_reader_place *here, uint64_t *ret_border)
{
    worker *w = ctx;
    pthread_mutex_lock(&w->run->lock);
    gt_status status = border(w, here, ret_border);
    pthread_mutex_unlock(&w->run->lock);
    return status;
}

static bool guess(worker *w, gt_source_file *file, gt_reader_place *begin)
{
    run *r = w->run;
    const part *p = w->part;
    pthread_mutex_lock(&r->lock);
    bool hopeless = p->head->wrong > WRONG_MAX + p->head->right / 2;
    pthread_mutex_unlock(&r->lock);
    return !hopeless && gt_source_file_seek(file, gt_reader_place_window(p->offset)) == GT_OK &&
           gt_reader_guess_place(w->reader, r->options->kind, gt_source_file_read, file, file->size,
                                 p->offset, begin) &&
           gt_source_file_seek(file, gt_reader_place_window(begin->offset)) == GT_OK;
}

gt_status part_read(worker *w, gt_source_file *file, const gt_record_sink *sink)
{
    run *r = w->run;
    bool is_first = w->part == w->part->head;
    gt_reader_place begin = w->part->begin;
    bool guessed = is_first || guess(w, file, &begin);
    pthread_mutex_lock(&r->lock);
    if (w->part->state != PART_GUESSING) {
        guessed = false; /* the part before it came to the end of the file meanwhile */
    } else if (guessed) {
        w->part->begin = begin;
        w->part->state = PART_GUESSED;
    } else {
        w->part->head->wrong++;
        r->progress.bytes_done += w->part->size;
        absorb(r, w->unit);
    }
    pthread_cond_broadcast(&r->moved);
    pthread_mutex_unlock(&r->lock);
    gt_reader_part place = {w, is_first ? NULL : &begin, at_border};
    return !guessed ? GT_END
                    : gt_reader_run_part(w->reader, r->options->kind, gt_source_file_read, file,
                                         file->size, sink, &place);
}
