"""Conditions on texts hold for their bytes too, also where these are not UTF-8 and are shown as escapes."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

from random_cases import for_random_cases
from random_events import CATALOG

from falcohost.engine.code.predicates import predicate
from falcohost.engine.ir import Check
from falcohost.engine.texts import bytes_text
from falcohost.engine.typecheck import TypeCheckError, check
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.filters.condition import All, Condition, Literal, Point, Text
from falcohost_syscall.records.text import text

NAME = Textual(layout.view("name", Point.OBJECT), rooted=True)
PASSED = Textual(layout.view("path", Point.MEMORY))
PIECES = [b"/", b"/", b"a", b"f", b"x", b"xff", b"e2", b"0", b"4", b"b", b"Z", b"\\", b"\\xff", "é€".encode()]
PIECES += [b"\xff", b"\xe2", b"\xe2\x82", b"\xc3", b"\xa9", b"\x80", b"\xed\xa0\x80", b"\xf0\x9f"]
OPS = ("=", "!=", "in", "startswith", "endswith", "contains", "icontains", "glob", "iglob", "regex", "pmatch")
TESTS = {
    "=": bytes.__eq__,
    "startswith": bytes.startswith,
    "endswith": bytes.endswith,
    "contains": bytes.__contains__,
    "icontains": lambda data, constant: constant in data.lower(),
}


def some_bytes(random: Random, field: Textual) -> bytes:
    """Return bytes as a path may have them."""
    found = b"".join(random.choices(PIECES, k=random.randint(0, 6)))
    return re.sub(b"//+", b"/", b"/" + found) if field.rooted else found


def some_check(random: Random, data: bytes) -> Check | None:
    """Return a check for a piece of *data*, as text or as it is; None: no such check can be written."""
    whole = text(data) if random.random() < 0.8 else bytes_text(data)
    start = random.choice((0, random.randint(0, len(whole))))
    piece = whole[start : random.choice((len(whole), random.randint(start, len(whole))))]
    op, (before, after) = random.choice(OPS), random.choices(("*", "", "?"), k=2)
    pattern = f"{before}{piece}{after}"
    piece = {"glob": pattern, "iglob": pattern, "regex": re.escape(piece)}.get(op, piece)
    right = f"('{piece}', '/zz')" if op in ("in", "pmatch") else f"'{piece}'"
    try:
        return check(parse(f"fd.name {op} {right}"), CATALOG).expr
    except (TypeCheckError, ConditionSyntaxError):
        return None


def holds(condition: Condition, data: bytes) -> bool:
    """Return whether the kernel would say that *condition* is true."""
    if not isinstance(condition, Literal):
        join = all if isinstance(condition, All) else any
        return join(holds(item, data) for item in condition.items)
    assert isinstance(condition.test, Text)
    op, constants = condition.test.op, condition.test.constants
    return (op == "exists" or any(TESTS[op](data, constant) for constant in constants)) != condition.negated


def test_bytes_and_texts(soak):
    """The necessary condition holds for the bytes wherever the check is true, the sufficient one only there."""
    pairs: Counter[bool] = Counter()

    def pair(random: Random) -> None:
        field = random.choice((NAME, PASSED))
        data = some_bytes(random, field)
        one = some_check(random, data if random.random() < 0.8 else some_bytes(random, field))
        if one is None:
            return
        bounds, matches = field.bounds(one), bool(predicate(one)(text(data)))
        pairs[matches] += 1

        assert holds(bounds.over, data) or not matches, (one, data)
        assert matches or not holds(bounds.under, data), (one, data)

    for_random_cases(soak(100_000, 3000), pair)
    assert pairs[True] > pairs[False] / 3
