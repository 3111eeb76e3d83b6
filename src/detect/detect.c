#include "detect/detect.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "detect/alert_internal.h"
#include "detect/dispatch.h"
#include "detect/early.h"
#include "detect/prefilter.h"

#include <stdlib.h>

/* What a worker keeps of its arena between records: more than a usual record needs. */
#define BATCH_KEEP_BYTES (4 * GT_MIB)

/* A query, and the rules that ask it. */
typedef struct program {
    const gt_query *query;
    uint32_t *rules; /* indices, ascending */
    uint32_t rule_count;
    bool bare; /* some rule has nothing beside the query */
} program;

struct gt_detector {
    const gt_rule **items;
    size_t count;
    program *programs;
    size_t program_count;
    gt_str *tails;
    gt_early *early;
    gt_dispatch *dispatch;
    gt_prefilter *prefilter;
    bool documents;
    gt_time_ms now;
};

struct gt_detect_worker {
    const gt_detector *detector;
    gt_detect_enrich enrich; /* enrich.enrich NULL: none */
    gt_ecs *ecs;
    gt_arena *batch;
    gt_arena *scratch;
    gt_time_ms now;
    uint64_t *candidates; /* the record's, a bit for each program */
    uint64_t *certain;    /* of these, the ones whose query matches whatever else */
    uint64_t *judge_ns;   /* what judging each program took, with timing */
    uint32_t *found;      /* rules that match, when they are collected */
    gt_buf text;
    gt_prefilter_look look;
    gt_early_look *early;
    gt_detect_timing timing; /* took NULL: nobody wants to know */
};

/* --- the detector ---------------------------------------------------------------------------- */

static gt_status make_tails(gt_arena *rules, gt_detector *d, bool scheduled)
{
    d->tails = gt_arena_array(rules, gt_str, d->count + 1);
    if (!d->tails)
        return gt_arena_status(rules);
    gt_buf text = GT_BUF(GT_RULE_FILE_MAX);
    gt_status status = GT_OK;
    for (size_t i = 0; i < d->count && status == GT_OK; i++) {
        gt_buf_reset(&text);
        gt_alert_write_tail(d->items[i], scheduled, &text);
        status = gt_buf_status(&text);
        if (status != GT_OK)
            break;
        d->tails[i] = gt_arena_dup(rules, gt_buf_str(&text));
        if (!d->tails[i].ptr)
            status = gt_arena_status(rules);
    }
    gt_buf_done(&text);
    return status;
}

/* Rules to programs: `of_rule` gets the program of each. */
static gt_status group_rules(gt_arena *rules, gt_detector *d, uint32_t *of_rule)
{
    size_t size = 16;
    while (size < 2 * d->count)
        size *= 2;
    uint32_t *slots = gt_arena_array(rules, uint32_t, size);
    d->programs = gt_arena_array(rules, program, d->count + 1);
    if (!slots || !d->programs)
        return gt_arena_status(rules);
    for (size_t i = 0; i < d->count; i++) {
        const gt_query *query = d->items[i]->query;
        size_t at = gt_hash64(gt_query_text(query), 0) & (size - 1);
        while (slots[at] && !gt_query_same(d->programs[slots[at] - 1].query, query))
            at = (at + 1) & (size - 1);
        if (!slots[at]) {
            d->programs[d->program_count].query = query;
            slots[at] = (uint32_t)++d->program_count;
        }
        of_rule[i] = slots[at] - 1;
        d->programs[of_rule[i]].rule_count++;
    }
    return GT_OK;
}

static gt_status make_programs(gt_arena *rules, gt_detector *d)
{
    uint32_t *of_rule = gt_arena_array(rules, uint32_t, d->count + 1);
    uint32_t *lists = gt_arena_array(rules, uint32_t, d->count + 1);
    if (!of_rule || !lists)
        return gt_arena_status(rules);
    GT_TRY(group_rules(rules, d, of_rule));
    const gt_query **queries = gt_arena_array(rules, const gt_query *, d->program_count + 1);
    if (!queries)
        return gt_arena_status(rules);
    for (size_t i = 0; i < d->program_count; i++) {
        program *p = &d->programs[i];
        queries[i] = p->query;
        p->rules = lists;
        lists += p->rule_count;
        p->rule_count = 0;
    }
    for (size_t i = 0; i < d->count; i++) {
        program *p = &d->programs[of_rule[i]];
        p->rules[p->rule_count++] = (uint32_t)i;
        p->bare |= !d->items[i]->filter_count && !d->items[i]->exceptions;
    }
    GT_TRY(gt_dispatch_new(rules, queries, d->program_count, &d->dispatch));
    GT_TRY(gt_prefilter_new(rules, queries, d->program_count, &d->prefilter));
    return gt_early_new(rules, queries, d->program_count, &d->early);
}

gt_status gt_detector_new(gt_arena *rules, const gt_detector_options *options, gt_detector **ret)
{
    gt_detector *d = gt_arena_new_of(rules, gt_detector);
    if (!d)
        return gt_arena_status(rules);
    d->items = gt_arena_array(rules, const gt_rule *, options->rules->count + 1);
    if (!d->items)
        return gt_arena_status(rules);
    d->documents = options->documents;
    d->now = options->now;
    for (size_t i = 0; i < options->rules->count; i++) {
        const gt_rule *rule = options->rules->items[i];
        if (rule->state != GT_RULE_RUNS)
            continue;
        if (options->select ? options->select(options->select_ctx, rule) : rule->enabled)
            d->items[d->count++] = rule;
    }
    GT_TRY(make_programs(rules, d));
    GT_TRY(make_tails(rules, d, options->scheduled));
    *ret = d;
    return GT_OK;
}

size_t gt_detector_count(const gt_detector *detector)
{
    return detector->count;
}

const gt_rule *gt_detector_rule(const gt_detector *detector, size_t index)
{
    gt_assert(index < detector->count);
    return detector->items[index];
}

gt_str gt_detector_alert_tail(const gt_detector *detector, size_t index)
{
    gt_assert(index < detector->count);
    return detector->tails[index];
}

gt_time_ms gt_detector_now(const gt_detector *detector)
{
    return detector->now;
}

/* Could a name with wildcards stand for something at or below `field`? Too many yeses do no harm. */
static bool name_covers(gt_str name, gt_str field)
{
    size_t star = gt_str_find_byte(name, '*');
    if (star != GT_NPOS) {
        gt_str head = gt_str_head(name, star);
        return gt_str_starts(field, head) || gt_str_starts(head, field);
    }
    return gt_str_starts(name, field) && (name.len == field.len || name.ptr[field.len] == '.');
}

bool gt_rule_reads(const gt_rule *rule, gt_str field)
{
    size_t count = 0;
    const gt_str *fields = rule->query ? gt_query_fields(rule->query, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (name_covers(fields[i], field))
            return true;
    for (size_t i = 0; i < rule->more_field_count; i++)
        if (name_covers(rule->more_fields[i], field))
            return true;
    return false;
}

bool gt_detector_reads(const gt_detector *detector, gt_str field)
{
    for (size_t i = 0; i < detector->count; i++)
        if (gt_rule_reads(detector->items[i], field))
            return true;
    return false;
}

/* The programs among 64 * word … that may match the record, as bits. */
static uint64_t candidates_of(const gt_detector *d, gt_dispatch_key key, size_t word,
                              gt_prefilter_look *look)
{
    uint64_t found = key.provider[word] & key.action[word];
    for (uint64_t left = found; left; left &= left - 1) {
        size_t bit = (size_t)__builtin_ctzll(left);
        if (!gt_prefilter_passes(d->prefilter, word * 64 + bit, look))
            found &= ~((uint64_t)1 << bit);
    }
    return found;
}

bool gt_detector_candidate(const gt_detector *detector, const gt_record *record)
{
    if (detector->documents)
        return detector->count != 0;
    gt_dispatch_key key =
        gt_dispatch_find(detector->dispatch, record->event_source, record->event_name);
    size_t words = gt_dispatch_words(detector->dispatch);
    for (size_t w = 0; w < words; w++)
        if (key.provider[w] & key.action[w])
            return true;
    return false;
}

/* --- a worker -------------------------------------------------------------------------------- */

gt_status gt_detect_worker_new(const gt_detector *detector, const gt_ecs_tables *tables,
                               const gt_detect_enrich *enrich, gt_detect_worker **ret)
{
    gt_detect_worker *w = gt_calloc(1, sizeof(*w));
    if (!w)
        return GT_NOMEM;
    w->detector = detector;
    w->now = detector->now;
    if (enrich)
        w->enrich = *enrich;
    w->batch = gt_arena_new(GT_BATCH_ARENA_MAX);
    w->scratch = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    w->ecs = tables ? gt_ecs_new(tables) : NULL;
    w->candidates = gt_calloc(gt_dispatch_words(detector->dispatch) + 1, sizeof(uint64_t));
    w->certain = gt_calloc(gt_dispatch_words(detector->dispatch) + 1, sizeof(uint64_t));
    w->judge_ns = gt_calloc(detector->program_count + 1, sizeof(uint64_t));
    w->found = gt_calloc(detector->count + 1, sizeof *w->found);
    w->text = GT_BUF(GT_BATCH_ARENA_MAX);
    w->look.seen = gt_calloc(gt_prefilter_texts(detector->prefilter), sizeof(uint64_t));
    w->early = gt_early_look_new(detector->early, NULL);
    bool whole = w->batch && w->scratch && w->candidates && w->certain && w->judge_ns && w->found &&
                 w->look.seen && w->early && (w->ecs || !tables);
    if (!whole) {
        gt_detect_worker_free(w);
        return GT_NOMEM;
    }
    *ret = w;
    return GT_OK;
}

void gt_detect_worker_free(gt_detect_worker *worker)
{
    if (!worker)
        return;
    gt_ecs_free(worker->ecs);
    gt_free(worker->candidates);
    gt_free(worker->certain);
    gt_free(worker->judge_ns);
    gt_free(worker->found);
    gt_buf_done(&worker->text);
    gt_early_look_free(worker->early);
    gt_free(worker->look.seen);
    gt_arena_free(worker->batch);
    gt_arena_free(worker->scratch);
    gt_free(worker);
}

gt_arena *gt_detect_worker_batch(gt_detect_worker *worker)
{
    return worker->batch;
}

void gt_detect_worker_set_now(gt_detect_worker *worker, gt_time_ms now)
{
    worker->now = now;
}

void gt_detect_worker_set_timing(gt_detect_worker *worker, const gt_detect_timing *timing)
{
    worker->timing = *timing;
}

static gt_status parse(gt_detect_worker *w, gt_str text, gt_json **ret)
{
    GT_TRY(gt_json_parse(w->batch, text, ret, NULL));
    return gt_json_is(*ret, GT_JSON_OBJECT) ? GT_OK : GT_INVALID;
}

gt_status gt_detect_map(gt_detect_worker *w, const gt_record *record, gt_json **ret_document)
{
    gt_json *document = NULL, *tree = NULL;
    bool documents = w->detector->documents;
    gt_arena_reset(w->batch, BATCH_KEEP_BYTES);
    GT_TRY(parse(w, record->json, &tree));
    if (documents)
        document = tree;
    else
        GT_TRY(gt_ecs_map(w->ecs, w->batch, tree, record->json, &document));
    if (w->enrich.enrich &&
        (!w->enrich.wanted || documents || w->enrich.wanted(w->enrich.ctx, record))) {
        /* The mapping has consumed the first tree. */
        gt_json *again = NULL;
        if (!documents)
            GT_TRY(parse(w, record->json, &again));
        GT_TRY(w->enrich.enrich(w->enrich.ctx, w->batch, again, document));
    }
    *ret_document = document;
    return GT_OK;
}

static uint64_t clock_of(const gt_detect_worker *w)
{
    return w->timing.took ? w->timing.now_ns(w->timing.ctx) : 0;
}

/* Tell what the program's rules took since `before`, all of them for the first. */
static void tell_time(gt_detect_worker *w, const program *p, uint64_t before)
{
    if (!w->timing.took)
        return;
    uint64_t now = clock_of(w);
    for (uint32_t i = 0; i < p->rule_count; i++, before = now)
        w->timing.took(w->timing.ctx, p->rules[i], now, now - before);
}

/* Which rules of the program match: their indices go behind the `count` found so far. */
static void run_program(gt_detect_worker *w, size_t index, const gt_json *document, size_t *count)
{
    const program *p = &w->detector->programs[index];
    gt_query_env env = {.scratch = w->scratch, .now = w->now};
    uint64_t before = clock_of(w) - w->judge_ns[index];
    bool certain = w->certain[index / 64] >> (index % 64) & 1;
    if (!certain && !gt_query_run(p->query, document, &env)) {
        tell_time(w, p, before);
        return;
    }
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (gt_rule_run_rest(w->detector->items[p->rules[i]], document, &env) == GT_RULE_MATCHES)
            w->found[(*count)++] = p->rules[i];
    }
    tell_time(w, p, before);
}

static int compare_indices(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static gt_status make_matches(gt_detect_worker *w, gt_json *document, gt_str event_id, size_t count,
                              const gt_match **ret)
{
    gt_match *matches = gt_arena_array(w->batch, gt_match, count);
    char *ids = gt_arena_alloc(w->batch, count * GT_ALERT_ID_LEN);
    gt_str own_id = gt_document_text(document, GT_STR("event.id"));
    if (!own_id.len)
        own_id = gt_arena_dup(w->batch, event_id);
    if (!matches || !ids || !own_id.ptr)
        return gt_arena_status(w->batch);
    gt_buf_reset(&w->text);
    gt_alert_id_rest(document, own_id, &w->text);
    size_t rest = w->text.len;
    for (size_t i = 0; i < count; i++) {
        const gt_rule *rule = w->detector->items[w->found[i]];
        char *id = ids + i * GT_ALERT_ID_LEN;
        GT_TRY(gt_alert_id_of(rule, &w->text, rest, id));
        matches[i] = (gt_match){
            .index = w->found[i],
            .rule = rule,
            .document = document,
            .id = {id, GT_ALERT_ID_LEN},
            .event_id = own_id,
            .now = w->now,
        };
    }
    *ret = matches;
    return GT_OK;
}

/* Run the programs in w->candidates. */
static gt_status match_all(gt_detect_worker *w, gt_json *document, gt_str event_id,
                           const gt_match **ret_matches, size_t *ret_count)
{
    const gt_detector *d = w->detector;
    size_t count = 0, programs = 0;
    *ret_matches = NULL;
    *ret_count = 0;
    for (size_t word = 0; word < gt_dispatch_words(d->dispatch); word++) {
        for (uint64_t left = w->candidates[word]; left; left &= left - 1) {
            size_t before = count;
            run_program(w, word * 64 + (size_t)__builtin_ctzll(left), document, &count);
            programs += count > before;
        }
    }
    if (!count)
        return GT_OK;
    if (programs > 1)
        qsort(w->found, count, sizeof *w->found, compare_indices);
    GT_TRY(make_matches(w, document, event_id, count, ret_matches));
    *ret_count = count;
    return GT_OK;
}

gt_status gt_detect_document(gt_detect_worker *worker, gt_json *document, gt_str event_id,
                             const gt_match **ret_matches, size_t *ret_count)
{
    gt_dispatch_key all =
        gt_dispatch_find(worker->detector->dispatch, GT_STR_NULL, GT_STR_NULL);
    for (size_t word = 0; word < gt_dispatch_words(worker->detector->dispatch); word++) {
        worker->candidates[word] = all.provider[word];
        worker->certain[word] = 0;
    }
    if (worker->timing.took)
        memset(worker->judge_ns, 0, worker->detector->program_count * sizeof(uint64_t));
    return match_all(worker, document, event_id, ret_matches, ret_count);
}

static bool find_candidates(gt_detect_worker *w, const gt_record *record)
{
    const gt_detector *d = w->detector;
    gt_dispatch_key key = gt_dispatch_find(d->dispatch, record->event_source, record->event_name);
    uint64_t any = 0;
    gt_prefilter_turn(&w->look, record->json);
    for (size_t word = 0; word < gt_dispatch_words(d->dispatch); word++) {
        w->candidates[word] = candidates_of(d, key, word, &w->look);
        any |= w->candidates[word];
    }
    return any != 0;
}

static gt_truth judge(gt_detect_worker *w, size_t index)
{
    uint64_t before = clock_of(w);
    gt_truth truth = gt_early_judge(w->early, index, w->now);
    if (truth == GT_FALSE)
        tell_time(w, &w->detector->programs[index], before);
    w->judge_ns[index] = clock_of(w) - before;
    return truth;
}

/* Drop the candidates that cannot match. *ret_sure: some rule matches for certain. */
static bool judge_candidates(gt_detect_worker *w, const gt_record *record, bool *ret_sure)
{
    const gt_detector *d = w->detector;
    uint64_t any = 0;
    *ret_sure = false;
    gt_early_turn(w->early, record);
    for (size_t word = 0; word < gt_dispatch_words(d->dispatch); word++) {
        w->certain[word] = 0;
        for (uint64_t left = w->candidates[word]; left; left &= left - 1) {
            size_t index = word * 64 + (size_t)__builtin_ctzll(left);
            gt_truth truth = judge(w, index);
            if (truth == GT_FALSE)
                w->candidates[word] &= ~(left & -left);
            if (truth != GT_TRUE)
                continue;
            w->certain[word] |= left & -left;
            *ret_sure |= d->programs[index].bare;
        }
        any |= w->candidates[word];
    }
    return any != 0;
}

/* With the candidates found. */
static gt_status evaluate(gt_detect_worker *w, const gt_record *record,
                          const gt_match **ret_matches, size_t *ret_count)
{
    gt_json *document = NULL;
    char name[GT_RECORD_ID_MAX];
    GT_TRY(gt_detect_map(w, record, &document));
    gt_str event_id = gt_record_id(record, name);
    if (w->detector->documents)
        return gt_detect_document(w, document, event_id, ret_matches, ret_count);
    return match_all(w, document, event_id, ret_matches, ret_count);
}

gt_status gt_detect_record(gt_detect_worker *worker, const gt_record *record,
                           const gt_match **ret_matches, size_t *ret_count)
{
    bool sure;
    *ret_matches = NULL;
    *ret_count = 0;
    if (worker->detector->documents
            ? worker->detector->count == 0
            : !find_candidates(worker, record) || !judge_candidates(worker, record, &sure))
        return GT_OK;
    return evaluate(worker, record, ret_matches, ret_count);
}

gt_status gt_detect_any(gt_detect_worker *worker, const gt_record *record, bool *ret)
{
    const gt_match *matches = NULL;
    size_t count = 0;
    *ret = false;
    if (!worker->detector->documents &&
        (!find_candidates(worker, record) || !judge_candidates(worker, record, ret) || *ret))
        return GT_OK;
    GT_TRY(evaluate(worker, record, &matches, &count));
    *ret = count > 0;
    return GT_OK;
}
