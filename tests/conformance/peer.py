"""A second evaluator of KQL query rules over CloudTrail, for tests: it shares no code with gatetrail.

It reads rule files with the standard library's TOML reader, parses KQL with a parser of its own, maps
just the fields that the rules read, and answers with event ids. Slow and plain on purpose.
"""
import gzip
import ipaddress
import json
import os
import re
import tomllib

EMPTY = (None, "", "-", "none")


# --- Java's Map.toString: what the integration writes into request_parameters and its sisters ------
def java_hash(text):
    h = 0
    raw = text.encode("utf-16-be", "surrogatepass")
    for i in range(0, len(raw), 2):
        h = (31 * h + int.from_bytes(raw[i:i + 2], "big")) & 0xFFFFFFFF
    return h ^ (h >> 16)


class Obj(dict):
    """A parsed object that remembers with how many keys it was parsed."""
    parsed = 0


def make_obj(pairs):
    o = Obj(pairs)
    o.parsed = len(o)
    return o


def hash_order(obj):
    cap = 16
    while obj.parsed > cap * 3 // 4:
        cap *= 2
    return sorted(obj, key=lambda k: java_hash(k) & (cap - 1))  # sorted() is stable


def jstr(v):
    if isinstance(v, dict):
        return "{" + ", ".join(f"{k}={jstr(v[k])}" for k in hash_order(v)) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(jstr(x) for x in v) + "]"
    if v is True or v is False:
        return "true" if v else "false"
    return str(v)


def clean(v):
    if isinstance(v, dict):
        out = Obj()
        out.parsed = v.parsed
        for k, x in v.items():
            x = clean(x)
            if x is not None:
                out[k] = x
        return out or None
    if isinstance(v, list):
        out = [x for x in map(clean, v) if x is not None]
        return out or None
    if v is None or (isinstance(v, str) and v in EMPTY):
        return None
    return v


# --- the mapping, only what KQL query rules read ----------------------------------------------------
def path(o, *keys):
    for k in keys:
        if not isinstance(o, dict):
            return None
        o = o.get(k)
    return o


def put(doc, name, value):
    if value is not None:
        doc.setdefault(name, []).append(value)


def leaves(prefix, v, out):
    if isinstance(v, dict):
        for k, x in v.items():
            leaves(prefix + "." + k, x, out)
    elif isinstance(v, list):
        for x in v:
            leaves(prefix, x, out)
    elif v is not None:
        out.setdefault(prefix, []).append(jstr(v))


def is_ip(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def to_doc(record):
    J = clean(record) or Obj()
    doc = {"event.dataset": ["aws.cloudtrail"], "data_stream.dataset": ["aws.cloudtrail"]}
    ui = path(J, "userIdentity") or {}
    put(doc, "event.provider", J.get("eventSource"))
    put(doc, "event.action", J.get("eventName"))
    put(doc, "event.id", J.get("eventID"))
    failed = "errorCode" in J or "errorMessage" in J
    outcome = "failure" if failed else "success"
    if J.get("eventName") == "ConsoleLogin" and path(J, "responseElements", "ConsoleLogin"):
        outcome = path(J, "responseElements", "ConsoleLogin").lower()
    put(doc, "event.outcome", outcome)
    put(doc, "aws.cloudtrail.error_code", J.get("errorCode"))
    put(doc, "aws.cloudtrail.user_identity.type", path(ui, "type"))
    put(doc, "aws.cloudtrail.user_identity.arn", path(ui, "arn"))
    put(doc, "aws.cloudtrail.user_identity.invoked_by", path(ui, "invokedBy"))
    put(doc, "user_agent.original", J.get("userAgent"))
    put(doc, "source.address", J.get("sourceIPAddress"))
    if isinstance(J.get("sourceIPAddress"), str) and is_ip(J["sourceIPAddress"]):
        put(doc, "source.ip", J["sourceIPAddress"])
    name = path(ui, "userName")
    if path(ui, "type") in ("AssumedRole", "FederatedUser"):
        name = path(ui, "sessionContext", "sessionIssuer", "userName") or name
    put(doc, "user.name", name)
    for key, field in (("requestParameters", "request_parameters"),
                       ("responseElements", "response_elements"),
                       ("additionalEventData", "additional_eventdata")):
        if J.get(key) is None:
            continue
        text = jstr(J[key])
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        if units <= (1024 if field == "additional_eventdata" else 8191):
            put(doc, "aws.cloudtrail." + field, text)
        if units < 32766:
            leaves("aws.cloudtrail.flattened." + field, J[key], doc)
    return doc


# --- KQL ---------------------------------------------------------------------------------------------
TOKEN = re.compile(r'''\s*(?:(?P<quoted>"(?:\\.|[^"\\])*")|(?P<punct>[():])|(?P<word>(?:\\.|[^\s():"<>{}\\])+))''', re.S)


class Parser:
    """KQL as the rules write it: no ranges, nested queries or bare text."""

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                raise ValueError(f"cannot read KQL at {text[at:at + 20]!r}")
            self.tokens.append((m.lastgroup, m.group(m.lastgroup)))
            at = m.end()
        self.at = 0

    def peek(self, n=0):
        return self.tokens[self.at + n] if self.at + n < len(self.tokens) else ("end", "")

    def word(self, w):
        kind, text = self.peek()
        if kind == "word" and text.lower() == w:
            self.at += 1
            return True
        return False

    def need(self, punct):
        if self.peek() != ("punct", punct):
            raise ValueError(f"expected {punct}, found {self.peek()}")
        self.at += 1

    def parse(self):
        node = self.either(self.clause)
        if self.at != len(self.tokens):
            raise ValueError(f"left over: {self.peek()}")
        return node

    def either(self, leaf):
        nodes = [self.both(leaf)]
        while self.word("or"):
            nodes.append(self.both(leaf))
        return ("or", nodes)

    def both(self, leaf):
        nodes = [self.negated(leaf)]
        while self.word("and"):
            nodes.append(self.negated(leaf))
        return ("and", nodes)

    def negated(self, leaf):
        if self.word("not"):
            return ("not", self.negated(leaf))
        if self.peek() == ("punct", "("):
            self.at += 1
            node = self.either(leaf)
            self.need(")")
            return node
        return leaf()

    def clause(self):
        kind, field = self.peek()
        self.at += 1
        if kind not in ("word", "quoted"):
            raise ValueError(f"expected a field, found {field!r}")
        self.need(":")
        field = field.strip('"')
        leaf = lambda: self.value(field)  # noqa: E731
        if self.peek() == ("punct", "("):
            return self.negated(leaf)
        return leaf()

    def value(self, field):
        kind, text = self.peek()
        if kind == "quoted":
            self.at += 1
            body = re.sub(r'\\(["\\])', r"\1", text[1:-1])
            return ("is", field, body, None)
        words = []
        while self.peek()[0] == "word" and (not words or self.peek()[1].lower() not in ("and", "or")):
            words.append(self.peek()[1])
            self.at += 1
        if not words:
            raise ValueError(f"expected a value, found {self.peek()}")
        raw = " ".join(words)
        pattern, plain, wild, i = "", "", False, 0
        while i < len(raw):
            c = raw[i]
            if c == "\\":
                i += 1
                c = {"t": "\t", "r": "\r", "n": "\n"}.get(raw[i], raw[i])
                pattern += re.escape(c)
                plain += c
            elif c == "*":
                pattern += ".*"
                wild = True
            else:
                pattern += re.escape(c)
                plain += c
            i += 1
        return ("is", field, plain, re.compile(pattern, re.S) if wild else None)


def matches(node, doc):
    op = node[0]
    if op == "or":
        return any(matches(n, doc) for n in node[1])
    if op == "and":
        return all(matches(n, doc) for n in node[1])
    if op == "not":
        return not matches(node[1], doc)
    _, field, text, pattern = node
    values = doc.get(field, ())
    if pattern is not None:
        return any(pattern.fullmatch(v) for v in values)
    if field == "source.ip" and "/" in text:
        net = ipaddress.ip_network(text, strict=False)
        return any(ipaddress.ip_address(v) in net for v in values)
    return text in values


# --- rules and records -------------------------------------------------------------------------------
def load_rules(folders):
    """rule_id -> parsed query, for every KQL rule of type query."""
    rules = {}
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".toml"):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                rule = tomllib.load(f)["rule"]
            if rule["type"] == "query" and rule.get("language") == "kuery":
                rules[rule["rule_id"]] = Parser(rule["query"]).parse()
    return rules


def records(folder):
    """Every record of the {"Records": […]} files below folder, second copies included."""
    for base, dirs, names in os.walk(folder):
        dirs.sort()
        for name in sorted(names):
            full = os.path.join(base, name)
            opener = gzip.open if name.endswith(".gz") else open
            if name.endswith((".json", ".json.gz")):
                with opener(full, "rb") as f:
                    data = json.loads(f.read(), object_pairs_hook=make_obj)
                yield from data.get("Records", ())


def expected(rules, folder):
    """rule_id -> set of event ids, and (records, distinct records)."""
    hits = {rule: set() for rule in rules}
    seen, total = set(), 0
    for record in records(folder):
        total += 1
        if record.get("eventID") in seen:
            continue
        seen.add(record.get("eventID"))
        doc = to_doc(record)
        for rule, node in rules.items():
            if matches(node, doc):
                hits[rule].add(record["eventID"])
    return hits, total, len(seen)
