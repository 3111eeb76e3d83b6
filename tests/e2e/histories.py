"""Made-up CloudTrail histories with a known truth, for the tests of investigate and respond.

Every function returns (records, names): names maps a word to the eventID it stands for. Accounts,
addresses and names are those of documentation."""
import datetime
import json
import uuid

ACCOUNT = "123456789012"
REGION = "eu-central-1"
START = datetime.datetime(2025, 3, 3, 9, 0, 0)


class History:
    def __init__(self, seed):
        self.seed = seed
        self.count = 0
        self.records = []
        self.names = {}

    def uid(self):
        self.count += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "%s/%d" % (self.seed, self.count)))

    def add(self, minutes, who, source, name, request=None, response=None, word=None, **more):
        t = START + datetime.timedelta(minutes=minutes)
        record = {
            "eventVersion": "1.09", "userIdentity": who["identity"],
            "eventTime": t.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": source + ".amazonaws.com", "eventName": name, "awsRegion": REGION,
            "sourceIPAddress": who["address"], "userAgent": who["agent"],
            "requestParameters": request, "responseElements": response,
            "requestID": self.uid(), "eventID": self.uid(),
            "readOnly": name.startswith(("Describe", "List", "Get")),
            "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
        }
        record.update(more)
        self.records.append(record)
        if word:
            self.names[word] = record["eventID"]
        return record


def user(name, key, address="198.51.100.7", agent="aws-cli/2.17.60 md/Botocore#1.34"):
    return {"address": address, "agent": agent, "identity": {
        "type": "IAMUser", "principalId": "AIDA" + name.upper().ljust(17, "X"),
        "arn": "arn:aws:iam::%s:user/%s" % (ACCOUNT, name), "accountId": ACCOUNT,
        "accessKeyId": key, "userName": name}}


def role(name, session, key, address="198.51.100.7", agent="aws-cli/2.17.60 md/Botocore#1.34",
         account=ACCOUNT, source_identity=None):
    context = {"sessionIssuer": {
        "type": "Role", "principalId": "AROA" + name.upper().ljust(17, "X"),
        "arn": "arn:aws:iam::%s:role/%s" % (account, name), "accountId": account, "userName": name},
        "attributes": {"creationDate": "2025-03-03T08:00:00Z", "mfaAuthenticated": "false"}}
    if source_identity:
        context["sourceIdentity"] = source_identity
    return {"address": address, "agent": agent, "identity": {
        "type": "AssumedRole", "principalId": "AROA%s:%s" % (name.upper().ljust(17, "X"), session),
        "arn": "arn:aws:sts::%s:assumed-role/%s/%s" % (account, name, session),
        "accountId": account, "accessKeyId": key, "sessionContext": context}}


def assume(h, minutes, who, name, session, key, word=None, **request):
    return h.add(minutes, who, "sts", "AssumeRole",
                 dict({"roleArn": "arn:aws:iam::%s:role/%s" % (ACCOUNT, name),
                       "roleSessionName": session}, **request),
                 {"credentials": {"accessKeyId": key, "expiration": "Mar 3, 2025, 11:00:00 AM",
                                  "sessionToken": "example"},
                  "assumedRoleUser": {"assumedRoleId": "AROA:" + session,
                                      "arn": "arn:aws:sts::%s:assumed-role/%s/%s" % (
                                          ACCOUNT, name, session)}}, word)


def permission(protocol, low, high, cidrs=(), cidrs6=(), groups=()):
    return {"ipProtocol": protocol, "fromPort": low, "toPort": high,
            "groups": {"items": [{"groupId": g} for g in groups]} if groups else {},
            "ipRanges": {"items": [{"cidrIp": c} for c in cidrs]} if cidrs else {},
            "ipv6Ranges": {"items": [{"cidrIpv6": c} for c in cidrs6]} if cidrs6 else {},
            "prefixListIds": {}}


def create(h, minutes, who, group, name="web", word=None):
    return h.add(minutes, who, "ec2", "CreateSecurityGroup",
                 {"groupName": name, "groupDescription": "example", "vpcId": "vpc-0a1b2c3d4e5f60718"},
                 {"requestId": h.uid(), "_return": True, "groupId": group}, word)


def authorize(h, minutes, who, group, protocol, low, high, cidr, rule, word=None, egress=False,
              **more):
    v6 = ":" in cidr
    row = {"groupOwnerId": ACCOUNT, "groupId": group, "securityGroupRuleId": rule,
           "isEgress": egress, "ipProtocol": protocol, "fromPort": low, "toPort": high,
           "cidrIpv6" if v6 else "cidrIpv4": cidr}
    request = {"groupId": group, "ipPermissions": {"items": [
        permission(protocol, low, high, () if v6 else (cidr,), (cidr,) if v6 else ())]}}
    return h.add(minutes, who, "ec2", "AuthorizeSecurityGroup" + ("Egress" if egress else "Ingress"),
                 request, {"requestId": h.uid(), "_return": True,
                           "securityGroupRuleSet": {"items": [row]}}, word, **more)


def revoke(h, minutes, who, group, protocol, low, high, cidr, word=None, egress=False):
    return h.add(minutes, who, "ec2", "RevokeSecurityGroup" + ("Egress" if egress else "Ingress"),
                 {"groupId": group, "ipPermissions": {"items": [
                     permission(protocol, low, high, (cidr,))]}},
                 {"requestId": h.uid(), "_return": True}, word)


def run_instances(h, minutes, who, group, instance, eni):
    return h.add(minutes, who, "ec2", "RunInstances",
                 {"instancesSet": {"items": [{"imageId": "ami-0123456789abcdef0", "minCount": 1,
                                              "maxCount": 1}]},
                  "groupSet": {"items": [{"groupId": group}]}, "instanceType": "t3.micro"},
                 {"instancesSet": {"items": [{
                     "instanceId": instance, "groupSet": {"items": [{"groupId": group}]},
                     "networkInterfaceSet": {"items": [{
                         "networkInterfaceId": eni,
                         "groupSet": {"items": [{"groupId": group}]}}]}}]}})


def chain():
    """An intruder with a leaked key goes through two roles; the session names are the admin's."""
    h = History("chain")
    admin = user("admin", "AKIAADMIN0000000001")
    leaked = user("backup", "AKIALEAKED000000001", "203.0.113.66", "python-requests/2.31")
    group = "sg-0aaaaaaaaaaaaaaa1"
    create(h, -4000, admin, group, word="create")
    authorize(h, -3999, admin, group, "tcp", 22, 22, "10.0.0.0/8", "sgr-0000000000000001", "office")
    run_instances(h, -3998, admin, group, "i-0aaaaaaaaaaaaaaa1", "eni-0aaaaaaaaaaaaaaa1")
    for i in range(30):
        h.add(-3000 + i * 60, user("backup", "AKIALEAKED000000001"), "s3", "ListBuckets")
    h.add(-20, leaked, "sts", "GetCallerIdentity", word="look")
    assume(h, -15, leaked, "reader", "admin", "ASIAREADER000000001", "hop1")
    reader = role("reader", "admin", "ASIAREADER000000001", "203.0.113.66", "Boto3/1.34")
    assume(h, -10, reader, "network", "admin", "ASIANETWORK00000001", "hop2")
    network = role("network", "admin", "ASIANETWORK00000001", "203.0.113.66", "Boto3/1.34")
    h.add(-5, network, "cloudtrail", "StopLogging", {"name": "trail"}, None, "stop")
    authorize(h, 0, network, group, "tcp", 22, 22, "0.0.0.0/0", "sgr-0000000000000002", "open")
    authorize(h, 1, network, "sg-0bbbbbbbbbbbbbbb2", "tcp", 22, 22, "0.0.0.0/0",
              "sgr-0000000000000003", "other")
    h.add(5, reader, "iam", "CreateAccessKey", {"userName": "support"},
          {"accessKey": {"accessKeyId": "AKIABACKDOOR0000001", "status": "Active",
                         "userName": "support"}}, "backdoor")
    # An innocent session of the same role and the same session name, with another key.
    innocent = role("network", "admin", "ASIAINNOCENT0000001", "198.51.100.7")
    h.add(2, innocent, "iam", "CreateUser", {"userName": "newcomer"}, None, "innocent")
    return h.records, h.names


def churn():
    """Terraform revokes and authorises the same rule on every apply."""
    h = History("churn")
    terraform = role("terraform", "apply", "ASIATERRAFORM000001",
                     agent="APN/1.0 HashiCorp/1.0 Terraform/1.9.5 terraform-provider-aws/5.60")
    group = "sg-0ccccccccccccccc3"
    create(h, -20000, terraform, group)
    authorize(h, -19999, terraform, group, "tcp", 443, 443, "0.0.0.0/0", "sgr-0000000000000010")
    for i in range(12):
        at = -15000 + i * 1250
        revoke(h, at, terraform, group, "tcp", 443, 443, "0.0.0.0/0",
               "revoke" if i == 11 else None)
        authorize(h, at + 1, terraform, group, "tcp", 443, 443, "0.0.0.0/0",
                  "sgr-00000000000001%02d" % i, "authorize" if i == 11 else None)
    return h.records, h.names


def split():
    """Two people, hours apart, each open one half of the internet."""
    h = History("split")
    one = user("deploy", "AKIADEPLOY000000001")
    two = user("operator", "AKIAOPERATOR0000001", "198.51.100.9")
    group = "sg-0ddddddddddddddd4"
    create(h, -3000, one, group)
    authorize(h, 0, one, group, "tcp", 3389, 3389, "0.0.0.0/1", "sgr-0000000000000020", "first")
    authorize(h, 300, two, group, "tcp", 3389, 3389, "128.0.0.0/1", "sgr-0000000000000021", "second")
    return h.records, h.names


def split_ports():
    """As split, but the halves are open for different ranges of ports; and an address that was open."""
    h = History("split ports")
    one = user("deploy", "AKIADEPLOY000000001")
    two = user("operator", "AKIAOPERATOR0000001", "198.51.100.9")
    group = "sg-0dddddddddddddd41"
    create(h, -3000, one, group)
    authorize(h, -20, one, group, "tcp", 8080, 8080, "11.0.0.0/8", "sgr-0000000000000022")
    authorize(h, -10, one, group, "tcp", 8080, 8080, "1.0.0.0/8", "sgr-0000000000000023")
    authorize(h, 0, one, group, "tcp", 5432, 5432, "0.0.0.0/1", "sgr-0000000000000024", "narrow")
    authorize(h, 60, two, group, "tcp", 5400, 5500, "128.0.0.0/1", "sgr-0000000000000025", "wide")
    authorize(h, 90, two, group, "tcp", 8080, 8080, "0.0.0.0/0", "sgr-0000000000000026", "web")
    group = "sg-0dddddddddddddd42"
    create(h, -3000, one, group)
    authorize(h, 0, one, group, "tcp", 22, 22, "0.0.0.0/1", "sgr-0000000000000027", "ssh")
    authorize(h, 60, two, group, "-1", None, None, "128.0.0.0/1", "sgr-0000000000000028", "all")
    return h.records, h.names


def named_sessions():
    """Sessions of Identity Center, of a role named like its, of an instance, and of a federated user."""
    h = History("names")
    group = "sg-0ddddddddddddd43"
    create(h, -3000, user("admin", "AKIAADMIN0000000001"), group)
    person = role("AWSReservedSSO_Admin_0123456789abcdef", "jane@example.com", "ASIAPERSON000000001")
    issuer = person["identity"]["sessionContext"]["sessionIssuer"]
    issuer["arn"] = issuer["arn"].replace(":role/", ":role/aws-reserved/sso.amazonaws.com/")
    authorize(h, 0, person, group, "tcp", 22, 22, "203.0.113.1/32", "sgr-0000000000000061", "person")
    lookalike = role("AWSReservedSSO_Admin_0123456789abcdef", "jane@example.com", "ASIALOOKS0000000001")
    authorize(h, 1, lookalike, group, "tcp", 22, 22, "203.0.113.2/32", "sgr-0000000000000062",
              "lookalike")
    instance = role("app", "i-0123456789abcdef0", "ASIAINSTANCE0000001")
    instance["identity"]["sessionContext"]["ec2RoleDelivery"] = "2.0"
    authorize(h, 2, instance, group, "tcp", 22, 22, "203.0.113.3/32", "sgr-0000000000000063", "instance")
    broker = user("broker", "AKIABROKER000000001")
    federated = {"address": "203.0.113.80", "agent": "aws-cli/2.17.60", "identity": {
        "type": "FederatedUser", "principalId": ACCOUNT + ":bob", "accountId": ACCOUNT,
        "arn": "arn:aws:sts::%s:federated-user/bob" % ACCOUNT, "accessKeyId": "ASIABOB000000000001",
        "sessionContext": {"sessionIssuer": dict(broker["identity"], type="IAMUser")}}}
    authorize(h, 3, federated, group, "tcp", 22, 22, "203.0.113.4/32", "sgr-0000000000000064",
              "federated")
    return h.records, h.names


def reopened():
    """One opens, another closes, the first opens again within minutes."""
    h = History("reopened")
    one = user("deploy", "AKIADEPLOY000000001", "203.0.113.66")
    two = user("admin", "AKIAADMIN0000000001")
    group = "sg-0ddddddddddddd44"
    create(h, -3000, two, group)
    authorize(h, 0, one, group, "tcp", 22, 22, "0.0.0.0/0", "sgr-0000000000000071", "open")
    revoke(h, 5, two, group, "tcp", 22, 22, "0.0.0.0/0", "close")
    authorize(h, 7, one, group, "tcp", 22, 22, "0.0.0.0/0", "sgr-0000000000000072", "again")
    return h.records, h.names


def undone():
    """Opened by one, closed by another; and a call that failed."""
    h = History("undone")
    one = user("deploy", "AKIADEPLOY000000001")
    two = user("admin", "AKIAADMIN0000000001")
    group = "sg-0eeeeeeeeeeeeeee5"
    create(h, -3000, one, group)
    authorize(h, 0, one, group, "tcp", 5432, 5432, "0.0.0.0/0", "sgr-0000000000000030", "open")
    revoke(h, 45, two, group, "tcp", 5432, 5432, "0.0.0.0/0", "close")
    h.add(50, one, "ec2", "AuthorizeSecurityGroupIngress",
          {"groupId": group, "ipPermissions": {"items": [
              permission("tcp", 5432, 5432, ("0.0.0.0/0",))]}}, None, "denied",
          errorCode="Client.UnauthorizedOperation", errorMessage="not authorized")
    return h.records, h.names


def half():
    """A group whose creation is not in the logs, changed by a session whose start is not either."""
    h = History("half")
    lost = role("ops", "someone", "ASIALOST00000000001", source_identity="person-7")
    authorize(h, 0, lost, "sg-0fffffffffffffff6", "tcp", 22, 22, "203.0.113.0/24",
              "sgr-0000000000000040", "open")
    h.add(10, lost, "ec2", "ModifySecurityGroupRules",
          {"ModifySecurityGroupRulesRequest": {
              "GroupId": "sg-0fffffffffffffff6", "SecurityGroupRule": {
                  "SecurityGroupRuleId": "sgr-0999999999999999f", "tag": 1,
                  "SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0", "FromPort": 22, "ToPort": 22,
                                        "IpProtocol": "tcp"}}}},
          {"ModifySecurityGroupRulesResponse": {"return": True}}, "modify")
    return h.records, h.names


def hops():
    """Federation, a service and an instance at the beginning of chains."""
    h = History("hops")
    saml = {"address": "198.51.100.20", "agent": "Mozilla/5.0", "identity": {
        "type": "SAMLUser", "principalId": "idp:person@example.com", "userName": "person@example.com",
        "identityProvider": "idp.example.com"}}
    h.add(-30, saml, "sts", "AssumeRoleWithSAML",
          {"roleArn": "arn:aws:iam::%s:role/sso" % ACCOUNT, "roleSessionName": "person"},
          {"credentials": {"accessKeyId": "ASIASAML00000000001"}}, "saml")
    sso = role("sso", "person", "ASIASAML00000000001", "198.51.100.20", "Mozilla/5.0")
    authorize(h, 0, sso, "sg-0111111111111111a", "tcp", 22, 22, "0.0.0.0/0", "sgr-0000000000000050",
              "by_saml")
    pipeline = {"address": "192.0.2.44", "agent": "aws-sdk-js/3", "identity": {
        "type": "WebIdentityUser", "principalId": "oidc:repo", "userName": "repo:org/app:ref:main",
        "identityProvider": "token.actions.example.com"}}
    h.add(-30, pipeline, "sts", "AssumeRoleWithWebIdentity",
          {"roleArn": "arn:aws:iam::%s:role/ci" % ACCOUNT, "roleSessionName": "run-1"},
          {"credentials": {"accessKeyId": "ASIAOIDC00000000001"}}, "oidc")
    ci = role("ci", "run-1", "ASIAOIDC00000000001", "192.0.2.44", "aws-sdk-js/3")
    authorize(h, 1, ci, "sg-0111111111111111a", "tcp", 23, 23, "0.0.0.0/0", "sgr-0000000000000051",
              "by_oidc")
    box = role("box", "i-0123456789abcdef0", "ASIABOX000000000001")
    box["identity"]["sessionContext"]["ec2RoleDelivery"] = "2.0"
    authorize(h, 2, box, "sg-0111111111111111a", "tcp", 21, 21, "0.0.0.0/0", "sgr-0000000000000052",
              "by_instance")
    return h.records, h.names


def far():
    """A caller of another account, recorded by both; a back door used later; CloudFormation at work."""
    h = History("far")
    other = "111122223333"
    shared = h.uid()
    caller = user("partner", "AKIAPARTNER00000001", "198.51.100.80")
    caller["identity"].update(accountId=other, arn="arn:aws:iam::%s:user/partner" % other)
    given = {"credentials": {"accessKeyId": "ASIAFAR000000000001"}}
    request = {"roleArn": "arn:aws:iam::%s:role/guest" % ACCOUNT, "roleSessionName": "x"}
    h.add(-9, {"address": "198.51.100.80", "agent": "aws-cli/2", "identity": {
        "type": "AWSAccount", "principalId": "AIDAPARTNER", "accountId": other}}, "sts", "AssumeRole",
          request, given, "here", sharedEventID=shared)
    h.add(-9, caller, "sts", "AssumeRole", request, given, "there", sharedEventID=shared,
          recipientAccountId=other)
    guest = role("guest", "x", "ASIAFAR000000000001", "198.51.100.80")
    authorize(h, 0, guest, "sg-0222222222222222b", "tcp", 22, 22, "0.0.0.0/0", "sgr-0000000000000060",
              "by_partner")
    thief = role("ops", "y", "ASIATHIEF0000000001", "203.0.113.66")
    h.add(5, thief, "iam", "CreateAccessKey", {"userName": "support"},
          {"accessKey": {"accessKeyId": "AKIASUPPORT00000002", "userName": "support"}}, "made")
    authorize(h, 30, user("support", "AKIASUPPORT00000002", "203.0.113.67"), "sg-0222222222222222b",
              "tcp", 3389, 3389, "0.0.0.0/0", "sgr-0000000000000061", "by_back_door")
    admin = user("admin", "AKIAADMIN0000000001")
    h.add(60, admin, "cloudformation", "UpdateStack", {"stackName": "shop"}, {"stackId": "arn:x"},
          "stack")
    service = user("admin", "AKIAADMIN0000000001", "cloudformation.amazonaws.com",
                   "cloudformation.amazonaws.com")
    service["identity"]["invokedBy"] = "cloudformation.amazonaws.com"
    authorize(h, 61, service, "sg-0222222222222222b", "tcp", 443, 443, "0.0.0.0/0",
              "sgr-0000000000000062", "by_stack")
    return h.records, h.names


def write(records, path):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"Records": records}, f)
