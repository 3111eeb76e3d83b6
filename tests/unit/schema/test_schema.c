/* The field table: its order, and how names find their types. */
#include "test.h"

#include "schema/schema.h"

static void rows_are_sorted_and_described(void **state)
{
    (void)state;
    const gt_schema *schema = gt_schema_default();
    assert_true(schema->count > 200);
    for (size_t i = 0; i < schema->count; i++) {
        const gt_field *field = &schema->fields[i];
        if (i && gt_str_cmp(schema->fields[i - 1].name, field->name) >= 0)
            fail_msg("%.*s is out of order", GT_STR_ARG(field->name));
        assert_true(field->description.len > 0);
        assert_null(memchr(field->description.ptr, '\n', field->description.len));
        assert_ptr_equal(gt_schema_find(schema, field->name), field);
        assert_int_equal(gt_schema_type(schema, field->name, NULL), field->type);
        /* Only keywords can be too long for the index. */
        if (field->ignore_above)
            assert_int_equal(field->type, GT_FIELD_KEYWORD);
    }
}

static gt_field_type type_of(const char *name)
{
    return gt_schema_type(gt_schema_default(), gt_str_c(name), NULL);
}

static void names_find_their_types(void **state)
{
    (void)state;
    const gt_field *row = NULL;
    assert_int_equal(type_of("event.action"), GT_FIELD_KEYWORD);
    assert_int_equal(type_of("source.ip"), GT_FIELD_IP);
    assert_int_equal(type_of("aws.cloudtrail.management_event"), GT_FIELD_KEYWORD);
    assert_int_equal(type_of("aws.cloudtrail.read_only"), GT_FIELD_BOOLEAN);
    assert_int_equal(type_of("gatetrail.security_group.opened"), GT_FIELD_NESTED);
    assert_int_equal(type_of("gatetrail.security_group.opened.port"), GT_FIELD_LONG_RANGE);
    assert_int_equal(gt_schema_type(gt_schema_default(),
                                    GT_STR("aws.cloudtrail.flattened.request_parameters.a.b"), &row),
                     GT_FIELD_FLATTENED);
    assert_string_equal(row->name.ptr, "aws.cloudtrail.flattened.request_parameters");
    assert_int_equal(type_of("aws.cloudtrail.flattened.request_parametersX"), GT_FIELD_UNTYPED);
    assert_int_equal(type_of("aws.cloudtrail.flattened"), GT_FIELD_UNTYPED);
    assert_int_equal(type_of("source.ip.x"), GT_FIELD_UNTYPED);
    assert_int_equal(type_of("nothing"), GT_FIELD_UNTYPED);
    assert_int_equal(type_of(""), GT_FIELD_UNTYPED);
    row = gt_schema_find(gt_schema_default(), GT_STR("aws.cloudtrail.request_parameters"));
    assert_int_equal(row->ignore_above, 8191);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(gt_field_type_name(GT_FIELD_IP_RANGE), "ip_range");
    assert_string_equal(gt_field_type_name(GT_FIELD_KEYWORD), "keyword");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_described),
        cmocka_unit_test(names_find_their_types),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
