"""Reads the ``exceptions`` of a rule from YAML."""

from __future__ import annotations

from falcohost.rules.codes import WarningCode
from falcohost.rules.decode import invalid, missing, required_text
from falcohost.rules.definitions import Entry, ExceptionDef
from falcohost.rules.documents import MappingNode, Node, ScalarNode, SequenceNode, YamlMap, is_null, is_scalar, place_of
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult
from falcohost.rules.texts import Scalar

_MAX_NESTING = 20


def read_exceptions(item: YamlMap, parent: Context, result: FileResult, *, append: bool) -> tuple[ExceptionDef, ...]:
    """Return the exceptions of *item*; their fields may be missing if they are appended.

    :raises LoadFailure: their structure is wrong.
    """
    node = item.get("exceptions")
    if node is None or is_null(node):
        return ()
    context = parent.at("exceptions", place_of(node))
    if not isinstance(node, SequenceNode):
        raise invalid("Rule exceptions must be a sequence", context)
    found: list[ExceptionDef] = []
    for entry in node.value:
        unnamed = context.at("exception", place_of(entry))
        if not isinstance(entry, MappingNode):
            raise invalid("Rule exception must be a mapping", unnamed)
        item = YamlMap(entry)
        name = required_text(item, "name", unnamed).value
        named = parent.at("exception", item.place, name)
        if any(name == other.name for other in found):
            message = f"Multiple definitions of exception '{name}' in the same rule"
            result.warn(WarningCode.LOAD_EXCEPTION_NAME_NOT_UNIQUE, message, named)
        found.append(_read_exception(item, name, named, result, append))
    return tuple(found)


def _read_exception(item: YamlMap, name: str, context: Context, result: FileResult, append: bool) -> ExceptionDef:
    fields = _named_entry(item, "fields", context, required=not append)
    comps = _named_entry(item, "comps", context, required=False)
    values = item.get("values")
    if values is None and append:
        message = "Overriding/appending exception with no values"
        result.warn(WarningCode.LOAD_APPEND_NO_VALUES, message, context)
    return ExceptionDef(name=name, fields=fields, comps=comps, values=_read_values(values, context), context=context)


def _read_values(node: Node | None, parent: Context) -> tuple[Entry, ...]:
    if node is None:
        return ()
    context = parent.at("exception values", place_of(node))
    if not isinstance(node, SequenceNode):
        raise invalid("Rule exception values must be a sequence", context)
    return tuple(_entry(value, "", context.at("exception value", place_of(value))) for value in node.value)


def _named_entry(item: YamlMap, key: str, context: Context, *, required: bool) -> Entry:
    node = item.get(key)
    if node is None:
        if required:
            raise missing(key, context)
        return Entry()
    return _entry(node, key, context)


def _entry(node: Node, key: str, context: Context, nesting: int = 0) -> Entry:
    """Return the entry that *node* stands for; for a map or nothing, an entry that is not given."""
    value_context = context.at("value for", place_of(node), key)
    if nesting > _MAX_NESTING:
        raise invalid(f"Value is nested more than {_MAX_NESTING} levels deep", value_context)
    if isinstance(node, SequenceNode):
        items = (_entry(item, "", value_context.at("exception", place_of(item)), nesting + 1) for item in node.value)
        return Entry(items=tuple(items), is_list=True)
    if not is_scalar(node) or not isinstance(node, ScalarNode):
        return Entry()
    if not node.value:
        raise invalid("Value must be non-empty", value_context)
    return Entry(item=node.value, scalar=Scalar(node.value, context.file, node))
