"""Explains with Falco's error messages why a text is not a condition. Runs only on texts that did not parse.

Lark reports the tokens that it would have accepted. From these, and from the innermost open parenthesis, follows what
Falco's parser would have been reading and what it would print.
"""

from __future__ import annotations

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from falcohost.lang.syntax import (
    OPERATORS,
    QUOTED,
    TRANSFORMERS,
    ConditionSyntaxError,
    position_at,
    read_list,
    unquoted_at,
)
from falcohost.lang.tree import Pos

_A_TRANSFORMER = "a field with a valid transformer: " + ", ".join(f"'{name}'" for name in TRANSFORMERS)

#: Messages by the terminal that would have been accepted; the first that fits is used.
_EXPECTED = {
    "NUMBER_OP": "expected a valid check operator: one of " + ", ".join(f"'{name}'" for name in OPERATORS),
    "_OPEN": "expected a '(' token, a field check, or an identifier",
    "BARE": f"expected a string value or {_A_TRANSFORMER}",
    "_OPEN_OPERANDS": "expected field transformer argument: "
    "field, transformer, quoted string, number, or transformer list",
    "QUOTED": "expected transformer list argument: field, transformer, quoted string, or number",
    "NUMBER": f"expected a number value or {_A_TRANSFORMER}",
    "VAL": f"expected a list, an identifier, or {_A_TRANSFORMER}",
    "LIST": "expected a list or an identifier",
    "FIELD": "expected a field within 'val' transformer",
}

#: Messages by the type of the innermost open parenthesis that could have been closed.
_UNCLOSED = {
    "VAL": "expected a ')' token closing the transformer",
    "TRANSFORMER": "expected a ')' token closing the transformer",
    "_OPEN_OPERANDS": "expected ')'",
}

_BRACKETS = frozenset({"_OPEN", "_OR_BRACKET", "_AND_BRACKET", "NOT_BRACKET", *_UNCLOSED})


def complaint(lark: Lark, text: str, start: str) -> ConditionSyntaxError:
    """Return the error for *text*, which *lark* cannot parse."""
    parser = lark.parse_interactive(text, start=start)
    last: Token | None = None
    try:
        for token in parser.lexer_thread.lex(parser.parser_state):  # type: ignore[no-untyped-call]
            parser.feed_token(token)
            last = token
        parser.feed_eof(last)  # type: ignore[no-untyped-call]
        raise AssertionError("text parses after all")
    except UnexpectedCharacters as error:
        offset = error.pos_in_stream or 0
    except UnexpectedToken as error:
        offset = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    except ConditionSyntaxError as error:
        return error
    try:
        _check_last(last)
        return _explained(parser, text, offset, last)
    except ConditionSyntaxError as error:
        return error


def _check_last(last: Token | None) -> None:
    """Raise an error for bad escapes in *last*, which the tree builder has not checked yet."""
    if last is None or "\\" not in last:
        return
    pos = Pos(last.start_pos or 0, last.line or 1, last.column or 1)
    quoted = QUOTED.search(last) if last.type in ("QUOTED", "FIELD", "ARGUMENT") else None
    if last.type == "LIST":
        read_list(last, pos)
    elif quoted:
        unquoted_at(quoted[0], position_at(last, quoted.start(), pos))


def _explained(parser: InteractiveParser, text: str, offset: int, last: Token | None) -> ConditionSyntaxError:
    accepted = parser.accepts()  # type: ignore[no-untyped-call]
    pos = position_at(text, offset)
    if _is_argument(accepted, text, offset, last):
        return _argument_complaint(text, offset)
    if "LIST" in accepted and text[offset : offset + 1] == "(":
        read_list(text[offset:], pos)
    for terminal, message in _EXPECTED.items():
        if terminal in accepted:
            return ConditionSyntaxError(message, pos)
    for word in ("and", "or"):
        if f"_{word.upper()}" in accepted and text.startswith(word, offset):
            end = position_at(text, offset + len(word))
            return ConditionSyntaxError(f"expected blank or '(' after '{word}'", end)
    opened = _innermost_bracket(parser)
    if opened:
        return ConditionSyntaxError(_UNCLOSED.get(opened, "expected a ')' token"), pos)
    return ConditionSyntaxError(f"unexpected token after '{_last_text(last)}', expecting 'or', 'and'", pos)


def _is_argument(accepted: set[str], text: str, offset: int, last: Token | None) -> bool:
    """Return whether an argument that could not be read begins at *offset*."""
    if last is None or last.end_pos != offset or not text.startswith("[", offset):
        return False
    return "ARGUMENT" in accepted or (last.type == "FIELD" and not last.endswith("]"))


def _argument_complaint(text: str, offset: int) -> ConditionSyntaxError:
    inside = offset + 1
    quoted = QUOTED.match(text, inside)
    end = quoted.end() if quoted else inside
    if quoted:
        unquoted_at(quoted[0], position_at(text, inside))
    else:
        while end < len(text) and text[end] not in "][\"' \t\n\r\f\v":
            end += 1
    if end == inside:
        message = "expected a valid field argument: a quoted string or a bare string"
        return ConditionSyntaxError(message, position_at(text, inside))
    return ConditionSyntaxError("expected a ']' token", position_at(text, end))


def _innermost_bracket(parser: InteractiveParser) -> str | None:
    closed = 0
    for found in reversed(parser.parser_state.value_stack):
        if not isinstance(found, Token):
            continue
        if found.type == "_CLOSE":
            closed += 1
        elif found.type in _BRACKETS and not closed:
            return str(found.type)
        elif found.type in _BRACKETS:
            closed -= 1
    return None


def _last_text(last: Token | None) -> str:
    """Return the last token that Falco's lexer would have read."""
    if last is None:
        return ""
    if last.type == "QUOTED":
        return unquoted_at(last, Pos())
    if last.type in ("LIST", "ARGUMENT") or (last.type == "FIELD" and last.endswith("]")):
        return last[-1]
    return str(last)
