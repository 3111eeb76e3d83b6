#include <string.h>
/* The normaliser: every shape of one call comes out as the same change; where groups are attached; callers;
 * snapshots; and every failed allocation is a failure, never a crash. */
#include "sg_load.h"

#include "sg/fields.h"

#define HEAD                                                                                       \
    "\"eventTime\":\"2026-01-01T00:00:00Z\",\"eventID\":\"e1\",\"awsRegion\":\"eu-west-1\","       \
    "\"recipientAccountId\":\"123456789012\","


static gt_sg_change *change_of(load *l, const char *json)
{
    gt_sg_change *change = NULL;
    gt_json *record = load_parse(l, gt_arena_dup(l->arena, gt_str_c(json)));
    assert_int_equal(gt_sg_change_of(l->arena, record, GT_STR("fallback"), &change), GT_OK);
    return change;
}

static load load_new(void)
{
    return (load){.arena = gt_arena_new((size_t)1 << 28)};
}

static void assert_rule(load *l, const gt_sg_change *c, size_t i, const char *text)
{
    assert_non_null(c);
    assert_true(i < c->rule_count);
    assert_string_equal(gt_sg_rule_text(l->arena, &c->rules[i]).ptr, text);
}

/* --- one call, many shapes -------------------------------------------------------------------------- */

static void test_shapes(void **unused)
{
    static const char *const requests[] = {
        "{\"groupId\":\"sg-1\",\"ipPermissions\":{\"items\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,"
        "\"toPort\":22,\"groups\":{},\"ipRanges\":{\"items\":[{\"cidrIp\":\"0.0.0.0/0\"}]},"
        "\"ipv6Ranges\":{},\"prefixListIds\":{}}]}}",
        "{\"groupId\":\"sg-1\",\"ipPermissions\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,"
        "\"ipRanges\":[{\"cidrIp\":\"0.0.0.0/0\"}]}]}",
        "{\"groupId\":\"sg-1\",\"ipPermissions\":{\"ipProtocol\":\"6\",\"fromPort\":\"22\","
        "\"toPort\":\"22\",\"ipRanges\":{\"cidrIp\":\"1.2.3.4/0\"}}}",
        "{\"groupId\":\"sg-1\",\"ipPermissions\":{},\"ipProtocol\":\"TCP\",\"fromPort\":22,\"toPort\":22,"
        "\"cidrIp\":\"0.0.0.0/0\"}",
        "{\"groupId\":\"sg-1\",\"ipProtocol\":6,\"fromPort\":22.0,\"toPort\":[22],\"cidrIp\":\"0.0.0.0/0\"}",
        "{\"AuthorizeSecurityGroupIngressRequest\":{\"GroupId\":\"sg-1\",\"IpPermissions\":{\"items\":[{"
        "\"IpProtocol\":\"tcp\",\"FromPort\":22,\"ToPort\":22,\"IpRanges\":{\"items\":[{\"CidrIp\":"
        "\"0.0.0.0/0\"}]}}]}}}",
        "{\"GROUPID\":\"sg-1\",\"ippermissions\":{\"ITEMS\":[{\"IPPROTOCOL\":\"tcp\",\"fromport\":22,"
        "\"TOPORT\":22,\"ipranges\":{\"item\":[{\"CIDRIP\":\"0.0.0.0/0\"}]}}]}}",
    };
    load l = load_new();
    (void)unused;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        gt_str json = gt_arena_printf(
            l.arena, "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":%s,"
                     "\"responseElements\":{\"_return\":true}}",
            requests[i]);
        gt_sg_change *c = change_of(&l, json.ptr);
        print_message("# %zu\n", i);
        assert_non_null(c);
        assert_true(gt_str_is(c->group_id, "sg-1"));
        assert_int_equal(c->rule_count, 1);
        assert_rule(&l, c, 0, "ingress tcp 22 0.0.0.0/0");
        assert_int_equal(c->outcome, GT_SG_APPLIED);
    }
    load_free(&l);
}

static void test_ports(void **unused)
{
    static const struct {
        const char *members;
        const char *malformed; /* NULL: good */
        const char *text;
    } cases[] = {
        {"\"ipProtocol\":\"tcp\",\"fromPort\":0,\"toPort\":65535", NULL, "ingress tcp 0-65535 10.0.0.0/8"},
        {"\"ipProtocol\":\"-1\",\"fromPort\":0,\"toPort\":65535", NULL, "ingress all 10.0.0.0/8"},
        {"\"ipProtocol\":-1", NULL, "ingress all 10.0.0.0/8"},
        {"\"ipProtocol\":\"icmp\",\"fromPort\":-1,\"toPort\":7", NULL, "ingress icmp 10.0.0.0/8"},
        {"\"ipProtocol\":\"58\",\"fromPort\":128,\"toPort\":-1", NULL, "ingress icmpv6 type 128 10.0.0.0/8"},
        {"\"ipProtocol\":\"50\",\"fromPort\":1,\"toPort\":2", NULL, "ingress 50 10.0.0.0/8"},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":65536,\"toPort\":65536", "a port outside 0-65535", NULL},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":4294967318,\"toPort\":4294967318", "a port outside 0-65535", NULL},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":18446744073709551638,\"toPort\":18446744073709551638",
         "a port outside 0-65535", NULL},
        {"\"ipProtocol\":\"udp\",\"fromPort\":-1,\"toPort\":-1", "a port outside 0-65535", NULL},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":23,\"toPort\":22", "a port range that ends before it begins", NULL},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":\"ssh\",\"toPort\":22", "a port that is no number", NULL},
        {"\"ipProtocol\":\"tcp\",\"fromPort\":22.5,\"toPort\":22.5", "a port that is no number", NULL},
        {"\"ipProtocol\":\"icmp\",\"fromPort\":256,\"toPort\":0", "an ICMP type or code outside 0-255", NULL},
        {"\"ipProtocol\":\"300\"", "an unknown protocol", NULL},
        {"\"fromPort\":1,\"toPort\":1", "no protocol", NULL},
    };
    load l = load_new();
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_str json = gt_arena_printf(
            l.arena, "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{"
                     "\"groupId\":\"sg-1\",\"ipPermissions\":{\"items\":[{%s,\"ipRanges\":{\"items\":[{\"cidrIp\":"
                     "\"10.0.0.0/8\"}]}}]}}}",
            cases[i].members);
        gt_sg_change *c = change_of(&l, json.ptr);
        gt_sg_box box;
        print_message("# %s\n", cases[i].members);
        assert_int_equal(c->rule_count, 1);
        if (cases[i].malformed) {
            assert_non_null(c->rules[0].malformed);
            assert_string_equal(c->rules[0].malformed, cases[i].malformed);
            assert_false(gt_sg_box_of(&c->rules[0], &box));
        } else {
            assert_null(c->rules[0].malformed);
            assert_rule(&l, c, 0, cases[i].text);
        }
    }
    load_free(&l);
}

static void test_outcomes(void **unused)
{
    load l = load_new();
    (void)unused;
#define CALL(more) "{" HEAD "\"eventName\":\"RevokeSecurityGroupIngress\",\"requestParameters\":{\"groupId\":\"sg-1\"," \
                   "\"ipProtocol\":\"tcp\",\"fromPort\":1,\"toPort\":1,\"cidrIp\":\"10.0.0.1/32\"}" more "}"
    assert_int_equal(change_of(&l, CALL(""))->outcome, GT_SG_APPLIED);
    assert_int_equal(change_of(&l, CALL(",\"errorCode\":null"))->outcome, GT_SG_APPLIED);
    assert_int_equal(change_of(&l, CALL(",\"errorCode\":\"\""))->outcome, GT_SG_APPLIED);
    assert_int_equal(change_of(&l, CALL(",\"errorCode\":\"Client.X\""))->outcome, GT_SG_FAILED);
    assert_int_equal(change_of(&l, CALL(",\"errorCode\":\"Client.DryRunOperation\""))->outcome,
                     GT_SG_DRY_RUN);
    assert_int_equal(change_of(&l, "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\","
                                   "\"requestParameters\":{\"groupId\":\"sg-1\",\"dryRun\":\"true\"},"
                                   "\"responseElements\":{\"_return\":true}}")->outcome,
                     GT_SG_DRY_RUN);
    assert_int_equal(change_of(&l, CALL(",\"responseElements\":{\"_return\":\"False\"}"))->outcome,
                     GT_SG_FAILED);
#undef CALL
    assert_null(change_of(&l, "{\"eventName\":\"DescribeSecurityGroups\"}"));
    assert_null(change_of(&l, "{}"));
    assert_null(change_of(&l, "[]"));
    gt_sg_change *omitted =
        change_of(&l, "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{"
                      "\"omitted\":true,\"reason\":\"too large\"}}");
    assert_int_equal(omitted->confidence, GT_SG_INCOMPLETE);
    gt_sg_change *wrapped = change_of(&l, "{\"detail\":{" HEAD "\"eventName\":\"DeleteSecurityGroup\","
                                          "\"requestParameters\":{\"groupName\":\"web\"}}}");
    assert_int_equal(wrapped->operation, GT_SG_DELETE);
    assert_true(gt_str_is(wrapped->group_name, "web"));
    load_free(&l);
}

/* --- attachments -------------------------------------------------------------------------------------- */

static void assert_attached(load *l, const char *json, const char *resource, const char *groups,
                            gt_sg_attach_mode mode)
{
    gt_sg_change *c = change_of(l, json);
    gt_buf out = GT_BUF(4096);
    assert_non_null(c);
    assert_int_equal(c->operation, GT_SG_ATTACH);
    assert_int_equal(c->attachment_count, 1);
    const gt_sg_attachment *a = &c->attachments[0];
    for (size_t i = 0; i < a->group_count; i++)
        gt_buf_printf(&out, "%s%.*s", i ? " " : "", GT_STR_ARG(a->groups[i]));
    assert_true(gt_str_eq(a->resource, gt_str_c(resource)));
    assert_string_equal(out.data ? out.data : "", groups);
    assert_int_equal(a->mode, mode);
    gt_buf_done(&out);
}

static void test_attachments(void **unused)
{
    load l = load_new();
    (void)unused;
#define EVENT(name, request, response)                                                             \
    "{" HEAD "\"eventName\":\"" name "\",\"requestParameters\":" request                           \
    ",\"responseElements\":" response "}"
    static const char *const places[] = {
        EVENT("RunInstances", "{\"groupSet\":{\"items\":[{\"groupId\":\"sg-1\"}]}}",
              "{\"instancesSet\":{\"items\":[{\"instanceId\":\"i-1\"}]}}"),
        EVENT("RunInstances",
              "{\"networkInterfaceSet\":{\"items\":[{\"deviceIndex\":0,\"groupSet\":{\"items\":[{\"groupId\":"
              "\"sg-1\"}]}}]}}",
              "{\"instancesSet\":{\"items\":[{\"instanceId\":\"i-1\"}]}}"),
        EVENT("RunInstances", "{\"launchTemplate\":{}}",
              "{\"instancesSet\":{\"items\":[{\"instanceId\":\"i-1\",\"groupSet\":{\"items\":[{\"groupId\":"
              "\"sg-1\"}]}}]}}"),
        EVENT("RunInstances", "{}",
              "{\"instancesSet\":{\"items\":[{\"instanceId\":\"i-1\",\"networkInterfaceSet\":{\"items\":[{"
              "\"networkInterfaceId\":\"eni-1\",\"groupSet\":{\"items\":[{\"groupId\":\"sg-1\"}]}}]}}]}}"),
        EVENT("ModifyInstanceAttribute",
              "{\"instanceId\":\"i-1\",\"groupSet\":{\"items\":[{\"groupId\":\"sg-1\"}]}}", "{\"_return\":true}"),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        assert_attached(&l, places[i], "i-1", "sg-1", GT_SG_ATTACH_SET);
    assert_attached(&l,
                    EVENT("ModifyDBInstance", "{\"dBInstanceIdentifier\":\"db1\"}",
                          "{\"dBInstanceIdentifier\":\"db1\",\"vpcSecurityGroups\":[{\"vpcSecurityGroupId\":"
                          "\"sg-1\",\"status\":\"active\"},{\"vpcSecurityGroupId\":\"sg-2\",\"status\":"
                          "\"removing\"}]}"),
                    "db1", "sg-1", GT_SG_ATTACH_SET);
    assert_attached(&l,
                    EVENT("SetSecurityGroups",
                          "{\"loadBalancerArn\":\"arn:lb\",\"securityGroups\":[\"sg-1\",\"sg-2\"]}", "{}"),
                    "arn:lb", "sg-1 sg-2", GT_SG_ATTACH_SET);
    assert_attached(&l,
                    EVENT("ModifyVpcEndpoint",
                          "{\"ModifyVpcEndpointRequest\":{\"VpcEndpointId\":\"vpce-1\",\"AddSecurityGroupId\":"
                          "{\"tag\":1,\"content\":\"sg-1\"}}}",
                          "{}"),
                    "vpce-1", "sg-1", GT_SG_ATTACH_ADD);
    assert_attached(&l,
                    EVENT("AssociateSecurityGroupVpc",
                          "{\"AssociateSecurityGroupVpcRequest\":{\"GroupId\":\"sg-1\",\"VpcId\":\"vpc-1\"}}",
                          "{}"),
                    "vpc-1", "sg-1", GT_SG_ATTACH_ADD);
    assert_attached(&l, EVENT("DeleteNetworkInterface", "{\"networkInterfaceId\":\"eni-1\"}", "{}"),
                    "eni-1", "", GT_SG_ATTACH_END);
    assert_attached(&l,
                    EVENT("CreateFunction20150331",
                          "{\"functionName\":\"f\",\"vpcConfig\":{\"securityGroupIds\":[\"sg-1\"]}}", "{}"),
                    "f", "sg-1", GT_SG_ATTACH_SET);
    assert_null(change_of(&l, EVENT("ModifyInstanceAttribute",
                                    "{\"instanceId\":\"i-1\",\"userData\":\"x\"}", "{}")));
    load_free(&l);
}

/* --- callers -------------------------------------------------------------------------------------------- */

static void test_actors(void **unused)
{
    static const struct {
        const char *record;
        gt_sg_actor_class class;
        const char *basis;
    } cases[] = {
        {"{\"userIdentity\":{\"type\":\"IAMUser\"},\"userAgent\":\"aws-cli/2.1\"}", GT_SG_ACTOR_CLI, "userAgent"},
        {"{\"userIdentity\":{\"type\":\"IAMUser\"},\"userAgent\":\"Mozilla/5.0\"}", GT_SG_ACTOR_CONSOLE,
         "userAgent"},
        {"{\"userIdentity\":{\"type\":\"IAMUser\"},\"userAgent\":\"Terraform/1.2\","
         "\"sessionCredentialFromConsole\":\"true\"}",
         GT_SG_ACTOR_CONSOLE, "sessionCredentialFromConsole"},
        {"{\"userIdentity\":{\"type\":\"Root\"},\"userAgent\":\"Terraform/1.2\"}", GT_SG_ACTOR_ROOT,
         "userIdentity.type"},
        {"{\"userIdentity\":{\"type\":\"Root\",\"invokedBy\":\"autoscaling.amazonaws.com\"}}",
         GT_SG_ACTOR_SERVICE, "userIdentity.invokedBy"},
        {"{\"userIdentity\":{\"type\":\"AssumedRole\",\"invokedBy\":\"signin.amazonaws.com\"}}",
         GT_SG_ACTOR_CONSOLE, "userIdentity.invokedBy"},
        {"{\"userIdentity\":{\"type\":\"AssumedRole\",\"invokedBy\":\"cloudformation.amazonaws.com\"}}",
         GT_SG_ACTOR_IAC, "userIdentity.invokedBy"},
        {"{\"userIdentity\":{\"type\":\"AWSService\",\"invokedBy\":\"rds.amazonaws.com\"}}",
         GT_SG_ACTOR_SERVICE, "userIdentity.type"},
        {"{\"userIdentity\":{\"type\":\"AssumedRole\",\"sessionContext\":{\"webIdFederationData\":{"
         "\"federatedProvider\":\"arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/X\"}}},"
         "\"userAgent\":\"aws-cli/2\"}",
         GT_SG_ACTOR_CONTROLLER, "userIdentity.sessionContext.webIdFederationData"},
        {"{\"userIdentity\":{\"type\":\"AssumedRole\",\"sessionContext\":{\"webIdFederationData\":{"
         "\"federatedProvider\":\"arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com\"}}},"
         "\"userAgent\":\"Terraform/1\"}",
         GT_SG_ACTOR_CI, "userIdentity.sessionContext.webIdFederationData"},
        /* a session called like a pipeline is nobody's proof */
        {"{\"userIdentity\":{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::1:assumed-role/x/"
         "GitHubActions-terraform\"},\"userAgent\":\"curl/8\"}",
         GT_SG_ACTOR_UNKNOWN, ""},
    };
    load l = load_new();
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gt_json *record = load_parse(&l, gt_str_c(cases[i].record));
        gt_sg_actor actor = gt_sg_actor_of(l.arena, record);
        print_message("# %s\n", cases[i].record);
        assert_int_equal(actor.class, cases[i].class);
        assert_true(gt_str_eq(actor.basis, gt_str_c(cases[i].basis)));
    }
    load_free(&l);
}

/* --- snapshots ------------------------------------------------------------------------------------------- */

static void test_snapshots(void **unused)
{
    static const char *const shapes[] = {
        "{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":[{\"IpProtocol\":\"tcp\",\"FromPort\":22,"
        "\"ToPort\":22,\"IpRanges\":[{\"CidrIp\":\"192.0.2.0/24\",\"Description\":\"d\"}]}],"
        "\"IpPermissionsEgress\":[]}]}",
        "{\"SecurityGroupRules\":[{\"GroupId\":\"sg-1\",\"SecurityGroupRuleId\":\"sgr-1\",\"IsEgress\":false,"
        "\"IpProtocol\":\"tcp\",\"FromPort\":22,\"ToPort\":22,\"CidrIpv4\":\"192.0.2.0/24\",\"Description\":"
        "\"d\"}]}",
        "{\"resourceType\":\"AWS::EC2::SecurityGroup\",\"configurationItemCaptureTime\":\"2026-02-01T00:00:00Z\","
        "\"configuration\":{\"groupId\":\"sg-1\",\"ipPermissions\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,"
        "\"toPort\":22,\"ipv4Ranges\":[{\"cidrIp\":\"192.0.2.0/24\",\"description\":\"d\"}],\"ipRanges\":"
        "[\"192.0.2.0/24\"]}],\"ipPermissionsEgress\":[]}}",
        "{\"configurationItems\":[{\"resourceType\":\"AWS::EC2::SecurityGroup\",\"configuration\":"
        "\"{\\\"groupId\\\":\\\"sg-1\\\",\\\"ipPermissions\\\":[{\\\"ipProtocol\\\":\\\"tcp\\\",\\\"fromPort\\\":22,"
        "\\\"toPort\\\":22,\\\"ipv4Ranges\\\":[{\\\"cidrIp\\\":\\\"192.0.2.0/24\\\",\\\"description\\\":\\\"d\\\"}]}],"
        "\\\"ipPermissionsEgress\\\":[]}\"}]}",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        load l = load_new();
        gt_sg_history *h = gt_sg_history_new();
        gt_sg_timeline *t;
        size_t groups = 0;
        /* the log saw a rule go that was there before, and one by an id nobody told */
        assert_int_equal(
            gt_sg_history_add(h, change_of(&l, "{" HEAD "\"eventName\":\"RevokeSecurityGroupIngress\","
                                               "\"requestParameters\":{\"groupId\":\"sg-1\",\"ipProtocol\":\"tcp\","
                                               "\"fromPort\":80,\"toPort\":80,\"cidrIp\":\"0.0.0.0/0\"}}")),
            GT_OK);
        assert_int_equal(gt_sg_history_anchor(h, load_parse(&l, gt_str_c(shapes[i])), GT_SG_NO_TIME, &groups),
                         GT_OK);
        assert_int_equal(groups, 1);
        assert_int_equal(gt_sg_history_fold(h, l.arena, GT_STR("sg-1"), &t), GT_OK);
        assert_int_equal(t->group.baseline, GT_SG_ANCHORED);
        assert_int_equal(t->version_count, 2);
        for (size_t k = 0; k < 2; k++) {
            bool gone = t->versions[k]->rule.from_port == 80;
            assert_int_equal(gt_sg_version_at(t->versions[k], GT_SG_END - 1), !gone);
            assert_null(t->versions[k]->from);
        }
        gt_sg_history_free(h);
        load_free(&l);
    }
    load l = load_new();
    gt_sg_history *h = gt_sg_history_new();
    size_t groups;
    assert_int_equal(gt_sg_history_anchor(h, load_parse(&l, GT_STR("{\"Records\":[]}")), 0, &groups),
                     GT_INVALID);
    gt_sg_history_free(h);
    load_free(&l);
}

/* --- prefix lists ------------------------------------------------------------------------------------------ */

static gt_status count_internet(void *context, const gt_sg_step *step, const gt_sg_effect *effect)
{
    size_t *counts = context;
    bool any = false;
    for (size_t i = 0; i < effect->opened.count; i++)
        any = any || gt_sg_is_internet(&effect->opened.items[i].cidr);
    counts[step->operation] += any;
    return GT_OK;
}

static void test_prefix_lists(void **unused)
{
#define AT(second, id) "\"eventTime\":\"2026-01-01T00:00:0" second "Z\",\"eventID\":\"" id "\","
    static const char *const records[] = {
        "{" AT("1", "a") "\"eventName\":\"CreateManagedPrefixList\",\"requestParameters\":{"
        "\"CreateManagedPrefixListRequest\":{\"Entry\":[{\"Cidr\":\"10.0.0.0/8\"}]}},\"responseElements\":{"
        "\"CreateManagedPrefixListResponse\":{\"prefixList\":{\"prefixListId\":\"pl-1\"}}}}",
        "{" AT("2", "b") "\"eventName\":\"CreateSecurityGroup\",\"requestParameters\":{\"groupName\":\"g\","
        "\"vpcId\":\"vpc-1\"},\"responseElements\":{\"groupId\":\"sg-1\"}}",
        "{" AT("3", "c") "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{\"groupId\":"
        "\"sg-1\",\"ipPermissions\":{\"items\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,"
        "\"prefixListIds\":{\"items\":[{\"prefixListId\":\"pl-1\"}]}}]}}}",
        "{" AT("4", "d") "\"eventName\":\"ModifyManagedPrefixList\",\"requestParameters\":{"
        "\"ModifyManagedPrefixListRequest\":{\"PrefixListId\":\"pl-1\",\"CurrentVersion\":1,\"AddEntry\":{"
        "\"Cidr\":\"0.0.0.0/0\"}}}}",
        "{" AT("5", "e") "\"eventName\":\"ModifyManagedPrefixList\",\"requestParameters\":{"
        "\"ModifyManagedPrefixListRequest\":{\"PrefixListId\":\"pl-1\",\"CurrentVersion\":2,\"RemoveEntry\":{"
        "\"Cidr\":\"0.0.0.0/0\"}}}}",
        "{" AT("6", "f") "\"eventName\":\"RestoreManagedPrefixListVersion\",\"requestParameters\":{"
        "\"RestoreManagedPrefixListVersionRequest\":{\"PrefixListId\":\"pl-1\",\"PreviousVersion\":2,"
        "\"CurrentVersion\":3}}}",
    };
    load l = load_new();
    gt_sg_history *h = gt_sg_history_new();
    gt_sg_timeline *t;
    size_t counts[16] = {0};
    (void)unused;
    for (size_t i = sizeof records / sizeof *records; i-- > 0;)
        assert_int_equal(gt_sg_history_add(h, change_of(&l, records[i])), GT_OK);
    assert_int_equal(gt_sg_history_fold(h, l.arena, GT_STR("sg-1"), &t), GT_OK);
    assert_int_equal(gt_sg_timeline_walk(h, l.arena, t, count_internet, counts), GT_OK);
    assert_int_equal(counts[GT_SG_AUTHORIZE], 0);
    assert_int_equal(counts[GT_SG_PREFIX_LIST], 2); /* opened, closed, and opened by the old version */
    assert_int_equal(t->step_count, 5);
    gt_sg_history_free(h);
    load_free(&l);
}

/* --- default groups ----------------------------------------------------------------------------------------- */

static void test_default_group(void **unused)
{
    load l = load_new();
    gt_sg_history *h = gt_sg_history_new();
    gt_sg_timeline *t;
    (void)unused;
    assert_int_equal(
        gt_sg_history_add(h, change_of(&l, "{" AT("1", "a") "\"eventName\":\"CreateVpc\",\"requestParameters\":{"
                                           "\"amazonProvidedIpv6CidrBlock\":true},\"responseElements\":{\"vpc\":{"
                                           "\"vpcId\":\"vpc-1\",\"isDefault\":false}}}")),
        GT_OK);
    assert_int_equal(
        gt_sg_history_add(h, change_of(&l, "{" AT("2", "b") "\"eventName\":\"CreateNetworkInterface\","
                                           "\"requestParameters\":{\"groupSet\":{}},\"responseElements\":{"
                                           "\"networkInterface\":{\"networkInterfaceId\":\"eni-1\",\"vpcId\":"
                                           "\"vpc-1\",\"groupSet\":{\"items\":[{\"groupId\":\"sg-1\",\"groupName\":"
                                           "\"default\"}]}}}}")),
        GT_OK);
    assert_int_equal(gt_sg_history_fold(h, l.arena, GT_STR("sg-1"), &t), GT_OK);
    assert_int_equal(t->group.baseline, GT_SG_COMPLETE);
    assert_int_equal(t->version_count, 3); /* all egress in both families, all ingress from itself */
    assert_non_null(t->created);
    assert_true(gt_str_is(t->created->change->event_id, "a"));
    for (size_t i = 0; i < 3; i++) {
        assert_true(t->versions[i]->implied);
        assert_ptr_equal(t->versions[i]->introduced, t->created);
        assert_int_equal(t->versions[i]->rule.peer == GT_SG_PEER_GROUP,
                         t->versions[i]->rule.direction == GT_SG_INGRESS);
    }
    gt_sg_history_free(h);
    load_free(&l);
}

/* --- no memory --------------------------------------------------------------------------------------------- */

static gt_status everything(const gt_json *records, gt_arena *arena)
{
    gt_sg_history *h = gt_sg_history_new();
    gt_sg_effects *effects = NULL;
    gt_status status = h ? GT_OK : GT_NOMEM;
    for (const gt_json *r = gt_json_first(records); r && status == GT_OK; r = r->next) {
        gt_sg_change *change;
        status = gt_sg_change_of(arena, r, GT_STR("id"), &change);
        if (status == GT_OK && change)
            status = gt_sg_history_add(h, change);
    }
    if (status == GT_OK)
        status = gt_sg_effects_new(h, &effects);
    gt_sg_effects_free(effects);
    gt_sg_history_free(h);
    return status;
}

static void test_no_memory(void **unused)
{
    static const char text[] =
        "[{" AT("2", "b") "\"eventName\":\"CreateSecurityGroup\",\"requestParameters\":{\"groupName\":\"g\","
        "\"vpcId\":\"vpc-1\"},\"responseElements\":{\"groupId\":\"sg-1\"}},"
        "{" AT("2", "c") "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{\"groupName\":"
        "\"g\",\"ipPermissions\":{\"items\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,\"ipRanges\":{"
        "\"items\":[{\"cidrIp\":\"0.0.0.0/1\"},{\"cidrIp\":\"128.0.0.0/1\"}]}}]}}},"
        "{" AT("2", "d") "\"eventName\":\"RevokeSecurityGroupIngress\",\"requestParameters\":{\"groupId\":"
        "\"sg-1\",\"ipProtocol\":\"6\",\"fromPort\":22,\"toPort\":22,\"cidrIp\":\"128.0.0.0/1\"}}]";
    load l = load_new();
    gt_json *records = load_parse(&l, GT_STR(text));
    gt_status status = GT_NOMEM;
    (void)unused;
    for (long n = 0; status != GT_OK; n++) {
        gt_arena *arena = gt_arena_new((size_t)1 << 26);
        gt_mem_fail_after(n);
        status = everything(records, arena);
        gt_mem_fail_after(-1);
        gt_arena_free(arena);
        assert_true(status == GT_OK || status == GT_NOMEM);
        assert_true(n < 10000);
    }
    load_free(&l);
}

/* Tags as the answer tells them, as the request asks for them, and through the packed form. */
static void test_tags(void **unused)
{
    static const char *const records[] = {
        "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{\"groupId\":"
        "\"sg-1\"},\"responseElements\":{\"securityGroupRuleSet\":{\"items\":[{\"groupId\":\"sg-1\","
        "\"securityGroupRuleId\":\"sgr-1\",\"isEgress\":false,\"ipProtocol\":\"tcp\",\"fromPort\":22,"
        "\"toPort\":22,\"cidrIpv4\":\"10.0.0.0/8\",\"tagSet\":{\"items\":[{\"key\":\"Team\","
        "\"value\":\"net\"},{\"key\":\"Name\",\"value\":\"a \\\"b\\\"\"}]}}]}}}",
        "{" HEAD "\"eventName\":\"AuthorizeSecurityGroupIngress\",\"requestParameters\":{\"groupId\":"
        "\"sg-1\",\"ipPermissions\":{\"items\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,"
        "\"ipRanges\":{\"items\":[{\"cidrIp\":\"10.0.0.0/8\"}]}}]},\"tagSpecificationSet\":{\"items\":["
        "{\"resourceType\":\"security-group-rule\",\"tags\":[{\"key\":\"Name\",\"value\":"
        "\"a \\\"b\\\"\"},{\"key\":\"Team\",\"value\":\"net\"}]}]}},\"responseElements\":{"
        "\"_return\":true}}",
    };
    gt_str want = GT_STR("[{\"Key\":\"Name\",\"Value\":\"a \\\"b\\\"\"},{\"Key\":\"Team\","
                         "\"Value\":\"net\"}]");
    load l = load_new();
    (void)unused;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        gt_sg_change *c = change_of(&l, records[i]), *again;
        gt_buf packed = GT_BUF(1 << 20), text = GT_BUF(1 << 20);
        assert_rule(&l, c, 0, "ingress tcp 22 10.0.0.0/8");
        assert_true(gt_str_eq(c->rules[0].tags, want));
        gt_sg_change_pack(c, &packed);
        assert_int_equal(gt_sg_change_unpack(l.arena, gt_buf_str(&packed), &again), GT_OK);
        assert_true(gt_str_eq(again->rules[0].tags, want));
        gt_json_write(&text, gt_json_getl(gt_sg_rule_json(l.arena, &again->rules[0], GT_STR(""),
                                                          GT_STR("")), "Tags"));
        assert_true(gt_str_eq(gt_buf_str(&text), want));
        gt_buf_done(&packed);
        gt_buf_done(&text);
    }
    load_free(&l);
}

/* Every row of the table is found, and what only begins like one is not. */
static void test_event_names(void **state)
{
    static const char *const names[] = {
#define GT_SG_EVENT(name, ...) #name,
#include "sg/events.def"
#undef GT_SG_EVENT
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gt_str name = gt_str_c(names[i]);
        assert_true(gt_sg_event_name(name));
        assert_false(gt_sg_event_name(gt_str_head(name, name.len - 1)));
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0); /* sorted */
    }
    assert_true(gt_sg_event_name(GT_STR("CreateFunction20150331v2")));
    assert_false(gt_sg_event_name(GT_STR("DescribeSecurityGroups")));
    assert_false(gt_sg_event_name(GT_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_names),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_shapes),       cmocka_unit_test(test_ports),
        cmocka_unit_test(test_outcomes),     cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_actors),       cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_prefix_lists), cmocka_unit_test(test_default_group),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
