"""Reads a ``rule`` item: a definition, a change to an existing rule, or the switch that turns one on or off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost.alert import Priority
from falcohost.engine.ruleset import BoundAction
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.rules.codes import WarningCode
from falcohost.rules.decode import (
    did_you_mean,
    invalid,
    optional_bool,
    optional_text,
    optional_unsigned,
    required_bool,
    required_text,
    required_unsigned,
    texts,
    warn_of_unknown_keys,
)
from falcohost.rules.definitions import Definition, EnableDef, RuleDef, RuleUpdate
from falcohost.rules.documents import SequenceNode, YamlMap, place_of
from falcohost.rules.exception_reader import read_exceptions
from falcohost.rules.overrides import Overrides, read_overrides, without_append_word
from falcohost.rules.places import Context
from falcohost.rules.results import FileResult
from falcohost.rules.texts import Scalar, SourceText

_REQUIRED = ("condition", "output", "desc", "priority")
_APPENDABLE = ("condition", "exceptions", "output", "desc", "tags")
_REPLACEABLE = (
    *_APPENDABLE,
    *("priority", "capture", "capture_duration", "enabled", "warn_evttypes", "skip-if-unknown-filter"),
)
_MAY_APPEND, _MAY_REPLACE = frozenset(_APPENDABLE), frozenset(_REPLACEABLE)
_KEYS = ("rule", *_REPLACEABLE, "source", "override", "append", "actions")
_ENABLED_DEPRECATED = (
    "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under the "
    "'override' key (i.e. 'enabled: replace')."
)
_PRIORITIES = {priority.name: priority for priority in Priority} | {"INFO": Priority.INFORMATIONAL}


def read_rule(item: YamlMap, parent: Context, result: FileResult) -> Iterator[Definition]:
    """Yield the definition or the changes of the rule *item*, in the order in which they take effect.

    :raises LoadFailure: a part of it is missing or wrong.
    """
    name = required_text(item, "rule", parent.at("rule", item.place)).value
    context = parent.at("rule", item.place, name)
    source = optional_text(item, "source", context, may_be_empty=True)
    overrides = read_overrides(item, _MAY_APPEND, _MAY_REPLACE, context, result)
    if overrides:
        yield from _updates(item, name, source.value if source else "", overrides, context, result)
    elif overrides.legacy:
        yield _legacy_append(item, name, source.value if source else "", context, result)
    elif not any(key in item for key in _REQUIRED):
        enabled = required_bool(item, "enabled", context)
        result.warn(WarningCode.LOAD_DEPRECATED_ITEM, _ENABLED_DEPRECATED, context)
        yield EnableDef(name=name, enabled=enabled, context=context)
    else:
        yield _definition(item, name, context, result)
    warn_of_unknown_keys(item, _KEYS, context, result)


def _definition(item: YamlMap, name: str, context: Context, result: FileResult) -> RuleDef:
    condition = required_text(item, "condition", context)
    output = required_text(item, "output", context)
    description = required_text(item, "desc", context).value
    priority = _priority(item, context)
    source = optional_text(item, "source", context)
    return RuleDef(
        name=name,
        condition=SourceText.of(condition, condition=True),
        output=_trimmed(output),
        description=description,
        priority=priority,
        source=source.value if source else DEFAULT_SOURCE,
        context=context,
        condition_context=context.at("rule condition", condition.place),
        output_context=context.at("rule output", output.place),
        enabled=optional_bool(item, "enabled", context, default=True),
        capture=optional_bool(item, "capture", context),
        capture_duration=optional_unsigned(item, "capture_duration", context),
        warn_evttypes=optional_bool(item, "warn_evttypes", context, default=True),
        skip_if_unknown_filter=optional_bool(item, "skip-if-unknown-filter", context),
        tags=_tags(item, context),
        exceptions=read_exceptions(item, context, result, append=False),
        actions=_actions(item, context),
    )


def _trimmed(output: Scalar) -> SourceText:
    stripped = output.value.strip(" \t\n\v\f\r")
    begin = output.value.find(stripped)
    return SourceText.of(output).part(begin, begin + len(stripped))


def _tags(item: YamlMap, context: Context) -> tuple[str, ...]:
    return tuple(sorted(set(texts(item, "tags", context))))


def _actions(item: YamlMap, context: Context) -> tuple[BoundAction, ...]:
    """Return the actions that the rule asks for: falcohost's own key, which Falco ignores."""
    names = texts(item, "actions", context)
    node = item.get("actions")
    nodes = node.value if isinstance(node, SequenceNode) else []
    places = (context.file.in_bytes(place_of(one)) for one in nodes)
    return tuple(
        BoundAction(name, f"{context.file.name}:{place.line + 1}:{place.column + 1}")
        for name, place in zip(names, places, strict=True)
    )


def _priority(item: YamlMap, context: Context) -> Priority:
    scalar = required_text(item, "priority", context)
    priority = _PRIORITIES.get(scalar.value.upper())
    if priority is None:
        known = ", ".join(name.lower() for name in _PRIORITIES)
        hint = did_you_mean(scalar.value.lower(), map(str.lower, _PRIORITIES)) or f"one of {known}"
        raise invalid("Invalid priority", context.at("rule priority", scalar.place), hint=hint)
    return priority


def _legacy_append(item: YamlMap, name: str, source: str, context: Context, result: FileResult) -> RuleUpdate:
    condition = required_text(item, "condition", context) if "condition" in item else None
    exceptions = read_exceptions(item, context, result, append=True) if "exceptions" in item else None
    return RuleUpdate(
        name=name,
        append=True,
        context=context,
        source=source,
        condition=SourceText.of(condition, condition=True) if condition else None,
        exceptions=exceptions,
    )


def _updates(
    item: YamlMap, name: str, source: str, overrides: Overrides, context: Context, result: FileResult
) -> Iterator[RuleUpdate]:
    """Yield the update that appends, then the one that replaces; then raise an error for keys that do neither."""
    left = {key for key in _REPLACEABLE if key in item}
    for word, keys in (("append", overrides.append), ("replace", overrides.replace)):
        changes: dict[str, Any] = {"source": source if "condition" in keys else ""}
        for key, (attribute, read) in _OVERRIDE_READERS.items():
            if key not in keys:
                continue
            if key not in left:
                message = f"An {word} override for '{key}' was specified but '{key}' is not defined"
                raise invalid(message, context)
            left.discard(key)
            changes[attribute] = read(item, word == "append", context, result)
        if keys:
            yield RuleUpdate(name=name, append=word == "append", context=context, **changes)
    for key in sorted(left):
        where = context.at("overrides", place_of(item.get(key) or item.node), key)
        message = f"Unexpected key '{key}': no corresponding entry under 'override' is defined."
        raise invalid(message, where, hint=f"add '{key}: replace' under override")


def _override_condition(item: YamlMap, append: bool, context: Context, result: FileResult) -> SourceText:
    scalar = required_text(item, "condition", context)
    text = SourceText.of(scalar, condition=True)
    if not append:
        return text
    return without_append_word(text, context.at("rule condition", scalar.place), result)


#: For each key that can be overridden: the update's attribute, and its reader. Errors are reported in this order.
_OVERRIDE_READERS: dict[str, tuple[str, Callable[[YamlMap, bool, Context, FileResult], object]]] = {
    "condition": ("condition", _override_condition),
    "exceptions": (
        "exceptions",
        lambda item, append, context, result: read_exceptions(item, context, result, append=append),
    ),
    "output": ("output", lambda item, append, context, result: SourceText.of(required_text(item, "output", context))),
    "desc": ("description", lambda item, append, context, result: required_text(item, "desc", context).value),
    "tags": ("tags", lambda item, append, context, result: _tags(item, context)),
    "priority": ("priority", lambda item, append, context, result: _priority(item, context)),
    "capture": ("capture", lambda item, append, context, result: required_bool(item, "capture", context)),
    "capture_duration": (
        "capture_duration",
        lambda item, append, context, result: required_unsigned(item, "capture_duration", context),
    ),
    "enabled": ("enabled", lambda item, append, context, result: required_bool(item, "enabled", context)),
    "warn_evttypes": (
        "warn_evttypes",
        lambda item, append, context, result: required_bool(item, "warn_evttypes", context),
    ),
    "skip-if-unknown-filter": (
        "skip_if_unknown_filter",
        lambda item, append, context, result: required_bool(item, "skip-if-unknown-filter", context),
    ),
}
