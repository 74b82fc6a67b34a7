"""The tables of a source as plain data, from which another process makes the same tables.

What comes from there is checked like any message: the process that wrote it has parsed what strangers do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from falcohost_syscall.events.event import Context
from falcohost_syscall.events.sockets import SocketMemory
from falcohost_syscall.processes.cgroup_table import Cgroups
from falcohost_syscall.processes.longer import LONGER, Known
from falcohost_syscall.processes.table import Image, Process, ProcessTable, Session

#: The index of no process.
_NONE: Final = -1


class ImageRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An image."""

    args: bytes
    env: bytes | None
    exepath: bytes
    exec_ts: int
    args_cut: bool
    env_cut: bool
    filename: bytes
    numbers: tuple[int, int, int, int, int]
    caps: tuple[int, int] | None
    privileged: bool | None


class ProcessRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A process; *image*, *parent* and *reaper* are indexes, the latter two -1 if there is none.

    :ivar listed: it is in the table, and not only an ancestor of one that is.
    """

    pid: int
    ppid: int
    vpid: int
    start: int
    comm: str
    cgroup: int
    image: int
    session: Session
    cwd: str | None
    parent: int
    reaper: int
    alive: bool
    listed: bool


class Tables(msgspec.Struct, frozen=True, array_like=True):
    """All tables.

    :ivar boot: the time of boot by which times are told.
    :ivar first: time of the source's first event.
    :ivar texts: long arguments and environments; the processes may have ended.
    """

    images: list[ImageRow]
    processes: list[ProcessRow]
    cgroups: Cgroups
    sockets: SocketMemory
    boot: int
    first: int | None
    texts: list[Known] = []


def tables(context: Context) -> Tables:
    """Return the tables of *context* as they are."""
    listed = context.table.processes
    every = {id(process): process for process in _with_ancestors(listed.values())}
    places = {identity: place for place, identity in enumerate(every)}
    images = {id(process.image): process.image for process in every.values()}
    image_places = {identity: place for place, identity in enumerate(images)}

    def place(process: Process | None) -> int:
        return _NONE if process is None else places.get(id(process), _NONE)

    rows = [
        ProcessRow(
            one.pid,
            one.ppid,
            one.vpid,
            one.start,
            one.comm,
            one.cgroup,
            image_places[id(one.image)],
            one.session,
            one.cwd,
            place(one.parent),
            place(one.reaper),
            one.alive,
            listed.get(one.pid) is one,
        )
        for one in every.values()
    ]
    cgroups, sockets = context.containers.known(), context.sockets.known()
    texts = LONGER.known()
    return Tables([*map(_image_row, images.values())], rows, cgroups, sockets, context.boot, context.first, texts)


def _with_ancestors(processes: Iterable[Process]) -> Iterable[Process]:
    """Yield *processes*, and those that they descend from or were handed to, each once."""
    seen: set[int] = set()
    for process in processes:
        waiting: list[Process | None] = [process]
        while waiting:
            one = waiting.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                yield one
                waiting += (one.parent, one.reaper)


def _image_row(image: Image) -> ImageRow:
    numbers = (image.ino, image.ctime, image.mtime, image.exe_flags, image.pidns_start)
    return ImageRow(
        image.args_raw,
        image.env_raw,
        image.exepath_raw,
        image.exec_ts,
        image.args_cut,
        image.env_cut,
        image.filename,
        numbers,
        image.caps,
        image.privileged,
    )


def restore(found: Tables, context: Context) -> None:
    """Fill the tables of *context*, which are empty.

    :raises ValueError: *found* is not consistent.
    """
    images = [*map(_image, found.images)]
    try:
        processes = [_process(row, images[row.image]) for row in found.processes]
        for process, row in zip(processes, found.processes, strict=True):
            process.parent = None if row.parent < 0 else processes[row.parent]
            process.reaper = None if row.reaper < 0 else processes[row.reaper]
    except IndexError as error:
        raise ValueError("a process refers to one that is not there") from error
    _fill(context.table, (one for one, row in zip(processes, found.processes, strict=True) if row.listed))
    for key, lines in found.cgroups.items():
        context.containers.learn(key, (lines,) if isinstance(lines, str) else lines)
    context.sockets.remember(found.sockets)
    LONGER.remember(found.texts)
    context.boot, context.first = found.boot, found.first


def _fill(table: ProcessTable, processes: Iterable[Process]) -> None:
    for process in processes:
        table.add(process, link=False)


def _image(row: ImageRow) -> Image:
    image = Image(row.args, row.env, row.exepath, row.exec_ts)
    image.args_cut, image.env_cut, image.filename = row.args_cut, row.env_cut, row.filename
    image.ino, image.ctime, image.mtime, image.exe_flags, image.pidns_start = row.numbers
    image.caps, image.privileged = row.caps, row.privileged
    return image


def _process(row: ProcessRow, image: Image) -> Process:
    process = Process(row.pid, row.ppid, row.vpid, row.start, row.comm, row.cgroup, image)
    process.session, process.cwd, process.alive = row.session, row.cwd, row.alive
    return process
