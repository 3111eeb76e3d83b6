/* Every shape, cut everywhere, in any number of pieces, compressed and broken. */
#include "test.h"

#include "base/buf.h"
#include "base/limits.h"
#include "cloudtrail/cloudtrail.h"
#include "json/scan.h"

#include <libdeflate.h>
#include <zstd.h>

typedef struct memory {
    gt_str data;
    size_t pos, step;
} memory;

static gt_status read_memory(void *ctx, char *to, size_t room, size_t *ret_len)
{
    memory *m = ctx;
    size_t n = m->data.len - m->pos;
    if (n > room)
        n = room;
    if (m->step && n > m->step)
        n = m->step;
    memcpy(to, m->data.ptr + m->pos, n);
    m->pos += n;
    *ret_len = n;
    return GT_OK;
}

typedef struct outcome {
    gt_buf text; /* "+id@offset " for records, "-kind@offset " for problems */
    size_t records, rejected, problems;
    const char *last_reason;
} outcome;

static gt_status on_record(void *ctx, const gt_record *record)
{
    outcome *o = ctx;
    o->records++;
    assert_true(record->json.len >= 2 && record->json.ptr[0] == '{');
    assert_true(record->json.ptr[record->json.len - 1] == '}');
    gt_buf_printf(&o->text, "+%.*s@%llu ", GT_STR_ARG(record->event_id),
                  (unsigned long long)record->offset);
    return GT_OK;
}

static gt_status on_problem(void *ctx, gt_problem_kind kind, uint64_t offset, const char *reason)
{
    outcome *o = ctx;
    o->rejected += kind == GT_PROBLEM_RECORD;
    o->problems++;
    o->last_reason = reason;
    static const char names[] = "izrsw";
    gt_buf_printf(&o->text, "-%c@%llu ", names[kind], (unsigned long long)offset);
    return GT_OK;
}

static gt_reader *reader;

static outcome read_kind(gt_str data, size_t step, gt_record_kind kind)
{
    outcome o = {.text = GT_BUF(GT_GIB)};
    memory m = {data, 0, step};
    gt_record_sink sink = {&o, on_record, on_problem, NULL, NULL, NULL};
    assert_int_equal(gt_reader_run(reader, kind, read_memory, &m, step ? 0 : data.len, &sink), GT_OK);
    if (!o.text.data)
        gt_buf_lit(&o.text, "");
    return o;
}

static outcome read_text(gt_str data, size_t step)
{
    return read_kind(data, step, GT_RECORDS_CLOUDTRAIL);
}

static void expect_str(gt_str data, const char *want)
{
    static const size_t steps[] = {0, 1, 2, 3, 7, 64, 100};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        outcome o = read_text(data, steps[i]);
        if (strcmp(o.text.data, want) != 0)
            print_error("in steps of %zu: %.*s\n", steps[i], GT_STR_ARG(data));
        assert_string_equal(o.text.data, want);
        gt_buf_done(&o.text);
    }
}

static void expect(const char *data, const char *want)
{
    expect_str(gt_str_c(data), want);
}

#define R1 "{\"eventID\":\"1\"}"
#define R2 "{\"eventID\":\"2\"}"
#define R3 "{\"eventID\":\"3\"}"

static void test_plain_shapes(void **state)
{
    (void)state;
    expect("", "");
    expect("{\"Records\":[]}", "");
    expect("{\"Records\":[" R1 "," R2 "]}", "+1@12 +2@28 ");
    expect("{ \"Records\" :\r\n [ " R1 " ,\n" R2 " ] }\n", "+1@18 +2@36 ");
    expect("{\"x\":1,\"Records\":[" R1 "," R2 "],\"y\":{\"a\":[]}}", "+1@18 +2@34 ");
    expect("[" R1 "," R2 "]", "+1@1 +2@17 ");
    expect(R1, "+1@0 ");
    expect("\xef\xbb\xbf" R1 "\r\n" R2 "\r\n", "+1@3 +2@20 ");
    expect(R1 R2 "  " R3, "+1@0 +2@15 +3@32 ");
    expect("[" R1 "]\n{\"Records\":[" R2 "]}\n" R3, "+1@1 +2@30 +3@48 ");
    expect("{\"Records\":[" R1 "]}\n{\"Records\":[" R2 "," R3 "]}\n", "+1@12 +2@42 +3@58 ");
    expect("\x1e" R1 "\n\x1e" R2 "\n", "+1@1 +2@18 ");
    expect("{\n  \"eventVersion\": \"1.08\",\n  \"eventID\": \"1\"\n}\n", "+1@0 ");
    expect("{\"awsAccountId\":\"1\",\"digestStartTime\":\"x\"}", "+@0 ");
    expect("{\"insightDetails\":{},\"eventCategory\":\"Insight\"}", "+@0 ");
}

static void test_wrappers(void **state)
{
    (void)state;
    expect("{\"version\":\"0\",\"id\":\"e\",\"detail\":" R1 ",\"region\":\"r\"}", "+1@0 ");
    expect("{\"_index\":\"i\",\"_source\":" R1 "}\n{\"_source\":" R2 "}", "+1@0 +2@41 ");
    expect("{\"_source\":{\"event\":{\"original\":\"{\\\"eventID\\\":\\\"1\\\"}\"}}}", "+1@0 ");
    expect("{\"_source\":{\"event.original\":\"{\\\"eventID\\\":\\\"1\\\"}\"}}", "+1@0 ");
    expect("{\"_source\":{\"message\":\"{\\\"eventID\\\":\\\"1\\\"}\"}}", "+1@0 ");
    expect("{\"_source\":{\"json\":" R1 ",\"message\":\"plain words\"}}", "+1@0 ");
    expect("{\"message\":\"{\\\"eventID\\\":\\\"1\\\"}\"}", "+1@0 ");
    expect("{\"hits\":{\"total\":2,\"hits\":[{\"_source\":" R1 "},{\"_source\":" R2 "}],\"x\":1}}",
           "+1@27 +2@55 ");
    expect("{\"Events\":[{\"EventId\":\"e\",\"CloudTrailEvent\":\"{\\\"eventID\\\":\\\"1\\\"}\"},"
           "{\"CloudTrailEvent\":\"{\\\"eventID\\\":\\\"2\\\"}\"}],\"NextToken\":\"t\"}",
           "+1@11 +2@67 ");
    expect("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"123456789012\",\"logEvents\":[{\"id\":\"3\","
           "\"message\":\"{\\\"eventID\\\":\\\"1\\\"}\"},{\"id\":\"4\",\"message\":\"no\"}]}",
           "+1@66 -r@109 ");
    expect("{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":\"{\\\"eventID\\\":\\\"1\\\"}\"}]}"
           "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":\"{\\\"eventID\\\":\\\"2\\\"}\"}]}",
           "+1@43 +2@121 ");
    expect("2023-07-10T11:45:00.000Z " R1 "\n2023-07-10T11:45:01.000Z " R2 "\n", "+1@25 +2@66 ");
    expect("2023-07-10T11:45:00.000Z {\"eventID\":}\n2023-07-10T11:45:01.000Z " R2,
           "-r@25 +2@63 ");
    expect("<14>host trail: " R1 "\n", "+1@16 ");
    expect("[[" R1 "," R2 "],[]," R3 "]", "+1@2 +2@18 +3@38 ");
    expect("{\"Records\":[[" R1 "],[{\"Records\":[" R2 "]}]]}" R3, "+1@13 +2@43 +3@63 ");
    expect("{\"message\":\"[[{\\\"eventID\\\":\\\"1\\\"}]]\"}", "+1@0 ");
    expect("{\"\\u0052ecords\":[" R1 "," R2 "]}", "+1@17 +2@33 ");
    expect("{\"a\":1,\"Record\\u0073\":[" R1 "],\"\\u0052ecords\":[" R2 "]}", "+1@23 +2@56 ");
    expect("{\"hi\\u0074s\":{\"\\u0068its\":[{\"_source\":" R1 "}]}}", "+1@27 ");
    expect("[{\"_source\":" R1 "},{\"detail\":" R2 "},{\"Records\":[" R3 "]}]",
           "+1@1 +2@29 +3@68 ");
    expect("[\"{\\\"eventID\\\":\\\"1\\\"}\",\"{\\\"Records\\\":[" "]}\"]", "+1@1 ");
    expect("{\"message\":\"{\\\"Records\\\":[{\\\"eventID\\\":\\\"1\\\"},{\\\"eventID\\\":\\\"2\\\"}]}\"}",
           "+1@0 +2@0 ");
    expect("{\"_source\":{\"message\":\"{\\\"detail\\\":{\\\"eventID\\\":\\\"1\\\"}}\"}}", "+1@0 ");
}



static void test_rejects(void **state)
{
    (void)state;
    expect("[1,\"a\",null,true,[" R1 "]," R2 "]", "-r@1 -r@3 -r@7 -r@12 +1@18 +2@35 ");
    expect("{\"a\":1}\n" R1, "-r@0 +1@8 ");
    expect("{}", "-r@0 ");
    expect("plain words\n" R1 "\n\"text\"\n17\n", "-r@0 +1@12 -r@28 -r@35 ");
    expect("{\"detail\":{\"a\":1}}", "-r@0 ");
    expect("{\"message\":\"{\\\"eventID\\\":\"}", "-r@0 ");
    expect("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[{\"id\":\"\",\"message\":\"CWL CONTROL "
           "MESSAGE: Checking health of destination Firehose.\"}]}" R1, "+1@131 ");
    expect("{\"eventID\":\"1\\x\"}\n" R2 "\n", "-r@0 +2@18 ");
    /* What stands before a record on its line may be a logger's words, but nothing that was lost. */
    expect(R1 "garbage" R2 "\n", "+1@0 -s@15 +2@22 ");
    expect("Name\":\"x\"}" R2 "\n", "-s@0 +2@10 ");
    expect_str(GT_STR(R1 "\0\0" R2 "\n\0" R3), "+1@0 -s@15 +2@17 -s@33 +3@34 ");
    /* A malformed record in the middle: by brackets, by lines, by looking. */
    expect("[" R1 ",{\"eventID\":tru,\"a\":[{\"b\":1}]}," R3 "]", "+1@1 -r@17 +3@47 ");
    expect("{\"Records\":[" R1 ",{\"eventID\":\"2\",}," R3 "]}", "+1@12 -r@28 +3@45 ");
    expect(R1 "\n{\"eventID\":\"2\",\"a\":{\"b\":\n" R3 "\n", "+1@0 -r@16 +3@41 ");
    expect(R1 "\n{\"eventID\":\"2\",\"a\":\"b\n" R3 "\n", "+1@0 -r@16 +3@38 ");
    expect(R1 "\n{\"eventID\":\"2\",\"a\":[1,\n" R3, "+1@0 -r@16 +3@39 ");
    expect("{\n  \"eventID\": tru,\n  \"a\": [\n    {\"b\": 1}\n  ]\n}\n{\n  \"eventID\": \"2\"\n}\n",
           "-r@0 +2@48 ");
    expect("[{\"eventID\":\"1,\"a\":{}},{\"eventID\":\"2\",\"eventName\":\"n\"}]", "-r@1 +2@23 ");
    expect("[{\"eventID\":\"1\",\"a\":{\"b\":1,{\"eventID\":\"2\",\"eventName\":\"n\"}]", "-r@1 +2@27 ");
    expect("[" R1 R2 "]", "+1@1 -s@16 +2@16 ");
    expect("[" R1 ",]", "+1@1 -s@17 ");
    expect("[," R1 "]", "-s@1 +1@2 ");
    expect(R1 "," R2, "+1@0 -s@15 +2@16 ");
    expect("{\"Records\":[" R1 "]\n" R2, "+1@12 -s@29 +2@29 ");
}

static void test_every_cut(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"Records\":[" R1 "," R2 "," R3 "]}",
        "[" R1 "," R2 "," R3 "]",
        R1 "\n" R2 "\n" R3 "\n",
        "{\"x\":1,\"Records\":[" R1 "," R2 "," R3 "],\"y\":2}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gt_str text = gt_str_c(texts[i]);
        for (size_t cut = 0; cut <= text.len; cut++) {
            size_t whole = 0, partial;
            for (const char *p = texts[i]; (p = strstr(p, "{\"eventID\"")); p += 15)
                whole += p + 15 <= texts[i] + cut;
            for (size_t step = 0; step < 3; step++) {
                outcome o = read_text(gt_str_head(text, cut), step);
                partial = o.rejected;
                assert_int_equal(o.records, whole);
                assert_true(partial <= 1);
                /* Cut text is never taken for whole. */
                bool complete = cut == text.len || (i == 2 && (cut % 16 == 0 || cut % 16 == 15)) ||
                                (i == 3 && cut + 1 == text.len) || cut == 0;
                assert_int_equal(o.problems != 0, !complete);
                gt_buf_done(&o.text);
            }
        }
    }
}

/* One byte of one record is wrong, wherever and in whichever shape: the others are all found, and
 * what is rejected lies in that record: a bracket too many makes a few pieces of it. */
static void test_every_broken_byte(void **state)
{
    (void)state;
#define BODY(id)                                                                                   \
    "{\"eventName\":\"a\", \"awsRegion\":\"r\", \"k\": {\"l\": [{\"m\": [\"x\", 1]}]}, "                  \
    "\"eventID\":\"" id "\", \"o\": {\"p\": 0}, \"q\": \"\"}"
#define WRAP(id) "{\"_index\": \"i\", \"_source\": " BODY(id) ", \"_id\": \"x\"}"
    static const char *const texts[] = {
        "{\"Records\":[" BODY("1") "," BODY("2") "," BODY("3") "," BODY("4") "]}",
        "{\"Records\": [" BODY("1") ", " BODY("2") ", " BODY("3") ", " BODY("4") "], \"t\": 1}",
        "[" WRAP("1") ", " WRAP("2") ", " WRAP("3") ", " WRAP("4") "]",
        BODY("1") "\n" BODY("2") "\n" BODY("3") "\n" BODY("4") "\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gt_str text = gt_str_c(texts[i]);
        char copy[2048];
        assert_true(text.len < sizeof copy);
        const char *opening = i == 2 ? "{\"_index\"" : "{\"eventName\"";
        const char *second = strstr(strstr(texts[i], opening) + 1, opening);
        size_t len = i == 2 ? sizeof WRAP("2") - 1 : sizeof BODY("2") - 1;
        for (size_t at = (size_t)(second - texts[i]), end = at + len; at < end; at++) {
            for (const char *bad = "\"{}[],:x\\"; *bad; bad++) {
                memcpy(copy, text.ptr, text.len);
                copy[at] = *bad;
                outcome o = read_text((gt_str){copy, text.len}, 0);
                const char *out = o.text.data;
                bool others = strstr(out, "+1@") && strstr(out, "+3@") && strstr(out, "+4@");
                if (!others || o.records + o.rejected > 9)
                    print_error("byte %zu '%c': %.*s\n%s\n", at, *bad, (int)text.len, copy, out);
                assert_true(others);
                assert_true(o.records + o.rejected <= 9);
                gt_buf_done(&o.text);
            }
        }
    }
}

/* --- compression ------------------------------------------------------------------------------ */

static gt_str gzip(gt_str text)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    size_t cap = libdeflate_gzip_compress_bound(c, text.len);
    char *out = malloc(cap);
    size_t len = libdeflate_gzip_compress(c, text.ptr, text.len, out, cap);
    libdeflate_free_compressor(c);
    assert_true(len > 0);
    return (gt_str){out, len};
}

static gt_str join(gt_str a, gt_str b)
{
    char *out = malloc(a.len + b.len);
    memcpy(out, a.ptr, a.len);
    memcpy(out + a.len, b.ptr, b.len);
    return (gt_str){out, a.len + b.len};
}

static void drop(gt_str s)
{
    free((char *)(uintptr_t)s.ptr);
}

static void test_gzip(void **state)
{
    (void)state;
    gt_str a = gzip(GT_STR("{\"Records\":[" R1 ",")), b = gzip(GT_STR(R2 "]}"));
    gt_str both = join(a, b), padded = join(both, (gt_str){"\0\0\0\0\0", 5});
    gt_str junk = join(both, GT_STR("junk"));
    expect_str(both, "+1@12 +2@28 ");
    expect_str(padded, "+1@12 +2@28 ");
    char want[64];
    snprintf(want, sizeof want, "+1@12 +2@28 -z@%zu ", both.len);
    expect_str(junk, want);
    /* A checksum that does not fit: all is read, and told. */
    char *bytes = (char *)(uintptr_t)both.ptr;
    bytes[both.len - 8] ^= 1;
    outcome o = read_text(both, 0);
    assert_int_equal(o.records, 2);
    assert_int_equal(o.problems, 1);
    assert_non_null(strstr(o.last_reason, "checksum"));
    gt_buf_done(&o.text);
    drop(a);
    drop(b);
    drop(both);
    drop(padded);
    drop(junk);
}

static void test_gzip_cut_everywhere(void **state)
{
    (void)state;
    char text[4096] = "{\"Records\":[";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s{\"eventID\":\"%d\",\"x\":\"%x%x\"}", i ? "," : "", i, i * 7919, i * 104729);
    strcat(text, "]}");
    gt_str packed = gzip(gt_str_c(text));
    size_t before = 0;
    for (size_t cut = 2; cut < packed.len; cut++) {
        outcome o = read_text(gt_str_head(packed, cut), 0), p = read_text(gt_str_head(packed, cut), 5);
        assert_string_equal(o.text.data, p.text.data);
        assert_true(o.records >= before && o.records <= 40 && o.rejected <= 1);
        assert_true(o.problems >= 1); /* the stream */
        assert_non_null(strstr(o.last_reason, "cut"));
        before = o.records;
        gt_buf_done(&o.text);
        gt_buf_done(&p.text);
    }
    assert_int_equal(before, 40);
    drop(packed);
}

static void test_zstd(void **state)
{
    (void)state;
    char a[256], b[256];
    gt_str first = GT_STR("{\"Records\":[" R1 ","), second = GT_STR(R2 "]}");
    size_t na = ZSTD_compress(a, sizeof a, first.ptr, first.len, 3);
    size_t nb = ZSTD_compress(b, sizeof b, second.ptr, second.len, 3);
    gt_str both = join((gt_str){a, na}, (gt_str){b, nb});
    expect_str(both, "+1@12 +2@28 ");
    gt_str skippable = join((gt_str){"\x50\x2a\x4d\x18\x02\0\0\0hi", 10}, both);
    expect_str(skippable, "+1@12 +2@28 ");
    outcome o = read_text(gt_str_head(both, both.len - 3), 0);
    assert_int_equal(o.records, 1);
    assert_non_null(strstr(o.last_reason, "cut"));
    gt_buf_done(&o.text);
    drop(both);
    drop(skippable);
}

static void test_other_formats(void **state)
{
    (void)state;
    expect("BZh91AY", "-z@0 ");
    expect("PK\x03\x04....", "-z@0 ");
    expect_str((gt_str){"\xff\xfe{\0", 4}, "-z@0 ");
}

/* Members of many sizes, whole and streamed, give what was put in. */
static void test_large(void **state)
{
    (void)state;
    gt_buf text = GT_BUF(GT_GIB);
    size_t records = 0;
    while (text.len < 40 * GT_MIB) {
        gt_buf_printf(&text, "{\"eventID\":\"%zu\",\"p\":\"%0*d\"}\n", records, (int)(records % 900), 7);
        records++;
    }
    gt_str small = gzip(GT_STR(R1 "\n")), big = gzip(gt_buf_str(&text));
    gt_str x = join(small, big), all = join(x, small);
    for (size_t step = 0; step < 20000; step += 17011) {
        outcome o = read_text(all, step);
        assert_int_equal(o.records, records + 2);
        assert_int_equal(o.problems, 0);
        gt_buf_done(&o.text);
        o = read_text(gt_buf_str(&text), step);
        assert_int_equal(o.records, records);
        assert_int_equal(o.problems, 0);
        gt_buf_done(&o.text);
    }
    drop(small);
    drop(big);
    drop(x);
    drop(all);
    gt_buf_done(&text);
}

static void test_limits(void **state)
{
    (void)state;
    gt_buf text = GT_BUF(GT_GIB);
    gt_buf_lit(&text, R1 "\n{\"eventID\":\"big\",\"x\":\"");
    char *room = gt_buf_room(&text, GT_RECORD_BYTES_MAX);
    memset(room, 'x', GT_RECORD_BYTES_MAX);
    text.len += GT_RECORD_BYTES_MAX;
    gt_buf_lit(&text, "\"}\n" R2 "\n" R3 "\n");
    outcome o = read_text(gt_buf_str(&text), 0);
    assert_int_equal(o.records, 3);
    assert_int_equal(o.rejected, 1);
    gt_buf_done(&o.text);
    /* A record just below the limit. */
    text.len = 0;
    gt_buf_lit(&text, "[{\"eventID\":\"1\",\"x\":\"");
    memset(gt_buf_room(&text, GT_RECORD_BYTES_MAX), 'x', GT_RECORD_BYTES_MAX);
    text.len += GT_RECORD_BYTES_MAX - 100;
    gt_buf_lit(&text, "\"}," R2 "]");
    o = read_text(gt_buf_str(&text), 0);
    assert_int_equal(o.records, 2);
    assert_int_equal(o.problems, 0);
    gt_buf_done(&o.text);
    /* Nesting. */
    text.len = 0;
    gt_buf_lit(&text, "[{\"a\":");
    for (size_t i = 0; i < GT_JSON_DEPTH_MAX; i++)
        gt_buf_lit(&text, "[");
    for (size_t i = 0; i < GT_JSON_DEPTH_MAX; i++)
        gt_buf_lit(&text, "]");
    gt_buf_lit(&text, "}," R2 "]");
    o = read_text(gt_buf_str(&text), 0);
    assert_int_equal(o.rejected, 1);
    gt_buf_done(&o.text);
    gt_buf_done(&text);
}

static void test_bomb(void **state)
{
    (void)state;
    /* zstd may say "a byte, a billion times" in a few bytes; deflate cannot. */
    size_t len = 200 * GT_MIB, cap = ZSTD_compressBound(len);
    char *zeros = calloc(1, len), *packed = malloc(cap);
    memset(zeros, ' ', len);
    size_t n = ZSTD_compress(packed, cap, zeros, len, 1);
    outcome o = read_text((gt_str){packed, n}, 0);
    assert_int_equal(o.problems, 1);
    assert_non_null(strstr(o.last_reason, "1100"));
    gt_buf_done(&o.text);
    free(zeros);
    free(packed);
}

static void test_ecs(void **state)
{
    (void)state;
    static const char text[] = "{}\n{\"a\":1}{\"_id\":\"x\",\"_source\":{\"b\":2}}\n[{\"c\":3},4]"
                               "{\"hits\":{\"hits\":[{\"_source\":{}}]}}{\"Records\":[{}]}\nx\n{}";
    for (size_t step = 0; step < 5; step++) {
        outcome o = read_kind(gt_str_c(text), step, GT_RECORDS_ECS);
        assert_int_equal(o.records, 7);
        assert_int_equal(o.rejected, 2);
        gt_buf_done(&o.text);
    }
}

static gt_status check_fields(void *ctx, const gt_record *r)
{
    (void)ctx;
    assert_true(gt_str_is(r->event_id, "i\"d"));
    assert_true(gt_str_is(r->event_source, "ec2.amazonaws.com"));
    assert_true(gt_str_is(r->event_name, "last"));
    assert_true(gt_str_is(r->event_time, "t"));
    assert_null(r->aws_region.ptr);
    assert_true(gt_str_is(r->account_id, "123456789012"));
    assert_true(gt_str_is(r->recipient_account_id, "111122223333"));
    return GT_OK;
}

static void test_fields(void **state)
{
    (void)state;
    static const char text[] =
        "{\"eventName\":\"first\",\"eventID\":\"i\\\"d\",\"event\\u0053ource\":\"ec2.amazonaws.com\","
        "\"userIdentity\":{\"a\":{\"accountId\":\"no\"},\"accountId\" : \"123456789012\"},"
        "\"eventTime\":\"t\",\"awsRegion\":17,\"recipientAccountId\":\"111122223333\","
        "\"eventName\":\"last\"}";
    memory m = {gt_str_c(text), 0, 0};
    gt_record_sink sink = {NULL, check_fields, on_problem, NULL, NULL, NULL};
    assert_int_equal(
        gt_reader_run(reader, GT_RECORDS_CLOUDTRAIL, read_memory, &m, sizeof text, &sink), GT_OK);
}

static void test_no_memory(void **state)
{
    (void)state;
    gt_str text = GT_STR("{\"Records\":[" R1 ",{\"message\":\"{\\\"eventID\\\":\\\"1\\\"}\"},{\"a\":}]}");
    gt_str packed = gzip(text);
    gt_status status = GT_NOMEM;
    for (long n = 0; n < 1000 && status != GT_OK; n++) {
        outcome o = {.text = GT_BUF(GT_GIB)};
        memory m = {packed, 0, 0};
        gt_record_sink sink = {&o, on_record, on_problem, NULL, NULL, NULL};
        gt_mem_fail_after(n);
        gt_reader *r = gt_reader_new(GT_RECORD_ALL_FIELDS);
        status = r ? gt_reader_run(r, GT_RECORDS_CLOUDTRAIL, read_memory, &m, 0, &sink) : GT_NOMEM;
        gt_reader_free(r);
        gt_mem_fail_after(-1);
        gt_buf_done(&o.text);
        assert_true(status == GT_OK || status == GT_NOMEM);
    }
    assert_int_equal(status, GT_OK);
    drop(packed);
}

static int make_reader(void **state)
{
    (void)state;
    reader = gt_reader_new(GT_RECORD_ALL_FIELDS);
    return reader ? 0 : -1;
}

static int free_reader(void **state)
{
    (void)state;
    gt_reader_free(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_shapes), cmocka_unit_test(test_wrappers),
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_every_cut),    cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_every_broken_byte),
        cmocka_unit_test(test_gzip_cut_everywhere), cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_other_formats), cmocka_unit_test(test_large),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_ecs),          cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_reader, free_reader);
}
