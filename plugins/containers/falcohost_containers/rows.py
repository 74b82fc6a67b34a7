"""A container as runtimes describe it, and the messages between the lookup and the process that asks them.

Everything in a row was written by whoever made the image or started the container: texts are cut, lists have limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

#: Most characters of a text, and most labels, mounts and words of a command of one container.
MOST_TEXT: Final = 4096
MOST_ENTRIES: Final = 256

#: Most characters of the name of a cgroup, behind the type of a runtime.
LONGEST_ID: Final = 512

#: What is instead of a runtime's type where a user names the cgroups.
USER: Final = "user"

#: How mounts are propagated, by the numbers of runtime.v1.MountPropagation.
PROPAGATION: Final = {0: "private", 1: "rslave", 2: "rshared"}

_Id: TypeAlias = Annotated[str, Meta(max_length=LONGEST_ID)]


class Mount(Struct, array_like=True, frozen=True):
    """A mount; *mode* is what Docker calls so, empty for most."""

    source: str
    destination: str
    mode: str = ""
    writable: bool = True
    propagation: str = ""


class Pod(Struct, array_like=True, frozen=True):
    """What a CRI runtime knows of the pod that a container is in."""

    sandbox: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    ip: str = ""
    labels: dict[str, str] = {}


class Row(Struct, array_like=True, frozen=True, kw_only=True):
    """A container. Empty texts and None are not known.

    :ivar image: the image's name as it was asked for; *repository*, *tag* and *digest* are parts of it, or of the names
        that the image has.
    :ivar shares: the namespaces of the host that it is in (``pid``, ``network``, ``ipc``); None: not known.
    :ivar healthcheck: the command that checks its health, as words; empty: it has none; None: not known. So are
        *liveness* and *readiness*, the commands of the probes of a pod.
    :ivar owner: the user in whose files it was found.
    :ivar partial: nobody was asked in time, so that there may be more to know.
    """

    name: str = ""
    image: str = ""
    image_id: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    ip: str = ""
    labels: dict[str, str] = {}
    mounts: tuple[Mount, ...] | None = None
    privileged: bool | None = None
    shares: frozenset[str] | None = None
    pod: Pod = Pod()
    healthcheck: tuple[str, ...] | None = None
    liveness: tuple[str, ...] | None = None
    readiness: tuple[str, ...] | None = None
    partial: bool = False
    owner: int = 0


class Question(Struct, array_like=True, frozen=True):
    """Asks for a container; *type* is the runtime as the cgroup's name tells it. Without one, asks what is made.

    :ivar outer: the container in which a runtime has started it, as ``type/id``, or the user in whose cgroups it is, as
        ``user/uid``; empty: neither.
    """

    id: _Id
    type: _Id
    outer: _Id = ""


class Answer(Struct, array_like=True, frozen=True):
    """The answer to the question about this container; without a row, it is not known.

    Without a *type*, a container was made with the name *id*; if that is empty too, with any of many names.
    """

    id: str
    type: str
    row: Row | None
    outer: str = ""


class Paused(Struct, array_like=True, frozen=True, kw_only=True):
    """What the process that pauses has done.

    :ivar files: how many programs it pauses.
    :ivar count: how often one was paused; *given_up*: how often the pause ended before files had been read.
    :ivar microseconds: how long all pauses were together; *longest*: how long the longest was.
    :ivar problem: why it pauses none, or not all.
    """

    files: int = 0
    count: int = 0
    given_up: int = 0
    microseconds: int = 0
    longest: int = 0
    problem: str = ""


def text(value: object) -> str:
    """Return *value* if it is a text, cut; else an empty one."""
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def texts(values: Mapping[str, str] | None, longest: int) -> dict[str, str]:
    """Return labels, without those that are longer than *longest* characters (0: as long as any text)."""
    most = min(longest or MOST_TEXT, MOST_TEXT)
    kept = ((key, value) for key, value in (values or {}).items() if len(key) <= MOST_TEXT and len(value) <= most)
    return dict(sorted(kept)[:MOST_ENTRIES])


def words(values: Iterable[str] | None) -> tuple[str, ...]:
    """Return the words of a command, cut."""
    return tuple(text(word) for word in list(values or ())[:MOST_ENTRIES])
