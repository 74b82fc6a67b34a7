"""Parses conditions by recursive descent: many times as fast as the tables that Lark makes of the grammar.

It reads what ``condition.lark`` describes, and makes the same tree. Where it finds an error it only says so: then Lark
parses the text, and :mod:`falcohost.lang.complaints` explains what is wrong with it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from falcohost.lang.syntax import (
    LIST_ITEM,
    LIST_OPERATORS,
    MODIFIERS,
    QUOTED,
    TRANSFORMERS,
    ConditionSyntaxError,
    argument_in,
    list_of_values,
    position_at,
    unquoted_at,
)
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

#: Brackets nested deeper than this are left to Lark, which does not recurse.
_DEEPEST: Final = 150

_BLANK: Final = r"[ \t\x08\r\n]"
_NAME: Final = "[a-zA-Z][a-zA-Z0-9_]*+"
_ARGUMENT: Final = rf"""\[(?:{QUOTED.pattern}|[^\]\["' \t\n\r\f\v]+)\]"""
_FIELD: Final = rf"{_NAME}(?:\.{_NAME})+(?:{_ARGUMENT})?"
_TRANSFORMER: Final = rf"(?:{'|'.join(name for name in TRANSFORMERS if name != 'val')})\("
_OPERATOR: Final = (
    rf"exists|<=|<|>=|>|==|=|!=|{'|'.join(LIST_OPERATORS)}"
    rf"|(?:i?glob|[ib]?contains|b?startswith|endswith|regex)(?={_BLANK})"
)
_NUMBER: Final = r"0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?"
_BARE: Final = r"""[^()"' \t\n\r\f\v=,]++"""
_VALUE: Final = f"(?:{LIST_ITEM.pattern})"
_BLANKS: Final = f"(?:{_BLANK}++)?"  # gives back all, so that a value may be a backspace
_LIST: Final = rf"\({_BLANKS}(?:{_VALUE}(?:{_BLANKS},{_BLANKS}{_VALUE})*)?{_BLANKS}\)"
_MODIFIER: Final = (
    rf"(?<={_BLANK})(?:{'|'.join(MODIFIERS)})"
    rf"(?={_BLANK}+(?:\(|(?!(?:and|or|not)(?![0-9A-Za-z]))[a-zA-Z]))"
)


def _after_blanks(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_BLANK}*+(?:{pattern})")


_BEGIN: Final = _after_blanks(
    rf"(?P<field>{_FIELD}){_BLANK}*+(?P<op>{_OPERATOR})"
    r"|(?P<nots>(?:not[ \t\n\r\f\v]+)+)|(?P<not_bracket>not\()|(?P<open>\()"
    rf"|(?P<transformer>{_TRANSFORMER})|(?P<name>{_NAME})"
)
_FIELD_ALONE: Final = _after_blanks(f"(?P<field>{_FIELD})")
_LEFT: Final = _after_blanks(f"(?P<field>{_FIELD})|(?P<transformer>{_TRANSFORMER})")
_OP: Final = _after_blanks(f"({_OPERATOR})")
_JOIN: Final = _after_blanks(rf"(or(?={_BLANK})|or\(|and(?={_BLANK})|and\()")
_CLOSE: Final = _after_blanks(r"\)")
_COMMA: Final = _after_blanks(",")
_END: Final = _after_blanks(r"\Z")
_BRACKETED: Final = re.compile(_ARGUMENT)
_CALL: Final = rf"(?P<transformer>{_TRANSFORMER})|(?P<val>val\()"
_AFTER_NUMBER_OP: Final = _after_blanks(rf"{_CALL}|(?P<number>{_NUMBER})")
#: A bare string may begin with a backspace, which is a blank behind other blanks only.
_AFTER_STRING_OP: Final = re.compile(
    rf"(?:[ \t\r\n]{_BLANK}*+)?+"
    rf"(?:(?P<modifier>{_MODIFIER})|{_CALL}|(?P<quoted>{QUOTED.pattern})|(?P<bare>{_BARE}))"
)
_AFTER_LIST_OP: Final = _after_blanks(rf"(?P<list>{_LIST})|{_CALL}|(?P<name>{_NAME})")
_AFTER_MODIFIER: Final = _after_blanks(rf"(?P<list>{_LIST})|(?P<name>{_NAME})")
_ARGUMENT_OF_CALL: Final = _after_blanks(
    rf"(?P<number>{_NUMBER})|(?P<quoted>{QUOTED.pattern})|(?P<field>{_FIELD})|(?P<transformer>{_TRANSFORMER})"
    r"|(?P<open>\()"
)
_AFTER: Final = dict.fromkeys(("<", "<=", ">", ">="), _AFTER_NUMBER_OP) | dict.fromkeys(LIST_OPERATORS, _AFTER_LIST_OP)


def parse(text: str) -> Node | None:
    """Return the tree of the condition *text*; None if it is not one, or nests too deep to tell."""
    try:
        return _Descent(text).condition()
    except (_Refused, ConditionSyntaxError):
        return None


def parse_operand(text: str) -> FieldNode | TransformNode | None:
    """Return the field or transformer *text*; None if it is neither."""
    try:
        return _Descent(text).operand()
    except (_Refused, ConditionSyntaxError):
        return None


class _Refused(Exception):
    """The text is not a condition, or nests too deep."""


class _Descent:
    """Reads *text* from the beginning; each method reads on from where the last one stopped, or raises _Refused."""

    __slots__ = ("_at", "_depth", "_newlines", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._newlines = [found.start() for found in re.finditer("\n", text)] if "\n" in text else []

    def condition(self) -> Node:
        """Read all as a condition."""
        node = self._expression()
        self._take(_END)
        return node

    def operand(self) -> FieldNode | TransformNode:
        """Read all as the left side of a check."""
        found = self._take(_LEFT)
        node = self._field(found) if found.lastgroup == "field" else self._transform(found)
        self._take(_END)
        return node

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Refused
        self._at = found.end()
        return found

    def _place(self, offset: int) -> Pos:
        newlines = self._newlines
        line = bisect_right(newlines, offset - 1) if newlines else 0
        return Pos(offset, line + 1, offset - newlines[line - 1] if line else offset + 1)

    def _expression(self) -> Node:
        choices: list[Node] = []
        while True:
            conjunction, word = self._conjunction()
            choices.append(conjunction)
            while word == "or(":
                choices.append(self._bracketed())
                word = self._join()
            if word == "or":
                continue
            if word:  # as in Falco, no "and" behind "or(…)"
                raise _Refused
            return choices[0] if len(choices) == 1 else OrNode(tuple(choices), choices[0].pos)

    def _conjunction(self) -> tuple[Node, str]:
        """Return what ``and`` joins, and the word behind it: ``or``, ``or(``, or an empty one."""
        items = [self._negation()]
        word = self._join()
        while word in ("and", "and("):
            items.append(self._negation() if word == "and" else self._bracketed())
            word = self._join()
        return (items[0] if len(items) == 1 else AndNode(tuple(items), items[0].pos)), word

    def _join(self) -> str:
        found = _JOIN.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[1]

    def _bracketed(self) -> Node:
        """Read an expression behind its opening bracket, and the closing one."""
        self._deeper()
        node = self._expression()
        self._take(_CLOSE)
        self._depth -= 1
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused

    def _negation(self) -> Node:
        found = self._take(_BEGIN)
        kind = found.lastgroup
        if kind not in ("nots", "not_bracket"):
            return self._check(found)
        words, place = 1, self._place(found.start(kind))
        if kind == "nots":
            words = len(found["nots"].split())
            found = self._take(_BEGIN)
            words += found.lastgroup == "not_bracket"
        item = self._bracketed() if found.lastgroup == "not_bracket" else self._check(found)
        return NotNode(item, place) if words % 2 else item

    def _check(self, found: re.Match[str]) -> Node:
        """Read the rest of what begins with *found*: a check, the name of a macro, or a bracket."""
        match found.lastgroup:
            case "op":
                left: FieldNode | TransformNode = self._field(found)
                return self._right(left, found["op"])
            case "name":
                return IdentifierNode(found["name"], self._place(found.start("name")))
            case "open":
                return self._bracketed()
            case "transformer":
                left = self._transform(found)
                return self._right(left, self._take(_OP)[1])
        raise _Refused

    def _right(self, left: FieldNode | TransformNode, op: str) -> CheckNode:
        """Read what follows *op*."""
        if op == "exists":
            return CheckNode(left, op, pos=left.pos)
        found, modifier = self._take(_AFTER.get(op, _AFTER_STRING_OP)), None
        if found.lastgroup == "modifier":
            modifier, found = found["modifier"], self._take(_AFTER_MODIFIER)
        kind = found.lastgroup
        assert kind is not None
        text, place = found[kind], self._place(found.start(kind))
        right: OperandNode | IdentifierNode
        match kind:
            case "bare" | "number":
                right = ValueNode(text, False, place)
            case "quoted":
                right = ValueNode(unquoted_at(text, place), True, place)
            case "list":
                right = list_of_values(text, place)
            case "name":
                right = IdentifierNode(text, place)
            case "val":
                right = TransformNode("val", (self._field(self._take(_FIELD_ALONE)),), None, place)
                self._take(_CLOSE)
            case _:
                right = self._transform(found)
        return CheckNode(left, op, right, modifier, left.pos)

    def _field(self, found: re.Match[str]) -> FieldNode:
        text, place = found["field"], self._place(found.start("field"))
        name, bracket, _ = text.partition("[")
        if not bracket:
            return FieldNode(text, None, place)
        return FieldNode(name, argument_in(text[len(name) :], position_at(text, len(name), place)), place)

    def _transform(self, found: re.Match[str]) -> TransformNode:
        """Read the arguments of the transformer *found*."""
        self._deeper()
        place = self._place(found.start("transformer"))
        operands = [self._operand(self._take(_ARGUMENT_OF_CALL))]
        while _COMMA.match(self._text, self._at):
            self._take(_COMMA)
            operands.append(self._operand(self._take(_ARGUMENT_OF_CALL)))
        self._take(_CLOSE)
        self._depth -= 1
        argument, bracketed = None, _BRACKETED.match(self._text, self._at)
        if bracketed:
            argument = argument_in(bracketed[0], self._place(self._at))
            self._at = bracketed.end()
        return TransformNode(found["transformer"][:-1], tuple(operands), argument, place)

    def _operand(self, found: re.Match[str]) -> OperandNode:
        if found.lastgroup == "open":
            return self._operands()
        return self._element(found)

    def _element(self, found: re.Match[str]) -> OperandNode:
        match found.lastgroup:
            case "field":
                return self._field(found)
            case "number":
                return ValueNode(found["number"], False, self._place(found.start("number")))
            case "quoted":
                place = self._place(found.start("quoted"))
                return ValueNode(unquoted_at(found["quoted"], place), True, place)
            case "transformer":
                return self._transform(found)
        raise _Refused

    def _operands(self) -> ListNode:
        """Read a list of operands behind its opening bracket."""
        if _CLOSE.match(self._text, self._at):
            self._take(_CLOSE)
            return ListNode((), Pos())
        items = [self._element(self._take(_ARGUMENT_OF_CALL))]
        while _COMMA.match(self._text, self._at):
            self._take(_COMMA)
            items.append(self._element(self._take(_ARGUMENT_OF_CALL)))
        self._take(_CLOSE)
        return ListNode(tuple(items), items[0].pos)
