#define PCRE2_CODE_UNIT_WIDTH 8
#include "ecs/user_agent.h"

#include "base/limits.h"
#include "base/mem.h"

#include <pcre2.h>

#define GRAMS 8192 /* bits of the set of three-byte runs of a text */

struct gt_uap_matcher {
    const gt_uap *uap;
    pcre2_general_context *memory;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
    pcre2_code **codes; /* by uap_pattern.id; NULL: not yet */
    bool *broken;       /* by id: does not compile */
};

static void *pcre_malloc(size_t size, void *unused)
{
    (void)unused;
    return gt_malloc(size);
}

static void pcre_free(void *ptr, void *unused)
{
    (void)unused;
    gt_free(ptr);
}

gt_uap_matcher *gt_uap_matcher_new(const gt_uap *uap)
{
    gt_uap_matcher *x = gt_calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->uap = uap;
    if (!uap)
        return x;
    x->memory = pcre2_general_context_create(pcre_malloc, pcre_free, NULL);
    if (x->memory) {
        x->compile = pcre2_compile_context_create(x->memory);
        x->match = pcre2_match_context_create(x->memory);
        x->data = pcre2_match_data_create(32, x->memory);
    }
    x->codes = gt_calloc(uap->total, sizeof(pcre2_code *));
    x->broken = gt_calloc(uap->total, sizeof(bool));
    if (!x->compile || !x->match || !x->data || !x->codes || !x->broken) {
        gt_uap_matcher_free(x);
        return NULL;
    }
    pcre2_set_match_limit(x->match, GT_ECS_UAP_MATCH_LIMIT);
    return x;
}

void gt_uap_matcher_free(gt_uap_matcher *x)
{
    if (!x)
        return;
    for (size_t i = 0; x->codes && i < x->uap->total; i++)
        pcre2_code_free(x->codes[i]);
    pcre2_match_data_free(x->data);
    pcre2_match_context_free(x->match);
    pcre2_compile_context_free(x->compile);
    pcre2_general_context_free(x->memory);
    gt_free(x->codes);
    gt_free(x->broken);
    gt_free(x);
}

/* The code of a pattern; NULL when it does not compile or there is no memory (*ret_nomem). */
static pcre2_code *code_of(gt_uap_matcher *x, const uap_pattern *pattern, bool *ret_nomem)
{
    pcre2_code *code = x->codes[pattern->id];
    if (code || x->broken[pattern->id])
        return code;
    int error;
    PCRE2_SIZE offset;
    code = pcre2_compile((PCRE2_SPTR)pattern->regex.ptr, pattern->regex.len,
                         pattern->nocase ? PCRE2_CASELESS : 0, &error, &offset, x->compile);
    if (!code) {
        *ret_nomem |= error == PCRE2_ERROR_NOMEMORY || error == PCRE2_ERROR_HEAP_FAILED;
        x->broken[pattern->id] = !*ret_nomem;
        return NULL;
    }
    /* Without the compiler to machine code the expression is interpreted: slower, the same. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return x->codes[pattern->id] = code;
}

bool gt_uap_compiles(gt_uap_matcher *x, const uap_pattern *pattern)
{
    bool nomem = false;
    return code_of(x, pattern, &nomem) != NULL;
}

/* --- which expressions can match ------------------------------------------------------------- */
typedef struct subject {
    gt_str text;
    gt_str lower;
    uint64_t grams[GRAMS / 64];
} subject;

static unsigned gram(const char *p)
{
    unsigned h = (unsigned char)p[0] * 961u + (unsigned char)p[1] * 31u + (unsigned char)p[2];
    return h & (GRAMS - 1);
}

static bool has_gram(const subject *s, const char *p)
{
    unsigned bit = gram(p);
    return s->grams[bit / 64] >> (bit % 64) & 1;
}

static bool subject_init(subject *s, gt_str text, gt_arena *scratch)
{
    char *lower = gt_arena_alloc(scratch, text.len + 1);
    if (!lower)
        return false;
    memset(s->grams, 0, sizeof s->grams);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        if (i >= 2) {
            unsigned bit = gram(lower + i - 2);
            s->grams[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
    }
    s->text = text;
    s->lower = (gt_str){lower, text.len};
    return true;
}

static bool can_match(const subject *s, const uap_pattern *pattern)
{
    if (!pattern->literals)
        return true;
    for (size_t i = 0; i < pattern->literal_count; i++) {
        gt_str literal = pattern->literals[i];
        if (has_gram(s, literal.ptr) && has_gram(s, literal.ptr + literal.len - 3) &&
            gt_str_find(s->lower, literal) != GT_NPOS)
            return true;
    }
    return false;
}

/* --- matching -------------------------------------------------------------------------------- */
/* What an expression found: name, major, minor, patch, build. ptr NULL: not there. */
typedef struct parts {
    gt_str part[5];
} parts;

static gt_str captured(gt_uap_matcher *x, gt_str text, uint32_t groups, uint32_t n)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(x->data);
    if (n > groups || n >= pcre2_get_ovector_count(x->data) || v[2 * n] == PCRE2_UNSET)
        return GT_STR_NULL;
    return (gt_str){text.ptr + v[2 * n], v[2 * n + 1] - v[2 * n]};
}

/* The first "$1" of a replacement becomes the first group; the processor knows no other. */
static gt_str fill_in(gt_str replacement, gt_str group, gt_arena *scratch)
{
    size_t at = gt_str_find(replacement, GT_STR("$1"));
    if (at == GT_NPOS || !group.ptr)
        return replacement;
    return gt_arena_printf(scratch, "%.*s%.*s%.*s", (int)at, replacement.ptr, GT_STR_ARG(group),
                           GT_STR_ARG(gt_str_from(replacement, at + 2)));
}

static gt_status find_parts(gt_uap_matcher *x, uap_kind kind, const subject *s, gt_arena *scratch,
                            parts *ret)
{
    for (size_t i = 0; i < x->uap->count[kind]; i++) {
        const uap_pattern *p = &x->uap->patterns[kind][i];
        bool nomem = false;
        pcre2_code *code = can_match(s, p) ? code_of(x, p, &nomem) : NULL;
        if (nomem)
            return GT_NOMEM;
        if (!code || pcre2_match(code, (PCRE2_SPTR)s->text.ptr, s->text.len, 0, 0, x->data,
                                 x->match) < 0)
            continue;
        uint32_t groups = 0;
        pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
        gt_str first = captured(x, s->text, groups, 1);
        ret->part[0] = p->replacement[0].ptr ? fill_in(p->replacement[0], first, scratch) : first;
        if (!ret->part[0].ptr) {
            if (gt_arena_status(scratch) != GT_OK)
                return gt_arena_status(scratch);
            continue;
        }
        for (uint32_t n = 1; n < 5; n++)
            ret->part[n] = p->replacement[n].ptr ? p->replacement[n]
                                                 : captured(x, s->text, groups, n + 1);
        return GT_OK;
    }
    return GT_OK;
}

/* "major[.minor[.patch[.build]]]"; empty when there is no major. */
static gt_str version_of(const parts *p, gt_arena *scratch)
{
    gt_str version = p->part[1];
    for (int n = 2; version.ptr && n < 5 && p->part[n].len; n++)
        version = gt_arena_printf(scratch, "%.*s.%.*s", GT_STR_ARG(version),
                                  GT_STR_ARG(p->part[n]));
    return version;
}

static gt_str or_other(gt_str name)
{
    return name.len ? name : GT_STR("Other");
}

gt_status gt_uap_match(gt_uap_matcher *x, gt_str agent, gt_arena *scratch, fragment *ret)
{
    parts name = {0}, os = {0}, device = {0};
    subject s;
    if (x->uap) {
        if (!subject_init(&s, agent, scratch))
            return gt_arena_status(scratch);
        GT_TRY(find_parts(x, UAP_AGENT, &s, scratch, &name));
        GT_TRY(find_parts(x, UAP_OS, &s, scratch, &os));
        GT_TRY(find_parts(x, UAP_DEVICE, &s, scratch, &device));
    }
    ret->count = 0;
    gt_fragment_add(ret, OBJ_USER_AGENT, "name", GT_JSON_STRING, or_other(name.part[0]));
    gt_fragment_add(ret, OBJ_USER_AGENT, "version", GT_JSON_STRING, version_of(&name, scratch));
    gt_fragment_add(ret, OBJ_UA_DEVICE, "name", GT_JSON_STRING, or_other(device.part[0]));
    gt_fragment_add(ret, OBJ_UA_OS, "name", GT_JSON_STRING, os.part[0]);
    gt_str version = version_of(&os, scratch);
    if (version.len) {
        gt_fragment_add(ret, OBJ_UA_OS, "version", GT_JSON_STRING, version);
        gt_fragment_add(ret, OBJ_UA_OS, "full", GT_JSON_STRING,
                        gt_arena_printf(scratch, "%.*s %.*s", GT_STR_ARG(os.part[0]),
                                        GT_STR_ARG(version)));
    }
    return gt_arena_status(scratch);
}
