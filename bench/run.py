#!/usr/bin/env python3
"""The table of docs/benchmarks.md: ours and the peers on the same question, in one run.

usage: bench/run.py [--events N] [--seed S] [--rounds R] [--threads T] [--no-peers] [--cold]
Makes a corpus below build/bench (with the shared data's gen_corpus.py), runs everything alternately
and prints medians, ratios to inflating the same files alone with the same threads, and peak memory.
A peer that is not installed is left out by name. --cold drops the page cache (root only)."""
import argparse
import glob
import gzip
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
SHARED = os.environ.get("GT_SHARED", os.path.join(ROOT, "..", "shared"))
BENCH = os.path.join(BUILD, "bench")
GATETRAIL = os.path.join(BUILD, "gatetrail")
SELECTIVE = ('event.provider: "ec2.amazonaws.com" and event.action: "AuthorizeSecurityGroupIngress" '
             'and event.outcome: success')


def make_corpus(events, seed):
    out = os.path.join(BENCH, f"corpus-{events}-{seed}")
    if not os.path.isdir(out):
        generator = os.path.join(SHARED, "tools", "gen_corpus.py")
        if not os.path.exists(generator):
            sys.exit(f"bench: {generator} is absent: the corpus is made from the shared data")
        subprocess.run([sys.executable, generator, "--out", out, "--events", str(events), "--seed",
                        str(seed), "--templates", os.path.join(SHARED, "cloudtrail", "invictus"),
                        os.path.join(SHARED, "cloudtrail", "sans")], check=True,
                       stdout=subprocess.DEVNULL)
    plain = out + "-plain"
    if not os.path.isdir(plain):
        for path in glob.glob(out + "/**/*.gz", recursive=True):
            to = os.path.join(plain, os.path.relpath(path, out))[:-3]
            os.makedirs(os.path.dirname(to), exist_ok=True)
            with gzip.open(path) as src, open(to, "wb") as dst:
                shutil.copyfileobj(src, dst)
    return out, plain


def ten_times_the_rules(source):
    """The same rules under ten ids each."""
    out = os.path.join(BENCH, "rules-x10")
    if not os.path.isdir(out):
        os.makedirs(out)
        for path in glob.glob(source + "/*.toml"):
            text = open(path, encoding="utf-8").read()
            for i in range(10):
                fresh = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path}/{i}"))
                copy = re.sub(r'(?m)^rule_id = "[^"]*"', f'rule_id = "{fresh}"', text)
                name = os.path.basename(path)[:-5]
                with open(os.path.join(out, f"{name}-{i}.toml"), "w", encoding="utf-8") as f:
                    f.write(copy)
    return out


def run(command):
    """Wall seconds, processor seconds, peak resident MiB of one run; None when it failed."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with child.stderr:
        text = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        print(f"bench: {command[0]}: exit {child.returncode}: {text[-300:]!r}", file=sys.stderr)
        return None
    return (time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Case:
    def __init__(self, name, command, base=None, target=None, before=None):
        self.name, self.command, self.base, self.target = name, command, base, target
        self.before, self.runs = before, []

    def median(self, column=0):
        return statistics.median(r[column] for r in self.runs) if self.runs else None


def our_cases(corpus, plain, threads):
    t = ["--threads", str(threads)]
    rules = os.path.join(SHARED, "rules", "elastic-aws")
    many = ["scan", *t, "--no-builtin", "--format", "ndjson"]
    db = os.path.join(BENCH, "events.db")
    inflate = os.path.join(BENCH, "inflate")

    def no_db():
        for path in glob.glob(db + "*"):
            os.remove(path)

    yield Case("inflate alone", [inflate, "-t", str(threads), corpus])
    yield Case("inflate alone, 1 thread", [inflate, "-t", "1", corpus])
    yield Case("reading path, no stage", [os.path.join(BENCH, "read"), "-t", str(threads), corpus],
               "inflate alone")
    one = ["scan", "--rule", "aws_ec2_security_group_configuration_change", "--format", "ndjson"]
    yield Case("scan: one rule", [GATETRAIL, *one, *t, corpus], "inflate alone", 1.25)
    yield Case("scan: one rule, 1 thread", [GATETRAIL, *one, "--threads", "1", corpus],
               "inflate alone, 1 thread", 1.25)
    yield Case("scan: the built-in rules", [GATETRAIL, "scan", *t, "--format", "ndjson", corpus],
               "inflate alone")
    yield Case("scan: all Elastic's AWS query rules", [GATETRAIL, *many, "--rules", rules, corpus],
               "inflate alone", 1.5)
    yield Case("scan: ten times the rules",
               [GATETRAIL, *many, "--rules", ten_times_the_rules(rules), corpus],
               "scan: all Elastic's AWS query rules", 1.3)
    yield Case("query --count", [GATETRAIL, "query", *t, "--count", SELECTIVE, corpus],
               "inflate alone", 1.25)
    yield Case("map everything", [GATETRAIL, "map", *t, corpus], "inflate alone", 4)
    yield Case("sg list of everything", [GATETRAIL, "sg", "list", *t, corpus], "inflate alone", 1.25)
    simdjson = os.path.join(BENCH, "simdjson_fields")
    if os.path.exists(simdjson):
        yield Case("plain files: libsimdjson on demand, 1 thread", [simdjson, plain])
    yield Case("plain files: query --count, 1 thread",
               [GATETRAIL, "query", "--threads", "1", "--count", SELECTIVE, plain],
               "plain files: libsimdjson on demand, 1 thread", 1 / 1.3)
    yield Case("scan --db, filling", [GATETRAIL, *one, *t, "--db", db, corpus],
               "scan: one rule", 2, before=no_db)
    yield Case("query --db, second question", [GATETRAIL, "query", "--db", db, "--count", SELECTIVE],
               "scan --db, filling", 1 / 50)


def peer_cases(corpus):
    venv = os.path.join(BENCH, "venv", "bin", "python")
    for name in ("chdb", "duckdb", "polars"):
        if os.path.exists(venv) and subprocess.run([venv, "-c", f"import {name}"],
                                                   stderr=subprocess.DEVNULL).returncode == 0:
            yield Case(name, [venv, os.path.join(ROOT, "bench/peers", f"{name}_one_rule.py"), corpus],
                       "scan: one rule")
        else:
            print(f"bench: {name} is not in {venv}: left out", file=sys.stderr)
    for name in ("rg", "jq"):
        if shutil.which(name):
            yield Case(name, ["sh", os.path.join(ROOT, "bench/peers", f"{name}_one_rule.sh"), corpus],
                       "scan: one rule")
        else:
            print(f"bench: {name} is not installed: left out", file=sys.stderr)


def versions():
    venv = os.path.join(BENCH, "venv", "bin", "pip")
    found = []
    if os.path.exists(venv):
        text = subprocess.run([venv, "list", "--format=freeze"], capture_output=True, text=True)
        found += [x for x in text.stdout.split() if x.split("==")[0] in ("chdb", "duckdb", "polars")]
    for command in (["jq", "--version"], ["rg", "--version"]):
        if shutil.which(command[0]):
            text = subprocess.run(command, capture_output=True, text=True).stdout
            found.append(text.split("\n")[0])
    return ", ".join(found)


def machine():
    model = "unknown processor"
    for line in open("/proc/cpuinfo", encoding="ascii", errors="replace"):
        if line.startswith("model name"):
            model = line.split(":")[1].strip()
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}"


def drop_cache():
    subprocess.run(["sync"], check=True)
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def report(cases, peers):
    by_name = {c.name: c for c in cases}
    print(f"{'':48} {'wall s':>8} {'cpu s':>8} {'MiB':>6} {'ratio':>7} {'cpu':>7} {'target':>7}")
    for case in cases:
        if not case.runs:
            continue
        base = by_name.get(case.base)
        ratio = case.median() / base.median() if base and base.runs else None
        cpu = case.median(1) / base.median(1) if base and base.runs else None
        print(f"{case.name:48} {case.median():8.3f} {case.median(1):8.3f} {case.median(2):6.0f} "
              + (f"{ratio:7.3f} {cpu:7.3f}" if ratio else f"{'':15}")
              + (f" {case.target:7.3f}" if case.target else ""))
    ahead = {"chdb": 3, "duckdb": 5, "polars": 7, "rg": 7, "jq": 30}
    for case in peers:
        if case.runs:
            print(f"{case.name:48} {case.median():8.3f} {case.median(1):8.3f} {case.median(2):6.0f} "
                  f"{case.median() / by_name['scan: one rule'].median():6.1f}x "
                  f"{'':7} {ahead[case.name]:6}x")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cold", action="store_true")
    args = parser.parse_args()
    corpus, plain = make_corpus(args.events, args.seed)
    cases = list(our_cases(corpus, plain, args.threads))
    peers = [] if args.no_peers else list(peer_cases(corpus))
    if args.cold:
        keep = ("inflate alone", "scan: one rule")
        cases = [Case("reading alone (cat)", ["sh", "-c", f"find {corpus} -name '*.gz' -print0 | "
                                              "sort -z | xargs -0 cat >/dev/null"])] + [
            c for c in cases if c.name in keep]
        peers = []
    for _ in range(args.rounds):
        for case in cases + peers:
            if case.before:
                case.before()
            if args.cold:
                drop_cache()
            result = run(case.command)
            if result:
                case.runs.append(result)
    print(f"{machine()}; {time.strftime('%Y-%m-%d')}; {args.events} events, seed {args.seed}, "
          f"{args.threads} threads, medians of {args.rounds}" + (", cold cache" if args.cold else ""))
    print(f"peers: {versions()}")
    report(cases, peers)


if __name__ == "__main__":
    main()
