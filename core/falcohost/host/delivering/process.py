"""The outputs process: runs all outputs and subscribers, each in a thread; without privileges.

It is forked by the supervisor, and never returns into the code that forked it; it ends with ``os._exit``.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NoReturn

import msgspec
from msgspec import Struct

from falcohost import log, opening
from falcohost.engine.alerts import AlertMaker
from falcohost.errors import FalcohostError, OutputLost
from falcohost.host import wire
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine, import_lazy
from falcohost.host.confine.programs import Programs
from falcohost.host.delivering import messages
from falcohost.host.delivering.broker import FileBroker
from falcohost.host.delivering.remote import RemoteStore
from falcohost.host.descriptors import receive_with
from falcohost.host.enabled_subscribers import open_subscribers
from falcohost.host.forked import end_after, say_why, take_over
from falcohost.host.memory import settle, share_arena
from falcohost.host.outputs_data import load_for_outputs, unseal_outputs
from falcohost.host.trimming import Trimming
from falcohost.needs import CONNECT, THREADS, WRITE, Needs
from falcohost.outputs.stdout import STDOUT
from falcohost.programs import run_programs
from falcohost.readable import readable
from falcohost.rotation import Rotation
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.taker import RunnerStore

#: The name of the process.
NAME: Final = "falcohost-out"

#: Seconds between two reports while something is being delivered.
PAUSE = 1.0

#: Seconds after which the kernel ends this process when the supervisor has ended unasked.
LONGEST_LAST: Final = 4


class OutputsGiven(Struct, frozen=True, kw_only=True):
    """What the outputs process is given.

    :ivar make: returns all outputs and subscribers, for a store.
    :ivar keep: the descriptors that it uses.
    :ivar files: the files that outputs write to, which the supervisor opens.
    :ivar connects: the addresses that outputs connect to.
    :ivar rotations: how the supervisor rotates files, by their paths.
    :ivar user: the user of the process; None: it stays.
    :ivar only_log: forbidden system calls are only logged.
    :ivar programs: as whom the programs of outputs run; None: no output has one.
    """

    make: Callable[[RunnerStore], Subscribers]
    keep: frozenset[int]
    files: Sequence[str]
    user: int | None
    only_log: bool = False
    connects: Sequence[str] = ()
    rotations: Mapping[str, Rotation] = MappingProxyType({})
    programs: Programs | None = None


class Ends(Struct, frozen=True):
    """The process's ends of its sockets: to the supervisor, to the store, and to the supervisor's broker."""

    supervisor: socket.socket
    store: socket.socket
    broker: socket.socket

    def descriptors(self) -> set[int]:
        """Return their descriptors."""
        return {self.supervisor.fileno(), self.store.fileno(), self.broker.fileno()}


def run_outputs(given: OutputsGiven, ends: Ends, parent: int) -> NoReturn:
    """Run the outputs process."""
    status = 1
    try:
        take_over({*ends.descriptors(), *given.keep, STDOUT}, parent, NAME)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor says when to end
        supervisor = _Supervisor(ends.supervisor)
        log.forward(lambda level, text: supervisor.say(wire.LogLine(level, text)))
        opening.through(FileBroker(ends.broker, given.files))
        status = _run(given, supervisor, ends.store, parent)
    except (SystemExit, Exception):
        say_why(parent)
    finally:
        os._exit(status)


def _run(given: OutputsGiven, supervisor: _Supervisor, link: socket.socket, parent: int) -> int:
    try:
        close_the_way_back()
        share_arena()
        import_lazy()
        if given.programs is not None:
            run_programs(given.programs)
        store = RemoteStore(link, supervisor.next_store)
        subscribers = given.make(store)
        needs = Needs(frozenset({THREADS, CONNECT, WRITE}), None, None)
        kept = frozenset({STDOUT})
        confine(Confinement(user=given.user, needs=needs, only_log=given.only_log, outlives=True, keeps=kept), parent)
        settle()
    except FalcohostError as error:
        supervisor.say(messages.NotOpened(str(error)))
        return 1
    supervisor.say(messages.Opened())
    try:
        OutputsProcess(supervisor, store, subscribers).run()
    except Exception as error:
        log.log.critical("delivering alerts has failed: %s: %s", type(error).__name__, error)
        log.log.debug("%s", traceback.format_exc())
        return 1
    return 0


def open_outputs(memfd: int, unbuffered: bool, store: RunnerStore) -> Subscribers:
    """Return all outputs and subscribers that *memfd* has the data of, and close that.

    :raises FalcohostError: one cannot be opened.
    """
    data = unseal_outputs(memfd)
    os.close(memfd)
    maker = AlertMaker(data.hostname, iso8601=data.iso8601)
    return open_subscribers(data, load_for_outputs(data), store, maker, unbuffered=unbuffered)


class _Supervisor:
    """The supervisor at the other end of *link*. Any thread may say something; one listens."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._received: wire.Received[messages.FromSupervisor] = wire.Received(messages.FromSupervisor)
        self._heard: list[messages.FromSupervisor] = []
        self._sockets: list[int] = []

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    @property
    def has_heard(self) -> bool:
        """Return whether messages are kept that have arrived before."""
        return bool(self._heard)

    def say(self, message: msgspec.Struct) -> None:
        """Send *message*, unless the supervisor is gone."""
        with self._lock, contextlib.suppress(OSError):
            wire.send(self._link, message)

    def heard(self) -> list[messages.FromSupervisor]:
        """Return the messages that have arrived, without waiting.

        :raises SystemExit: the supervisor is gone.
        """
        try:
            data, descriptors = receive_with(self._link, 65536, 4)
        except BlockingIOError:
            data, descriptors = None, []
        except OSError as error:
            raise SystemExit(1) from error
        if data is not None:
            if not data:
                raise SystemExit(1)
            self._sockets += descriptors
            self._heard += self._received.feed(data)
        heard, self._heard = self._heard, []
        return heard

    def store(self) -> socket.socket:
        """Return the socket that came with the earliest message about a new store."""
        return socket.socket(fileno=self._sockets.pop(0))

    def next_store(self) -> socket.socket:
        """Wait for a socket to a new store; keep what the supervisor says besides."""
        while True:
            for place, message in enumerate(heard := self.heard()):
                if isinstance(message, wire.NewStore):
                    self._heard += heard[:place] + heard[place + 1 :]
                    return self.store()
            self._heard += heard
            readable([self._link])


class OutputsProcess:
    """Runs *subscribers* with alerts from *store*, as *supervisor* says."""

    def __init__(self, supervisor: _Supervisor, store: RemoteStore, subscribers: Subscribers) -> None:
        self._supervisor = supervisor
        self._store = store
        self._subscribers = subscribers
        self._said = messages.Deliveries([])
        self._none_left = self._asked = False
        self._closing: threading.Thread | None = None
        self._is_alone = False
        self._trimming = Trimming()
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def run(self) -> None:
        """Run until the supervisor says that it is the end."""
        self._subscribers.__enter__()
        while self._closing is None or self._closing.is_alive():
            is_told = self._wait()
            if self._store.pump():
                self._subscribers.notify()
                self._trimming.used()
            self._trimming.now_and_then()
            if self._is_alone:
                if self._store.fileno() is None:
                    return
                continue
            try:
                for message in self._supervisor.heard() if is_told else ():
                    self._obey(message)
            except SystemExit:
                self._is_alone = True  # the store says the last, and then it is gone too
                end_after(LONGEST_LAST)
            self._report()
            if lost := next((one.name for one in self._subscribers.runners if one.lost), None):
                raise OutputLost(f"the output '{lost}' needs a new process")
        self._report()

    def _wait(self) -> bool:
        """Wait for a message; while something is being delivered, for a second at most, and until memory is trimmed.

        Return whether the supervisor may have said something.
        """
        poll = select.poll()
        supervisor = None if self._is_alone else self._supervisor.fileno()
        for descriptor in (supervisor, self._store.fileno(), self._ended):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        left = PAUSE if self._is_busy() else self._trimming.left
        ready = poll.poll(None if left is None else left * 1000)
        return self._supervisor.has_heard or any(descriptor == supervisor for descriptor, _ in ready)

    def _is_busy(self) -> bool:
        return any(one.waiting or one.busy() for one in self._subscribers.runners)

    def _obey(self, message: messages.FromSupervisor) -> None:
        if isinstance(message, wire.NewStore):
            self._store.renew(self._supervisor.store())
        elif isinstance(message, messages.Reopen):
            self._subscribers.reopen()
        elif isinstance(message, messages.Tell):
            self._asked = True
        elif self._closing is None:
            self._closing = threading.Thread(target=self._close, name="end", daemon=True)
            self._closing.start()

    def _close(self) -> None:
        try:
            self._store.sync()
            self._subscribers.__exit__(None, None, None)
        finally:
            os.eventfd_write(self._ended, 1)

    def _report(self) -> None:
        states = []
        for one in self._subscribers.runners:
            busy = one.busy()
            lasting = busy if busy >= PAUSE else 0.0
            states.append(messages.Delivery(one.name, one.kind, lasting, one.dropped, one.refused))
        if (now := messages.Deliveries(states)) != self._said or self._asked:
            self._said, self._asked = now, False
            self._supervisor.say(now)
        error = self._subscribers.check()
        if error and not self._none_left:
            self._none_left = True
            self._supervisor.say(messages.NoneLeft(error))
