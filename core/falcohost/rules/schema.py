"""The JSON schema of rules files, and the check of a document against it.

The check never refuses a file; it only yields the ``schema_warnings`` of a result. Types are weak, as in Falco: a
string that looks like a number or a boolean counts as one. ``--rule-schema`` prints :data:`SCHEMA`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from falcohost.rules.documents import MappingNode, Node, SequenceNode, YamlMap, is_scalar

Schema: TypeAlias = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_BOOL: Schema = {"type": "boolean"}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, **more: object) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


def _definition(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


_OVERRIDABLE = (
    *("items", "desc", "condition", "output", "priority", "enabled", "exceptions", "capture", "capture_duration"),
    *("tags", "warn_evttypes", "skip-if-unknown-filter"),
)
_PRIORITIES = (*("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"),)

SCHEMA: Schema = {
    "$schema": "http://json-schema.org/draft-06/schema#",
    "type": "array",
    "items": _definition("FalcoRule"),
    "definitions": {
        "FalcoRule": _object(
            {
                "required_engine_version": _TEXT,
                "required_plugin_versions": _array(_definition("RequiredPluginVersion")),
                "list": _TEXT,
                "items": _array(_definition("Item")),
                "macro": _TEXT,
                "rule": _TEXT,
                "desc": _TEXT,
                "condition": _TEXT,
                "output": _TEXT,
                "priority": _definition("Priority"),
                "source": _TEXT,
                "enabled": _BOOL,
                "tags": _array(_TEXT),
                "exceptions": _array(_definition("Exception")),
                "warn_evttypes": _BOOL,
                "skip-if-unknown-filter": _BOOL,
                "capture": _BOOL,
                "capture_duration": {"type": "integer"},
                "actions": _array(_TEXT),
                "append": _BOOL,
                "override": _definition("Override"),
            }
        ),
        "Item": {"anyOf": [{"type": "integer"}, _TEXT]},
        "Priority": {"type": "string", "enum": list(_PRIORITIES)},
        "Exception": _object({"name": _TEXT, "fields": {}, "comps": {}, "values": {}}, required=["name"]),
        "Override": _object(
            {key: {"type": "string", "enum": ["append", "replace"]} for key in _OVERRIDABLE}, minProperties=1
        ),
        "RequiredPluginVersion": _object(
            {"name": _TEXT, "version": _TEXT, "alternatives": _array(_definition("Alternative"))},
            required=["name", "version"],
        ),
        "Alternative": _object({"name": _TEXT, "version": _TEXT}, required=["name", "version"]),
    },
}

_INTEGER = re.compile(r"\s*[+-]?[0-9]+", re.ASCII)
_TYPES: Mapping[str, Callable[[Node], bool]] = {
    "string": is_scalar,
    "integer": lambda node: is_scalar(node) and bool(_INTEGER.fullmatch(node.value)),
    "boolean": lambda node: is_scalar(node) and node.value in ("true", "false"),
    "array": lambda node: isinstance(node, SequenceNode),
    "object": lambda node: isinstance(node, MappingNode),
}


def check_document(document: Node) -> list[str]:
    """Return ``["ok"]``, or what is wrong with the structure of *document*, in Falco's words.

    :raises YamlSyntaxError: a map has a key that is not a string.
    """
    failed = [f"failed for {path}: {problem}" for path, problem in _check(document, SCHEMA, "<root>")]
    return failed or ["ok"]


def _check(node: Node, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yield each path with an error and the error, innermost first."""
    reference = schema.get("$ref")
    if reference:
        yield from _check(node, SCHEMA["definitions"][reference.rpartition("/")[2]], path)
        return
    kind = schema.get("type")
    if kind and not _TYPES[kind](node):
        yield path, "Value type not permitted by 'type' constraint."
    if "enum" in schema and not (is_scalar(node) and node.value in schema["enum"]):
        yield path, "Failed to match against any enum values."
    if "anyOf" in schema:
        yield from _check_any(node, schema["anyOf"], path)
    if "items" in schema and isinstance(node, SequenceNode):
        yield from _check_items(node, schema["items"], path)
    if "properties" in schema and isinstance(node, MappingNode):
        yield from _check_properties(YamlMap(node), schema, path)


def _check_any(node: Node, schemas: list[Schema], path: str) -> Iterator[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for index, schema in enumerate(schemas):
        wrong = list(_check(node, schema, path))
        if not wrong:
            return
        found += [*wrong, (path, f"Failed to validate against child schema #{index}.")]
    yield from found
    yield path, "Failed to validate against any schemas allowed by anyOf constraint."


def _check_items(node: SequenceNode, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(node.value):
        wrong = list(_check(item, schema, f"{path}[{index}]"))
        if wrong:
            yield from wrong
            yield path, f"Failed to validate item #{index} in array."


def _check_properties(item: YamlMap, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    properties = schema["properties"]
    keys = [key for key, _, _ in item.entries]
    wrong = {
        key: list(_check(value, properties[key], f"{path}[{key}]"))
        for key, value in item.items()
        if key in properties and not (properties[key] is _TEXT and is_scalar(value))
    }
    for key in sorted(key for key, found in wrong.items() if found):
        yield from wrong[key]
        yield path, f"Failed to validate against schema associated with property name '{key}'."
    unknown = next((key for key in keys if key not in properties), "" if len(set(keys)) < len(keys) else None)
    if unknown is not None:
        message = "Object contains a property that could not be validated using 'properties' or 'additionalProperties'"
        yield path, f"{message} constraints: '{unknown}'."
    if len(keys) < schema.get("minProperties", 0):
        yield path, f"Object should have no fewer than {schema['minProperties']} properties."
    for key in schema.get("required", ()):
        if key not in item:
            yield path, f"Missing required property '{key}'."
