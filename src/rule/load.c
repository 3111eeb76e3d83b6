/* Files to a set of rules: reading, checking, duplicates. */
#include "rule/load_internal.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#include <errno.h>

void load_failed(rule_loader *ld, gt_status status)
{
    if (ld->status == GT_OK)
        ld->status = status == GT_OK ? GT_NOMEM : status;
}

static load_file **path_slot(load_file **slots, size_t count, gt_str path)
{
    size_t i = (size_t)gt_hash64(path, 0) & (count - 1);
    while (slots[i] && !gt_str_eq(slots[i]->file.path, path))
        i = (i + 1) & (count - 1);
    return &slots[i];
}

/* false without memory. */
static bool note_path(rule_loader *ld, load_file *file)
{
    if (ld->path_slots < 2 * (ld->path_count + 1)) {
        size_t count = ld->path_slots ? 2 * ld->path_slots : 64;
        load_file **slots = gt_arena_array(ld->rules, load_file *, count);
        if (!slots)
            return false;
        for (size_t i = 0; i < ld->path_slots; i++)
            if (ld->by_path[i])
                *path_slot(slots, count, ld->by_path[i]->file.path) = ld->by_path[i];
        ld->by_path = slots;
        ld->path_slots = count;
    }
    load_file **slot = path_slot(ld->by_path, ld->path_slots, file->file.path);
    ld->path_count += !*slot;
    *slot = file;
    return true;
}

load_file *load_file_new(rule_loader *ld, gt_str path, gt_str text, bool builtin)
{
    load_file *file = gt_arena_new_of(ld->rules, load_file);
    if (!file) {
        load_failed(ld, gt_arena_status(ld->rules));
        return NULL;
    }
    file->file.path = path;
    file->file.builtin = builtin;
    if (!builtin && !note_path(ld, file)) {
        load_failed(ld, gt_arena_status(ld->rules));
        return NULL;
    }
    file->number = ld->file_count++;
    gt_diags_init(&file->file.diags, ld->rules, path, text);
    if (ld->last_file)
        ld->last_file->next = file;
    else
        ld->files = file;
    ld->last_file = file;
    return file;
}

static void unreadable(rule_loader *ld, gt_str path, const char *why)
{
    load_file *file = load_file_new(ld, path, GT_STR_NULL, false);
    if (file)
        gt_diag_error(&file->file.diags, "RULE-030", ((gt_span){0, 0}), NULL, "cannot be read: %s",
                      why);
}

static void unreadable_status(rule_loader *ld, gt_str path, gt_status status)
{
    if (status == GT_IO)
        unreadable(ld, path, strerror(errno));
    else if (status == GT_LIMIT && gt_arena_status(ld->rules) == GT_OK)
        unreadable(ld, path, "it is larger than a rule file may be");
    else
        load_failed(ld, status);
}

load_file *load_read(rule_loader *ld, gt_str path)
{
    gt_str text, copy = gt_arena_dup(ld->rules, path);
    gt_status status = copy.ptr ? gt_file_read(ld->rules, path, GT_RULE_FILE_MAX, &text)
                                : gt_arena_status(ld->rules);
    if (status == GT_OK)
        return load_file_new(ld, copy, text, false);
    unreadable_status(ld, copy, status);
    return NULL;
}

/* --- one rule --------------------------------------------------------------------------------- */

void load_rule_add(rule_loader *ld, load_file *file, rule_source *src)
{
    load_rule *entry = gt_arena_new_of(ld->rules, load_rule);
    gt_rule *rule = gt_arena_new_of(ld->rules, gt_rule);
    if (!entry || !rule) {
        load_failed(ld, gt_arena_status(ld->rules));
        return;
    }
    size_t errors = src->diags->errors;
    *rule = (gt_rule){.path = file->file.path,
                      .file = file->number,
                      .span = src->span,
                      .builtin = file->file.builtin};
    src->rule = rule;
    rule_check(src);
    gt_status status = rule_fill(src);
    if (status != GT_OK) {
        load_failed(ld, status);
        return;
    }
    if (src->diags->errors > errors)
        rule->state = GT_RULE_BROKEN;
    else if (ld->options->lint)
        rule_lint(src);
    *entry = (load_rule){.file = file, .rule = rule, .table = src->table};
    if (ld->last_rule)
        ld->last_rule->next = entry;
    else
        ld->first_rule = entry;
    ld->last_rule = entry;
    ld->rule_count++;
}

/* A file that is no TOML: it is listed all the same. */
static void add_unparsed(rule_loader *ld, load_file *file)
{
    load_rule *entry = gt_arena_new_of(ld->rules, load_rule);
    gt_rule *rule = gt_arena_new_of(ld->rules, gt_rule);
    if (!entry || !rule) {
        load_failed(ld, gt_arena_status(ld->rules));
        return;
    }
    gt_str none = GT_STR("");
    *rule = (gt_rule){.path = file->file.path,
                      .file = file->number,
                      .builtin = file->file.builtin,
                      .state = GT_RULE_BROKEN,
                      .rule_id = none,
                      .name = none,
                      .description = none,
                      .severity = none,
                      .language = none,
                      .license = none,
                      .note = none,
                      .setup = none,
                      .from = none,
                      .to = none,
                      .interval = none,
                      .timestamp_override = none,
                      .building_block_type = none,
                      .query_text = none};
    rule->params = gt_json_new_object(ld->rules);
    *entry = (load_rule){.file = file, .rule = rule};
    if (ld->last_rule)
        ld->last_rule->next = entry;
    else
        ld->first_rule = entry;
    ld->last_rule = entry;
    ld->rule_count++;
}

/* --- TOML ------------------------------------------------------------------------------------- */

static const gt_toml *check_top(load_file *file, const gt_toml *root)
{
    static const gt_str names[] = {GT_STR("metadata"), GT_STR("rule"), GT_STR("transform")};
    gt_diags *diags = &file->file.diags;
    for (gt_toml *m = gt_toml_first(root); m; m = m->next) {
        size_t i = 0;
        while (i < 3 && !gt_str_eq(names[i], m->key))
            i++;
        if (i == 3)
            gt_diag_warn(diags, "RULE-001", m->key_span,
                         "a rule file has [metadata], [rule] and [transform]",
                         "a rule file has no table '%.*s'", GT_STR_ARG(m->key));
        else if (m->type != GT_TOML_TABLE)
            gt_diag_error(diags, "RULE-003", m->span, NULL, "'%.*s' must be a table",
                          GT_STR_ARG(m->key));
    }
    const gt_toml *rule = gt_toml_getl(root, "rule");
    if (!rule)
        gt_diag_error(diags, "RULE-002", ((gt_span){0, 0}), NULL, "the file has no table [rule]");
    return gt_toml_is(rule, GT_TOML_TABLE) ? rule : NULL;
}

static void load_toml(rule_loader *ld, load_file *file)
{
    gt_toml *root;
    gt_status status = gt_toml_parse(ld->rules, GT_TOML_1_0, &file->file.diags, &root);
    if (status == GT_NOMEM || gt_arena_status(ld->rules) != GT_OK) {
        load_failed(ld, status);
        return;
    }
    if (status != GT_OK || !check_top(file, root)) {
        add_unparsed(ld, file);
        return;
    }
    rule_source src = {.arena = ld->rules,
                       .scratch = ld->scratch,
                       .diags = &file->file.diags,
                       .schema = ld->schema,
                       .form = FORM_TOML,
                       .span = {0, file->file.diags.text.len},
                       .table = gt_toml_getl(root, "rule"),
                       .metadata = rule_get(root, "metadata", GT_TOML_TABLE),
                       .transform = rule_get(root, "transform", GT_TOML_TABLE)};
    load_rule_add(ld, file, &src);
}

/* --- files and folders ------------------------------------------------------------------------ */

static bool is_toml(gt_str name)
{
    return gt_str_ends(name, GT_STR(".toml"));
}

/* In folders; a .json file there is more often something else (a rule's tests) than an export. */
static bool is_rule_name(gt_str name)
{
    return !gt_str_starts(name, GT_STR(".")) &&
           (is_toml(name) || gt_str_ends(name, GT_STR(".ndjson")));
}

static void load_text(rule_loader *ld, load_file *file)
{
    if (is_toml(file->file.path))
        load_toml(ld, file);
    else
        load_kibana(ld, file);
}

/* A file that two of the given paths lead to is read once. */
static bool seen(const rule_loader *ld, gt_str path)
{
    return ld->path_slots && *path_slot(ld->by_path, ld->path_slots, path);
}

static void load_one(rule_loader *ld, gt_str path)
{
    if (seen(ld, path))
        return;
    load_file *file = load_read(ld, path);
    if (file)
        load_text(ld, file);
}

#define FOLDER_DEPTH_MAX 32 /* a link to a folder above it would never end */

static void load_folder(rule_loader *ld, gt_str path, unsigned depth)
{
    gt_str *names;
    size_t count;
    gt_status status = depth > FOLDER_DEPTH_MAX ? GT_LIMIT
                                                : gt_folder_list(ld->rules, path, &names, &count);
    if (status != GT_OK) {
        unreadable_status(ld, path, status);
        return;
    }
    for (size_t i = 0; i < count && ld->status == GT_OK; i++) {
        gt_str below = gt_path_join(ld->rules, path, names[i]);
        gt_file_kind kind;
        if (!below.ptr)
            load_failed(ld, gt_arena_status(ld->rules));
        else if (gt_file_stat(ld->scratch, below, &kind) != GT_OK)
            unreadable_status(ld, below, GT_IO);
        else if (kind == GT_FILE_FOLDER && !gt_str_starts(names[i], GT_STR(".")))
            load_folder(ld, below, depth + 1);
        else if (kind == GT_FILE_REGULAR && is_rule_name(names[i]))
            load_one(ld, below);
    }
}

static void load_path(rule_loader *ld, gt_str path)
{
    gt_file_kind kind;
    gt_status status = gt_file_stat(ld->scratch, path, &kind);
    if (status != GT_OK)
        unreadable_status(ld, path, status);
    else if (kind == GT_FILE_FOLDER)
        load_folder(ld, path, 0);
    else
        load_one(ld, path);
}

static void load_builtin(rule_loader *ld)
{
    for (size_t i = 0; i < gt_builtin_count() && ld->status == GT_OK; i++) {
        gt_builtin_file builtin = gt_builtin_at(i);
        if (!is_toml(builtin.name))
            continue;
        gt_str path = gt_arena_printf(ld->rules, "builtin:%.*s", GT_STR_ARG(builtin.name));
        load_file *file = load_file_new(ld, path, builtin.text, true);
        if (file)
            load_text(ld, file);
    }
}

static void load_exceptions(rule_loader *ld)
{
    for (size_t i = 0; i < ld->options->exception_count && ld->status == GT_OK; i++) {
        load_file *file = load_read(ld, ld->options->exception_paths[i]);
        if (!file)
            continue;
        file->global = true;
        load_kibana(ld, file);
    }
}

/* --- duplicates ------------------------------------------------------------------------------- */

static gt_span id_span(const load_rule *entry)
{
    const gt_toml *id = gt_toml_getl(entry->table, "rule_id");
    return id ? id->span : entry->rule->span;
}

static void report_duplicate(const load_rule *a, const load_rule *b)
{
    gt_line_col at = gt_diag_locate(b->file->file.diags.text, id_span(b).begin);
    gt_diag_error(&a->file->file.diags, "RULE-021", id_span(a), "give one of them another rule_id",
                  "the rule_id also stands in %.*s:%zu", GT_STR_ARG(b->file->file.path), at.line);
    a->rule->state = GT_RULE_BROKEN;
}

/* a stands before b, with the same rule_id. */
static void settle(load_rule *a, load_rule *b)
{
    if (a->rule->builtin && !b->rule->builtin) {
        if (b->rule->state == GT_RULE_BROKEN)
            return;
        gt_diag_add(&b->file->file.diags, GT_NOTE, "RULE-022", id_span(b), NULL,
                    "replaces the built-in rule %.*s", GT_STR_ARG(a->file->file.path));
        a->rule = NULL;
        return;
    }
    report_duplicate(a, b);
    report_duplicate(b, a);
}

/* Exports hold a few thousand rules at most; a table of ids keeps that from being squared. */
static void settle_duplicates(rule_loader *ld)
{
    size_t slots = 64;
    while (slots < ld->rule_count * 2)
        slots *= 2;
    load_rule **table = gt_arena_array(ld->scratch, load_rule *, slots);
    if (!table) {
        load_failed(ld, gt_arena_status(ld->scratch));
        return;
    }
    for (load_rule *r = ld->first_rule; r; r = r->next) {
        if (r->rule->rule_id.len == 0)
            continue;
        size_t i = (size_t)gt_hash64(r->rule->rule_id, 0) & (slots - 1);
        while (table[i] && !gt_str_eq(table[i]->rule->rule_id, r->rule->rule_id))
            i = (i + 1) & (slots - 1);
        load_rule *before = table[i];
        if (before)
            settle(before, r);
        if (!before || !before->rule)
            table[i] = r;
    }
}

/* --- the set ---------------------------------------------------------------------------------- */

static gt_rules *make_set(rule_loader *ld)
{
    gt_rules *set = gt_arena_new_of(ld->rules, gt_rules);
    gt_rule **items = gt_arena_array(ld->rules, gt_rule *, ld->rule_count + 1);
    gt_rule_file *files = gt_arena_array(ld->rules, gt_rule_file, ld->file_count + 1);
    if (!set || !items || !files)
        return NULL;
    set->items = items;
    set->files = files;
    for (load_rule *r = ld->first_rule; r; r = r->next)
        if (r->rule)
            items[set->count++] = r->rule;
    for (load_file *f = ld->files; f; f = f->next) {
        files[set->file_count++] = f->file;
        set->errors += f->file.diags.errors;
        set->warnings += f->file.diags.warnings;
    }
    return set;
}

gt_status gt_rules_load(gt_arena *rules, gt_arena *scratch, const gt_rules_options *options,
                        gt_rules **ret)
{
    rule_loader ld = {
        .rules = rules, .scratch = scratch, .options = options, .schema = options->schema};
    gt_arena_mark mark = gt_arena_save(scratch);
    if (!ld.schema)
        ld.schema = gt_schema_default();
    if (!options->no_builtin)
        load_builtin(&ld);
    for (size_t i = 0; i < options->path_count && ld.status == GT_OK; i++)
        load_path(&ld, options->paths[i]);
    for (size_t i = 0; i < options->text_count && ld.status == GT_OK; i++) {
        load_file *file = load_file_new(&ld, options->texts[i].name, options->texts[i].text, false);
        if (file)
            load_text(&ld, file);
    }
    load_exceptions(&ld);
    if (ld.status == GT_OK)
        settle_duplicates(&ld);
    if (ld.status == GT_OK)
        load_attach_exceptions(&ld);
    gt_arena_rewind(scratch, mark);
    gt_rules *set = ld.status == GT_OK ? make_set(&ld) : NULL;
    if (!set)
        return ld.status != GT_OK ? ld.status : gt_arena_status(rules);
    *ret = set;
    return GT_OK;
}

gt_rule *gt_rules_find(const gt_rules *rules, gt_str what)
{
    for (size_t i = 0; i < rules->count; i++)
        if (gt_str_eq(rules->items[i]->rule_id, what))
            return rules->items[i];
    for (size_t i = 0; i < rules->count; i++)
        if (what.len && gt_str_eq_nocase(rules->items[i]->name, what))
            return rules->items[i];
    for (size_t i = 0; i < rules->count; i++) {
        gt_str base = gt_path_base(rules->items[i]->path);
        if (gt_str_starts(base, GT_STR("builtin:")))
            base = gt_str_from(base, sizeof "builtin:" - 1);
        if (gt_str_eq(base, what) ||
            (is_toml(base) && gt_str_eq(gt_str_head(base, base.len - sizeof ".toml" + 1), what)))
            return rules->items[i];
    }
    return NULL;
}

gt_rule_verdict gt_rule_run_rest(const gt_rule *rule, const gt_json *document, gt_query_env *env)
{
    for (size_t i = 0; i < rule->filter_count; i++)
        if (gt_query_run(rule->filters[i].query, document, env) == rule->filters[i].negated)
            return GT_RULE_NO_MATCH;
    return gt_exceptions_hold(rule->exceptions, document, env, NULL) ? GT_RULE_EXCEPTED
                                                                     : GT_RULE_MATCHES;
}

gt_rule_verdict gt_rule_run(const gt_rule *rule, const gt_json *document, gt_query_env *env)
{
    return gt_query_run(rule->query, document, env) ? gt_rule_run_rest(rule, document, env)
                                                    : GT_RULE_NO_MATCH;
}
