/* base: time, addresses, diagnostics, arenas, numbers. */
#include "test.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/limits.h"
#include "base/timeutil.h"
#include "base/utf8.h"

static void time_is(const char *text, const char *expected)
{
    gt_time_ms t;
    char out[GT_TIME_TEXT_MAX];
    if (!gt_time_parse(gt_str_c(text), &t)) {
        assert_null(expected);
        return;
    }
    assert_non_null(expected);
    gt_time_format(t, out);
    assert_string_equal(out, expected);
}

static void times(void **state)
{
    (void)state;
    time_is("2024-10-14T14:11:38Z", "2024-10-14T14:11:38.000Z");
    time_is("2024-02-29", "2024-02-29T00:00:00.000Z");
    time_is("2023-02-29", NULL);
    time_is("1900-02-29T00:00:00Z", NULL);
    time_is("2000-02-29T23:59:59.9999Z", "2000-02-29T23:59:59.999Z");
    time_is("2024-10-14T14:11:38.12+02:00", "2024-10-14T12:11:38.120Z");
    time_is("2024-10-14T14:11+0530", "2024-10-14T08:41:00.000Z");
    time_is("20131102T010628Z", "2013-11-02T01:06:28.000Z");
    time_is("20131102T010628.250Z", "2013-11-02T01:06:28.250Z");
    time_is("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    time_is("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z");
    time_is("2024-10-14T24:00:00Z", NULL);
    time_is("2024-10-14T14:11:38Zx", NULL);
    time_is("2024-10-14T", NULL);
    time_is("20241014", NULL);
    time_is("", NULL);
}

/* Every day of 800 years, against the calendar's own rule for the next day. */
static void calendar(void **state)
{
    (void)state;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    gt_civil c = {1600, 1, 1};
    int64_t n = gt_days_from_civil(1600, 1, 1);
    assert_int_equal(gt_days_from_civil(1970, 1, 1), 0);
    while (c.year < 2400) {
        gt_civil back = gt_civil_from_days(n);
        assert_int_equal(gt_days_from_civil(c.year, c.month, c.day), n);
        assert_true(back.year == c.year && back.month == c.month && back.day == c.day);
        bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
        if (++c.day > days[c.month - 1] + (c.month == 2 && leap)) {
            c.day = 1;
            if (++c.month > 12) {
                c.month = 1;
                c.year++;
            }
        }
        n++;
    }
}

static void math_is(const char *text, bool up, const char *expected)
{
    gt_time_ms now, t;
    char out[GT_TIME_TEXT_MAX];
    assert_true(gt_time_parse(GT_STR("2024-03-31T10:20:30.456Z"), &now)); /* a Sunday */
    bool ok = gt_time_math(gt_str_c(text), now, up, &t);
    assert_int_equal(ok, expected != NULL);
    if (!ok)
        return;
    gt_time_format(t, out);
    assert_string_equal(out, expected);
}

static void date_math(void **state)
{
    (void)state;
    math_is("now", false, "2024-03-31T10:20:30.456Z");
    math_is("now-9m", false, "2024-03-31T10:11:30.456Z");
    math_is("now-1M", false, "2024-02-29T10:20:30.456Z");
    math_is("now-1y/y", true, "2023-12-31T23:59:59.999Z");
    math_is("now/w", false, "2024-03-25T00:00:00.000Z");
    math_is("now/w", true, "2024-03-31T23:59:59.999Z");
    math_is("now-1d/d", false, "2024-03-30T00:00:00.000Z");
    math_is("now+1h/h", true, "2024-03-31T11:59:59.999Z");
    math_is("2024-01-31||+1M", false, "2024-02-29T00:00:00.000Z");
    math_is("2024-01-31", false, "2024-01-31T00:00:00.000Z");
    math_is("now-", false, NULL);
    math_is("now-5q", false, NULL);
    math_is("now 5m", false, NULL);
    math_is("yesterday", false, NULL);
    int64_t ms;
    assert_true(gt_span_parse(GT_STR("90s"), &ms) && ms == 90000);
    assert_true(gt_span_parse(GT_STR("2w"), &ms) && ms == INT64_C(1209600000));
    assert_false(gt_span_parse(GT_STR("0s"), &ms));
    assert_false(gt_span_parse(GT_STR("5"), &ms));
    assert_false(gt_span_parse(GT_STR("1M"), &ms));
    assert_false(gt_span_parse(GT_STR("m"), &ms));
}

static void cidr_is(const char *text, const char *expected)
{
    gt_cidr cidr;
    char out[GT_IP_TEXT_MAX];
    bool ok = gt_cidr_parse(gt_str_c(text), &cidr);
    assert_int_equal(ok, expected != NULL);
    if (ok) {
        gt_cidr_format(&cidr, out);
        assert_string_equal(out, expected);
    }
}

static void addresses(void **state)
{
    (void)state;
    cidr_is("10.1.2.3/8", "10.0.0.0/8");
    cidr_is("192.0.2.255/31", "192.0.2.254/31");
    cidr_is("1.2.3.4/0", "0.0.0.0/0");
    cidr_is("1.2.3.4", "1.2.3.4/32");
    cidr_is("2001:DB8::1/33", "2001:db8::/33");
    cidr_is("::/0", "::/0");
    cidr_is("0:0:0:0:0:0:0:0/0", "::/0");
    cidr_is("1.2.3.4/33", NULL);
    cidr_is("1.2.3.4/", NULL);
    cidr_is("1.2.3.4/+8", NULL);
    cidr_is("1.2.3.4/08", NULL);
    cidr_is("1.2.3/8", NULL);
    cidr_is("01.2.3.4", NULL);
    cidr_is("fe80::1%eth0", NULL);
    cidr_is("", NULL);
    gt_cidr net;
    gt_ip ip;
    assert_true(gt_cidr_parse(GT_STR("10.0.0.0/9"), &net));
    assert_true(gt_ip_parse(GT_STR("10.127.255.255"), &ip) && gt_cidr_contains(&net, &ip));
    assert_true(gt_ip_parse(GT_STR("10.128.0.0"), &ip) && !gt_cidr_contains(&net, &ip));
    assert_true(gt_ip_parse(GT_STR("::10.1.0.0"), &ip) && !gt_cidr_contains(&net, &ip));
}

static void diagnostics(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_str text = GT_STR("a = 1\n\tb\xC3\xA9 == \x1b[2J\nlast");
    gt_diags diags;
    gt_buf out = GT_BUF(GT_MIB);
    gt_diags_init(&diags, arena, GT_STR("f.toml"), text);
    gt_diag_error(&diags, "T-2", ((gt_span){19, 21}), NULL, "late %d", 2);
    gt_diag_warn(&diags, "T-1", ((gt_span){11, 13}), "use =", "'%s' is odd", "==");
    gt_diags_render(&diags, false, &out);
    assert_string_equal(out.data, "f.toml:2:5: warning: '==' is odd [T-1]\n"
                                  "   b\xC3\xA9 == ?[2J\n"
                                  "      ^^\n"
                                  "  hint: use =\n"
                                  "f.toml:3:1: error: late 2 [T-2]\n"
                                  "  last\n"
                                  "  ^^\n");
    assert_int_equal(diags.errors, 1);
    for (int i = 0; i < 100; i++)
        gt_diag_error(&diags, "T-3", ((gt_span){0, 0}), NULL, "again");
    assert_int_equal(diags.count, GT_DIAGS_MAX);
    assert_int_equal(diags.errors, 101);
    assert_int_equal(diags.dropped, 102 - GT_DIAGS_MAX);
    gt_buf_done(&out);
    gt_arena_free(arena);
}

static void arenas(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(100000);
    char *first = gt_arena_alloc(arena, 10);
    assert_non_null(first);
    gt_arena_mark mark = gt_arena_save(arena);
    for (int i = 0; i < 1000; i++) {
        char *p = gt_arena_alloc(arena, 40);
        assert_non_null(p);
        memset(p, i, 40);
    }
    gt_arena_rewind(arena, mark);
    char *again = gt_arena_alloc(arena, 16);
    assert_ptr_equal(again, first + 16);
    assert_null(gt_arena_alloc(arena, 1000000));
    assert_int_equal(gt_arena_status(arena), GT_LIMIT);
    gt_arena_reset(arena, 50000);
    assert_int_equal(gt_arena_status(arena), GT_OK);
    assert_true(gt_arena_bytes(arena) <= 50000);
    char *grown = gt_arena_alloc(arena, 8);
    memcpy(grown, "1234567", 8);
    char *moved = gt_arena_grow(arena, grown, 8, 5000);
    assert_ptr_equal(moved, grown);
    assert_non_null(gt_arena_alloc(arena, 1));
    moved = gt_arena_grow(arena, grown, 5000, 9000);
    assert_ptr_not_equal(moved, grown);
    assert_string_equal(moved, "1234567");
    gt_mem_fail_after(0);
    assert_null(gt_arena_alloc(arena, 40000));
    gt_mem_fail_after(-1);
    assert_int_equal(gt_arena_status(arena), GT_NOMEM);
    gt_arena_free(arena);
}

static void numbers(void **state)
{
    (void)state;
    int64_t i;
    uint64_t u;
    double d;
    assert_true(gt_str_to_i64(GT_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(gt_str_to_i64(GT_STR("9223372036854775808"), &i));
    assert_true(gt_str_to_u64(GT_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(gt_str_to_u64(GT_STR("18446744073709551616"), &u));
    assert_false(gt_str_to_u64(GT_STR(""), &u));
    assert_false(gt_str_to_i64(GT_STR("-"), &i));
    assert_true(gt_str_to_double(GT_STR("-1.5e3"), &d) && d == -1500);
    assert_false(gt_str_to_double(GT_STR("0x10"), &d));
    assert_false(gt_str_to_double(GT_STR("1."), &d));
    assert_false(gt_str_to_double(GT_STR("01"), &d));
    assert_false(gt_str_to_double(GT_STR("inf"), &d));
}

static void digests(void **state)
{
    (void)state;
    char hex[65] = {0};
    gt_sha256_hex(GT_STR("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* What is skipped is plain, and little that is plain is not skipped. */
static void plain_text(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 24; at++) {
            char text[24];
            for (size_t i = 0; i < sizeof text; i++)
                text[i] = i % 3 ? '~' : ' ';
            text[at] = (char)c;
            bool plain = c >= 0x20 && c < 0x7F;
            for (size_t len = at + 1; len <= sizeof text; len++)
                assert_int_equal(gt_utf8_plain((gt_str){text, len}), (plain ? len : at) / 8 * 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),     cmocka_unit_test(calendar),    cmocka_unit_test(date_math),
        cmocka_unit_test(addresses), cmocka_unit_test(diagnostics), cmocka_unit_test(arenas),
        cmocka_unit_test(numbers),   cmocka_unit_test(digests),     cmocka_unit_test(plain_text),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
