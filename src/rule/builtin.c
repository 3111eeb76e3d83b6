#include "rule/rule.h"

/* builtin_rules.h (made by mk/rules.mk) has RULE_FILE(number, name, path) for each file of rules/,
 * in byte order. The assembler takes their bytes in, between two symbols. */
#define RULE_FILE(number, name, path)                                                              \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 16\n"                                                                         \
            "gt_rule_file_" #number "_begin:\n"                                                    \
            ".incbin \"" path "\"\n"                                                               \
            "gt_rule_file_" #number "_end:\n"                                                      \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const char begin_##number[] __asm__("gt_rule_file_" #number "_begin");                  \
    extern const char end_##number[] __asm__("gt_rule_file_" #number "_end");
#include "builtin_rules.h"
#undef RULE_FILE

/* The lengths are known to the linker only, so the table is filled at run time: one entry at a
 * time, without state. */
typedef struct bytes {
    gt_str name;
    const char *begin, *end;
} bytes;

static const bytes files[] = {
#define RULE_FILE(number, name, path) {GT_STR(name), begin_##number, end_##number},
#include "builtin_rules.h"
#undef RULE_FILE
    {{NULL, 0}, NULL, NULL},
};

size_t gt_builtin_count(void)
{
    return sizeof files / sizeof *files - 1;
}

gt_builtin_file gt_builtin_at(size_t i)
{
    gt_assert(i < gt_builtin_count());
    return (gt_builtin_file){files[i].name,
                             {files[i].begin, (size_t)(files[i].end - files[i].begin)}};
}
