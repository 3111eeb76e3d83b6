"""Run by tests/e2e/respond inside moto's Python environment: random histories are played on EC2 with
boto3 and written down as CloudTrail records; gatetrail must put groups back as they were, refuse what
it must, take up what a crash left, and say when there is nothing to do."""
import http.client
import http.server
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import histories  # noqa: E402

GATETRAIL = os.environ.get("GATETRAIL", "build/gatetrail")
REGION = histories.REGION
RESULTS = []


def check(name, ok, detail=""):
    RESULTS.append(ok)
    print("%sok %d - %s" % ("" if ok else "not ", len(RESULTS), name), flush=True)
    if not ok and detail:
        for line in str(detail)[:3000].splitlines():
            print("# " + line)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes calls on; after the n-th call that changes something it kills the caller."""
    target = None
    victim = None
    countdown = None
    changes = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = body.split(b"Action=")[1].split(b"&")[0].decode() if b"Action=" in body else ""
        connection = http.client.HTTPConnection("127.0.0.1", Proxy.target)
        headers = {k: v for k, v in self.headers.items()}
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if not action.startswith(("Describe", "Get", "List")):
            Proxy.changes.append(action)
            if Proxy.countdown is not None:
                Proxy.countdown -= 1
                if Proxy.countdown == 0 and Proxy.victim:
                    Proxy.countdown = None
                    Proxy.victim.send_signal(signal.SIGKILL)
                    return
        self.send_response(answer.status)
        for k, v in answer.getheaders():
            if k.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class World:
    def __init__(self, venv, folder):
        self.folder = folder
        self.port = free_port()
        env = dict(os.environ, INITIAL_NO_AUTH_ACTION_COUNT="3", AWS_DEFAULT_REGION=REGION,
                   MOTO_ENABLE_ISO_REGIONS="false")
        self.server = subprocess.Popen(
            [os.path.join(venv, "bin/moto_server"), "-H", "127.0.0.1", "-p", str(self.port)],
            env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port)
                c.request("GET", "/moto-api/")
                c.getresponse().read()
                break
            except OSError:
                time.sleep(0.1)
        iam = self.client("iam", "x", "y")
        iam.create_user(UserName="responder")
        key = iam.create_access_key(UserName="responder")["AccessKey"]
        iam.put_user_policy(UserName="responder", PolicyName="all", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*",
                                                     "Resource": "*"}]}))
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.ec2 = self.client("ec2", self.key, self.secret)
        self.iam = self.client("iam", self.key, self.secret)
        self.vpc = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc,
                                             CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
        Proxy.target = self.port
        self.proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.count = 0

    def client(self, service, key, secret):
        return boto3.client(service, endpoint_url="http://127.0.0.1:%d" % self.port,
                            region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
                            config=Config(retries={"max_attempts": 1}))

    def close(self):
        self.proxy.shutdown()
        self.server.terminate()
        self.server.wait()

    def rules(self, group):
        found = self.ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
        return sorted((r["IsEgress"], r["IpProtocol"], r.get("FromPort"), r.get("ToPort"),
                       r.get("CidrIpv4") or "", r.get("CidrIpv6") or "", r.get("Description") or "")
                      for r in found)

    def respond(self, event, path, *args, key=None, secret=None, victim=False):
        url = "http://127.0.0.1:%d" % self.proxy.server_address[1]
        env = dict(os.environ, AWS_ACCESS_KEY_ID=key or self.key,
                   AWS_SECRET_ACCESS_KEY=secret or self.secret,
                   AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
            env.pop(name, None)
        command = [GATETRAIL, "respond", "-f", "json", "--endpoint-url", url, "--state",
                   os.path.join(self.folder, "state.db"), *args, event, path]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        if victim:
            Proxy.victim = process
        out, err = process.communicate()
        Proxy.victim = None
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        done.doc = json.loads(out) if out.strip() else None
        done.outcome = done.doc["result"]["outcome"] if done.doc and "result" in done.doc else None
        return done


class Story:
    """A group on EC2 and its CloudTrail."""

    def __init__(self, world, seed, who=None):
        self.world = world
        self.random = random.Random(seed)
        self.h = histories.History("story-%s" % seed)
        self.who = who or histories.user("deploy", "AKIADEPLOY000000001")
        self.minute = 0
        world.count += 1
        self.name = "group-%d" % world.count
        self.group = world.ec2.create_security_group(
            GroupName=self.name, Description="example", VpcId=world.vpc)["GroupId"]
        self.h.add(0, self.who, "ec2", "CreateSecurityGroup",
                   {"groupName": self.name, "groupDescription": "example", "vpcId": world.vpc},
                   {"_return": True, "groupId": self.group})
        self.rules = {}
        self.modified = set()
        self.words = {}
        self.path = os.path.join(world.folder, self.name + ".json")

    def fresh(self):
        """A permission that the group does not have."""
        r = self.random
        while True:
            protocol = r.choice(["tcp", "udp", "icmp", "-1"])
            low = high = -1
            if protocol in ("tcp", "udp"):
                low = r.choice([22, 80, 443, 3306, r.randrange(1024, 60000)])
                high = low + r.choice([0, 0, 10])
            elif protocol == "icmp":
                low, high = r.choice([(-1, -1), (8, 0)])
            cidr = r.choice(["0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24", "198.51.100.%d/32" %
                             r.randrange(256), "2001:db8::/32", "::/0"])
            egress = r.random() < 0.3
            key = (egress, protocol, low, high, cidr)
            default = egress and protocol == "-1" and cidr == "0.0.0.0/0"
            if not default and key not in [tuple(v) for v in self.rules.values()]:
                return key

    @staticmethod
    def permission(key, description=""):
        egress, protocol, low, high, cidr = key
        p = {"IpProtocol": protocol}
        if protocol != "-1":
            p["FromPort"], p["ToPort"] = low, high
        peer = {"CidrIpv6" if ":" in cidr else "CidrIp": cidr}
        if description:
            peer["Description"] = description
        p["Ipv6Ranges" if ":" in cidr else "IpRanges"] = [peer]
        return p

    @staticmethod
    def record_permission(key, description=""):
        egress, protocol, low, high, cidr = key
        p = histories.permission(protocol, low, high, () if ":" in cidr else (cidr,),
                                 (cidr,) if ":" in cidr else ())
        if protocol == "-1":
            del p["fromPort"], p["toPort"]
        if description:
            for ranges in ("ipRanges", "ipv6Ranges"):
                for item in p[ranges].get("items", []):
                    item["description"] = description
        return p

    def authorize(self, key=None, description=""):
        key = key or self.fresh()
        egress, protocol, low, high, cidr = key
        call = getattr(self.world.ec2, "authorize_security_group_%s" % (
            "egress" if egress else "ingress"))
        rule = call(GroupId=self.group, IpPermissions=[self.permission(key, description)])[
            "SecurityGroupRules"][0]["SecurityGroupRuleId"]
        row = {"groupId": self.group, "groupOwnerId": histories.ACCOUNT, "securityGroupRuleId": rule,
               "isEgress": egress, "ipProtocol": protocol, "fromPort": low, "toPort": high,
               "cidrIpv6" if ":" in cidr else "cidrIpv4": cidr}
        if description:
            row["description"] = description
        self.rules[rule] = key
        self.words[rule] = description
        return self.note("AuthorizeSecurityGroup" + ("Egress" if egress else "Ingress"),
                         {"groupId": self.group, "ipPermissions": {"items": [
                             self.record_permission(key, description)]}},
                         {"_return": True, "securityGroupRuleSet": {"items": [row]}})

    def revoke(self):
        rule = self.random.choice(sorted(self.rules))
        key = self.rules.pop(rule)
        call = getattr(self.world.ec2, "revoke_security_group_%s" % (
            "egress" if key[0] else "ingress"))
        # Moto does not find rules again by content once they were modified.
        if rule in self.modified or self.random.random() < 0.5:
            call(GroupId=self.group, SecurityGroupRuleIds=[rule])
            request = {"groupId": self.group,
                       "securityGroupRuleIds": {"items": [{"securityGroupRuleId": rule}]}}
        else:
            call(GroupId=self.group, IpPermissions=[self.permission(key)])
            request = {"groupId": self.group,
                       "ipPermissions": {"items": [self.record_permission(key)]}}
        return self.note("RevokeSecurityGroup" + ("Egress" if key[0] else "Ingress"), request,
                         {"_return": True})

    def modify(self):
        rule = self.random.choice(sorted(self.rules))
        old = self.rules[rule]
        while True:
            new = self.fresh()
            if (":" in new[4]) == (":" in old[4]):
                break
        # Moto keeps the IPv6 range of a rule, whatever it is told.
        new = (old[0],) + (new[1:] if ":" not in new[4] else new[1:4] + (old[4],))
        if new in [tuple(v) for v in self.rules.values()]:
            return self.authorize()
        v6 = ":" in new[4]
        content = {"IpProtocol": new[1], "FromPort": new[2], "ToPort": new[3],
                   "CidrIpv6" if v6 else "CidrIpv4": new[4]}
        # AWS replaces the whole rule, moto keeps a description that is not given: always give it.
        if self.words.get(rule):
            content["Description"] = self.words[rule]
        self.world.ec2.modify_security_group_rules(GroupId=self.group, SecurityGroupRules=[
            {"SecurityGroupRuleId": rule, "SecurityGroupRule": content}])
        self.rules[rule] = new
        self.modified.add(rule)
        return self.note("ModifySecurityGroupRules", {"ModifySecurityGroupRulesRequest": {
            "GroupId": self.group, "SecurityGroupRule": {
                "SecurityGroupRuleId": rule, "tag": 1, "SecurityGroupRule": content}}},
            {"ModifySecurityGroupRulesResponse": {"return": True}})

    def note(self, name, request, response):
        self.minute += 1
        return self.h.add(self.minute, self.who, "ec2", name, request, response)["eventID"]

    def step(self):
        words = self.random.choice(["", "", "office: 1st floor", "ö & <b> 'x' + 100%"])
        return self.random.choice([lambda: self.authorize(description=words)] * 2 + [
            self.revoke, self.modify] if self.rules else [self.authorize])()

    def write(self):
        histories.write(self.h.records, self.path)
        return self.path


def test_random(world, seeds):
    wrong = []
    for seed in seeds:
        story = Story(world, seed)
        for _ in range(story.random.randrange(1, 8)):
            story.step()
        before = world.rules(story.group)
        event = story.step()
        path = story.write()
        changes = len(Proxy.changes)
        plan = world.respond(event, path)
        dry = world.respond(event, path, "--check", "--force", "test")
        if len(Proxy.changes) != changes:
            wrong.append((seed, "a plan changed something"))
        done = world.respond(event, path, "--apply", "--force", "test")
        if plan.returncode or dry.outcome != "ready" or done.outcome != "applied" or \
                not done.doc["result"]["verified"] or world.rules(story.group) != before:
            wrong.append((seed, plan.returncode, dry.outcome, done.outcome, done.stderr, done.stdout,
                          before, world.rules(story.group)))
            continue
        again = world.respond(event, path, "--apply")
        if again.outcome != "already" or again.returncode or world.rules(story.group) != before:
            wrong.append((seed, "again", again.outcome, again.stdout))
    check("random histories: %d groups are as they were, and stay so" % len(seeds), not wrong,
          wrong[:2])


def test_refusals(world):
    s = Story(world, "moved")
    event = s.authorize((False, "tcp", 22, 22, "203.0.113.0/24"))
    rule = next(iter(s.rules))
    s.write()
    world.ec2.modify_security_group_rules(GroupId=s.group, SecurityGroupRules=[
        {"SecurityGroupRuleId": rule, "SecurityGroupRule": {
            "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "203.0.113.0/24"}}])
    state = world.rules(s.group)
    done = world.respond(event, s.path, "--apply")
    check("refused: the rule has moved on", done.outcome == "refused" and done.returncode == 1 and
          world.rules(s.group) == state and
          [r["code"] for r in done.doc["result"]["refusals"]] == ["moved_on"], done.stdout)

    s = Story(world, "again")
    key = (False, "tcp", 22, 22, "203.0.113.0/24")
    event = s.authorize(key)
    s.write()
    world.ec2.revoke_security_group_ingress(GroupId=s.group, IpPermissions=[s.permission(key)])
    world.ec2.authorize_security_group_ingress(GroupId=s.group, IpPermissions=[s.permission(key)])
    done = world.respond(event, s.path, "--apply")
    check("refused: authorised again under another id", done.outcome == "refused", done.stdout)
    done = world.respond(event, s.path, "--apply", "--force", "the second one is wrong too")
    check("forced: with a reason, which is written down", done.outcome == "applied" and
          done.doc["result"]["forced"] == "the second one is wrong too", done.stdout)

    s = Story(world, "fix")
    s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    event = s.revoke()
    done = world.respond(event, s.write(), "--apply")
    check("refused: it may be the fix", done.outcome == "refused" and "may_be_the_fix" in [
        r["code"] for r in done.doc["result"]["refusals"]], done.stdout)

    s = Story(world, "alarm")
    event = s.authorize((False, "tcp", 25, 25, "203.0.113.0/24"))
    done = world.respond(event, s.write(), "--apply", "--alarm", "2025-03-03T08:00:00Z")
    check("refused: after the alarm", done.outcome == "refused", done.stdout)

    s = Story(world, "terraform", histories.role(
        "terraform", "apply", "ASIATERRAFORM000001",
        agent="APN/1.0 HashiCorp/1.0 Terraform/1.9.5 terraform-provider-aws/5.60"))
    event = s.authorize((False, "tcp", 25, 25, "203.0.113.0/24"))
    done = world.respond(event, s.write(), "--apply")
    check("refused: infrastructure as code would undo it", done.outcome == "refused" and
          "infrastructure_as_code" in [r["code"] for r in done.doc["result"]["refusals"]], done.stdout)

    s = Story(world, "own", histories.user("responder", world.key))
    event = s.authorize((False, "tcp", 25, 25, "203.0.113.0/24"))
    done = world.respond(event, s.write(), "--apply")
    check("refused: its own change", done.outcome == "refused" and "own_change" in [
        r["code"] for r in done.doc["result"]["refusals"]], done.stdout)

    s = Story(world, "account")
    event = s.authorize((False, "tcp", 25, 25, "203.0.113.0/24"))
    for r in s.h.records:
        r["recipientAccountId"] = "111122223333"
    done = world.respond(event, s.write(), "--apply", "--force", "test")
    check("refused: another account, force or not", done.outcome == "refused" and "other_account" in [
        r["code"] for r in done.doc["result"]["refusals"]], done.stdout)
    done = world.respond(event, s.path, "--apply", secret="wrong")
    check("failed: a wrong key is told in AWS's words", done.outcome == "failed" and
          "SignatureDoesNotMatch" in done.stdout and "wrong" not in done.stdout + done.stderr,
          done.stdout)


def test_description(world):
    s = Story(world, "description")
    key = (False, "tcp", 443, 443, "203.0.113.0/24")
    s.authorize(key, "office")
    before = world.rules(s.group)
    permission = s.permission(key, "changed")
    world.ec2.update_security_group_rule_descriptions_ingress(GroupId=s.group,
                                                              IpPermissions=[permission])
    event = s.note("UpdateSecurityGroupRuleDescriptionsIngress",
                   {"groupId": s.group, "ipPermissions": {"items": [
                       s.record_permission(key, "changed")]}}, {"_return": True})
    done = world.respond(event, s.write(), "--apply")
    check("description: the old words are back", done.outcome == "applied" and
          world.rules(s.group) == before, (done.stdout, world.rules(s.group)))


def test_crash(world):
    wrong = []
    for after in (1, 2, 3):
        s = Story(world, "crash-%d" % after)
        s.authorize((False, "tcp", 22, 22, "10.0.0.0/8"))
        before = world.rules(s.group)
        # One call that adds four rules: four calls to revert... made of one record.
        rows, items = [], []
        for port in (1001, 1002, 1003, 1004):
            key = (False, "tcp", port, port, "203.0.113.0/24")
            s.authorize(key)
            items += s.h.records[-1]["requestParameters"]["ipPermissions"]["items"]
            rows += s.h.records.pop()["responseElements"]["securityGroupRuleSet"]["items"]
        event = s.note("AuthorizeSecurityGroupIngress",
                       {"groupId": s.group, "ipPermissions": {"items": items}},
                       {"_return": True, "securityGroupRuleSet": {"items": rows}})
        s.write()
        Proxy.countdown = after
        killed = world.respond(event, s.path, "--apply", victim=True)
        Proxy.countdown = None
        half = world.rules(s.group)
        done = world.respond(event, s.path, "--apply")
        if killed.returncode != -signal.SIGKILL or half == before or done.outcome != "applied" or \
                not done.doc["result"]["resumed"] or world.rules(s.group) != before:
            wrong.append((after, killed.returncode, done.outcome, done.stdout))
    check("a crash after one, two or three calls is taken up", not wrong, wrong)


def test_narrow(world):
    s = Story(world, "narrow")
    event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"), "ssh")
    before = [r for r in world.rules(s.group) if r[4] != "0.0.0.0/0" or r[0]]
    done = world.respond(event, s.write(), "--plan", "narrow", "--cidr", "203.0.113.0/24", "--cidr",
                         "198.51.100.7/32", "--apply")
    want = sorted(before + [(False, "tcp", 22, 22, "203.0.113.0/24", "", "ssh"),
                            (False, "tcp", 22, 22, "198.51.100.7/32", "", "ssh")])
    check("narrow: only the given ranges, described as before", done.outcome == "applied" and
          world.rules(s.group) == want, (done.stdout, world.rules(s.group)))
    done = world.respond(event, s.path, "--plan", "narrow", "--cidr", "203.0.113.0/24", "--cidr",
                         "198.51.100.7/32", "--apply")
    check("narrow: a second run has nothing to do", done.outcome == "already", done.stdout)


def test_restrict(world):
    world.iam.create_role(RoleName="network", AssumeRolePolicyDocument="{}")
    s = Story(world, "restrict", histories.role("network", "someone", "ASIANETWORK00000001"))
    event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    s.write()
    done = world.respond(event, s.path, "--plan", "restrict", "--apply")
    names = world.iam.list_role_policies(RoleName="network")["PolicyNames"]
    check("restrict: the role has the deny policy", done.outcome == "applied" and len(names) == 1,
          (done.stdout, names))
    document = world.iam.get_role_policy(RoleName="network", PolicyName=names[0])["PolicyDocument"]
    check("restrict: which denies changes of groups", document["Statement"][0]["Effect"] == "Deny" and
          "ec2:AuthorizeSecurityGroupIngress" in document["Statement"][0]["Action"], document)
    again = world.respond(event, s.path, "--plan", "restrict", "--apply")
    check("restrict: a second run has nothing to do", again.outcome == "already", again.stdout)
    done = world.respond(event, s.path, "--plan", "restrict", "--undo", "--apply")
    check("restrict: and back", done.outcome == "applied" and not world.iam.list_role_policies(
        RoleName="network")["PolicyNames"], done.stdout)
    s = Story(world, "restrict-own", histories.user("responder", world.key))
    event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    done = world.respond(event, s.write(), "--plan", "restrict", "--apply", "--force", "test")
    check("restrict: never locks itself out", done.outcome == "refused", done.stdout)


def test_quarantine(world):
    s = Story(world, "quarantine")
    event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    s.write()
    other = world.ec2.create_security_group(GroupName="other", Description="x",
                                            VpcId=world.vpc)["GroupId"]
    enis = [world.ec2.create_network_interface(SubnetId=world.subnet, Groups=groups)[
        "NetworkInterface"]["NetworkInterfaceId"] for groups in ([s.group, other], [s.group])]

    def groups():
        found = world.ec2.describe_network_interfaces(NetworkInterfaceIds=enis)["NetworkInterfaces"]
        return {e["NetworkInterfaceId"]: sorted(g["GroupId"] for g in e["Groups"]) for e in found}

    before = groups()
    done = world.respond(event, s.path, "--plan", "quarantine", "--apply")
    isolated = {g for v in groups().values() for g in v}
    check("quarantine: every interface has the isolation group alone", done.outcome == "applied" and
          len(isolated) == 1 and s.group not in isolated, (done.stdout, groups()))
    check("quarantine: which has no rules", not world.rules(next(iter(isolated))))
    again = world.respond(event, s.path, "--plan", "quarantine", "--apply")
    check("quarantine: a second run has nothing to do", again.outcome == "already", again.stdout)
    done = world.respond(event, s.path, "--plan", "quarantine", "--undo", "--apply")
    check("quarantine: and back", done.outcome == "applied" and groups() == before,
          (done.stdout, groups(), before))
    again = world.respond(event, s.path, "--plan", "quarantine", "--undo", "--apply")
    check("quarantine: taken back once", again.outcome == "already", again.stdout)


def test_audit(world):
    s = Story(world, "audit")
    event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    s.write()
    world.iam.create_role(RoleName="everything", AssumeRolePolicyDocument="{}")
    world.iam.put_role_policy(RoleName="everything", PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*",
                                                "Resource": "*"}}))
    url = "http://127.0.0.1:%d" % world.proxy.server_address[1]
    env = dict(os.environ, AWS_ACCESS_KEY_ID=world.key, AWS_SECRET_ACCESS_KEY=world.secret)
    changes = len(Proxy.changes)
    done = subprocess.run([GATETRAIL, "respond", "--plan", "audit", "--check", "-f", "json",
                           "--region", REGION, "--endpoint-url", url], env=env, capture_output=True,
                          text=True)
    doc = json.loads(done.stdout or "{}")
    mine = [g for g in doc.get("groups", []) if g["group_id"] == s.group]
    check("audit: open groups of the live account", len(mine) == 1 and
          "tcp/22" in mine[0]["open"][0]["words"], done.stdout + done.stderr)
    roles = {i["arn"].split("/")[-1]: i for i in doc.get("identities", [])}
    check("audit: who may change groups", roles.get("everything", {}).get("unlimited") == 9 and
          "responder" in roles and "network" not in roles, doc.get("identities"))
    check("audit: changes nothing", len(Proxy.changes) == changes)
    done = subprocess.run([GATETRAIL, "respond", "--plan", "audit", "-f", "json", s.path],
                          capture_output=True, text=True)
    doc = json.loads(done.stdout)
    check("audit: from the logs, with who opened it", doc["groups"][0]["group_id"] == s.group and
          doc["groups"][0]["open"][0]["event_id"] == event, done.stdout)
    story = Story(world, "live", histories.role("everything", "x", "ASIAEVERYTHING00001"))
    event = story.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    done = subprocess.run([GATETRAIL, "investigate", "-f", "json", "--live", "--endpoint-url", url,
                           event, story.write()], env=dict(env, AWS_REGION=REGION),
                          capture_output=True, text=True)
    facts = [f for p in json.loads(done.stdout or '{"steps": []}')["steps"] for f in p["facts"]
             if f["fact"] == "permissions"]
    check("audit: investigate --live reviews the actor's permissions", facts and
          "do not limit 9" in facts[0]["text"], (facts, done.stderr))


def test_audit_in_watch(world):
    """[audit]: at the start, not again after a restart, and tried again when AWS refuses."""
    s = Story(world, "audit in watch")
    s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
    folder = os.path.join(world.folder, "watch")
    os.makedirs(os.path.join(folder, "logs"))
    config, path = os.path.join(folder, "gatetrail.toml"), os.path.join(folder, "audit.json")
    with open(config, "w", encoding="utf-8") as f:
        f.write('[store]\npath = "gatetrail.db"\n[audit]\nevery = "1d"\n[aws]\nregion = "%s"\n'
                'endpoint_url = "http://127.0.0.1:%d"\n[[source]]\ntype = "folder"\npath = "logs"\n'
                % (REGION, world.proxy.server_address[1]))

    def watch(secret):
        env = dict(os.environ, AWS_ACCESS_KEY_ID=world.key, AWS_SECRET_ACCESS_KEY=secret)
        done = subprocess.run([GATETRAIL, "watch", "--once", "-c", config], env=env, timeout=120,
                              capture_output=True, text=True)
        return done, [line for line in map(json.loads, done.stderr.splitlines())
                      if line["message"].startswith("audit")]

    done, lines = watch("wrong")
    check("audit in watch: refused, logged, and the engine goes on", done.returncode == 0 and
          [line["message"] for line in lines] == ["audit fails; it will be tried again"] and
          "SignatureDoesNotMatch" in lines[0]["reason"] and not os.path.exists(path), done.stderr)
    done, lines = watch(world.secret)
    with open(path, encoding="utf-8") as f:
        doc = json.load(f)
    check("audit in watch: the whole result in the file, counts in the log",
          any(g["group_id"] == s.group for g in doc["groups"]) and len(lines) == 1 and
          lines[0]["open_groups"] == len(doc["groups"]) and
          lines[0]["identities"] == len(doc["identities"]) > 0 and doc["time"], done.stderr)
    before = os.stat(path).st_mtime_ns
    done, lines = watch(world.secret)
    check("audit in watch: a restart repeats none", done.returncode == 0 and not lines and
          os.stat(path).st_mtime_ns == before, done.stderr)


def test_credentials(world):
    """Through a profile, and through an assumed role with external id and MFA."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
    role = world.iam.create_role(RoleName="responder-role", AssumeRolePolicyDocument=trust)["Role"]
    world.iam.put_role_policy(RoleName="responder-role", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*",
                                                 "Resource": "*"}]}))
    config = os.path.join(world.folder, "aws-credentials")
    with open(config, "w", encoding="utf-8") as f:
        f.write("[answer]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (
            world.key, world.secret))
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env.update(AWS_SHARED_CREDENTIALS_FILE=config, AWS_CONFIG_FILE="/nonexistent")
    url = "http://127.0.0.1:%d" % world.proxy.server_address[1]
    for name, more in (("a profile", []), ("a role", [
            "--role-arn", role["Arn"], "--external-id", "example", "--mfa-serial",
            "arn:aws:iam::123456789012:mfa/responder", "--mfa-token", "123456"])):
        s = Story(world, "credentials " + name)
        before = world.rules(s.group)
        event = s.authorize((False, "tcp", 22, 22, "0.0.0.0/0"))
        done = subprocess.run(
            [GATETRAIL, "respond", "-f", "json", "--apply", "--profile", "answer", "--endpoint-url",
             url, "--state", os.path.join(world.folder, "state.db"), *more, event, s.write()],
            env=env, capture_output=True, text=True)
        result = json.loads(done.stdout or "{}").get("result", {})
        check("credentials: %s" % name, result.get("outcome") == "applied" and
              world.rules(s.group) == before and
              ("responder-role" in result.get("caller", "")) == bool(more),
              (done.stdout, done.stderr))


def test_journal(world):
    import sqlite3
    db = sqlite3.connect(os.path.join(world.folder, "state.db"))
    rows = db.execute("SELECT outcome, count(*) FROM responses GROUP BY outcome").fetchall()
    words = {w for (w,) in db.execute("SELECT DISTINCT word FROM response_log")}
    check("journal: what was done is written down", dict(rows).get("applied", 0) > 10 and
          {"before", "call", "called", "after", "remember"} <= words, (rows, words))
    text = "".join(t for (t,) in db.execute("SELECT detail FROM response_log"))
    check("journal: no secrets", world.secret not in text)


def main():
    with tempfile.TemporaryDirectory() as folder:
        world = World(sys.argv[1], folder)
        try:
            test_random(world, range(int(os.environ.get("GT_STORIES", "25"))))
            test_refusals(world)
            test_description(world)
            test_crash(world)
            test_narrow(world)
            test_restrict(world)
            test_quarantine(world)
            test_audit(world)
            test_audit_in_watch(world)
            test_credentials(world)
            test_journal(world)
        finally:
            world.close()
    print("1..%d" % len(RESULTS))


main()
