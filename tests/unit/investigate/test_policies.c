/* Who may change security groups, from policies in every form; and words for ports and services. */
#include "test.h"

#include "base/limits.h"
#include "investigate/policies.h"
#include "investigate/words.h"

static gt_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gt_arena_new(GT_SCRATCH_ARENA_MAX);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gt_arena_free(arena);
    return 0;
}

#define ROLE "arn:aws:iam::123456789012:role/a"

static bool review(const char *json, gt_policy_review *ret)
{
    gt_json *node;
    assert_int_equal(gt_json_parse(arena, gt_str_c(json), &node, NULL), GT_OK);
    return gt_policies_review(arena, node, GT_STR(ROLE), ret);
}

static void documents(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t open, limited;
    } cases[] = {
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}", 9, 0},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"EC2:authorize*\"],\"Resource\":[\"*\"]}]}",
         2, 0},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ec2:*\",\"Resource\":\"*\","
         "\"Condition\":{\"StringEquals\":{\"aws:RequestedRegion\":\"eu-west-1\"}}}]}", 0, 9},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ec2:*\","
         "\"Resource\":\"arn:aws:ec2:*:*:security-group/sg-1\"}]}", 0, 9},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"NotAction\":\"iam:*\",\"Resource\":\"*\"}]}", 9, 0},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
         "{\"Effect\":\"Deny\",\"Action\":\"ec2:*SecurityGroup*\",\"Resource\":\"*\"}]}", 2, 0},
        {"[{\"Statement\":[]},{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\","
         "\"Resource\":\"*\"}]}]", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_policy_review r;
        assert_true(review(cases[i].json, &r));
        assert_int_equal(gt_policy_review_open(&r), cases[i].open);
        assert_int_equal(gt_policy_review_limited(&r), cases[i].limited);
    }
    gt_policy_review r;
    assert_false(review("{}", &r));
}

static void account(void **state)
{
    (void)state;
    gt_policy_review r;
    const char *details =
        "{\"RoleDetailList\":[{\"Arn\":\"" ROLE "\",\"AssumeRolePolicyDocument\":{\"Statement\":"
        "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]},\"RolePolicyList\":[],"
        "\"AttachedManagedPolicies\":[{\"PolicyArn\":\"arn:p\"}]},"
        "{\"Arn\":\"arn:other\",\"RolePolicyList\":[{\"PolicyDocument\":{\"Statement\":"
        "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}}]}],"
        "\"Policies\":[{\"Arn\":\"arn:p\",\"PolicyVersionList\":[{\"IsDefaultVersion\":false,"
        "\"Document\":{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}},"
        "{\"IsDefaultVersion\":true,\"Document\":{\"Statement\":[{\"Effect\":\"Allow\","
        "\"Action\":\"ec2:CreateSecurityGroup\",\"Resource\":\"*\"}]}}]}]}";
    assert_true(review(details, &r));
    assert_int_equal(gt_policy_review_open(&r), 1);
    assert_false(review("{\"RoleDetailList\":[]}", &r));
}

static void ports(void **state)
{
    (void)state;
    static const struct {
        int protocol;
        int32_t from, to;
        const char *words;
    } cases[] = {
        {GT_SG_TCP, 22, 22, "tcp/22"},       {GT_SG_UDP, 1, 5, "udp/1-5"},
        {GT_SG_TCP, 0, 65535, "all tcp ports"}, {-1, -1, -1, "all traffic"},
        {GT_SG_ICMP, -1, -1, "icmp"},        {GT_SG_ICMP, 8, 0, "icmp type 8"},
        {50, -1, -1, "protocol 50"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_str words = gt_words_ports(arena, cases[i].protocol, cases[i].from, cases[i].to);
        if (!gt_str_eq(words, gt_str_c(cases[i].words)))
            fail_msg("want %s, got %.*s", cases[i].words, GT_STR_ARG(words));
    }
    bool admin;
    size_t count;
    gt_str names = gt_words_services(arena, GT_SG_TCP, 20, 30, &admin, &count);
    assert_true(gt_str_find(names, GT_STR("SSH (tcp/22)")) != GT_NPOS && admin && count == 5);
    (void)gt_words_services(arena, GT_SG_UDP, 22, 22, &admin, &count);
    assert_true(!admin && count == 0);
    (void)gt_words_services(arena, -1, -1, -1, &admin, &count);
    assert_true(admin && count > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(documents), T(account), T(ports),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
