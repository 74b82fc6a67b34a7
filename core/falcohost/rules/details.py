"""Finds the names, operators and event types in a condition or an output, for the description of rules."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from falcohost.engine.catalog import Catalog
from falcohost.engine.evttypes import EVENT_TYPE, event_types
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

_TYPE = FieldRef(Field(name=EVENT_TYPE, type=FieldType.CHARBUF, description=""), None, EVENT_TYPE)
_OTHER = FieldRef(Field(name="", type=FieldType.CHARBUF, description=""), None, "")


@dataclass(slots=True)
class ConditionDetails:
    """The names in a condition."""

    macros: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)


def condition_details(tree: Node, macros: Container[str], lists: Container[str]) -> ConditionDetails:
    """Return the names in *tree*; macros and lists only if they exist."""
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


def type_fields(catalog: Catalog | None) -> frozenset[str]:
    """Return the fields whose value is the event's type: ``evt.type``, and those that *catalog* has."""
    return frozenset((EVENT_TYPE, *(one.name for one in (catalog.fields if catalog else ()) if one.tells_type)))


def condition_event_types(tree: Node, universe: frozenset[str], names: Container[str]) -> frozenset[str]:
    """Return the event types of *universe* that *tree* can match; *names*: the fields that tell the type."""
    found = event_types(_shape(tree, names), universe)
    return universe if found is None else found


def _shape(node: Node, names: Container[str]) -> Expr:
    """Return the IR of *node* reduced to event types; it resolves no fields, so it works for macros too."""
    match node:
        case NotNode():
            return Not(_shape(node.item, names))
        case AndNode():
            return And(tuple(_shape(item, names) for item in node.items))
        case OrNode():
            return Or(tuple(_shape(item, names) for item in node.items))
        case CheckNode(FieldNode(name, None), "in", ListNode(items), None) if name in names:
            return Check(_TYPE, "in", tuple(item.text for item in items if isinstance(item, ValueNode)))
        case CheckNode(FieldNode(name, None), "=" | "==" | "!=" as op, ValueNode(text), None) if name in names:
            return Check(_TYPE, "=" if op == "==" else op, text)
        case CheckNode(FieldNode(name, None), "exists") if name == EVENT_TYPE:
            return Exists(_TYPE)
        case _:
            return Exists(_OTHER)


def output_names(text: str, catalog: Catalog) -> Iterator[str]:
    """Yield the fields of the output *text*; for a transformer first its arguments, then itself."""
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
