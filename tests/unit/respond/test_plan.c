/* Plans from records: what is done, what is refused, and how it is written for shells and for EC2. */
#include "test.h"

#include "base/limits.h"
#include "respond/journal.h"
#include "respond/respond.h"
#include "respond/wire.h"
#include "store/filler.h"

typedef struct fixture {
    gt_arena *arena;
    gt_store *store;
    gt_evidence evidence;
    gt_subject subject;
} fixture;

#define WHO(arn) "\"userIdentity\":{\"type\":\"AssumedRole\",\"accountId\":\"123456789012\"," \
    "\"accessKeyId\":\"ASIA1\",\"principalId\":\"AROA:x\",\"sessionContext\":{\"sessionIssuer\":" \
    "{\"arn\":\"" arn "\"}}}"
#define HEAD(id, time, name, who) "{\"eventVersion\":\"1.08\",\"eventID\":\"" id "\",\"eventTime\":" \
    "\"2025-03-03T09:0" time ":00Z\",\"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"" name \
    "\",\"awsRegion\":\"eu-central-1\",\"recipientAccountId\":\"123456789012\"," who ","
#define ADMIN WHO("arn:aws:iam::123456789012:role/path/admin")
#define ROW(id, cidr) "{\"groupId\":\"sg-1\",\"securityGroupRuleId\":\"" id "\",\"isEgress\":false," \
    "\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,\"cidrIpv4\":\"" cidr "\"," \
    "\"description\":\"it's $(x)\"}"

static const char *const RECORDS[] = {
    HEAD("e1", "1", "CreateSecurityGroup", ADMIN) "\"requestParameters\":{\"groupName\":\"g\","
    "\"vpcId\":\"vpc-1\"},\"responseElements\":{\"groupId\":\"sg-1\",\"_return\":true}}",
    HEAD("e2", "2", "AuthorizeSecurityGroupIngress", ADMIN)
    "\"requestParameters\":{\"groupId\":\"sg-1\",\"ipPermissions\":{},\"tagSpecificationSet\":{\"items\":"
    "[{\"resourceType\":\"security-group-rule\",\"tags\":[{\"key\":\"Team\",\"value\":\"web\"}]}]}},"
    "\"responseElements\":{\"_return\":true,\"securityGroupRuleSet\":{\"items\":[" ROW("sgr-1",
    "0.0.0.0/0") "]}}}",
    HEAD("e3", "3", "RevokeSecurityGroupIngress", ADMIN)
    "\"requestParameters\":{\"groupId\":\"sg-1\",\"securityGroupRuleIds\":{\"items\":"
    "[{\"securityGroupRuleId\":\"sgr-1\"}]}},\"responseElements\":{\"_return\":true}}",
    HEAD("e4", "4", "DeleteSecurityGroup", ADMIN) "\"requestParameters\":{\"groupId\":\"sg-1\"},"
    "\"responseElements\":{\"_return\":true}}",
    HEAD("e5", "5", "AuthorizeSecurityGroupIngress",
         WHO("arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x"))
    "\"errorCode\":\"Client.UnauthorizedOperation\",\"requestParameters\":{\"groupId\":\"sg-1\","
    "\"ipPermissions\":{\"items\":[{\"ipProtocol\":\"tcp\",\"fromPort\":22,\"toPort\":22,"
    "\"ipRanges\":{\"items\":[{\"cidrIp\":\"0.0.0.0/0\"}]}}]}},\"responseElements\":null}",
};

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->arena = gt_arena_new(GT_RULES_ARENA_MAX);
    assert_int_equal(gt_store_open("", NULL, f->arena, &f->store, NULL), GT_OK);
    gt_filler *filler;
    gt_filler_counts counts;
    assert_int_equal(gt_filler_new(f->store, &filler), GT_OK);
    gt_filler_worker *worker = gt_filler_worker_new(filler);
    for (size_t i = 0; i < sizeof RECORDS / sizeof *RECORDS; i++) {
        char time[32];
        (void)snprintf(time, sizeof time, "2025-03-03T09:0%zu:00Z", i + 1);
        assert_int_equal(gt_filler_add(worker, gt_str_c(RECORDS[i]), gt_str_c(time)), GT_OK);
    }
    assert_int_equal(gt_filler_worker_done(worker), GT_OK);
    assert_int_equal(gt_filler_close(filler, &counts), GT_OK);
    assert_int_equal(gt_evidence_init(&f->evidence, f->store, f->arena), GT_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    gt_subject_done(&f->subject);
    gt_store_close(f->store);
    gt_arena_free(f->arena);
    free(f);
    return 0;
}

static gt_plan *plan(fixture *f, const char *event, gt_plan_options options)
{
    gt_plan *p;
    gt_subject_done(&f->subject);
    gt_investigate_options none = {0};
    assert_int_equal(gt_subject_load(&f->evidence, gt_str_c(event), &none, &f->subject), GT_OK);
    assert_int_equal(gt_plan_make(f->arena, &f->subject, &options, &p), GT_OK);
    return p;
}

static bool refused(const gt_plan *p, const char *code)
{
    for (size_t i = 0; i < p->refusal_count; i++)
        if (strcmp(p->refusals[i].code, code) == 0)
            return true;
    return false;
}

static void reverts(void **state)
{
    fixture *f = *state;
    gt_plan *p = plan(f, "e1", (gt_plan_options){.kind = GT_PLAN_REVERT});
    assert_int_equal(p->action_count, 1);
    assert_int_equal(p->actions[0].kind, GT_ACTION_DELETE);
    p = plan(f, "e2", (gt_plan_options){.kind = GT_PLAN_REVERT});
    assert_int_equal(p->action_count, 1);
    assert_int_equal(p->actions[0].kind, GT_ACTION_REVOKE);
    assert_true(gt_str_is(p->actions[0].rule.rule_id, "sgr-1"));
    assert_int_equal(p->refusal_count, 0);
    p = plan(f, "e3", (gt_plan_options){.kind = GT_PLAN_REVERT});
    assert_int_equal(p->actions[0].kind, GT_ACTION_AUTHORIZE);
    assert_true(gt_str_is(p->actions[0].rule.description, "it's $(x)"));
    assert_true(gt_str_is(gt_json_path_str(p->actions[0].tags, "Team"), "web"));
    assert_true(refused(p, "may_be_the_fix"));
    p = plan(f, "e4", (gt_plan_options){.kind = GT_PLAN_REVERT});
    assert_true(refused(p, "group_deleted"));
    p = plan(f, "e5", (gt_plan_options){.kind = GT_PLAN_REVERT});
    assert_true(refused(p, "nothing_changed"));
}

static void others(void **state)
{
    fixture *f = *state;
    gt_cidr cidrs[2];
    assert_true(gt_cidr_parse(GT_STR("203.0.113.0/24"), &cidrs[0]));
    assert_true(gt_cidr_parse(GT_STR("2001:db8::/32"), &cidrs[1]));
    gt_plan *p = plan(f, "e2", (gt_plan_options){GT_PLAN_NARROW, cidrs, 2, false, 0});
    /* The IPv6 range lies in no IPv4 rule. */
    assert_int_equal(p->action_count, 2);
    assert_int_equal(p->actions[0].kind, GT_ACTION_AUTHORIZE);
    assert_int_equal(p->actions[1].kind, GT_ACTION_REVOKE);
    p = plan(f, "e2", (gt_plan_options){.kind = GT_PLAN_RESTRICT});
    assert_true(p->actions[0].is_role);
    assert_true(gt_str_is(p->actions[0].entity, "admin"));
    p = plan(f, "e5", (gt_plan_options){.kind = GT_PLAN_RESTRICT});
    assert_true(refused(p, "identity_center_role"));
    p = plan(f, "e2", (gt_plan_options){.kind = GT_PLAN_QUARANTINE});
    assert_true(gt_str_is(p->actions[0].vpc_id, "vpc-1"));
    gt_time_ms alarm;
    assert_true(gt_time_parse(GT_STR("2025-03-03T09:02:00Z"), &alarm));
    p = plan(f, "e2", (gt_plan_options){.kind = GT_PLAN_REVERT, .has_alarm = true, .alarm = alarm});
    assert_true(refused(p, "may_be_the_fix"));
    p = plan(f, "e2",
             (gt_plan_options){.kind = GT_PLAN_REVERT, .has_alarm = true, .alarm = alarm + 1});
    assert_false(refused(p, "may_be_the_fix"));
}

/* A shell must read back exactly the words that were meant. */
static void commands_are_quoted(void **state)
{
    fixture *f = *state;
    gt_plan *p = plan(f, "e3", (gt_plan_options){.kind = GT_PLAN_REVERT});
    gt_buf out = GT_BUF(GT_MIB), script = GT_BUF(GT_MIB);
    gt_plan_commands(f->arena, p, &out);
    gt_buf_lit(&script, "aws() { printf '%s\\n' \"$@\"; }\n");
    gt_buf_add(&script, gt_buf_str(&out));
    char path[] = "/tmp/gatetrail-test-XXXXXX", command[64];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    (void)fwrite(script.data, 1, script.len, file);
    (void)fclose(file);
    (void)snprintf(command, sizeof command, "bash %s", path);
    FILE *pipe = popen(command, "r");
    char words[4096];
    size_t n = fread(words, 1, sizeof words - 1, pipe);
    words[n] = '\0';
    assert_int_equal(pclose(pipe), 0);
    (void)remove(path);
    assert_non_null(strstr(words, "authorize-security-group-ingress\n--region\neu-central-1\n"));
    assert_non_null(strstr(words, "\"Description\":\"it's $(x)\""));
    assert_non_null(strstr(words, "\"Tags\":[{\"Key\":\"Team\",\"Value\":\"web\"}]"));
    gt_buf_reset(&out);
    gt_plan_terraform(f->arena, p, &out);
    assert_non_null(strstr(out.data, "aws_vpc_security_group_ingress_rule"));
    gt_buf_done(&out);
    gt_buf_done(&script);
}

static void wire_round_trip(void **state)
{
    fixture *f = *state;
    static const char *const item =
        "<item><securityGroupRuleId>sgr-9</securityGroupRuleId><isEgress>true</isEgress>"
        "<ipProtocol>udp</ipProtocol><fromPort>53</fromPort><toPort>54</toPort>"
        "<cidrIpv6>2001:db8::/32</cidrIpv6><description>a &amp; b</description></item>";
    gt_xml *xml;
    assert_int_equal(gt_xml_parse(f->arena, gt_str_c(item), &xml), GT_OK);
    gt_sg_rule rule = gt_wire_rule(xml);
    assert_int_equal(rule.direction, GT_SG_EGRESS);
    assert_int_equal(rule.protocol, GT_SG_UDP);
    gt_params params = {.arena = f->arena};
    gt_params_permission(&params, &rule, true);
    assert_int_equal(params.count, 5);
    assert_true(gt_str_is(params.items[3].name, "IpPermissions.1.Ipv6Ranges.1.CidrIpv6"));
    assert_true(gt_str_is(params.items[3].value, "2001:db8::/32"));
    assert_true(gt_str_is(params.items[4].value, "a & b"));
}

static void journal_is_taken_up(void **state)
{
    fixture *f = *state;
    gt_journal j, k;
    gt_json *lines, *detail = gt_json_new_object(f->arena);
    gt_str id = GT_STR("e2"), none = GT_STR_NULL;
    gt_json_setl(detail, "n", gt_json_new_i64(f->arena, 7));
    assert_int_equal(gt_journal_begin(f->store, id, "revert", false, none, none, 1, detail, &j), GT_OK);
    assert_false(j.resumed);
    assert_int_equal(gt_journal_add(&j, 2, "remember", detail), GT_OK);
    assert_int_equal(gt_journal_begin(f->store, id, "revert", false, none, none, 3, detail, &k), GT_OK);
    assert_true(k.resumed && k.id == j.id);
    assert_int_equal(gt_journal_add(&k, 4, "remember", detail), GT_OK);
    assert_int_equal(gt_journal_end(&k, 5, "applied"), GT_OK);
    assert_int_equal(gt_journal_begin(f->store, id, "revert", false, none, none, 6, detail, &k), GT_OK);
    assert_false(k.resumed);
    assert_int_equal(gt_journal_read(f->store, f->arena, id, "revert", "remember", &lines), GT_OK);
    assert_int_equal(lines->count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(reverts), T(others), T(commands_are_quoted), T(wire_round_trip), T(journal_is_taken_up),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
