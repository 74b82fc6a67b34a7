"""Has what is kept of sources outlive the supervisor: in systemd's store, and through an execution of the agent anew.

systemd keeps what it is sent with ``FDSTORE=1`` for as long as it restarts the service, and hands it to the next main
process (sd_pid_notify_with_fds(3), sd_listen_fds(3)). Of each source it has one parcel (:mod:`falcohost.host.parcels`);
a newer one is stored before the former is removed, and has a higher number.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Final

from msgspec import Struct

from falcohost.host import parcels
from falcohost.host.descriptors import check_room
from falcohost.host.kept_descriptors import Kept
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.notify import Notify
from falcohost.log import log

#: The environment variable with the parcels of an agent that has executed itself anew: ``DESCRIPTOR=NAME …``.
VARIABLE: Final = "FALCOHOST_KEPT"

#: The first descriptor that systemd passes, and most that are looked at.
_FIRST, _MOST = 3, 1024
_NAME: Final = re.compile(r"falcohost-(\d{1,9})")
_LISTEN: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Found(Struct, frozen=True):
    """What was kept of a source.

    :ivar name: that of its parcel in the store.
    """

    kept: Kept
    name: str


class Keeping:
    """Stores what is kept of sources whenever it has changed.

    :param found: what an earlier supervisor has left, by source.
    """

    def __init__(self, notify: Notify, found: MutableMapping[str, Found]) -> None:
        self._notify = notify
        self._late: set[str] = set()
        self._number = max((_number(one.name) for one in found.values()), default=0)
        self._names = {source: one.name for source, one in found.items()}
        self._stored = {source: (id(one.kept), one.kept.version) for source, one in found.items()}

    def let_go(self, found: MutableMapping[str, Found], sources: Iterable[str]) -> None:
        """Let go of what was kept of others than these *sources*."""
        for source in found.keys() - set(sources):
            log.info("Event source '%s' is no longer configured: what was kept of it is let go", source)
            found.pop(source).kept.close()
            self._remove(source)

    def look(self, children: Iterable[Child]) -> None:
        """Store what has changed."""
        for child in children:
            kept = child.to_keep
            state = (id(kept), kept.version)
            if self._stored.get(child.name) != state and self._notify.stores and self._has_room(child.name, kept):
                self._stored[child.name] = state
                self._store(child.name, kept)

    def for_execution(self, children: Iterable[Child]) -> str:
        """Return the value of :data:`VARIABLE` for this process's next program, which inherits the parcels."""
        return " ".join(f"{parcel}={name}" for parcel, name in self._parcels(children))

    def _parcels(self, children: Iterable[Child]) -> Iterator[tuple[int, str]]:
        for child in children:
            if child.to_keep.descriptors:
                with contextlib.suppress(OSError):
                    parcel = parcels.packed(child.name, child.to_keep).detach()
                    os.set_inheritable(parcel, True)
                    yield parcel, self._names.get(child.name, "falcohost-0")

    def _has_room(self, source: str, kept: Kept) -> bool:
        """Return whether there can be a parcel now; tell it once if there cannot, and what was stored before stays."""
        try:
            check_room(2 if kept.descriptors else 0)
        except OSError:
            if source not in self._late:
                self._late.add(source)
                log.warning("event source '%s': systemd does not keep its descriptors yet: none is free", source)
            return False
        self._late.discard(source)
        return True

    def _store(self, source: str, kept: Kept) -> None:
        before = self._names.pop(source, "")
        if kept.descriptors:
            self._number += 1
            name = f"falcohost-{self._number}"
            try:
                with parcels.packed(source, kept) as parcel:
                    sent = self._notify.tell("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", descriptors=[parcel.fileno()])
            except OSError:
                sent = False
            if sent:
                self._names[source] = name
            else:
                log.warning("event source '%s': systemd does not keep its descriptors over a restart", source)
        if before:
            self._notify.tell("FDSTOREREMOVE=1", f"FDNAME={before}")

    def _remove(self, source: str) -> None:
        self._stored.pop(source, None)
        self._notify.tell("FDSTOREREMOVE=1", f"FDNAME={self._names.pop(source)}")


def left(notify: Notify, variables: MutableMapping[str, str] = os.environ) -> dict[str, Found]:
    """Return what an earlier supervisor has left of sources, by name; *variables* say no more of it afterwards.

    Descriptors that are something else are let go: none of them gets to a source.
    """
    found: dict[str, Found] = {}
    passed = [*_from_ourselves(variables), *_from_systemd(variables, os.getpid())]
    for descriptor, name in sorted(passed, key=lambda one: _number(one[1])):
        try:
            source, kept = parcels.unpacked(descriptor)
        except ValueError as error:
            log.warning("descriptor %d (%s) is nothing that falcohost has kept: %s", descriptor, name, error)
            continue
        os.close(descriptor)
        if source in found:  # the former supervisor was killed between two steps
            before = found.pop(source)
            before.kept.close()
            if before.name != name:
                notify.tell("FDSTOREREMOVE=1", f"FDNAME={before.name}")
        found[source] = Found(kept, name)
    return found


def let_go_of_passed(variables: Mapping[str, str], main: int) -> None:
    """Close in a fork of the main process *main* what an earlier supervisor has left for that."""
    others = dict(variables)
    for descriptor, _ in [*_from_ourselves(others), *_from_systemd(others, main)]:
        os.close(descriptor)


def _from_ourselves(variables: MutableMapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the descriptors that this process had when it executed itself anew."""
    for word in variables.pop(VARIABLE, "").split():
        number, _, name = word.partition("=")
        if number.isdecimal() and int(number) >= _FIRST and _NAME.fullmatch(name) and _is_open(int(number)):
            yield int(number), name


def _from_systemd(variables: MutableMapping[str, str], main: int) -> Iterator[tuple[int, str]]:
    """Yield the descriptors that systemd passes to the process *main*, and to no other (sd_listen_fds(3))."""
    pid, count, names = (variables.pop(name, "") for name in _LISTEN)
    if pid != str(main) or not count.isdecimal():
        return
    for descriptor, name in zip(range(_FIRST, _FIRST + min(int(count), _MOST)), names.split(":"), strict=False):
        if _NAME.fullmatch(name) and _is_open(descriptor):
            yield descriptor, name


def _is_open(descriptor: int) -> bool:
    try:
        os.set_inheritable(descriptor, False)
    except (OSError, OverflowError):
        return False
    return True


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0
