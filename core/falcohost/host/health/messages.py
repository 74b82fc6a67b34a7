"""The messages between the health process and the supervisor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

from falcohost.host.wire import LogLine

#: Most characters of a field's name or text, most fields of a sample, and most characters of all of them.
MOST_TEXT: Final = 512
MOST_FIELDS: Final = 4096
MOST_IN_ALL: Final = 1 << 18

_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=MOST_TEXT)]


class Tell(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor, every few seconds: answer, to show that the process works. It shows that both do."""


class State(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor, when it changes: whether the agent works.

    *ready*: it has started, and all sources and outputs are open. *works*: nothing is down, hangs, or sees nothing.
    """

    ready: bool
    works: bool


class Numbers(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: a line that :func:`falcohost.host.snapshot.decode` reads.

    *sample*: a snapshot is to be made of it. *reloaded*: when rules were last read, in nanoseconds since 1970.
    """

    line: bytes
    sample: bool
    reloaded: int


class NewData(msgspec.Struct, tag=True, frozen=True):
    """From the supervisor: other rules are used; the memfd with the data is attached."""


class Ask(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: send the numbers. One is not answered while another is."""


class Working(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: the answer to :class:`Tell`."""


class Sample(msgspec.Struct, tag=True, frozen=True):
    """To the supervisor: the fields of a snapshot's alert about one source, as it was asked."""

    fields: Annotated[dict[_Text, _Text | int | float], msgspec.Meta(max_length=MOST_FIELDS)]


FromSupervisor: TypeAlias = Tell | State | Numbers | NewData
ToSupervisor: TypeAlias = LogLine | Ask | Working | Sample


def size_of(name: str, value: str | float) -> int:
    """Return how many characters a field has."""
    return len(name) + len(str(value))


def is_too_large(fields: Mapping[str, str | int | float]) -> bool:
    """Return whether *fields* are more than a sample may have."""
    return sum(size_of(name, value) for name, value in fields.items()) > MOST_IN_ALL
