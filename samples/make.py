#!/usr/bin/env python3
"""Writes the sample logs: AWSLogs/… beside this file, the same bytes every time.

A week in account 123456789012, told in README.md. Everything is made up: addresses are the
documentation ranges, users are named by their role. The shapes are those of CloudTrail in 2025.
"""
import datetime
import gzip
import hashlib
import json
import os
import random
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))
ACCOUNT, AUDIT = "123456789012", "111122223333"
REGION = "us-east-1"
VPC, SUBNET = "vpc-0d1e2f3a4b5c60001", "subnet-0a1b2c3d4e5f60001"
WEB, DB, BASTION = "sg-0a1b2c3d4e5f60001", "sg-0a1b2c3d4e5f60002", "sg-0a1b2c3d4e5f60003"
CACHE, TOOLS, DEFAULT = "sg-0a1b2c3d4e5f60004", "sg-0a1b2c3d4e5f60005", "sg-0a1b2c3d4e5f600ff"
OFFICE_LIST = "pl-0a1b2c3d4e5f60001"

BROWSER = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
           "Chrome/133.0.0.0 Safari/537.36")
TERRAFORM = ("APN/1.0 HashiCorp/1.0 Terraform/1.10.5 (+https://www.terraform.io) "
             "terraform-provider-aws/5.89.0 (+https://registry.terraform.io/providers/hashicorp/aws) "
             "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.6 md/GOOS#linux md/GOARCH#amd64 "
             "api/ec2#1.202.4 m/n")
CLI = ("aws-cli/2.24.10 md/awscrt#0.23.8 ua/2.0 os/linux#6.1.0-31-amd64 md/arch#x86_64 "
       "lang/python#3.12.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe "
       "md/prompt#off md/command#%s")
BOTO = ("Boto3/1.37.1 md/Botocore#1.37.1 ua/2.0 os/linux#6.12.13-kali1 md/arch#x86_64 "
        "lang/python#3.13.1 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.37.1")

OFFICE, CI, INTRUDER, INTRUDER_2 = "198.51.100.23", "198.51.100.77", "203.0.113.66", "203.0.113.140"

# Delivered after every look-back of the rules has passed.
VERY_LATE = {("AuthorizeSecurityGroupIngress", "2025-03-06T02:19:30Z"), ("ModifySecurityGroupRules", "2025-03-06T02:21:05Z")}

rnd = random.Random(20250303)
count = 0


def ident(kind):
    """A new id: hex from a counter, so that a change in one place moves no other id of its kind."""
    global count
    count += 1
    return hashlib.sha256(f"{kind}/{count}".encode()).hexdigest()


def uuid(kind):
    h = ident(kind)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"


def rule_id():
    return "sgr-0" + ident("sgr")[:16]


def key(prefix, who):
    digest = hashlib.sha256(f"{prefix}{who}".encode()).hexdigest().upper()
    return prefix + digest.translate(str.maketrans("01", "XZ"))[:16]


def user(name, access_key=None, console=None):
    identity = {"type": "IAMUser", "principalId": key("AIDA", name),
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "accountId": ACCOUNT,
                "accessKeyId": access_key or key("AKIA", name), "userName": name}
    if console:
        identity["accessKeyId"] = key("ASIA", name + console)
        identity["sessionContext"] = {"attributes": {"creationDate": console, "mfaAuthenticated": "true"}}
    return identity


def role(name, session, access_key, created, mfa="false", account=ACCOUNT, path="", federated=None):
    principal = key("AROA", account + name)
    context = {"sessionIssuer": {"type": "Role", "principalId": principal,
                                 "arn": f"arn:aws:iam::{account}:role/{path}{name}",
                                 "accountId": account, "userName": name},
               "attributes": {"creationDate": created, "mfaAuthenticated": mfa}}
    if federated:
        context["webIdFederationData"] = {"federatedProvider": federated, "attributes": {}}
    return {"type": "AssumedRole", "principalId": f"{principal}:{session}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}", "accountId": account,
            "accessKeyId": access_key, "sessionContext": context}


def service(name):
    return {"type": "AWSService", "invokedBy": name}


class Log:
    def __init__(self):
        self.events = []

    def add(self, time, source, name, who, ip, agent, request=None, response=None, error=None,
            read_only=False, region=REGION, kind="AwsApiCall", console=False, **more):
        event = {"eventVersion": "1.11", "userIdentity": who, "eventTime": time,
                 "eventSource": source + ".amazonaws.com", "eventName": name, "awsRegion": region,
                 "sourceIPAddress": ip, "userAgent": agent}
        if error:
            event["errorCode"], event["errorMessage"] = error
            response = None
        event["requestParameters"], event["responseElements"] = request, response
        event.update(more)
        request_id = uuid("request")
        if isinstance(response, dict) and source == "ec2":
            event["responseElements"] = {"requestId": request_id, **response}
        event.update(requestID=request_id, eventID=uuid("event"), readOnly=read_only, eventType=kind,
                     managementEvent=True, recipientAccountId=ACCOUNT, eventCategory="Management")
        if kind == "AwsConsoleSignIn":
            del event["requestID"]
        if not ip.endswith(".amazonaws.com"):
            host = f"{source}.{region}.amazonaws.com"
            host = "sts.amazonaws.com" if source == "sts" else host
            host = f"{region}.signin.aws.amazon.com" if source == "signin" else host
            event["tlsDetails"] = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                                   "clientProvidedHostHeader": host}
        if console:
            event["sessionCredentialFromConsole"] = "true"
        self.events.append(event)
        return event


log = Log()


# --- calls ----------------------------------------------------------------------------------------

def permission(protocol, first, last, v4=(), v6=(), groups=(), lists=(), description=None):
    def items(name, values):
        rows = [{name: v, **({"description": description} if description else {})} for v in values]
        return {"items": rows} if rows else {}
    row = {"ipProtocol": protocol}
    if protocol != "-1":
        row.update(fromPort=first, toPort=last)
    row.update(groups={"items": [{"groupId": g, "userId": ACCOUNT} for g in groups]} if groups else {},
               ipRanges=items("cidrIp", v4), ipv6Ranges=items("cidrIpv6", v6),
               prefixListIds=items("prefixListId", lists))
    return row


def rules_of(group, permissions, egress):
    rows = []
    for p in permissions:
        sources = [("cidrIpv4", r["cidrIp"], r) for r in p["ipRanges"].get("items", [])]
        sources += [("cidrIpv6", r["cidrIpv6"], r) for r in p["ipv6Ranges"].get("items", [])]
        sources += [("prefixListId", r["prefixListId"], r) for r in p["prefixListIds"].get("items", [])]
        sources += [("referencedGroupInfo", {"groupId": g["groupId"], "userId": ACCOUNT}, g)
                    for g in p["groups"].get("items", [])]
        for name, value, row in sources:
            rule = rule_id()
            rows.append({"groupOwnerId": ACCOUNT, "groupId": group, "securityGroupRuleId": rule,
                         **({"description": row["description"]} if "description" in row else {}),
                         "isEgress": egress, "ipProtocol": p["ipProtocol"],
                         "fromPort": p.get("fromPort", -1), "toPort": p.get("toPort", -1), name: value,
                         "securityGroupRuleArn":
                             f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group-rule/{rule}"})
    return rows


def authorize(time, group, permissions, *who, egress=False, **more):
    rows = rules_of(group, permissions, egress)
    log.add(time, "ec2", "AuthorizeSecurityGroup" + ("Egress" if egress else "Ingress"), *who,
            request={"groupId": group, "ipPermissions": {"items": permissions}},
            response={"_return": True, "securityGroupRuleSet": {"items": rows}}, **more)
    return rows


def authorize_flat(time, group, protocol, first, last, cidr, *who, **more):
    """The request of `aws ec2 authorize-security-group-ingress --protocol --port --cidr`."""
    rows = rules_of(group, [permission(protocol, first, last, [cidr])], False)
    log.add(time, "ec2", "AuthorizeSecurityGroupIngress", *who,
            request={"groupId": group, "ipPermissions": {}, "ipProtocol": protocol, "fromPort": first,
                     "toPort": last, "cidrIp": cidr},
            response={"_return": True, "securityGroupRuleSet": {"items": rows}}, **more)
    return rows


def revoke(time, group, rows, *who, by_id=False, **more):
    egress = rows[0]["isEgress"]
    items = [{k: v for k, v in r.items() if k not in ("groupOwnerId", "description", "securityGroupRuleArn")}
             for r in rows]
    if by_id:
        request = {"groupId": group, "securityGroupRuleIds": {
            "items": [{"securityGroupRuleId": r["securityGroupRuleId"]} for r in rows]}}
    else:
        request = {"groupId": group, "ipPermissions": {"items": [
            permission(r["ipProtocol"], r["fromPort"], r["toPort"],
                       [r["cidrIpv4"]] if "cidrIpv4" in r else (),
                       [r["cidrIpv6"]] if "cidrIpv6" in r else ()) for r in rows]}}
    log.add(time, "ec2", "RevokeSecurityGroup" + ("Egress" if egress else "Ingress"), *who,
            request=request, response={"_return": True, "revokedSecurityGroupRuleSet": {"items": items}},
            **more)


def create_group(time, group, name, description, *who, **more):
    tags = [{"key": "Name", "value": name}]
    log.add(time, "ec2", "CreateSecurityGroup", *who,
            request={"groupName": name, "groupDescription": description, "vpcId": VPC,
                     "tagSpecificationSet": {"items": [{"resourceType": "security-group", "tags": tags}]}},
            response={"_return": True, "groupId": group, "tagSet": {"items": tags},
                      "securityGroupArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}"}, **more)


def modify_rule(time, group, rule, *who, **more):
    new = {"IpProtocol": rule["ipProtocol"], "FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    new["CidrIpv4"] = rule["cidrIpv4"]
    if "description" in rule:
        new["Description"] = rule["description"]
    log.add(time, "ec2", "ModifySecurityGroupRules", *who,
            request={"ModifySecurityGroupRulesRequest": {
                "GroupId": group, "SecurityGroupRule": {
                    "SecurityGroupRuleId": rule["securityGroupRuleId"], "tag": 1,
                    "SecurityGroupRule": new}}}, **more)
    log.events[-1]["responseElements"] = {"ModifySecurityGroupRulesResponse": {
        "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", "requestId": log.events[-1]["requestID"],
        "return": True}}


def assume(time, who, ip, agent, name, session, **more):
    access = key("ASIA", session + time)
    principal = key("AROA", ACCOUNT + name)
    log.add(time, "sts", "AssumeRole", who, ip, agent,
            request={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "roleSessionName": session,
                     "durationSeconds": 3600},
            response={"credentials": {"accessKeyId": access, "sessionToken": "EXAMPLE",
                                      "expiration": "Mar 31, 2025, 12:00:00 AM"},
                      "assumedRoleUser": {"assumedRoleId": f"{principal}:{session}", "arn":
                                          f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"}},
            read_only=True,
            resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role",
                        "ARN": f"arn:aws:iam::{ACCOUNT}:role/{name}"}], **more)
    return role(name, session, access, time)


def run_instances(time, instance, eni, group, name, *who, user_data=False, key_name="ops", **more):
    request = {"instancesSet": {"items": [{"imageId": "ami-0a1b2c3d4e5f60001", "minCount": 1,
                                           "maxCount": 1, "keyName": key_name}]},
               "groupSet": {"items": [{"groupId": group}]}, "instanceType": "t3.medium",
               "blockDeviceMapping": {}, "monitoring": {"enabled": False}, "subnetId": SUBNET,
               "disableApiTermination": False, "clientToken": uuid("token")}
    if user_data:
        request["userData"] = "<sensitiveDataRemoved>"
    response = {"reservationId": "r-0" + ident("r")[:16], "ownerId": ACCOUNT, "groupSet": {},
                "instancesSet": {"items": [{
                    "instanceId": instance, "imageId": "ami-0a1b2c3d4e5f60001", "keyName": key_name,
                    "currentState": {"code": 0, "name": "pending"}, "instanceType": "t3.medium",
                    "subnetId": SUBNET, "vpcId": VPC, "privateIpAddress": "10.0.1.20",
                    "groupSet": {"items": [{"groupId": group, "groupName": name}]},
                    "networkInterfaceSet": {"items": [{
                        "networkInterfaceId": eni, "subnetId": SUBNET, "vpcId": VPC,
                        "ownerId": ACCOUNT, "status": "in-use",
                        "groupSet": {"items": [{"groupId": group, "groupName": name}]},
                        "attachment": {"deviceIndex": 0, "status": "attaching"}}]}}]}}
    log.add(time, "ec2", "RunInstances", *who, request=request, response=response, **more)


def describe(time, what, *who, source="ec2", request=None, **more):
    log.add(time, source, what, *who, request=request, read_only=True, **more)


def login(time, name, ip, ok=True):
    who = {"type": "IAMUser", "principalId": key("AIDA", name), "accountId": ACCOUNT,
           "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "userName": name}
    more = {"additionalEventData": {"LoginTo": "https://console.aws.amazon.com/console/home",
                                    "MobileVersion": "No", "MFAUsed": "Yes" if ok else "No"}}
    if ok:
        more["additionalEventData"]["MFAIdentifier"] = f"arn:aws:iam::{ACCOUNT}:mfa/{name}"
    else:
        more["errorMessage"] = "Failed authentication"
    log.add(time, "signin", "ConsoleLogin", who, ip, BROWSER,
            response={"ConsoleLogin": "Success" if ok else "Failure"}, kind="AwsConsoleSignIn", **more)


# --- the story ------------------------------------------------------------------------------------

def monday():
    """Terraform builds the network; an instance and a database start."""
    day = "2025-03-03T"
    session = role("deploy", "GitHubActions", key("ASIA", "deploy-mon"), day + "09:00:02Z",
                   federated=f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com")
    ci = (session, CI, TERRAFORM)
    log.add(day + "09:00:02Z", "sts", "AssumeRoleWithWebIdentity",
            {"type": "WebIdentityUser", "principalId":
             f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:"
             "repo:example/infrastructure:ref:refs/heads/main",
             "userName": "repo:example/infrastructure:ref:refs/heads/main",
             "identityProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"},
            CI, TERRAFORM,
            request={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/deploy", "roleSessionName": "GitHubActions"},
            response={"credentials": {"accessKeyId": session["accessKeyId"], "sessionToken": "EXAMPLE",
                                      "expiration": "Mar 3, 2025, 10:00:02 AM"},
                      "assumedRoleUser": {"assumedRoleId": session["principalId"], "arn": session["arn"]}},
            read_only=True)
    create_group(day + "09:01:10Z", WEB, "web", "Public web tier", *ci)
    default_egress = rules_of(WEB, [permission("-1", -1, -1, ["0.0.0.0/0"])], True)
    revoke(day + "09:01:11Z", WEB, default_egress, *ci)
    web_rules = authorize(day + "09:01:12Z", WEB, [
        permission("tcp", 80, 80, ["0.0.0.0/0"], ["::/0"], description="http"),
        permission("tcp", 443, 443, ["0.0.0.0/0"], ["::/0"], description="https")], *ci)
    authorize(day + "09:01:12Z", WEB, [permission("tcp", 22, 22, ["198.51.100.0/24"],
                                                  description="ssh from the office")], *ci)
    authorize(day + "09:01:13Z", WEB, [permission("-1", -1, -1, ["0.0.0.0/0"])], *ci, egress=True)
    create_group(day + "09:02:20Z", DB, "db", "Orders database", *ci)
    db_rule = authorize(day + "09:02:21Z", DB, [permission("tcp", 5432, 5432, groups=[WEB])], *ci)
    db_lan = authorize(day + "09:02:22Z", DB, [permission("tcp", 5432, 5432, ["10.0.0.0/8"],
                                                          description="reports")], *ci)
    create_group(day + "09:03:02Z", CACHE, "cache", "Session cache", *ci)
    cache_rule = authorize(day + "09:03:03Z", CACHE, [permission("tcp", 6379, 6379, ["10.0.0.0/16"])], *ci)
    log.add(day + "09:04:00Z", "ec2", "CreateManagedPrefixList", *ci, request={
        "CreateManagedPrefixListRequest": {"PrefixListName": "office", "MaxEntries": 10,
                                           "AddressFamily": "IPv4", "ClientToken": uuid("token"),
                                           "Entry": {"Cidr": "198.51.100.0/24", "tag": 1}}})
    log.events[-1]["responseElements"] = {"CreateManagedPrefixListResponse": {
        "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", "requestId": log.events[-1]["requestID"],
        "prefixList": {"prefixListId": OFFICE_LIST, "prefixListName": "office", "state": "create-in-progress",
                       "addressFamily": "IPv4", "maxEntries": 10, "version": 1, "ownerId": ACCOUNT}}}
    authorize(day + "09:04:30Z", CACHE, [permission("tcp", 22, 22, lists=[OFFICE_LIST])], *ci)
    run_instances(day + "09:06:00Z", "i-0a1b2c3d4e5f60001", "eni-0a1b2c3d4e5f60001", WEB, "web", *ci)
    log.add(day + "09:08:00Z", "rds", "CreateDBInstance", *ci,
            request={"dBInstanceIdentifier": "orders", "engine": "postgres", "dBInstanceClass": "db.t3.medium",
                     "masterUsername": "postgres", "masterUserPassword": "HIDDEN_DUE_TO_SECURITY_REASONS",
                     "allocatedStorage": 100, "publiclyAccessible": False, "storageEncrypted": True,
                     "vpcSecurityGroupIds": [DB]},
            response={"dBInstanceIdentifier": "orders", "dBInstanceStatus": "creating", "engine": "postgres",
                      "dBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders",
                      "publiclyAccessible": False, "storageEncrypted": True,
                      "dBSubnetGroup": {"vpcId": VPC, "dBSubnetGroupName": "private"},
                      "vpcSecurityGroups": [{"vpcSecurityGroupId": DB, "status": "active"}]})
    rds = (service("rds.amazonaws.com"), "rds.amazonaws.com", "rds.amazonaws.com")
    log.add(day + "09:08:40Z", "ec2", "CreateNetworkInterface", *rds,
            request={"subnetId": SUBNET, "description": "RDSNetworkInterface",
                     "groupSet": {"items": [{"groupId": DB}]}},
            response={"networkInterface": {"networkInterfaceId": "eni-0a1b2c3d4e5f60002", "subnetId": SUBNET,
                                           "vpcId": VPC, "ownerId": ACCOUNT, "requesterManaged": True,
                                           "groupSet": {"items": [{"groupId": DB, "groupName": "db"}]}}})
    login(day + "09:30:12Z", "admin", OFFICE)
    admin = (user("admin", console=day + "09:30:12Z"), OFFICE, BROWSER)
    for minute, what in enumerate(("DescribeSecurityGroups", "DescribeInstances", "DescribeVpcs",
                                   "DescribeSecurityGroupRules", "DescribeRegions")):
        describe(f"{day}09:3{minute + 1}:05Z", what, *admin, console=True)
    return web_rules, db_rule, db_lan, cache_rule


def tuesday(cache_rule):
    """Terraform takes a rule away and puts it back; a slip with RDP is mended within the hour."""
    day = "2025-03-04T"
    session = role("deploy", "GitHubActions", key("ASIA", "deploy-tue"), day + "10:15:00Z",
                   federated=f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com")
    ci = (session, CI, TERRAFORM)
    revoke(day + "10:15:20Z", CACHE, cache_rule, *ci)
    authorize(day + "10:15:24Z", CACHE, [permission("tcp", 6379, 6379, ["10.0.0.0/16"],
                                                    description="sessions")], *ci)
    operator = (role("AWSReservedSSO_PowerUserAccess_0a1b2c3d4e5f6071", "operator",
                     key("ASIA", "operator-tue"), day + "13:00:00Z",
                     path="aws-reserved/sso.amazonaws.com/"), "198.51.100.31", BROWSER)
    log.add(day + "13:01:30Z", "ec2", "AuthorizeSecurityGroupIngress", *operator,
            request={"groupId": BASTION, "ipPermissions": {"items": [
                permission("tcp", 3389, 3389, (), ["::/0"])]}},
            error=("Client.DryRunOperation",
                   "Request would have succeeded, but DryRun flag is set."), console=True)
    rdp = authorize(day + "13:02:10Z", BASTION, [permission("tcp", 3389, 3389, ["198.51.100.31/32"],
                                                            ["::/0"], description="rdp")],
                    *operator, console=True)
    admin = (user("admin", console=day + "13:30:00Z"), OFFICE, BROWSER)
    revoke(day + "13:40:55Z", BASTION, [rdp[1]], *admin, by_id=True, console=True)
    admin_cli = (user("admin"), OFFICE, CLI % "ec2.describe-security-groups")
    describe(day + "13:42:00Z", "DescribeSecurityGroups", *admin_cli,
             request={"securityGroupSet": {}, "securityGroupIdSet": {"items": [{"groupId": BASTION}]},
                      "filterSet": {}})


def wednesday():
    """Routine: a balancer, backups, an auditor from another account, a new tag."""
    day = "2025-03-05T"
    elb = (service("elasticloadbalancing.amazonaws.com"), "elasticloadbalancing.amazonaws.com",
           "elasticloadbalancing.amazonaws.com")
    log.add(day + "08:00:10Z", "ec2", "CreateNetworkInterface", *elb,
            request={"subnetId": SUBNET, "description": "ELB app/web/0a1b2c3d4e5f6071",
                     "groupSet": {"items": [{"groupId": WEB}]}},
            response={"networkInterface": {"networkInterfaceId": "eni-0a1b2c3d4e5f60003", "subnetId": SUBNET,
                                           "vpcId": VPC, "ownerId": ACCOUNT, "requesterManaged": True,
                                           "groupSet": {"items": [{"groupId": WEB, "groupName": "web"}]}}})
    auditor = role("audit", "reader", key("ASIA", "audit-wed"), day + "09:00:00Z", account=AUDIT)
    log.add(day + "09:00:05Z", "sts", "AssumeRole", auditor, "192.0.2.45", CLI % "sts.assume-role",
            request={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/OrgAudit", "roleSessionName": "reader"},
            response={"credentials": {"accessKeyId": key("ASIA", "orgaudit-wed"), "sessionToken": "EXAMPLE",
                                      "expiration": "Mar 5, 2025, 10:00:05 AM"},
                      "assumedRoleUser": {"assumedRoleId": key("AROA", ACCOUNT + "OrgAudit") + ":reader", "arn":
                                          f"arn:aws:sts::{ACCOUNT}:assumed-role/OrgAudit/reader"}},
            read_only=True, sharedEventID=uuid("shared"),
            resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role",
                        "ARN": f"arn:aws:iam::{ACCOUNT}:role/OrgAudit"}])
    reader = (role("OrgAudit", "reader", key("ASIA", "orgaudit-wed"), day + "09:00:05Z"), "192.0.2.45",
              CLI % "iam.list-users")
    for n, (source, what) in enumerate((("iam", "ListUsers"), ("iam", "ListRoles"), ("s3", "ListBuckets"),
                                        ("ec2", "DescribeSecurityGroups"), ("rds", "DescribeDBInstances"))):
        describe(f"{day}09:0{n + 1}:30Z", what, *reader, source=source)
    backup = (user("backup"), "198.51.100.90", "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.6")
    for hour in range(0, 24, 6):
        describe(f"{day}{hour:02}:05:00Z", "DescribeSnapshots", *backup)
        log.add(f"{day}{hour:02}:05:20Z", "ec2", "CreateSnapshot", *backup,
                request={"volumeId": "vol-0a1b2c3d4e5f60001", "description": "nightly"},
                response={"snapshotId": "snap-0" + ident("snap")[:16], "volumeId": "vol-0a1b2c3d4e5f60001",
                          "status": "pending", "startTime": 1741132800000, "encrypted": True})
    log.add(day + "15:00:00Z", "ec2", "CreateTags", user("admin"), OFFICE, CLI % "ec2.create-tags",
            request={"resourcesSet": {"items": [{"resourceId": WEB}]},
                     "tagSet": {"items": [{"key": "owner", "value": "platform"}]}},
            response={"_return": True})
    log.add(day + "16:00:00Z", "ec2", "ModifyInstanceAttribute", user("admin"), OFFICE,
            CLI % "ec2.modify-instance-attribute",
            request={"instanceId": "i-0a1b2c3d4e5f60001", "disableApiTermination": {"value": True}},
            response={"_return": True})


def thursday(web_rules, db_rule, db_lan):
    """The intruder: a stolen key, two roles, then everything at once."""
    day = "2025-03-06T"
    for second in (11, 19, 32):
        login(f"{day}01:58:{second}Z", "admin", INTRUDER, ok=False)
    stolen = (user("backup"), INTRUDER, BOTO)
    describe(day + "02:04:10Z", "GetCallerIdentity", *stolen, source="sts")
    for n, (source, what) in enumerate((("iam", "ListUsers"), ("iam", "ListRoles"), ("ec2", "DescribeInstances"),
                                        ("ec2", "DescribeSecurityGroups"), ("secretsmanager", "ListSecrets"))):
        describe(f"{day}02:05:{10 + n}Z", what, *stolen, source=source)
    log.add(day + "02:06:02Z", "ec2", "AuthorizeSecurityGroupIngress", *stolen,
            request={"groupId": WEB, "ipPermissions": {}, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                     "cidrIp": "0.0.0.0/0"},
            error=("Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: "
                   f"arn:aws:iam::{ACCOUNT}:user/backup is not authorized to perform: "
                   "ec2:AuthorizeSecurityGroupIngress"))
    first = assume(day + "02:07:00Z", *stolen, "maintenance", "backup-job")
    second = assume(day + "02:07:45Z", first, INTRUDER, BOTO, "network-admin", "maintenance")
    net = (second, INTRUDER, BOTO)
    # The call that opens a port, which the rule's version 207 does not name.
    ssh = authorize_flat(day + "02:09:14Z", WEB, "tcp", 22, 22, "0.0.0.0/0", *net)
    # And two halves of the internet, minutes apart, the second by the other session.
    half = authorize(day + "02:11:00Z", DB, [permission("tcp", 5432, 5432, ["0.0.0.0/1"])], *net)
    other = (role("maintenance", "backup-job", first["accessKeyId"], day + "02:07:00Z"), INTRUDER_2, BOTO)
    half = half + authorize(day + "02:19:30Z", DB, [permission("tcp", 5432, 5432, ["128.0.0.0/1"])], *other)
    wide = dict(db_lan[0], cidrIpv4="0.0.0.0/0", description="reports")
    modify_rule(day + "02:21:05Z", DB, wide, *net)
    create_group(day + "02:24:00Z", TOOLS, "monitoring-tools", "monitoring", *net)
    tools = authorize(day + "02:24:20Z", TOOLS, [permission("-1", -1, -1, ["0.0.0.0/0"], ["::/0"])], *net)
    authorize(day + "02:24:40Z", TOOLS, [permission("tcp", 4444, 4444, [INTRUDER + "/32"])], *net, egress=True)
    log.add(day + "02:25:30Z", "ec2", "CreateKeyPair", *net, request={"keyName": "mon", "keyType": "ed25519"},
            response={"keyName": "mon", "keyPairId": "key-0a1b2c3d4e5f60001", "keyMaterial":
                      "<sensitiveDataRemoved>", "keyFingerprint": "EXAMPLE"})
    run_instances(day + "02:27:00Z", "i-0a1b2c3d4e5f60009", "eni-0a1b2c3d4e5f60009", TOOLS,
                  "monitoring-tools", *net, user_data=True, key_name="mon")
    log.add(day + "02:30:00Z", "ec2", "ModifyInstanceAttribute", *net,
            request={"instanceId": "i-0a1b2c3d4e5f60001",
                     "groupSet": {"items": [{"groupId": WEB}, {"groupId": TOOLS}]}},
            response={"_return": True})
    log.add(day + "02:33:10Z", "rds", "ModifyDBInstance", *net,
            request={"dBInstanceIdentifier": "orders", "publiclyAccessible": True, "applyImmediately": True,
                     "allowMajorVersionUpgrade": False},
            response={"dBInstanceIdentifier": "orders", "dBInstanceStatus": "available", "engine": "postgres",
                      "dBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders",
                      "publiclyAccessible": True, "dBSubnetGroup": {"vpcId": VPC},
                      "vpcSecurityGroups": [{"vpcSecurityGroupId": DB, "status": "active"}]})
    log.add(day + "02:35:00Z", "ec2", "ModifyManagedPrefixList", *net, request={
        "ModifyManagedPrefixListRequest": {"PrefixListId": OFFICE_LIST, "CurrentVersion": 1,
                                           "AddEntry": {"Cidr": "203.0.113.0/24", "tag": 1}}})
    log.events[-1]["responseElements"] = {"ModifyManagedPrefixListResponse": {
        "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", "requestId": log.events[-1]["requestID"],
        "prefixList": {"prefixListId": OFFICE_LIST, "prefixListName": "office", "version": 1,
                       "state": "modify-in-progress", "ownerId": ACCOUNT, "addressFamily": "IPv4"}}}
    log.add(day + "02:38:00Z", "iam", "CreateUser", *net, request={"userName": "support"},
            response={"user": {"path": "/", "userName": "support", "userId": key("AIDA", "support"),
                               "arn": f"arn:aws:iam::{ACCOUNT}:user/support",
                               "createDate": "Mar 6, 2025, 2:38:00 AM"}})
    log.add(day + "02:38:20Z", "iam", "AttachUserPolicy", *net,
            request={"userName": "support", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    log.add(day + "02:38:40Z", "iam", "CreateAccessKey", *net, request={"userName": "support"},
            response={"accessKey": {"userName": "support", "status": "Active", "accessKeyId":
                                    key("AKIA", "support"), "createDate": "Mar 6, 2025, 2:38:40 AM"}})
    log.add(day + "02:40:00Z", "cloudtrail", "StopLogging", *net,
            request={"name": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/main"},
            error=("AccessDenied", f"User: {second['arn']} is not authorized to perform: "
                   "cloudtrail:StopLogging"))
    support = (user("support"), INTRUDER_2, CLI % "secretsmanager.get-secret-value")
    log.add(day + "02:44:10Z", "secretsmanager", "GetSecretValue", *support, read_only=True,
            request={"secretId": "orders/database"})
    log.add(day + "02:47:00Z", "ec2", "DescribeSecurityGroups", *support, read_only=True, region="eu-west-1",
            request={"securityGroupSet": {}, "filterSet": {}})
    return ssh, half, wide, tools


def friday(ssh, half, wide, tools):
    """The administrator cleans up."""
    day = "2025-03-07T"
    login(day + "07:45:00Z", "admin", OFFICE)
    admin = (user("admin", console=day + "07:45:00Z"), OFFICE, BROWSER)
    admin_cli = (user("admin"), OFFICE, CLI % "ec2.revoke-security-group-ingress")
    describe(day + "07:47:00Z", "LookupEvents", *admin, source="cloudtrail", console=True)
    revoke(day + "07:52:00Z", WEB, ssh, *admin, by_id=True, console=True)
    revoke(day + "07:53:30Z", DB, [half[0]], *admin_cli)
    revoke(day + "07:53:50Z", DB, [half[1]], *admin_cli)
    modify_rule(day + "07:55:00Z", DB, dict(wide, cidrIpv4="10.0.0.0/8"), *admin, console=True)
    log.add(day + "07:56:00Z", "ec2", "ModifyInstanceAttribute", *admin_cli,
            request={"instanceId": "i-0a1b2c3d4e5f60001", "groupSet": {"items": [{"groupId": WEB}]}},
            response={"_return": True})
    log.add(day + "07:58:00Z", "ec2", "TerminateInstances", *admin,
            request={"instancesSet": {"items": [{"instanceId": "i-0a1b2c3d4e5f60009"}]}},
            response={"instancesSet": {"items": [{
                "instanceId": "i-0a1b2c3d4e5f60009", "currentState": {"code": 32, "name": "shutting-down"},
                "previousState": {"code": 16, "name": "running"}}]}}, console=True)
    log.add(day + "08:05:00Z", "ec2", "DeleteSecurityGroup", *admin_cli, request={"groupId": TOOLS},
            response={"_return": True, "groupId": TOOLS})
    log.add(day + "08:06:00Z", "iam", "UpdateAccessKey", *admin, console=True,
            request={"userName": "backup", "accessKeyId": key("AKIA", "backup"), "status": "Inactive"})
    log.add(day + "08:07:00Z", "iam", "DeleteAccessKey", *admin, console=True,
            request={"userName": "support", "accessKeyId": key("AKIA", "support")})
    log.add(day + "08:08:00Z", "rds", "ModifyDBInstance", *admin, console=True,
            request={"dBInstanceIdentifier": "orders", "publiclyAccessible": False, "applyImmediately": True},
            response={"dBInstanceIdentifier": "orders", "publiclyAccessible": False,
                      "dBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"})


def background():
    """What every account is full of."""
    for day in range(3, 8):
        for hour in range(1, 24, 4):
            time = f"2025-03-{day:02}T{hour:02}:{rnd.randrange(60):02}:{rnd.randrange(60):02}Z"
            ec2 = (service("ec2.amazonaws.com"), "ec2.amazonaws.com", "ec2.amazonaws.com")
            log.add(time, "sts", "AssumeRole", *ec2, read_only=True,
                    request={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/web-instance",
                             "roleSessionName": "i-0a1b2c3d4e5f60001"},
                    response={"credentials": {"accessKeyId": key("ASIA", time), "sessionToken": "EXAMPLE",
                                              "expiration": "Mar 31, 2025, 12:00:00 AM"}},
                    sharedEventID=uuid("shared"),
                    resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role",
                                "ARN": f"arn:aws:iam::{ACCOUNT}:role/web-instance"}])
            kms = (service("rds.amazonaws.com"), "rds.amazonaws.com", "rds.amazonaws.com")
            log.add(time, "kms", "Decrypt", *kms, read_only=True,
                    request={"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
                    resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key",
                                "ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{uuid('key')}"}])
            if hour % 8 == 1:
                config = (role("AWSServiceRoleForConfig", "AWSConfig-Describe", key("ASIA", "config" + time),
                               time, path="aws-service-role/config.amazonaws.com/"),
                          "config.amazonaws.com", "config.amazonaws.com")
                describe(time, "DescribeSecurityGroups", *config)
                describe(time, "GetBucketAcl", *config, source="s3",
                         request={"bucketName": "example-logs", "acl": "", "Host":
                                  "example-logs.s3.us-east-1.amazonaws.com"})


# --- files ----------------------------------------------------------------------------------------

def seconds(event):
    return int(datetime.datetime.strptime(event["eventTime"], "%Y-%m-%dT%H:%M:%S%z").timestamp())


def file_of(event, second_copy):
    """The file an event is delivered in: some minutes late, on a five minute grid."""
    digest = int(hashlib.sha256(event["eventID"].encode()).hexdigest(), 16)
    late = 120 + digest % 420 + (300 if second_copy else 0)
    if digest % 97 == 0:
        late += 7200
    if (event["eventName"], event["eventTime"]) in VERY_LATE:
        late += 2700
    stamp = datetime.datetime.fromtimestamp((seconds(event) + late) // 300 * 300, datetime.timezone.utc)
    region = event["awsRegion"]
    name = hashlib.sha256(f"{stamp}{region}{second_copy and digest % 2}".encode()).hexdigest()[:16]
    return (f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/{stamp:%Y/%m/%d}/{ACCOUNT}_CloudTrail_{region}_"
            f"{stamp:%Y%m%dT%H%MZ}_{name}.json.gz")


def write(path, document):
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as out:
        out.write(text)


def digest_file():
    write(f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2025/03/06/{ACCOUNT}_CloudTrail-Digest_{REGION}_main_"
          f"{REGION}_20250306T030000Z.json.gz",
          {"awsAccountId": ACCOUNT, "digestStartTime": "2025-03-06T02:00:00Z",
           "digestEndTime": "2025-03-06T03:00:00Z", "digestS3Bucket": "example-logs",
           "digestS3Object": "AWSLogs/EXAMPLE", "digestPublicKeyFingerprint": "00112233445566778899aabbccddeeff",
           "digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": "2025-03-06T02:47:00Z",
           "oldestEventTime": "2025-03-06T02:04:10Z", "previousDigestS3Bucket": None,
           "previousDigestS3Object": None, "previousDigestHashValue": None,
           "previousDigestHashAlgorithm": None, "previousDigestSignature": None, "logFiles": []})


def main():
    web_rules, db_rule, db_lan, cache_rule = monday()
    tuesday(cache_rule)
    wednesday()
    friday(*thursday(web_rules, db_rule, db_lan))
    background()
    shutil.rmtree(os.path.join(HERE, "AWSLogs"), ignore_errors=True)
    files = {}
    for event in log.events:
        files.setdefault(file_of(event, False), []).append(event)
        # A second copy of every sixth record, in another file, as AWS delivers them.
        if int(hashlib.sha256(event["eventID"].encode()).hexdigest(), 16) % 6 == 0:
            files.setdefault(file_of(event, True), []).append(event)
    for path, events in files.items():
        order = random.Random(path)
        order.shuffle(events)
        write(path, {"Records": events})
    digest_file()
    print(f"{len(log.events)} events in {len(files)} files")


main()
