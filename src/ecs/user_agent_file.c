/* Method: regexes.yaml is a mapping of three lists of flat mappings with quoted values, one a line.
 * That is all of YAML that is read here; anything else is refused with its line number. */
#include "ecs/user_agent.h"

typedef struct reader {
    gt_arena *arena;
    gt_uap *uap;
    uap_pattern *current;
    size_t cap[UAP_KINDS];
    int kind; /* -1: a section that is not read */
    size_t line;
} reader;

static int kind_of(gt_str section)
{
    if (gt_str_is(section, "user_agent_parsers"))
        return UAP_AGENT;
    if (gt_str_is(section, "os_parsers"))
        return UAP_OS;
    return gt_str_is(section, "device_parsers") ? UAP_DEVICE : -1;
}

/* Index into uap_pattern.replacement, or -1. */
static int replacement_of(int kind, gt_str key)
{
    static const char *const keys[UAP_KINDS][5] = {
        {"family_replacement", "v1_replacement", "v2_replacement", "v3_replacement",
         "v4_replacement"},
        {"os_replacement", "os_v1_replacement", "os_v2_replacement", "os_v3_replacement",
         "os_v4_replacement"},
        {"device_replacement", NULL, NULL, NULL, NULL},
    };
    for (int i = 0; i < 5; i++)
        if (keys[kind][i] && gt_str_eq(key, gt_str_c(keys[kind][i])))
            return i;
    return -1;
}

/* A quoted or plain scalar; escapes are undone. ptr NULL: not understood, or no memory. */
static gt_str scalar(reader *r, gt_str text)
{
    if (!text.len || (text.ptr[0] != '\'' && text.ptr[0] != '"')) {
        size_t comment = gt_str_find(text, GT_STR(" #"));
        return gt_str_trim(comment == GT_NPOS ? text : gt_str_head(text, comment));
    }
    char quote = text.ptr[0];
    char *out = gt_arena_alloc(r->arena, text.len);
    size_t n = 0, i = 1;
    for (; out && i < text.len; i++) {
        char c = text.ptr[i];
        if (c == quote && quote == '\'' && i + 1 < text.len && text.ptr[i + 1] == quote)
            i++;
        else if (c == quote)
            break;
        else if (c == '\\' && quote == '"' && i + 1 < text.len)
            c = text.ptr[++i];
        out[n++] = c;
    }
    gt_str rest = gt_str_trim(gt_str_from(text, i + 1));
    bool closed = i < text.len && (rest.len == 0 || rest.ptr[0] == '#');
    return closed ? (gt_str){out, n} : GT_STR_NULL;
}

static uap_pattern *new_pattern(reader *r)
{
    size_t *count = &r->uap->count[r->kind], *cap = &r->cap[r->kind];
    uap_pattern *list = r->uap->patterns[r->kind];
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 1024;
        list = gt_arena_grow(r->arena, list, *cap * sizeof *list, more * sizeof *list);
        if (!list)
            return NULL;
        r->uap->patterns[r->kind] = list;
        *cap = more;
    }
    list[*count] = (uap_pattern){.id = (uint32_t)r->uap->total++};
    return &list[(*count)++];
}

static gt_status member(reader *r, gt_str key, gt_str value_text)
{
    gt_str value = scalar(r, value_text);
    if (!value.ptr)
        return gt_arena_status(r->arena) != GT_OK ? gt_arena_status(r->arena) : GT_INVALID;
    int replacement = replacement_of(r->kind, key);
    if (gt_str_is(key, "regex"))
        r->current->regex = value;
    else if (gt_str_is(key, "regex_flag"))
        r->current->nocase = gt_str_find_byte(value, 'i') != GT_NPOS;
    else if (replacement >= 0)
        r->current->replacement[replacement] = value;
    return GT_OK;
}

static gt_status read_line(reader *r, gt_str line)
{
    gt_str text = gt_str_trim(line), key;
    bool indented = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    bool item = text.len >= 2 && text.ptr[0] == '-' && text.ptr[1] == ' ';
    if (!text.len || text.ptr[0] == '#' || gt_str_is(text, "---"))
        return GT_OK;
    if (item)
        text = gt_str_trim(gt_str_from(text, 2));
    gt_str value = gt_str_cut(text, ':', &key);
    if (!value.ptr)
        return GT_INVALID;
    if (!indented && !item) {
        r->kind = kind_of(key);
        r->current = NULL;
        return GT_OK;
    }
    if (r->kind < 0)
        return GT_OK;
    if (item) {
        r->current = new_pattern(r);
        if (!r->current)
            return gt_arena_status(r->arena);
    }
    return r->current ? member(r, key, gt_str_trim(value)) : GT_INVALID;
}

gt_status gt_uap_parse(gt_str text, gt_arena *arena, gt_uap **ret, gt_str *reterr_message)
{
    reader r = {.arena = arena, .uap = gt_arena_new_of(arena, gt_uap), .kind = -1};
    gt_status status = r.uap ? GT_OK : gt_arena_status(arena);
    gt_str line, rest = text;
    while (status == GT_OK && rest.ptr) {
        rest = gt_str_cut(rest, '\n', &line);
        r.line++;
        status = read_line(&r, line);
    }
    for (int kind = 0; status == GT_OK && kind < UAP_KINDS; kind++)
        for (size_t i = 0; status == GT_OK && i < r.uap->count[kind]; i++)
            status = r.uap->patterns[kind][i].regex.ptr
                         ? gt_uap_literals(&r.uap->patterns[kind][i], arena)
                         : GT_INVALID;
    if (status != GT_OK) {
        *reterr_message = status == GT_INVALID
                              ? gt_arena_printf(arena, "line %zu is not understood", r.line)
                              : gt_str_c(gt_status_text(status));
        return status;
    }
    *ret = r.uap;
    return GT_OK;
}
