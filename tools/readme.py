#!/usr/bin/env python3
"""Writes the made parts of README.md and docs/ anew: what commands print, the tables of commands and pages.

usage: tools/readme.py [--check] [GATETRAIL]
With --check nothing is written: TAP says whether they are as they should be.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
words = [a for a in sys.argv[1:] if not a.startswith("--")]
GATETRAIL = words[0] if words else os.environ.get("GATETRAIL", "build/gatetrail")


def output(*command):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "MAKEFLAGS")}
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def commands_table():
    rows = []
    for line in output(GATETRAIL, "help", "--markdown").splitlines():
        found = re.match(r"- `(gatetrail [^`]+)`: (.*)", line)
        if found:
            rows.append(f"| `{found.group(1)}` | {found.group(2)} |")
    return "\n| command | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"


def pages():
    """A line for each page of docs/, by its folder and title."""
    lines = []
    for folder, what in (("guide", "Guides"), ("reference", "Reference"), ("design", "Decisions"), (".", "More")):
        names = sorted(n for n in os.listdir(os.path.join("docs", folder)) if n.endswith(".md") and n != "README.md") \
            if os.path.isdir(os.path.join("docs", folder)) else []
        if names:
            lines.append(f"## {what}\n")
        for name in names:
            path = name if folder == "." else f"{folder}/{name}"
            with open(os.path.join("docs", path)) as f:
                title = f.readline().lstrip("# ").strip()
            lines.append(f"- [{title}]({path})")
        if names:
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def part(text, name, made):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, rest = text.split(begin, 1)
    _, tail = rest.split(end, 1)
    return head + begin + made + end + tail


def run_blocks(text):
    """A block between <!-- run --> and <!-- /run --> holds commands ("$ gatetrail …", which may end in
    "| head -N") and what they print as text."""
    def again(found):
        lines = []
        for line in re.findall(r"^\$ .*$", found.group(1), re.M):
            command, _, more = line[2:].partition(" | ")
            shell = re.sub(r"^gatetrail ", f"'{GATETRAIL}' ", command) + " --format text -q"
            shell += f" | {more}" if more else ""
            lines += [line, output("bash", "-c", shell)]
            if "head" in more:
                lines[-1] += "…\n"
        return "<!-- run -->\n```\n" + "".join(x if x.endswith("\n") else x + "\n" for x in lines) + "```\n<!-- /run -->"
    return re.sub(r"<!-- run -->\n(.*?)<!-- /run -->", again, text, flags=re.S)


def main():
    with open("README.md") as f:
        before = f.read()
    with open("docs/README.md") as f:
        index = f.read()
    demo = output("tools/demo.sh", GATETRAIL)
    wanted = {
        "README.md": run_blocks(part(part(before, "demo", "```\n" + demo + "```\n"), "commands", commands_table())),
        "docs/README.md": part(index, "pages", pages()),
        "docs/reference/commands.md": output(GATETRAIL, "help", "--markdown"),
    }
    check = "--check" in sys.argv
    if check:
        print(f"1..{len(wanted)}")
    failed = False
    for n, (path, text) in enumerate(wanted.items(), 1):
        there = open(path).read() if os.path.exists(path) else ""
        if check:
            good = there == text
            failed |= not good
            print(f"{'ok' if good else 'not ok'} {n} - {path} is as 'make docs' writes it")
            if not good:
                import difflib
                for line in list(difflib.unified_diff(there.splitlines(), text.splitlines(), lineterm=""))[:30]:
                    print("#", line)
        elif there != text:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "w") as f:
                f.write(text)
            print("wrote", path)
    return 1 if failed else 0


sys.exit(main())
