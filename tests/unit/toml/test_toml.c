/* Places, several mistakes at once, limits, and memory running out. What is valid TOML and what it
 * means is the public suite's work (tests/conformance/toml_suite.sh). */
#include "test.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "toml/toml.h"

typedef struct parsed {
    gt_arena *arena;
    gt_diags diags;
    gt_toml *root;
    gt_status status;
} parsed;

static parsed parse(gt_str text)
{
    parsed p = {.arena = gt_arena_new(64 * GT_MIB)};
    gt_diags_init(&p.diags, p.arena, GT_STR("t.toml"), text);
    p.status = gt_toml_parse(p.arena, GT_TOML_1_0, &p.diags, &p.root);
    return p;
}

static void assert_str(gt_str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr ? s.ptr : "", expected, s.len);
}

static gt_str at(gt_str text, gt_span span)
{
    return (gt_str){text.ptr + span.begin, span.end - span.begin};
}

static void places(void **state)
{
    (void)state;
    gt_str text = GT_STR("[rule]\nname = 'x'\nn.m = [1, {k = true}]\n[[rule.a]]\n");
    parsed p = parse(text);
    assert_int_equal(p.status, GT_OK);
    gt_toml *name = gt_toml_path(p.root, "rule.name");
    assert_str(at(text, name->key_span), "name");
    assert_str(at(text, name->span), "'x'");
    assert_str(at(text, gt_toml_path(p.root, "rule.n.m")->span), "[1, {k = true}]");
    assert_str(at(text, gt_toml_path(p.root, "rule")->span), "[rule]");
    assert_str(at(text, gt_toml_first(gt_toml_path(p.root, "rule.a"))->span), "[[rule.a]]");
    gt_arena_free(p.arena);
}

/* Every byte of a decoded string stands where the map says. */
static void check_offsets(gt_str text, const gt_toml *node)
{
    for (size_t i = 0, n; i < node->str.len; i += n) {
        n = gt_utf8_length(gt_str_from(node->str, i));
        gt_span span = gt_offsets_span(node->where, (gt_span){i, i + n});
        assert_true(span.begin < span.end && span.end <= text.len);
        char c = text.ptr[span.begin];
        assert_true(c == '\\' || c == node->str.ptr[i]);
    }
    gt_span all = gt_offsets_span(node->where, (gt_span){0, node->str.len});
    assert_true(all.end < text.len); /* the closing quote is behind it */
}

static void offsets_of_strings(void **state)
{
    (void)state;
    gt_str text = GT_STR("a = \"x\\ty\\u00e9z\"\nb = '''\na:\\b'''\nc = \"\"\"\nq \\\n   r\\\"\"\"\"\n"
                         "d = '''''two'''''\n");
    parsed p = parse(text);
    assert_int_equal(p.status, GT_OK);
    assert_str(gt_toml_path(p.root, "a")->str, "x\ty\xC3\xA9z");
    assert_str(gt_toml_path(p.root, "b")->str, "a:\\b");
    assert_str(gt_toml_path(p.root, "c")->str, "q r\"");
    assert_str(gt_toml_path(p.root, "d")->str, "''two''");
    for (gt_toml *m = gt_toml_first(p.root); m; m = m->next)
        check_offsets(text, m);
    gt_toml *a = gt_toml_path(p.root, "a");
    gt_span z = gt_offsets_span(a->where, (gt_span){5, 6});
    assert_str(at(text, z), "z");
    gt_arena_free(p.arena);
}

static void all_mistakes_at_once(void **state)
{
    (void)state;
    gt_str text = GT_STR("= 1\n"            /* TOML-004 */
                         "a = \n"           /* TOML-006 */
                         "b = [1,\n 2 3]\n" /* TOML-012 */
                         "c = 01\n"         /* TOML-007 */
                         "c 1\n"            /* TOML-005 */
                         "[x\n"             /* TOML-014 */
                         "d = 1\n"
                         "[y]\nd = \"\\q\"\n" /* TOML-003 */
                         "e = 2024-02-30\n"   /* TOML-008 */
                         "e2 = 1 2\n"         /* TOML-011 */
                         "d2 = 1\nd2 = 2\n"   /* TOML-009 */
                         "[y]\n"              /* TOML-010 */
                         "f = \"\x01\"\n"     /* TOML-001 */
                         "g = 'open\n");      /* TOML-002 */
    static const char *const codes[] = {
        "TOML-001", "TOML-002", "TOML-003", "TOML-004", "TOML-005", "TOML-006", "TOML-007",
        "TOML-008", "TOML-009", "TOML-010", "TOML-011", "TOML-012", "TOML-014",
    };
    parsed p = parse(text);
    assert_int_equal(p.status, GT_INVALID);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        size_t found = 0;
        for (size_t k = 0; k < p.diags.count; k++)
            found += strcmp(p.diags.items[k].code, codes[i]) == 0;
        if (found != 1)
            fail_msg("%s is reported %zu times", codes[i], found);
    }
    assert_int_equal(p.diags.errors, sizeof codes / sizeof *codes);
    gt_arena_free(p.arena);
}

static void too_deep(void **state)
{
    (void)state;
    gt_buf text = GT_BUF(GT_MIB);
    gt_buf_lit(&text, "a = ");
    for (int i = 0; i < GT_TOML_DEPTH_MAX + 1; i++)
        gt_buf_lit(&text, "[");
    parsed p = parse(gt_buf_str(&text));
    assert_int_equal(p.status, GT_LIMIT);
    assert_string_equal(p.diags.items[0].code, "TOML-013");
    gt_arena_free(p.arena);
    gt_buf_reset(&text);
    for (int i = 0; i < 100000; i++)
        gt_buf_lit(&text, "a.");
    gt_buf_lit(&text, "a = 1");
    p = parse(gt_buf_str(&text));
    assert_int_equal(p.status, GT_LIMIT);
    gt_arena_free(p.arena);
    gt_buf_done(&text);
}

static void large_tables_are_quick(void **state)
{
    (void)state;
    gt_buf text = GT_BUF(16 * GT_MIB);
    for (int i = 0; i < 200000; i++)
        gt_buf_printf(&text, "k%d = %d\n", i, i);
    parsed p = parse(gt_buf_str(&text));
    assert_int_equal(p.status, GT_OK);
    assert_int_equal(gt_toml_path(p.root, "k199999")->integer, 199999);
    assert_null(gt_toml_path(p.root, "k200000"));
    gt_arena_free(p.arena);
    gt_buf_done(&text);
}

/* Every prefix of a text parses or fails, and never reads past its end (ASan watches). */
static void prefixes(void **state)
{
    (void)state;
    gt_str whole = GT_STR("[a.\"b\\u0041\"]\nk = [1, 0x1F, 1e3, +inf, 'x', '''y'''] # c\n"
                          "t = 1979-05-27 07:32:00.5-07:00\nu = {v.w = \"\\U0001F600\"}\n[[z]]\n");
    for (size_t n = 0; n <= whole.len; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, whole.ptr, n);
        parsed p = parse((gt_str){copy, n});
        assert_true(p.status == GT_OK || (p.status == GT_INVALID && p.diags.errors));
        gt_arena_free(p.arena);
        free(copy);
    }
}

static void without_memory(void **state)
{
    (void)state;
    gt_buf text = GT_BUF(GT_MIB);
    for (int i = 0; i < 600; i++)
        gt_buf_printf(&text, "[t%d.\"u\\t%d\"]\nk = ['%d', {a = 1.5}]\n", i, i, i);
    for (long n = 0;; n++) {
        gt_arena *arena = gt_arena_new(64 * GT_MIB);
        gt_diags diags;
        gt_toml *root = NULL;
        gt_diags_init(&diags, arena, GT_STR("t"), gt_buf_str(&text));
        gt_mem_fail_after(n);
        gt_status status = gt_toml_parse(arena, GT_TOML_1_0, &diags, &root);
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
        if (status == GT_OK)
            break;
        assert_int_equal(status, GT_NOMEM);
    }
    gt_buf_done(&text);
}

/* The tree made from JSON text equals what json/ parses, and knows its places. */
static void from_json(void **state)
{
    (void)state;
    gt_str text = GT_STR("x {\"a\" : [1, -2.5e3, true, null, \"q\\u00e9\\n\\ud83d\\ude00\\ud800\"],"
                         "\"b\":{}, \"a\\\"\":12345678901234567890, \"b\": [ ]} y");
    gt_span where = {2, text.len - 2};
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_toml *root;
    gt_json *expected;
    assert_int_equal(gt_toml_from_json(arena, text, where, &root), GT_OK);
    assert_int_equal(gt_json_parse(arena, at(text, where), &expected, NULL), GT_OK);
    gt_json *made = gt_toml_to_json(arena, root);
    assert_true(gt_json_equal(made, expected));
    assert_str(at(text, gt_toml_get(root, GT_STR("a"))->key_span), "\"a\"");
    assert_str(at(text, gt_toml_get(root, GT_STR("a\""))->span), "12345678901234567890");
    gt_toml *string = gt_toml_getl(root, "a")->last;
    check_offsets(text, string);
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(offsets_of_strings),
        cmocka_unit_test(all_mistakes_at_once),
        cmocka_unit_test(too_deep),
        cmocka_unit_test(large_tables_are_quick),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(from_json),
    };
    return cmocka_run_group_tests_name("toml", tests, NULL, NULL);
}
