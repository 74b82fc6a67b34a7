"""Writes docs/evasion.md from the tables of techniques that the tests hold falcohost to.

Run by script/evasion, after it has run the techniques and found the tables true.
plugins/syscall/tests/test_evasion.py compares, so that the page cannot lag behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "evasion.md"

sys.path.insert(0, str(ROOT / "plugins" / "syscall" / "tester"))

from evasion.technique import MATURITY, Group, Technique  # noqa: E402
from evasion.techniques import GROUPS  # noqa: E402

INTRODUCTION = """# Evasion: what is seen, and what is not

Each technique below is a small program in `plugins/syscall/tester/evasion`. It does something that rules look for, in a
way that they may not see. All are run against falcohost with two sets of rules: Falco's public ones (stable, incubating
and sandbox, unchanged) and those that falcohost ships. The tables say which rules fire, all of them; where ours see the
way to the deed, but not the deed, it says "only the way". `script/evasion` runs the techniques and writes this page;
`plugins/syscall/tests/test_evasion.py` fails when what is seen is no longer what stands here.

Where it says "an unusual program", the rule looks at programs that lie outside of `/usr`, `/bin`, `/sbin`, `/lib`,
`/opt`, `/snap` and `/nix/store`, as these do. An interpreter that is installed there and does the same is not seen.
"""


HOOKED = """The tables are of a kernel that does not say to what the paths of a call lead that leaves no descriptor
behind (`rename`, `mount`, …). Where it does ([0021](decisions/0021-hooks.md)), these are seen too, measured with Linux
6.12 of Debian 13:
"""


def page() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, summary(), HOOKED, hooked(), *(section(group) for group in GROUPS)])


def summary() -> str:
    """Return the table of counts."""
    rows = [
        "| | techniques | seen by public rules | by stable ones | seen by ours | only the way | not seen |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        rows.append(f"| {group.title} | {counts(group.techniques.values())} |")
    rows.append(f"| all | {counts(technique for group in GROUPS for technique in group.techniques.values())} |")
    return "\n".join(rows) + "\n"


def hooked() -> str:
    """Return the list of what is seen where the kernel has hooks."""
    techniques = [item for group in GROUPS for item in group.techniques.items() if item[1].hooked]
    return "".join(f"- `{name}`: {', '.join(technique.hooked)}\n" for name, technique in techniques)


def counts(techniques: Iterable[Technique]) -> str:
    """Return the cells of a row: how many there are, and how many are seen by whom."""
    seen = [technique.seen for technique in techniques]
    numbers = (
        len(seen),
        sum(bool(each.public) for each in seen),
        sum(any(MATURITY[rule] == "stable" for rule in each.public) for each in seen),
        sum(bool(each.own) and not each.way for each in seen),
        sum(each.way for each in seen),
        sum(not each.public and not each.own for each in seen),
    )
    return " | ".join(str(number) for number in numbers)


def section(group: Group) -> str:
    """Return a group's heading and table."""
    rows = ["| technique | what it does | public rules | our rules | by what, or why not |", "|---|---|---|---|---|"]
    for name, (does, seen, *_) in group.techniques.items():
        public = ", ".join(with_maturity(seen.public)) or "no"
        own = ", ".join(seen.own) + (" (only the way)" if seen.way else "") or "no"
        rows.append(f"| `{name}` | {does} | {public} | {own} | {seen.how} |")
    return f"## {group.title}\n\n{group.about}\n\n" + "\n".join(rows) + "\n"


def with_maturity(rules: Iterable[str]) -> Iterator[str]:
    """Yield names of public rules with their maturity, if that is not stable."""
    for rule in rules:
        yield rule if MATURITY[rule] == "stable" else f"{rule} ({MATURITY[rule]})"


if __name__ == "__main__":
    PAGE.write_text(page())
