"""Reads and checks the values of an item's keys: strings, booleans, numbers, lists of strings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from falcohost.rules.codes import ErrorCode, WarningCode
from falcohost.rules.documents import ScalarNode, SequenceNode, YamlMap, is_null, place_of, to_bool, to_unsigned
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult, LoadFailure
from falcohost.rules.texts import Scalar

_UNDECODABLE = "Can't decode YAML scalar value"


def invalid(message: str, context: Context, *, hint: str | None = None) -> LoadFailure:
    """Return the failure for a wrong structure."""
    return LoadFailure(ErrorCode.LOAD_ERR_YAML_VALIDATE, message, context, hint=hint)


def missing(key: str, context: Context) -> LoadFailure:
    """Return the failure for a missing *key*."""
    return invalid(f"Item has no mapping for key '{key}'", context)


def optional_text(item: YamlMap, key: str, context: Context, *, may_be_empty: bool = False) -> Scalar | None:
    """Return the string of *key*, or None if the key is missing, or if it is empty and *may_be_empty*."""
    node = item.get(key)
    if node is None:
        return None
    if is_null(node):
        if may_be_empty:
            return None
        raise invalid(f"Mapping for key '{key}' is empty", context)
    if isinstance(node, ScalarNode):
        if node.value:
            return Scalar(node.value, context.file, node)
        if may_be_empty:
            return None
    value_context = context.at("value for", place_of(node), key)
    if not isinstance(node, ScalarNode):
        raise invalid("Value is not a scalar value", value_context)
    raise invalid("Value must be non-empty", value_context)


def required_text(item: YamlMap, key: str, context: Context) -> Scalar:
    """Return the string of *key*, which has to be present."""
    scalar = optional_text(item, key, context)
    if scalar is None:
        raise missing(key, context)
    return scalar


def optional_bool(item: YamlMap, key: str, context: Context, default: bool = False) -> bool:
    """Return the boolean of *key*, or *default* if the key is missing."""
    scalar = optional_text(item, key, context)
    return default if scalar is None else _bool(scalar, key, context)


def required_bool(item: YamlMap, key: str, context: Context) -> bool:
    """Return the boolean of *key*, which has to be present."""
    return _bool(required_text(item, key, context), key, context)


def _bool(scalar: Scalar, key: str, context: Context) -> bool:
    value = to_bool(scalar.value)
    if value is None:
        raise invalid(_UNDECODABLE, context.at("value for", scalar.place, key), hint="write true or false")
    return value


def optional_unsigned(item: YamlMap, key: str, context: Context, default: int = 0) -> int:
    """Return the number of *key*, or *default* if the key is missing."""
    scalar = optional_text(item, key, context)
    return default if scalar is None else _unsigned(scalar, key, context)


def required_unsigned(item: YamlMap, key: str, context: Context) -> int:
    """Return the number of *key*, which has to be present."""
    return _unsigned(required_text(item, key, context), key, context)


def _unsigned(scalar: Scalar, key: str, context: Context) -> int:
    value = to_unsigned(scalar.value)
    if value is None:
        where = context.at("value for", scalar.place, key)
        raise invalid(_UNDECODABLE, where, hint="write a number that is not negative")
    return value


def texts(item: YamlMap, key: str, context: Context, *, required: bool = False) -> tuple[str, ...]:
    """Return the strings of the list *key*; none if the key is missing and not *required*."""
    node = item.get(key)
    if node is None:
        if required:
            raise missing(key, context)
        return ()
    value_context = context.at("value for", place_of(node), key)
    if not isinstance(node, SequenceNode):
        raise invalid("Value is not a sequence", value_context, hint=f"write {key}: [a, b]")
    found = []
    for value in node.value:
        if not isinstance(value, ScalarNode) or is_null(value):
            raise invalid("sequence value is not scalar", value_context.at("list item", place_of(value)))
        found.append(value.value)
    return tuple(found)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint if *name* is close to one of *known*, or None."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else None


def warn_of_unknown_keys(item: YamlMap, known: tuple[str, ...], context: Context, result: FileResult) -> None:
    """Add a warning for each key of *item* that is not among *known*."""
    for key, _, _ in item.entries:
        if key not in known:
            message = f"Unknown key '{key}'. The key will be ignored."
            result.warn(WarningCode.LOAD_UNKNOWN_KEY, message, context, hint=did_you_mean(key, known))
