"""The messages between the outputs process and the supervisor."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from falcohost.host.wire import LogLine, NewStore


class Reopen(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: reopen all outputs before their next delivery."""


class Tell(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: report now, to show that the process works."""


class Finish(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: deliver what is left, and end."""


class Opened(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: all outputs and subscribers are open."""


class NotOpened(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: an output or a subscriber cannot be opened; *error* says which, and why."""

    error: str


class Delivery(msgspec.Struct, frozen=True):
    """The state of one output or subscriber; see :class:`~falcohost.host.snapshot.OutputState`."""

    name: str
    kind: str
    busy: float
    dropped: int
    refused: int = 0


class Deliveries(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: the states of all outputs and subscribers, in order."""

    all: list[Delivery]


class NoneLeft(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: no output has a reader any more; *error* says so."""

    error: str


class OpenFile(msgspec.Struct, tag=True, frozen=True):
    """Over the broker's socket: open the configured file with this zero-based *index*."""

    index: int


class RotateFile(msgspec.Struct, tag=True, frozen=True):
    """Over the broker's socket: rotate the configured file with this zero-based *index*."""

    index: int


class FileOpened(msgspec.Struct, frozen=True):
    """Over the broker's socket: done, and the descriptor of an opened file is attached; or an error (errno(3))."""

    error: int = 0


FromSupervisor: TypeAlias = Reopen | Tell | Finish | NewStore
ToSupervisor: TypeAlias = LogLine | Opened | NotOpened | Deliveries | NoneLeft
