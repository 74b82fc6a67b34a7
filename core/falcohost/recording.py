"""Recorders: what turns the events of a source into a file that other programs read, such as a capture (provisional).

The source's plugin knows the format; falcohost knows the files: how large they are, how many, and what happens when a
disk is full. A source offers its recorder with :attr:`falcohost.SourceSpec.recorder`.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Recorder"]


class Recorder(Protocol):
    """Turns the events of an open source into the bytes of a file."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that rules would have to read so that the source collects all that belongs in the file."""

    @property
    def on_request(self) -> frozenset[str]:
        """Event types so frequent that only a filter that names them gets them."""

    def begin(self) -> bytes:
        """Return what a file begins with, as of now. Called for each file."""

    def record(self, event: Any) -> bytes:
        """Return an event of the source, with what has to stand before it."""

    def lost(self, ts: int, number: int) -> bytes:
        """Return what tells that *number* events were lost before *ts*, in nanoseconds since the epoch."""
