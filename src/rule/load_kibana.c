/* What Kibana exports: one JSON object a line (or pretty-printed ones, or one array). */
#include "rule/load_internal.h"

#include "base/file.h"

/* --- exception items -------------------------------------------------------------------------- */

typedef struct list_search {
    rule_loader *ld;
    load_file *file; /* the one that refers to the list */
} list_search;

static load_file *read_value_list(rule_loader *ld, const list_search *search, gt_str id)
{
    for (size_t i = 0; i < ld->options->value_list_count; i++)
        if (gt_str_eq(ld->options->value_lists[i].id, id))
            return load_read(ld, ld->options->value_lists[i].path);
    if (gt_str_find_byte(id, '/') != GT_NPOS ||
        gt_str_starts(id, GT_STR("."))) /* never out of the folder */
        return NULL;
    gt_str folder = gt_path_folder(search->file->file.path);
    for (int with_end = 0; with_end < 2; with_end++) {
        gt_str name = gt_arena_printf(ld->rules, "%.*s%s", GT_STR_ARG(id), with_end ? ".txt" : "");
        gt_str path = gt_path_join(ld->rules, folder, name);
        gt_file_kind kind;
        if (path.ptr && gt_file_stat(ld->scratch, path, &kind) == GT_OK && kind == GT_FILE_REGULAR)
            return load_read(ld, path);
    }
    return NULL;
}

static const value_list *find_value_list(void *ctx, gt_diags *diags, gt_span span, gt_str id,
                                         gt_str type)
{
    const list_search *search = ctx;
    rule_loader *ld = search->ld;
    for (load_list *l = ld->lists; l; l = l->next)
        if (l->values && gt_str_eq(l->id, id))
            return l->values;
    load_file *file = read_value_list(ld, search, id);
    if (!file) {
        gt_diag_error(diags, "RULE-025", span,
                      "give it with --value-list ID=FILE, one value a line",
                      "there is no value list '%.*s'", GT_STR_ARG(id));
        return NULL;
    }
    value_list *values;
    load_list *list = gt_arena_new_of(ld->rules, load_list);
    gt_status status = rule_value_list_read(ld->rules, id, type, file->file.diags.text, &values);
    if (!list || status != GT_OK) {
        load_failed(ld, list ? status : gt_arena_status(ld->rules));
        return NULL;
    }
    *list = (load_list){ld->lists, id, values};
    ld->lists = list;
    return values;
}

static void add_item(rule_loader *ld, load_file *file, const gt_toml *node)
{
    list_search search = {ld, file};
    exception_compiler c = {.arena = ld->rules,
                            .scratch = ld->scratch,
                            .diags = &file->file.diags,
                            .schema = ld->schema,
                            .find = find_value_list,
                            .find_ctx = &search};
    exception_item *item;
    gt_status status = rule_exception_compile(&c, node, &item);
    if (status == GT_INVALID)
        return;
    load_item *entry = status == GT_OK ? gt_arena_new_of(ld->rules, load_item) : NULL;
    if (!entry) {
        load_failed(ld, status != GT_OK ? status : gt_arena_status(ld->rules));
        return;
    }
    *entry = (load_item){.file = file, .item = item};
    if (ld->last_item)
        ld->last_item->next = entry;
    else
        ld->first_item = entry;
    ld->last_item = entry;
}

static void add_container(rule_loader *ld, gt_str id)
{
    load_list *list = gt_arena_new_of(ld->rules, load_list);
    if (!list) {
        load_failed(ld, gt_arena_status(ld->rules));
        return;
    }
    *list = (load_list){ld->lists, id, NULL};
    ld->lists = list;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool has(const gt_toml *node, const char *key)
{
    return gt_toml_get(node, gt_str_c(key)) != NULL;
}

static void add_value(rule_loader *ld, load_file *file, gt_toml *node)
{
    gt_diags *diags = &file->file.diags;
    if (node->type == GT_TOML_ARRAY) {
        for (gt_toml *e = gt_toml_first(node); e; e = e->next)
            add_value(ld, file, e);
    } else if (node->type != GT_TOML_TABLE) {
        gt_diag_error(diags, "RULE-023", node->span, NULL,
                      "a rule or an exception is a JSON object");
    } else if (has(node, "list_id") && (has(node, "entries") || has(node, "item_id"))) {
        add_item(ld, file, node);
    } else if (gt_toml_is(gt_toml_getl(node, "list_id"), GT_TOML_STRING) && !has(node, "query")) {
        add_container(ld, gt_toml_getl(node, "list_id")->str);
    } else if (has(node, "exported_count") || has(node, "exported_rules_count") ||
               has(node, "exported_exception_list_count")) {
        return; /* the export's last line */
    } else if (has(node, "attributes") || has(node, "actionTypeId")) {
        return; /* an action connector */
    } else if (file->global) {
        gt_diag_warn(diags, "RULE-023", ((gt_span){node->span.begin, node->span.begin + 1}),
                     "rules are given with --rules",
                     "this is no exception list and no item of one");
    } else {
        rule_source src = {.arena = ld->rules,
                           .scratch = ld->scratch,
                           .diags = diags,
                           .schema = ld->schema,
                           .form = FORM_KIBANA,
                           .span = node->span,
                           .table = node};
        load_rule_add(ld, file, &src);
    }
}

/* Where reading can go on after a line that is no JSON. */
static size_t next_line(gt_str text, size_t pos)
{
    size_t line = gt_str_find_byte(gt_str_from(text, pos), '\n');
    return line == GT_NPOS ? text.len : pos + line + 1;
}

void load_kibana(rule_loader *ld, load_file *file)
{
    gt_str text = file->file.diags.text;
    size_t pos = gt_str_starts(text, GT_STR("\xEF\xBB\xBF")) ? 3 : 0;
    while (ld->status == GT_OK) {
        while (pos < text.len && memchr(" \t\r\n", text.ptr[pos], 4))
            pos++;
        if (pos == text.len)
            return;
        gt_arena_mark mark = gt_arena_save(ld->scratch);
        gt_json *json;
        gt_json_error error = {pos, "expected a value"};
        size_t begin = pos;
        gt_status status = gt_json_parse_next(ld->scratch, text, &pos, &json, &error);
        gt_arena_rewind(ld->scratch, mark);
        if (status == GT_NOMEM) {
            load_failed(ld, status);
        } else if (status != GT_OK) {
            gt_diag_error(&file->file.diags, "RULE-023",
                          ((gt_span){error.offset, error.offset + (error.offset < text.len)}), NULL,
                          "this line is no JSON: %s", error.message);
            pos = next_line(text, error.offset < begin ? begin : error.offset);
        } else {
            gt_toml *node;
            status = gt_toml_from_json(ld->rules, text, (gt_span){begin, pos}, &node);
            if (status != GT_OK)
                load_failed(ld, status);
            else
                add_value(ld, file, node);
        }
    }
}
