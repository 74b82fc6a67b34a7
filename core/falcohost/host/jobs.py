"""What each process of the agent does for its job (:class:`falcohost.agent.Job`), made from what it may do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from falcohost.agent import Job
from falcohost.host.confine.calls import allowed
from falcohost.host.confine.files import readable, writable
from falcohost.needs import CONNECT, PROGRAM, THREADS, WRITE, Needs

# What else it takes to connect to a name: name servers, and daemons that ask them.
_RESOLVING: Final = ("*:53", "/run/systemd/resolve", "/run/nscd", "/var/run/nscd")

# A process that runs programs may do almost anything, but by itself it does this.
_RUNNING: Final = ("clone", "fork", "vfork", "kill", "pidfd_open", "pidfd_send_signal")

#: The most paths, addresses and characters in one of them that a job has.
MOST: Final = 4096


def job_of(needs: Needs, *, root: str = "/") -> Job:
    """Return the job of a process with these *needs*."""
    runs = PROGRAM in needs.calls
    calls = set(allowed(needs.calls - {PROGRAM}, 0))
    return Job(
        tuple(sorted(calls.union(_RUNNING if runs else ()))),
        _texts(readable(needs)),
        _texts(writable(needs)),
        _addresses(needs),
        root,
    )


def store_job(directory: Path | None) -> Job:
    """Return the job of the store, whose files are in *directory*."""
    if directory is None:
        return job_of(Needs())
    return job_of(Needs(frozenset({WRITE}), (directory,), (directory,)), root=str(directory))


def outputs_job(files: Iterable[str], connects: Iterable[str]) -> Job:
    """Return the job of the outputs, which write to *files* and connect to these addresses."""
    paths = tuple(map(Path, files))
    return job_of(Needs(frozenset({THREADS, CONNECT, WRITE}), paths, paths, connects=tuple(connects)))


def _addresses(needs: Needs) -> tuple[str, ...] | None:
    if CONNECT not in needs.calls:
        return ()
    if needs.connects is None:
        return None
    return (*needs.connects, *_RESOLVING) if needs.connects else ()


def _texts(paths: Iterable[Path] | None) -> tuple[str, ...] | None:
    return None if paths is None else tuple(dict.fromkeys(map(str, paths)))
