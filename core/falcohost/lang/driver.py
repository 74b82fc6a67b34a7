"""Runs the parser that Lark has made of the grammar, in one loop: half the time that Lark's own classes take.

It follows Lark's tables, regular expressions and callbacks, so it gives the same trees. Where it finds an error it
returns nothing, and Lark parses the text again, for its error. With a version of Lark whose tables look different, Lark
parses everything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from lark import Lark

#: What to do in a state: go to another one; or reduce so many values with a callback, and go on from a symbol.
_Action: TypeAlias = int | tuple[int, Callable[[list[Any]], Any], str]

_END = "$END"
_NEWLINE = re.compile("\n")


class Driver:
    """The tables of *lark*.

    :raises AttributeError, TypeError, ValueError: they do not look as expected.
    """

    def __init__(self, lark: Lark) -> None:
        from lark.parsers.lalr_analysis import Shift

        frontend: Any = lark.parser
        table, callbacks = frontend.parser._parse_table, frontend.parser.parser.callbacks
        lexers = frontend.lexer.lexers
        ignored: set[frozenset[str]] = set()
        self._actions: dict[int, dict[str, _Action]] = {}
        self._match: dict[int, Callable[..., re.Match[str] | None]] = {}
        for state, actions in table.states.items():
            self._actions[state] = {
                name: arg if action is Shift else (len(arg.expansion), callbacks[arg], arg.origin.name)
                for name, (action, arg) in actions.items()
            }
            (self._match[state],) = [pattern.match for pattern in lexers[state].scanner._mres]
            ignored.add(frozenset(lexers[state].ignore_types))
            if lexers[state].callback:
                raise ValueError("tokens have callbacks")
        (self._ignored,) = ignored
        self._begin, self._end = dict(table.start_states), dict(table.end_states)

    def parse(self, text: str, start: str) -> Any | None:
        """Return what the callbacks make of *text*; None if it does not match the grammar."""
        actions, match, ignored, end_state = self._actions, self._match, self._ignored, self._end[start]
        newlines = [found.start() for found in _NEWLINE.finditer(text)]
        stack, values = [self._begin[start]], []
        at, end = 0, len(text)
        while True:
            matches, begin, kind = match[stack[-1]], at, _END
            while at < end:
                found = matches(text, at)
                if found is None:
                    return None
                begin, at, kind = at, found.end(), found.lastgroup or ""
                if kind not in ignored:
                    break
                kind = _END
            while True:
                action = actions[stack[-1]].get(kind)
                if action is None:
                    return None
                if action.__class__ is int:  # of those that begin with an underscore, callbacks get none
                    stack.append(action)
                    values.append(None if kind[0] == "_" else _token(kind, text[begin:at], begin, newlines))
                    break
                size, callback, symbol = action  # type: ignore[misc]  # not an int
                taken = values[-size:] if size else []
                if size:
                    del stack[-size:], values[-size:]
                values.append(callback(taken))
                stack.append(actions[stack[-1]][symbol])
                if kind is _END and stack[-1] == end_state:
                    return values[-1]


class Token(str):
    """A token, with the attributes that Lark's tokens have: *line* and *column* are counted from 1."""

    __slots__ = ("column", "line", "start_pos", "type")

    type: str
    start_pos: int
    line: int
    column: int


def _token(kind: str, text: str, at: int, newlines: list[int]) -> Token:
    """Return the token *text* of this *kind*, which begins at the offset *at*."""
    token = Token(text)
    line = bisect_right(newlines, at - 1) if newlines else 0
    token.type, token.start_pos, token.line = kind, at, line + 1
    token.column = at - newlines[line - 1] if line else at + 1
    return token
