"""The input of a JSON log that reads the output of a program.

The program runs without privileges, as a user that is not the worker's, and is restarted when it fails. Of the agent's
environment it gets little, and what the configuration names for it; of its descriptors, none. Output that was not read
when the agent ended is lost, since a pipe cannot be read again.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from falcohost.clock import SYSTEM, Clock
from falcohost.environment import for_programs
from falcohost.errors import SourceError
from falcohost.jsonlog.blocks import BLOCK
from falcohost.jsonlog.inputs import Limits, Origin, Texts
from falcohost.jsonlog.lines import texts
from falcohost.jsonlog.refusals import Refusals
from falcohost.log import log
from falcohost.needs import NOTHING, Needs
from falcohost.poll.failures import BackOff, Failures
from falcohost.program.keeper import Ended, Keeper, NotStarted, Started
from falcohost.programs import way_for

#: Seconds between two checks of a program that prints nothing.
_PAUSE = 0.25

#: Seconds of uptime after which the back-off resets.
_HEALTHY = 60.0

_NOTHING = Texts(Origin("", ""), [])

#: Most lines and bytes of a failed program's stderr that are logged.
_LAST_LINES, _LAST_BYTES = 10, 4096


@dataclass(frozen=True, slots=True)
class Program:
    """A program and when to restart it.

    :ivar command: the program and its arguments.
    :ivar always: restart it even after it has ended with status 0; otherwise the source ends then.
    :ivar groups: further groups in which it runs; only an agent that runs as root can give them.
    :ivar user: the user that it runs as, if the agent runs as root; empty: a user of its own.
    """

    command: Sequence[str]
    always: bool = False
    groups: tuple[str, ...] = ()
    user: str = ""


class ProgramInput:
    """Reads what *program* prints. *plugin*: name of the source in messages."""

    def __init__(
        self,
        program: Program,
        *,
        plugin: str,
        limits: Limits | None = None,
        back_off: BackOff | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self._program = program
        self._plugin = plugin
        self._clock = clock
        self._limits = limits or Limits()
        self._back_off = back_off or BackOff(longest=60)
        self._refusals = Refusals()
        self._keeper: Keeper | None = None
        self._pipes: tuple[int, ...] = ()
        self._said = b""

    @property
    def limits(self) -> Limits:
        """How large texts may be."""
        return self._limits

    @property
    def done(self) -> float | None:
        """None: not known."""
        return None

    @property
    def needs(self) -> Needs:
        """Return that it needs nothing: the process that runs the program is there before the worker is confined."""
        return NOTHING

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Start the process that will run the program.

        :raises SourceError: the program does not exist, or the user or a group in which it is to run.
        """
        self._refusals = refusals
        if shutil.which(self._name) is None:
            raise SourceError(f"{self._plugin}: the program {self._name} cannot be found")
        self._keeper = Keeper(self._program.command, for_programs(), way_for(self._program.user, self._program.groups))

    def texts(self) -> Iterator[Texts]:
        """Yield the program's output, over all restarts; empty texts while it prints nothing."""
        failures = Failures(self._plugin, self._back_off, self._clock)
        while True:
            begun = self._clock.monotonic()
            problem = yield from self._life()
            if problem is None or self._clock.monotonic() - begun > _HEALTHY:
                failures.succeeded()
            if problem is None and not self._program.always:
                return
            wait = self._back_off.first if problem is None else failures.failed(SourceError(problem))
            until = self._clock.monotonic() + wait
            while (left := until - self._clock.monotonic()) > 0:
                yield _NOTHING
                self._clock.sleep(min(left, _PAUSE))

    def ack(self, cursor: str) -> None:
        """Do nothing: there is no cursor."""

    def close(self) -> None:
        """End the program and everything that it has started."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()
        self._close_pipes()

    # one life

    def _life(self) -> Generator[Texts, None, str | None]:
        """Run the program once; return its error, or None.

        :raises SourceError: it cannot be run any more.
        """
        keeper = self._keeper
        assert keeper is not None
        self._said = b""
        with self._kept():
            out, err = self._pipes = keeper.start()
        os.set_blocking(err, False)
        while (begun := self._heard(keeper)) is None:
            yield _NOTHING
        if isinstance(begun, NotStarted):
            self._close_pipes()
            return f"the program {self._name} cannot be started: {os.strerror(begun.error)}"
        assert not isinstance(begun, Ended)
        log.info("%s: started the program %s (pid %d)", self._plugin, self._name, begun.pid)
        origin = Origin(f"{self._plugin}, what {self._name} printed", f"{begun.pid}.{self._clock.time_ns()}")

        def refuse(cause: str, offset: int) -> None:
            self._refusals.add(cause, f"{origin.name}, byte {offset}")

        for items in texts(self._blocks(keeper, out, err), self._limits.document, refuse, plain=self._limits.plain):
            yield Texts(origin, items)
        while (ended := self._heard(keeper)) is None:
            yield _NOTHING
            self._listen(err)
        assert isinstance(ended, Ended)
        self._listen(err)
        self._close_pipes()
        if ended.status == 0:
            return None
        return f"the program {self._name} ended with status {ended.status}{self._last_words()}"

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SourceError(f"{self._plugin}: the program {self._name} has ended: {error.strerror}") from error

    def _heard(self, keeper: Keeper) -> Started | NotStarted | Ended | None:
        with self._kept():
            return keeper.hear(_PAUSE)

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            os.close(pipe)
        self._pipes = ()

    def _blocks(self, keeper: Keeper, out: int, err: int) -> Iterator[bytes]:
        """Yield the output to its end; empty blocks while there is none.

        :raises SourceError: the keeper is gone.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            selector.register(err, selectors.EVENT_READ)
            while True:
                ready = [key.fd for key, _ in selector.select(_PAUSE)]
                if err in ready and not self._listen(err):
                    selector.unregister(err)
                if out not in ready:
                    with self._kept():
                        keeper.check()
                    yield b""
                elif block := os.read(out, BLOCK):
                    yield block
                else:
                    return

    def _listen(self, err: int) -> bool:
        """Keep the last part of the program's stderr; return False at its end."""
        with contextlib.suppress(BlockingIOError):
            while said := os.read(err, BLOCK):
                self._said = (self._said + said)[-_LAST_BYTES:]
            return False
        return True

    def _last_words(self) -> str:
        lines = deque(self._said.decode("utf-8", "replace").splitlines(), _LAST_LINES)
        said = " | ".join(lines)
        return f"; its last output: {''.join(c if c.isprintable() else '?' for c in said)}" if said else ""

    @property
    def _name(self) -> str:
        return self._program.command[0]
