"""What every runtime is asked, and the time and the size that its answers have."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from falcohost_containers.rows import Row

#: Most bytes of an answer, or of a file.
MOST_BYTES: Final = 4 << 20

#: Seconds until a socket has to have taken a connection, and answered a question.
PATIENCE: Final = 2.9


class RuntimeFailed(Exception):
    """A runtime does not answer, or not as it should: it may know the container all the same."""


class Incomplete(Exception):
    """A container is being made: before its first process runs, there will be more to know of it than *row* says."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row


class Engine(Protocol):
    """A runtime. Its methods are called by several threads; they raise RuntimeFailed, OSError or ValueError.

    :ivar name: its name in messages.
    :ivar ids: what an id is; nothing else is asked for.
    :ivar reads_files: it only reads files of root, so that it never waits.
    :ivar types: the runtimes, as names of cgroups tell them, whose containers it may have.
    """

    name: str
    ids: re.Pattern[str]
    types: frozenset[str]
    reads_files: bool

    def find(self, container: str) -> Row | None:
        """Return what it knows of the container with this id; None: it has none.

        :raises Incomplete: it will know more.
        """

    def running(self) -> Iterable[str]:
        """Yield the ids of the containers that it has."""

    def folders(self) -> Sequence[Path]:
        """Return the folders in which an entry appears when a container is made, with its id as name."""


@runtime_checkable
class Briefing(Protocol):
    """A runtime that says some of what it knows in one answer, and more only in several, each of which may last."""

    def brief(self, container: str) -> Row | None:
        """Return what it says at once; None: it has no container of this id."""


@runtime_checkable
class OnDisk(Protocol):
    """A runtime of whose containers files say something before they start."""

    def on_disk(self, container: str) -> Row | None:
        """Return what files say now, without asking anybody; None: nothing.

        :raises Incomplete: there is more to know.
        """


@runtime_checkable
class Awaited(Protocol):
    """A runtime that tells of its folders when they are there."""

    def awaited(self) -> Iterable[Path]:
        """Yield a path below each place in which a folder may come."""


@runtime_checkable
class Rooted(Protocol):
    """A runtime whose containers' roots can be looked into."""

    def root(self, container: str) -> Path | None:
        """Return where the root of a container is on the machine; None: not known."""


@runtime_checkable
class Owned(Protocol):
    """A runtime that a user may run."""

    def owner(self) -> int:
        """Return the user id of who runs it."""


class Deadline:
    """The time until which a question has to be answered."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Return the seconds that are left.

        :raises TimeoutError: none.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the runtime has not answered in time")
        return left


def connected(path: Path, deadline: Deadline) -> socket.socket:
    """Return a connection to the socket at *path*.

    :raises OSError: nobody accepts it.
    """
    link = socket.socket(socket.AF_UNIX)
    try:
        link.settimeout(deadline.left)
        link.connect(str(path))
    except BaseException:
        link.close()
        raise
    return link


def received(link: socket.socket, deadline: Deadline) -> bytes:
    """Return the next bytes; none at the end. However slowly they come, *deadline* holds for all of them.

    :raises OSError: there are none in time.
    """
    link.settimeout(deadline.left)
    return link.recv(1 << 16)
