"""The action kill: whom it hits, whom it spares, and what is told of it."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcohost.host.config.response import ProtectedConfig
from falcohost.host.response.cgroups import folder, members, mount
from falcohost.subject import ProcessSubject
from falcohost.testing.acting import about, alive, gone, kill, state
from falcohost.testing.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what others run")

#: Starts a child, and that a grandchild; says their pids.
FAMILY = """
import os, signal
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.write(write, f"{os.getppid()} {os.getpid()}\\n".encode())
        signal.pause()
    signal.pause()
print(os.read(read, 99).decode(), end="", flush=True)
signal.pause()
"""

#: The child leaves the session; with another fork its child has another parent, too.
AWAY = FAMILY.replace("if os.fork() == 0:\n    if", "if os.fork() == 0:\n    os.setsid()\n    if")
TWICE = """
import os, signal
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    middle = os.getpid()
    if os.fork() == 0:
        while os.getppid() == middle: pass
        os.write(write, f"{os.getpid()}\\n".encode())
        signal.pause()
    os._exit(0)
print(os.read(read, 99).decode(), end="", flush=True)
signal.pause()
"""


@pytest.fixture
def cgroup():
    """Return the path of a cgroup of its own."""
    if (root := mount()) is None:
        pytest.skip("there are no cgroups of version 2")
    path = f"/falcohost-kill-{os.getpid()}"
    folder(root, path).mkdir()
    yield path
    for pid in members(root, path):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not list(members(root, path)))
    folder(root, path).rmdir()


def test_it_ends(actor, sleeper):
    """The process is killed, and what is told says so, with the delay."""
    actor = actor()
    actor.take(about(sleeper.pid))
    told = actor.outcome()

    assert -signal.SIGKILL == sleeper.wait()
    assert ("zap", "done", "Shell", sleeper.pid) == (told.action, told.result, told.rule, told.pid)
    assert told.text.startswith(f"has sent SIGKILL to process {sleeper.pid} (")
    assert "after the event; it has ended" in told.text


def test_it_does_not_end(actor, run):
    """A process that ignores the signal is told of as one that still runs: nobody says that it was stopped."""
    process = run("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()")
    actor = actor(actions={"zap": kill("SIGTERM")})
    actor.take(about(process.pid))
    told = actor.outcome()

    assert ("failed", True) == (told.result, alive(process.pid))
    assert told.text.endswith("1 had not ended 1 s later")


def test_only_one(actor, run):
    """Without a scope, its children live on."""
    family = run(FAMILY)
    actor = actor()
    actor.take(about(family.pid))

    assert "done" == actor.outcome().result
    assert [True, True] == [alive(int(pid)) for pid in family.said]


@pytest.mark.parametrize("program", [FAMILY, AWAY], ids=["plain", "setsid"])
def test_a_tree(actor, run, program):
    """Its descendants are killed, too, whatever session they are in."""
    family = run(program)
    actor = actor(actions={"zap": kill(scope="tree")})
    actor.take(about(family.pid))
    told = actor.outcome()

    assert ("done", True) == (told.result, ": 3 processes; all have ended" in told.text)
    assert all(gone(int(pid)) for pid in (family.pid, *family.said))


def test_a_double_fork(actor, run):
    """Who has lost its parent is no descendant any more, and lives on."""
    family = run(TWICE)
    actor = actor(actions={"zap": kill(scope="tree")})
    actor.take(about(family.pid))

    assert "done" == actor.outcome().result
    assert alive(int(family.said[0]))


def test_a_cgroup(actor, run, cgroup):
    """All in the cgroup are killed, also those that are no descendants any more."""
    family = run(f"open('{folder(mount(), cgroup)}/cgroup.procs', 'w').write('0')" + TWICE)
    actor = actor(actions={"zap": kill(scope="cgroup")})
    actor.take(about(family.pid))
    told = actor.outcome()

    assert ("done", True) == (told.result, ": 2 processes; all have ended" in told.text)
    assert gone(int(family.said[0]))


def test_the_cgroup_of_the_agent(actor, sleeper):
    """Where the agent is in the same cgroup, nothing is done."""
    actor = actor(actions={"zap": kill(scope="cgroup")})
    actor.take(about(sleeper.pid))

    assert ("refused", True) == (actor.outcome().result, alive(sleeper.pid))


def test_a_fork_bomb(actor, run):
    """One that goes on forking is killed with all that it has forked."""
    bomb = run(
        "import os, signal, time\nprint(os.getpid(), flush=True)\nfor _ in range(300):\n"
        "    if os.fork() == 0:\n        signal.pause()\n    time.sleep(0.001)\nsignal.pause()"
    )
    actor = actor(actions={"zap": kill(scope="tree")})
    time.sleep(0.05)
    actor.take(about(bomb.pid))
    told = actor.outcome()

    assert ("done", False) == (told.result, "there are more" in told.text)
    assert not subprocess.run(["pgrep", "-P", str(bomb.pid)], stdout=subprocess.PIPE, check=False).stdout


def test_protected_descendants(actor, run, tmp_path):
    """A descendant whose program is protected is spared, which is told."""
    spared = tmp_path / "spared"
    spared.write_bytes(Path("/bin/sleep").read_bytes())
    spared.chmod(0o755)
    parent = run(
        f"import subprocess as s, signal; print(s.Popen(['{spared}', '1000']).pid, flush=True); signal.pause()"
    )
    child = int(parent.said[0])
    wait_until(lambda: Path(f"/proc/{child}/exe").readlink() == spared)
    actor = actor(actions={"zap": kill(scope="tree")}, protected=ProtectedConfig((str(spared),)))
    actor.take(about(parent.pid))
    told = actor.outcome()

    assert ("done", True) == (told.result, "1 that are protected were spared" in told.text)
    assert ("S", True) == (state(child), gone(parent.pid))


def test_stopped_by_a_tracer(actor, sleeper):
    """A process that a tracer holds is killed."""
    tracer = subprocess.Popen(
        [sys.executable, "-c",
         "import ctypes, os, sys, time; c = ctypes.CDLL(None); p = int(sys.argv[1]);"
         "c.ptrace(16, p, 0, 0); os.waitpid(p, 0); print(1, flush=True); time.sleep(1000)", str(sleeper.pid)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert tracer.stdout.readline()
        assert "t" == state(sleeper.pid)
        actor = actor()
        actor.take(about(sleeper.pid))

        assert actor.outcome().text.startswith("has sent SIGKILL")
        tracer.kill()
        assert gone(sleeper.pid)
    finally:
        tracer.kill()
        tracer.wait()


def test_an_exec_meanwhile(actor, run):
    """A process that executes another program is the same, and is killed."""
    process = run("import os; print(1, flush=True); input(); os.execv('/bin/sleep', ['sleep', '1000'])")
    alert = about(process.pid)
    process.stdin.write("\n")
    process.stdin.flush()
    wait_until(lambda: Path(f"/proc/{process.pid}/exe").readlink().name.endswith("sleep"))
    actor = actor()
    actor.take(alert)

    assert ("done", -signal.SIGKILL) == (actor.outcome().result, process.wait())


def test_gone(actor, run):
    """A process that has ended is refused, whether or not its parent knows."""
    process = run("print(1, flush=True); input()")
    alert = about(process.pid)
    process.kill()
    assert gone(process.pid)
    actor = actor()
    actor.take(alert)
    told = actor.outcome()

    assert ("refused", f"process {process.pid} has ended") == (told.result, told.text)


def test_before_descriptors_of_processes(actor, sleeper, monkeypatch):
    """A kernel that cannot hold a process, as before Linux 5.3, is why it is refused, and not that it has ended."""

    def missing(pid):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", missing)
    actor = actor()
    actor.take(about(sleeper.pid))
    told = actor.outcome()

    assert ("refused", "that needs Linux 5.3 or newer", True) == (told.result, told.text, alive(sleeper.pid))


def test_another_with_its_pid(actor, sleeper):
    """A process that was started at another time is another one."""
    alert = about(sleeper.pid)
    (subject,) = alert.subjects
    other = ProcessSubject(subject.pid, subject.start - 10_000_000, subject.pidns, None)
    actor = actor()
    actor.take(about(sleeper.pid, subjects=(other,)))

    assert ("refused", True) == (actor.outcome().result, alive(sleeper.pid))


def test_a_container(actor, agent):
    """A process in a pid namespace is killed by the pid that it has outside, and by no other."""
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sleep", "1000"]
    outer = subprocess.Popen(command)
    try:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        wait_until(lambda: children.read_text().split())
        inner = int(children.read_text().split()[0])
        wait_until(lambda: Path(f"/proc/{inner}/exe").readlink().name.endswith("sleep"))
        actor = actor()
        (subject,) = about(inner).subjects
        wrong = ProcessSubject(subject.pid, subject.start, subject.pidns + 1, None)
        actor.take(about(inner, 1, subjects=(wrong,)))
        first = actor.outcome()
        actor.take(about(inner, 2))

        assert ("refused", "done") == (first.result, actor.outcome().result)
        assert 0 != outer.wait(PATIENCE)
    finally:
        outer.kill()
        outer.wait()


@pytest.mark.timeout(600)
def test_pids_that_are_taken_again(request):
    """While processes end and their pids are taken again at once, no newcomer is killed; who is still there, is."""
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 14):
        pytest.skip("before Linux 6.14, namespaces have no pid_max of their own")
    tries = 10_000 if request.config.getoption("--soak") else 400
    script = Path(__file__).parent / "reuse.py"
    command = ["unshare", "-pf", "--mount-proc", "--kill-child", sys.executable, str(script), str(tries)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

    assert 0 == found["hit"]
    assert found["newcomers"] > tries / 2
    assert found["killed"] > 0
