"""Many rules, made from few: copies of real ones that look for other files, programs and arguments.

Each copy differs from every other in what it compares with. Of its checks on names some stay as they are, and so do
some values of the others, since real rulesets name the same shells and directories again and again.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import cycle
from random import Random
from typing import Any

from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or, Transform
from falcohost.engine.ruleset import Rule

#: Fields whose values are names that rules choose freely, by prefix.
NAMED = ("proc.", "fd.name", "fd.directory", "fd.filename", "fd.sip.name", "container.image", "user.name", "group.name")
NAMED_ARGUMENTS = ("path", "oldpath", "newpath", "target", "linkpath", "name", "filename", "pathname")

#: How many checks, and how many values of a check that changes, stay as they are.
KEPT_CHECKS, KEPT_VALUES = 0.25, 0.25

#: What no copy changes: it is how rules say *not known*, *any* or *not in a container*.
FIXED = frozenset(("", "<NA>", "N/A", "host", "/", "-"))


def varied_rules(rules: Sequence[Rule], count: int, seed: int = 1) -> tuple[Rule, ...]:
    """Return *count* rules: *rules*, or some of them, and varied copies of them until there are enough."""
    random = Random(seed)
    found = list(rules) if count >= len(rules) else random.sample(list(rules), count)
    known = {rule.condition for rule in found}
    for original in cycle(rules):
        if len(found) >= count:
            break
        condition = _varied(original.condition, random)
        if condition not in known:  # some name nothing that could be another
            known.add(condition)
            found.append(replace(original, name=f"{original.name} {len(found)}", condition=condition))
    return tuple(found)


def _varied(expr: Expr, random: Random) -> Expr:
    if isinstance(expr, (And, Or)):
        return type(expr)(tuple(_varied(item, random) for item in expr.items))
    if isinstance(expr, Not):
        return Not(_varied(expr.item, random))
    if isinstance(expr, Exists) or not _is_named(expr) or random.random() < KEPT_CHECKS:
        return expr
    if isinstance(expr.right, tuple):
        values = tuple(dict.fromkeys(_value(value, random) for value in expr.right))
        return replace(expr, right=values)
    return replace(expr, right=_value(expr.right, random))


def _is_named(check: Check) -> bool:
    left: Any = check.left
    while isinstance(left, Transform):
        left = left.args[0]
    if not isinstance(left, FieldRef) or isinstance(check.right, (FieldRef, Transform)):
        return False
    if left.field.name == "evt.arg":
        return left.arg in NAMED_ARGUMENTS
    return left.field.name.startswith(NAMED) or left.field.name in ("fd.sport", "fd.sip")


def _value(value: Any, random: Random) -> Any:
    if value in FIXED or random.random() < KEPT_VALUES:
        return value
    if isinstance(value, IPv4Address):
        return IPv4Address(random.getrandbits(32))
    if isinstance(value, int) and not isinstance(value, bool):
        return random.randrange(1, 65536) if value > 255 else value
    return _text(value, random) if isinstance(value, str) else value


def _text(text: str, random: Random) -> str:
    """Return a text of the same shape: one of its words is another, of the same length or longer."""
    words = _words(text)
    if not words:
        return text + _word(random, 5)
    start, end = random.choice(words)
    return text[:start] + _word(random, max(end - start, 4)) + text[end:]


def _words(text: str) -> list[tuple[int, int]]:
    """Return where the words of *text* are; of a path all but its first component, which many paths share."""
    words, start = [], -1
    for place, char in enumerate(text + " "):
        if char.isalnum():
            start = place if start < 0 else start
        elif start >= 0:
            words.append((start, place))
            start = -1
    return words[1:] if text.startswith("/") and len(words) > 1 else words


def _word(random: Random, length: int) -> str:
    letters = (random.choice("bcdfghklmnprstvz" if place % 2 else "aeiou") for place in range(length - 1))
    return "".join(letters) + random.choice(string.ascii_lowercase + string.digits)
