"""Comments in rules files by which findings are ignored.

``# falcohost: ignore[exempt-by-name] why`` stands at the end of a line, or alone above it, and is about that line;
where an item begins there, about the whole item. ``ignore-file[…]`` is about the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from falcohost.rules.lint.finding import CHECKS, Finding
from falcohost.rules.places import Place, RulesFile
from falcohost.rules.results import Spot

_COMMENT = re.compile(r"#\s*falcohost:\s*ignore(-file)?\[([^\]\n]*)\]")
_ALONE = re.compile(r"\s*(#.*)?")


class _Ignore(Struct):
    """One name in a comment: *lines* that it is about, from 0; None: all of the file."""

    check: str
    spot: Spot
    line: int | None
    used: bool = False


class Ignores:
    """The comments in *files*."""

    def __init__(self, files: Iterable[RulesFile]) -> None:
        self._found = [one for file in files for one in _ignores(file)]
        self._by_file: dict[str, list[_Ignore]] = {}
        for one in self._found:
            self._by_file.setdefault(one.spot.file.name, []).append(one)

    def left(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the *findings* that no comment ignores."""
        for finding in findings:
            wanted = [one for one in self._by_file.get(finding.spot.file.name, ()) if _concerns(one, finding)]
            for one in wanted:
                one.used = True
            if not wanted:
                yield finding

    def mistakes(self) -> Iterator[Finding]:
        """Yield the comments that ignore what does not exist, or what :meth:`left` has not been given."""
        for one in self._found:
            if one.check not in CHECKS:
                mend = f"the checks are {', '.join(CHECKS)}"
                yield Finding(check="unknown-check", spot=one.spot, what=f"there is no check '{one.check}'", mend=mend)
            elif not one.used:
                what = f"nothing is found here that '{one.check}' would ignore"
                yield Finding(check="needless-ignore", spot=one.spot, what=what, mend="remove it from the comment")


def _concerns(one: _Ignore, finding: Finding) -> bool:
    return one.check == finding.check and (one.line is None or one.line in (finding.spot.place.line, finding.head))


def _ignores(file: RulesFile) -> Iterator[_Ignore]:
    if "falcohost:" not in file.text:
        return
    lines, begin = file.text.split("\n"), 0
    for number, line in enumerate(lines):
        for comment in _COMMENT.finditer(line):
            about = None if comment[1] else _line(lines, number, alone=_ALONE.fullmatch(line[: comment.start()]))
            place = Place(begin + comment.start(), number, comment.start())
            for name in filter(None, (name.strip() for name in comment[2].split(","))):
                yield _Ignore(name, Spot(file, place), about)
        begin += len(line) + 1


def _line(lines: list[str], number: int, *, alone: object) -> int:
    """Return the line that a comment in line *number* is about: that one, or the next that is no comment."""
    if alone is None:
        return number
    return next((at for at in range(number, len(lines)) if not _ALONE.fullmatch(lines[at])), number)
