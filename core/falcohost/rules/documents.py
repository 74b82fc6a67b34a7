"""Parses YAML into nodes with positions; scalars are read as Falco's YAML library reads them.

Every scalar is a string at first, quoted or plain. Of two equal keys the first counts; merge keys (``<<``) are plain
keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from falcohost.rules.pace import LARGE, PacedText
from falcohost.rules.places import Place
from falcohost.rules.yaml_words import in_falcos_words

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_UNSIGNED = re.compile(r"\s*\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\s*", re.ASCII)

# The C parser if PyYAML has it (all wheels do), else the one in Python.
_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


# Characters that are any other to Falco's library, while PyYAML refuses them or takes them for line breaks. They are
# read as characters of a private plane, so that places stay what they are, and put back into what was read.
_ODD = (*range(1, 9), 11, 12, *range(14, 32), *range(127, 160), 0x2028, 0x2029)
_ODD_TEXT = re.compile("[" + "".join(map(re.escape, map(chr, _ODD))) + "]")
_STAND_INS = {code: 0xF0000 + code for code in _ODD}
_PUT_BACK = {stand_in: code for code, stand_in in _STAND_INS.items()}


class _LenientLoader(yaml.BaseLoader):
    """Accepts an anchor that is defined twice, which YAML allows and the C parser does not."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(getattr(event, "anchor", None), None)
        return super().compose_node(parent, index)


class YamlSyntaxError(ValueError):
    """A text is not valid YAML; *place* is where the parser found the mistake, if known.

    :ivar problem: the parser's message; ``str()`` of the error is Falco's message.
    """

    def __init__(self, problem: str, place: Place | None, *, in_falcos_words: str | None = None) -> None:
        where = f" at line {place.line + 1}, column {place.column + 1}" if place else ""
        super().__init__(f"yaml-cpp: error{where}: {in_falcos_words or problem}")
        self.problem = problem
        self.place = place


def read_documents(text: str, name: str = "") -> list[Node]:
    """Return the documents in *text*, without the empty ones.

    :param name: the file's name, for the progress of a large file.

    :raises YamlSyntaxError: it is not valid YAML.
    """
    try:
        found = _composed(text, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        if mark is None:
            raise YamlSyntaxError(problem, None) from None
        words = in_falcos_words(error.context or "", error.problem or "", text, mark.index)
        raise YamlSyntaxError(problem, Place(mark.index, mark.line, mark.column), in_falcos_words=words) from None
    except yaml.reader.ReaderError as error:
        place = None
        if isinstance(error.position, int):
            before = text[: error.position]
            place = Place(error.position, before.count("\n"), error.position - before.rfind("\n") - 1)
        raise YamlSyntaxError(str(error.reason), place) from None
    except RecursionError:  # the parser in Python; the one in C says so itself
        raise YamlSyntaxError("exceeded maximum nesting depth", None) from None
    return [node for node in found if not is_null(node)]


def _composed(text: str, name: str) -> list[Node]:
    if not _ODD_TEXT.search(text):
        return _composed_as_is(text, name)
    documents = _composed_as_is(text.translate(_STAND_INS), name)
    todo, seen = list(documents), set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            node.value = node.value.translate(_PUT_BACK)
        elif isinstance(node, MappingNode):
            todo += (part for pair in node.value for part in pair)
        elif isinstance(node, SequenceNode):
            todo += node.value
    return documents


def _composed_as_is(text: str, name: str) -> list[Node]:
    try:
        return list(yaml.compose_all(PacedText(name, text) if len(text) >= LARGE else text, _Loader))
    except yaml.composer.ComposerError as error:
        if error.problem != "second occurrence":
            raise
        return list(yaml.compose_all(text, _LenientLoader))


def place_of(node: Node) -> Place:
    """Return where *node* begins."""
    mark = node.start_mark
    return Place(mark.index, mark.line, mark.column)


def is_null(node: Node) -> bool:
    """Return whether *node* is null."""
    if node.__class__ is not ScalarNode or node.style:
        return False
    return node.value in _NULLS if node.tag == "tag:yaml.org,2002:str" else node.tag.endswith(":null")


def is_scalar(node: Node) -> bool:
    """Return whether *node* is a string (null is not)."""
    return node.__class__ is ScalarNode and not is_null(node)


def to_bool(text: str) -> bool | None:
    """Return the boolean that *text* stands for, or None."""
    lower = text.lower()
    if text not in (lower, text.upper(), lower.capitalize()):
        return None
    return True if lower in _TRUE else False if lower in _FALSE else None


def to_unsigned(text: str) -> int | None:
    """Return the 32-bit number that *text* stands for (decimal, ``0x`` or octal), or None."""
    match = _UNSIGNED.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    number = int(digits, base) if len(digits) < 20 else 1 << 32
    return number if number < 1 << 32 else None


class YamlMap:
    """A YAML map, by key.

    :ivar entries: each key, the node of the key, and the node of its value.

    :raises YamlSyntaxError: a key is not a string.
    """

    __slots__ = ("_values", "entries", "node")

    def __init__(self, node: MappingNode) -> None:
        self.node = node
        self.entries: list[tuple[str, ScalarNode, Node]] = []
        self._values: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise YamlSyntaxError("bad conversion", place_of(key))
            name = "null" if is_null(key) else key.value
            self.entries.append((name, key, value))
            self._values.setdefault(name, value)

    @property
    def place(self) -> Place:
        """Return where it begins."""
        return place_of(self.node)

    def items(self) -> Iterable[tuple[str, Node]]:
        """Return each key, once, with its value."""
        return self._values.items()

    def get(self, key: str) -> Node | None:
        """Return the value of *key*, or None if there is no such key."""
        return self._values.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._values


__all__ = [
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "YamlMap",
    "YamlSyntaxError",
    "is_null",
    "is_scalar",
    "place_of",
    "read_documents",
    "to_bool",
    "to_unsigned",
]
