"""Reads field values from an event in JSON.

The JSON is either an alert as Falco and falcohost write it, with ``output_fields``, or an object of fields and values.
Values are converted to what the field's getter would return; an invalid value is an :class:`EventValueError`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.condition_values import ANSWERED, LEFT_OUT, check_name
from falcohost.engine.explain.trace import UNKNOWN, Key, LeftOut, key_of
from falcohost.engine.ir import Check, Exists, FieldRef
from falcohost.engine.operands import ValueType, value_type
from falcohost.engine.paths import getter
from falcohost.engine.texts import printable, text_bytes
from falcohost.engine.values import ValueTextError, parse_value
from falcohost.errors import FalcohostError
from falcohost.fields import Compare, Family, Field, FieldType
from falcohost.lang.parser import parse_operand
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import FieldNode

#: The keys of an alert's fields, and of what else its rule's condition read.
OUTPUT_FIELDS = "output_fields"
CONDITION_FIELDS = "condition_fields"

#: Prefixes of fields whose values follow from the time of the event.
_OF_TIME = ("evt.time", "evt.datetime", "evt.rawtime")


class EventValueError(FalcohostError):
    """The JSON is not an event of the source: a field does not exist, or its value is not valid."""


@dataclass(frozen=True, slots=True)
class KnownValues:
    """What is known of an event.

    :ivar values: values of fields; None if absent.
    :ivar left_out: the lengths of values that the alert does not have, by the fields' names.
    :ivar answers: what checks said of these, by :func:`~falcohost.engine.condition_values.check_name`.
    """

    values: Mapping[Key, object]
    left_out: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, bool] = field(default_factory=dict)

    def value(self, ref: FieldRef) -> object:
        """Return the value of *ref*, LeftOut, or UNKNOWN."""
        found = self.values.get(key_of(ref), UNKNOWN)
        if found is UNKNOWN and ref.text in self.left_out:
            return LeftOut(self.left_out[ref.text])
        return found

    def answer(self, check: Check | Exists) -> bool | None:
        """Return what *check* said when the alert was raised, if the alert has that."""
        return self.answers.get(check_name(check)) if self.answers else None


class EventReader:
    """Reads events of one source.

    :param event_types: the event types of the source, if it declares them.
    """

    def __init__(self, catalog: Catalog, event_types: frozenset[str] | None = None) -> None:
        self._catalog = catalog
        self._only_type = next(iter(event_types)) if event_types is not None and len(event_types) == 1 else None
        self._refs: dict[str, FieldRef] = {}

    def is_flat(self, data: Mapping[str, object]) -> bool:
        """Return whether *data* is an object of fields and values: one of its keys is a field, or all look like one."""
        return any(self._field(name) for name in data) or all("." in name for name in data)

    def read(self, data: Mapping[str, Any]) -> KnownValues:
        """Return the field values in *data*, an alert or an object of fields and values.

        Names in an alert that are not fields are ignored: the configuration may have added them.

        :raises EventValueError: a value is not valid; or, outside of an alert, a field does not exist.
        """
        fields = data.get(OUTPUT_FIELDS)
        if not isinstance(fields, dict):
            return KnownValues(self._completed({key_of(ref): value for ref, value in self._flat(data)}, data))
        found = {}
        for name, raw in fields.items():
            ref = self._field(name)
            if ref is not None and _is_told(ref, raw):
                found[key_of(ref)] = value_of(ref, raw)
        given = data.get(CONDITION_FIELDS)
        read: dict[str, Any] = given if isinstance(given, dict) else {}
        for name, raw in read.items():
            ref = self._field(name)
            if ref is not None:
                found[key_of(ref)] = value_of(ref, raw)  # as the condition read it, which outputs may not show
        return KnownValues(self._completed(found, data), _left_out(read), _answers(read))

    def _flat(self, data: Mapping[str, Any]) -> list[tuple[FieldRef, object]]:
        found = []
        for name, raw in data.items():
            ref = self._field(name)
            if ref is None:
                raise self._no_field(name)
            found.append((ref, value_of(ref, raw)))
        return found

    def _field(self, name: str) -> FieldRef | None:
        if name not in self._refs:
            try:
                node = parse_operand(name)
                if not isinstance(node, FieldNode):
                    return None
                self._refs[name] = self._catalog.resolve(node.name, node.arg)
            except (ConditionSyntaxError, TypeCheckError):
                return None
        return self._refs[name]

    def _no_field(self, name: str) -> EventValueError:
        near = self._catalog.near(name)
        hint = f"; did you mean {near}?" if near is not None and near != name else ""
        return EventValueError(f"'{printable(name)}' is not a field of source '{self._catalog.source}'{hint}")

    def _completed(self, found: dict[Key, object], data: Mapping[str, Any]) -> dict[Key, object]:
        """Add to *found* the fields that follow from the time or from the event type."""
        if self._only_type is not None:
            found.setdefault(("evt.type", None), self._only_type)
        for name in ("evt.source", "evt.hostname"):
            text = data.get(name.partition(".")[2])
            if isinstance(text, str):
                found.setdefault((name, None), text)
        times = [value.ts for value in found.values() if isinstance(value, _Time)]
        found = {key: value for key, value in found.items() if not isinstance(value, _Time)}
        event = SimpleNamespace(type=found.get(("evt.type", None)), ts=times[0] if times else None)
        for one in self._catalog.fields:
            follows = (event.type and one.name == "evt.dir") or (event.ts and one.name.startswith(_OF_TIME))
            if follows and (one.name, None) not in found:
                with suppress(AttributeError):  # its getter needs more attributes
                    found[one.name, None] = getter(one)(event, None)
        return found


def _left_out(read: Mapping[str, object]) -> dict[str, int]:
    found = read.get(LEFT_OUT)
    sizes = found.items() if isinstance(found, dict) else ()
    return {name: size for name, size in sizes if isinstance(name, str) and isinstance(size, int)}


def _answers(read: Mapping[str, object]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for answer, key in ANSWERED.items():
        names = read.get(key)
        found |= {name: answer for name in (names if isinstance(names, list) else ()) if isinstance(name, str)}
    return found


@dataclass(frozen=True, slots=True)
class _Time:
    """The JSON value of a field whose text is a time: nanoseconds since the epoch."""

    ts: int


def _is_told(ref: FieldRef, raw: object) -> bool:
    """Return whether an alert determines the value of *ref*.

    An alert has null for fields that cannot be printed, and a single string for the names of several processes.
    """
    several = ref.arg is None and ref.field.compare is not Compare.SCALAR
    return not ref.field.filter_only and not (several and isinstance(raw, str) and " " in raw)


def value_of(ref: FieldRef, raw: object) -> object:
    """Convert the JSON value *raw* to a value of *ref*.

    :raises EventValueError: it is not valid for that field.
    """
    kind = value_type(ref)
    if raw is None:
        return None
    if ref.field.json is not None and isinstance(raw, int) and ref.field.name.startswith(_OF_TIME):
        return _Time(raw)
    try:
        if kind.is_list or kind.compare is not Compare.SCALAR:
            return tuple(_single(item, kind) for item in (raw if isinstance(raw, list) else [raw]))
        return _single(raw, kind)
    except (ValueTextError, ValueError) as error:
        told = f"{printable(ref.text)} ({_told(ref.field)}) cannot be {_shown(raw)}"
        raise EventValueError(f"{told}: {printable(str(error))}") from None


def _single(raw: object, kind: ValueType) -> object:
    family = kind.kind.family
    if family is Family.NUMBER:
        return _number(raw, kind.kind)
    if family is Family.BOOL:
        if isinstance(raw, bool):
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        raise ValueError("expected true or false")
    if not isinstance(raw, str):
        raise ValueError("expected a string")
    if family is Family.BYTES:
        return text_bytes(raw)
    return raw if family is Family.STRING else ipaddress.ip_address(raw)


def _number(raw: object, kind: FieldType) -> int | float:
    if isinstance(raw, float) and kind is FieldType.DOUBLE:
        return raw
    if isinstance(raw, bool) or not isinstance(raw, (int, str)):
        raise ValueError("expected a number" if kind is FieldType.DOUBLE else "expected a whole number")
    value = parse_value(str(raw), kind)
    assert isinstance(value, (int, float))
    if isinstance(raw, int) and value != raw:
        raise ValueError("out of range")
    return value


def _told(field: Field) -> str:
    return f"list of {field.type.value}" if field.is_list else field.type.value


def _shown(raw: object) -> str:
    text = json.dumps(raw)
    return text if len(text) <= 60 else f"{text[:60]}…"
