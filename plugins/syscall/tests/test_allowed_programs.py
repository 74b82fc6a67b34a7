"""Programs that shipped rules trust are known by what they are: a name allows nothing, and the real ones are quiet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.own_program import own_program
from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM
from falcohost_rules import shared_rules

OWN = sorted((Path(__file__).resolve().parent.parent / "falcohost_syscall" / "rules").glob("*.yaml"))

#: What a rule lets a program do, done by one that only has its name.
NAMED = {
    "Memory of a process opened for writing": "@gdb open write /proc/self/mem",
    "Library preloaded from a temporary folder": "@a with LD_PRELOAD=/tmp/none.so exec @fakeroot noop",
    "User namespace made by an unusual program": "@bwrap as 65534 unshare user",
    "Kernel module loaded by an unusual program": "@modprobe module finit",
    "BPF program loaded by an unusual program": "@falcohost bpf program",
    "Ring for system calls made by a program that is not installed": "@node ring",
    "Page faults handled by an unusual program": "@criu faults",
    "Container runtime driven by an unusual program": "@docker connect-unix $tmp/docker.sock",
    "Raw network traffic opened by an unusual program": "@tcpdump socket packet",
    "Namespace joined from inside a container": "@a cgroup $cgroup exec @runc setns",
    "Disk mounted inside a container": "@a cgroup $cgroup exec @runc private $tmp mount /dev/no-such-disk $tmp ext4",
    "File opened by handle inside a container": "@a cgroup $cgroup exec @runc handle /etc/hostname",
    "Root directory moved to the host from a container": "@a cgroup $cgroup exec @runc chroot /proc/self/root",
    "Cgroup left from inside a container": "@a cgroup $cgroup exec @systemd cgroup-file $cgroup",
    "Older cgroups mounted inside a container": "@a cgroup $cgroup exec @runc agent-mounted",
    "Cloud credentials fetched from inside a container": (
        "@a cgroup $cgroup exec @aws network 169.254.169.254 connect 169.254.169.254 80"
    ),
    "SSH keys of an account changed": "@google_guest_ag folder $tmp/.ssh open append $tmp/.ssh/authorized_keys",
    "Login checks changed": "@authselect private /etc folder /etc/pam.d open write /etc/pam.d/sshd",
    "Program given the rights of its owner": "@dockerd chmod 4755 $tmp/@dockerd",
    "Shell history wiped": "@bash open truncate $tmp/.bash_history",
    "Kernel told to run a program": "@sysctl open write /proc/sys/kernel/core_pattern",
    "Settings of the agent changed": (
        "@falcohost private /etc folder /etc/falcohost open write /etc/falcohost/falcohost.yaml"
    ),
    "Account file replaced": "@visudo write-rename",
    "Program started through the dynamic linker": "@ldd child exec-linker @payload",
    "Memory of another process reached by a call": "@gdb memory-written",
    "Descriptor taken out of another process": "@criu descriptor-taken",
    "Process traced by a program that is not installed": "@gdb trace-attach",
    "BPF object of another taken by an unusual program": "@bpftool map-by-number",
    "Agent reached through the kernel": "@bpftool read-left-out",
    "Opened files reported to a program that is not installed": "@clamonacc read-reported",
    "Places in programs or the kernel watched by a program that is not installed": "@falcohost probes-call",
    "User namespace made for a child": "@bwrap as 65534 user-namespace-clone",
    "Attempt to get capabilities refused": "@systemd as 65534 root-capset",
    "Program made with the rights of its owner": "@tar setuid-open",
    "Program given capabilities": "@setcap file-capability",
    "Device node of a disk made by an unusual program": "@runc read-disk",
    "Folder shown elsewhere by a program that is not installed": "@runc write-bound-folder",
    "Mounts changed by the newer calls": "@falcohost read-detached-tree",
    "Root directory exchanged by a program that is not installed": "@systemd read-pivoted",
    "Root directory changed by a program that is not installed": "@falcohost read-chroot",
    "Process renamed through its file": "@runc open write /proc/self/comm",
    "Rights to files changed by a program that is not installed": "@smbd root-fsuid",
    "Kernel replaced while running": "@kexec kernel-replaced",
}

#: What is let through in a container: runc where packages put it.
_RUNC = "@a private /usr/sbin installed /usr/sbin/runc cgroup $cgroup folder $tmp/x"
ALLOWED = {
    "a disk": f"{_RUNC} private $tmp mount /dev/no-such-disk $tmp ext4",
    "a namespace": f"{_RUNC} setns",
    "a handle": f"{_RUNC} handle /etc/hostname",
    "a root": f"{_RUNC} chroot /proc/self/root",
    "a cgroup": f"{_RUNC} cgroup-file $cgroup",
    "an older cgroup": f"{_RUNC} agent-mounted",
}

#: Says of each process that changes its root directory whether it is falcohost.
CHROOT = "Chroot seen"

#: Fires for how the test puts a runtime there: it is no package manager.
INSTALLED_BY_HAND = "Folder of programs changed"
#: So does its folder: here it is in a file system in memory.
IN_MEMORY = "Program started from a file system in memory"
RULE = f"""
- rule: {CHROOT}
  desc: Whether it is falcohost.
  condition: evt.type = chroot and evt.rawres = 0
  output: "%proc.is_falcohost %proc.pid %proc.ppid"
  priority: INFO
"""

#: Changes the root directory to the folder at the end of the command line, in Python.
CHROOTS = "import os, sys; os.chroot(sys.argv[-1])"

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

#: What is done with real programs, and does their work.
REAL = {
    "gdb": [
        "gdb",
        "-nx",
        "-batch",
        "-ex",
        "starti",
        "-ex",
        "set $pc=$pc",
        "-ex",
        "x/i $pc",
        "-ex",
        "kill",
        "/bin/true",
    ],
    "gdb on memory": ["gdb", "-nx", "-batch", "-ex", "starti", "-ex", "set {char}$sp=1", "-ex", "kill", "/bin/true"],
    "strace": ["strace", "-o", "/dev/null", "/bin/true"],
    "bwrap": [*AS_NOBODY, "bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"],
    "ldd": ["ldd", "/bin/true"],
    "perf": ["perf", "stat", "-e", "task-clock", "/bin/true"],
}


@pytest.fixture(scope="module")
def agent(start_agent, open_folder):
    """Return an agent with the shipped rules and one that says who is falcohost."""
    (open_folder / "chroot.yaml").write_text(RULE)
    return start_agent(*OWN, *shared_rules({"syscall"}), open_folder / "chroot.yaml", settings={"rule_matching": "all"})


@pytest.fixture(scope="module")
def fired(agent, provocations):
    """Run all lines and return the rules that fired for each."""
    named = {f"named: {rule}": line for rule, line in NAMED.items()}
    lines = {**named, **{f"allowed: {what}": line for what, line in ALLOWED.items()}}
    provocations.run(lines)
    # An alert about a container waits until runtimes have said what they know of it, also for the last one's name.
    last = {"last": "@miner name kworker/last", "last inside": "@a cgroup $cgroup exec @last setns"}
    provocations.run(last)
    for key in last:
        agent.wait_for(lambda alert, key=key: provocations.is_about(alert, key))
    return {key: provocations.rules_fired(agent, key) for key in lines}


@pytest.mark.parametrize("rule", NAMED)
def test_a_name_alone_allows_nothing(fired, rule):
    """The rule fires for a program that only has the name of one that may do this."""
    assert rule in fired[f"named: {rule}"]


@pytest.mark.parametrize("what", ALLOWED)
def test_a_runtime_may_do_its_work_in_a_container(fired, what):
    """Nothing fires for a container runtime where packages put it."""
    assert set() == fired[f"allowed: {what}"] - {CHROOT, INSTALLED_BY_HAND, IN_MEMORY}


def pass_by(agent, folder: Path) -> None:
    """Wait until the agent has told what has happened so far."""
    last = folder / "last"
    shutil.copy("/bin/cat", last)
    subprocess.run([last, "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)
    agent.wait_for(lambda alert: str(last) in alert["output"])


@pytest.mark.parametrize("what", REAL)
def test_real_programs_are_quiet(agent, tmp_path, what):
    """The program from its package does its work, and fires nothing."""
    command = list(REAL[what])
    for name in {command[0], what.partition(" ")[0]}:
        if not shutil.which(name):
            skip_or_fail("debuggers", f"{name} is missing")
    before = len(agent.alerts)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    pass_by(agent, tmp_path)

    assert [] == [
        alert["output"] for alert in agent.alerts[before:] if f"command={what.partition(' ')[0]} " in alert["output"]
    ]


def is_falcohost(agent, field: str, pid: int) -> str:
    """Return what the rule says of the process whose field is *pid*."""
    found = agent.wait_for(lambda alert: alert["rule"] == CHROOT and alert["output_fields"][field] == pid)
    return found["output_fields"]["proc.is_falcohost"]


def test_another_agent_is_known(agent, start_agent, tmp_path):
    """The store of another agent changes its root directory, and is falcohost; none of what its start does is told."""
    if own_program() is None:
        skip_or_fail("trusted", "other users can change this checkout or this Python")
    before = len(agent.alerts)
    other = start_agent(*OWN)  # looks for all files that the rules name
    assert is_falcohost(agent, "proc.ppid", other.process.pid) is True
    other.stop()
    pass_by(agent, tmp_path)

    told = [alert for alert in agent.alerts[before:] if alert["rule"] != CHROOT]
    assert [] == [alert["output"] for alert in told if str(other.process.args[3]) in alert["output"]]


@pytest.mark.parametrize("way", ["interpreter", "name", "script", "path", "module"])
def test_what_poses_as_the_agent_is_not(agent, tmp_path, way):
    """Neither the interpreter alone, nor a script with the name, nor falcohost led to other code counts."""
    script = tmp_path / "falcohost"
    script.write_text(f"#!{sys.executable}\n{CHROOTS}\n")
    script.chmod(0o755)
    (tmp_path / "sitecustomize.py").write_text(f"{CHROOTS}; os._exit(0)\n")
    (tmp_path / "falcohost.py").write_text(CHROOTS)
    command, variables = {
        "interpreter": ([sys.executable, "-c", CHROOTS], {}),
        "name": ([script], {}),
        "script": ([sys.executable, "-c", CHROOTS, PROGRAM], {}),
        "path": ([PROGRAM], {"PYTHONPATH": str(tmp_path)}),
        "module": ([sys.executable, "-m", "falcohost"], {}),
    }[way]
    process = subprocess.Popen([*command, tmp_path], env=os.environ | variables, cwd=tmp_path)
    assert process.wait() == 0

    assert is_falcohost(agent, "proc.pid", process.pid) is False
