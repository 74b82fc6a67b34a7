"""Runs the real agent as a user does: `falcohost` with rules files, JSON on stdout, stopped by a signal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.health.given import NAME as HEALTH
from falcohost.host.response.given import ACTIONS, RESPONSES
from falcohost.host.storing.process import NAME as STORE
from falcohost.host.supervision.reader import NAME as READER
from falcohost.testing.waiting import PATIENCE, SLOWNESS

#: One alert as JSON.
Json = dict[str, Any]

PROGRAM = Path(sys.executable).parent / "falcohost"


class Agent:
    """A running agent. Its alerts go through files, so that a test that does not read them cannot block it.

    :ivar process: the supervisor.
    :ivar folder: the folder with its files; its state is in the folder ``state`` there.
    """

    def __init__(
        self, folder: Path, rules: Sequence[Path], *, settings: Json | None = None, before: Sequence[str] = ()
    ) -> None:
        """Start the agent, with its files in *folder*; *before* is a command that execs the rest of its line."""
        self.folder = folder
        self._out, self._err = folder / "stdout", folder / "stderr"
        config = folder / "falco.yaml"
        config.write_text(json.dumps({**_SETTINGS, **(settings or {})}))
        command = [*before, str(PROGRAM), "-U", "-c", str(config), *QUIET]
        if SLOWNESS > 1:  # where a processor is emulated, the probe is checked for minutes
            command += ["-o", f"falcohost.source_timeout={round(60 * SLOWNESS)}"]
        for path in rules:
            command += ["-r", str(path)]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=os.environ | {"FALCOHOST_STATE_DIR": str(folder / "state")},
            )

    @property
    def log(self) -> str:
        """Return its output on stderr so far."""
        return self._err.read_text(errors="replace")

    @property
    def output(self) -> str:
        """Return its output on stdout so far."""
        return self._out.read_text(errors="replace")

    @property
    def alerts(self) -> list[Json]:
        """Return the alerts so far, in the order in which they were printed."""
        whole, _, _ = self.output.rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line.startswith("{")]

    def follow(self, seconds: float) -> Iterator[Json]:
        """Yield the alerts printed in the next *seconds*, each as soon as it is there."""
        return self._follow(self._out.stat().st_size, time.monotonic() + seconds)

    def _follow(self, position: int, end: float) -> Iterator[Json]:
        with self._out.open("rb") as output:
            output.seek(position)
            line = b""
            while time.monotonic() < end:
                line += output.readline()
                if not line.endswith(b"\n"):
                    time.sleep(0.02)
                    continue
                if line.startswith(b"{"):
                    yield json.loads(line)
                line = b""

    def workers(self) -> list[int]:
        """Return its workers' process ids; none if the supervisor has ended."""
        return [
            pid
            for pid, name in self.processes().items()
            if name not in (STORE, OUTPUTS, HEALTH, READER, ACTIONS, RESPONSES)
        ]

    def processes(self) -> dict[int, str]:
        """Return the names of the supervisor's children by process id; none if it has ended."""
        pid = self.process.pid
        found = {}
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
        return found

    def service(self, name: str) -> int | None:
        """Return the process id of a service by its process's name, such as :data:`STORE`; None: it has none."""
        return next((pid for pid, found in self.processes().items() if found == name), None)

    def worker(self) -> int | None:
        """Return its first worker's process id; None if there is no worker at the moment."""
        return next(iter(self.workers()), None)

    def wait_until_ready(self, seconds: float = PATIENCE) -> None:
        """Wait until all sources are open; if that takes too long, end the agent, since no test has it yet."""
        try:
            self._wait(lambda: READY in self.log, seconds, "it is not ready")
        except AssertionError:
            self.kill()
            raise

    def wait_for_log(self, wanted: Callable[[str], bool], seconds: float = PATIENCE) -> None:
        """Wait until *wanted* holds for the output on stderr."""
        self._wait(lambda: wanted(self.log), seconds, "it has not said so")

    def wait_for(self, wanted: Callable[[Json], bool], seconds: float = PATIENCE) -> Json:
        """Return the first alert for which *wanted* holds, even if it came before the call."""
        found: list[Json] = []

        def look() -> bool:
            found.extend(alert for alert in self.alerts if wanted(alert))
            return bool(found)

        self._wait(look, seconds, "no such alert")
        return found[0]

    def stop(self, seconds: float = PATIENCE) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds * SLOWNESS)

    def kill(self) -> None:
        """Kill the agent and all its processes, and return when they are gone; for the end of a test."""
        with contextlib.ExitStack() as ending:
            watched = [ending.enter_context(_watched(pid)) for pid in self.processes()]
            self.process.kill()
            self.process.wait()
            for descriptor in filter(None, watched):
                waiting = select.poll()  # a process with more than 1,024 files cannot select
                waiting.register(descriptor, select.POLLIN)
                waiting.poll(10_000 * SLOWNESS)

    def _wait(self, done: Callable[[], bool], seconds: float, failure: str) -> None:
        seconds *= SLOWNESS
        end = time.monotonic() + seconds
        while not done():
            code = self.process.poll()
            assert code is None, f"it ended with {code}: {self.log}{self.output[-4000:]}"
            assert time.monotonic() < end, f"{failure} after {seconds} s: {self.log}{self.output[-4000:]}"
            time.sleep(0.02)


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[int | None]:
    """Yield a descriptor that becomes readable when process *pid* ends; None if it has ended, or there is none."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError as error:  # it has ended, or Linux before 5.3
        assert error.errno in {errno.ESRCH, errno.ENOSYS}, error
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


#: The last line of the log before events are read.
READY = "Ready after"

#: Options of an agent that does not tell that it is stopped, which is not what a test wants to know.
QUIET: Sequence[str] = ("-o", "falcohost.internal.agent_stopped=false")

_SETTINGS: Json = {
    "json_output": True,
    "stdout_output": {"enabled": True},
    "syslog_output": {"enabled": False},
    "log_stderr": True,
    "log_syslog": False,
    "webserver": {"enabled": False},
}
