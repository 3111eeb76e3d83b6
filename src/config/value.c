#include "base/file.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "base/timeutil.h"
#include "config/config_internal.h"

#include <errno.h>

static bool wrong_type(config_reader *r, const config_key_row *row, const gt_toml *node,
                       const char *wanted)
{
    gt_diag_error(r->diags, "CFG-003", node->span, NULL, "'%.*s' must be %s, this is %s",
                  GT_STR_ARG(row->name), wanted, gt_toml_type_name(node->type));
    return false;
}

static bool refuse(config_reader *r, gt_span span, const char *hint, const char *fmt, gt_str a,
                   gt_str b)
{
    gt_diag_error(r->diags, "CFG-005", span, hint, fmt, GT_STR_ARG(a), GT_STR_ARG(b));
    return false;
}

/* "min..max" */
static gt_str limit_parts(gt_str limits, gt_str *ret_min)
{
    size_t at = gt_str_find(limits, GT_STR(".."));
    *ret_min = gt_str_head(limits, at);
    return gt_str_from(limits, at + 2);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool read_integer(config_reader *r, const config_key_row *row, int64_t n, gt_span span,
                         gt_config_value *ret)
{
    gt_str min_text, max_text = limit_parts(row->limits, &min_text);
    int64_t min = 0, max = INT64_MAX;
    if (row->limits.len && gt_str_to_i64(min_text, &min) && gt_str_to_i64(max_text, &max) &&
        (n < min || n > max))
        return refuse(r, span, NULL, "this must be %.*s to %.*s", min_text, max_text);
    ret->number = n;
    return true;
}

static bool read_span(config_reader *r, const config_key_row *row, gt_str text, gt_span span,
                      gt_config_value *ret)
{
    gt_str min_text, max_text = limit_parts(row->limits, &min_text);
    int64_t min, max;
    if (!gt_span_parse(text, &ret->number))
        return refuse(r, span, "as in 30s, 5m, 24h or 7d", "'%.*s' is no span of time%.*s", text,
                      GT_STR(""));
    if (row->limits.len && gt_span_parse(min_text, &min) && gt_span_parse(max_text, &max) &&
        (ret->number < min || ret->number > max))
        return refuse(r, span, NULL, "this must be %.*s to %.*s", min_text, max_text);
    ret->text = text;
    return true;
}

static bool read_choice(config_reader *r, const config_key_row *row, gt_str text, gt_span span,
                        gt_config_value *ret)
{
    size_t index;
    if (config_is_one_of(text, row->limits, &index)) {
        ret->number = (int64_t)index;
        ret->text = text;
        return true;
    }
    const char *hint = gt_arena_printf(r->arena, "it is one of %.*s", GT_STR_ARG(row->limits)).ptr;
    return refuse(r, span, hint, "'%.*s' is no %.*s", text, row->name);
}

/* --- text ------------------------------------------------------------------------------------- */

static gt_str resolve_path(config_reader *r, gt_str path)
{
    if (!path.len || path.ptr[0] == '/' || gt_str_is(path, "-") || !r->folder.len)
        return gt_arena_dup(r->arena, path);
    return gt_path_join(r->arena, r->folder, path);
}

static gt_str without_line_end(gt_str s)
{
    while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

/* "env:NAME", "file:PATH", or the secret itself. Messages never quote what it stands for. */
static bool read_secret(config_reader *r, gt_str text, gt_span span, gt_str *ret)
{
    if (gt_str_starts(text, GT_STR("env:"))) {
        gt_str name = gt_arena_dup(r->arena, gt_str_from(text, 4));
        const char *value = name.ptr && r->env && r->env->getenv
                                ? r->env->getenv(r->env->ctx, name.ptr)
                                : NULL;
        if (!value) {
            gt_diag_error(r->diags, "CFG-008", span, NULL, "the environment has no variable '%.*s'",
                          GT_STR_ARG(name));
            return false;
        }
        *ret = gt_arena_dup(r->arena, gt_str_c(value));
        return ret->ptr != NULL;
    }
    if (!gt_str_starts(text, GT_STR("file:"))) {
        *ret = gt_arena_dup(r->arena, text);
        return ret->ptr != NULL;
    }
    gt_str path = resolve_path(r, gt_str_from(text, 5)), content;
    gt_status status = path.ptr ? gt_file_read(r->arena, path, GT_SECRET_BYTES_MAX, &content)
                                : GT_NOMEM;
    if (status != GT_OK) {
        gt_diag_error(r->diags, "CFG-008", span, NULL, "'%.*s' cannot be read: %s",
                      GT_STR_ARG(path), status == GT_IO ? strerror(errno) : gt_status_text(status));
        return false;
    }
    *ret = gt_arena_dup(r->arena, without_line_end(content));
    return ret->ptr != NULL;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool read_list(config_reader *r, const config_key_row *row, const gt_toml *node,
                      gt_config_value *ret)
{
    if (node->type != GT_TOML_ARRAY)
        return wrong_type(r, row, node, "an array of strings");
    gt_str *items = gt_arena_array(r->arena, gt_str, node->count + 1);
    bool good = items != NULL;
    for (const gt_toml *e = gt_toml_first(node); e && items; e = e->next) {
        if (e->type != GT_TOML_STRING) {
            good = wrong_type(r, row, e, "an array of strings");
            continue;
        }
        gt_str copy = row->type == PATHS ? resolve_path(r, e->str) : gt_arena_dup(r->arena, e->str);
        items[ret->count++] = copy;
        good = good && copy.ptr;
    }
    ret->items = items;
    return good;
}

static bool read_pairs(config_reader *r, const config_key_row *row, const gt_toml *node,
                       gt_config_value *ret)
{
    if (node->type != GT_TOML_TABLE)
        return wrong_type(r, row, node, "a table of strings");
    gt_config_pair *pairs = gt_arena_array(r->arena, gt_config_pair, node->count + 1);
    bool good = pairs != NULL;
    for (const gt_toml *m = gt_toml_first(node); m && pairs; m = m->next) {
        gt_config_pair *pair = &pairs[ret->count];
        pair->name = gt_arena_dup(r->arena, m->key);
        if (m->type == GT_TOML_STRING)
            good = read_secret(r, m->str, m->span, &pair->value) && good;
        else if (m->type == GT_TOML_INTEGER || m->type == GT_TOML_BOOL)
            pair->value = gt_arena_dup(r->arena, m->str);
        else
            good = wrong_type(r, row, m, "a table of strings");
        ret->count++;
    }
    ret->pairs = pairs;
    return good;
}

/* --- a key ------------------------------------------------------------------------------------ */

static bool read_text(config_reader *r, const config_key_row *row, gt_str text, gt_span span,
                      gt_config_value *ret)
{
    switch (row->type) {
    case CHOICE:
        return read_choice(r, row, text, span, ret);
    case SPAN:
        return read_span(r, row, text, span, ret);
    case SECRET:
        return read_secret(r, text, span, &ret->text);
    case PATH:
        ret->text = resolve_path(r, text);
        break;
    default:
        ret->text = gt_arena_dup(r->arena, text);
        break;
    }
    if (ret->text.ptr && !ret->text.len)
        return refuse(r, span, "leave the key out", "'%.*s' is empty%.*s", row->name, GT_STR(""));
    return ret->text.ptr != NULL;
}

bool config_value_read(config_reader *r, const config_key_row *row, const gt_toml *node,
                       gt_config_value *ret)
{
    ret->span = node->span;
    ret->key_span = node->key_span;
    ret->given = true;
    switch (row->type) {
    case INTEGER:
        if (node->type != GT_TOML_INTEGER)
            return wrong_type(r, row, node, "an integer");
        return read_integer(r, row, node->integer, node->span, ret);
    case BOOLEAN:
        if (node->type != GT_TOML_BOOL)
            return wrong_type(r, row, node, "true or false");
        ret->number = node->boolean;
        return true;
    case TEXTS:
    case PATHS:
        return read_list(r, row, node, ret);
    case SECRETS:
        return read_pairs(r, row, node, ret);
    case TEXT:
    case PATH:
    case SECRET:
    case CHOICE:
    case SPAN:
        break;
    }
    if (node->type != GT_TOML_STRING)
        return wrong_type(r, row, node, "a string");
    return read_text(r, row, node->str, node->span, ret);
}

bool config_value_preset(config_reader *r, const config_key_row *row, gt_config_value *ret)
{
    gt_span nowhere = {0, 0};
    if (!row->preset.len)
        return true;
    ret->has = true;
    if (row->type == BOOLEAN) {
        ret->number = gt_str_is(row->preset, "true");
        return true;
    }
    if (row->type == INTEGER)
        return gt_str_to_i64(row->preset, &ret->number);
    return read_text(r, row, row->preset, nowhere, ret);
}
