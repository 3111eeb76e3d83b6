#include "schema/schema.h"

static const gt_field FIELDS[] = {
#define GT_FIELD(name, type, ignore_above, description)                                            \
    {{(name), sizeof(name) - 1},                                                                   \
     GT_FIELD_##type,                                                                              \
     (ignore_above),                                                                               \
     {(description), sizeof(description) - 1}},
#include "schema/fields.def"
#undef GT_FIELD
};

static const gt_schema DEFAULT_SCHEMA = {FIELDS, sizeof FIELDS / sizeof FIELDS[0]};

const gt_schema *gt_schema_default(void)
{
    return &DEFAULT_SCHEMA;
}

const gt_field *gt_schema_find(const gt_schema *schema, gt_str name)
{
    size_t low = 0, high = schema->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = gt_str_cmp(schema->fields[middle].name, name);
        if (order == 0)
            return &schema->fields[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

gt_field_type gt_schema_type(const gt_schema *schema, gt_str name, const gt_field **ret_field)
{
    const gt_field *field = gt_schema_find(schema, name);
    for (gt_str parent = name; !field;) {
        size_t dot = gt_str_rfind_byte(parent, '.');
        if (dot == GT_NPOS)
            break;
        parent = gt_str_head(parent, dot);
        const gt_field *above = gt_schema_find(schema, parent);
        if (above && above->type == GT_FIELD_FLATTENED)
            field = above;
    }
    if (ret_field)
        *ret_field = field;
    return field ? field->type : GT_FIELD_UNTYPED;
}

const char *gt_field_type_name(gt_field_type type)
{
    switch (type) {
    case GT_FIELD_UNTYPED:
        return "untyped";
    case GT_FIELD_KEYWORD:
        return "keyword";
    case GT_FIELD_CONSTANT_KEYWORD:
        return "constant_keyword";
    case GT_FIELD_WILDCARD:
        return "wildcard";
    case GT_FIELD_TEXT:
        return "text";
    case GT_FIELD_LONG:
        return "long";
    case GT_FIELD_DOUBLE:
        return "double";
    case GT_FIELD_BOOLEAN:
        return "boolean";
    case GT_FIELD_DATE:
        return "date";
    case GT_FIELD_IP:
        return "ip";
    case GT_FIELD_GEO_POINT:
        return "geo_point";
    case GT_FIELD_FLATTENED:
        return "flattened";
    case GT_FIELD_NESTED:
        return "nested";
    case GT_FIELD_OBJECT:
        return "object";
    case GT_FIELD_LONG_RANGE:
        return "long_range";
    case GT_FIELD_IP_RANGE:
        return "ip_range";
    }
    return "untyped";
}
