"""Reads the ``override`` map of an item: which of its keys append and which replace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.decode import invalid, optional_bool
from falcohost.rules.documents import MappingNode, Node, ScalarNode, SequenceNode, YamlMap, is_null, place_of
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult, LoadFailure
from falcohost.rules.texts import SourceText

_APPEND_WORD = re.compile(r"[ \t\r\n]*append[ \t\r\n]+(?=(?:and|or)\b)")
_USE_OVERRIDE = "Add an 'append' entry (e.g. 'condition: append') under 'override' instead."
_APPEND_DEPRECATED = f"'append' key is deprecated. {_USE_OVERRIDE}"
_BOTH = f"Keys 'override' and 'append: true' cannot be used together. {_USE_OVERRIDE}"


@dataclass(frozen=True, slots=True)
class Overrides:
    """How an item changes an existing one.

    :ivar legacy: it has ``append: true``.
    """

    append: frozenset[str]
    replace: frozenset[str]
    legacy: bool = False

    def __bool__(self) -> bool:
        return bool(self.append or self.replace)


def read_overrides(
    item: YamlMap, appendable: frozenset[str], replaceable: frozenset[str], context: Context, result: FileResult
) -> Overrides:
    """Return the changes that *item* declares under ``override`` and ``append``.

    :raises LoadFailure: a key cannot be overridden that way, or both ``override`` and ``append`` are used.
    """
    legacy = optional_bool(item, "append", context)
    if legacy:
        result.warn(WarningCode.LOAD_DEPRECATED_ITEM, _APPEND_DEPRECATED, context)
    append: set[str] = set()
    replace: set[str] = set()
    for key, key_node, operation in _entries(item, context):
        allowed = {"append": appendable, "replace": replaceable}
        where = context.at("overrides", item.place)
        if operation.value not in allowed:
            raise _unknown_operation(key, operation, appendable, replaceable, where)
        if key not in allowed[operation.value]:
            how = "appended to, use 'replace' instead" if operation.value == "append" else "replaced"
            raise invalid(f"Key '{key}' cannot be {how}", where.at("overrides", place_of(key_node), key))
        (append if operation.value == "append" else replace).add(key)
    if legacy and (append or replace):
        raise invalid(_BOTH, context)
    return Overrides(frozenset(append), frozenset(replace), legacy)


def _entries(item: YamlMap, context: Context) -> Iterator[tuple[str, Node, ScalarNode]]:
    node = item.get("override")
    if isinstance(node, SequenceNode):
        raise _bad_map(context)
    if isinstance(node, MappingNode):
        for key, key_node, operation in YamlMap(node).entries:
            if not isinstance(operation, ScalarNode):
                raise _bad_map(context)
            yield key, key_node, operation


def _bad_map(context: Context) -> LoadFailure:
    message = "'override' is not a map of keys to 'append' or 'replace'"
    return LoadFailure(ErrorCode.LOAD_ERR_VALIDATE, message, context)


def _unknown_operation(
    key: str, operation: ScalarNode, appendable: frozenset[str], replaceable: frozenset[str], where: Context
) -> LoadFailure:
    value = "null" if is_null(operation) else operation.value
    allowed = ("append " if key in appendable else "") + ("replace " if key in replaceable else "")
    message = f"Invalid override operation for key '{key}': '{value}'. Allowed values are: {allowed}"
    return invalid(message, where.at("value for", place_of(operation), key))


def without_append_word(text: SourceText, context: Context, result: FileResult) -> SourceText:
    """Return the appended condition *text* without a leading word ``append``, which ``override`` makes redundant.

    Falco takes the word for a syntax error.
    """
    match = _APPEND_WORD.match(text.value)
    if match is None:
        return text
    message = "the leading word 'append' is left out of the condition, which 'override' appends already"
    result.warn(WarningCode.LOAD_COMPILE_CONDITION, message, context)
    return text.part(match.end(), len(text.value))
