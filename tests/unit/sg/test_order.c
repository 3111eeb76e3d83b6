/* The same history for any order of the records: colliding and missing times, one event told in different
 * words, groups made twice, VPCs that contradict each other, calls by name, copies. */
#include "test.h"

#include "sg_dump.h"

#define RECORDS_MAX 12
#define ROUNDS 4000
#define ORDERS 6

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static const char *one_of(uint64_t *random, const char *const *texts, size_t count)
{
    return texts[next_random(random) % count];
}
#define ONE_OF(...)                                                                                \
    one_of(random, (const char *const[]){__VA_ARGS__},                                            \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Few values, so that everything meets everything. */
static void add_record(uint64_t *random, gt_buf *out)
{
    const char *group = ONE_OF("sg-1", "sg-2", "sg-3"), *name = ONE_OF("web", "db", "default");
    const char *vpc = ONE_OF("vpc-1", "vpc-2");
    gt_buf_printf(out,
                  "{\"eventSource\":\"ec2.amazonaws.com\",\"eventID\":\"e%s\",\"eventTime\":\"%s\","
                  "\"awsRegion\":\"%s\",\"recipientAccountId\":\"%s\",",
                  ONE_OF("1", "2", "3", "4", "5", "6", "7"),
                  ONE_OF("", "2026-03-02T09:01:01Z", "2026-03-02T09:01:02Z", "2026-03-02T09:01:03Z"),
                  ONE_OF("eu-west-1", "eu-west-1", "us-east-1"),
                  ONE_OF("123456789012", "123456789012", "111122223333"));
    const char *target = next_random(random) % 3 ? "groupId" : "groupName";
    const char *called = target[5] == 'I' ? group : name;
    const char *rule = ONE_OF("sgr-1", "sgr-2", "sgr-3");
    const char *permission =
        ONE_OF("\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,\"ipRanges\":{\"items\":[{"
               "\"cidrIp\":\"0.0.0.0/0\"}]}",
               "\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":80,\"ipRanges\":{\"items\":[{"
               "\"cidrIp\":\"10.0.0.0/8\",\"description\":\"inside\"}]}",
               "\"ipProtocol\":\"-1\",\"ipv6Ranges\":{\"items\":[{\"cidrIpv6\":\"::/0\"}]}",
               "\"ipProtocol\":\"udp\",\"fromPort\":53,\"toPort\":53,\"groups\":{\"items\":[{"
               "\"groupName\":\"db\"}]}");
    switch (next_random(random) % 9) {
    case 0:
    case 1:
        gt_buf_printf(out,
                      "\"eventName\":\"CreateSecurityGroup\",\"requestParameters\":{\"groupName\":"
                      "\"%s\",\"groupDescription\":\"%s\",\"vpcId\":\"%s\"},\"responseElements\":{"
                      "\"_return\":true,\"groupId\":\"%s\"}}\n",
                      name, ONE_OF("one", "two"), vpc, group);
        break;
    case 2:
        gt_buf_printf(out,
                      "\"eventName\":\"DeleteSecurityGroup\",\"requestParameters\":{\"%s\":\"%s\"},"
                      "\"responseElements\":{\"_return\":true}}\n",
                      target, called);
        break;
    case 3:
        gt_buf_printf(out,
                      "\"eventName\":\"CreateVpc\",\"requestParameters\":{},\"responseElements\":{"
                      "\"vpc\":{\"vpcId\":\"%s\",\"isDefault\":%s}}}\n",
                      vpc, ONE_OF("true", "false"));
        break;
    case 4:
        gt_buf_printf(out,
                      "\"eventName\":\"CreateNetworkInterface\",\"requestParameters\":{},"
                      "\"responseElements\":{\"networkInterface\":{\"networkInterfaceId\":\"%s\",%s"
                      "\"groupSet\":{\"items\":[{\"groupId\":\"%s\",\"groupName\":\"%s\"},"
                      "{\"groupId\":\"%s\"}]}}}}\n",
                      ONE_OF("eni-1", "eni-2"), ONE_OF("", "", "\"vpcId\":\"vpc-1\",",
                                                       "\"vpcId\":\"vpc-2\","),
                      group, name, ONE_OF("sg-1", "sg-2", "sg-3"));
        break;
    case 5:
        gt_buf_printf(out,
                      "\"eventName\":\"ModifySecurityGroupRules\",\"requestParameters\":{"
                      "\"ModifySecurityGroupRulesRequest\":{\"GroupId\":\"%s\",\"SecurityGroupRule\":{"
                      "\"SecurityGroupRuleId\":\"%s\",\"SecurityGroupRule\":{\"IpProtocol\":\"tcp\","
                      "\"FromPort\":%s,\"ToPort\":443,\"CidrIpv4\":\"192.0.2.0/24\"}}}},"
                      "\"responseElements\":{\"ModifySecurityGroupRulesResponse\":{\"return\":true}}}\n",
                      group, rule, ONE_OF("22", "443"));
        break;
    default:
        gt_buf_printf(out,
                      "\"eventName\":\"%s\",\"requestParameters\":{\"%s\":\"%s\",\"ipPermissions\":{"
                      "\"items\":[{%s}]}},\"responseElements\":{\"_return\":true}}\n",
                      ONE_OF("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress",
                             "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"),
                      target, called, permission);
        break;
    }
}

static void shuffle(uint64_t *random, size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = next_random(random) % i, kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

static size_t changes_of(gt_arena *arena, gt_str text, gt_sg_change **changes)
{
    size_t count = 0, pos = 0;
    gt_json *record;
    while (pos < text.len && gt_json_parse_next(arena, text, &pos, &record, NULL) == GT_OK) {
        gt_sg_change *change;
        assert_int_equal(gt_sg_change_of(arena, record, GT_STR("none"), &change), GT_OK);
        if (change)
            changes[count++] = change;
        while (pos < text.len && text.ptr[pos] == '\n')
            pos++;
    }
    return count;
}

static size_t compare_orders(uint64_t *random, gt_str text)
{
    gt_arena *arena = gt_arena_new(64 * GT_MIB);
    gt_sg_change *changes[RECORDS_MAX];
    size_t order[2 * RECORDS_MAX], count = changes_of(arena, text, changes);
    gt_buf first = GT_BUF(16 * GT_MIB), other = GT_BUF(16 * GT_MIB);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    assert_int_equal(sg_dump_history(changes, order, count, &first), GT_OK);
    for (size_t n = 0; n < ORDERS; n++) {
        size_t copies = 0;
        for (; copies < count && next_random(random) % 4 == 0; copies++)
            order[count + copies] = order[next_random(random) % count];
        shuffle(random, order, count + copies);
        gt_buf_reset(&other);
        assert_int_equal(sg_dump_history(changes, order, count + copies, &other), GT_OK);
        if (!gt_str_eq(gt_buf_str(&first), gt_buf_str(&other))) {
            print_error("records:\n%.*s\n\none order:\n%.*s\nanother:\n%.*s\n", GT_STR_ARG(text),
                        GT_STR_ARG(gt_buf_str(&first)), GT_STR_ARG(gt_buf_str(&other)));
            fail();
        }
        for (size_t i = 0, kept = 0; i < count + copies; i++) { /* without the copies again */
            size_t at = 0;
            while (at < kept && order[at] != order[i])
                at++;
            if (at == kept)
                order[kept++] = order[i];
        }
    }
    gt_buf_done(&first);
    gt_buf_done(&other);
    gt_arena_free(arena);
    return count;
}

static void test_random_records(void **state)
{
    uint64_t random = 7;
    size_t changes = 0;
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        gt_buf text = GT_BUF(1 * GT_MIB);
        for (size_t n = 2 + next_random(&random) % (RECORDS_MAX - 1); n; n--)
            add_record(&random, &text);
        changes += compare_orders(&random, gt_buf_str(&text));
        gt_buf_done(&text);
    }
    assert_true(changes > 5 * ROUNDS); /* the records mean something */
}

/* One group told to be made twice, both times without a time that can be read. */
static void test_made_twice(void **state)
{
    uint64_t random = 1;
    (void)state;
    compare_orders(&random,
                   GT_STR("{\"eventName\":\"CreateSecurityGroup\",\"eventTime\":\"2026-03-02T09:01-44Z\","
                          "\"requestParameters\":{\"groupName\":\"web\",\"vpcId\":\"vpc-1\"},"
                          "\"responseElements\":{\"groupId\":\"sg-1\"},\"eventID\":\"e1\"}\n"
                          "{\"eventName\":\"CreateSecurityGroup\",\"eventTime\":\"never\","
                          "\"requestParameters\":{\"groupName\":\"wab\",\"vpcId\":\"vpc-2\"},"
                          "\"responseElements\":{\"groupId\":\"sg-1\"},\"eventID\":\"e1\"}\n"
                          "{\"eventName\":\"AuthorizeSecurityGroupIngress\",\"eventTime\":"
                          "\"2026-03-02T09:01:45Z\",\"requestParameters\":{\"groupName\":\"web\","
                          "\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,\"cidrIp\":"
                          "\"0.0.0.0/0\"},\"eventID\":\"e2\"}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_twice),
        cmocka_unit_test(test_random_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
