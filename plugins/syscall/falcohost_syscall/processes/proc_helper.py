"""The process that reads ``/proc`` for the syscall source, and the source's end of the socket to it.

The source decodes records whose content any user's process decides, so that it has no rights over other processes. Its
helper has these rights, and reads nothing but short requests: which process, since when it runs, and what of it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from sys import byteorder
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct, structs

from falcohost.agent import Job
from falcohost.by_name import called_by_name
from falcohost.helpers import HelperEnded, return_memory
from falcohost.needs import INSPECT
from falcohost_syscall.processes.proc_reader import ACCOUNTS, STATES, Here, ProcReader, Since, What

#: Seconds that the source waits for an answer: a file in /proc may hang on the memory of the process that it is about.
PATIENCE: Final = 0.5
#: Seconds without a request after which the processes are read that there were, so that memory is returned.
BEGINS: Final = 0.5
#: Largest request and answer, in bytes; texts of a process may have :data:`MOST`.
LONGEST_REQUEST: Final = 1024
MOST: Final = (128 << 10) + 1
LONGEST_ANSWER: Final = 256 << 10
LONGEST_PATH: Final = 512
#: Most requests that wait for the helper at once: their answers, if they are short, fit in its socket.
AT_ONCE: Final = 32

_Number: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 32)]
# 0 is a processor's idle task, which gives the processor to others (`switch`); it has no files.
_Pid: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 22)]
_Start: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Word: TypeAlias = Annotated[str, Meta(max_length=128)]
_Path: TypeAlias = Annotated[str, Meta(max_length=LONGEST_PATH)]


class AskFiles(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.read`."""

    ident: _Number
    pid: _Pid
    start: _Start | None
    what: Annotated[tuple[What, ...], Meta(max_length=4)]
    most: Annotated[int, Meta(ge=1, le=MOST)]


class AskDescriptor(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.descriptor`."""

    ident: _Number
    pid: _Pid
    start: _Start
    number: _Number


class AskDescriptors(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.descriptors`."""

    ident: _Number
    pid: _Pid


class AskPids(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.pids`."""

    ident: _Number


class AskListed(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.listed`."""

    ident: _Number
    tid: _Pid


class AskAccounts(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.accounts`."""

    ident: _Number
    pid: _Pid
    start: _Start
    known: Annotated[bytes, Meta(max_length=256)]


class AskContainer(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.has_container`."""

    ident: _Number
    namespace: _Word
    name: _Word
    path: _Path


class AskOwner(Struct, tag=True, array_like=True, frozen=True):
    """Asks for :meth:`ProcReader.may_name`."""

    ident: _Number
    path: _Path


class Answer(Struct, array_like=True, frozen=True):
    """The answer to the request *ident*; None: there is none."""

    ident: int
    values: list[bytes | None] | None


Request: TypeAlias = (
    AskFiles | AskDescriptor | AskDescriptors | AskPids | AskListed | AskAccounts | AskContainer | AskOwner
)

# What it does before it is confined, and after that no more: the filter of its system calls would end it.
_PREPARING: Final = ("clone", "setgroups", "setresgid", "setresuid", "capset", "seccomp")
# What it opens below the roots of containers, wherever these are.
_BELOW_ROOTS: Final = tuple(f"*/{name}" for name in ACCOUNTS)
_PIDS: Final = struct.Struct("=I")
_TIME: Final = struct.Struct("ll")
_MOST_IDENT: Final = 1 << 31
_encode = msgspec.msgpack.Encoder().encode
_request = msgspec.msgpack.Decoder(Request).decode
_answer = msgspec.msgpack.Decoder(Answer).decode


@called_by_name("serve", capabilities=frozenset({"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}), calls=frozenset({INSPECT}))
def serve(link: socket.socket) -> None:
    """Answer requests until the source ends.

    :raises ValueError: what came is no request: the source is in an attacker's hands.
    """
    reader = Here()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_ANSWER)
    begins = select.poll()
    begins.register(link, select.POLLIN)
    is_begun = False
    with contextlib.suppress(ConnectionError):  # the source was killed before it had read an answer
        while True:
            if not is_begun and not begins.poll(BEGINS * 1000):
                is_begun = True
                return_memory()
            if not (data := link.recv(LONGEST_REQUEST + 1)):
                return
            request = _request(data)
            data = _encode(Answer(request.ident, _answered(reader, request)))
            if len(data) > LONGEST_ANSWER:
                data = _encode(Answer(request.ident, None))
            link.sendall(data)


def _answered(reader: ProcReader, request: Request) -> list[bytes | None] | None:
    if isinstance(request, AskFiles):
        return reader.read(request.pid, request.start, request.what, request.most)
    if isinstance(request, AskDescriptor):
        found = reader.descriptor(request.pid, request.start, request.number)
        return None if found is None else [found[0].encode(), found[1]]
    if isinstance(request, AskDescriptors):
        return [kind.encode() for kind in reader.descriptors(request.pid)]
    if isinstance(request, AskPids):
        return [b"".join(map(_PIDS.pack, reader.pids() or ()))]
    if isinstance(request, AskListed):
        return reader.listed(request.tid)
    if isinstance(request, AskAccounts):
        return reader.accounts(request.pid, request.start, request.known)
    if isinstance(request, AskOwner):
        return [_PIDS.pack(reader.may_name(request.path))]
    return [b""] if reader.has_container(request.namespace, request.name, request.path) else None


def reading_job(job: Job) -> Job:
    """Return the *job* of the helper: it opens files in ``/proc``, states and accounts of containers."""
    return structs.replace(helper_job(job), reads=("/proc", *STATES, *_BELOW_ROOTS), writes=(os.devnull,), connects=())


def helper_job(job: Job) -> Job:
    """Return the *job* of any helper of the worker: its first calls may come late."""
    return structs.replace(job, calls=(*job.calls, *_PREPARING))


class Remote:
    """Has a helper read (:class:`ProcReader`); *link* is the socket to it.

    What does not come in time is not known. Until it comes nothing else is known, and nobody waits again. All methods
    raise :class:`HelperEnded` once the helper has ended.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._ident = 0
        self._late = False
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIME.pack(0, int(PATIENCE * 1_000_000)))

    def check(self) -> None:
        """Check that the helper has not ended."""
        with contextlib.suppress(BlockingIOError):
            try:
                has_ended = not self._link.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
            except ConnectionError:
                has_ended = True
            if has_ended:
                raise HelperEnded

    def read(self, pid: int, start: int | None, what: Sequence[What], most: int) -> list[bytes | None] | None:
        """Return what is asked for."""
        return self._ask(lambda ident: AskFiles(ident, pid, start, tuple(what), most))

    def read_each(self, processes: Sequence[Since], what: What, most: int) -> Iterator[bytes | None]:
        """Yield what is asked for of each process; several are asked for at once, so that less is waited for."""

        def asks(pid: int, start: int) -> Callable[[int], Request]:
            return lambda ident: AskFiles(ident, pid, start, (what,), most)

        for begin in range(0, len(processes), AT_ONCE):
            for found in self._ask_all([asks(*one) for one in processes[begin : begin + AT_ONCE]]):
                yield found[0] if found else None

    def descriptor(self, pid: int, start: int, number: int) -> tuple[str, bytes] | None:
        """Return type and target of a descriptor, or None."""
        found = self._ask(lambda ident: AskDescriptor(ident, pid, start, number))
        return None if not found or found[0] is None or found[1] is None else (found[0].decode(), found[1])

    def descriptors(self, pid: int) -> list[str]:
        """Return the types of all descriptors, each once."""
        found = self._ask(lambda ident: AskDescriptors(ident, pid))
        return [kind.decode() for kind in found or () if kind is not None]

    def pids(self) -> frozenset[int] | None:
        """Return the running processes; None: not known."""
        found = self._ask(AskPids)
        return frozenset(pid for (pid,) in _PIDS.iter_unpack(found[0])) if found and found[0] else None

    def listed(self, tid: int) -> list[bytes | None] | None:
        """Return the lists of the process of a thread."""
        return self._ask(lambda ident: AskListed(ident, tid))

    def accounts(self, pid: int, start: int, known: bytes) -> list[bytes | None] | None:
        """Return the state of the files with accounts below the root of a process, and their contents."""
        return self._ask(lambda ident: AskAccounts(ident, pid, start, known))

    def has_container(self, namespace: str, name: str, path: str) -> bool:
        """Return whether a runtime has a container with this *name*, and the cgroup *path*."""
        if not path.isascii() or len(path) > LONGEST_PATH:
            return False
        return self._ask(lambda ident: AskContainer(ident, namespace, name, path)) is not None

    def may_name(self, path: str) -> int:
        """Return the user who may name cgroups beside the cgroup *path*; 0: only root, or it is not known.

        Of a long path only the beginning is asked for: who owns what is there may name what is below.
        """
        beginning = path.encode()[:LONGEST_PATH].decode(errors="ignore")
        found = self._ask(lambda ident: AskOwner(ident, beginning))
        return int.from_bytes(found[0], byteorder) if found and found[0] else 0

    def _ask(self, make: Callable[[int], Request]) -> list[bytes | None] | None:
        return self._ask_all([make])[0]

    def _ask_all(self, makes: Sequence[Callable[[int], Request]]) -> list[list[bytes | None] | None]:
        """Return the answers to up to :data:`AT_ONCE` requests, each of which is waited for by itself."""
        found: dict[int, list[bytes | None] | None] = {}
        with self._lock:
            idents = [(self._ident + place) % _MOST_IDENT + 1 for place in range(len(makes))]
            with contextlib.suppress(BlockingIOError):  # it is late
                if self._late and _arrived(self._link, socket.MSG_DONTWAIT):
                    self._late = False
                self._ident = idents[-1]
                for ident, make in zip(idents, makes, strict=True):
                    _send(self._link, _encode(make(ident)))
                    self._late = True
                while self._late:
                    if not (data := _arrived(self._link)):
                        raise HelperEnded
                    answer = _answer(data)
                    found[answer.ident] = answer.values
                    self._late = answer.ident != idents[-1]
        return [found.get(ident) for ident in idents]


def _send(link: socket.socket, data: bytes) -> None:
    try:
        link.send(data)
    except ConnectionError as error:
        raise HelperEnded from error


def _arrived(link: socket.socket, flags: int = 0) -> bytes:
    """Return the next answer; empty: the helper has ended.

    :raises BlockingIOError: none has come in time.
    """
    try:
        return link.recv(LONGEST_ANSWER, flags)
    except ConnectionError:
        return b""
