/* test.h — what every unit test includes: cmocka, and where the shared data lies. */
#ifndef GT_TESTS_TEST_H
#define GT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

/* The folder with the shared data: $GT_SHARED, else ../shared (tests run in the project's root). */
static inline const char *test_shared(void)
{
    const char *dir = getenv("GT_SHARED");
    return dir ? dir : "../shared";
}

/* The whole of a file, malloc'ed and NUL-terminated; ptr NULL when it cannot be read. */
static inline gt_str test_read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return GT_STR_NULL;
    char *data = NULL;
    size_t len = 0, cap = 0, n;
    do {
        if (cap - len < 65536) {
            cap = cap ? cap * 2 : 131072;
            data = realloc(data, cap);
        }
        n = fread(data + len, 1, cap - len - 1, f);
        len += n;
    } while (n);
    fclose(f);
    data[len] = '\0';
    return (gt_str){data, len};
}

/* Skip the test, visibly, when the shared data is absent. */
#define TEST_NEEDS_SHARED(path)                                                                    \
    do {                                                                                           \
        FILE *test_f_ = fopen((path), "rb");                                                       \
        if (!test_f_) {                                                                            \
            print_message("# SKIP %s is absent\n", (path));                                        \
            skip();                                                                                \
        }                                                                                          \
        fclose(test_f_);                                                                           \
    } while (0)

#endif
