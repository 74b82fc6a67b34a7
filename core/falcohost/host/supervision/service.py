"""A process that the agent always has, such as the store: forks it, hears it, and replaces it when it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from falcohost.alert import Priority
from falcohost.host.channel import Channel
from falcohost.host.checked import LINES, LINES_AT_ONCE, Limit
from falcohost.host.shortage import no_process
from falcohost.host.supervision.backoff import RestartDelay
from falcohost.host.supervision.loop import ALMOST, Loop, Timer
from falcohost.host.supervision.process import A_SIGNAL, ENDED, ForkedProcess
from falcohost.host.supervision.unstarted import Unstarted
from falcohost.host.supervision.watchdog import ASLEEP, RaiseAlert
from falcohost.host.wire import LogLine
from falcohost.log import log

RESTARTED: Final = "Falcohost internal: process restarted"

#: A process that lived for less than so many seconds is replaced after a delay; any other at once.
SHORT: Final = 1.0

#: Seconds between two looks at whether it is stopped, and between two questions; after so many without an answer it is
#: replaced. The store takes the questions for a sign that the supervisor works.
LOOKS: Final = ALMOST
ASKS: Final = 3.0
SILENT: Final = 60.0

#: How often a process is replaced that is killed while it finishes.
LAST_LIVES: Final = 3
#: Seconds that one gets to end which has nothing left to do.
LAST_SECONDS: Final = 2.0

T = TypeVar("T")


class Ended(Protocol):
    """Takes note that a process has ended."""

    def __call__(self, cause: str, *, hung: bool) -> None:
        """Take note of the *cause*."""


class Service(Generic[T]):
    """The process called *name*.

    :param start: starts the process.
    :param kinds: the messages that it sends.
    :param tell: the message that it answers.
    :param hear: called with each of its messages.
    :param begun: called after each start.
    :param raise_alert: raises the alert about a process that has ended, though it should not.
    :param ended: called when it has ended, with the cause, and whether it was killed since it did not answer.
    :ivar finishing: it may end by itself; if it is killed, it is replaced a few times.
    :ivar ending: it is not replaced any more.
    :ivar answers: it has opened what it needs, and has said something.
    :ivar restarts: how often it was started again.
    """

    def __init__(
        self,
        name: str,
        loop: Loop,
        start: Callable[[], ForkedProcess],
        kinds: Any,
        tell: msgspec.Struct,
        hear: Callable[[T], None],
        begun: Callable[[], None],
        raise_alert: RaiseAlert,
        ended: Ended = lambda cause, *, hung: None,
    ) -> None:
        self.name = name
        self.finishing = self.ending = False
        self.restarts = -1
        self._loop = loop
        self._start = start
        self._kinds = kinds
        self._tell = tell
        self._lines = Limit(LINES, LINES_AT_ONCE, loop.clock)
        self._heard = self._looked = self._asked = 0.0
        self._was_stopped = self.answers = False
        self._hear = hear
        self._begun = begun
        self._raise_alert = raise_alert
        self._unstarted = Unstarted(raise_alert)
        self._what = f"the {name} process"
        self._ended = ended
        self._hung = False
        self._process: ForkedProcess | None = None
        self._channel: Channel[T]
        self._restart: Timer | None = None
        self._backoff = RestartDelay()
        self._born = 0.0
        self._left = LAST_LIVES
        self._why = ""

    @property
    def pid(self) -> int:
        """Return the pid of its process; 0: it has none."""
        return 0 if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Return whether it has a process."""
        return self._process is not None

    @property
    def over(self) -> bool:
        """Return whether it has ended, and will not be started again."""
        return self._process is None and self._restart is None

    def start(self) -> None:
        """Start the process; if that is impossible now, later."""
        self._restart = None
        try:
            self._process = process = self._start()
        except OSError as error:
            delay = self._unstarted.tell(self._what, error)
            self._restart = self._loop.after(delay, self.start)
            return
        self._unstarted.started(self._what)
        self.restarts += 1
        self._born = self._heard = self._looked = self._loop.clock.monotonic()
        self._asked = 0.0
        self._was_stopped = self.answers = self._hung = False
        self._channel = Channel(process.link, self._kinds)
        self._loop.watch(self._channel, self._serve)
        self._loop.watch(process.ended, self._died)
        try:
            self._begun()
        except OSError as error:
            self.kill(f"it cannot be connected with the others: {no_process(error)}")

    def send(self, message: msgspec.Struct, descriptor: int | None = None) -> None:
        """Send *message*, with a duplicate of *descriptor*, if there is a process."""
        if self._process is not None and not self._channel.closed:
            self._channel.send(message, descriptor)
            self._loop.watch_writing(self._channel, self._channel.waits_to_send)

    def check(self) -> None:
        """Replace the process if it is stopped, or has not answered for :data:`SILENT` seconds."""
        now, before = self._loop.clock.monotonic(), self._looked
        if self._process is None or now - before < LOOKS:
            return
        self._looked = now
        if now - before > ASLEEP + LOOKS:  # this process itself was not running
            self._heard = now
        stopped = self._process.stopped_by()
        if stopped and self._was_stopped:
            self.kill(f"it was stopped by {stopped}")
        elif self.answers and now - self._heard > SILENT:  # until then it opens what may take long
            self._hung = True
            self.kill(f"it has not answered for {now - self._heard:.0f} s")
        elif now - self._asked >= ASKS:
            self._asked = now
            self.send(self._tell)
        self._was_stopped = bool(stopped)

    def replace_stopped(self) -> None:
        """Replace the process at once if a signal has stopped it."""
        if self._process is not None and self._process.is_stopped():
            self.kill(f"it was stopped by {A_SIGNAL}")

    def kill(self, why: str = "") -> None:
        """Kill the process."""
        if self._process is not None:
            self._why = why
            if why:
                log.error("the %s process (pid %d) is killed: %s", self.name, self._process.pid, why)
            self._process.signal(signal.SIGKILL)

    def end(self) -> None:
        """Start no process again, and kill the present one."""
        self._start_none()
        self.kill()

    def give_up(self) -> None:
        """Start no process again; kill the present one, unless it ends soon by itself."""
        self._start_none()
        self._loop.after(LAST_SECONDS, self.kill)

    def _start_none(self) -> None:
        self.ending = True
        if self._restart is not None:
            self._loop.cancel(self._restart)
            self._restart = None

    def _serve(self) -> None:
        if self._process is None or self._channel.closed:
            return
        self._channel.send_rest()
        self._loop.watch_writing(self._channel, self._channel.waits_to_send)
        self._read()
        if self._channel.closed:  # a closed socket stays readable
            self._loop.forget(self._channel)

    def _read(self) -> bool:
        """Pass on the messages that have arrived; return whether there were any."""
        messages = self._channel.read()
        for message in messages:
            self._heard = self._loop.clock.monotonic()
            if not isinstance(message, LogLine):
                self.answers = True
                self._hear(message)
            elif self._lines.passes():
                log.log(message.level, "%s", message.text)
        if self._channel.refused is not None and not self._channel.closed:
            self._channel.closed = True
            self.kill(f"it sent an invalid message ({self._channel.refused})")
        return bool(messages)

    def _died(self) -> None:
        process = self._process
        assert process is not None
        if not self._channel.closed:
            while self._read():
                pass
            self._loop.forget(self._channel)
        self._channel.close()
        self._loop.forget(process.ended)
        self._process = None
        cause = process.reap()
        self._ended(cause, hung=self._hung)
        if self.ending or (self.finishing and cause == ENDED):
            return
        if self.finishing:
            self._finish_again(process.pid, cause)
            return
        if self._why:
            cause, self._why = f"{self._why}, and was killed", ""
        life = self._loop.clock.monotonic() - self._born
        self._backoff.lived(life)
        text = f"the {self.name} process (pid {process.pid}) has ended and is started again: {cause}"
        log.error("%s", text)
        self._raise_alert(RESTARTED, Priority.CRITICAL, text, {"process": self.name, "cause": cause})
        if life < SHORT:
            self._restart = self._loop.after(self._backoff.next(), self.start)
        else:
            self.start()

    def _finish_again(self, pid: int, cause: str) -> None:
        log.error("the %s process (pid %d) has ended before it had finished: %s", self.name, pid, cause)
        self._left -= 1
        if self._left >= 0:
            self.start()
