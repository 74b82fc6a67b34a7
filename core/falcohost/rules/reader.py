"""Reads a rules file and hands on its definitions, in the order of its documents and items.

An item with an error does not stop the others: each failure is added to the result, and reading continues with the next
item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.decode import (
    did_you_mean,
    invalid,
    required_text,
    texts,
    warn_of_unknown_keys,
)
from falcohost.rules.definitions import (
    Definition,
    EngineRequirement,
    ListDef,
    MacroDef,
    PluginRequirement,
    PluginVersion,
)
from falcohost.rules.documents import (
    MappingNode,
    Node,
    SequenceNode,
    YamlMap,
    YamlSyntaxError,
    is_null,
    place_of,
    read_documents,
    to_unsigned,
)
from falcohost.rules.overrides import read_overrides, without_append_word
from falcohost.rules.pace import paced
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult, LoadFailure
from falcohost.rules.rule_reader import read_rule
from falcohost.rules.schema import check_document
from falcohost.rules.texts import SourceText
from falcohost.rules.versions import Version, parse_version

_LIST_NAME = """([^()"'[:space:]=,]+)"""
_MACRO_NAME = "([a-zA-Z]+[a-zA-Z0-9_]*)"
_VALID_LIST_NAME = re.compile(r"""[^()"' \t\n\r\f\v=,]+""")
_VALID_MACRO_NAME = re.compile(_MACRO_NAME)
_ITEMS = frozenset({"items"})
_CONDITION = frozenset({"condition"})

ItemReader = Callable[[YamlMap, Context, FileResult], Iterator[Definition]]


class DefinitionTaker(Protocol):
    """Receives the definitions."""

    def take(self, definition: Definition, result: FileResult) -> None:
        """Apply *definition*, or raise :class:`LoadFailure`."""

    def give_up(self, context: Context) -> None:
        """Remember that the item at *context* was refused."""


def read_rules(result: FileResult, taker: DefinitionTaker) -> None:
    """Read the file of *result* and hand each definition to *taker*; errors and warnings go to *result*."""
    context = Context.of_file(result.file)
    try:
        documents = read_documents(result.file.text, result.file.name)
        result.schema = [verdict for document in documents for verdict in check_document(document)]
    except YamlSyntaxError as error:
        where = context if error.place is None else context.at("value for", error.place)
        result.fail(LoadFailure(ErrorCode.LOAD_ERR_YAML_PARSE, str(error), where, said=error.problem))
        return
    for document in documents:
        try:
            items = paced("Reading rules", _items(document, context))
        except LoadFailure as failure:
            result.fail(failure)
            continue
        for item in items:
            _read_one(item, context, result, taker)


def _items(document: Node, context: Context) -> list[Node]:
    if isinstance(document, MappingNode):
        hint = "write each rule, macro and list as an item of a list: '- rule: …'"
        raise invalid("Rules content is not yaml array of objects", context, hint=hint)
    if not isinstance(document, SequenceNode):
        raise invalid("Rules content is not yaml", context)
    return [node for node in document.value if not is_null(node)]


def _read_one(node: Node, context: Context, result: FileResult, taker: DefinitionTaker) -> None:
    try:
        for definition in _read_item(node, context, result):
            taker.take(definition, result)
    except LoadFailure as failure:
        result.fail(failure)
        taker.give_up(failure.problem.context)
    except YamlSyntaxError as error:
        result.fail(LoadFailure(ErrorCode.LOAD_ERR_VALIDATE, str(error), context))


def _read_item(node: Node, context: Context, result: FileResult) -> Iterator[Definition]:
    if not isinstance(node, MappingNode):
        message = "Unexpected element type. Each element should be a yaml associative array."
        raise invalid(message, context.at("rules content item", place_of(node)))
    item = YamlMap(node)
    for key, reader in _READERS.items():
        if key in item:
            return reader(item, context, result)
    where = context.at("rules content item", item.place)
    keys = [key for key, _, _ in item.entries]
    hint = did_you_mean(keys[0], _READERS) if keys else None
    result.warn(WarningCode.LOAD_UNKNOWN_ITEM, "Unknown top level item", where, hint=hint)
    return iter(())


def _read_engine_version(item: YamlMap, parent: Context, result: FileResult) -> Iterator[Definition]:
    context = parent.at("required_engine_version", item.place)
    text = required_text(item, "required_engine_version", context).value
    number = to_unsigned(text)
    version = Version(0, number, 0) if number is not None else parse_version(text)
    if version is None:
        message = f"Unable to parse engine version '{text}' as a semver string. Expected \"x.y.z\" semver format."
        raise invalid(message, context)
    yield EngineRequirement(version=version, context=context)
    warn_of_unknown_keys(item, ("required_engine_version",), context, result)


def _read_plugin_versions(item: YamlMap, parent: Context, result: FileResult) -> Iterator[Definition]:
    node = item.get("required_plugin_versions")
    assert node is not None
    context = parent.at("required plugin versions", place_of(node))
    if not isinstance(node, SequenceNode):
        raise invalid("Value of required_plugin_versions must be a sequence", context)
    for entry in node.value:
        yield _plugin_requirement(entry, context)
    where = parent.at("required plugin versions", item.place)
    warn_of_unknown_keys(item, ("required_plugin_versions",), where, result)


def _plugin_requirement(node: Node, parent: Context) -> PluginRequirement:
    kind = "required plugin versions entry"
    plugin, context, item = _plugin_version(node, kind, "Plugin version must be a mapping", parent)
    found = [plugin]
    alternatives = item.get("alternatives")
    if alternatives is not None:
        if not isinstance(alternatives, SequenceNode):
            raise invalid("Value of plugin version alternatives must be a sequence", context)
        kind, not_a_map = "required plugin versions alternative", "Plugin version alternative must be a mapping"
        found += (_plugin_version(other, kind, not_a_map, context)[0] for other in alternatives.value)
    return PluginRequirement(alternatives=tuple(found), context=context)


def _plugin_version(node: Node, kind: str, not_a_map: str, parent: Context) -> tuple[PluginVersion, Context, YamlMap]:
    unnamed = parent.at(kind, place_of(node))
    if not isinstance(node, MappingNode):
        raise invalid(not_a_map, unnamed)
    item = YamlMap(node)
    name = required_text(item, "name", unnamed).value
    context = parent.at(kind, item.place, name)
    return PluginVersion(name, required_text(item, "version", context).value), context, item


def _read_list(item: YamlMap, parent: Context, result: FileResult) -> Iterator[Definition]:
    name = required_text(item, "list", parent.at("list", item.place)).value
    context = parent.at("list", item.place, name)
    if not _VALID_LIST_NAME.fullmatch(name):
        message = f"List has an invalid name. List names should match a regular expression: {_LIST_NAME}"
        result.warn(WarningCode.LOAD_INVALID_LIST_NAME, message, context)
    items = texts(item, "items", context, required=True)
    overrides = read_overrides(item, _ITEMS, _ITEMS, context, result)
    append = overrides.legacy or bool(overrides.append)
    yield ListDef(name=name, items=items, context=context, append=append)
    warn_of_unknown_keys(item, ("list", "items", "append", "override"), context, result)


def _read_macro(item: YamlMap, parent: Context, result: FileResult) -> Iterator[Definition]:
    name = required_text(item, "macro", parent.at("macro", item.place)).value
    context = parent.at("macro", item.place, name)
    if not _VALID_MACRO_NAME.fullmatch(name):
        message = f"Macro has an invalid name. Macro names should match a regular expression: {_MACRO_NAME}"
        result.warn(WarningCode.LOAD_INVALID_MACRO_NAME, message, context)
    scalar = required_text(item, "condition", context)
    condition = SourceText.of(scalar, condition=True)
    condition_context = context.at("macro condition", scalar.place)
    overrides = read_overrides(item, _CONDITION, _CONDITION, context, result)
    if overrides.append:
        condition = without_append_word(condition, condition_context, result)
    yield MacroDef(
        name=name,
        condition=condition,
        context=context,
        condition_context=condition_context,
        append=overrides.legacy or bool(overrides.append),
    )
    warn_of_unknown_keys(item, ("macro", "condition", "append", "override"), context, result)


#: The kinds of items, in the order in which their keys are searched.
_READERS: dict[str, ItemReader] = {
    "required_engine_version": _read_engine_version,
    "required_plugin_versions": _read_plugin_versions,
    "list": _read_list,
    "macro": _read_macro,
    "rule": read_rule,
}
