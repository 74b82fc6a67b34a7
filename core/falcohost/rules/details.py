"""What a condition or an output is made of, for the description of rules: names, operators, event types."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from falcohost.engine.catalog import Catalog
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, operand_fields
from falcohost.engine.tokens import Token, tokens
from falcohost.fields import Field, FieldType
from falcohost.lang.depth import children
from falcohost.lang.quoting import quote
from falcohost.lang.tree import (
    AndNode,
    CheckNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    Node,
    NotNode,
    OrNode,
    ValueNode,
)

_EVENT_TYPE = FieldRef(Field(name="evt.type", type=FieldType.CHARBUF, description=""), None, "evt.type")
_OTHER = FieldRef(Field(name="", type=FieldType.CHARBUF, description=""), None, "")


@dataclass(slots=True)
class ConditionDetails:
    """The names in a condition."""

    macros: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)


def condition_details(tree: Node, macros: Container[str], lists: Container[str]) -> ConditionDetails:
    """Return what *tree* names, of macros and lists those that there are."""
    details = ConditionDetails()
    todo: list[object] = [tree]
    while todo:
        node = todo.pop()
        todo.extend(children(node))
        match node:
            case CheckNode():
                details.operators.add(f"{node.op} {node.modifier}" if node.modifier else node.op)
                if isinstance(node.right, ListNode):
                    names = (item.text for item in node.right.items if isinstance(item, ValueNode))
                    details.lists.update(name for name in names if name in lists)
            case FieldNode():
                details.fields.add(f"{node.name}[{node.arg}]" if node.arg else node.name)
            case IdentifierNode() if node.name in macros:
                details.macros.add(node.name)
    return details


def condition_event_types(tree: Node, universe: frozenset[str]) -> frozenset[str]:
    """Return the event types of *universe* that *tree* can match."""
    found = event_types(_shape(tree), universe)
    return universe if found is None else found


def _shape(node: Node) -> Expr:
    """Return the IR of *node* as far as event types go; needs no catalog, so that it serves macros too."""
    match node:
        case NotNode():
            return Not(_shape(node.item))
        case AndNode():
            return And(tuple(map(_shape, node.items)))
        case OrNode():
            return Or(tuple(map(_shape, node.items)))
        case CheckNode(FieldNode("evt.type" | "syscall.type", None), "in", ListNode(items), None):
            return Check(_EVENT_TYPE, "in", tuple(item.text for item in items if isinstance(item, ValueNode)))
        case CheckNode(FieldNode("evt.type" | "syscall.type", None), "=" | "==" | "!=" as op, ValueNode(text), None):
            return Check(_EVENT_TYPE, "=" if op == "==" else op, text)
        case CheckNode(FieldNode("evt.type", None), "exists"):
            return Exists(_EVENT_TYPE)
        case _:
            return Exists(_OTHER)


def output_names(text: str, catalog: Catalog) -> Iterator[str]:
    """Yield the fields of the output *text*; of a transformer first those in it, then itself."""
    for token in tokens(text, catalog):
        if isinstance(token, Token):
            if not isinstance(token.operand, FieldRef):
                yield from (ref.text for ref in operand_fields(token.operand))
            yield _operand_text(token.operand)


def _operand_text(operand: Operand) -> str:
    if isinstance(operand, FieldRef):
        return operand.text
    if isinstance(operand, Const):
        return quote(str(operand.value))
    inner = ",".join(map(_operand_text, operand.items if isinstance(operand, ListOf) else operand.args))
    if isinstance(operand, ListOf):
        return f"({inner})"
    argument = "" if operand.arg is None else f"[{operand.arg}]"
    return f"{operand.name}({inner}){argument}"
