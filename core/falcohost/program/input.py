"""The input of a JSON log that reads the output of a program.

The program runs without privileges, like the worker, and is restarted when it fails. Of the agent's environment it gets
little, and what the configuration names for it; of its descriptors, none. Output that was not read when the agent ended
is lost, since a pipe cannot be read again.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
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
from falcohost.needs import PROGRAM, Needs
from falcohost.poll.failures import BackOff, Failures
from falcohost.program.keeper import keep

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
        self._process: subprocess.Popen[bytes] | None = None
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
        """Return that it runs a program, which may need anything."""
        return Needs(frozenset({PROGRAM}), None, None, self._program.groups, self._program.user)

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Check that the program exists; it is started after the privileges are dropped.

        :raises SourceError: it does not exist.
        """
        self._refusals = refusals
        if shutil.which(self._name) is None:
            raise SourceError(f"{self._plugin}: the program {self._name} cannot be found")

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
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    # one life

    def _life(self) -> Generator[Texts, None, str | None]:
        """Run the program once; return its error, or None."""
        try:
            process = self._process = self._started()
        except OSError as error:
            return f"the program {self._name} cannot be started: {error.strerror}"
        origin = Origin(f"{self._plugin}, what {self._name} printed", f"{process.pid}.{self._clock.time_ns()}")

        def refuse(cause: str, offset: int) -> None:
            self._refusals.add(cause, f"{origin.name}, byte {offset}")

        for items in texts(self._blocks(process), self._limits.document, refuse, plain=self._limits.plain):
            yield Texts(origin, items)
        while process.poll() is None:
            yield _NOTHING
            self._listen(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE)
        self._listen(process)
        self.close()
        if process.returncode == 0:
            return None
        return f"the program {self._name} ended with status {process.returncode}{self._last_words()}"

    def _started(self) -> subprocess.Popen[bytes]:
        worker = os.getpid()
        self._said = b""
        process = subprocess.Popen(
            self._program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=for_programs(),
            start_new_session=True,
            preexec_fn=lambda: keep(worker),  # safe: no thread of this source holds a lock that it needs
        )
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        log.info("%s: started the program %s (pid %d)", self._plugin, self._name, process.pid)
        return process

    def _blocks(self, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
        """Yield the output to its end; empty blocks while there is none."""
        assert process.stdout is not None
        assert process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(_PAUSE)]
                if process.stderr in ready and not self._listen(process):
                    selector.unregister(process.stderr)
                if process.stdout not in ready:
                    yield b""
                elif block := os.read(process.stdout.fileno(), BLOCK):
                    yield block
                else:
                    return

    def _listen(self, process: subprocess.Popen[bytes]) -> bool:
        """Keep the last part of the program's stderr; return False at its end."""
        assert process.stderr is not None
        with contextlib.suppress(BlockingIOError):
            while said := os.read(process.stderr.fileno(), BLOCK):
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
