"""YAML text in, nodes with places out; scalars are read as Falco's YAML library reads them.

Scalars are texts first, quoted or plain. Of two equal keys the first counts, and merge keys (``<<``) are plain keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from falcohost.rules.places import Place

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_UNSIGNED = re.compile(r"\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\s*", re.ASCII)

# The C parser where PyYAML has it (all wheels do), and the one in Python where not.
_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class YamlSyntaxError(ValueError):
    """A text is not YAML; *place* is where that was found out, if that is known."""

    def __init__(self, problem: str, place: Place | None) -> None:
        where = f" at line {place.line + 1}, column {place.column + 1}" if place else ""
        super().__init__(f"error{where}: {problem}")
        self.problem = problem
        self.place = place


def read_documents(text: str) -> list[Node]:
    """Return the documents in *text*, without the empty ones.

    :raises YamlSyntaxError: it is not YAML.
    """
    try:
        found = list(yaml.compose_all(text, _Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise YamlSyntaxError(problem, None if mark is None else Place(mark.index, mark.line, mark.column)) from None
    except yaml.reader.ReaderError as error:
        place = None
        if isinstance(error.position, int):
            before = text[: error.position]
            place = Place(error.position, before.count("\n"), error.position - before.rfind("\n") - 1)
        raise YamlSyntaxError(str(error.reason), place) from None
    except RecursionError:  # the parser in Python; the one in C says so itself
        raise YamlSyntaxError("exceeded maximum nesting depth", None) from None
    return [node for node in found if not is_null(node)]


def place_of(node: Node) -> Place:
    """Return where *node* begins."""
    mark = node.start_mark
    return Place(mark.index, mark.line, mark.column)


def is_null(node: Node) -> bool:
    """Return whether *node* says that there is no value."""
    if not isinstance(node, ScalarNode) or node.style:
        return False
    return node.tag.endswith(":null") or (node.value in _NULLS and node.tag == "tag:yaml.org,2002:str")


def is_scalar(node: Node) -> bool:
    """Return whether *node* is a text (null is none)."""
    return isinstance(node, ScalarNode) and not is_null(node)


def to_bool(text: str) -> bool | None:
    """Return the truth value that *text* writes, or None."""
    lower = text.lower()
    if text not in (lower, text.upper(), lower.capitalize()):
        return None
    return True if lower in _TRUE else False if lower in _FALSE else None


def to_unsigned(text: str) -> int | None:
    """Return the number of 32 bits that *text* writes (decimal, ``0x`` or octal), or None."""
    match = _UNSIGNED.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    number = int(digits, base) if len(digits) < 20 else 1 << 32
    return number if number < 1 << 32 else None


@dataclass(frozen=True)
class Mapping:
    """A YAML map, by key."""

    node: MappingNode

    @property
    def place(self) -> Place:
        """Return where it begins."""
        return place_of(self.node)

    @cached_property
    def _values(self) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key, _, value in self.entries():
            values.setdefault(key, value)
        return values

    def entries(self) -> Iterator[tuple[str, Node, Node]]:
        """Yield each key, the node of the key, and the node of its value.

        :raises YamlSyntaxError: a key is not a text.
        """
        for key, value in self.node.value:
            if not isinstance(key, ScalarNode):
                raise YamlSyntaxError("bad conversion", place_of(key))
            yield ("null" if is_null(key) else key.value), key, value

    def get(self, key: str) -> Node | None:
        """Return the value of *key*, or None where there is no such key."""
        return self._values.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._values


__all__ = [
    "Mapping",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "YamlSyntaxError",
    "is_null",
    "is_scalar",
    "place_of",
    "read_documents",
    "to_bool",
    "to_unsigned",
]
