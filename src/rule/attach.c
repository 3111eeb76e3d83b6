/* Which exceptions hold for which rule: the lists that its exceptions_list names; and of the files
 * given with --exceptions, for every rule, the lists that no rule names. */
#include "rule/load_internal.h"

static bool list_known(const rule_loader *ld, gt_str id)
{
    for (const load_list *l = ld->lists; l; l = l->next)
        if (!l->values && gt_str_eq(l->id, id))
            return true;
    for (const load_item *i = ld->first_item; i; i = i->next)
        if (gt_str_eq(i->item->list_id, id))
            return true;
    return false;
}

static const gt_toml *references(const load_rule *entry)
{
    return entry->table ? gt_toml_first(rule_get(entry->table, "exceptions_list", GT_TOML_ARRAY))
                        : NULL;
}

static void note_references(rule_loader *ld, load_rule *entry)
{
    for (const gt_toml *ref = references(entry); ref; ref = ref->next) {
        gt_str id = rule_get_str(ref, "list_id");
        if (ref->type != GT_TOML_TABLE)
            continue;
        if (!id.len)
            gt_diag_error(&entry->file->file.diags, "RULE-024", ref->span,
                          "name the list as Kibana does: list_id = \"…\"",
                          "an exception list without its list_id");
        else if (!list_known(ld, id))
            gt_diag_warn(
                &entry->file->file.diags, "RULE-024", ref->span,
                "export the rule together with its exceptions, or give the list with --exceptions",
                "the exception list '%.*s' is not here; the rule runs without it", GT_STR_ARG(id));
        for (load_item *i = ld->first_item; i; i = i->next)
            if (gt_str_eq(i->item->list_id, id))
                i->referred = true;
    }
}

static bool refers(const load_rule *entry, gt_str list_id)
{
    for (const gt_toml *ref = references(entry); ref; ref = ref->next)
        if (gt_str_eq(rule_get_str(ref, "list_id"), list_id))
            return true;
    return false;
}

/* --- the fields that filters and exceptions read ---------------------------------------------- */

typedef struct field_list {
    gt_str *items; /* NULL: only counting */
    size_t count;
} field_list;

static void add_field(field_list *list, gt_str field)
{
    if (list->items)
        list->items[list->count] = field;
    list->count++;
}

static void add_query(field_list *list, const gt_query *query)
{
    size_t count;
    const gt_str *fields = gt_query_fields(query, &count);
    for (size_t i = 0; i < count; i++)
        add_field(list, fields[i]);
}

static void add_entries(field_list *list, const exception_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_field(list, entries[i].field);
        if (entries[i].query)
            add_query(list, entries[i].query);
        add_entries(list, entries[i].entries, entries[i].entry_count);
    }
}

static void add_all(field_list *list, const gt_rule *rule)
{
    for (size_t i = 0; i < rule->filter_count; i++)
        add_query(list, rule->filters[i].query);
    for (size_t i = 0; rule->exceptions && i < rule->exceptions->count; i++)
        add_entries(list, rule->exceptions->items[i]->entries,
                    rule->exceptions->items[i]->entry_count);
}

static void collect_fields(rule_loader *ld, gt_rule *rule)
{
    field_list list = {0};
    add_all(&list, rule);
    if (!list.count)
        return;
    list.items = gt_arena_array(ld->rules, gt_str, list.count);
    list.count = 0;
    if (!list.items) {
        load_failed(ld, gt_arena_status(ld->rules));
        return;
    }
    add_all(&list, rule);
    rule->more_fields = list.items;
    rule->more_field_count = list.count;
}

/* --- attaching -------------------------------------------------------------------------------- */

static void attach(rule_loader *ld, load_rule *entry, size_t item_count)
{
    gt_exceptions *own = gt_arena_new_of(ld->rules, gt_exceptions);
    const exception_item **items = gt_arena_array(ld->rules, const exception_item *, item_count);
    if (!own || !items) {
        load_failed(ld, gt_arena_status(ld->rules));
        return;
    }
    own->items = items;
    for (const load_item *i = ld->first_item; i; i = i->next)
        if ((i->file->global && !i->referred) || refers(entry, i->item->list_id))
            items[own->count++] = i->item;
    entry->rule->exceptions = own->count ? own : NULL;
}

void load_attach_exceptions(rule_loader *ld)
{
    size_t item_count = 0;
    for (load_item *i = ld->first_item; i; i = i->next)
        item_count++;
    for (load_rule *r = ld->first_rule; r; r = r->next)
        if (r->rule)
            note_references(ld, r);
    for (load_rule *r = ld->first_rule; r && item_count; r = r->next)
        if (r->rule)
            attach(ld, r, item_count);
    for (load_rule *r = ld->first_rule; r && ld->status == GT_OK; r = r->next)
        if (r->rule)
            collect_fields(ld, r->rule);
}
