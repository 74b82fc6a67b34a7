"""Warnings about conditions that are valid but suspicious (rules-language reference, §9).

The codes are Falco's warning codes. If the message is empty, the code says everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.lang.depth import children
from falcohost.lang.tree import NOWHERE, CheckNode, FieldNode, ListNode, Node, Pos, ValueNode

REMARK = "LOAD_COMPILE_CONDITION"
UNSAFE_NA_CHECK = "LOAD_UNSAFE_NA_CHECK"
DEPRECATED = "LOAD_DEPRECATED_ITEM"

_LATENCY = "field is not available due to the drop of enter events."

#: Fields that Falco warns about, in its order, with the warning for a condition.
DEPRECATED_FIELDS = {
    "evt.dir": "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always "
    "evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'",
    "evt.latency": _LATENCY,
    "evt.latency.s": _LATENCY,
    "evt.latency.ns": _LATENCY,
    "evt.latency.human": _LATENCY,
    "evt.wait_latency": _LATENCY,
}

_MAY_BE_UNSAFE = ("ka.", "jevt.")

_TRANSFORMERS = ("val", "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt")


@dataclass(frozen=True, slots=True)
class Remark:
    """One warning.

    :ivar field: the deprecated field that it is about, if any.
    """

    code: str
    message: str
    pos: Pos = NOWHERE
    field: str | None = None


def may_be_remarked(check: CheckNode) -> bool:
    """Return whether :func:`tree_remarks` may have a warning about *check*, wherever it stands."""
    if check.left.__class__ is FieldNode and (check.right.__class__ is ValueNode or check.right.__class__ is ListNode):
        name = check.left.name
        if name not in DEPRECATED_FIELDS and not name.startswith(_MAY_BE_UNSAFE):  # as most are
            return False
    if _is_unsafe_na_check(check):
        return True
    return any(isinstance(found, FieldNode) and found.name in DEPRECATED_FIELDS for found in _walk(check))


def tree_remarks(node: Node) -> list[Remark]:
    """Return the warnings that follow from names and constants in *node* alone, each once."""
    nodes = list(_walk(node))
    checks = (found for found in nodes if isinstance(found, CheckNode))
    remarks = [Remark(UNSAFE_NA_CHECK, "", check.pos) for check in checks if _is_unsafe_na_check(check)][:1]
    places = {found.name: found.pos for found in reversed(nodes) if isinstance(found, FieldNode)}
    found = [Remark(DEPRECATED, text, places[name], name) for name, text in DEPRECATED_FIELDS.items() if name in places]
    return remarks + found


def constant_remarks(text: str, op: str, pos: Pos, catalog: Catalog) -> Iterator[Remark]:
    """Yield warnings about the constant *text* after *op*; *pos* is the start of the right side, as in Falco."""
    if op != "regex" and "." not in text and ")" not in text:  # as most are
        return
    if op == "regex" and not _needs_regex(text):
        message = f"regex check with '{text}' may be optimized with simpler operators such as"
        yield Remark(REMARK, f"{message} '=', 'contains', 'startswith', 'endswith'", pos)
    bare = "".join(text.split())
    if "." in bare and _is_field(bare, catalog):
        yield Remark(REMARK, f"'{text}' may be a valid field misused as a const string value", pos)
    if bare.endswith(")") and bare.partition("(")[0] in _TRANSFORMERS:
        yield Remark(REMARK, f"'{text}' may be a valid field transformer misused as a const string value", pos)


def kindness_remark(what: str, pos: Pos) -> Remark:
    """Return a warning that falcohost accepts *what*, but Falco would not."""
    return Remark(REMARK, f"{what}, which falcohost accepts and Falco refuses", pos)


def _walk(node: object) -> Iterator[object]:
    todo = [node]
    while todo:
        found = todo.pop()
        yield found
        todo.extend(reversed(children(found)))


def _is_unsafe_na_check(node: CheckNode) -> bool:
    if not isinstance(node.left, FieldNode) or not node.left.name.startswith(_MAY_BE_UNSAFE):
        return False
    if node.modifier is not None or node.op not in ("==", "=", "!=", "in", "intersects", "pmatch"):
        return False
    items = node.right.items if isinstance(node.right, ListNode) else (node.right,)
    return any(isinstance(item, ValueNode) and item.text == "<NA>" for item in items)


def _is_field(text: str, catalog: Catalog) -> bool:
    name, bracket, arg = text.partition("[")
    if not catalog.has(name) or (bracket and not arg.endswith("]")):
        return False
    try:
        catalog.resolve(name, arg[:-1] if bracket else None)
    except TypeCheckError:
        return False
    return True


def _needs_regex(pattern: str) -> bool:
    """Return whether *pattern* is more than plain text with anchors, or with ``.*`` at its ends."""
    last = len(pattern) - 1
    place = 0
    while place <= last:
        char = pattern[place]
        if (place == 0 and char == "^") or (place == last and char == "$"):
            place += 1
        elif char == "." and (place == last - 1 or (place == 0 and last > 0)) and pattern[place + 1] in "+*?":
            place += 2
        elif char in ".+*?^$()[]{}|\\":
            return True
        else:
            place += 1
    return False
