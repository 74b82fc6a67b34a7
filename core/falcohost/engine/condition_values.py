"""Keeps the values that a rule's condition read, so that a stored alert can be explained later.

Values that the alert's output shows unchanged are not kept twice. Values are kept as MessagePack, which only those
decode who ask for them. A value that is long, not known or not valid Unicode is left out: it counts as unknown. In a
flood the values of most alerts are left out, since reading them costs as much as half an alert.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.engine.code.expressions import read
from falcohost.engine.code.module import Module
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import FieldRef, checks, fields, operand_fields
from falcohost.engine.operands import value_type
from falcohost.engine.render import json_value
from falcohost.engine.tokens import Token
from falcohost.fields import Compare

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule

#: From an event to the encoded values.
Keep: TypeAlias = Callable[[Any], bytes]

#: Most bytes of one value, and of all values of an alert.
MOST_VALUE = 1024
MOST_VALUES = 8192

#: Most alerts of one rule of which the values are kept in one second.
MOST_ALERTS = 32

#: Most rules of which the generated code is remembered.
_MOST_RULES = 4096


class ConditionValues:
    """Keeps the values of conditions, with a limit for each rule."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._now = clock.monotonic
        self._rules: dict[int, _Rule] = {}

    def of(self, rule: Rule, event: Any) -> bytes:
        """Return the values that the condition of *rule* read from *event*; empty beyond the limit."""
        known = self._rules.get(id(rule)) or self._add(rule)
        if not known.left:
            now = self._now()
            if now < known.until:
                return b""
            known.until, known.left = now + 1.0, MOST_ALERTS
        known.left -= 1
        return known.keep(event)

    def _add(self, rule: Rule) -> _Rule:
        if len(self._rules) >= _MOST_RULES:
            self._rules.clear()
        known = self._rules[id(rule)] = _Rule(rule)
        return known


class _Rule:
    """The generated code for *rule*, and for how many more alerts it may run before the monotonic time *until*.

    Holds the rule, so that its id remains its own.
    """

    __slots__ = ("keep", "left", "rule", "until")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.keep = keeper(rule)
        self.until = 0.0
        self.left = 0


def kept_fields(rule: Rule) -> tuple[FieldRef, ...]:
    """Return the fields that the condition of *rule* reads, without those that its output shows as they are."""
    tokens = (part for part in rule.output.parts if isinstance(part, Token))
    shown = {ref.text for token in tokens for ref in operand_fields(token.operand) if _is_shown_whole(ref)}
    # A check that no event passes, such as evt.num = 0, is decided without a value.
    read = (ref for check in checks(rule.condition) if event_types(check) != frozenset() for ref in fields(check))
    return tuple(ref for ref in dict.fromkeys(read) if ref.text not in shown)


def _is_shown_whole(ref: FieldRef) -> bool:
    """Return whether an output has the value that conditions read (of one that is cut, its beginning)."""
    field = ref.field
    differs = field.json is not None or field.shown is not None or field.filter_only
    return not differs and value_type(ref).compare is Compare.SCALAR


def keeper(rule: Rule) -> Keep:
    """Return the function that encodes the values of the fields of :func:`kept_fields`."""
    refs = kept_fields(rule)
    if not refs:
        return lambda event: b""
    module = Module()
    of = module.names.of
    values = ", ".join(f"{of(ref.text, 'name', ref.text)}: {read(module.names, ref)}" for ref in refs)
    whole = module.function([f"    return {of(_encode)}({{{values}}})"])
    single = [(ref.text, module.function([f"    return {read(module.names, ref)}"])) for ref in refs]
    functions = module.functions()
    all_at_once, one_by_one = functions[whole], [(name, functions[function]) for name, function in single]

    def keep(event: Any) -> bytes:
        try:
            data: bytes = all_at_once(event)
        except Exception:  # one of the values cannot be read or encoded
            return _each(one_by_one, event)
        return data if len(data) <= MOST_VALUE else _each(one_by_one, event)

    return keep


def kept_values(data: bytes) -> dict[str, object]:
    """Return the values in *data* as JSON values by the names of their fields; empty if *data* is damaged."""
    if not data:
        return {}
    try:
        values = _decode(data)
    except (ValueError, RecursionError):
        return {}
    return {
        name: value.decode() if isinstance(value, bytes) else json_value(value)
        for name, value in values.items()
        if not isinstance(value, bytes) or value.isascii()  # JSON has no other bytes
    }


def _each(readers: list[tuple[str, Callable[[Any], object]]], event: Any) -> bytes:
    """Encode each value that can be read and encoded and is not too long, as far as there is room."""
    found: dict[str, msgspec.Raw] = {}
    size = 0
    for name, get in readers:
        try:
            value = _encode(get(event))
        except Exception:
            continue
        if len(value) <= MOST_VALUE and size + len(value) + len(name) <= MOST_VALUES:
            found[name] = msgspec.Raw(value)
            size += len(value) + len(name)
    return _encode(found)


def _address(value: object) -> str:
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not kept")


_encode = msgspec.msgpack.Encoder(enc_hook=_address).encode
_decode = msgspec.msgpack.Decoder(dict[str, object]).decode
