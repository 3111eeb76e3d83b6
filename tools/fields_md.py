#!/usr/bin/env python3
"""Writes docs/reference/fields.md from src/schema/fields.def.

usage: tools/fields_md.py [--check]   --check prints nothing and ends with 1 when the page is old
"""
import ast
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "src/schema/fields.def")
PAGE = os.path.join(ROOT, "docs/reference/fields.md")
HEAD = """# Fields

Every field that rules, queries and exceptions can name, with its Elasticsearch type. This page is
made from `src/schema/fields.def` by `make docs`.

- A field below a `flattened` one is a keyword, whatever its JSON type was: `22` and `true` are
  compared as the texts `"22"` and `"true"`, and lists drop out of the path
  (`aws.cloudtrail.flattened.request_parameters.ipPermissions.items.fromPort`).
- *Limit*: keyword values of more UTF-16 units are in the document but not in the index: they match
  nothing.
- A field that is not listed takes its type from the JSON value.
- Ranges (`long_range`, `ip_range`) match when the number or address lies inside.
"""
GROUPS = (
    ("Elastic Common Schema", lambda n: not n.startswith(("aws.", "gatetrail.", "kibana."))),
    ("AWS CloudTrail", lambda n: n.startswith("aws.")),
    ("Security groups and actors (gatetrail's own)", lambda n: n.startswith("gatetrail.")),
    ("Alerts", lambda n: n.startswith("kibana.")),
)
ROW = re.compile(r'GT_FIELD\(\s*("(?:[^"\\]|\\.)*"),\s*(\w+),\s*(\d+),\s*("(?:[^"\\]|\\.)*")\)')


def page():
    with open(TABLE) as f:
        rows = [(ast.literal_eval(n), t.lower(), int(limit), ast.literal_eval(d))
                for n, t, limit, d in ROW.findall(f.read())]
    text = HEAD
    for title, belongs in GROUPS:
        text += f"\n## {title}\n\n| field | type | limit | what it is |\n|---|---|---|---|\n"
        for name, kind, limit, description in rows:
            if belongs(name):
                described = description.replace("|", "\\|")
                text += f"| `{name}` | {kind} | {limit or ''} | {described} |\n"
    return text


def main():
    new = page()
    if "--check" in sys.argv[1:]:
        try:
            with open(PAGE) as f:
                return f.read() != new
        except OSError:
            return 1
    os.makedirs(os.path.dirname(PAGE), exist_ok=True)
    with open(PAGE, "w") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
