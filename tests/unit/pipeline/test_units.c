/* A plain file read in parts by several threads: the same records, order, counts, problems and offsets
 * as when one reads it, whatever the text and wherever the parts begin. */
#include "test.h"

#include "base/buf.h"
#include "base/limits.h"
#include "pipeline/pipeline.h"
#include "source/file/file.h"

#include <time.h>
#include <unistd.h>

typedef struct outcome {
    gt_pipeline_counts counts;
    gt_buf text; /* what was committed, and the problems among it */
} outcome;

static bool slow;

static gt_status on_record(void *w, const gt_input *input, const gt_record *record, gt_emit *emit)
{
    (void)w;
    (void)input;
    if (slow && record->offset % 3 == 0) /* so that others come to the parts behind */
        nanosleep(&(struct timespec){0, 20000}, NULL);
    if (record->offset % 17 == 5)
        gt_emit_reject(emit, "asked to");
    gt_emit_bytes(emit, 1, record->json);
    return GT_OK;
}

static gt_status on_commit(void *ctx, const gt_committed *item)
{
    outcome *o = ctx;
    gt_buf_printf(&o->text, "%llu %.*s\n", (unsigned long long)item->offset,
                  GT_STR_ARG(item->bytes));
    return gt_buf_status(&o->text);
}

static void on_problem(void *ctx, const gt_problem *problem)
{
    outcome *o = ctx;
    gt_buf_printf(&o->text, "! %d %llu %s\n", (int)problem->kind,
                  (unsigned long long)problem->offset, problem->reason);
}

static uint64_t no_time(void)
{
    return 0;
}

static outcome read_path(const char *path, gt_record_kind kind, size_t threads, uint64_t unit_bytes)
{
    outcome o = {.text = GT_BUF(GT_GIB)};
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_inputs inputs;
    gt_str p = gt_str_c(path);
    assert_int_equal(gt_inputs_expand(arena, &p, 1, NULL, &inputs), GT_OK);
    gt_pipeline_options options = {.inputs = &inputs, .kind = kind, .threads = threads,
                                   .unit_bytes = unit_bytes, .clock_ns = no_time};
    gt_pipeline_stage stage = {
        .ctx = &o, .record = on_record, .commit = on_commit, .problem = on_problem};
    assert_int_equal(gt_pipeline_run(&options, &stage, &o.counts), GT_OK);
    gt_arena_free(arena);
    assert_int_equal(o.counts.read, o.counts.evaluated + o.counts.duplicate + o.counts.rejected);
    return o;
}

/* --- made-up texts -----------------------------------------------------------------------------*/

static uint64_t state;

static unsigned dice(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % n;
}

static const char *const lures[] = {
    /* Text in strings and in fields that looks like what stands between records. */
    "\"},{\\\"eventID\\\":\\\"x\\\",\\\"eventName\\\":\\\"y\\\",\\\"eventTime\\\":\\\"z\\\"},\"",
    "[1,{\"eventID\":\"x\",\"eventName\":\"y\",\"awsRegion\":\"z\"},{\"eventID\":\"i\",\"eventName\":\"n\"}]",
    "\"}]}\\n{\\\"Records\\\":[\"",
    "{\"Records\":[{\"eventID\":\"in\",\"eventName\":\"y\"},\n{\"eventID\":\"in\",\"eventName\":\"y\"}]}",
    "null", "[[],{}]", "\"\\u007b\"", "-1.5e3",
};

static const char *const broken[] = {
    "{\"eventID\":\"b\",\"eventName\":}", "{\"eventID\":\"b\" \"eventName\":\"n\"}",
    "{\"eventID\":\"b,\"eventName\":\"n\"}", "{\"eventID\":\"b\",\"eventName\":\"n\"",
    "\"eventID\":\"b\",\"eventName\":\"n\"}", "nonsense", "17", "[1,2]", "\"text\"", "{}", "}", "]", ",",
    "{\"detail\":{\"eventID\":\"d\",\"eventName\":\"n\",\"eventTime\":\"t\"}}",
    "2023-07-10T11:45:00.000Z {\"eventID\":\"l\",\"eventName\":\"n\",\"eventTime\":\"t\"}", "\x1e",
    "[{\"eventID\":\"a\",\"eventName\":\"n\"},{\"eventID\":\"a2\",\"eventName\":\"n\"}]", "{\"Records\":[",
};

static const char *const whites[] = {"", "", "", "\n", " ", "\r\n", "\n  ", "\n\n"};

static void put_white(gt_buf *out)
{
    gt_buf_add(out, gt_str_c(whites[dice(sizeof whites / sizeof *whites)]));
}

static void put_record(gt_buf *out, unsigned size)
{
    gt_buf_printf(out, "{\"eventVersion\":\"1.08\",\"eventID\":\"id-%u\",\"eventName\":\"n\",", dice(400));
    if (dice(4) == 0)
        gt_buf_printf(out, "\"x\":%s,", lures[dice(sizeof lures / sizeof *lures)]);
    gt_buf_printf(out, "\"eventTime\":\"2024-01-01T00:00:%02uZ\",\"pad\":\"", dice(60));
    for (unsigned n = dice(size); n > 0; n--)
        gt_buf_add_byte(out, 'x');
    gt_buf_lit(out, "\"}");
}

/* shape: 0 lines, 1 one object after another, 2 {"Records":[…]}, 3 […], 4 lines of containers. */
static void put_text(gt_buf *out, unsigned shape, unsigned count, unsigned size, unsigned wrong)
{
    const char *open = shape == 3 ? "[" : "{\"Records\":[";
    if (shape >= 2)
        gt_buf_add(out, gt_str_c(open));
    for (unsigned i = 0; i < count; i++) {
        bool first = i == 0;
        if (shape == 4 && i > 0 && dice(4) == 0) {
            gt_buf_lit(out, "]}\n");
            gt_buf_add(out, gt_str_c(open));
            first = true;
        }
        if (shape >= 2 && !first && !(wrong && dice(wrong) == 0))
            gt_buf_add_byte(out, ',');
        if (shape)
            put_white(out);
        if (wrong && dice(wrong) == 0)
            gt_buf_add(out, gt_str_c(broken[dice(sizeof broken / sizeof *broken)]));
        else
            put_record(out, size);
        if (shape == 0 && !(wrong && dice(wrong) == 0))
            gt_buf_add_byte(out, '\n');
        if (shape > 1)
            put_white(out);
    }
    if (shape >= 2)
        gt_buf_add(out, shape == 3 ? GT_STR("]") : GT_STR("]}"));
    if (wrong && dice(3) == 0)
        out->len -= dice((unsigned)out->len / 4); /* cut */
}

static char file[64];

static int make_file(void **s)
{
    (void)s;
    strcpy(file, "/tmp/gt-units-XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **s)
{
    (void)s;
    return unlink(file);
}

static void write_text(gt_str text)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

static void assert_same(const outcome *one, const outcome *more, const char *what)
{
    const gt_pipeline_counts *a = &one->counts, *b = &more->counts;
    bool same = gt_str_eq(gt_buf_str(&one->text), gt_buf_str(&more->text)) && a->read == b->read &&
                a->evaluated == b->evaluated && a->duplicate == b->duplicate &&
                a->rejected == b->rejected && a->problems == b->problems && a->files == b->files &&
                a->warnings == b->warnings && a->decoded_bytes == b->decoded_bytes;
    if (!same)
        fail_msg("%s: read %llu and %llu, problems %llu and %llu, bytes %llu and %llu; see %s", what,
                 (unsigned long long)a->read, (unsigned long long)b->read,
                 (unsigned long long)a->problems, (unsigned long long)b->problems,
                 (unsigned long long)a->decoded_bytes, (unsigned long long)b->decoded_bytes, file);
}

typedef struct parts {
    size_t all, absorbed;
} parts;

static void compare(gt_record_kind kind, const char *path, size_t threads, uint64_t unit_bytes,
                    const char *what, parts *sum)
{
    slow = false;
    outcome one = read_path(path, kind, 1, 0);
    slow = true;
    outcome more = read_path(path, kind, threads, unit_bytes);
    assert_same(&one, &more, what);
    sum->all += more.counts.profile.parts;
    sum->absorbed += more.counts.profile.absorbed;
    gt_buf_done(&one.text);
    gt_buf_done(&more.text);
}

static void run_texts(unsigned count, unsigned records, unsigned size, parts *sound, parts *wrong)
{
    static const unsigned unit_sizes[] = {100, 333, 1000, 4099};
    for (unsigned i = 0; i < count; i++) {
        state = i * 77 + size;
        gt_buf text = GT_BUF(GT_GIB);
        unsigned shape = i % 5, errors = i % 3 == 0 ? 0 : i % 3 == 1 ? 4 : 40;
        put_text(&text, shape, records / 2 + dice(records), size, errors);
        assert_int_equal(gt_buf_status(&text), GT_OK);
        write_text(gt_buf_str(&text));
        uint64_t unit = (uint64_t)unit_sizes[dice(4)] * (size > 1000 ? 97 : 1);
        char what[64];
        snprintf(what, sizeof what, "text %u, shape %u, errors %u", i, shape, errors);
        gt_record_kind kind = i % 7 == 6 ? GT_RECORDS_ECS : GT_RECORDS_CLOUDTRAIL;
        compare(kind, file, i % 2 ? 2 : 4, unit, what,
                errors || kind == GT_RECORDS_ECS ? wrong : sound);
        gt_buf_done(&text);
    }
}

static void test_small(void **s)
{
    (void)s;
    parts sound = {0}, wrong = {0};
    run_texts(400, 60, 200, &sound, &wrong);
    print_message("parts %zu, absorbed %zu; with errors %zu, %zu\n", sound.all, sound.absorbed,
                  wrong.all, wrong.absorbed);
    assert_true(sound.all > 1000 && wrong.all > 1000);
    assert_true(sound.absorbed < sound.all);
}

/* Larger than a window: what follows a broken record is judged by what was read so far. */
static void test_windows(void **s)
{
    (void)s;
    parts sound = {0}, wrong = {0};
    run_texts(60, 300, 20000, &sound, &wrong);
    print_message("parts %zu, absorbed %zu; with errors %zu, %zu\n", sound.all, sound.absorbed,
                  wrong.all, wrong.absorbed);
    assert_true(sound.absorbed < sound.all);
}

static void append_text(gt_decoder *decoder, const gt_input *input, FILE *to)
{
    gt_source_file from;
    const char *reason;
    gt_window window = {0};
    assert_int_equal(gt_source_file_open(input, &from, &reason), GT_OK);
    gt_decoder_begin(decoder, gt_source_file_read, &from, from.size);
    do {
        assert_int_equal(gt_decoder_more(decoder, window.len, &window), GT_OK);
        assert_int_equal(fwrite(window.data, 1, window.len, to), window.len);
    } while (!window.last);
    gt_source_file_close(&from);
}

/* All logs behind each other, as cat makes a large file of them. */
static void test_real(void **s)
{
    (void)s;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/cloudtrail", test_shared());
    TEST_NEEDS_SHARED(folder);
    gt_arena *arena = gt_arena_new(GT_GIB);
    gt_decoder *decoder = gt_decoder_new();
    gt_inputs inputs;
    gt_str p = gt_str_c(folder);
    assert_int_equal(gt_inputs_expand(arena, &p, 1, NULL, &inputs), GT_OK);
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < inputs.count; i++)
        append_text(decoder, &inputs.items[i], f);
    assert_int_equal(fclose(f), 0);
    gt_decoder_free(decoder);
    gt_arena_free(arena);
    parts sum = {0};
    compare(GT_RECORDS_CLOUDTRAIL, file, 2, 100003, "cat", &sum);
    compare(GT_RECORDS_CLOUDTRAIL, file, 4, GT_MIB, "cat", &sum);
    compare(GT_RECORDS_ECS, file, 2, GT_MIB, "cat, ECS", &sum);
    print_message("parts %zu, absorbed %zu\n", sum.all, sum.absorbed);
    assert_true(sum.absorbed < sum.all / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_windows, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_real, make_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
