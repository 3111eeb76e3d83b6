/* The writer of strings against one that looks at every byte: each length up to a few vectors, each byte
 * at each place, and buffers that are full at any point. */
#include "test.h"

#include "json/json.h"

#include <string.h>

#define LENGTHS 70

/* ASCII only. */
static size_t slow_write(char *to, const char *s, size_t len)
{
    size_t n = 0;
    to[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        static const char from[] = "\"\\\n\r\t", letter[] = "\"\\nrt";
        const char *known = c ? strchr(from, c) : NULL;
        if (known)
            n += (size_t)sprintf(to + n, "\\%c", letter[known - from]);
        else if (c < 0x20 || c == 0x7F)
            n += (size_t)sprintf(to + n, "\\u%04x", c);
        else
            to[n++] = (char)c;
    }
    to[n++] = '"';
    return n;
}

static void test_every_byte_and_place(void **state)
{
    char text[LENGTHS], want[LENGTHS * 6 + 2];
    (void)state;
    for (size_t len = 0; len <= LENGTHS; len++)
        for (size_t at = 0; at < len || at == 0; at++)
            for (int c = 0; c < 0x80; c++) {
                char *exact = malloc(len ? len : 1); /* reading past its end would be seen */
                memset(text, 'a', sizeof text);
                if (at < len)
                    text[at] = (char)c;
                memcpy(exact, text, len);
                gt_buf out = GT_BUF(1 << 20);
                gt_json_write_str(&out, (gt_str){exact, len});
                size_t n = slow_write(want, text, len);
                assert_int_equal(out.len, n);
                assert_memory_equal(out.data, want, n);
                gt_buf_done(&out);
                free(exact);
            }
}

static void test_full_buffers(void **state)
{
    gt_arena *arena = gt_arena_new(1 << 20);
    gt_json *tree;
    gt_str text = GT_STR("{\"a\":[1,true,null,\"a \\\"quoted\\\" text that is long enough\"],"
                         "\"a key of some length\":{\"b\":\"\\n\",\"c\":[]}}");
    (void)state;
    assert_int_equal(gt_json_parse(arena, text, &tree, NULL), GT_OK);
    for (size_t max = 0; max <= text.len + 2; max++) {
        gt_buf out = GT_BUF(max);
        gt_json_write(&out, tree);
        if (max < text.len) {
            assert_int_equal(gt_buf_status(&out), GT_LIMIT);
            assert_true(out.len <= max);
        } else {
            assert_int_equal(gt_buf_status(&out), GT_OK);
            assert_true(gt_str_eq(gt_buf_str(&out), text));
            assert_int_equal(out.data[out.len], 0);
        }
        gt_buf_done(&out);
    }
    gt_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_and_place),
        cmocka_unit_test(test_full_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
