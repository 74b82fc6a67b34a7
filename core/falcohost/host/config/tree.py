"""A configuration file as a tree of values and their places.

Scalars stay strings until a consumer asks for a bool or a number, as in Falco, so that ``-o key=value`` and values from
environment variables are read like any other.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from msgspec import Struct, field

#: How the place of a value from the command line begins.
OPTION = "-o "


class Where(Struct, frozen=True):
    """A place for error messages. *line* and *column* count from 1; 0 if there are none (``-o``)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Scalar(Struct):
    """A string. *plain*: it was not quoted; *raw*: the string before environment variables were expanded."""

    text: str
    where: Where
    plain: bool = True
    raw: str = ""

    @property
    def absent(self) -> bool:
        """Return whether the value is empty: ``key:`` or ``key: null`` or an environment variable that is not set."""
        return self.text == "" or (self.plain and self.text in ("~", "null", "Null", "NULL"))


class Sequence(Struct):
    """A list. *text* is its text if ``-o`` has set it, for keys that are no lists."""

    items: list[Tree]
    where: Where
    text: str = ""


class Mapping(Struct):
    """A mapping. *places* holds the place of each key, for messages about the key."""

    entries: dict[str, Tree]
    where: Where
    places: dict[str, Where] = field(default_factory=dict)


Tree: TypeAlias = Scalar | Sequence | Mapping

_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
_INT = re.compile(r"[-+]?(0x[0-9a-fA-F]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def as_bool(text: str) -> bool | None:
    """Return *text* as a bool, as yaml-cpp reads it (``true``, ``Yes``, ``ON``, ``y`` …), or None."""
    if text not in (text.lower(), text.upper(), text.capitalize()):
        return None
    return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None


def as_int(text: str) -> int | None:
    """Return *text* as an integer, or None; ``0x10`` is one, ``1.0`` is not."""
    return int(text, 0 if "x" in text else 10) if _INT.fullmatch(text) else None


def as_float(text: str) -> float | None:
    """Return *text* as a number, or None; ``.1`` is one."""
    return float(text) if _FLOAT.fullmatch(text) else None


def plain_data(tree: Tree) -> Any:
    """Return *tree* as dicts, lists and values; unquoted numbers and bools are converted."""
    if isinstance(tree, Mapping):
        return {key: plain_data(value) for key, value in tree.entries.items()}
    if isinstance(tree, Sequence):
        return [plain_data(item) for item in tree.items]
    if not tree.plain:
        return tree.text
    if tree.absent:
        return None
    for read in (as_int, as_float, as_bool):
        value = read(tree.text)
        if value is not None:
            return value
    return tree.text
