"""The messages between the supervisor, the process that acts, and the one that runs programs and plugins for it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from falcohost.host.response.protection import MOST_PATH, Image
from falcohost.host.wire import LogLine

#: Most characters of a name, and of what has come of an action.
MOST_NAME: Final = 512
MOST_TEXT: Final = 1024

#: Most processes in one question, and most bytes of an alert.
MOST_PROCESSES: Final = 4096
MOST_ALERT: Final = 1 << 17

#: What has come of an action.
RESULTS: Final = ("done", "observed", "refused", "capped", "failed")
Result: TypeAlias = Literal["done", "observed", "refused", "capped", "failed"]

_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=MOST_TEXT)]
_Path: TypeAlias = Annotated[str, msgspec.Meta(max_length=MOST_PATH)]
_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]


class Tell(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor, every few seconds: answer, to show that the process works."""


class Working(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: the answer to :class:`Tell`; the first says that everything is open."""


class Attach(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: requests of *source* arrive over the socket that is attached."""

    source: str


class NewData(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: actions are bound to other rules; the memfd with the data is attached."""


class Stopped(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: no action is taken any more, or again."""

    on: bool


class Look(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: what these processes are, and in which pid namespace."""

    number: _Number
    pids: Annotated[list[_Number], msgspec.Meta(max_length=MOST_PROCESSES)]


class Seen(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: the answer, in the same order; None: it could not find out."""

    number: int
    images: list[Image | None]


class OpenFreezer(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: open what freezes the cgroup at *path*, if it has the number *cgroup*."""

    number: _Number
    path: _Path
    cgroup: _Number


class Freezer(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: it is open, and attached; or *error* says why it is not."""

    number: int
    error: str = ""


class Outcome(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """To the supervisor: what has come of an action.

    :ivar alert: the id of the alert; *rule* and *source*: its rule and source.
    :ivar text: what was done, or why nothing was.
    :ivar pid: the process that the alert is about; 0: none.
    :ivar count: it was so many times.
    """

    action: _Name
    result: Result
    text: _Text
    alert: _Name = ""
    rule: _Name = ""
    source: _Name = ""
    pid: _Number = 0
    count: _Count = 1


class Do(msgspec.Struct, tag=True, frozen=True):
    """Have an action taken that is no signal: to the supervisor, and from it to the process that does it.

    *outcome* is what is told if it succeeds, without the text. *alert*: the alert, encoded.
    """

    number: _Number
    outcome: Outcome
    alert: Annotated[bytes, msgspec.Meta(max_length=MOST_ALERT)]


class Done(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: what has come of the action with this *number*."""

    number: _Number
    failed: bool
    text: _Text


class Accused(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: *source* has sent what no intact worker sends."""

    source: _Name
    error: _Text


FromSupervisor: TypeAlias = Tell | Attach | NewData | Stopped | Seen | Freezer
ToSupervisor: TypeAlias = LogLine | Working | Look | OpenFreezer | Outcome | Do | Accused
ToResponses: TypeAlias = Tell | Do
FromResponses: TypeAlias = LogLine | Working | Done
