/* jstr against what a Java virtual machine prints (OpenJDK 17, HashMap and Collections.sort;
 * numbers as from JDK 19 on, which Elasticsearch bundles). */
#include "test.h"

#include "base/limits.h"
#include "ecs/jstr.h"
#include "ecs/text_set.h"

static const char *print_of(gt_arena *arena, const char *json)
{
    gt_json *tree;
    gt_buf out = GT_BUF(GT_MIB);
    assert_int_equal(gt_json_parse(arena, gt_str_c(json), &tree, NULL), GT_OK);
    assert_int_equal(gt_jstr_write(&out, tree, arena), GT_OK);
    gt_str copy = gt_arena_dup(arena, gt_buf_str(&out));
    gt_buf_done(&out);
    return copy.ptr;
}

static void numbers_as_java(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"2.0", "2.0"},
        {"0.0", "0.0"},
        {"-0.0", "-0.0"},
        {"-0", "0"},
        {"7", "7"},
        {"-12", "-12"},
        {"1e7", "1.0E7"},
        {"1e6", "1000000.0"},
        {"9999999.999", "9999999.999"},
        {"12345678.9", "1.23456789E7"},
        {"0.001", "0.001"},
        {"0.00099", "9.9E-4"},
        {"1e-5", "1.0E-5"},
        {"1.5e300", "1.5E300"},
        {"5e-324", "4.9E-324"},
        {"1e23", "1.0E23"},
        {"2e-3", "0.002"},
        {"123.456", "123.456"},
        {"0.1", "0.1"},
        {"1E+21", "1.0E21"},
        {"2.2250738585072014E-308", "2.2250738585072014E-308"},
        {"1.7976931348623157E308", "1.7976931348623157E308"},
        {"9007199254740993.0", "9.007199254740992E15"},
        {"100.0", "100.0"},
        {"-4.35", "-4.35"},
        {"1e400", "Infinity"},
        {"-1e400", "-Infinity"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
    };
    gt_arena *arena = gt_arena_new(GT_MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(print_of(arena, cases[i][0]), cases[i][1]);
    gt_arena_free(arena);
}

static void structure(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    assert_string_equal(print_of(arena, "{\"a\":[1,\"x y\",{\"b\":true}],\"c\":null}"),
                        "{a=[1, x y, {b=true}], c=null}");
    assert_string_equal(print_of(arena, "[]"), "[]");
    assert_string_equal(print_of(arena, "{}"), "{}");
    gt_arena_free(arena);
}

/* {"key0":0,…}: the numbers in the order in which Java prints them. */
static void keys_in_order(void **state)
{
    (void)state;
    static const struct {
        int keys;
        const char *order;
    } cases[] = {
        {12, "1 2 0 5 6 3 4 9 7 8 11 10"},
        {13, "1 2 0 5 6 3 4 9 7 8 11 10 12"},
        {24, "1 2 0 5 6 3 4 9 7 8 11 22 10 21 20 15 14 13 12 23 19 18 17 16"},
        {25, "1 2 0 5 6 3 4 9 7 8 22 21 20 15 14 13 12 19 18 17 16 11 10 24 23"},
        {48, "1 2 0 5 6 3 4 9 40 7 8 22 44 21 43 20 42 41 15 37 14 36 13 35 12 34 19 18 17 39 "
             "16 38 "
             "11 33 10 32 31 30 26 25 47 24 46 23 45 29 28 27"},
        {49, "1 2 0 5 6 3 4 9 40 7 8 44 43 42 41 37 36 35 34 39 38 11 10 48 47 46 45 22 21 20 "
             "15 14 "
             "13 12 19 18 17 16 33 32 31 30 26 25 24 23 29 28 27"},
    };
    gt_arena *arena = gt_arena_new(GT_MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_buf json = GT_BUF(GT_MIB), want = GT_BUF(GT_MIB);
        for (int k = 0; k < cases[i].keys; k++)
            gt_buf_printf(&json, "%s\"key%d\":%d", k ? "," : "{", k, k);
        gt_buf_add_byte(&json, '}');
        gt_str number, rest = gt_str_c(cases[i].order);
        while (rest.ptr) {
            rest = gt_str_cut(rest, ' ', &number);
            gt_buf_printf(&want, "%skey%.*s=%.*s", want.len ? ", " : "{", GT_STR_ARG(number),
                          GT_STR_ARG(number));
        }
        gt_buf_add_byte(&want, '}');
        assert_string_equal(print_of(arena, json.data), want.data);
        gt_buf_done(&json);
        gt_buf_done(&want);
    }
    gt_arena_free(arena);
}

static void removed_keys_leave_the_table_large(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_json *tree;
    gt_buf json = GT_BUF(GT_MIB), out = GT_BUF(GT_MIB);
    for (int k = 0; k < 25; k++)
        gt_buf_printf(&json, "%s\"key%d\":%d", k ? "," : "{", k, k);
    gt_buf_add_byte(&json, '}');
    assert_int_equal(gt_json_parse(arena, gt_buf_str(&json), &tree, NULL), GT_OK);
    for (int k = 0; k < 25; k++)
        if (k != 11 && k != 22 && k != 10)
            gt_json_remove(tree, gt_arena_printf(arena, "key%d", k));
    assert_int_equal(gt_jstr_write(&out, tree, arena), GT_OK);
    assert_string_equal(out.data, "{key22=22, key11=11, key10=10}");
    gt_buf_done(&json);
    gt_buf_done(&out);
    /* Parsed as three keys the table is small. */
    assert_string_equal(print_of(arena, "{\"key10\":10,\"key11\":11,\"key22\":22}"),
                        "{key11=11, key22=22, key10=10}");
    gt_arena_free(arena);
}

static void keys_in_utf16(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    assert_string_equal(print_of(arena, "{\"é\":1,\"日本\":1,\"😀x\":1,\"\\uFB00\":1,\"😀\":1,"
                                        "\"a😀\":1,\"zß\":1,\"𐀀𐀁\":1,\"\":1}"),
                        "{\xEF\xAC\x80=1, =1, 😀x=1, 𐀀𐀁=1, zß=1, 😀=1, a😀=1, é=1, 日本=1}");
    assert_string_equal(print_of(arena, "{\"Aa\":1,\"BB\":1,\"AaAa\":1,\"BBBB\":1,\"AaBB\":1,"
                                        "\"BBAa\":1,\"C#\":1,\"Bb\":1}"),
                        "{Aa=1, BB=1, C#=1, Bb=1, AaAa=1, BBBB=1, AaBB=1, BBAa=1}");
    assert_int_equal(gt_jstr_hash(GT_STR("日本")), 0xcbde7);
    assert_int_equal(gt_jstr_hash(GT_STR("𐀀𐀁")), 0x65850801);
    assert_int_equal(gt_jstr_units(GT_STR("aé日😀")), 5);
    gt_arena_free(arena);
}

static void sorted_as_java(void **state)
{
    (void)state;
    static const char *const sorted[] = {"", "a", "a0", "ab", "b", "z", "é", "😀", "\xEF\xAC\x80"};
    static const unsigned shuffled[] = {4, 1, 8, 7, 6, 5, 0, 3, 2};
    gt_arena *arena = gt_arena_new(GT_MIB);
    /* Once as few texts, once as many: they are sorted in different ways. */
    for (int many = 0; many < 2; many++) {
        text_set set = {0};
        bool added;
        for (int i = 0; many && i < 40; i++)
            gt_text_set_add(&set, arena, gt_arena_printf(arena, "zz%02d", i), &added);
        for (int twice = 0; twice < 2; twice++)
            for (size_t i = 0; i < 9; i++) {
                assert_true(gt_text_set_add(&set, arena, gt_str_c(sorted[shuffled[i]]), &added) <
                            set.count);
                assert_int_equal(added, twice == 0);
            }
        gt_text_set_sort(&set);
        assert_int_equal(set.count, many ? 49 : 9);
        for (size_t i = 0, k = 0; i < set.count; i++)
            if (!gt_str_starts(set.items[i], GT_STR("zz")))
                assert_true(gt_str_eq(set.items[i], gt_str_c(sorted[k++])));
    }
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_java),
        cmocka_unit_test(structure),
        cmocka_unit_test(keys_in_order),
        cmocka_unit_test(removed_keys_leave_the_table_large),
        cmocka_unit_test(keys_in_utf16),
        cmocka_unit_test(sorted_as_java),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
