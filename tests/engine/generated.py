"""Random conditions that fit the fields of ``world``, and random events that have a chance to match them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from random import Random
from typing import Any

from world import FIELDS, TYPES, Happening

from falcohost.engine import ir
from falcohost.engine.ir import Expr, FieldRef
from falcohost.engine.operators import refusal
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.lang.tree import AndNode, CheckNode, FieldNode, ListNode, Node, NotNode, OrNode, TransformNode, ValueNode

TEXTS = (
    *(
        "",
        "a",
        "ab",
        "b",
        "A",
        "/a",
        "/a/b",
        "a/b/",
        "/a/b/é",
        "aXb",
        "a\udc80",
        "\udc80",
        "é",
        "YQ==",
        "YWI",
        "Y",
        "=",
    ),
    *("=", "-:", "-a", "-bx", "-b", "--", "--long", "-", "10.0.0.1", "::1", "a.b", "a-b", "x" * 30, "<NA>"),
)
CONSTANTS = tuple(text for text in TEXTS if "\udc80" not in text)
GLOBS = ("*", "?", "a*", "*a", "*b*", "a*b", "*a*b*", "a?b", "[ab]*", "[!a]*", "[^a]b", "[a-c]", "[]a]*", "[a", "a\\*")
PATHS = ("/a", "a", "/a/b", "/a/*", "/?/b", "/", "/a//b/", "[ab]", "/a/b/c")
REGEXES = ("a.*", "[ab]+", "(a|b)*x?", ".*", "", "[^/]*", "a{1,2}b?", r"\w+", "/a(/.*)?", "10[.].*", "[-a]*", "é|a")
NUMBERS = (-1, 0, 1, 2, 127, 128, 255, 256, 65535, 2**31, 2**63, 2**64 - 1)
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.1.0.1", "127.0.0.1", "::1", "fe80::1", "fe80::2")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/24", "0.0.0.0/0", "fe80::/10", "::1/128")

OPERATORS = (
    *("=", "!=", "<", "<=", ">", ">=", "contains", "icontains", "bcontains", "startswith", "bstartswith"),
    *("endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch"),
)
LISTS = ("in", "intersects", "pmatch")
STRINGS = (FieldType.CHARBUF, FieldType.FSPATH)
CHECKED = tuple(field for field in FIELDS if field.name not in ("evt.arg", "s.needs", "l.small", "evt.dir"))


def constant(random: Random, kind: FieldType, op: str) -> str:
    """Return a text that a check of *op* on *kind* takes."""
    if op in ("bcontains", "bstartswith"):
        return random.choice(("61", "6162", "ff", "00"))
    if op in ("glob", "iglob", "pmatch", "regex"):
        return random.choice({"pmatch": PATHS, "regex": REGEXES}.get(op, GLOBS + CONSTANTS))
    if kind in STRINGS or kind is FieldType.BYTEBUF:
        return random.choice(CONSTANTS)
    if kind is FieldType.BOOL:
        return random.choice(("true", "false"))
    if kind is FieldType.IPADDR:
        return random.choice(ADDRESSES if op in ("=", "!=", "in", "intersects") else ("10.", "1", "::", "fe", ".1"))
    if kind is FieldType.IPNET:
        return random.choice(NETWORKS)
    return random.choice(("80", "443", "ssh", "0")) if kind is FieldType.PORT else str(random.choice(NUMBERS))


def some(random: Random, make: Callable[[], Any], most: int = 3) -> tuple[Any, ...]:
    """Return a few of what *make* makes; seldom none."""
    return tuple(make() for _ in range(random.randint(0, most) or random.randint(0, 1)))


def plain_field(random: Random, field: Field) -> FieldNode:
    """Return *field*, with an argument if it takes one and it pleases."""
    if field.arg is ArgKind.KEY:
        return FieldNode(field.name, random.choice((None, "k", "é x")))
    return FieldNode(field.name, random.choice((None, "0", "1")) if field.arg is ArgKind.INDEX else None)


def check(random: Random) -> Node:
    """Return one check."""
    if random.random() < 0.25:
        return transformed(random)
    field = random.choice(CHECKED)
    left = plain_field(random, field)
    ops = [op for op in OPERATORS if refusal(op, None, field.type, field.is_list) is None]
    op = random.choice([*ops, "exists"])
    if field.name == "evt.type":
        op = random.choice(("=", "!=", "in", "exists"))
        return right_side(random, left, op, lambda: random.choice(sorted(TYPES)), modifiers=False)
    twins = [twin for twin in CHECKED if (twin.type, twin.is_list) == (field.type, field.is_list)]
    twins = [twin for twin in twins if comparable(twin, op)]
    if twins and comparable(field, op) and random.random() < 0.2:
        return CheckNode(left, op, TransformNode("val", (plain_field(random, random.choice(twins)),)))
    modifiers = not field.is_list and op not in ("<", "<=", ">", ">=")
    return right_side(random, left, op, lambda: constant(random, field.type, op), modifiers=modifiers)


def right_side(random: Random, left: Any, op: str, make: Callable[[], str], *, modifiers: bool) -> Node:
    """Return the check of *left* against constants that *make* makes."""
    if op == "exists":
        return CheckNode(left, op)
    if op in LISTS:
        return CheckNode(left, op, ListNode(some(random, lambda: ValueNode(make()))))
    if modifiers and random.random() < 0.3:
        modifier = random.choice(("oneof", "anyof", "allof"))
        return CheckNode(left, op, ListNode(some(random, lambda: ValueNode(make()))), modifier)
    return CheckNode(left, op, ValueNode(make()))


def comparable(field: Field, op: str) -> bool:
    """Tell whether *field* may stand on either side of *op*."""
    if (
        field.no_rhs
        or field.compare is not Compare.SCALAR
        or field.type is FieldType.IPNET
        or op in ("regex", "pmatch")
    ):
        return False
    return op != "exists" and (field.type is not FieldType.IPADDR or op in ("=", "!=", "in", "intersects"))


def text_operand(random: Random, depth: int = 2) -> Any:
    """Return something of type CHARBUF."""
    kind = random.randint(0, 6) if depth else 0
    if kind < 2:
        return FieldNode(random.choice(("s.text", "s.other")))
    if kind == 2:
        first = ValueNode(random.choice(CONSTANTS), True) if random.random() < 0.5 else text_operand(random, depth - 1)
        return TransformNode("concat", (first, text_operand(random, depth - 1)))
    if kind == 3:
        return TransformNode("join", (ValueNode(",", True), text_list(random)))
    if kind == 4:
        return TransformNode("getopt", (text_list(random), ValueNode("ab:x", True)), random.choice("abx"))
    return TransformNode(random.choice(("tolower", "toupper", "b64", "basename")), (text_operand(random, depth - 1),))


def text_list(random: Random, literal: bool = True) -> Any:
    """Return something that is a list of CHARBUF; a *literal* cannot stand on the left of a check."""
    kind = random.randint(0, 3)
    if kind == 0 and literal:
        item = random.choice(("s.text", "n.uint64", "l.other"))
        return ListNode((FieldNode(item), *some(random, lambda: ValueNode(random.choice(CONSTANTS), True))))
    if kind == 1:
        return TransformNode("getopt", (FieldNode("l.texts"), ValueNode("ab:x", True)))
    if kind == 2:
        return TransformNode(random.choice(("tolower", "b64", "basename")), (FieldNode("l.texts"),))
    return FieldNode("l.texts")


def transformed(random: Random) -> Node:
    """Return a check with a transformer in it."""
    kind = random.randint(0, 2)
    if kind == 0:
        op = random.choice(("=", "!=", "contains", "startswith", "iglob", "in", "icontains", "endswith", "exists"))
        left = text_operand(random)
        if op != "exists" and random.random() < 0.3:
            return CheckNode(left, op, TransformNode("val", (text_operand(random),)))
        return right_side(random, left, op, lambda: constant(random, FieldType.CHARBUF, op), modifiers=op != "in")
    if kind == 1:
        counted = (text_operand(random), text_list(random), *map(FieldNode, ("buf.data", "l.nums", "s.path")))
        left = TransformNode("len", (random.choice(counted),))
        return CheckNode(left, random.choice(("=", "!=", "<", ">=")), ValueNode(random.choice("01234")))
    values = some(random, lambda: ValueNode(random.choice(CONSTANTS)))
    return CheckNode(text_list(random, literal=False), random.choice(("in", "intersects")), ListNode(values))


def condition(random: Random, depth: int = 3) -> Node:
    """Return a condition, nested at most *depth* deep."""
    kind = random.randint(0, 5) if depth else 0
    if kind < 2:
        return check(random)
    if kind == 2:
        return NotNode(condition(random, depth - 1))
    items = tuple(condition(random, depth - 1) for _ in range(random.randint(2, 4)))
    return AndNode(items) if kind < 5 else OrNode(items)


def event(random: Random, exprs: list[Expr]) -> Happening:
    """Return an event that has values for most fields of *exprs*, often near what they are compared with."""
    values: dict[Any, Any] = {}
    for ref, near in wanted(exprs).items():
        if random.random() < 0.8:
            values[ref.field.name if ref.arg is None else (ref.field.name, ref.arg)] = field_value(random, ref, near)
    return Happening(values, type=random.choice(sorted(TYPES)))


def wanted(exprs: list[Expr]) -> dict[FieldRef, list[Any]]:
    """Return the fields of *exprs*, each with the constants that it is compared with."""
    found: dict[FieldRef, list[Any]] = {}
    for leaf in (leaf for expr in exprs for leaf in ir.checks(expr)):
        right = getattr(leaf, "right", ())
        for ref in ir.operand_fields(leaf.left):
            found.setdefault(ref, []).extend(right if isinstance(right, tuple) else [right])
        for ref in ir.operand_fields(right):
            found.setdefault(ref, [])
    return found


def field_value(random: Random, ref: FieldRef, near: list[Any]) -> Any:
    """Return a value that the getter of *ref* could give."""
    field = ref.field
    if field.is_list or (ref.arg is None and field.compare is not Compare.SCALAR):
        return some(random, lambda: single_value(random, field.type, near))
    return single_value(random, field.type, near)


def single_value(random: Random, kind: FieldType, near: list[Any]) -> Any:
    """Return one value of *kind*: half of the time made from one of the constants *near*."""
    close = random.choice(near) if near and random.random() < 0.6 else None
    if kind in STRINGS:
        if not isinstance(close, str):
            return random.choice(TEXTS)
        bare = close if random.random() < 0.5 else "".join(char for char in close if char not in "*?[]^!\\.+(){}|")
        return random.choice((bare, bare, bare + "a", "a" + bare, "/" + bare + "/b", bare.swapcase(), bare[:-1]))
    if kind is FieldType.BYTEBUF:
        data = close if isinstance(close, bytes) else random.choice(TEXTS).encode("utf-8", "surrogateescape")
        return random.choice((data, data + b"a", b"\xff" + data))
    if kind is FieldType.BOOL:
        return random.random() < 0.5
    if kind in (FieldType.IPADDR, FieldType.IPNET):
        if isinstance(close, (IPv4Address, IPv6Address)):
            return close
        if isinstance(close, (IPv4Network, IPv6Network)):
            return close[min(3, close.num_addresses - 1)]
        text = random.choice(ADDRESSES)
        return IPv4Address(text) if "." in text else IPv6Address(text)
    if isinstance(close, (int, float)):
        return close + random.choice((0, 0, 1, -1))
    return random.choice((0.0, 1.0, 1.5, -1.0)) if kind is FieldType.DOUBLE else random.choice(NUMBERS)
