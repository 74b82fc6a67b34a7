"""Has filters made by a process that ends then: a fork of the loader, which never has the compiler and the rules.

The fork computes and nothing else. It has no descriptor but a socket, over which it asks the loader to make maps and to
load and set programs; the descriptors that its programs name are those of the loader. What it asks for can be no
more than what the loader would do by itself, and if it ends too early or does not answer, the loader does that.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

import msgspec

from falcohost_syscall.drivers.modern_ebpf.collection import Made, make_here
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.drivers.modern_ebpf.sentinel import Expected
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.records.record import CallSpec

#: Most seconds between two requests, and after which the kernel ends the process that makes them.
SILENT: Final = 10.0
LONGEST: Final = 120
#: Seconds that it has to end, once all is made.
ENDS: Final = 1.0

#: Most bytes in one message: a program has a million instructions at most.
_MOST: Final = 16 << 20
_SIZE: Final = struct.Struct("=I")
_log = logging.getLogger("falcohost")


class MakerError(Exception):
    """The process that makes filters has ended too early, or does not answer."""


class _Channel:
    """Messages over a socket: lists of plain data."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def send(self, message: Sequence[object]) -> None:
        data = msgspec.msgpack.encode(message)
        self._link.sendall(_SIZE.pack(len(data)) + data)

    def receive(self) -> list[Any]:
        (size,) = _SIZE.unpack(self._read(_SIZE.size))
        if size > _MOST:
            raise MakerError(f"it has sent a message of {size} bytes")
        message: list[Any] = msgspec.msgpack.decode(self._read(size), type=list)
        return message

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._link.recv(min(size - len(data), 1 << 18))
            if not part:
                raise MakerError("it has ended")
            data += part
        return bytes(data)


def make_aside(asked: bytes, config: Config, agent: int | None, probe: Probe) -> Made:
    """Make filters in a process of its own (:data:`.collection.Make`); if that fails, here.

    :raises SourceError: the kernel refuses what has to be.
    """
    try:
        return _made_aside(asked, config, agent, probe)
    except (MakerError, OSError, ValueError, TypeError, LookupError) as error:  # of which msgspec's is one
        _log.warning("The process that makes filters has failed: %s; its loader makes them itself.", error)
        return make_here(asked, config, agent, probe)


def _made_aside(asked: bytes, config: Config, agent: int | None, probe: Probe) -> Made:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with here:
        with there:
            _reap(0)
            pid = os.fork()
            if pid == 0:
                _run(there, asked, config, agent, probe.hooks)
            _LEFT.add(pid)
        here.settimeout(SILENT)
        desk = _Desk(probe)
        try:
            return desk.serve(_Channel(here))
        finally:
            desk.close()
            _reap(ENDS)


#: The processes that were started and have not ended, as far as is known.
_LEFT: Final[set[int]] = set()


def _reap(seconds: float) -> None:
    """Reap those that end within so many *seconds*; one that somebody has stopped is left for the next time."""
    until = time.monotonic() + seconds
    while True:
        for pid in [*_LEFT]:
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            _LEFT.discard(pid)
        if not _LEFT or time.monotonic() > until:
            return
        time.sleep(0.001)


class _Desk:
    """Does in the loader what the maker asks for."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._own: set[int] = set()
        kernel = probe.kernel
        self._makes: Mapping[str, Callable[..., int]] = {
            "hash": kernel.hash,
            "trie": kernel.trie,
            "table": kernel.table,
            "program": kernel.program,
        }

    def serve(self, channel: _Channel) -> Made:
        """Answer until everything is made."""
        while True:
            what, *arguments = channel.receive()
            if what == "made":
                return _received(*arguments)
            if what == "failed":
                raise MakerError(*arguments)
            try:
                channel.send([self._answer(what, *arguments)])
            except LibbpfError as error:
                channel.send([None, error.errno, error.reason])

    def _answer(self, what: str, *arguments: Any) -> object:
        if what in self._makes:
            self._own.add(made := self._makes[what](*arguments))
            return made
        if what == "goto":
            return self._probe.kernel.has_may_goto
        if what == "prepare":
            self._probe.prepare(_calls(*arguments))
            return len(self._probe.places)
        if what == "map":
            place, name = arguments
            return self._probe.places[place].map_fd(name)
        if what == "set":
            place, programs = arguments
            for _, _, made in programs:
                self._check(made)
            self._probe.places[place].set_filters({(name, index): fd for name, index, fd in programs})
            return True
        if what == "close":
            (made,) = arguments
            self._check(made)
            self._own.discard(made)
            os.close(made)
            return True
        raise MakerError(f"it has asked for {what!r}")

    def _check(self, made: object) -> None:
        if made not in self._own:
            raise MakerError(f"it has named the descriptor {made!r}, which is none of its own")

    def close(self) -> None:
        """Close what the maker has not had closed."""
        for descriptor in self._own:
            os.close(descriptor)
        self._own.clear()


def _calls(found: Mapping[int, Sequence[int]]) -> dict[int, CallSpec]:
    return {number: CallSpec(*spec) for number, spec in found.items()}


def _received(fields: Sequence[Any]) -> Made:
    weaker, watched, options, expected, calls, requests, traced, passing, entered, moments = fields
    return Made(
        weaker,
        watched,
        Options(*options),
        Expected(*expected),
        _calls(calls),
        _calls(requests),
        frozenset(traced),
        frozenset(passing),
        frozenset(entered),
        _calls(moments),
    )


def _run(link: socket.socket, asked: bytes, config: Config, agent: int | None, hooks: frozenset[str]) -> NoReturn:
    """Make filters in this fork of the loader."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONGEST)
        _let_go(link.fileno())
        channel = _Channel(link)
        try:
            from falcohost_syscall.drivers.modern_ebpf.making import make

            made = make(asked, config, agent, _Probe(channel, hooks))
            channel.send(["made", made])
        except Exception as error:
            channel.send(["failed", f"{type(error).__name__}: {error}"])
    finally:
        os._exit(0)


def _let_go(keep: int) -> None:
    """Redirect every inherited descriptor but *keep* to /dev/null; their numbers stay in use."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        if number not in {null, keep}:
            os.dup2(null, number, inheritable=False)


class _Asking:
    """Asks the loader."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel

    def ask(self, *request: object) -> Any:
        self._channel.send(request)
        answer, *error = self._channel.receive()
        if error:
            number, reason = error
            raise LibbpfError("The kernel refused a program or a map", number, reason)
        return answer


class _Kernel(_Asking):
    """Stands for the loader's :class:`.Kernel`."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__(channel)
        self.has_may_goto: bool = self.ask("goto")

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        return int(self.ask("hash", [*keys], size))

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        return int(self.ask("trie", [*prefixes], size))

    def table(self, value: bytes) -> int:
        return int(self.ask("table", value))

    def program(self, code: bytes, kind: int, tracepoint: str) -> int:
        return int(self.ask("program", code, kind, tracepoint))

    def close(self, descriptor: int) -> None:
        self.ask("close", descriptor)


class _Place(_Asking):
    """Stands for one of the loader's places for filters."""

    def __init__(self, channel: _Channel, number: int, kernel: _Kernel) -> None:
        super().__init__(channel)
        self.kernel = kernel
        self._number = number
        self._maps: dict[str, int] = {}

    def map_fd(self, name: str) -> int:
        if name not in self._maps:
            self._maps[name] = self.ask("map", self._number, name)
        return self._maps[name]

    def set_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        self.ask("set", self._number, [(*place, program) for place, program in programs.items()])


class _Probe(_Asking):
    """Stands for the loader's probe."""

    def __init__(self, channel: _Channel, hooks: frozenset[str]) -> None:
        super().__init__(channel)
        self.hooks = hooks
        self.places: list[_Place] = []

    def prepare(self, calls: Mapping[int, CallSpec]) -> None:
        kernel = _Kernel(self._channel)
        self.places = [_Place(self._channel, number, kernel) for number in range(self.ask("prepare", calls))]
