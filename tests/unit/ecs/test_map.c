/* The mapping where Elastic's own pairs do not look: odd types, digest and Insight files, logins,
 * TLS, the three mappings, and what a hostile record may hold. */
#include "ecs_test.h"

#define EVENT "\"eventName\":\"X\",\"eventSource\":\"ec2.amazonaws.com\""
#define CT "aws.cloudtrail."
#define UI "aws.cloudtrail.user_identity."

static const gt_ecs_options PLAIN = {0};

static void empty_and_odd_records(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){.created = GT_STR("2021-11-11T01:02:03.123456789Z")});
    bench_map(&b, NULL);
    expect(&b, "@timestamp", "\"2021-11-11T01:02:03.123456789Z\"");
    expect(&b, "event", "{\"kind\":\"event\",\"outcome\":\"success\",\"type\":[\"info\"],"
                        "\"created\":\"2021-11-11T01:02:03.123456789Z\","
                        "\"dataset\":\"aws.cloudtrail\",\"module\":\"aws\"}");
    expect(&b, "cloud", "{\"provider\":\"aws\"}");
    bench_map(&b, "{}");
    expect(&b, "event.kind", "\"event\"");
    expect(&b, "cloud", "{\"provider\":\"aws\"}");
    static const char *const odd[] = {"[]", "[{}]", "3", "\"x\"", "null", "true"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        bench_map(&b, odd[i]);
        expect(&b, "event.kind", "\"pipeline_error\"");
        expect(&b, "error.message", "[\"the record is no object\"]");
    }
    bench_close(&b);
}

static void wrong_types_never_stop_it(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion",
        "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters",
        "responseElements", "additionalEventData", "requestID", "eventID", "readOnly",
        "resources", "eventType", "managementEvent", "recipientAccountId", "sharedEventID",
        "tlsDetails", "serviceEventDetails", "insightDetails", "addendum", "logFiles",
        "digestEndTime", "digestStartTime", "awsAccountId", "previousDigestHashValue"};
    static const char *const values[] = {
        "null", "true", "0", "-1.5e300", "\"\"", "\"-\"", "\"none\"", "\"x\"", "[]", "{}",
        "[1,[2,{\"ARN\":3}],null]", "{\"ARN\":[1],\"type\":{\"a\":1},\"items\":7}",
        "{\"items\":[1,{\"instanceId\":[]}],\"instanceIds\":{\"a\":1},\"targets\":[[1]]}",
        "\"\\u0000\\ud83d\\ude00\"", "{\"\":{\"\":[\"\"]}}"};
    static const gt_ecs_mapping mappings[] = {GT_ECS_8_8, GT_ECS_9_0, GT_ECS_FILEBEAT};
    for (size_t k = 0; k < 3; k++) {
        bench b = bench_open(&(gt_ecs_options){.mapping = mappings[k]});
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
                gt_str text = gt_arena_printf(
                    b.arena, "{\"eventName\":\"RunInstances\","
                             "\"eventSource\":\"ec2.amazonaws.com\","
                    "\"userIdentity\":{\"type\":\"AssumedRole\",\"sessionContext\":{\"%s\":%s}},"
                    "\"%s\":%s}", keys[i], values[j], keys[i], values[j]);
                bench_map(&b, text.ptr);
                assert_true(gt_json_path(b.document, "event.kind") != NULL);
            }
        bench_close(&b);
    }
}

static void a_wrong_type_among_entities_is_a_pipeline_error(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT ",\"awsRegion\":\"eu-west-1\",\"requestParameters\":{\"groupId\":7}}");
    expect(&b, "event.kind", "\"pipeline_error\"");
    expect(&b, "error.message", "[\"entity fields: groupId is not text\"]");
    absent(&b, "related.entity");
    expect(&b, "cloud.region", "\"eu-west-1\"");
    expect(&b, "tags", "[\"preserve_original_event\",\"actor_target_mapping\"]");
    bench_map(&b, "{" EVENT ",\"eventTime\":\"yesterday\"}");
    expect(&b, "event.kind", "\"pipeline_error\"");
    absent(&b, "@timestamp");
    bench_close(&b);
}

static void cleaning(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT ",\"requestParameters\":{\"a\":\"-\",\"b\":\"none\",\"c\":\"None\","
                  "\"d\":{\"e\":[null,\"\",{}]},\"f\":false,\"g\":0,\"h\":\"null\"},"
                  "\"responseElements\":{\"x\":[{}]},\"errorCode\":\"\"}");
    expect(&b, CT "flattened.request_parameters",
           "{\"c\":\"None\",\"f\":false,\"g\":0,\"h\":\"null\"}");
    expect(&b, CT "request_parameters", "\"{c=None, f=false, g=0, h=null}\"");
    absent(&b, CT "response_elements");
    expect(&b, "event.outcome", "\"success\"");
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_FILEBEAT});
    bench_map(&b, "{" EVENT ",\"requestParameters\":{\"a\":\"-\",\"d\":{\"e\":[null,\"\",{}]}},"
                  "\"responseElements\":null}");
    expect(&b, CT "flattened.request_parameters", "{\"a\":\"-\",\"d\":{\"e\":[null,\"\",{}]}}");
    expect(&b, CT "request_parameters", "\"{a=-, d={e=[null, , {}]}}\"");
    absent(&b, CT "response_elements");
    bench_close(&b);
}

#define ROLE                                                                                       \
    "\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"AROAEXAMPLE:s\","                \
    "\"arn\":\"arn:aws-us-gov:sts::123456789012:assumed-role/deploy/ci@example.com\","             \
    "\"accountId\":\"123456789012\",\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\","     \
    "\"arn\":\"arn:aws:iam::123456789012:role/deploy\",\"userName\":\"deploy\","                   \
    "\"accountId\":\"123456789012\",\"principalId\":\"AROAEXAMPLE\"},"                             \
    "\"attributes\":{\"creationDate\":\"20131102T010628Z\",\"mfaAuthenticated\":\"false\"}}}"

static void identity_of_the_three_mappings(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT "," ROLE ",\"recipientAccountId\":\"111122223333\"}");
    expect(&b, "user.id", "\"AROAEXAMPLE:s\"");
    expect(&b, "user.name", "\"deploy\"");
    expect(&b, "user.email", "\"ci@example.com\"");
    expect(&b, "related.user", "[\"ci@example.com\",\"ci\",\"AROAEXAMPLE:s\",\"deploy\"]");
    expect(&b, "cloud.account.id", "\"123456789012\"");
    expect(&b, UI "session_context.creation_date", "\"2013-11-02T01:06:28.000Z\"");
    absent(&b, UI "principal_id");
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_9_0});
    bench_map(&b, "{" EVENT "," ROLE "}");
    expect(&b, "user.id", "\"arn:aws:iam::123456789012:role/deploy\"");
    expect(&b, UI "principal_id", "\"AROAEXAMPLE:s\"");
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_FILEBEAT});
    bench_map(&b, "{" EVENT "," ROLE ",\"requestID\":\"r\",\"recipientAccountId\":\"111122223333\","
                  "\"managementEvent\":true,\"sharedEventID\":\"s\","
                  "\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\"},"
                  "\"resources\":[{\"ARN\":\"arn:aws:s3:::b\"}],"
                  "\"sourceIPAddress\":\"192.0.2.1\"}");
    expect(&b, "user.id", "\"AROAEXAMPLE:s\"");
    expect(&b, "user.name", "\"deploy\"");
    absent(&b, "user.email");
    absent(&b, "related");
    absent(&b, "tls");
    absent(&b, "data_stream");
    absent(&b, "cloud.provider");
    absent(&b, "actor");
    absent(&b, CT "request_id");
    absent(&b, CT "shared_event_id");
    absent(&b, CT "resources");
    expect(&b, CT "management_event", "true");
    expect(&b, "event.type", "\"info\"");
    expect(&b, "event.dataset", "\"aws.cloudtrail\"");
    expect(&b, "tags", "[\"forwarded\"]");
    expect(&b, "source", "{\"ip\":\"192.0.2.1\",\"address\":\"192.0.2.1\"}");
    bench_close(&b);
}

static void users_of_other_types(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT ",\"userIdentity\":{\"type\":\"IdentityCenterUser\","
                  "\"onBehalfOf\":{\"userId\":\"u-1\",\"identityStoreArn\":\"arn:store\"},"
                  "\"credentialId\":\"c\"},\"recipientAccountId\":\"111122223333\"}");
    expect(&b, "user.id", "\"u-1\"");
    expect(&b, UI "on_behalf_of", "{\"user_id\":\"u-1\",\"identity_store_arn\":\"arn:store\"}");
    expect(&b, "related.entity", "[\"arn:store\"]");
    expect(&b, "actor.entity.id", "[\"u-1\"]");
    expect(&b, "entity.id", "[\"u-1\"]");
    expect(&b, "cloud.account.id", "\"111122223333\"");
    bench_map(&b, "{\"eventName\":\"UserAuthentication\",\"eventSource\":\"signin.amazonaws.com\","
                  "\"additionalEventData\":{\"UserName\":\"admin\",\"AuthWorkflowID\":\"w\"}}");
    expect(&b, "user.name", "\"admin\"");
    expect(&b, CT "additional_eventdata", "\"{AuthWorkflowID=w}\"");
    expect(&b, CT "flattened.additional_eventdata", "{\"AuthWorkflowID\":\"w\"}");
    /* The issuer's name counts for sessions only. */
    bench_map(&b, "{" EVENT ",\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":\"admin\","
                  "\"sessionContext\":{\"sessionIssuer\":{\"userName\":\"deploy\"}}}}");
    expect(&b, "user.name", "\"admin\"");
    bench_close(&b);
}

static void an_identity_center_user_has_no_principal(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_9_0});
    bench_map(&b, "{" EVENT ",\"userIdentity\":{\"type\":\"IdentityCenterUser\","
                  "\"onBehalfOf\":{\"userId\":\"u-1\"}}}");
    expect(&b, "user.id", "\"u-1\"");
    expect(&b, "related.user", "[\"u-1\"]");
    absent(&b, UI "principal_id");
    bench_close(&b);
}

static void console_login(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{\"eventName\":\"ConsoleLogin\",\"eventSource\":\"signin.amazonaws.com\","
                  "\"errorMessage\":\"Failed authentication\","
                  "\"responseElements\":{\"ConsoleLogin\":\"Failure\"},"
                  "\"additionalEventData\":{\"MobileVersion\":\"Yes\",\"MFAUsed\":\"No\"}}");
    expect(&b, "event.outcome", "\"failure\"");
    expect(&b, "event.category", "[\"authentication\"]");
    expect(&b, CT "console_login.additional_eventdata",
           "{\"mobile_version\":true,\"mfa_used\":false}");
    expect(&b, CT "error_message", "\"Failed authentication\"");
    bench_map(&b, "{\"eventName\":\"ConsoleLogin\",\"responseElements\":{\"ConsoleLogin\":"
                  "\"Success\"},\"errorCode\":\"x\"}");
    expect(&b, "event.outcome", "\"success\"");
    bench_close(&b);
}

static void digest_files(void **state)
{
    (void)state;
    static const char text[] =
        "{\"awsAccountId\":\"123456789012\",\"digestStartTime\":\"2020-09-11T18:36:49Z\","
        "\"digestEndTime\":\"2020-09-11T19:36:49Z\",\"digestS3Bucket\":\"b\","
        "\"digestS3Object\":\"now.gz\",\"digestPublicKeyFingerprint\":\"47aa\","
        "\"digestSignatureAlgorithm\":\"SHA256withRSA\","
        "\"newestEventTime\":\"2020-09-11T19:26:24Z\","
        "\"oldestEventTime\":null,\"previousDigestS3Bucket\":\"b\","
        "\"previousDigestS3Object\":\"before.gz\",\"previousDigestHashValue\":\"5319\","
        "\"previousDigestHashAlgorithm\":\"SHA-256\",\"previousDigestSignature\":\"10e0\","
        "\"logFiles\":[{\"s3Bucket\":\"b\",\"hashValue\":\"42\"}]}";
    bench b = bench_open(&PLAIN);
    bench_map(&b, text);
    expect(&b, "@timestamp", "\"2020-09-11T19:36:49.000Z\"");
    expect(&b, "cloud.account.id", "\"123456789012\"");
    expect(&b, "file.path", "\"now.gz\"");
    expect(&b, "related.hash", "[\"5319\"]");
    expect(&b, "event.outcome", "\"success\"");
    gt_json *want;
    assert_int_equal(
        gt_json_parse(b.arena,
                      GT_STR("{\"end_time\":\"2020-09-11T19:36:49.000Z\","
                             "\"start_time\":\"2020-09-11T18:36:49.000Z\","
                             "\"newest_event_time\":\"2020-09-11T19:26:24.000Z\","
                             "\"public_key_fingerprint\":\"47aa\",\"s3_bucket\":\"b\","
                             "\"signature_algorithm\":\"SHA256withRSA\","
                             "\"previous_s3_bucket\":\"b\","
                             "\"previous_s3_object\":\"before.gz\","
                             "\"previous_hash_value\":\"5319\","
                             "\"previous_hash_algorithm\":\"SHA-256\","
                             "\"previous_signature\":\"10e0\","
                             "\"log_files\":[{\"s3Bucket\":\"b\",\"hashValue\":\"42\"}]}"),
                      &want, NULL),
        GT_OK);
    gt_json *got = gt_json_path(b.document, "aws.cloudtrail.flattened.digest");
    assert_true(gt_json_equal(got, want));
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_FILEBEAT});
    bench_map(&b, text);
    expect(&b, "file.path", "\"before.gz\"");
    expect(&b, "file.hash.sha256", "\"10e0\"");
    absent(&b, "related");
    expect(&b, CT "digest.s3_bucket", "\"b\"");
    absent(&b, CT "flattened");
    bench_close(&b);
}

static void insight_files(void **state)
{
    (void)state;
    static const char text[] = "{\"eventVersion\":\"1.07\",\"eventTime\":\"2020-09-09T23:00:00Z\","
                               "\"eventType\":\"AwsCloudTrailInsight\",\"insightDetails\":"
                               "{\"eventName\":\"X\",\"baseline\":[]},"
                               "\"eventCategory\":\"Insight\"}";
    bench b = bench_open(&PLAIN);
    bench_map(&b, text);
    expect(&b, CT "flattened.insight_details", "{\"eventName\":\"X\"}");
    absent(&b, "event.action");
    absent(&b, "event.provider");
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_FILEBEAT});
    bench_map(&b, text);
    expect(&b, CT "insight_details", "{\"eventName\":\"X\",\"baseline\":[]}");
    bench_close(&b);
}

static void tls_details(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT ",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.2\",\"cipherSuite\":\"c\","
                  "\"clientProvidedHostHeader\":\"vpce.example.com\",\"keyExchange\":\"X25519\"}}");
    expect(&b, "tls.version", "\"1.2\"");
    expect(&b, "tls.version_protocol", "\"tls\"");
    expect(&b, "tls.cipher", "\"c\"");
    expect(&b, "related.hosts", "[\"vpce.example.com\"]");
    expect(&b, CT "tls_details", "{\"key_exchange\":\"X25519\"}");
    bench_map(&b, "{" EVENT ",\"tlsDetails\":{\"tlsVersion\":\"1.3\"}}");
    expect(&b, "tls", "{\"version\":\"1.3\"}");
    bench_map(&b, "{" EVENT ",\"tlsDetails\":{\"tlsVersion\":\"tlsVersion\","
                            "\"cipherSuite\":\"c\"}}");
    absent(&b, "tls");
    bench_close(&b);
}

static void resources_in_hash_order(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    /* The order is that of a Java HashMap of arn_account_type; a later equal one wins. */
    bench_map(&b, "{" EVENT ",\"resources\":["
                  "{\"type\":\"AWS::S3::Object\",\"ARN\":\"arn:aws:s3:::elastic-cspm-cloudtrail-"
                  "test-bucket/test-copy-object/README-copy.md\"},"
                  "{\"accountId\":\"000000000\",\"type\":\"AWS::S3::Bucket\","
                  "\"ARN\":\"arn:aws:s3:::"
                  "elastic-cspm-cloudtrail-test-bucket\"},7,"
                  "{\"type\":\"AWS::S3::Object\",\"ARN\":\"arn:aws:s3:::elastic-cspm-cloudtrail-"
                  "test-bucket/test-copy-object/README.md\"},"
                  "{\"accountId\":\"000000000\",\"type\":\"AWS::S3::Bucket\","
                  "\"ARN\":\"arn:aws:s3:::"
                  "elastic-cspm-cloudtrail-test-bucket\",\"more\":1}]}");
    expect(&b, CT "resources",
           "[{\"type\":\"AWS::S3::Object\","
           "\"arn\":\"arn:aws:s3:::elastic-cspm-cloudtrail-test-bucket/"
           "test-copy-object/README.md\"},{\"type\":\"AWS::S3::Object\",\"arn\":\"arn:aws:s3:::"
           "elastic-cspm-cloudtrail-test-bucket/test-copy-object/README-copy.md\"},"
           "{\"type\":\"AWS::S3::Bucket\",\"more\":1,"
           "\"arn\":\"arn:aws:s3:::elastic-cspm-cloudtrail-"
           "test-bucket\",\"account_id\":\"000000000\"}]");
    bench_map(&b, "{" EVENT ",\"resources\":{\"ARN\":\"a\"}}");
    expect(&b, CT "resources", "{\"ARN\":\"a\"}");
    bench_map(&b, "{" EVENT ",\"resources\":[1,\"x\"]}");
    absent(&b, CT "resources");
    bench_close(&b);
}

static void instances_are_hosts(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT ",\"sourceIPAddress\":\"host.example.com\",\"resources\":[{\"ARN\":"
                  "\"arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789\"}],"
                  "\"requestParameters\":{\"computerName\":\"pc\",\"instanceId\":\"i-short\","
                  "\"instancesSet\":{\"items\":[{\"instanceId\":\"i-0000000001\"}]}},"
                  "\"responseElements\":{\"instanceIds\":[\"i-0000000002\",\"i-0123456789\"]}}");
    expect(&b, "related.hosts", "[\"host.example.com\",\"pc\",\"i-0123456789\",\"i-0000000001\","
                                "\"i-0000000002\"]");
    bench_map(&b, "{" EVENT ",\"sourceIPAddress\":\"AWS Internal\"}");
    absent(&b, "related.hosts");
    absent(&b, "source.ip");
    bench_close(&b);
}

static void chains_stop_at_known_values(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{\"eventName\":\"RunInstances\",\"eventSource\":\"ec2.amazonaws.com\","
                  "\"requestParameters\":{\"subnetId\":\"subnet-1\"},\"responseElements\":"
                  "{\"instancesSet\":{\"items\":[{\"subnetId\":\"subnet-1\","
                  "\"instanceId\":\"i-1\"},"
                  "{\"subnetId\":\"subnet-2\",\"vpcId\":\"vpc-2\",\"instanceId\":\"i-2\","
                  "\"iamInstanceProfile\":{\"arn\":\"never\"}}]}}}");
    expect(&b, "related.entity", "[\"i-2\",\"subnet-1\",\"subnet-2\",\"vpc-2\"]");
    bench_close(&b);
}

static void targets_and_classes(void **state)
{
    (void)state;
    bench b = bench_open(&(gt_ecs_options){.mapping = GT_ECS_9_0});
    bench_map(&b, "{\"eventName\":\"SendCommand\",\"eventSource\":\"ssm.amazonaws.com\","
                  "\"requestParameters\":{\"targets\":[{\"values\":[\"i-02\",\"i-01\"]},"
                  "{\"values\":[\"pc\"]}]}}");
    expect(&b, "target.entity.id", "[\"i-01\",\"i-02\",\"pc\"]");
    expect(&b, "host.target",
           "{\"entity\":{\"id\":[\"i-01\",\"i-02\"]},\"id\":[\"i-01\",\"i-02\"]}");
    expect(&b, "entity.target.id", "[\"pc\"]");
    bench_map(&b, "{\"eventName\":\"SendCommand\",\"eventSource\":\"ssm.amazonaws.com\","
                  "\"recipientAccountId\":\"123456789012\",\"requestParameters\":"
                  "{\"instanceIds\":[\"*\"]}}");
    expect(&b, "target.entity.id", "[\"123456789012\"]");
    bench_map(&b, "{\"eventName\":\"DeleteNetworkAclEntry\",\"eventSource\":\"ec2.amazonaws.com\","
                  "\"requestParameters\":{\"networkAclId\":\"acl-1\",\"ruleNumber\":100}}");
    expect(&b, "target.entity.id", "[\"100\",\"acl-1\"]");
    expect(&b, "service.target.entity.id", "[\"acl-1\"]");
    expect(&b, "entity.target.id", "[\"100\"]");
    bench_map(&b, "{\"eventName\":\"AddPermission20150331v2\",\"eventSource\":"
                  "\"lambda.amazonaws.com\",\"requestParameters\":{\"functionName\":\"f\"}}");
    expect(&b, "target.entity.id", "[\"f\"]");
    bench_map(&b, "{\"eventName\":\"GetObject\",\"eventSource\":\"s3.amazonaws.com\","
                  "\"resources\":["
                  "{\"ARN\":\"arn:aws:s3:::b/k\"},{\"arn\":\"arn:aws:s3:::lower\"},"
                  "{\"ARN\":\"arn:aws:ec2:eu-west-1:123456789012:instance/i-9\"},"
                  "{\"ARN\":\"arn:aws:iam::123456789012:mfa/m\"},"
                  "{\"ARN\":\"arn:aws:iam::123456789012:role/aws-service-role/x\"},"
                  "{\"ARN\":\"AKIA0000000000000000\"},{\"ARN\":\"arn:aws:short\"}]}");
    expect(&b, "user.target.entity.id",
           "[\"AKIA0000000000000000\",\"arn:aws:iam::123456789012:mfa/m\"]");
    expect(&b, "host.target.id", "[\"i-9\"]");
    expect(&b, "service.target.entity.id",
           "[\"arn:aws:iam::123456789012:role/aws-service-role/x\",\"arn:aws:s3:::b/k\"]");
    expect(&b, "entity.target.id", "[\"arn:aws:short\"]");
    bench_close(&b);
    b = bench_open(&PLAIN);
    bench_map(&b, "{\"eventName\":\"GetPasswordData\",\"eventSource\":\"ec2.amazonaws.com\","
                  "\"requestParameters\":{\"instanceId\":\"i-1\"}}");
    expect(&b, "host.target", "{\"entity\":{\"id\":[\"i-1\"]}}");
    bench_close(&b);
}

static void tags_and_original(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    bench_map(&b, "{" EVENT "," ROLE "}");
    expect(&b, "tags", "[\"preserve_original_event\",\"actor_target_mapping\"]");
    absent(&b, "event.original");
    absent(&b, "event.created");
    assert_true(at(&b, "actor.entity.id")[0] == '[');
    expect(&b, "data_stream", "{\"type\":\"logs\",\"dataset\":\"aws.cloudtrail\","
                              "\"namespace\":\"default\"}");
    bench_close(&b);
    gt_str tags[] = {GT_STR("mine"), GT_STR("preserve_original_event")};
    b = bench_open(&(gt_ecs_options){.tags = tags, .tag_count = 2});
    bench_map(&b, "{\"eventName\":\"X\"}");
    expect(&b, "tags", "[\"mine\",\"preserve_original_event\"]");
    expect(&b, "event.original", "\"{\\\"eventName\\\":\\\"X\\\"}\"");
    absent(&b, "actor");
    bench_close(&b);
    b = bench_open(&(gt_ecs_options){.tags = tags, .tag_count = 0});
    bench_map(&b, "{" EVENT "," ROLE "}");
    absent(&b, "tags");
    absent(&b, "actor");
    bench_close(&b);
}

static void retain(void **state)
{
    (void)state;
    static const char text[] = "{" EVENT ",\"requestParameters\":{\"dryRun\":true,\"x\":1},"
                               "\"insightDetails\":{\"a\":1}}";
    static const struct {
        gt_ecs_retain retain;
        const char *keyword, *flattened;
    } cases[] = {
        {GT_ECS_RETAIN_ALL, "\"{dryRun=true, x=1}\"", "{\"dryRun\":true,\"x\":1}"},
        {GT_ECS_RETAIN_KEYWORD, "\"{dryRun=true, x=1}\"", ""},
        {GT_ECS_RETAIN_FLATTENED, "", "{\"dryRun\":true,\"x\":1}"},
        {GT_ECS_RETAIN_MINIMAL, "\"{dryRun=true, x=1}\"", "{\"dryRun\":true}"},
        {GT_ECS_RETAIN_NONE, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b = bench_open(&(gt_ecs_options){.retain = cases[i].retain});
        bench_map(&b, text);
        expect(&b, CT "request_parameters", cases[i].keyword);
        expect(&b, CT "flattened.request_parameters", cases[i].flattened);
        expect(&b, CT "flattened.insight_details", "{\"a\":1}");
        bench_close(&b);
    }
}

static void large_payloads_lose_the_object_only(void **state)
{
    (void)state;
    for (size_t units = 32765; units <= 32766; units++) {
        bench b = bench_open(&PLAIN);
        gt_buf text = GT_BUF(GT_MIB);
        gt_buf_lit(&text, "{" EVENT ",\"requestParameters\":{\"a\":\"");
        /* "{a=" and "}" are four units; the last character is one of three bytes. */
        for (size_t i = 0; i < units - 5; i++)
            gt_buf_add_byte(&text, 'x');
        gt_buf_lit(&text, "\xE2\x82\xAC\"}}");
        bench_map(&b, text.data);
        assert_non_null(gt_json_path(b.document, "aws.cloudtrail.request_parameters"));
        bool kept = gt_json_path(b.document, "aws.cloudtrail.flattened.request_parameters");
        assert_int_equal(kept, units < 32766);
        gt_buf_done(&text);
        bench_close(&b);
    }
}

/* A million of anything must not take more than linear time: this test would not end. */
static void hostile_lists_stay_linear(void **state)
{
    (void)state;
    bench b = bench_open(&PLAIN);
    gt_buf text = GT_BUF(64 * GT_MIB);
    gt_buf_lit(&text, "{\"eventName\":\"GetObject\",\"eventSource\":\"s3.amazonaws.com\","
                      "\"requestParameters\":{\"instanceIds\":[");
    for (int i = 0; i < 200000; i++)
        gt_buf_printf(&text, "%s\"i-%010d\"", i ? "," : "", i);
    gt_buf_lit(&text, "]},\"resources\":[");
    for (int i = 0; i < 100000; i++)
        gt_buf_printf(&text, "%s{\"ARN\":\"arn:aws:s3:::b/%06d/object\"}", i ? "," : "", i);
    gt_buf_lit(&text, "]}");
    bench_map(&b, text.data);
    assert_int_equal(gt_json_path(b.document, "related.hosts")->count, 200000);
    assert_int_equal(gt_json_path(b.document, "target.entity.id")->count, 100000);
    gt_buf_done(&text);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_and_odd_records),
        cmocka_unit_test(wrong_types_never_stop_it),
        cmocka_unit_test(a_wrong_type_among_entities_is_a_pipeline_error),
        cmocka_unit_test(cleaning),
        cmocka_unit_test(identity_of_the_three_mappings),
        cmocka_unit_test(users_of_other_types),
        cmocka_unit_test(an_identity_center_user_has_no_principal),
        cmocka_unit_test(console_login),
        cmocka_unit_test(digest_files),
        cmocka_unit_test(insight_files),
        cmocka_unit_test(tls_details),
        cmocka_unit_test(resources_in_hash_order),
        cmocka_unit_test(instances_are_hosts),
        cmocka_unit_test(chains_stop_at_known_values),
        cmocka_unit_test(targets_and_classes),
        cmocka_unit_test(tags_and_original),
        cmocka_unit_test(retain),
        cmocka_unit_test(large_payloads_lose_the_object_only),
        cmocka_unit_test(hostile_lists_stay_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
