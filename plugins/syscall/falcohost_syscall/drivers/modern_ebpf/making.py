"""Has forks compile filters that end when they have, so that the memory that this takes (2 MB) is not this process's.

The forks compute, on two processors at the same time: maps and programs are made here, at their request, so that what
is told of the loader's calls holds. Only while a process starts: once it is confined it may make no other, and compiles
new filters itself. What a fork that was made before compiles, it still takes then (:class:`Later`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from falcohost_syscall.drivers.modern_ebpf.at_first import shares
from falcohost_syscall.drivers.modern_ebpf.filters import FilterPlace, Filters, load
from falcohost_syscall.drivers.modern_ebpf.only_computes import only_compute
from falcohost_syscall.drivers.modern_ebpf.written import Making, Written
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.kernel.at_once import at_once
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import PROGRAM_TRACING, FilterKernel

_SIZE: Final = struct.Struct("=I")
#: The methods of :class:`FilterKernel` that are called here for the fork.
_CALLS: Final = frozenset({"hash", "trie", "table", "program", "close"})
#: What the fork says last; what is answered where the kernel has refused something.
_DONE, _REFUSED = "done", "refused"
#: What is said to one that waits.
_BEGIN: Final = "begin"
#: Processes that compile at the same time.
_FORKS: Final = min(2, len(os.sched_getaffinity(0)))
_log = logging.getLogger("falcohost")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def load_apart(
    conditions: Mapping[str, Condition], place: FilterPlace, *, processes: bool = True, forks: int = _FORKS
) -> Filters:
    """Do what :func:`load` does, and have *forks* compile. If they cannot be, or one ends early, compile here."""
    makers: list[_Maker] = []
    try:
        for share in shares(conditions, forks):
            makers.append(_forked(share, place, processes, makers))
        found = _served([_Link(maker.link) for maker in makers], place.kernel)
    except OSError:
        found = None
    finally:
        for maker in makers:
            maker.link.close()
        for maker in makers:
            os.waitpid(maker.pid, 0)
    return load(conditions, place, processes=processes) if found is None else found


def make_written(written: Sequence[Written], place: FilterPlace, *, processes: bool = True) -> Filters | None:
    """Return the filters that are *written*, each share made by a thread; None: they do not fit this kernel."""
    if any(one.loops != place.kernel.has_may_goto for one in written):
        return None
    made = [Making(one, place, processes=processes) for one in written]
    filters = Filters()

    def make(share: Making) -> None:
        found = share.go_on(math.inf)
        if found is not None:
            filters.programs |= found.programs
            filters.weaker += found.weaker

    used: set[int] = set()
    try:
        at_once([functools.partial(make, share) for share in made])
        used.update(filters.programs.values())
    except (LibbpfError, ValueError) as error:
        _log.debug("Filters that were kept are compiled anew: %s", error)
        return None
    finally:
        for share in made:
            share.close(used)
    return filters


class Later:
    """Filters that are made while this process does other things, too; close it at the end.

    A fork compiles them, which begins with the first :meth:`go_on`. If they are *written* for such a kernel, it does
    nothing unless the kernel refuses one of them.
    """

    def __init__(
        self,
        conditions: Mapping[str, Condition],
        place: FilterPlace,
        *,
        processes: bool = True,
        written: Written | None = None,
    ) -> None:
        """Fork.

        :raises OSError: there can be no other process.
        """
        fits = written is not None and written.loops == place.kernel.has_may_goto
        self._making = Making(written, place, processes=processes) if written is not None and fits else None
        self._maker = _forked(conditions, place, processes, (), waits=True)
        self._begun = False
        self._served = _Served(_Link(self._maker.link), place.kernel, ())

    def go_on(self, seconds: float) -> Filters | None:
        """Make what was written, or the fork asks for, in so many *seconds*; return the filters once they are there.

        :raises EOFError: it has ended before.
        :raises OSError: the same.
        """
        if self._making is not None:
            try:
                return self._making.go_on(seconds)
            except (LibbpfError, ValueError) as error:
                _log.debug("Filters that were kept are compiled anew: %s", error)
                self._making.close()
                self._making = None
        if not self._begun:
            self._begun = True
            _Link(self._maker.link).send(_BEGIN)
        poll, end = select.poll(), time.monotonic() + seconds
        poll.register(self._maker.link, select.POLLIN)
        while self._served.filters is None and poll.poll(max(0.0, end - time.monotonic()) * 1000):
            self._served.step()
        return self._served.filters

    def made(self) -> dict[tuple[str, int], int]:
        """Return the filters that were made since the last call, of those that were written."""
        return {} if self._making is None else self._making.made()

    def close(self) -> None:
        """End the fork, and close the filters; those that are in use remain loaded."""
        _Link(self._maker.link).end()  # which a later fork may have, too
        self._maker.link.close()
        os.waitpid(self._maker.pid, 0)
        if self._making is not None:
            self._making.close()
        for descriptor in self._served.made:
            os.close(descriptor)
        self._served.made.clear()


def _forked(
    conditions: Mapping[str, Condition],
    place: FilterPlace,
    processes: bool,
    before: Sequence[_Maker],
    *,
    waits: bool = False,
) -> _Maker:
    """Fork what compiles *conditions*; one that *waits* begins when it is told to.

    :raises OSError: there can be no other process.
    """
    loops = place.kernel.has_may_goto  # for which a program is loaded: it is this process that may
    here, there = socket.socketpair()
    try:
        pid = os.fork()
    except OSError:
        here.close()
        there.close()
        raise
    if pid == 0:
        here.close()
        for maker in before:  # or it would not notice that this process's parent has let go of it
            maker.link.close()
        link = _Link(there)
        _make(link, conditions, _Place(_Asking(link, loops), place), processes, waits)
    there.close()
    return _Maker(here, pid)


def _make(link: _Link, conditions: Mapping[str, Condition], place: _Place, processes: bool, waits: bool) -> NoReturn:
    """Compile in the fork, tell what has come of it, and end."""
    status = 1
    try:
        only_compute(link.descriptor)
        if waits:
            link.received()
        found = load(conditions, place, processes=processes)
        link.send([_DONE, [[*where, program] for where, program in found.programs.items()], found.weaker])
        status = 0
    finally:
        os._exit(status)


def _served(links: Sequence[_Link], kernel: FilterKernel) -> Filters | None:
    """Make for the forks what they ask for; return the filters, or None if one has ended before it had its own.

    Each fork is served by a thread, so that the kernel checks a program on each processor.
    """
    served = [_Served(link, kernel, links) for link in links]
    threads = [threading.Thread(target=one.serve) for one in served]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    filters = Filters()
    for one in served:
        if one.filters is None:
            for descriptor in set().union(*(each.made for each in served)):
                os.close(descriptor)
            return None
        filters.programs |= one.filters.programs
        filters.weaker += one.filters.weaker
    return filters


class _Served:
    """Makes for a fork what it asks for.

    :ivar made: the descriptors that there are for it.
    :ivar filters: those of the fork, when it has them.
    """

    def __init__(self, link: _Link, kernel: FilterKernel, all_links: Sequence[_Link]) -> None:
        self.made: set[int] = set()
        self.filters: Filters | None = None
        self._link, self._kernel, self._all_links = link, kernel, all_links

    def serve(self) -> None:
        """Serve the fork until it has its filters; if it ends before, end all."""
        try:
            while self.filters is None:
                self.step()
        except Exception:
            for link in self._all_links:
                link.end()

    def step(self) -> None:
        """Wait for what the fork asks for next, and make it.

        :raises EOFError: it has ended.
        """
        name, *arguments = self._link.received()
        if name == _DONE:
            programs, weaker = arguments
            found = {(array, index): program for array, index, program in programs}
            self.filters = Filters(found, weaker)
        else:
            self._link.send(_answer(self._kernel, name, arguments, self.made))


def _answer(kernel: FilterKernel, name: str, arguments: list[Any], made: set[int]) -> object:
    """Call a method of *kernel*; keep in *made* which descriptors there are for the fork."""
    if name not in _CALLS:
        raise EOFError
    try:
        found = getattr(kernel, name)(*arguments)
    except LibbpfError as error:
        return [_REFUSED, error.errno, error.reason]
    if name == "close":
        made.difference_update(arguments)
    else:
        made.add(found)
    return found


class _Maker(NamedTuple):
    """A fork that compiles, and the socket to it."""

    link: socket.socket
    pid: int


class _Link:
    """Passes plain data, each with its length before it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    @property
    def descriptor(self) -> int:
        """That of this end."""
        return self._link.fileno()

    def end(self) -> None:
        """Have whoever sends or receives at either end fail."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def send(self, what: object) -> None:
        """Send *what*."""
        data = _encode(what)
        self._link.sendall(_SIZE.pack(len(data)) + data)

    def received(self) -> Any:
        """Return what comes next.

        :raises EOFError: nothing does.
        """
        return _decode(self._bytes(*_SIZE.unpack(self._bytes(_SIZE.size))))

    def _bytes(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            if not (data := self._link.recv(count - len(found))):
                raise EOFError
            found += data
        return bytes(found)


class _Asking:
    """The kernel as the fork has it: it asks its parent, whose descriptors it gets as numbers."""

    def __init__(self, link: _Link, loops: bool) -> None:
        self._link = link
        self.has_may_goto = loops

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Return a new hash map."""
        return self._ask("hash", [*keys], size)

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Return a new trie."""
        return self._ask("trie", [*prefixes], size)

    def table(self, value: bytes) -> int:
        """Return a new array with one entry."""
        return self._ask("table", value)

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Load a program.

        :raises LibbpfError: the kernel refused it.
        """
        return self._ask("program", code, kind, tracepoint)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        self._ask("close", descriptor)

    def _ask(self, *what: object) -> int:
        self._link.send(what)
        found = self._link.received()
        if isinstance(found, list):
            _, errno, reason = found
            raise LibbpfError("The kernel refused a program", errno, reason)
        return int(found or 0)


class _Place(NamedTuple):
    """A place for which the fork compiles."""

    kernel: _Asking
    place: FilterPlace

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map of the parent."""
        return self.place.map_fd(name)
