"""Recorders: what turns the events of a source into a file that other programs read, such as a capture (provisional).

The source's plugin knows the format; falcohost knows the files: how large they are, how many, and what happens when a
disk is full. A source offers its recorder with :attr:`falcohost.SourceSpec.recorder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

__all__ = ["EndingSource", "Recorded", "Recorder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a source records after alerts.

    :ivar fields: the fields that rules would have to read so that the source collects all that belongs in a file.
    :ivar filter: the condition of the events that are collected for that, unless the configuration has another.
    :ivar always: further event types that are: without them the recorder would keep what is long gone.
    """

    fields: tuple[str, ...]
    filter: str
    always: frozenset[str] = frozenset()


class Recorder(Protocol):
    """Turns the events of an open source into the bytes of a file.

    It is made before the process is confined, and opens nothing later.
    """

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that rules would have to read so that the source collects all that belongs in the file."""

    @property
    def on_request(self) -> frozenset[str]:
        """Event types so frequent that only a filter that names them gets them."""

    def begin(self, *, within: float | None = None) -> bytes:
        """Return what a file begins with, as of now. Called for each file.

        :param within: seconds after which no more of what runs is listed; :meth:`record` tells of it then.
        """

    def record(self, event: Any) -> bytes:
        """Return an event of the source, with what has to stand before it."""

    def lost(self, ts: int, number: int) -> bytes:
        """Return what tells that *number* events were lost before *ts*, in nanoseconds since the epoch."""

    def anew(self) -> Recorder:
        """Return a recorder of the same source that knows nothing of what this one has recorded."""


@runtime_checkable
class EndingSource(Protocol):
    """A source that can end so that a recording has all that happened before."""

    def end(self) -> None:
        """Have ``batches`` end behind what has happened up to now, or after a time; what is left then counts as lost.

        Called between two batches, once at most.
        """
