"""Limits the nesting of conditions, so that the recursive passes over the tree stay far from Python's own limit."""

from __future__ import annotations

from falcohost.lang.tree import AndNode, CheckNode, FieldNode, ListNode, NotNode, OrNode, TransformNode, ValueNode

#: Deepest nesting of ``and``, ``or``, ``not`` and transformers; redundant parentheses do not count.
MAX_DEPTH = 100


def is_too_deep(node: object, text: str) -> bool:
    """Return whether *node*, parsed from *text*, nests deeper than MAX_DEPTH."""
    # Each parenthesis adds at most two levels (an ``or`` of an ``and``), each ``not`` one.
    if 2 * text.count("(") + text.count("not") < MAX_DEPTH - 2:
        return False
    return depth(node) > MAX_DEPTH


def depth(node: object) -> int:
    """Return the height of the tree *node*, itself included. Does not recurse."""
    deepest, level, todo = 0, 0, [node]
    while todo:
        level += 1
        deepest = level
        todo = [child for parent in todo for child in children(parent)]
    return deepest


def children(node: object) -> tuple[object, ...]:
    """Return the direct children of *node*."""
    match node:
        case ValueNode() | FieldNode():  # as most are
            return ()
        case AndNode() | OrNode() | ListNode():
            return node.items
        case NotNode():
            return (node.item,)
        case CheckNode():
            return (node.left,) if node.right is None else (node.left, node.right)
        case TransformNode():
            return node.args
        case _:
            return ()
