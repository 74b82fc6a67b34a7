"""Finds out from /proc (proc(5)) whether the running agent listens on a port, for ``falcohost doctor``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

# include/net/tcp_states.h
_TCP_LISTEN = "0A"


def listens(supervisor: int, port: int) -> bool:
    """Return whether *supervisor* or a child of it listens on the TCP *port*, as far as /proc is readable."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    return any(target in wanted for process in _family(supervisor) for target in _descriptors(process))


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on *port*."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _TCP_LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    yield columns[9]


def _family(supervisor: int) -> list[int]:
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    except OSError:
        children = []
    return [supervisor, *map(int, children)]


def _descriptors(process: int) -> Iterator[str]:
    """Yield the link targets of the descriptors of *process*, as far as they are readable."""
    folder = Path(f"/proc/{process}/fd")
    with contextlib.suppress(OSError):
        for descriptor in folder.iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(descriptor)  # noqa: PTH115  # not a path
