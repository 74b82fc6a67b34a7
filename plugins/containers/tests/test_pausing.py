"""Executions of a program are paused until files have been read, and never for longer than that may take."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from falcohost.port import SocketPort
from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until
from falcohost_containers.config import Config
from falcohost_containers.pausing import opens
from falcohost_containers.rows import Paused, Question

SERVE = """
import json, signal, socket, sys
from falcohost_containers import pausing
link, other = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
settings = json.loads(sys.argv[3])
opened = pausing.opens(settings)
exec(sys.argv[4])
pausing.serve(link, settings, opened=opened, other=other)
"""

#: Its socket gets a number that select(2) does not take.
HIGH = """
import fcntl, resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
link = socket.socket(fileno=fcntl.fcntl(link.fileno(), fcntl.F_DUPFD_CLOEXEC, 1100))
"""

#: Longer than a test lasts: who pauses gives up only where that is tested.
LONG = 2.0


class Pauser:
    """The process that pauses executions of *programs*, and the other ends of its sockets."""

    def __init__(self, *programs: Path, most: float = LONG, first: str = "") -> None:
        here, link = socket.socketpair()
        self.reader, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reader.settimeout(PATIENCE * SLOWNESS)
        settings = msgspec.to_builtins(Config(paused=tuple(map(str, programs)), pause=most))
        command = [sys.executable, "-c", SERVE, str(link.fileno()), str(other.fileno()), json.dumps(settings), first]
        self.process = subprocess.Popen(command, pass_fds=[link.fileno(), other.fileno()])
        link.close()
        other.close()
        self._port: SocketPort[Question, Paused] = SocketPort(here, Paused)
        wait_until(lambda: self.told().files == len(programs))

    def told(self) -> Paused:
        """Return what it has counted."""
        assert self._port.ask(Question("", ""))
        found: list[Paused] = []
        wait_until(lambda: found.extend(self._port.answers()) or found)
        return found[0]

    def asked(self) -> bytes:
        """Return its next question, when it has come."""
        return self.reader.recv(64)

    def answer(self) -> None:
        """Answer its next question."""
        self.reader.send(self.asked())

    def close(self) -> None:
        """End it."""
        self.reader.close()
        self._port.close()
        self.process.wait(PATIENCE * SLOWNESS)


@pytest.fixture
def program(tmp_path) -> Path:
    """Return a program of our own that does nothing."""
    if os.geteuid() != 0:
        skip_or_fail("bpf", "only root can pause executions")
    return Path(shutil.copy("/bin/true", tmp_path / "runtime"))


@pytest.fixture
def pauser(close_later):
    """Return a function that starts the process that pauses."""
    return lambda *programs, **more: close_later(Pauser(*programs, **more))


@pytest.fixture
def execute(program) -> Iterator[object]:
    """Return a function that has the program executed next, and returns the process."""
    started: list[subprocess.Popen[bytes]] = []

    def execute(path: Path = program, *before: str) -> subprocess.Popen[bytes]:
        # Popen returns when the program has been executed, so another one does that, and says when it begins.
        command = [*before, "/bin/sh", "-c", f"echo; exec {path}"]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert b"\n" == started[-1].stdout.readline()
        return started[-1]

    yield execute
    for one in started:
        with one:
            assert 0 == one.wait(PATIENCE * SLOWNESS)


def test_an_execution_waits(pauser, program, execute):
    """It goes on when files have been read, and not before; how long it waited is counted."""
    paused = pauser(program)
    started = execute()
    asked = paused.asked()
    time.sleep(0.2)
    assert started.poll() is None
    paused.reader.send(asked)
    assert 0 == started.wait(PATIENCE * SLOWNESS)

    told = paused.told()
    assert (1, 1, 0) == (told.files, told.count, told.given_up)
    assert 200_000 <= told.microseconds == told.longest


def test_many_open_files(pauser, program, execute):
    """It works beside more than 1,023 open files."""
    paused = pauser(program, first=HIGH)
    one = execute()
    paused.answer()

    assert 0 == one.wait(PATIENCE * SLOWNESS)


def test_others_do_not_wait(pauser, program, tmp_path):
    """Only the programs that are listed wait, and reading one is no execution."""
    paused = pauser(program)
    other = Path(shutil.copy("/bin/true", tmp_path / "other"))
    assert 0 == subprocess.run([other], check=False).returncode
    program.read_bytes()

    assert 0 == paused.told().count


def test_executions_that_come_meanwhile(pauser, program, execute):
    """All that come while files are read wait for the next reading, together."""
    paused = pauser(program, most=PATIENCE)
    execute()
    first = paused.asked()
    more = [execute() for _ in range(5)]
    wait_until(lambda: all("fanotify" in Path(f"/proc/{one.pid}/wchan").read_text() for one in more))
    assert 0 == paused.told().count  # it answers when it has taken all that wait
    paused.reader.send(first)
    paused.answer()
    assert [0] * 5 == [one.wait(PATIENCE * SLOWNESS) for one in more]

    told = paused.told()
    assert (6, 0) == (told.count, told.given_up)


def test_files_that_are_not_read_in_time(pauser, program, execute):
    """Executions go on after the time that is set; the next do not wait at all, until files are read again."""
    paused = pauser(program, most=0.1)
    began = time.monotonic()
    assert 0 == execute().wait(PATIENCE * SLOWNESS)
    assert time.monotonic() - began >= 0.1
    assert 0 == execute().wait(PATIENCE * SLOWNESS)
    told = paused.told()
    assert (2, 2) == (told.count, told.given_up)
    assert told.microseconds < 2 * told.longest  # the second did not wait

    paused.answer()
    wait_until(lambda: paused.told() and execute().wait(PATIENCE * SLOWNESS) == 0 and paused.reader.recv(64))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_death(pauser, program, execute, number):
    """Whatever waits goes on when the process that pauses has died: nobody else has the descriptor."""
    paused = pauser(program)
    started = execute()
    paused.asked()
    paused.process.send_signal(number)
    assert 0 == started.wait(PATIENCE * SLOWNESS)

    assert -number == paused.process.wait(PATIENCE * SLOWNESS)


def test_a_process_that_hangs(pauser, program, execute):
    """The kernel ends it soon after the time that is set, so that what waits goes on."""
    paused = pauser(program, most=0.1, first="pausing.Pausing._give_up = lambda self: self._paused and signal.pause()")
    assert 0 == execute().wait(PATIENCE * SLOWNESS)

    assert -signal.SIGKILL == paused.process.wait(PATIENCE * SLOWNESS)


def test_a_process_that_is_stopped(pauser, program, execute):
    """The kernel ends it as well, as no other process may have to."""
    paused = pauser(program, most=0.1)
    paused.process.send_signal(signal.SIGSTOP)
    assert 0 == execute().wait(PATIENCE * SLOWNESS)

    assert -signal.SIGKILL == paused.process.wait(PATIENCE * SLOWNESS)


def test_the_end_of_who_reads(pauser, program, execute):
    """Then it ends, too, and nothing waits."""
    paused = pauser(program)
    started = execute()
    paused.asked()
    paused.reader.close()
    assert 0 == started.wait(PATIENCE * SLOWNESS)

    assert 0 == paused.process.wait(PATIENCE * SLOWNESS)


def test_a_program_that_is_replaced(pauser, program, execute, tmp_path):
    """Another file in its place, as after an upgrade, is paused as well, soon; so is one that comes later."""
    late = tmp_path / "late"
    paused = pauser(program)
    Path(shutil.copy("/bin/true", tmp_path / "new")).rename(program)

    def is_paused() -> bool:
        before = paused.told().count
        paused.reader.setblocking(False)
        started = execute()
        wait_until(lambda: started.poll() is not None or _answered(paused))
        return paused.told().count > before

    wait_until(is_paused)
    assert not late.exists()


def _answered(paused: Pauser) -> bool:
    try:
        return bool(paused.reader.send(paused.reader.recv(64)))
    except BlockingIOError:
        return False


def test_another_mount_namespace(pauser, program, execute, tmp_path):
    """The same file is paused there, also under another name."""
    paused = pauser(program)
    name = tmp_path / "name"
    name.touch()
    script = f"mount --bind {program} {name} && exec {name}"
    started = subprocess.Popen(["unshare", "-m", "/bin/sh", "-c", script])
    paused.answer()

    assert 0 == started.wait(PATIENCE * SLOWNESS)
    assert 1 == paused.told().count


def test_a_flood(pauser, program, execute):
    """A user who executes the runtime again and again has all of it executed, and who pauses lives."""
    paused = pauser(program, most=0.05)
    loop = f"for one in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do {program} || exit 1; done"
    floods = [subprocess.Popen(["/bin/sh", "-c", loop]) for _ in range(10)]

    assert [0] * 10 == [one.wait(PATIENCE * SLOWNESS) for one in floods]
    assert 200 == paused.told().count
    paused.answer()


def test_without_the_right():
    """Who may not pause says so, and lives on: containers are noticed all the same."""
    if os.geteuid() != 0:
        skip_or_fail("bpf", "only root can become somebody else")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        os.write(write, str(opens({})).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert b"Operation not permitted" in os.read(read, 1000)
