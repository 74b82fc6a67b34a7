"""Keeps the values that a rule's condition read, so that a stored alert can be explained later.

Values that the alert's output shows unchanged are not kept twice. Values are kept as MessagePack, which only those
decode who ask for them. A value that is long, not known or not valid Unicode is left out. Instead, the alert keeps how
long it was, and what the checks that read it said. In a flood the values of most alerts are left out, since reading
them costs as much as half an alert.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.engine.beginnings import opened
from falcohost.engine.code.module import Module, compile_condition
from falcohost.engine.code.reads import call, read
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import Check, Exists, Expr, FieldRef, checks, fields, operand_fields
from falcohost.engine.operands import value_type
from falcohost.engine.render import json_value
from falcohost.engine.shown import shown
from falcohost.engine.texts import text_bytes, valid
from falcohost.engine.tokens import Token
from falcohost.engine.unknown import certain, possible
from falcohost.fields import Compare

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule

#: From an event to the encoded values.
Keep: TypeAlias = Callable[[Any], bytes]

#: Most bytes of one value, and of all values of an alert.
MOST_VALUE = 1024
MOST_VALUES = 8192

#: Most bytes of what is kept about values that are left out.
MOST_ABOUT = 4096

#: Names that no field has: of the fields that are left out, with their length in bytes (0: not known in full), and of
#: the checks of them that were true and false, as :func:`check_name` names them.
LEFT_OUT = "falcohost.left_out"
ANSWERED = {True: "falcohost.true", False: "falcohost.false"}

#: Most characters of the name of a check.
_LONGEST_NAME = 120

#: Most alerts of one rule of which the values are kept in one second.
MOST_ALERTS = 32


class ConditionValues:
    """Keeps the values of the condition of *rule*, which ends with its ruleset, with a limit."""

    __slots__ = ("_keep", "_left", "_now", "_until")

    def __init__(self, rule: Rule, clock: Clock = SYSTEM) -> None:
        self._now = clock.monotonic
        self._keep = keeper(rule)
        self._until = 0.0
        self._left = 0

    def of(self, event: Any) -> bytes:
        """Return the values that the condition read from *event*; empty beyond the limit."""
        if not self._left:
            now = self._now()
            if now < self._until:
                return b""
            self._until, self._left = now + 1.0, MOST_ALERTS
        self._left -= 1
        return self._keep(event)


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
    single = [(ref.text, module.function([f"    return {call(module.names, ref)}"])) for ref in refs]
    functions = module.functions()
    all_at_once, one_by_one = functions[whole], [(name, functions[function]) for name, function in single]
    answers = _Answers(rule.condition)

    def keep(event: Any) -> bytes:
        try:
            data: bytes = all_at_once(event)
        except Exception:  # one of the values cannot be read or encoded
            return _each(one_by_one, answers, event)
        return data if len(data) <= MOST_VALUE else _each(one_by_one, answers, event)

    return keep


def check_name(check: Check | Exists) -> str:
    """Return the text of *check*; a long one ends with its length and its checksum."""
    text = valid(shown(check))
    if len(text) <= _LONGEST_NAME:
        return text
    return f"{text[:_LONGEST_NAME]}… {len(text)} {zlib.crc32(text.encode()):08x}"


class _Answers:
    """Evaluates single checks of a *condition*, for values that are too long to be kept."""

    def __init__(self, condition: Expr) -> None:
        self._condition = condition
        self._compiled: dict[Check | Exists, tuple[Callable[[Any], bool], Callable[[Any], bool]]] = {}

    def of(self, names: dict[str, int], event: Any) -> Iterator[tuple[str, bool]]:
        """Yield the name and the answer of each check that reads a field in *names*, and whose answer is certain."""
        for check in dict.fromkeys(checks(self._condition)):
            if any(ref.text in names for ref in fields(check)):
                answer = self._ask(check, event)
                if answer is not None:
                    yield check_name(check), answer

    def _ask(self, check: Check | Exists, event: Any) -> bool | None:
        if check not in self._compiled:
            over = opened(check)
            self._compiled[check] = compile_condition(certain(over)), compile_condition(possible(over))
        is_certain, is_possible = self._compiled[check]
        try:
            return True if is_certain(event) else None if is_possible(event) else False
        except Exception:  # a value cannot be read
            return None


def kept_values(data: bytes) -> dict[str, object]:
    """Return the values in *data* as JSON values by the names of their fields; empty if *data* is damaged."""
    if not data:
        return {}
    try:
        values = _decode(data)
    except (ValueError, RecursionError):
        return {}
    about = {name: values.pop(name) for name in (LEFT_OUT, *ANSWERED.values()) if name in values}
    found = {
        name: value.decode() if isinstance(value, bytes) else json_value(value)
        for name, value in values.items()
        if not isinstance(value, bytes) or value.isascii()  # JSON has no other bytes
    }
    return found | {name: value for name, value in about.items() if _is_about(value)}


def _is_about(value: object) -> bool:
    """Return whether *value* is what :func:`_about` writes: it comes from a worker."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and type(size) is int for name, size in value.items())
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _each(readers: list[tuple[str, Callable[[Any], object]]], answers: _Answers, event: Any) -> bytes:
    """Encode each value that can be read and encoded and is not too long, as far as there is room."""
    found: dict[str, object] = {}
    left: dict[str, int] = {}
    size = 0
    for name, get in readers:
        try:
            plain = get(event)
            value = _encode(plain)
        except Exception:
            left[name] = 0
            continue
        if len(value) <= MOST_VALUE and size + len(value) + len(name) <= MOST_VALUES:
            found[name] = msgspec.Raw(value)
            size += len(value) + len(name)
        else:
            left[name] = len(text_bytes(plain) if isinstance(plain, str) else value)
    return _encode(found | _about(left, answers, event) if left else found)


def _about(left: dict[str, int], answers: _Answers, event: Any) -> dict[str, object]:
    """Return what is kept about the values that are *left* out, as far as there is room."""
    names: dict[str, int] = {}
    answered: dict[str, list[str]] = {name: [] for name in ANSWERED.values()}
    room = MOST_ABOUT
    for name, length in left.items():
        room -= len(name.encode()) + 16
        if room >= 0:
            names[name] = length
    for name, answer in answers.of(left, event):
        room -= len(name.encode()) + 4
        if room >= 0:
            answered[ANSWERED[answer]].append(name)
    return {LEFT_OUT: names} | {name: found for name, found in answered.items() if found}


def _address(value: object) -> str:
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not kept")


_encode = msgspec.msgpack.Encoder(enc_hook=_address).encode
_decode = msgspec.msgpack.Decoder(dict[str, object]).decode
