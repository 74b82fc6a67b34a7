"""Turns YAML into the values of JSON, within bounds that also hold for anchors that are used again and again."""

from __future__ import annotations

import math
import re
from typing import Any

from falcohost.rules.documents import MappingNode, Node, ScalarNode, SequenceNode

#: Most values and characters in one file of tests, each counted as often as it is used, and how deep they may nest.
MOST_VALUES, MOST_CHARACTERS, MOST_DEPTH = 2_000_000, 128 << 20, 200

#: The words and numbers of JSON; everything else is a text.
_WORDS = {"null": None, "true": True, "false": False, "~": None, "": None}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,30})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", re.ASCII)


class ValueMistake(Exception):
    """A value is none of JSON's, or there are too many."""

    def __init__(self, node: Node, said: str, hint: str = "") -> None:
        super().__init__(said)
        self.node, self.hint = node, hint


class ValueBudget:
    """Makes the values of one file."""

    def __init__(self) -> None:
        self._values, self._characters = MOST_VALUES, MOST_CHARACTERS

    def value(self, node: Node, depth: int = 0) -> Any:
        """Return what *node* is in JSON.

        :raises ValueMistake: it is nothing that JSON has, or too much.
        """
        self._values -= 1
        if self._values < 0 or self._characters < 0:
            raise ValueMistake(node, "the events are too large", "use an anchor less often, or split the file")
        if depth > MOST_DEPTH:
            raise ValueMistake(node, f"it is nested more than {MOST_DEPTH} deep")
        if isinstance(node, ScalarNode):
            self._characters -= len(node.value)
            return node.value if node.style else _plain(node.value)
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        assert isinstance(node, MappingNode)
        return dict(self._pair(key, value, depth) for key, value in node.value)

    def _pair(self, key: Node, value: Node, depth: int) -> tuple[str, Any]:
        if not isinstance(key, ScalarNode):
            raise ValueMistake(key, "a key has to be a text")
        self._characters -= len(key.value)
        return key.value, self.value(value, depth + 1)


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
