"""Needs: what a source does once it is open, from which falcohost decides what its process may do (provisional)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

__all__ = [
    "ALL",
    "CONNECT",
    "GENEROUS",
    "LISTEN",
    "MAPS",
    "NOTHING",
    "PROBE",
    "PROGRAM",
    "THREADS",
    "WRITE",
    "Modest",
    "Needs",
    "needs_of",
]

#: Starts threads.
THREADS: Final = "threads"
#: Makes connections, and looks up names.
CONNECT: Final = "connect"
#: Accepts connections on sockets that it opened before.
LISTEN: Final = "listen"
#: Creates and changes files.
WRITE: Final = "write"
#: Runs programs; they inherit what the process may not do.
PROGRAM: Final = "program"
#: Reads and changes BPF maps that it has.
MAPS: Final = "maps"
#: Loads and attaches BPF programs.
PROBE: Final = "probe"

#: All of these.
ALL: Final = frozenset({THREADS, CONNECT, LISTEN, WRITE, PROGRAM, MAPS, PROBE})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a source does once it is open. What is not needed ends the process, and raises an alert.

    :ivar calls: any of ``threads`` (start threads), ``connect`` (make connections), ``listen`` (accept connections, on
        sockets that were opened before), ``write`` (create and change files), ``program`` (run programs), ``maps``
        (read and change BPF maps) and ``probe`` (load BPF programs).
    :ivar files: files and folders that it opens, with what is in them; None: any. Python's own, and those that
        connections need, do not have to be named.
    """

    calls: frozenset[str] = frozenset()
    files: tuple[Path, ...] | None = ()

    def __or__(self, other: Needs) -> Needs:
        """Return what either needs."""
        files = None if self.files is None or other.files is None else (*self.files, *other.files)
        return Needs(self.calls | other.calls, files)

    def __le__(self, other: Needs) -> bool:
        """Return whether all of this is in *other*."""
        return self.calls <= other.calls and (other.files is None or _within(self.files, other.files))


def _within(these: Collection[Path] | None, those: Collection[Path]) -> bool:
    return these is not None and set(these) <= set(those)


#: The needs of what does nothing but compute, and use the descriptors that it has.
NOTHING: Final = Needs()

#: The needs of a source that does not say what it needs.
GENEROUS: Final = Needs(frozenset({THREADS, CONNECT, LISTEN, WRITE}), None)


@runtime_checkable
class Modest(Protocol):
    """A source that says what it needs (:class:`Needs`); without this, it may do all but run programs and use BPF."""

    @property
    def needs(self) -> Needs:
        """Return what it does from now on. Read when the source is open, and after each change of rules."""


def needs_of(source: object) -> Needs:
    """Return the needs of a source, or of a part of it."""
    return source.needs if isinstance(source, Modest) else GENEROUS
