"""The names of an event's file, under each of which the event is matched.

A :class:`NamedEvent` has the real name: the path that the kernel resolved from the root directory of the process, of a
descriptor's file or of the file that a path led to. If the file has other names, ``alternatives`` are the same event
under those: the requested one (the path as passed, made absolute without following links, as in Falco), the host's (the
path by which the machine's init reaches the file), and those by which the file is watched, if another hard link was
used. The reasons are in docs/decisions/0018-names.md, 0021-hooks.md and 0022-hard-links.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import FLAGS, KIND
from falcohost_syscall.events.sockets import Socket
from falcohost_syscall.records.record import (
    FLAG_OTHER_NAME,
    FLAG_REWRITTEN,
    FLAG_SOCKET_FILE,
    KIND_EXEC,
    SEC_ENTERED_PATH,
    SEC_ENTERED_PATH2,
    SEC_ENTERED_STR,
    SEC_FDPATH,
    SEC_HOSTDIR,
    SEC_HOSTDIR2,
    SEC_HOSTPATH,
    SEC_PATH,
    SEC_PATH2,
    SEC_REALHOST,
    SEC_REALHOST2,
    SEC_REALPATH,
    SEC_REALPATH2,
    SEC_STR,
)
from falcohost_syscall.records.text import absolute

#: The sections with what texts were when the call began, by those with what they are now.
_ENTERED = {SEC_PATH: SEC_ENTERED_PATH, SEC_PATH2: SEC_ENTERED_PATH2, SEC_STR: SEC_ENTERED_STR}
_HOSTS = frozenset({SEC_HOSTPATH, SEC_HOSTDIR, SEC_HOSTDIR2, SEC_REALHOST, SEC_REALHOST2})


class _View(RecordEvent):
    """An event under another name."""

    __slots__ = ()

    @classmethod
    def of(cls, event: RecordEvent) -> Self:
        """Return *event*, whose sections are already split, under this name."""
        view = cls(event.row, event.h, event.data, event.num, event.proc, event.ctx)
        view._sections = event.sections
        return view


class RequestedView(_View):
    """The file has the name that was passed, a socket the name that it was bound to.

    Files that were opened earlier have their real name.
    """

    __slots__ = ()

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file."""
        return self.requested or self.fdpath

    @property
    def reached(self) -> bool:
        """False: paths are those that were passed."""
        return False


class HostView(_View):
    """Files have the names by which the machine's init reaches them."""

    __slots__ = ()

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file."""
        return self.text_of(SEC_HOSTPATH) or self.fdpath

    def _read_socket(self) -> Socket | None:
        return _reached_by(super()._read_socket(), self.file_name)

    @property
    def dirfd_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the first path."""
        return super().dirfd_path and (self.text_of(SEC_HOSTDIR) or super().dirfd_path)

    @property
    def abspath(self) -> str | None:
        """The file that the first path led to, or that path made absolute."""
        led_to = self.text_of(SEC_REALHOST) or self.text_of(SEC_REALPATH)
        return led_to or self._below(SEC_HOSTDIR, self.path) or super().abspath

    @property
    def abspath2(self) -> str | None:
        """The file that the second path led to, or that path made absolute."""
        led_to = self.text_of(SEC_REALHOST2) or self.text_of(SEC_REALPATH2)
        return led_to or self._below(SEC_HOSTDIR2, self.path2) or super().abspath2

    def _below(self, tag: int, path: str | None) -> str | None:
        start = self.text_of(tag)
        if path is None or start is None:
            return None
        if not path.startswith("/"):
            return absolute(start, path)
        below = absolute(None, path)  # relative to the root directory, and never above it
        return start.rstrip("/") + below if below != "/" else start


class EnteredView(_View):
    """Paths and the further text are what they were when the call began, before they were changed."""

    __slots__ = ()

    @classmethod
    def of(cls, event: RecordEvent) -> Self:
        """Return *event*, a rewritten one, with the texts that were kept of its begin."""
        view = super().of(event)
        found = event.sections
        view._sections = found | {now: found[then] for now, then in _ENTERED.items() if then in found}
        return view


class WatchedView(_View):
    """The file has a path by which it is watched."""

    __slots__ = ("_name",)
    _name: str

    @classmethod
    def under(cls, name: str, event: RecordEvent) -> Self:
        """Return *event* under this name."""
        view = cls.of(event)
        view._name = name
        return view

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file."""
        return self._name

    @property
    def watched_path(self) -> str | None:
        """The path by which the file is watched."""
        return self._name


class ExecutedView(_View):
    """The executed file has another path."""

    __slots__ = ()

    @classmethod
    def under(cls, name: str, event: RecordEvent) -> Self:
        """Return *event*, an exec, under this name of the executable."""
        view = cls.of(event)
        view.proc = event.proc.executing(name)
        return view


class NamedEvent(RecordEvent):
    """An event under the real name of its file."""

    __slots__ = ()

    @property
    def alternatives(self) -> tuple[RecordEvent, ...]:
        """The event under the other names of its file."""
        row = self.row
        flags = self.h[FLAGS]
        if self.h[KIND] == KIND_EXEC:
            return tuple(self._executed()) if flags & FLAG_OTHER_NAME else ()
        if flags & FLAG_REWRITTEN:
            return (EnteredView.of(self), RequestedView.of(self), *self._further())
        if not row.named and not self.reached:
            return ()
        asked = (row.opens and self._asked_otherwise()) or (flags & FLAG_SOCKET_FILE and self._bound_otherwise())
        asked = asked or (row.leads and self._led_otherwise())
        views: tuple[RecordEvent, ...] = (RequestedView.of(self),) if asked else ()
        return (*views, *self._further()) if flags & FLAG_OTHER_NAME else views

    def _executed(self) -> Iterator[RecordEvent]:
        host = self.text_of(SEC_HOSTPATH)
        for name in self.watched_names if host is None else (host, *self.watched_names):
            if name != self.proc.image.exepath:
                yield ExecutedView.under(name, self)

    def _further(self) -> Iterator[RecordEvent]:
        if not _HOSTS.isdisjoint(self.sections):
            yield HostView.of(self)
        for name in self.watched_names:
            if name != self.fdpath:
                yield WatchedView.under(name, self)

    @property
    def abspath(self) -> str | None:
        """The file that the first path led to, or that path made absolute."""
        return (self.text_of(SEC_REALPATH) if self.row.leads else None) or super().abspath

    @property
    def abspath2(self) -> str | None:
        """The file that the second path led to, or that path made absolute."""
        return (self.text_of(SEC_REALPATH2) if self.row.leads else None) or super().abspath2

    def _led_otherwise(self) -> bool:
        """Return whether a path led to another file than its text says."""
        return self.reached and (
            _is_other(self.path, super().abspath, self.abspath)
            or _is_other(self.path2, super().abspath2, self.abspath2)
        )

    def _read_socket(self) -> Socket | None:
        return _reached_by(super()._read_socket(), self.file_name)

    def _bound_otherwise(self) -> bool:
        bound, real = super()._read_socket(), self.socket
        return bound is not None is not real and bound.name != real.name

    def _asked_otherwise(self) -> bool:
        found = self.sections
        path, real = found.get(SEC_PATH), found.get(SEC_FDPATH)
        return path is not None is not real and path != real and self.abspath != self.fdpath


def _reached_by(socket: Socket | None, path: str | None) -> Socket | None:
    if socket is not None and path is not None:
        socket.reached_by(path)
    return socket


def _is_other(passed: str | None, whole: str | None, real: str | None) -> bool:
    return passed is not None and (whole != real or (passed.startswith("/") and passed != real))
