"""The messages between a source's worker and the store: alerts and cursors up, acknowledgements down.

They have a socket pair of their own. Which source speaks is known by the socket, not by what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import msgspec

from falcohost.alert import Alert, RuleMetadata
from falcohost.host.wire import Received
from falcohost.store.admission import MOST_BODIES, Admission
from falcohost.store.body import encode
from falcohost.store.outline import MOST, Known


class PackedAlerts(msgspec.Struct, tag=True, frozen=True):
    """Alerts in order, and the cursor to store with them (None: no new one).

    Each alert is encoded once, by the worker, and each rule's metadata is there once.

    :ivar number: 1 for the first message of a worker.
    :ivar rewinds: the source has cursors, so the same events may be read again.
    :ivar ended: the source has ended; if it is read again, it starts from the beginning.
    :ivar again: sent before, to a store that ended before it acknowledged the message.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    bodies: list[bytes]
    metadata: list[RuleMetadata]
    cursor: str | None
    rewinds: bool
    ended: bool = False
    again: bool = False


class Alerts(msgspec.Struct, frozen=True):
    """:class:`PackedAlerts` as received; *bodies*: the alerts in bytes as they came, to be stored as they are."""

    sent: PackedAlerts
    alerts: Sequence[Known]
    metadata: dict[int, RuleMetadata]


class Begin(msgspec.Struct, tag=True, frozen=True):
    """The source resumes after *cursor*; None: there is none. The first message to a worker."""

    cursor: str | None


class Stored(msgspec.Struct, tag=True, frozen=True):
    """The store has all messages up to *number*, and has written *cursor* (None: no new one)."""

    number: int
    cursor: str | None = None


#: An alert as :func:`~falcohost.store.body.encode` encodes it, and the metadata of its rule.
Encoded: TypeAlias = tuple[bytes, RuleMetadata]

#: What the store says.
ToSource: TypeAlias = Begin | Stored


def pack(
    number: int, alerts: Sequence[Alert], cursor: str | None, *, rewinds: bool, ended: bool
) -> Iterator[PackedAlerts]:
    """Yield the messages for *alerts*: one, or more if they are too large for that. The last has the cursor.

    :param number: that of the first.
    """
    return pack_encoded(number, [*map(encoded, alerts)], cursor, rewinds=rewinds, ended=ended)


def pack_encoded(
    number: int, alerts: Sequence[Encoded], cursor: str | None, *, rewinds: bool, ended: bool
) -> Iterator[PackedAlerts]:
    """Yield the same messages for alerts that are encoded already."""
    bodies = [body for body, _ in alerts]
    if sum(map(len, bodies)) <= MOST_BODIES:  # as most are
        yield PackedAlerts(number, bodies, _metadata(alerts), cursor, rewinds, ended)
        return
    begin = size = 0
    for end, body in enumerate(bodies):
        if size + len(body) > MOST_BODIES and end > begin:
            yield PackedAlerts(number, bodies[begin:end], _metadata(alerts[begin:end]), None, rewinds)
            number, begin, size = number + 1, end, 0
        size += len(body)
    yield PackedAlerts(number, bodies[begin:], _metadata(alerts[begin:]), cursor, rewinds, ended)


def encoded(alert: Alert) -> Encoded:
    """Return *alert* as :func:`pack_encoded` takes it."""
    return encode(alert), alert.metadata


def _metadata(alerts: Sequence[Encoded]) -> list[RuleMetadata]:
    return [*{id(metadata): metadata for _, metadata in alerts}.values()]


class FromSource(Received[Alerts]):
    """Reassembles what a source says; *admission* decides what is taken."""

    def __init__(self, admission: Admission) -> None:
        super().__init__(PackedAlerts)
        self._admission = admission

    def _message(self, data: memoryview) -> Alerts:
        sent: PackedAlerts = self._decode(data)
        return Alerts(sent, *self._admission.outlines(sent.bodies, sent.metadata, sent.cursor))
