"""Tree in, text out: prints the canonical form of a condition, as ``-L`` shows it.

Every ``and`` and ``or`` is in parentheses and nothing else is; values are quoted only if necessary.
"""

from __future__ import annotations

from falcohost.lang.quoting import quote
from falcohost.lang.tree import (
    AndNode,
    CheckNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    Node,
    NotNode,
    OperandNode,
    OrNode,
    TransformNode,
    ValueNode,
)


def to_text(node: Node) -> str:
    """Return the condition *node* in its canonical form."""
    match node:
        case AndNode():
            return "(" + " and ".join(to_text(item) for item in node.items) + ")"
        case OrNode():
            return "(" + " or ".join(to_text(item) for item in node.items) + ")"
        case NotNode():
            return "not " + to_text(node.item)
        case IdentifierNode():
            return node.name
        case CheckNode():
            return _check(node)


def _check(node: CheckNode) -> str:
    parts = [operand_to_text(node.left), node.op]
    if node.modifier:
        parts.append(node.modifier)
    match node.right:
        case None:
            pass
        case IdentifierNode():
            parts.append(node.right.name)
        case ListNode():
            parts.append("(" + ", ".join(operand_to_text(item) for item in node.right.items) + ")")
        case _:
            parts.append(operand_to_text(node.right))
    return " ".join(parts)


def operand_to_text(node: OperandNode) -> str:
    """Return the canonical form of a field, transformer or constant."""
    match node:
        case FieldNode():
            return node.name + _argument(node.arg)
        case ValueNode():
            return quote(node.text)
        case ListNode():
            return "(" + ",".join(operand_to_text(item) for item in node.items) + ")"
        case TransformNode():
            return f"{node.name}({','.join(operand_to_text(arg) for arg in node.args)}){_argument(node.arg)}"


def _argument(arg: str | None) -> str:
    if arg is None:
        return ""
    return f"[{quote(arg)}]" if arg else '[""]'
