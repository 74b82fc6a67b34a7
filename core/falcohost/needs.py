"""Needs: what a source does once it is open, from which falcohost decides what its process may do (provisional)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar, runtime_checkable

__all__ = [
    "ALL",
    "BENEATH",
    "CODE",
    "CONNECT",
    "GENEROUS",
    "INSPECT",
    "LISTEN",
    "MAPS",
    "MODULE",
    "NOTHING",
    "PAUSE",
    "PROBE",
    "PROGRAM",
    "SIGNAL",
    "THREADS",
    "WATCH",
    "WRITE",
    "Modest",
    "Needs",
    "needs_of",
]

_T = TypeVar("_T")

#: Starts threads.
THREADS: Final = "threads"
#: Makes connections, and looks up names.
CONNECT: Final = "connect"
#: Accepts connections on sockets that it opened before.
LISTEN: Final = "listen"
#: Creates and changes files.
WRITE: Final = "write"
#: Opens files below a folder without following links (openat2(2)).
BENEATH: Final = "beneath"
#: Waits for changes in folders (inotify(7)).
WATCH: Final = "watch"
#: Makes code while it runs (a JIT compiler, callbacks from C), or imports modules in C late.
CODE: Final = "code"
#: Reads what /proc shows of other processes, with CAP_SYS_PTRACE; Landlock would not let it.
INSPECT: Final = "inspect"
#: Runs programs; they inherit what the process may not do.
PROGRAM: Final = "program"
#: Reads and changes BPF maps that it has.
MAPS: Final = "maps"
#: Loads and attaches BPF programs.
PROBE: Final = "probe"
#: Tells Falco's kernel module what to collect (ioctl(2) on its devices).
MODULE: Final = "module"
#: Sends signals to processes of others, with CAP_KILL.
SIGNAL: Final = "signal"

#: Has files told before they are executed, by a queue that it has (fanotify(7)), and sets a timer that ends it.
PAUSE: Final = "pause"

#: All of these.
ALL: Final = frozenset(
    {THREADS, CONNECT, LISTEN, WRITE, BENEATH, WATCH, CODE, INSPECT, PROGRAM, MAPS, PROBE, MODULE, SIGNAL, PAUSE}
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a source does once it is open. What is not needed ends the process, and raises an alert.

    :ivar calls: any of ``threads`` (start threads), ``connect`` (make connections), ``listen`` (accept connections, on
        sockets that were opened before), ``write`` (create and change files), ``beneath`` (open files below a folder
        with openat2(2)), ``watch`` (wait for changes in folders with inotify(7)), ``code`` (make code while it runs, or
        load modules in C late), ``inspect`` (read what /proc shows of other processes), ``program`` (run programs),
        ``maps`` (read and change BPF maps), ``probe`` (load BPF programs), ``module`` (tell Falco's kernel module what
        to collect), ``signal`` (signal processes of others) and ``pause`` (have files told before they are executed,
        with a fanotify(7) queue that was opened before).
    :ivar files: files and folders that it reads, with what is in them; None: any. Python's own, and those that
        connections need, do not have to be named.
    :ivar groups: names of further groups that it is in (``systemd-journal``).
    :ivar writes: files and folders that it creates and changes, if ``write`` is among *calls*; None: any.
    :ivar user: name of the user that it runs as; empty: a user of its own.
    :ivar connects: addresses that it connects to, as ``host:port``, if ``connect`` is among *calls*; ``*`` stands for
        any host, None for any address. Nothing keeps it from others, but those are told like what others do.
    """

    calls: frozenset[str] = frozenset()
    files: tuple[Path, ...] | None = ()
    writes: tuple[Path, ...] | None = ()
    groups: tuple[str, ...] = ()
    user: str = ""
    connects: tuple[str, ...] | None = None

    def __or__(self, other: Needs) -> Needs:
        """Return what either needs."""
        files, writes = _joined(self.files, other.files), _joined(self.writes, other.writes)
        groups = _joined(self.groups, other.groups) or ()
        connects = _joined(self._connects, other._connects)
        return Needs(self.calls | other.calls, files, writes, groups, self.user or other.user, connects)

    @property
    def _connects(self) -> tuple[str, ...] | None:
        return self.connects if CONNECT in self.calls else ()

    def __le__(self, other: Needs) -> bool:
        """Return whether all of this is in *other*."""
        within = _within(self.files, other.files) and _within(self.writes, other.writes)
        alike = set(self.groups) <= set(other.groups) and self.user in ("", other.user)
        return self.calls <= other.calls and within and alike


def _joined(these: tuple[_T, ...] | None, those: tuple[_T, ...] | None) -> tuple[_T, ...] | None:
    return None if these is None or those is None else tuple(dict.fromkeys((*these, *those)))


def _within(these: Collection[Path] | None, those: Collection[Path] | None) -> bool:
    return those is None or (these is not None and set(these) <= set(those))


#: The needs of what does nothing but compute, and use the descriptors that it has.
NOTHING: Final = Needs()

#: The needs of a source that does not say what it needs.
GENEROUS: Final = Needs(frozenset({THREADS, CONNECT, LISTEN, WRITE, BENEATH, WATCH, CODE}), None, None)


@runtime_checkable
class Modest(Protocol):
    """A source that says what it needs (:class:`Needs`); without this, it may do all but run programs and use BPF."""

    @property
    def needs(self) -> Needs:
        """Return what it does from now on. Read when the source is open, and after each change of rules."""


def needs_of(source: object) -> Needs:
    """Return the needs of a source, or of a part of it."""
    return source.needs if isinstance(source, Modest) else GENEROUS
