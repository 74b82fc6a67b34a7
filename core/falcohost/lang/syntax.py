"""Shared parts of the parser and its error messages: keywords, the syntax error, positions, lists of values."""

from __future__ import annotations

import re

from falcohost.lang.quoting import EscapeError, unquote
from falcohost.lang.tree import NOWHERE, ListNode, Pos, ValueNode

STRING_OPERATORS = (
    *("==", "=", "!=", "glob", "iglob", "contains", "icontains", "bcontains"),
    *("startswith", "bstartswith", "endswith", "regex"),
)
LIST_OPERATORS = ("intersects", "in", "pmatch")
OPERATORS = ("exists", "<=", "<", ">=", ">", *STRING_OPERATORS, *LIST_OPERATORS)
MODIFIERS = ("oneof", "anyof", "allof")
TRANSFORMERS = ("val", "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt")

BLANKS = " \t\b\r\n"
QUOTED = re.compile(r'"(?:[^"]++|(?<=\\)")*+(?<!\\)"' + r"|'(?:[^']++|(?<=\\)')*+(?<!\\)'")
LIST_ITEM = re.compile(QUOTED.pattern + r"""|[^()"' \t\n\r\f\v=,]+""")


class ConditionSyntaxError(ValueError):
    """A text is not a condition; *pos* is the place of the error."""

    def __init__(self, message: str, pos: Pos) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos


def position_at(text: str, offset: int, base: Pos = NOWHERE) -> Pos:
    """Return the place of *offset* in *text*, whose first character is at *base*."""
    lines = text.count("\n", 0, offset)
    if not lines:
        return Pos(base.offset + offset, base.line, base.column + offset)
    return Pos(base.offset + offset, base.line + lines, offset - text.rindex("\n", 0, offset))


def after_blanks(text: str, offset: int) -> int:
    """Return the offset of the first non-blank character at or after *offset*."""
    while offset < len(text) and text[offset] in BLANKS:
        offset += 1
    return offset


def unquoted_at(quoted: str, pos: Pos) -> str:
    """Return the value of *quoted*, which is at *pos*.

    :raises ConditionSyntaxError: a bad escape; the place is after the closing quote, as in Falco.
    """
    try:
        return unquote(quoted)
    except EscapeError as error:
        raise ConditionSyntaxError(str(error), position_at(quoted, len(quoted), pos)) from None


def read_list(text: str, pos: Pos) -> tuple[ValueNode, ...]:
    r"""Return the values of the list at the start of *text*, which is at *pos*.

    As in Falco, a first value that cannot be read (a bad escape included) leaves the list empty, so that
    ``in ("\d")`` is the empty list and ``in ("\d", a)`` lacks its closing bracket.

    :raises ConditionSyntaxError: there is no list; with Falco's message.
    """
    values: list[ValueNode] = []
    offset = after_blanks(text, 1)
    item = LIST_ITEM.match(text, offset)
    while item:
        place = position_at(text, offset, pos)
        offset = item.end()
        try:
            values.append(_value(item[0], place))
        except ConditionSyntaxError:
            if values:
                raise
            break
        offset = after_blanks(text, offset)
        if text[offset : offset + 1] != ",":
            break
        offset = after_blanks(text, offset + 1)
        item = LIST_ITEM.match(text, offset)
        if item is None:
            raise ConditionSyntaxError("expected a string value", position_at(text, offset, pos))
    if text[offset : offset + 1] != ")":
        raise ConditionSyntaxError("expected a ')' token", position_at(text, offset, pos))
    return tuple(values)


def list_of_values(text: str, pos: Pos) -> ListNode:
    """Return the list *text*, which is at *pos*.

    :raises ConditionSyntaxError: a bad escape.
    """
    if "\\" in text or "\n" in text:
        return ListNode(read_list(text, pos), pos)
    # The fast path for most lists: nothing to unescape, and on one line.
    items = []
    for match in LIST_ITEM.finditer(text):
        place = Pos(pos.offset + match.start(), pos.line, pos.column + match.start())
        item = match[0]
        items.append(ValueNode(item[1:-1], True, place) if item[0] in "\"'" else ValueNode(item, False, place))
    return ListNode(tuple(items), pos)


def argument_in(bracketed: str, pos: Pos) -> str:
    """Return the argument in *bracketed*, which includes the brackets and begins at *pos*.

    :raises ConditionSyntaxError: a bad escape.
    """
    text = bracketed[1:-1]
    return unquoted_at(text, position_at("[", 1, pos)) if text[0] in "\"'" else text


def _value(text: str, pos: Pos) -> ValueNode:
    if text[0] in "\"'":
        return ValueNode(unquoted_at(text, pos), True, pos)
    return ValueNode(text, False, pos)
