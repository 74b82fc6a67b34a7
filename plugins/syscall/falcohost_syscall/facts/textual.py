"""Facts that are texts: reduces checks of them to comparisons of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from msgspec import Struct

from falcohost.ir import Check, Exists, parse_glob, regex_literals
from falcohost.text import bytes_text, text_bytes, valid
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds, both, constants, exactly
from falcohost_syscall.filters.condition import (
    FALSE,
    TRUE,
    Condition,
    Literal,
    Text,
    View,
    all_of,
    any_of,
    negate,
)
from falcohost_syscall.records.record import VIEW_LONGEST


class Textual(Struct, frozen=True):
    """A field that is a text in the record, absent where *present* is false.

    :ivar rooted: a text that has a slash begins with one, and has no doubled slashes.
    """

    view: View
    present: Condition = TRUE
    rooted: bool = False

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        if isinstance(check, Exists):
            return both(self.present, exactly(self._test("exists")))
        if check.modifier is not None:
            return self._modified(check)
        texts = [text_bytes(value) for value in constants(check) if isinstance(value, str)]
        if len(texts) != len(constants(check)):
            return UNDECIDED
        return both(self.present, self._bounds(check.op, texts))

    def _modified(self, check: Check) -> Bounds:
        """Return the bounds of a check that is applied to each of several constants."""
        join = {"anyof": any_of, "allof": all_of}.get(check.modifier or "")
        right = constants(check)
        if join is None or not right:
            return UNDECIDED
        found = [self.bounds(replace(check, right=value, modifier=None)) for value in right]
        return Bounds(join(bounds.over for bounds in found), join(bounds.under for bounds in found))

    def _bounds(self, op: str, constants: list[bytes]) -> Bounds:
        if op == "glob":
            return self._glob(constants[0])
        if op == "iglob":
            return self._folded_glob(constants[0])
        if op == "regex":
            return self._regex(constants[0])
        if op == "pmatch":
            return self._path_prefix(constants)
        if not all(map(comparable, constants)) or (not all(constants) and op not in ("=", "in", "intersects", "!=")):
            return UNDECIDED
        if op in ("=", "in", "intersects"):
            return exactly(self._test("=", *constants))
        if op == "!=":
            return exactly(all_of((self._test("exists"), negate(self._test("=", *constants)))))
        if op == "startswith":
            return exactly(self._test(op, *constants))
        if op in ("endswith", "contains", "icontains"):
            return self._anywhere(op, constants)
        return UNDECIDED

    def _test(self, op: str, *constants: bytes) -> Condition:
        if op == "=" and not constants:
            return FALSE
        return Literal(Text(self.view, op, frozenset(constants)))

    def _anywhere(self, op: str, constants: Iterable[bytes]) -> Bounds:
        """Test for constants that are not at the start; the text may have an escape for a byte there."""
        told = [constant.lower() if op == "icontains" else constant for constant in constants]
        return Bounds(self._test(op, *chain.from_iterable(map(_as_bytes, told))), self._test(op, *told))

    def _glob(self, pattern: bytes) -> Bounds:
        """Test for the plain pieces of a pattern: the first at the start, the last at the end, the others anywhere."""
        parts = parse_glob(pattern)
        if not parts or not all(comparable(part) for part in parts if isinstance(part, bytes)):
            return Bounds(FALSE, FALSE) if parts is None else UNDECIDED
        pieces = [(place, part) for place, part in enumerate(parts) if isinstance(part, bytes)]
        if len(parts) == 1 and pieces:
            return exactly(self._test("=", pieces[0][1]))
        last = len(parts) - 1
        ops = {0: "startswith", last: "endswith"}
        found = [self._bounds(ops.get(place, "contains"), [part]) for place, part in pieces]
        stars = all(part is None or isinstance(part, bytes) for part in parts)
        if stars and len(pieces) == 1 and len(parts) <= 3:
            return found[0]
        return Bounds(all_of(bounds.over for bounds in found), FALSE)

    def _folded_glob(self, pattern: bytes) -> Bounds:
        """Test for the plain pieces of a pattern, anywhere and in any case."""
        pieces = [part for part in parse_glob(pattern) or () if isinstance(part, bytes) and comparable(part)]
        return Bounds(all_of(self._anywhere("icontains", [piece]).over for piece in pieces), FALSE)

    def _regex(self, pattern: bytes) -> Bounds:
        """Test for the text that must be at the start, and for the longest text that must be anywhere."""
        needed = regex_literals(bytes_text(pattern))
        inside = "" if needed.inside in needed.start else needed.inside
        tests = {"startswith": needed.start.encode(), "contains": inside.encode()}
        found = [self._bounds(op, [text]) for op, text in tests.items() if text and comparable(text)]
        return Bounds(all_of(bounds.over for bounds in found), FALSE)

    def _path_prefix(self, paths: list[bytes]) -> Bounds:
        """Test for paths without patterns, ignoring empty parts. A text without a slash is unknown or has a colon."""
        wanted = [b"".join(b"/" + part for part in path.split(b"/") if part) for path in paths]
        if not all(map(_is_plain_path, wanted)):
            return UNDECIDED
        below = any_of((self._test("=", *wanted), self._test("startswith", *(path + b"/" for path in wanted))))
        if self.rooted:
            return exactly(below)
        otherwise = self._test("contains", b"//"), negate(self._test("startswith", b"/"))
        return Bounds(any_of((below, *otherwise)), below)


def _is_plain_path(path: bytes) -> bool:
    return path != b"" and comparable(path) and not set(path) & set(b"?*[:")


def comparable(constant: bytes) -> bool:
    """Return whether bytes and texts compare alike. In a text a backslash may stand for a byte that is not UTF-8."""
    told = bytes_text(constant)
    return len(constant) <= VIEW_LONGEST and not set(constant) & set(b"\\\0") and valid(told) == told


#: The escape of a byte that is not UTF-8, without the backslash.
_NUMBERS: Final = {bytes((byte,)): b"x%02x" % byte for byte in range(0x80, 0x100)}


def _as_bytes(constant: bytes) -> Iterator[bytes]:
    """Yield the byte strings whose text may contain *constant*: itself, and others if it begins within an escape."""
    yield constant
    if constant[0] not in b"0123456789abcdefx":
        return
    for byte, number in _NUMBERS.items():
        for tail in (number, number[1:], number[2:]):
            if constant.startswith(tail):
                yield byte + constant[len(tail) :]
            elif tail.startswith(constant):
                yield byte
