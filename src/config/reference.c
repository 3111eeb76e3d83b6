/* The table as people read it: the reference page, and the values in force. */
#include "config/config_internal.h"

static const char *type_words(const config_key_row *row)
{
    static const char *const words[] = {
        [TEXT] = "text",           [PATH] = "path",
        [SECRET] = "secret",       [CHOICE] = "choice",
        [INTEGER] = "integer",     [BOOLEAN] = "boolean",
        [SPAN] = "span",           [TEXTS] = "list of texts",
        [PATHS] = "list of paths", [SECRETS] = "table of secrets",
    };
    return words[row->type];
}

/* Bars would end a table's cell. */
static void add_cell(gt_buf *out, gt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '|')
            gt_buf_lit(out, ", ");
        else
            gt_buf_add_byte(out, s.ptr[i]);
    }
}

static void reference_key(gt_buf *out, const config_key_row *row)
{
    gt_buf_printf(out, "| `%.*s` | %s | ", GT_STR_ARG(row->name), type_words(row));
    if (row->flags & REQUIRED)
        gt_buf_lit(out, "required");
    else if (row->preset.len)
        gt_buf_printf(out, "`%.*s`", GT_STR_ARG(row->preset));
    gt_buf_lit(out, " | ");
    if (row->for_types.len) {
        gt_buf_lit(out, "*");
        add_cell(out, row->for_types);
        gt_buf_lit(out, "*: ");
    }
    gt_buf_add(out, gt_str_c(row->help));
    if (row->limits.len) {
        gt_buf_lit(out, " (");
        add_cell(out, row->limits);
        gt_buf_lit(out, ")");
    }
    gt_buf_lit(out, " |\n");
}

void gt_config_reference(gt_buf *out)
{
    gt_buf_lit(
        out,
        "# Configuration\n\n"
        "`gatetrail config reference` prints this page; `gatetrail config check FILE` checks a file.\n\n"
        "A configuration is a TOML file. Relative paths start at its folder. A *secret* is written\n"
        "`\"env:NAME\"` (an environment variable), `\"file:PATH\"` (a file's content without its line\n"
        "end), or as it is; it is never shown. A *span* is a number with `s`, `m`, `h`, `d` or `w`.\n"
        "[errors.md](errors.md) explains the codes of mistakes.\n");
    for (size_t i = 0; i < GT_CONFIG_SECTIONS; i++) {
        const config_section_row *section = &config_sections[i];
        const char *form = section->how == MANY ? "\n## [[%.*s]]\n\n%s\n" : "\n## [%.*s]\n\n%s\n";
        gt_buf_printf(out, form, GT_STR_ARG(section->name), section->help);
        size_t first, count = config_keys_of((gt_config_section_id)i, &first);
        if (count)
            gt_buf_lit(out, "\n| key | type | default | what |\n|---|---|---|---|\n");
        for (size_t k = 0; k < count; k++)
            reference_key(out, &config_keys[first + k]);
    }
}

/* --- the values in force ---------------------------------------------------------------------- */

static void show_list(gt_buf *out, const gt_config_value *value)
{
    gt_buf_lit(out, "[");
    for (size_t i = 0; i < value->count; i++) {
        gt_buf_add(out, i ? GT_STR(", ") : GT_STR(""));
        gt_json_write_str(out, value->items[i]); /* JSON's strings are TOML's too */
    }
    gt_buf_lit(out, "]");
}

static void show_pairs(gt_buf *out, const gt_config_value *value)
{
    gt_buf_lit(out, "{");
    for (size_t i = 0; i < value->count; i++) {
        gt_buf_add(out, i ? GT_STR(", ") : GT_STR(" "));
        gt_json_write_str(out, value->pairs[i].name);
        gt_buf_lit(out, " = \"***\"");
    }
    gt_buf_lit(out, " }");
}

static void show_value(gt_buf *out, const config_key_row *row, const gt_config_value *value)
{
    switch (row->type) {
    case INTEGER:
        gt_buf_printf(out, "%lld", (long long)value->number);
        return;
    case BOOLEAN:
        gt_buf_add(out, value->number ? GT_STR("true") : GT_STR("false"));
        return;
    case TEXTS:
    case PATHS:
        show_list(out, value);
        return;
    case SECRETS:
        show_pairs(out, value);
        return;
    case SECRET:
        gt_buf_lit(out, "\"***\"");
        return;
    case TEXT:
    case PATH:
    case CHOICE:
    case SPAN:
        break;
    }
    gt_json_write_str(out, value->text);
}

void gt_config_show(const gt_config *config, gt_buf *out)
{
    for (size_t n = 0; n < config->section_count; n++) {
        const gt_config_section *s = &config->sections[n];
        const config_section_row *section = &config_sections[s->id];
        if (section->how == OPAQUE)
            continue;
        gt_buf_printf(out, section->how == MANY ? "%s[[%.*s]]\n" : "%s[%.*s]\n", n ? "\n" : "",
                      GT_STR_ARG(section->name));
        size_t first, count = config_keys_of(s->id, &first);
        for (size_t k = 0; k < count; k++) {
            if (!s->values[k].has)
                continue;
            gt_buf_printf(out, "%.*s = ", GT_STR_ARG(config_keys[first + k].name));
            show_value(out, &config_keys[first + k], &s->values[k]);
            gt_buf_lit(out, "\n");
        }
    }
}
