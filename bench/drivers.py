"""Compares the alerts of agents with different drivers for the same commands, record by record.

    script/bench drivers ONE.json OTHER.json…         # the first one with each of the others

The files are what the tests of the public stable rules leave in the folder that FALCOHOST_RESULTS names, also in guests
(`script/kernels --results FOLDER --tests plugins/syscall/tests/test_public_rules.py`): the alerts of each command, with
all fields that need no argument. An alert is found again by its command and its rule, and by its place among such.
Of fields that are of one run only (times, numbers, sizes) it is compared whether they have a value; folders and numbers
in texts have the same names on both sides. Printed are alerts that one side lacks, and for each field the number of
alerts in which it differs, with examples.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

#: By command, its alerts.
Told = Mapping[str, Sequence[Mapping[str, Any]]]

#: Fields whose values are of one run only, by parts of their names.
_OF_A_RUN: Final = re.compile(
    r"time|duration|latency|_ino|\bevt\.(num|cpu|count)|hostname|\.(dev|ino|p?v?a?p?pid|v?tid|v?pgid|sid|tty)\b|start_ts"
    r"|thread\.(?!c)|vm(size|rss|swap)|pf(major|minor)|fdusage|nthreads|nchilds|fdopencount|ident|[clrs]port"
)
#: Parts of texts that are of one run only, and their names here.
_PARTS: Final = (
    (re.compile(r"-m pytest .*"), "TESTS"),
    (re.compile(r" ?FALCOHOST_\w+=\S*"), ""),
    (re.compile(r"/(tmp|dev/shm)/falcohost-\w+/[0-9a-f]+/n\d+"), r"/\1/FOLDER"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "CONTAINER"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "CONTAINER"),
    (re.compile(r"falcohost-[0-9a-f]+\.slice"), "SLICE"),
    (re.compile(r"/tmp/[\w/.-]*(pytest|/t)[\w/.-]*"), "BASE"),
    (re.compile(r"\b(0x)?[0-9a-f]{3,}\b|\b\d{2,}\b"), "N"),
)


def plain(name: str, value: Any) -> Any:
    """Return a field's *value* as it is compared."""
    if _OF_A_RUN.search(name):
        return value is not None
    if isinstance(value, list):
        return sorted(map(str, value))
    if not isinstance(value, str):
        return value
    for part, stands in _PARTS:
        value = part.sub(stands, value)
    return value


def by_rule(told: Told) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the fields of the alerts of each command and rule, as they are compared, in their order."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for command, alerts in told.items():
        for alert in alerts:
            fields = {name: plain(name, value) for name, value in alert["output_fields"].items()}
            fields["priority"] = alert["priority"]
            found[command, alert["rule"]].append(fields)
    return found


def compare(one: Told, other: Told, examples: int) -> dict[str, Any]:
    """Print how the alerts differ; return the numbers."""
    mine, theirs = by_rule(one), by_rule(other)
    pairs = 0
    lacking: Counter[str] = Counter()
    unlike: dict[str, list[tuple[str, Any, Any]]] = defaultdict(list)
    for key in sorted(mine.keys() | theirs.keys()):
        here, there = mine.get(key, []), theirs.get(key, [])
        command, rule = key
        if len(here) != len(there):
            lacking[f"{rule} ({command}): {len(here)} and {len(there)}"] += abs(len(here) - len(there))
        for first, second in zip(here, there, strict=False):
            pairs += 1
            for name in sorted(first.keys() | second.keys()):
                if first.get(name) != second.get(name):
                    unlike[name].append((command, first.get(name), second.get(name)))
    print(f"alerts: {sum(map(len, mine.values()))} and {sum(map(len, theirs.values()))}, {pairs} compared")
    for text in lacking:
        print(f"  {text}")
    for name, values in sorted(unlike.items(), key=lambda found: -len(found[1])):
        print(f"  {name}: {len(values)}")
        shown = dict.fromkeys(f"{json.dumps(first)} / {json.dumps(second)}" for _, first, second in values)
        for example in [*shown][:examples]:
            print(f"      {example}")
    return {
        "compared": pairs,
        "lacking": lacking.total(),
        "fields": {name: len(found) for name, found in unlike.items()},
    }


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--examples", type=int, default=2, help="examples shown of each field")
    given = parser.parse_args()
    first, *others = given.files
    figures = {}
    for other in others:
        print(f"{first.name}, {other.name}:")
        figures[other.name] = compare(json.loads(first.read_text()), json.loads(other.read_text()), given.examples)
    print(json.dumps({"bench": "drivers", **figures}))


if __name__ == "__main__":
    main()
