"""A kind of objects that is listed once and then watched, as the API server's documentation has it.

What is known stays while the server is away; a watch goes on where the last one has ended, or, where the server does
not know that moment any more (410), with another list.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from falcohost_k8smeta.config import Config
from falcohost_k8smeta.http import Connection, Failed
from falcohost_k8smeta.objects import Event, Head, Kind, Metadata, Outcome, Some
from falcohost_k8smeta.rows import MOST_UID
from falcohost_k8smeta.streams import Items, Lines

#: Seconds that a list may take; for which a watch is asked for, at least and at most; for which it may be late.
LISTING: Final = 120.0
WATCHING: Final = (180, 300)
_SLACK: Final = 30.0

#: Seconds before another attempt, at first and at most.
PAUSE, LONGEST_PAUSE = 0.5, 30.0

#: Most bytes of what a server says of a refusal, and most characters of it that are told.
_MOST_OUTCOME: Final = 1 << 16
_MOST_TOLD: Final = 200

#: The versions and kinds of answers that are asked for.
JSON: Final = "application/json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_OF_ALL: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE = 200, 401, 403, 404, 410


class Object(Protocol):
    """What all objects have."""

    @property
    def metadata(self) -> Metadata:
        """Its metadata."""


T = TypeVar("T", bound=Object)
_T = TypeVar("_T", contravariant=True)
_DECODED = (msgspec.MsgspecError, ValueError, RecursionError)


class Gone(Exception):
    """The server does not know any more what has changed since then."""


class Refused(Failed):
    """The server has answered with another status than 200.

    :ivar after: for how many seconds it asks not to be asked again; 0: it does not say.
    """

    def __init__(self, code: int, message: str, after: float = 0.0) -> None:
        super().__init__(f"it answers {code}{': ' if message else ''}{message}")
        self.code = code
        self.after = after


class Keeper(Protocol[_T]):
    """Keeps the objects. Calls come from the thread of their collection."""

    def put(self, one: _T) -> None:
        """Take an object that is new or has changed."""

    def has(self, uid: str) -> bool:
        """Return whether the object with this uid is kept."""

    def remove(self, uid: str) -> None:
        """Forget the object with this uid."""

    def only(self, uids: frozenset[str]) -> None:
        """Forget all but these: the objects were listed."""


class Health:
    """Since when something is not reached, and why.

    :ivar reached: it was reached at least once.
    :ivar odd: how often an object could not be read.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.reached = False
        self.odd = 0
        self._since: float | None = time.monotonic()
        self._why = "it has not answered yet"

    def good(self) -> None:
        """Take note that it is reached."""
        self.reached, self._since = True, None

    def bad(self, why: str) -> None:
        """Take note that it is not."""
        self._why = "".join(one if one.isprintable() else "?" for one in why[:_MOST_TOLD])
        if self._since is None:
            self._since = time.monotonic()

    def miss(self) -> None:
        """Count an object that could not be read."""
        self.odd += 1

    def problem(self) -> tuple[float, str]:
        """Return for how many seconds it is not reached, and why; 0: it is."""
        since = self._since
        return (0.0, "") if since is None else (time.monotonic() - since, f"{self.what}: {self._why}")


class Collection(Generic[T]):
    """The objects at *path* that *selector* chooses.

    :param kind: what is read of an object.
    :param partial: only metadata are asked for.
    """

    def __init__(
        self, config: Config, path: str, kind: type[T], keeper: Keeper[T], *, selector: str = "", partial: bool = False
    ) -> None:
        self.health = Health(path.rpartition("/")[2])
        self._connection = Connection(config)
        self._path = f"{path}?{f'fieldSelector={selector}&' if selector else ''}"
        self._keeper = keeper
        self._accepts = (METADATA_OF_ALL, METADATA) if partial else (JSON, JSON)
        self._object: Any = msgspec.json.Decoder(kind)
        self._event: Any = msgspec.json.Decoder(Event[kind])  # type: ignore[valid-type]
        self._version = ""
        self._fails = 0

    def run(self) -> None:
        """List and watch until the process ends."""
        while True:
            time.sleep(self.turn())

    def turn(self) -> float:
        """List, if that is to be done, and watch; return how many seconds to wait before that is done again."""
        began = time.monotonic()
        try:
            if not self._version:
                self._list()
            self._watch()
        except Gone:
            self._version = ""
        except Failed as failed:
            if isinstance(failed, Refused) and failed.code == _GONE:
                self._version = ""
            self.health.bad(str(failed))
            self._fails += 1
            return pause(self._fails, failed)
        self._fails = 0
        return max(PAUSE - (time.monotonic() - began), 0.0)

    def _list(self) -> None:
        pieces = get(self._connection, f"{self._path}resourceVersion={'' if self._fails else '0'}", self._accepts[0])
        self._connection.wait(LISTING)
        items, uids = Items(pieces), set()
        for item in items:
            if (one := self._read(self._object, item)) is not None:
                self._keeper.put(one)
                if self._keeper.has(one.metadata.uid):  # the list may have no end
                    uids.add(one.metadata.uid)
        head = _decoded(Head, items.head)
        if head is None or not _is_version(head.metadata.resource_version):
            raise Failed("its list has no version")
        self._keeper.only(frozenset(uids))
        self._version = head.metadata.resource_version
        self.health.good()

    def _watch(self) -> None:
        seconds = random.randint(*WATCHING)
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={self._version}"
        pieces = get(self._connection, self._path + query, self._accepts[1])
        self._connection.wait(seconds + _SLACK)
        self.health.good()
        self._fails = 0
        for line in Lines(pieces, self.health.miss):
            self._take(line)

    def _take(self, line: bytes) -> None:
        kind = _decoded(Kind, line)
        if kind is None:
            self._version = ""  # what it was is not known
            raise Failed("what it tells is no event")
        if kind.type == "ERROR":
            outcome = _decoded(Event[Outcome], line)
            if outcome is None or outcome.object.code == _GONE:
                raise Gone
            raise Refused(outcome.object.code, outcome.object.message)
        told = _decoded(Event[Some], line)
        if kind.type != "BOOKMARK":
            self._change(kind.type, line, told)
        if told is not None and _is_version(told.object.metadata.resource_version):
            self._version = told.object.metadata.resource_version

    def _change(self, kind: str, line: bytes, told: Event[Some] | None) -> None:
        if kind == "DELETED" and told is not None:
            self._keeper.remove(told.object.metadata.uid)
        elif kind in ("ADDED", "MODIFIED") and (event := self._read(self._event, line)) is not None:
            self._keeper.put(event.object)

    def _read(self, decoder: Any, data: bytes) -> Any:
        """Return what is read of an object; None: it is not as it should be."""
        try:
            one = decoder.decode(data)
        except _DECODED:
            self.health.miss()
            return None
        if not 0 < len((one.object if isinstance(one, Event) else one).metadata.uid) <= MOST_UID:
            self.health.miss()
            return None
        return one


def get(connection: Connection, path: str, accept: str) -> Iterator[bytes]:
    """Return the pieces of the answer to a request.

    :raises Refused: the status is not 200.
    :raises Failed: there is no answer.
    """
    status, pieces = connection.ask(path, accept)
    if status == _OK:
        return pieces
    body = b""
    for piece in pieces:
        body += piece
        if len(body) > _MOST_OUTCOME:
            break
    outcome = _decoded(Outcome, body) or Outcome()
    raise Refused(status, outcome.message or _HINTS.get(status, ""), connection.retry_after)


def pause(fails: int, failed: Failed) -> float:
    """Return for how many seconds to wait after so many failures in a row, at least those that the server asks for.

    Nodes that were refused at the same moment do not come back at the same moment.
    """
    most = min(PAUSE * 2.0 ** min(fails, 10), LONGEST_PAUSE)
    asked = failed.after if isinstance(failed, Refused) else 0.0
    return asked + random.uniform(most / 2, most)


_HINTS: Final = {
    _UNAUTHORIZED: "the token is not valid",
    _FORBIDDEN: "the service account lacks a right",
    _NOT_FOUND: "there is no such thing",
}

_Any = TypeVar("_Any")


def _decoded(kind: type[_Any], data: bytes) -> _Any | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except _DECODED:
        return None


def _is_version(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.isalnum()
