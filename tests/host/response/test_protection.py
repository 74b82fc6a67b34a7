"""Whom no action touches."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from falcohost.host.response.processes import everyone, stat_of
from falcohost.host.response.target import Target, hold
from falcohost.host.supervision.images import image_of, open_freezer
from falcohost.testing.acting import about, alive
from falcohost.testing.descendants import below
from falcohost.testing.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what others run")


def why(protection, pid):
    """Return why process *pid* is protected."""
    target = hold(pid)
    try:
        return protection.why(target, image_of(pid))
    finally:
        target.close()


def test_the_first_process(protection):
    """It is not the one that a container calls so, but that of the machine."""
    assert "it is the first process of the machine" == why(protection(), 1)


def test_threads_of_the_kernel(protection):
    """They are protected, though they are processes like others to who looks at pids."""
    kernel = next((one for one in everyone() if one.kernel), None)
    if kernel is None:
        pytest.skip("this pid namespace shows no thread of the kernel")

    assert "it is a thread of the kernel" == why(protection(), kernel.pid)


def test_the_agent_and_its_ancestors(protection, agent, sleeper):
    """Neither the supervisor, nor whoever has started it, is touched; others are."""
    assert "it is a process of the agent" == why(protection(), agent)
    assert "the agent is its descendant" == why(protection(), os.getpid())
    assert None is why(protection(), sleeper.pid)


def test_processes_of_the_agent(protection, run):
    """Whatever the supervisor has started is protected, at any distance."""
    family = run(
        "import subprocess as s, signal, sys\n"
        'text = \'import subprocess as s, signal; print(s.Popen(["sleep", "99"]).pid, flush=True); signal.pause()\'\n'
        "print(s.Popen([sys.executable, '-c', text], stdout=s.PIPE, text=True).stdout.readline(), end='', flush=True)\n"
        "signal.pause()"
    )
    from falcohost.host.config.response import ProtectedConfig
    from falcohost.host.response.protection import Protection

    try:
        said = why(Protection(ProtectedConfig(()), family.pid, 0), int(family.said[0]))
    finally:
        for pid in below(family.pid):
            os.kill(pid, signal.SIGKILL)
    assert "it is a process of the agent" == said


@pytest.fixture
def program(tmp_path):
    """Return a program that waits."""
    path = tmp_path / "installed"
    shutil.copy("/bin/sleep", path)
    return path


@pytest.fixture
def running(program):
    """Return a process that runs the program."""
    with subprocess.Popen([program, "1000"]) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/exe").readlink() == program)
        yield process
        process.kill()


def test_programs(protection, program, running, sleeper):
    """A program is protected by its file: a link to it counts, another file with its name does not."""
    link = program.with_name("link")
    link.symlink_to(program)

    assert why(protection(programs=(str(program),)), running.pid) == f"its program is protected ({program})"
    assert f"its program is protected ({link})" == why(protection(programs=(str(link),)), running.pid)
    assert None is why(protection(programs=(str(program),)), sleeper.pid)


def test_a_name_that_it_has_taken(protection, program, run):
    """A process that calls itself like a protected program, or has its arguments, is not protected."""
    text = "import ctypes; ctypes.CDLL(None).prctl(15, b'installed'); print(1, flush=True); input()"
    process = run(text, str(program))

    assert "installed" == Path(f"/proc/{process.pid}/comm").read_text().strip()
    assert None is why(protection(programs=(str(program),)), process.pid)


def test_a_copy(protection, program, tmp_path):
    """A copy of a protected program is another file, and not protected."""
    copy = tmp_path / "copy"
    shutil.copy(program, copy)
    with subprocess.Popen([copy, "1000"]) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/exe").readlink() == copy)
        found = why(protection(programs=(str(program),)), process.pid)
        process.kill()

    assert None is found


def test_after_an_upgrade(protection, program, running):
    """A process of a program whose file was replaced is known by the path that it had."""
    new = program.with_name("new")
    shutil.copy("/bin/cat", new)
    new.rename(program)

    assert f"its program is protected ({program})" == why(protection(programs=(str(program),)), running.pid)


def test_namespaces_and_cgroups(protection, sleeper):
    """Processes in a protected pid namespace, or below a protected cgroup, are not touched."""
    namespace = Path("/proc/self/ns/pid").stat().st_ino

    assert "its pid namespace is protected" in why(protection(namespaces=(0,)), sleeper.pid)
    assert "its pid namespace is protected" in why(protection(namespaces=(namespace,)), sleeper.pid)
    assert None is why(protection(namespaces=(1,)), sleeper.pid)
    assert "its cgroup is protected (/)" == why(protection(cgroups=("/",)), sleeper.pid)
    assert None is why(protection(cgroups=("/nowhere",)), sleeper.pid)
    assert "its cgroup is protected (/a)" == protection(cgroups=("/a",)).why_cgroup("/a/b")
    assert None is protection(cgroups=("/a",)).why_cgroup("/ab")


def test_what_nobody_sees(protection, sleeper):
    """Where it cannot be found out what a process runs, it is protected."""
    assert "what it runs cannot be found out" == protection().why(Target(-1, stat_of(sleeper.pid)), None)


@pytest.mark.parametrize("path", ["", "/", "relative", "/../etc", "/a/../b", "/no such cgroup"])
def test_what_freezes_nothing(path):
    """The supervisor opens nothing but what freezes the cgroup that was named, and not its own."""
    with pytest.raises(OSError):
        open_freezer(path, 1)


def test_one_that_is_protected_lives(actor, program, running):
    """A protected process is not killed, and it is told why."""
    from falcohost.host.config.response import ProtectedConfig

    actor = actor(protected=ProtectedConfig((str(program),)))
    actor.take(about(running.pid))
    told = actor.outcome()

    assert ("refused", True) == (told.result, alive(running.pid))
    assert f"its program is protected ({program})" in told.text
