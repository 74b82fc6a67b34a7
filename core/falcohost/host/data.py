"""The messages between a source's worker and the store: alerts and cursors up, acknowledgements down.

They have a socket pair of their own. Which source speaks is known by the socket, not by what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from falcohost.alert import Alert, RuleMetadata
from falcohost.host.wire import Received
from falcohost.store.body import decode, encode
from falcohost.store.metadata import by_key


class PackedAlerts(msgspec.Struct, tag=True, frozen=True):
    """Alerts in order, and the cursor to store with them (None: no new one).

    Each alert is encoded once, by the worker, and each rule's metadata is there once.

    :ivar number: 1 for the first message of a worker.
    :ivar rewinds: the source has cursors, so the same events may be read again.
    :ivar ended: the source has ended; if it is read again, it starts from the beginning.
    :ivar again: sent before, to a store that ended before it acknowledged the message.
    """

    number: int
    bodies: list[bytes]
    metadata: list[RuleMetadata]
    cursor: str | None
    rewinds: bool
    ended: bool = False
    again: bool = False


class Alerts(msgspec.Struct, frozen=True):
    """:class:`PackedAlerts` as received; *bodies*: the alerts in bytes as they came, to be stored as they are."""

    sent: PackedAlerts
    alerts: list[Alert]
    metadata: dict[int, RuleMetadata]


class Begin(msgspec.Struct, tag=True, frozen=True):
    """The source resumes after *cursor*; None: there is none. The first message to a worker."""

    cursor: str | None


class Stored(msgspec.Struct, tag=True, frozen=True):
    """The store has all messages up to *number*, and has written *cursor* (None: no new one)."""

    number: int
    cursor: str | None = None


#: What the store says.
ToSource: TypeAlias = Begin | Stored


def pack(number: int, alerts: Sequence[Alert], cursor: str | None, *, rewinds: bool, ended: bool) -> PackedAlerts:
    """Return the message for *alerts*."""
    metadata = {id(alert.metadata): alert.metadata for alert in alerts}
    return PackedAlerts(number, [*map(encode, alerts)], [*metadata.values()], cursor, rewinds, ended)


class FromSource(Received[Alerts]):
    """Reassembles what a source says."""

    def __init__(self) -> None:
        super().__init__(PackedAlerts)
        self._decode = msgspec.msgpack.Decoder(PackedAlerts).decode

    def _message(self, data: memoryview) -> Alerts:
        sent = self._decode(data)
        # The keys are computed here: no worker says what metadata another's alerts have.
        metadata = by_key(sent.metadata)
        try:
            return Alerts(sent, [decode(body, metadata) for body in sent.bodies], metadata)
        except KeyError as error:
            raise ValueError(f"an alert with metadata that are not there ({error})") from error
