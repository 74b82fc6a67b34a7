"""Rights to the agent's files are changed, folders are covered or moved, alerts are rewritten: each is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.testing.agent import PROGRAM
from falcohost.testing.waiting import wait_until

OWN = sorted((Path(__file__).resolve().parents[1] / "falcohost_syscall" / "rules").glob("*.yaml"))
REACHED, CHANGED, ALERTS = (
    "Agent reached through the kernel",
    "Settings of the agent changed",
    "Alerts of the agent changed",
)

BEGIN = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
path = sys.argv[1]
mode, fd = os.stat(path).st_mode & 0o7777, os.open(path, os.O_RDONLY)
def call(number, *arguments):
    given = [ctypes.c_char_p(one.encode()) if isinstance(one, str) else ctypes.c_long(one) for one in arguments]
    assert libc.syscall(ctypes.c_long(number), *given) == 0, os.strerror(ctypes.get_errno())
def alone():
    assert libc.unshare(0x20000) == 0
    assert libc.mount(None, b"/", None, 1 << 18 | 1 << 14, None) == 0
"""

#: What is done to the folder of the state by root: by which calls, and that it is told.
DEEDS = {
    "chmod": ("os.chmod(path, mode)", "chmod"),
    "fchmod": ("os.fchmod(fd, mode)", "fchmod"),
    "fchmodat": ("os.chdir(path); call(268, -100, '.', mode)", "fchmodat"),
    "fchmodat2": ("call(452, -100, path, mode, 0x100)", "fchmodat2"),
    "fchmodat2 of a descriptor": ("call(452, fd, '', mode, 0x1000)", "fchmodat2"),
    "chown": ("os.chown(path, -1, -1)", "chown"),
    "lchown": ("os.lchown(path, -1, -1)", "lchown"),
    "fchown": ("os.fchown(fd, -1, -1)", "fchown"),
    "fchownat": ("call(260, fd, '', -1, -1, 0x1000)", "fchownat"),
    "setxattr": ("os.setxattr(path, 'trusted.falcohost', b'x')", "setxattr"),
    "lsetxattr": ("os.setxattr(path, 'trusted.falcohost', b'x', follow_symlinks=False)", "lsetxattr"),
    "fsetxattr": ("os.setxattr(fd, 'trusted.falcohost', b'x')", "fsetxattr"),
    "removexattr": ("os.setxattr(path, 'trusted.a', b'x'); os.removexattr(path, 'trusted.a')", "removexattr"),
    "fremovexattr": ("os.setxattr(path, 'trusted.a', b'x'); os.removexattr(fd, 'trusted.a')", "fremovexattr"),
    "bound over": ("alone(); assert libc.mount(b'/tmp', path.encode(), None, 0x1000, None) == 0", "mount"),
    "bound over by the new calls": (
        "alone(); tree = libc.syscall(428, -100, b'/tmp', 1); assert tree >= 0; call(429, tree, '', -100, path, 4)",
        "move_mount",
    ),
}
#: What is done to the file of alerts, of which the outputs have a descriptor.
FILE_DEEDS = {
    "opened": "os.close(os.open(path, os.O_WRONLY))",
    "opened by a descriptor": "os.close(os.open(sys.argv[2], os.O_WRONLY))",
    "cut": "os.truncate(path, os.stat(path).st_size)",
    "moved": "os.rename(path, path + '.1'); os.rename(path + '.1', path)",
    "linked": "os.link(path, path + '.2'); os.unlink(path + '.2')",
    "covered": "alone(); assert libc.mount(b'/dev/null', path.encode(), None, 0x1000, None) == 0",
    "shown": "os.fchmod(fd, mode)",
}


@pytest.fixture(scope="module")
def agent(start_agent, tmp_path_factory):
    """Return an agent with the shipped rules that also writes alerts to a file."""
    output = {"file_output": {"enabled": True, "keep_alive": True, "filename": str(alerts_file(tmp_path_factory))}}
    return start_agent(*OWN, settings={"rule_matching": "all", "stdout_output": {"enabled": True}, **output})


@pytest.fixture(scope="module")
def alerts(agent, tmp_path_factory):
    """Return the file of alerts, once there is one."""
    path = alerts_file(tmp_path_factory)
    run("pass", agent.folder / "state")
    run("os.fchmod(fd, mode)", agent.folder / "state")
    wait_until(lambda: path.exists() and path.stat().st_size)
    return path


def alerts_file(factory):
    """Return where the file of alerts is."""
    return factory.getbasetemp() / "agent-files-alerts.json"


def run(deed, *arguments):
    """Do something as root."""
    subprocess.run([sys.executable, "-ISc", BEGIN + deed, *map(str, arguments)], check=True, env={})


def told(agent, rule, *texts):
    """Return whether an alert of *rule* has all *texts*."""
    return any(alert["rule"] == rule and all(text in alert["output"] for text in texts) for alert in agent.alerts)


@pytest.mark.parametrize("deed", DEEDS)
def test_the_folder_of_the_state(agent, deed):
    """Its mode, owner or attributes are changed, or it is covered."""
    done, call = DEEDS[deed]
    state = agent.folder / "state"
    run(f"{done}\n# {deed.upper()}", state)
    wait_until(lambda: told(agent, CHANGED, f"call={call} ", str(state), f"# {deed.upper()}"))


def test_the_folder_is_removed(agent):
    """The folder of the state has moved elsewhere, and what took its place is removed by unlinkat(2)."""
    state = agent.folder / "state"
    run(
        "os.rename(path, path + '.x'); os.mkdir(path); call(263, -100, path, 0x200); os.rename(path + '.x', path)",
        state,
    )
    wait_until(lambda: told(agent, CHANGED, "call=unlinkat", f"path={state} "))


def test_a_folder_above_is_moved(agent):
    """A folder in which the state is has another name for a moment."""
    run("os.rename(path, path + '.x'); os.rename(path + '.x', path)", agent.folder)
    wait_until(lambda: told(agent, CHANGED, "call=rename", f"source={agent.folder} "))


@pytest.mark.parametrize("deed", FILE_DEEDS)
def test_the_file_of_alerts(agent, alerts, deed):
    """Somebody else opens, cuts, moves or covers it, or changes who may read it."""
    outputs = agent.service(OUTPUTS)
    number = next(one.name for one in Path(f"/proc/{outputs}/fd").iterdir() if str(one.readlink()) == str(alerts))
    run(f"{FILE_DEEDS[deed]}\n# {deed.upper()}", alerts, f"/proc/{outputs}/fd/{number}")
    wait_until(lambda: told(agent, ALERTS, str(alerts), f"# {deed.upper()}"))


def test_a_descriptor_of_a_process_is_opened(agent, alerts):
    """A file that a process of the agent has open is opened by its number there, also without being the agent's."""
    outputs = agent.service(OUTPUTS)
    run("os.close(os.open(sys.argv[2], os.O_RDONLY))", alerts, f"/proc/{outputs}/fd/2")
    wait_until(lambda: told(agent, REACHED, f"process {outputs} (outputs)", "call=openat"))


def test_the_doctor_changes_nothing(agent, alerts):
    """A check beside the agent, of the same settings, leaves its state and the file of its alerts alone."""
    command = (PROGRAM, "-U", "-c", agent.folder / "falco.yaml", *(part for path in OWN for part in ("-r", path)))
    environment = os.environ | {"FALCOHOST_STATE_DIR": str(agent.folder / "state")}
    for check in ("doctor", "--dry-run"):
        done = subprocess.run([*command, check], env=environment, capture_output=True, text=True)
        assert "state directory: it can be used\n" in done.stdout or "falcohost would start, with" in done.stdout
        assert "MISS" not in done.stdout
    run("os.fchmod(fd, mode)\n# AFTER", agent.folder / "state")
    wait_until(lambda: told(agent, CHANGED, "# AFTER"))

    own = (str(PROGRAM), str(agent.folder))
    assert [] == [alert["output"] for alert in agent.alerts if all(text in alert["output"] for text in own)]


def test_nobody_else_is_meant(agent, tmp_path):
    """The same done beside the agent's folders says nothing of the agent."""
    for deed, _ in DEEDS.values():
        run(deed, tmp_path)
    run("os.fchmod(fd, mode)\n# LAST", agent.folder / "state")
    wait_until(lambda: told(agent, CHANGED, "# LAST"))

    assert not told(agent, CHANGED, str(tmp_path))
