/* Escaping for terminals, CSV cells, the tables of commands and options, the progress line. */
#include "test.h"

#include "base/limits.h"
#include "cli/cli_internal.h"
#include "cli/progress.h"
#include "cli/render.h"

static void escaping(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain text, tcp/22 -> 0.0.0.0/0", "plain text, tcp/22 -> 0.0.0.0/0"},
        {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
        {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
        {"h\xc3\xa9, \xe5\xae\x89\xe5\x85\xa8\xe7\xbb\x84, \xf0\x9f\x98\x80",
         "h\xc3\xa9, \xe5\xae\x89\xe5\x85\xa8\xe7\xbb\x84, \xf0\x9f\x98\x80"},
        {"\xc2\x9b" "1m", "\\u{9b}1m"},
        {"\xe2\x80\xae", "\\u{202e}"},
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\x7f", "\\x7f"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gt_buf out = GT_BUF(GT_MIB);
        gt_buf_lit(&out, "");
        gt_cli_escape(&out, gt_str_c(rows[i].in));
        assert_string_equal(out.data, rows[i].out);
        gt_buf_done(&out);
    }
    gt_buf out = GT_BUF(GT_MIB);
    gt_cli_escape(&out, (gt_str){"a\0b", 3});
    assert_string_equal(out.data, "a\\x00b");
    gt_buf_done(&out);
}

static void tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < gt_commands_count; i++) {
        const gt_command *command = &gt_commands[i];
        assert_ptr_equal(gt_command_find(gt_str_c(command->name)), command);
        assert_true(command->least <= command->most);
        gt_option_id id, other;
        const gt_option *option, *next;
        for (size_t k = 0; (option = gt_command_option(command, k, &id)); k++) {
            assert_true(option->name[0] >= 'a' && option->name[0] <= 'z');
            assert_true((option->argument == NULL) == (option->type == GT_OPTION_FLAG));
            for (size_t m = 0; m < k; m++) {
                next = gt_command_option(command, m, &other);
                if (id == other || strcmp(option->name, next->name) == 0 ||
                    (option->letter && option->letter == next->letter))
                    fail_msg("%s has --%s (-%c) twice", command->name, option->name, option->letter);
            }
        }
        gt_str rest = gt_str_c(command->examples), line, what;
        while (gt_help_example(&rest, &line, &what)) {
            assert_true(gt_str_find(line, GT_STR("gatetrail ")) != GT_NPOS);
            assert_true(what.len > 0);
        }
    }
    assert_true(gt_command_is_group(GT_STR("rules")));
    assert_false(gt_command_is_group(GT_STR("rule")));
    assert_null(gt_command_find(GT_STR("rules")));
}

static void progress_lines(void **state)
{
    (void)state;
    gt_progress p = {.bytes_done = 50, .bytes_total = 200, .inputs_done = 1, .inputs_total = 4,
                     .records = 1234567};
    gt_buf out = GT_BUF(GT_MIB);
    gt_progress_line(&p, 2000, 100, &out);
    assert_non_null(strstr(out.data, " 25 %"));
    assert_non_null(strstr(out.data, "1/4 files"));
    assert_non_null(strstr(out.data, "1.2 M events"));
    assert_non_null(strstr(out.data, "617 k/s"));
    assert_non_null(strstr(out.data, "0:06 left"));
    gt_buf_reset(&out);
    p = (gt_progress){.bytes_done = 5000};
    gt_progress_line(&p, 0, 40, &out); /* standard input: no size, no bar */
    assert_null(strstr(out.data, "%"));
    gt_buf_done(&out);
}

static void csv_cells(void **state)
{
    (void)state;
    gt_arena *arena = gt_arena_new(GT_MIB);
    gt_json *document = NULL;
    gt_buf out = GT_BUF(GT_MIB);
    gt_str text = GT_STR("{\"event\":{\"action\":\"=1+1\",\"id\":\"a,\\\"b\"},"
                         "\"user_agent\":{\"original\":\"-2\"},\"source\":{\"address\":\"x\\ny\"},"
                         "\"aws\":{\"cloudtrail\":{\"error_code\":\"+3\"}}}");
    assert_int_equal(gt_json_parse(arena, text, &document, NULL), GT_OK);
    gt_render_csv(&out, NULL, document, GT_STR("@file"));
    assert_string_equal(out.data, ",\"'=1+1\",,,\"'+3\",unknown,x\\x0ay,,\"'-2\",,,\"a,\"\"b\",,"
                                  "\"'@file\"\n");
    gt_buf_done(&out);
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escaping),
        cmocka_unit_test(tables),
        cmocka_unit_test(progress_lines),
        cmocka_unit_test(csv_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
