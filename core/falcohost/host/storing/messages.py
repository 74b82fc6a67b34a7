"""The messages of the store process: with the supervisor, and with the outputs process.

Those with sources are in :mod:`falcohost.host.data`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from falcohost.alert import RuleMetadata
from falcohost.host.numbers import StoreNumbers
from falcohost.host.wire import LogLine
from falcohost.store.arrival import Refusal
from falcohost.store.backlog import Behind


class Attach(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: the attached socket leads to a new worker of *source*."""

    source: str


class AttachOutputs(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: the attached socket leads to a new outputs process."""


class AttachClient(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: the attached socket leads to a command, which gives an order."""


class GoOver(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: sources have new rules; their facts are in the attached memfd. *number*: the reload."""

    number: int


class Switched(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: the worker of *source* has switched to the rules of reload *number*."""

    source: str
    number: int


class Tell(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: report now, after what has arrived is stored."""


class Hurry(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: workers are told to end; let none wait any more."""


class Finish(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: no more workers; store what they have sent, and end when the outputs process has ended."""


class Carry(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: at the end, write what is only in memory to the attached memfd."""


class Accused(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: *source* has sent what it may not send; *error* says why."""

    source: str
    error: str


class Counted(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: new alerts of sources by rule and by priority, up to the one with the number *until*."""

    rules: dict[str, int]
    priorities: dict[int, int]
    until: int


class StoreReport(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: the numbers of the store, the mark of each subscriber, and what waits for it.

    *kept*: it is on disk; *usable*: it is not, but could be by now.
    """

    kept: bool
    numbers: StoreNumbers
    marks: dict[str, int]
    behind: dict[str, Behind] = {}
    usable: bool = False


class Drained(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: all that the workers have sent is stored."""


class Hello(msgspec.Struct, tag=True, frozen=True):
    """From the outputs, first of all: the number of the last alert that they know, and their marks."""

    last: int
    marks: dict[str, int]


class Subscribe(msgspec.Struct, tag=True, frozen=True):
    """From the outputs: asks where the subscriber *name* is."""

    name: str


class Read(msgspec.Struct, tag=True, frozen=True):
    """From the outputs: up to *most* alerts after number *after*."""

    number: int
    after: int
    most: int


class Answer(msgspec.Struct, tag=True, frozen=True):
    """From the outputs: the subscriber *name* has taken all alerts up to *mark*, and answers with alerts and a state.

    *number*: identifies the answer; 0: it has only a mark, and nobody waits until it is stored. *refused*: alerts up to
    *mark* that it will never accept.
    """

    name: str
    mark: int
    number: int = 0
    bodies: list[bytes] = []
    metadata: list[RuleMetadata] = []
    state: bytes | None = None
    refused: list[Refusal] = []


class Position(msgspec.Struct, tag=True, frozen=True):
    """To the outputs: where a subscriber is. *kept*: the store is on disk."""

    name: str
    mark: int
    state: bytes | None
    kept: bool


#: An alert's number, and the alert as :mod:`falcohost.store.body` encodes it.
Row: TypeAlias = tuple[int, bytes]


class Found(msgspec.Struct, tag=True, frozen=True):
    """To the outputs: the answer to :class:`Read`.

    *last*: the number of the last alert; *error*: why the file cannot be read.
    """

    number: int
    last: int
    rows: list[Row]
    metadata: list[RuleMetadata]
    error: str = ""


class Answered(msgspec.Struct, tag=True, frozen=True):
    """To the outputs: the answer with this *number* is stored; *last*: the number of the last alert."""

    number: int
    last: int


class News(msgspec.Struct, tag=True, frozen=True):
    """To the outputs: there are alerts up to number *last*; *rows*: all after number *after*, if they fit.

    Where they did not, *after* is *last*.
    """

    last: int
    after: int
    rows: list[Row]
    metadata: list[RuleMetadata]


FromSupervisor: TypeAlias = Attach | AttachOutputs | AttachClient | GoOver | Switched | Tell | Hurry | Finish | Carry
ToSupervisor: TypeAlias = LogLine | Accused | Counted | StoreReport | Drained
FromOutputs: TypeAlias = Hello | Subscribe | Read | Answer
ToOutputs: TypeAlias = Position | Found | Answered | News
