"""Decides whether alerts that a worker has sent are taken.

A worker reads what attackers write and may be in their hands. So everything it sends is bounded before and after it is
decoded, and its alerts have to be about its own source and about rules that this source has, as they were loaded. The
checks look at nothing but their arguments, so that any process can run them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from falcohost.alert import BEFORE_MESSAGE, Alert, RuleMetadata
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.facts import FactsByRule, RuleFacts
from falcohost.engine.texts import printable, printable_lines
from falcohost.store.body import MOST_BODY, decode
from falcohost.store.cut import MOST_FIELDS
from falcohost.store.metadata import by_key
from falcohost.store.outline import (
    LEAST,
    MOST,
    MOST_BEFORE,
    MOST_ID,
    MOST_READ,
    MOST_SUBJECT,
    UNDECODABLE,
    Known,
    Outline,
    are_plain,
    outlined,
)
from falcohost.subject import MOST_SUBJECTS, ProcessSubject, Subject

S = TypeVar("S")
T = TypeVar("T")

#: Most alerts in one message, and most bytes of them together unless there is only one.
MOST_ALERTS = 512
MOST_BODIES = 1 << 20

#: Most characters of a cursor.
MOST_CURSOR = 1 << 22

#: Seconds for which alerts of former rules are admitted after the worker has switched to new ones.
LATE = 120.0

_PLAIN = frozenset((str, int, float, bool, type(None)))

#: Deepest nesting of values that an alert keeps from its condition.
DEEPEST = 4

_decode_read = msgspec.msgpack.Decoder(dict[str, object]).decode


class Refused(ValueError):
    """A message is not one that an intact worker sends; the text says why."""


def guarded(decode: Callable[[S], T], data: S) -> T:
    """Return what *decode* makes of *data*.

    :raises Refused: it fails, in whatever way.
    """
    try:
        return decode(data)
    except Refused:
        raise
    except UNDECODABLE:
        raise Refused("it cannot be decoded") from None


class Admission:
    """Admits the alerts of one source.

    :param source: the name of the source.
    :param hostname: the name of this host, which every alert repeats.
    :param facts: the facts of the source's rules.
    """

    def __init__(self, source: str, hostname: str, facts: FactsByRule, clock: Clock = SYSTEM) -> None:
        self.source = source
        self._hostname = hostname
        self._clock = clock
        self._newest: FactsByRule = facts
        self._former: dict[int, tuple[FactsByRule, float]] = {}
        self._number = 0

    def renew(self, number: int, facts: FactsByRule) -> None:
        """Admit alerts of the rules of reload *number* as well, since the worker may switch to them at any time."""
        self._forget()
        self._former[self._number] = self._newest, math.inf
        self._newest, self._number = facts, number

    def switched(self, number: int) -> None:
        """Take note that the worker has switched to the rules of reload *number*.

        Alerts of earlier rules are admitted for :data:`LATE` seconds more: matches may be folded or wait for a lookup.
        """
        until = self._clock.monotonic() + LATE
        for former, (facts, last) in list(self._former.items()):
            if former < number:
                self._former[former] = facts, min(last, until)

    def restarted(self) -> None:
        """Take note that a new worker has begun, with the newest rules."""
        self.switched(self._number)

    def admit(
        self, bodies: Sequence[bytes], metadata: Sequence[RuleMetadata], cursor: str | None
    ) -> tuple[list[Alert], dict[int, RuleMetadata]]:
        """Return the alerts in *bodies*, and the *metadata* of their rules by key.

        :raises Refused: they are not taken.
        """
        self._bound(bodies, metadata, cursor)
        # The keys are computed here: no worker says what metadata another's alerts have.
        keys = by_key(metadata)
        return [self._admitted(body, keys) for body in bodies], keys

    def outlines(
        self, bodies: Sequence[bytes], metadata: Sequence[RuleMetadata], cursor: str | None
    ) -> tuple[list[Known], dict[int, RuleMetadata]]:
        """Do as :meth:`admit` does, but return only outlines of alerts that are as expected, which is faster.

        :raises Refused: they are not taken.
        """
        self._bound(bodies, metadata, cursor)
        keys = by_key(metadata)
        found = self._outlined(bodies, keys)
        if not are_plain([one for one in found if one is not None]):
            found = [one if one is not None and are_plain((one,)) else None for one in found]
        return [one or self._admitted(body, keys) for one, body in zip(found, bodies, strict=True)], keys

    @staticmethod
    def _bound(bodies: Sequence[bytes], metadata: Sequence[RuleMetadata], cursor: str | None) -> None:
        if cursor is not None and len(cursor) > MOST_CURSOR:
            raise Refused(f"a cursor of {len(cursor)} characters")
        if len(bodies) > MOST_ALERTS or len(metadata) > len(bodies):
            raise Refused(f"{len(bodies)} alerts and {len(metadata)} descriptions of rules in one message")
        if len(bodies) > 1 and sum(map(len, bodies)) > MOST_BODIES:
            raise Refused(f"{sum(map(len, bodies))} bytes of alerts in one message")

    def _outlined(self, bodies: Sequence[bytes], metadata: dict[int, RuleMetadata]) -> list[Outline | None]:
        """Return outlines of the alerts in *bodies*; None: something about one is not as expected."""
        return outlined(bodies, self.source, self._hostname, self._newest, metadata)

    def _admitted(self, body: bytes, metadata: dict[int, RuleMetadata]) -> Alert:
        if len(body) > MOST_BODY:
            raise Refused(f"an alert of {len(body)} bytes")
        try:
            alert = decode(body, metadata)
        except UNDECODABLE:
            raise Refused("an alert that cannot be decoded") from None
        self._check(alert)
        return alert

    def _check(self, alert: Alert) -> None:
        if alert.source != self.source:
            raise Refused(f"an alert of the source {_named(alert.source)}")
        facts = self._newest.get(alert.rule)
        if facts is None or not facts.are_those_of(alert):
            former = self._former_facts(alert)
            if former is None:
                other = "has with another priority, other tags or another description"
                why = "does not have" if facts is None else other
                raise Refused(f"an alert of the rule {_named(alert.rule)}, which the source {why}")
            facts = former
        if alert.hostname != self._hostname or alert.depth:
            raise Refused("an alert of another host, or of a subscriber")
        if not (0 < len(alert.id) <= MOST_ID and alert.id.isprintable()):
            raise Refused(f"an alert with the id {_named(alert.id)}")
        if not (LEAST <= alert.time <= MOST and 0 < alert.count <= MOST):
            raise Refused(f"an alert with the time {alert.time} and the count {alert.count}")
        check_text(alert, facts.breaks)
        if alert.read:
            check_read(alert.read)
        check_fields(alert.fields)
        subjects = alert.subjects
        if len(subjects) > MOST_SUBJECTS:
            raise Refused("an alert with too many subjects")
        for subject in subjects:
            if not _is_subject(subject):
                raise Refused("an alert with a subject that is too long, or out of range")

    def _former_facts(self, alert: Alert) -> RuleFacts | None:
        """Return the facts of a former rule that *alert* repeats; None if there is none."""
        self._forget()
        former = (facts.get(alert.rule) for facts, _ in self._former.values())
        return next((facts for facts in former if facts is not None and facts.are_those_of(alert)), None)

    def _forget(self) -> None:
        """Forget the facts of rules of which no alerts are admitted any more."""
        now = self._clock.monotonic()
        self._former = {number: kept for number, kept in self._former.items() if now <= kept[1]}


def check_text(alert: Alert, breaks: int) -> None:
    """Check the texts of *alert*, which has as many line *breaks* as its rule's output.

    :raises Refused: they could forge another line, or are not about the same alert.
    """
    message, output, end = alert.message, alert.output, BEFORE_MESSAGE[alert.priority]
    at = len(output) - len(message)
    if not (output.endswith(message) and output.endswith(end, 0, at) and at - len(end) <= MOST_BEFORE):
        raise Refused("an alert whose line does not end with its priority and message")
    if output.isascii() and output.isprintable():
        return
    if output.count("\n") > breaks or printable_lines(output) != output:
        raise Refused("an alert with control characters in its line")


def check_read(data: bytes) -> None:
    """Check the encoded values that an alert's condition has read.

    :raises Refused: they cannot be decoded, are nested deep, or too many.
    """
    if len(data) > MOST_READ:
        raise Refused(f"an alert with {len(data)} bytes of values of its condition")
    if not all(_is_flat(value, DEEPEST) for value in guarded(_decode_read, data).values()):
        raise Refused("an alert with deep values of its condition")


def check_fields(fields: dict[str, object]) -> None:
    """Check the values of an alert's *fields*: texts, numbers, and lists of these.

    :raises Refused: there are others, or too many.
    """
    if len(fields) > MOST_FIELDS:
        raise Refused(f"an alert with {len(fields)} fields")
    for name, value in fields.items():
        kind = value.__class__
        if kind is str or kind is int:  # as most are
            continue
        if kind not in _PLAIN and not (isinstance(value, list) and _PLAIN.issuperset(map(type, value))):
            raise Refused(f"an alert whose field {_named(name)} is neither text nor number nor a list of these")


def _is_flat(value: object, levels: int) -> bool:
    """Return whether *value* is a text, bytes, a number, or lists and maps of such with no more than these *levels*."""
    if type(value) in _PLAIN or isinstance(value, bytes):
        return True
    items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else (value,)
    return levels > 0 and all(_is_flat(item, levels - 1) for item in items)


def _is_subject(subject: Subject) -> bool:
    if isinstance(subject, ProcessSubject):
        one, pidns, cgroup = subject, subject.pidns or 0, subject.cgroup or 0
        least, most = min(one.pid, one.start, pidns, cgroup), max(one.pid, one.start, pidns, cgroup)
        return least >= LEAST and most <= MOST
    return len(subject.kind) <= MOST_SUBJECT and len(subject.name) <= MOST_SUBJECT


def _named(name: str) -> str:
    """Return *name* in quotes, short and printable, since it is what an attacker has chosen."""
    return f"'{printable(name[:100])}'"
