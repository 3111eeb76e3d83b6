#!/usr/bin/env python3
"""A second mapping of CloudTrail records to ECS documents, to compare the program with.

Written from the description of Elastic's pipeline, not from the program, in the plainest way: dicts,
no tables shared with src/ecs. User agents and places are left out; they have tests of their own.

usage: mapping_model.py MAPPING < records.ndjson > documents.ndjson     (MAPPING: 8.8 9.0 filebeat)
"""
import copy
import datetime
import ipaddress
import json
import re
import sys
from decimal import Decimal

EMPTY = ("", "-", "none")
SERVICE_WORDS = set(
    "stack stack-set trail configuration-recorder file-system mount-target rule detector key function "
    "log-group log-stream alarm db cluster global-cluster trust-anchor resolver-query-log-config secret "
    "parameter document session webacl rulegroup ipset topic model loadbalancer table group policy "
    "security-group network-interface vpc subnet network-acl dhcp-options".split())
USER_WORDS = set("user role assumed-role federated-user instance-profile mfa serialNumber".split())
SERVICE_PREFIXES = tuple(
    "sg- sgr- eni- vpc- subnet- acl- rtb- igw- nat- vpce- tgw- pcx-".split())

RELATED = {
    "cloudtrail": "Q.name Q.s3BucketName S.cloudWatchLogsLogGroupArn S.cloudWatchLogsRoleArn S.kmsKeyId "
                  "S.snsTopicARN S.trailARN S.name",
    "config": "Q.configurationRecorderName",
    "ec2": "Q.groupId Q.groupName Q.roleName Q.subnetId Q.volumeId Q.networkInterfaceId Q.vpcId "
           "Q.snapshotId S.groupId S.reservationId S.vpc.vpcId S.vpc.dhcpOptionsId S.snapshotId S.volumeId",
    "guardduty": "Q.detectorId S.detectorId",
    "iam": "Q.userName Q.serialNumber Q.accessKeyId Q.policyArn Q.roleName Q.policyName "
           "S.accessKey.userName S.accessKey.accessKeyId S.user.arn S.user.userId S.user.userName S.userId "
           "S.role.arn S.serialNumber",
    "kms": "Q.keyId S.keyId S.keyMetadata.arn S.keyMetadata.keyId",
    "lambda": "Q.functionName S.functionArn S.functionName S.role",
    "rds": "Q.dBInstanceIdentifier Q.dBInstanceArn S.dBInstanceIdentifier S.dbInstanceArn "
           "S.dBSubnetGroup.vpcId S.vpcSecurityGroups.vpcSecurityGroupId",
    "s3": "Q.bucketName",
    "sts": "Q.roleArn J.sourceIdentity A.MFAIdentifier S.assumedRoleUser.arn Q.roleSessionName "
           "S.accessKeyId",
    "wafv2": "Q.id S.summary",
}
TARGETS = """
cloudformation CreateStackSet S.stackSetId
cloudformation CreateStack S.stackId
cloudtrail DeleteTrail,StopLogging Q.name
cloudtrail DescribeTrails acct
ec2-instance-connect SendSSHPublicKey,SendSerialConsoleSSHPublicKey Q.instanceId
config StartConfigurationRecorder,StopConfigurationRecorder Q.configurationRecorderName
ec2 AuthorizeSecurityGroupIngress,AuthorizeSecurityGroupEgress Q.groupId S.securityGroupRuleSet.items[].securityGroupRuleId
ec2 CreateTrafficMirrorFilter S.CreateTrafficMirrorFilterResponse.trafficMirrorFilter.trafficMirrorFilterId
ec2 CreateTrafficMirrorFilterRule S.CreateTrafficMirrorFilterRuleResponse.trafficMirrorFilterRule.trafficMirrorFilterRuleId
ec2 CreateTrafficMirrorSession S.CreateTrafficMirrorSessionResponse.trafficMirrorSession.trafficMirrorSessionId
ec2 CreateTrafficMirrorTarget S.CreateTrafficMirrorTargetResponse.trafficMirrorTarget.trafficMirrorTargetId
ec2 DeleteFlowLogs Q.DeleteFlowLogsRequest.FlowLogId.content
ec2 DeleteNetworkAcl Q.networkAclId
ec2 DeleteNetworkAclEntry Q.networkAclId #Q.ruleNumber
ec2 GetPasswordData Q.instanceId
ec2 ModifyImageAttribute Q.imageId
ec2 ModifySnapshotAttribute Q.snapshotId
ec2 DescribeSecurityGroups,DescribeNetworkInterfaces,DescribeRegions,DescribeVpcs,DescribeNetworkAcls,DescribeVolumes acct
elasticfilesystem DeleteFileSystem Q.fileSystemId
elasticfilesystem DeleteMountTarget Q.mountTargetId
events DeleteRule Q.name
guardduty CreateDetector S.detectorId
guardduty DeleteDetector Q.detectorId
iam AttachGroupPolicy Q.groupName
iam AttachRolePolicy,ListAttachedRolePolicies,UpdateAssumeRolePolicy Q.roleName
iam AttachUserPolicy Q.policyArn Q.userName
iam CreateAccessKey S.accessKey.accessKeyId Q.userName
iam CreateUser,DeactivateMFADevice Q.userName
iam DeleteVirtualMFADevice Q.serialNumber
iam GetPolicy Q.policyArn
iam CreatePolicy S.policy.arn
iam ListRoles,ListUsers acct
kms DisableKey,ScheduleKeyDeletion RES
logs DeleteLogGroup Q.logGroupName
logs DeleteLogStream Q.logStreamName
monitoring DeleteAlarms Q.alarmNames[]
rds DeleteDBCluster,ModifyDBCluster,StopDBCluster S.dBClusterArn
rds DeleteDBInstance,ModifyDBInstance,StopDBInstance,RestoreDBInstanceFromDBSnapshot,RestoreDBInstanceFromS3 S.dBInstanceArn
rds DeleteGlobalCluster S.globalClusterArn
rds ModifyDBClusterSnapshotAttribute S.dBClusterSnapshotIdentifier
rds ModifyDBSnapshotAttribute S.dBSnapshotIdentifier
rds DescribeDBInstances acct
rolesanywhere CreateTrustAnchor S.trustAnchor.trustAnchorArn
route53resolver DeleteResolverQueryLogConfig S.resolverQueryLogConfig.arn
s3 CopyObject,PutBucketLogging,PutBucketVersioning,PutObject,GetBucketPolicy,ListObjects,HeadObject,GetObject,DeleteObject,DeleteBucket RES
s3 PutBucketReplication RES Q.ReplicationConfiguration.Rule.Destination.Bucket
s3 ListBuckets acct
secretsmanager BatchGetSecretValue Q.secretIdList[]
secretsmanager GetSecretValue Q.secretId
signin ConsoleLogin acct
ssm GetParameter,GetParameters,CreateControlChannel,OpenControlChannel RES
ssm StartSession Q.target
ssm CreateDocument Q.name
ssm TerminateSession,OpenDataChannel Q.sessionId
ssm SendCommand COMMAND
ssm ListInstanceAssociations acct
sts AssumeRole Q.roleArn
sts GetCallerIdentity acct
wafv2 DeleteRuleGroup,DeleteWebACL Q.id
sns CreateTopic S.topicArn
sns Subscribe,Publish Q.topicArn
bedrock Converse Q.modelId
elasticloadbalancing DescribeLoadBalancers acct
dynamodb ListTables acct
"""
TARGET = {}
for row in TARGETS.split("\n"):
    if row:
        service, events, *paths = row.split()
        for event in events.split(","):
            TARGET[service, event] = paths

CATEGORIES = """
iam group,change AddUserToGroup AttachGroupPolicy DeleteGroupPolicy DetachGroupPolicy PutGroupPolicy RemoveUserFromGroup UpdateGroup
iam user,change AttachUserPolicy ChangePassword CreateAccessKey CreateVirtualMFADevice DeactivateMFADevice DeleteAccessKey DeleteSSHPublicKey DeleteUserPermissionsBoundary DeleteUserPolicy DeleteVirtualMFADevice DetachUserPolicy EnableMFADevice PutUserPermissionsBoundary PutUserPolicy TagUser UntagUser UpdateAccessKey UpdateLoginProfile UpdateSSHPublicKey UpdateUser
iam admin,change SetDefaultPolicyVersion SetSecurityTokenServicePreferences UpdateAccountPasswordPolicy UpdateRole
iam group,creation CreateGroup
iam group,deletion DeleteGroup
iam user,creation CreateUser
iam user,deletion DeleteUser
iam admin,creation CreateKeyPair
iam group,info GetGroup GetGroupPolicy ListAttachedGroupPolicies ListGroupPolicies ListGroups
iam user,info GetUser GetUserPolicy ListAttachedUserPolicies ListGroupsForUser ListUserPolicies ListUsers ListUserTags
iam info ListRoles GetPolicy ListAttachedRolePolicies
iam creation CreatePolicy
iam change AttachRolePolicy
authentication info AssumeRole ConsoleLogin GetCallerIdentity
file creation CreateBucket CreateDocument
file deletion DeleteBucket DeleteObject
file change PutObject
file info ListBuckets ListObjects HeadObject GetObject
host info DescribeInstances DescribeVolumes ListInstanceAssociations
network info DescribeSecurityGroups DescribeNetworkInterfaces DescribeVpcs DescribeNetworkAcls DescribeLoadBalancers
network access AuthorizeSecurityGroupIngress
api info DescribeRegions Publish Converse
configuration info DescribeTrails
configuration creation CreateTopic
configuration change Subscribe
configuration deletion DeleteTrail
package info ListFunctions
database info ListTables DescribeDBInstances
process start SendCommand
session start StartSession CreateControlChannel OpenControlChannel CreateDataChannel OpenDataChannel
session end TerminateSession
"""
CATEGORY = {}
for row in CATEGORIES.split("\n"):
    if row:
        category, types, *actions = row.split()
        for action in actions:
            CATEGORY[action] = ([category], types.split(","))
NOT_IN_FILEBEAT = set("AttachRolePolicy CreatePolicy ListRoles GetPolicy ListAttachedRolePolicies "
                      "AssumeRole GetCallerIdentity".split())


class Sized(dict):
    """A dict that knows how many keys it was parsed with."""
    parsed = 0


def sized(pairs):
    d = Sized(pairs)
    d.parsed = len(d)
    return d


def clean(v):
    if isinstance(v, dict):
        out = Sized((k, c) for k, c in ((k, clean(c)) for k, c in v.items()) if c is not None)
        out.parsed = v.parsed
        return out or None
    if isinstance(v, list):
        return [c for c in map(clean, v) if c is not None] or None
    return None if v is None or (isinstance(v, str) and v in EMPTY) else v


def java_hash(s):
    h = 0
    data = s.encode("utf-16-be", "surrogatepass")
    for i in range(0, len(data), 2):
        h = (h * 31 + (data[i] << 8 | data[i + 1])) & 0xFFFFFFFF
    return h ^ h >> 16


def java_order(keys, most):
    room = 16
    while most > 0.75 * room:
        room *= 2
    return sorted(keys, key=lambda k: java_hash(k) & (room - 1))


def java(v):
    if isinstance(v, dict):
        keys = java_order(list(v), max(v.parsed, len(v)))
        return "{" + ", ".join(f"{k}={java(v[k])}" for k in keys) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(map(java, v)) + "]"
    if isinstance(v, bool) or v is None:
        return {True: "true", False: "false", None: "null"}[v]
    return java_double(v) if isinstance(v, float) else str(v)


def java_double(d):
    """Python's repr has the shortest digits too; only the form differs."""
    sign, digits, exponent = Decimal(repr(d)).as_tuple()
    digits = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(Decimal(repr(d)).as_tuple().digits) + exponent  # digits before the point
    if d == 0:
        text = "0.0"
    elif 0 < point <= 7:
        text = digits[:point].ljust(point, "0") + "." + (digits[point:] or "0")
    elif -3 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = f"{digits[0]}.{digits[1:] or '0'}E{point - 1}"
    return "-" * sign + text


def get(v, path):
    for key in path.split("."):
        v = v.get(key) if isinstance(v, dict) else None
    return v


def date(text):
    text = re.sub(r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", r"\1-\2-\3T\4:\5:\6", text)
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{t.microsecond // 1000:03d}Z"


def is_ip(text):
    try:
        ipaddress.ip_address(text)
        return isinstance(text, str) and "%" not in text
    except ValueError:
        return False


class Doc:
    def __init__(self, keep_empty=False):
        self.root, self.keep_empty = {}, keep_empty

    def put(self, path, value):
        if value is None or (not self.keep_empty and value in ("", [], {})):
            return
        *parents, last = path.split(".")
        at = self.root
        for p in parents:
            at = at.setdefault(p, {})
        at[last] = value

    def append(self, path, value):
        if value is None or value == "":
            return
        values = get(self.root, path) or []
        if value not in values:
            self.put(path, values + [value])


class Entities:
    def __init__(self, j, mapping):
        self.j, self.mapping = j, mapping
        self.related, self.targets = set(), set()
        source = j.get("eventSource") or ""
        self.service = source[:-14] if source.endswith(".amazonaws.com") else None

    def at(self, path):
        roots = {"Q": "requestParameters", "S": "responseElements", "A": "additionalEventData"}
        head, _, rest = path.partition(".")
        if head == "J":
            return [get(self.j, rest)]
        values = [self.j.get(roots[head])]
        for key in rest.split("."):
            each = key.endswith("[]")
            values = [get(v, key.removesuffix("[]")) for v in values]
            if each:
                values = [e for v in values if isinstance(v, list) for e in v]
        return values

    def chain(self, values):
        for v in values:
            if not v or v in self.related:
                return
            self.related.add(v)

    def items(self, path):
        value = get(self.j, path)
        return value if isinstance(value, list) else []

    def find_related(self):
        j, r = self.j, self.related
        for path in ("accessKeyId", "arn", "userName", "sessionContext.sessionIssuer.arn",
                     "sessionContext.sessionIssuer.userName"):
            r.add(get(j, "userIdentity." + path))
        if get(j, "userIdentity.type") == "IdentityCenterUser":
            r.add(get(j, "userIdentity.onBehalfOf.identityStoreArn"))
        r.update(x.get("ARN") for x in self.items("resources"))
        for path in RELATED.get(self.service, "").split():
            r.update(self.at(path))
        r.discard(None)
        if self.service == "ec2":
            self.ec2()
        if self.service == "lambda":
            self.chain(self.items("responseElements.vpcConfig.securityGroupIds"))
            self.chain(self.items("responseElements.vpcConfig.subnetIds"))
        if self.service == "rds":
            r.update(x.get("subnetIdentifier") for x in self.items("responseElements.dBSubnetGroup.subnets"))
            r.update(x.get("vpcSecurityGroupId") for x in self.items("responseElements.vpcSecurityGroups"))

    def ec2(self):
        for x in self.items("responseElements.securityGroupRuleSet.items"):
            self.chain([x.get("groupId"), get(x, "referencedGroupInfo.groupId"), x.get("securityGroupRuleId")])
        for side in ("responseElements", "requestParameters"):
            self.related.update(x.get("groupId") for x in self.items(side + ".groupSet.items"))
        self.related.update(x.get("instanceId") for x in self.items("requestParameters.instancesSet.items"))
        self.related.discard(None)
        for x in self.items("responseElements.instancesSet.items"):
            self.chain([x.get("subnetId"), x.get("vpcId"), x.get("instanceId"), x.get("imageId"),
                        get(x, "iamInstanceProfile.arn")])
            for n in get(x, "networkInterfaceSet.items") or []:
                self.chain([n.get("networkInterfaceId"), n.get("vpcId"), n.get("subnetId")])
                self.related.update(g.get("groupId") for g in get(n, "groupSet.items") or [])
        for x in self.items("requestParameters.revokedSecurityGroupRuleSet.items"):
            self.chain([x.get("securityGroupRuleId"), x.get("groupId")])

    def find_targets(self):
        action = self.j["eventName"]
        if self.service == "lambda":
            if "AddPermission" in action:
                self.targets.update(self.at("Q.functionName"))
            elif "ListFunctions" in action:
                self.targets.add(self.j.get("recipientAccountId"))
        for path in TARGET.get((self.service, action), ()):
            if path == "acct":
                self.targets.add(self.j.get("recipientAccountId"))
            elif path == "RES":
                self.targets.update(x.get("ARN") for x in self.items("resources"))
            elif path == "COMMAND":
                ids = self.items("requestParameters.instanceIds") or [
                    v for t in self.items("requestParameters.targets") for v in t.get("values", [])]
                if ids == ["*"]:
                    ids = [self.j.get("recipientAccountId")]
                self.targets.update(ids)
            elif path.startswith("#"):
                self.targets.update(str(v) for v in self.at(path[1:]) if v is not None)
            else:
                self.targets.update(self.at(path))
        self.targets.discard(None)

    @staticmethod
    def kind(target):
        if target.startswith("arn:"):
            part = target.split(":")
            if len(part) < 6:
                return "entity.target.id"
            word = part[5].split("/")[0]
            if "/AWSServiceRoleFor" in target or "/aws-service-role/" in target:
                return "service.target.entity.id"
            if word in USER_WORDS:
                return "user.target.entity.id"
            if word == "instance":
                return "host.target.entity.id"
            return "service.target.entity.id" if word in SERVICE_WORDS or part[2] == "s3" else "entity.target.id"
        if len(target) == 20 and target.startswith("AKIA"):
            return "user.target.entity.id"
        if target.startswith("i-"):
            return "host.target.entity.id"
        return "service.target.entity.id" if target.startswith(SERVICE_PREFIXES) else "entity.target.id"

    def actor(self):
        ui, kind = self.j.get("userIdentity") or {}, get(self.j, "userIdentity.type")
        action = self.j["eventName"]
        if self.service == "sts" and action == "AssumeRole":
            if kind == "AWSService":
                return ui.get("invokedBy")
            return get(ui, "sessionContext.sessionIssuer.arn") if kind == "AssumedRole" else ui.get("arn")
        if self.service == "sts" and action == "GetCallerIdentity":
            return ui.get("arn")
        return ui.get("arn") or get(ui, "onBehalfOf.userId")

    def write(self, doc):
        by_units = lambda s: s.encode("utf-16-be", "surrogatepass")
        self.find_related()
        self.find_targets()
        everything = (self.related | self.targets) - {None}
        if not all(isinstance(x, str) for x in everything):
            raise TypeError
        doc.put("related.entity", sorted(everything, key=by_units))
        targets = sorted(self.targets, key=by_units)
        doc.put("target.entity.id", targets)
        for t in targets:
            doc.append(self.kind(t), t)
            part = t.split(":")
            if self.mapping == "9.0" and t.startswith("i-"):
                doc.append("host.target.id", t)
            elif self.mapping == "9.0" and t.startswith("arn:") and len(part) >= 6 and part[2] == "ec2" and \
                    part[5].startswith("instance/"):
                doc.append("host.target.id", part[5][9:])
        actor, kind = self.actor(), get(self.j, "userIdentity.type")
        if not actor:
            return
        part = actor.split(":")
        word = part[5].split("/")[0] if actor.startswith("arn:") and len(part) >= 6 else None
        doc.put("actor.entity.id", [actor])
        if kind == "AWSService" or "/AWSServiceRoleFor" in actor or "/aws-service-role/" in actor:
            where = "service.entity.id"
        elif kind in ("IAMUser", "Root", "AssumedRole") or \
                word in ("user", "role", "assumed-role", "federated-user"):
            where = "user.entity.id"
        else:
            where = "host.entity.id" if word == "instance" or actor.startswith("i-") else "entity.id"
        doc.put(where, [actor])


def identity(doc, j, mapping):
    fb, ui = mapping == "filebeat", j.get("userIdentity") or {}
    kind, arn = ui.get("type"), ui.get("arn")
    issuer = get(ui, "sessionContext.sessionIssuer") or {}
    at = "aws.cloudtrail.user_identity."
    name = ui.get("userName")
    if fb:
        doc.append("related.user", name)
        name = name if name is not None else issuer.get("userName")
    elif kind in ("AssumedRole", "FederatedUser") and issuer.get("userName"):
        name = issuer["userName"]
    user_id = ui.get("principalId")
    for key, to in (("type", "type"), ("arn", "arn"), ("accessKeyId", "access_key_id"),
                    ("invokedBy", "invoked_by"), ("sessionContext.attributes.mfaAuthenticated",
                                                  "session_context.mfa_authenticated")):
        doc.put(at + to, get(ui, key))
    for key, to in (("type", "type"), ("principalId", "principal_id"), ("arn", "arn"),
                    ("accountId", "account_id")):
        doc.put(at + "session_context.session_issuer." + to, issuer.get(key))
    created = get(ui, "sessionContext.attributes.creationDate")
    if created:
        doc.put(at + "session_context.creation_date", date(created))
    if not fb:
        if kind in ("AssumedRole", "FederatedUser", "IdentityCenterUser") and arn and "/" in arn and \
                re.match(r"arn:[a-z0-9-]+:sts:", arn):
            session = arn.rsplit("/", 1)[1]
            doc.append("related.user", session)
            if "@" in session:
                doc.append("related.user", session.split("@")[0])
                doc.put("user.email", session)
        for key, to in (
                ("credentialId", "credential_id"), ("identityProvider", "identity_provider"),
                ("onBehalfOf.userId", "on_behalf_of.user_id"),
                ("onBehalfOf.identityStoreArn", "on_behalf_of.identity_store_arn"),
                ("invokedByDelegate.accountId", "invoked_by_delegate.account_id"),
                ("inScopeOf.issuerType", "in_scope_of.issuer_type"),
                ("inScopeOf.credentialsIssuedTo", "in_scope_of.credentials_issued_to"),
                ("inScopeOf.sourceArn", "in_scope_of.source_arn"),
                ("inScopeOf.sourceAccount", "in_scope_of.source_account"),
                ("sessionContext.ec2RoleDelivery", "session_context.ec2_role_delivery"),
                ("sessionContext.sourceIdentity", "session_context.source_identity"),
                ("sessionContext.webIdFederationData.federatedProvider",
                 "session_context.web_id_federation_data.federated_provider"),
                ("sessionContext.webIdFederationData.attributes",
                 "session_context.web_id_federation_data.attributes"),
                ("sessionContext.assumedRoot", "session_context.assumed_root"),
                ("sessionContext.signInSessionArn", "session_context.sign_in_session_arn")):
            doc.put(at + to, get(ui, key))
        if kind == "IdentityCenterUser" and user_id is None:
            user_id = get(ui, "onBehalfOf.userId")
        if mapping == "9.0":
            doc.put(at + "principal_id", ui.get("principalId"))
            if kind in ("IAMUser", "Root") and arn:
                user_id = arn
            elif kind == "AssumedRole" and issuer.get("arn"):
                user_id = issuer["arn"]
        extra = j.get("additionalEventData")
        if j.get("eventName") == "UserAuthentication" and name is None and get(extra, "UserName"):
            name = extra.pop("UserName")
    doc.put("user.id", user_id)
    doc.put("user.name", name)


def head(doc, j, mapping):
    fb, at = mapping == "filebeat", "aws.cloudtrail."
    for key, to in (("eventSource", "event.provider"), ("eventName", "event.action"),
                    ("eventID", "event.id"), ("awsRegion", "cloud.region"),
                    ("sourceIPAddress", "source.address"), ("userAgent", "user_agent.original"),
                    ("eventVersion", at + "event_version"), ("eventCategory", at + "event_category"),
                    ("errorCode", at + "error_code"), ("errorMessage", at + "error_message"),
                    ("eventType", at + "event_type"), ("apiVersion", at + "api_version"),
                    ("readOnly", at + "read_only"), ("recipientAccountId", at + "recipient_account_id"),
                    ("vpcEndpointId", at + "vpc_endpoint_id")):
        doc.put(to, j.get(key))
    if is_ip(j.get("sourceIPAddress")):
        doc.put("source.ip", j["sourceIPAddress"])
    account = get(j, "userIdentity.accountId") or j.get("awsAccountId")
    doc.put("cloud.account.id", account or (None if fb else j.get("recipientAccountId")))
    if fb:
        doc.put(at + "request_id", j.get("requestId"))
        doc.put(at + "shared_event_id", j.get("sharedEventId"))
        doc.put(at + "management_event", j.get("managementEvent"))
        return
    doc.put("cloud.provider", "aws")
    source = j.get("eventSource") or ""
    if source.endswith(".amazonaws.com"):
        doc.put("cloud.service.name", source.split(".amazonaws.com")[0])
    doc.put(at + "request_id", j.get("requestID"))
    doc.put(at + "shared_event_id", j.get("sharedEventID") or j.get("sharedEventId"))
    doc.put(at + "vpc_endpoint_account_id", j.get("vpcEndpointAccountId"))
    doc.put(at + "session_credential_from_console", j.get("sessionCredentialFromConsole"))
    if j.get("managementEvent") is not None:
        doc.put(at + "management_event", java(j["managementEvent"]))
    for key, to in (("reason", "reason"), ("updatedFields", "updated_fields"),
                    ("originalRequestID", "original_request_id"), ("originalEventID", "original_event_id")):
        doc.put(at + "addendum." + to, get(j, "addendum." + key))
    tls = j.get("tlsDetails") or {}
    if tls.get("tlsVersion") == "tlsVersion":
        tls = j["tlsDetails"] = {}
    version = tls.get("tlsVersion") or ""
    before, v, after = version.partition("v")
    doc.put("tls.version", after if v else version)
    doc.put("tls.version_protocol", before.lower() if v else None)
    doc.put("tls.cipher", tls.get("cipherSuite"))
    doc.put("tls.client.server_name", tls.get("clientProvidedHostHeader"))
    doc.put(at + "tls_details.key_exchange", tls.get("keyExchange"))
    resources = j.get("resources")
    if isinstance(resources, list):
        by_id = {}
        for r in resources:
            if isinstance(r, dict):
                new = {{"ARN": "arn", "accountId": "account_id"}.get(k, k): v for k, v in r.items()}
                by_id["_".join(new.get(k, "") for k in ("arn", "account_id", "type"))] = new
        doc.put(at + "resources", [by_id[k] for k in java_order(list(by_id), len(by_id))])
    else:
        doc.put(at + "resources", resources)


def payloads(doc, j, mapping):
    at = "aws.cloudtrail."
    for key, to in (("requestParameters", "request_parameters"), ("responseElements", "response_elements"),
                    ("additionalEventData", "additional_eventdata"),
                    ("serviceEventDetails", "service_event_details")):
        value = j.get(key)
        if value is None:
            continue
        text = java(value)
        doc.put(at + to, text)
        if len(text.encode("utf-16-be", "surrogatepass")) // 2 < 32766:
            doc.put(at + "flattened." + to, value)
    request, answer = j.get("requestParameters"), j.get("responseElements")
    doc.put("group.id", get(answer, "group.groupId"))
    doc.put("group.name", get(request, "groupName"))
    doc.put("user.target.id", get(answer, "user.userId"))
    doc.put("user.target.name", get(request, "userName"))
    doc.put("user.changes.name", get(request, "newUserName"))
    doc.append("related.user", get(request, "userName"))
    doc.append("related.user", get(request, "newUserName"))
    extra = j.get("additionalEventData")
    if j.get("eventName") == "ConsoleLogin" and isinstance(extra, dict):
        login = {}
        if "MobileVersion" in extra:
            login["mobile_version"] = extra["MobileVersion"] != "No"
        if "LoginTo" in extra:
            login["login_to"] = extra["LoginTo"]
        if "MFAUsed" in extra:
            login["mfa_used"] = extra["MFAUsed"] != "No"
        if login:
            doc.put(at + "console_login.additional_eventdata", login)
    doc.put(at + ("insight_details" if mapping == "filebeat" else "flattened.insight_details"),
            j.get("insightDetails"))


def categorise(doc, j, mapping):
    action, login = j.get("eventName"), get(j, "responseElements.ConsoleLogin")
    failed = j.get("errorCode") is not None or j.get("errorMessage") is not None
    outcome = "failure" if failed else "success"
    doc.put("event.kind", "event")
    doc.put("event.type", "info" if mapping == "filebeat" else ["info"])
    if action == "ConsoleLogin" and login:
        outcome = login.lower()
    doc.put("event.outcome", outcome)
    known = CATEGORY.get(action)
    if known and mapping == "filebeat":
        basic = (known[0] == ["iam"] and action not in NOT_IN_FILEBEAT) or \
            action in ("ConsoleLogin", "CreateBucket", "DeleteBucket", "ListBuckets")
        known = known if basic else None
    if known:
        doc.put("event.category", known[0])
        doc.put("event.type", known[1])


def related(doc, j, mapping):
    doc.append("related.user", get(j, "responseElements.user.userId"))
    name = get(doc.root, "user.name")
    if name and name.find("@") > 0 and not get(doc.root, "user.email"):
        doc.put("user.email", name)
    for path in ("aws.cloudtrail.user_identity.principal_id", "user.id", "user.name", "user.changes.name",
                 "aws.cloudtrail.user_identity.on_behalf_of.user_id"):
        doc.append("related.user", get(doc.root, path))
    doc.append("related.ip", get(doc.root, "source.ip"))
    if is_ip(get(j, "serviceEventDetails.sourceIpAddress")):
        doc.append("related.ip", j["serviceEventDetails"]["sourceIpAddress"])
    host, address = get(doc.root, "tls.client.server_name"), j.get("sourceIPAddress") or ""
    if host and not host.endswith(".amazonaws.com"):
        doc.append("related.hosts", host)
    if not get(doc.root, "source.ip") and "." in address and " " not in address and \
            not address.endswith(".amazonaws.com"):
        doc.append("related.hosts", address)
    doc.append("related.hosts", get(j, "requestParameters.computerName"))
    found = []
    resources = get(doc.root, "aws.cloudtrail.resources")
    for r in resources if isinstance(resources, list) else []:
        if ":instance/" in r.get("arn", ""):
            found.append(r["arn"].rsplit("/", 1)[1])
    for side in (j.get("requestParameters"), j.get("responseElements")):
        if isinstance(side, dict):
            found += [side.get(k) for k in ("instanceId", "target", "resourceId")]
            ids, items = side.get("instanceIds"), get(side, "instancesSet.items")
            found += ids if isinstance(ids, list) else []
            found += [x.get("instanceId") for x in items] if isinstance(items, list) else []
    for x in found:
        if isinstance(x, str) and len(x) >= 10 and x.startswith("i-"):
            doc.append("related.hosts", x)


def document(record, mapping):
    fb = mapping == "filebeat"
    doc = Doc(keep_empty=fb)
    j = copy.deepcopy(record) if fb else (clean(record) or Sized())
    doc.put("ecs.version", "1.12.0" if fb else "8.11.0")
    if j.get("eventTime"):
        doc.put("@timestamp", date(j["eventTime"]))
    wrong = False
    if not fb and j.get("eventName"):
        try:
            found = Doc()
            Entities(j, mapping).write(found)
            doc.root.update(found.root)
        except TypeError:
            wrong = True
    identity(doc, j, mapping)
    head(doc, j, mapping)
    payloads(doc, j, mapping)
    categorise(doc, j, mapping)
    if not fb:
        related(doc, j, mapping)
    if wrong:
        doc.put("event.kind", "pipeline_error")
    return doc.root


def main():
    for line in sys.stdin:
        print(json.dumps(document(json.loads(line, object_pairs_hook=sized), sys.argv[1])))


if __name__ == "__main__":
    main()
