"""Has a fork compile filters that ends when it has, so that the memory that this takes (2 MB) is not this process's.

The fork computes: maps and programs are made here, at its request, so that what is told of the loader's calls holds.
Only while a process starts: once it is confined it may make no other, and compiles new filters itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from falcohost_syscall.drivers.modern_ebpf.filters import FilterPlace, Filters, load
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import PROGRAM_TRACING, FilterKernel

_SIZE: Final = struct.Struct("=I")
#: The methods of :class:`FilterKernel` that are called here for the fork.
_CALLS: Final = frozenset({"hash", "trie", "table", "program", "close"})
#: What the fork says last; what is answered where the kernel has refused something.
_DONE, _REFUSED = "done", "refused"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def load_apart(conditions: Mapping[str, Condition], place: FilterPlace, *, processes: bool = True) -> Filters:
    """Do what :func:`load` does, and have a fork compile. If there can be none, or it ends early, compile here."""
    loops = place.kernel.has_may_goto
    here, there = socket.socketpair()
    with here:
        try:
            pid = os.fork()
        except OSError:
            there.close()
            return load(conditions, place, processes=processes)
        if pid == 0:
            here.close()
            _make(_Link(there), conditions, _Place(_Asking(_Link(there), loops), place), processes)
        there.close()
        try:
            found = _served(_Link(here), place.kernel)
        finally:
            here.close()
            os.waitpid(pid, 0)
    return load(conditions, place, processes=processes) if found is None else found


def _make(link: _Link, conditions: Mapping[str, Condition], place: _Place, processes: bool) -> NoReturn:
    """Compile in the fork, tell what has come of it, and end."""
    status = 1
    try:
        found = load(conditions, place, processes=processes)
        link.send([_DONE, [[*where, program] for where, program in found.programs.items()], found.weaker])
        status = 0
    finally:
        os._exit(status)


def _served(link: _Link, kernel: FilterKernel) -> Filters | None:
    """Make for the fork what it asks for; return the filters, or None if it has ended before it had them."""
    made: set[int] = set()
    try:
        while True:
            name, *arguments = link.received()
            if name == _DONE:
                programs, weaker = arguments
                return Filters({(array, index): program for array, index, program in programs}, weaker)
            link.send(_answer(kernel, name, arguments, made))
    except (OSError, EOFError):
        for descriptor in made:
            os.close(descriptor)
        return None


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


class _Link:
    """Passes plain data, each with its length before it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

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
