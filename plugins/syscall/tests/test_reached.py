"""Whoever reaches the agent's processes, or changes its files, is an alert, whatever the program is called."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE
from falcohost.testing.waiting import wait_until

OWN = sorted((Path(__file__).resolve().parents[1] / "falcohost_syscall" / "rules").glob("*.yaml"))
REACHED, CHANGED = "Agent reached through the kernel", "Settings of the agent changed"

#: What root does to the process at the end of the command line. PTRACE_SEIZE, PTRACE_DETACH; pidfd_getfd(2).
DEEDS = {
    "mem": "os.close(os.open(f'/proc/{pid}/mem', os.O_RDONLY))",
    "mem for writing": "os.close(os.open(f'/proc/{pid}/mem', os.O_WRONLY))",
    "task": (
        "folder = f'/proc/{pid}/task/'; "
        "os.close(os.open(folder + sorted(os.listdir(folder))[-1] + '/mem', os.O_RDONLY))"
    ),
    "ptrace": "assert libc.ptrace(0x4206, pid, 0, 0) == 0",
    "process_vm_readv": (
        "start = int(open(f'/proc/{pid}/maps').readline().split('-')[0], 16); data = ctypes.create_string_buffer(8); "
        "here = (ctypes.c_size_t * 2)(ctypes.addressof(data), 8); there = (ctypes.c_size_t * 2)(start, 8); "
        "assert libc.process_vm_readv(pid, here, 1, there, 1, 0) == 8"
    ),
}
BEGIN = "import ctypes, os, sys; libc = ctypes.CDLL(None, use_errno=True); pid = int(sys.argv[-1]); "
TAKE = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None); pid = int(sys.argv[-1])\n"
    "pidfd = os.pidfd_open(pid)\n"
    "for name in os.listdir(f'/proc/{pid}/fd'):\n"
    "    target = os.readlink(f'/proc/{pid}/fd/{name}')\n"
    "    if sys.argv[-2] in target: libc.syscall(438, pidfd, int(name), 0)\n"
)


@pytest.fixture(scope="module")
def agent(start_agent):
    """Return an agent with the shipped rules, whose own rules file is in its folder."""
    return start_agent(*OWN, settings={"rule_matching": "all"})


def told(alerts, rule, *texts):
    """Return whether one of *alerts* is of *rule* and has all *texts*."""
    return any(alert["rule"] == rule and all(text in alert["output"] for text in texts) for alert in alerts)


def run(program, *arguments):
    """Run Python code as root."""
    subprocess.run([sys.executable, "-ISc", program, *map(str, arguments)], check=True, env={})


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("role", ["supervisor", "store", "outputs", "worker of syscall"])
def test_a_process_is_reached(agent, syscall_worker, deed, role):
    """Its memory or its course is reached, and the alert says whose."""
    pid = {
        "supervisor": lambda: agent.process.pid,
        "store": lambda: agent.service(STORE),
        "outputs": lambda: agent.service(OUTPUTS),
        "worker of syscall": lambda: syscall_worker(agent.process.pid),
    }[role]()
    run(BEGIN + DEEDS[deed], pid)
    call = {"ptrace": "ptrace", "process_vm_readv": "process_vm_readv"}.get(deed, "openat")
    wait_until(lambda: told(agent.alerts, REACHED, f"process {pid} ({role})", f"call={call}"))


def test_a_process_that_is_killed_after_it(agent, syscall_worker):
    """The next worker reads of it what nobody has read, and knows whom it was done to."""
    parts = {"supervisor": agent.process.pid, "store": agent.service(STORE)}
    worker = syscall_worker(agent.process.pid)
    before = len(agent.alerts)
    os.kill(worker, signal.SIGSTOP)
    for pid in parts.values():
        run(BEGIN + DEEDS["ptrace"], pid)
    for pid in (parts["store"], worker):
        with contextlib.suppress(ProcessLookupError):  # the worker may be replaced already
            os.kill(pid, signal.SIGKILL)
    for role, pid in parts.items():
        wait_until(lambda part=f"process {pid} ({role})": told(agent.alerts[before:], REACHED, part, "call=ptrace"))


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("bpf-map", "map "),
        ("bpf_link", "link "),
        ("memfd:falcohost journal", "memory "),
        ("memfd:falcohost counted matches", "memory "),
    ],
)
def test_a_descriptor_is_taken(agent, children, syscall_worker, kind, part):
    """What the agent has of the probe is taken out of each process that has it."""
    syscall_worker(agent.process.pid)
    holders = [pid for pid in (agent.process.pid, *children(agent.process.pid)) if has(pid, kind)]
    assert holders
    for pid in holders:
        before = len(agent.alerts)
        run(TAKE, kind, pid)
        texts = (f"part={part}", "call=pidfd_getfd", f"file={kind}")
        wait_until(lambda before=before, texts=texts: told(agent.alerts[before:], REACHED, *texts))


def has(pid, kind):
    """Return whether a process has a descriptor of this kind. one that has ended meanwhile has none."""
    with contextlib.suppress(FileNotFoundError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if kind in str(link.readlink()):
                    return True
    return False


@pytest.mark.parametrize("kind", ["socket:", "state.db"])
def test_any_descriptor_is_taken(agent, kind):
    """What the kernel has no number for says out of which process it was taken: alerts can be forged with it."""
    store = agent.service(STORE)
    run(TAKE, kind, store)
    wait_until(lambda: told(agent.alerts, REACHED, f"part=process {store} (store)", "call=pidfd_getfd"))


def test_files_are_changed(agent, tmp_path):
    """A file of the state is made, renamed and removed, and settings are replaced by renaming."""
    folder = agent.folder
    run(
        "import os, sys; state, config = sys.argv[1:]; open(state + '/new', 'w').close(); "
        "os.rename(state + '/new', state + '/other'); os.unlink(state + '/other'); "
        "open(config + '.new', 'w').write(open(config).read()); os.rename(config + '.new', config)",
        folder / "state",
        folder / "falco.yaml",
    )
    wait_until(lambda: told(agent.alerts, CHANGED, f"file={folder}/state/new"))
    wait_until(lambda: told(agent.alerts, CHANGED, f"target={folder}/state/other"))
    wait_until(lambda: told(agent.alerts, CHANGED, "call=unlink", f"path={folder}/state/other"))
    wait_until(lambda: told(agent.alerts, CHANGED, "call=rename", f"target={folder}/falco.yaml"))


def test_a_folder_is_moved_or_covered(agent):
    """The folder of the state has another name for a moment, and another folder is mounted over it, seen by nobody."""
    state = agent.folder / "state"
    run("import os, sys; os.rename(sys.argv[1], sys.argv[1] + '.2'); os.rename(sys.argv[1] + '.2', sys.argv[1])", state)
    run(
        "import ctypes, os, sys; libc = ctypes.CDLL(None); assert libc.unshare(0x20000) == 0; "
        "assert libc.mount(None, b'/', None, 1 << 18 | 1 << 14, None) == 0; "
        "assert libc.mount(b'none', sys.argv[1].encode(), b'tmpfs', 0, None) == 0",
        state,
    )
    wait_until(lambda: told(agent.alerts, CHANGED, "call=rename", f"source={state} "))
    wait_until(lambda: told(agent.alerts, CHANGED, "call=mount", f"target={state} "))


def test_nobody_else_is_meant(agent, tmp_path):
    """What is done to another process, or to files beside the agent's, says nothing of the agent."""
    with subprocess.Popen(["sleep", "60"]) as other:
        for deed in DEEDS.values():
            run(BEGIN + deed, other.pid)
        other.kill()
    (tmp_path / "last").write_text("x")
    run("import sys; open(sys.argv[-1], 'w').close()", agent.folder / "state" / "last")
    wait_until(lambda: told(agent.alerts, CHANGED, f"{agent.folder}/state/last"))

    assert not told(agent.alerts, REACHED, f"/proc/{other.pid}/")
    assert not told(agent.alerts, REACHED, f"process {other.pid} ")
    assert not told(agent.alerts, CHANGED, str(tmp_path))
