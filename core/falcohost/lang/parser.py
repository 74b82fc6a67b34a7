"""The condition language: text in, tree out. The grammar is ``condition.lark``.

:mod:`falcohost.lang.descent` reads it without Lark. Lark reads what descent refuses; this file builds the tree for it,
and :mod:`falcohost.lang.complaints` replaces its error messages by Falco's. Nothing here knows about events, sources
or plugins: the compiler checks whether a field exists.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcohost.lang.depth import MAX_DEPTH, is_too_deep
from falcohost.lang.syntax import ConditionSyntaxError, argument_in, list_of_values, position_at, unquoted_at
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
    Pos,
    TransformNode,
    ValueNode,
)

if TYPE_CHECKING:
    from lark import Lark, Token

#: Most characters of a condition with lists expanded; bounds memory when lists contain lists that contain lists.
MAX_LENGTH = 1024 * 1024


def parse(text: str) -> Node:
    """Return the tree of the condition *text*.

    :raises ConditionSyntaxError: it is not one; the message is Falco's.
    """
    from falcohost.lang import descent  # its regular expressions are not compiled where all rules are cached

    _check_length(text)
    node: Node = _checked(text, descent.parse(text) or _by_lark(text, "start"))
    return node


@lru_cache(1024)
def parse_operand(text: str) -> FieldNode | TransformNode:
    """Parse *text* as a field or transformer, as on the left of an operator.

    :raises ConditionSyntaxError: it is neither.
    """
    from falcohost.lang import descent

    _check_length(text)
    node: FieldNode | TransformNode = _checked(text, descent.parse_operand(text) or _by_lark(text, "operand"))
    return node


def _checked(text: str, node: Any) -> Any:
    """Return *node*, unless it nests too deep."""
    if is_too_deep(node, text):
        raise ConditionSyntaxError(f"exceeded max depth limit of {MAX_DEPTH}", Pos())
    return node


def _check_length(text: str) -> None:
    if not text:
        raise ConditionSyntaxError("filter input string is empty", Pos())
    if len(text) > MAX_LENGTH:
        raise ConditionSyntaxError(f"condition is longer than {MAX_LENGTH} characters", Pos())


def _by_lark(text: str, start: str) -> Any:
    """Return what Lark makes of *text*; it reads the same as :mod:`falcohost.lang.descent`, and explains errors."""
    from lark import UnexpectedInput

    try:
        return _lark().parse(text, start=start)
    except UnexpectedInput:
        from falcohost.lang.complaints import complaint

        raise complaint(_lark(), text, start) from None


@cache
def _lark() -> Lark:
    from lark import Lark

    grammar = Path(__file__).with_name("condition.lark").read_text()
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=["start", "operand"],
        transformer=_TreeBuilder(),
        maybe_placeholders=False,
    )


def _pos(token: Token) -> Pos:
    return Pos(token.start_pos or 0, token.line or 1, token.column or 1)


class _TreeBuilder:
    """Builds the tree: Lark calls a method for each grammar rule, with the nodes and tokens that it matched."""

    def start(self, found: list[Any]) -> Node:
        node: Node = found[0]
        return node

    operand = start

    def disjunction(self, found: list[Any]) -> OrNode:
        return OrNode(tuple(found), found[0].pos)

    def conjunction(self, found: list[Any]) -> AndNode:
        return AndNode(tuple(found), found[0].pos)

    def negation(self, found: list[Any]) -> Node:
        """Reduce several ``not`` in a row to one or none; a parenthesis begins a new row."""
        *words, item = found
        count = sum(len(word.split()) for word in words)
        return NotNode(item, _pos(words[0])) if count % 2 else item

    def identifier(self, found: list[Any]) -> IdentifierNode:
        return IdentifierNode(str(found[0]), _pos(found[0]))

    list_name = identifier

    def unary_check(self, found: list[Any]) -> CheckNode:
        left, op = found
        return CheckNode(left, str(op), pos=left.pos)

    def binary_check(self, found: list[Any]) -> CheckNode:
        left, op, right = found
        return CheckNode(left, str(op), right, pos=left.pos)

    def modified_check(self, found: list[Any]) -> CheckNode:
        left, op, modifier, right = found
        return CheckNode(left, str(op), right, str(modifier), left.pos)

    def field(self, found: list[Any]) -> FieldNode:
        (token,) = found
        pos = _pos(token)
        name, bracket, argument = token.partition("[")
        if not bracket:
            return FieldNode(str(token), None, pos)
        return FieldNode(name, argument_in(bracket + argument, position_at(name, len(name), pos)), pos)

    def val(self, found: list[Any]) -> TransformNode:
        token, field = found
        return TransformNode("val", (field,), None, _pos(token))

    def transformer(self, found: list[Any]) -> TransformNode:
        token, *operands = found
        argument = None
        if isinstance(operands[-1], str):
            last = operands.pop()
            argument = argument_in(last, _pos(last))
        return TransformNode(token[:-1], tuple(operands), argument, _pos(token))

    def operands(self, found: list[Any]) -> ListNode:
        operands: tuple[OperandNode, ...] = tuple(found)
        return ListNode(operands, operands[0].pos if operands else Pos())

    def number(self, found: list[Any]) -> ValueNode:
        return ValueNode(str(found[0]), False, _pos(found[0]))

    def string(self, found: list[Any]) -> ValueNode:
        (token,) = found
        pos = _pos(token)
        if token.type == "QUOTED":
            return ValueNode(unquoted_at(token, pos), True, pos)
        return ValueNode(str(token), False, pos)

    quoted = string

    def values(self, found: list[Any]) -> ListNode:
        (token,) = found
        return list_of_values(token, _pos(token))
