"""Ordinary work with passwords fires neither the shipped rules nor the README's first rule; reading the hashes does."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until
from falcohost_rules import shared_rules

ROOT = Path(__file__).resolve().parents[3]
OWN = sorted((ROOT / "plugins/syscall/falcohost_syscall/rules").glob("*.yaml"))
FIRST = "Shadow file read by something new"
SHIPPED = "Password hashes read"
BORROWED = "Password hashes read under a borrowed name"
DISK = "Disk opened by a program that is not installed"
RULES = {FIRST, SHIPPED, BORROWED, DISK, "Process renamed through its file"}

#: The process ids of a process's ancestors.
ANCESTORS = tuple(f"proc.apid[{generation}]" for generation in range(1, 8))

#: Each test ends with a reader of its own name.
NUMBERS = itertools.count()

#: Opens the file at its first argument with openat2 and the flags at its second.
OPENAT2 = """
import ctypes, os, struct, sys
how = ctypes.create_string_buffer(struct.pack("QQQ", int(sys.argv[2]), 0, 0))
if ctypes.CDLL(None).syscall(437, -100, sys.argv[1].encode(), how, 24) < 0:
    raise SystemExit("openat2 failed")
"""


PERL = "/usr/bin/perl"

#: Reads the hashes, in Perl.
READS = "open(F, '/etc/shadow') or die; <F>;"


@pytest.fixture(scope="module")
def rules(open_folder) -> list[Path]:
    """Return the shipped rules and a file with the README's first rule."""
    rule = re.search("```yaml\n(- rule: .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    first = open_folder / "first.yaml"
    first.write_text(rule[1])
    return [*OWN, *shared_rules({"syscall"}), first]


@pytest.fixture(scope="module")
def agent(start_agent, rules):
    """Return an agent with these rules, of which all that match fire; its alerts tell the ancestors of processes."""
    return start_agent(*rules, settings={"rule_matching": "all", "append_output": [{"extra_fields": list(ANCESTORS)}]})


def is_ours(alert) -> bool:
    """Return whether an alert is about a process of this test, and not of another program on this machine."""
    return os.getpid() in [alert["output_fields"][field] for field in ANCESTORS]


@pytest.fixture
def fired(agent, tmp_path) -> Callable[[], set[tuple[str, str]]]:
    """Return a function that returns the rules of ``RULES`` that fired since the test began, with their programs."""
    before = len(agent.alerts)

    def fired() -> set[tuple[str, str]]:
        last = tmp_path / f"last{next(NUMBERS)}"
        shutil.copy("/bin/cat", last)
        subprocess.run([last, "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)
        agent.wait_for(lambda alert: alert["rule"] == FIRST and alert["output_fields"]["proc.name"] == last.name)
        return {
            (alert["rule"], alert["output_fields"]["proc.name"])
            for alert in agent.alerts[before:]
            if alert["rule"] in RULES and alert["output_fields"]["proc.name"] != last.name and is_ours(alert)
        }

    return fired


def run(*command: str | Path, code: int | None = 0) -> None:
    """Run a program of the system that has no terminal; skip the test if it is not installed."""
    if not shutil.which(command[0]):
        skip_or_fail("logins", f"{command[0]} is missing")
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    assert code in (None, done.returncode), done.stderr


def test_reading_is_told(fired):
    """A program that has no business with the hashes fires the first rule and the shipped one."""
    run("cat", "/etc/shadow")

    assert fired() == {(FIRST, "cat"), (SHIPPED, "cat")}


@pytest.mark.parametrize(
    "command",
    [
        ("/usr/bin/su", "root", "-c", "true"),
        ("/usr/bin/sudo", "-n", "true"),
        ("/usr/sbin/unix_chkpwd", "root", "chkexpiry"),
    ],
    ids=lambda command: Path(command[0]).name,
)
def test_logins_are_quiet(fired, command):
    """A program that checks passwords, where its package put it, fires nothing."""
    run(*command, code=None)

    assert fired() == set()


@pytest.mark.parametrize("name", ["su", "sudo", "unix_chkpwd", "cron", "dovecot", "sshd-auth"])
def test_names_alone_allow_nothing(fired, tmp_path, name):
    """The same name elsewhere fires both."""
    shutil.copy("/bin/cat", tmp_path / name)
    run(tmp_path / name, "/etc/shadow")

    assert fired() == {(FIRST, name), (BORROWED, name)}


@pytest.mark.parametrize("name", ["su", "sshd", "cron", "(systemd)", "unix_chkpwd"])
@pytest.mark.parametrize("way", ["link", "script", "renamed"])
def test_an_installed_interpreter_under_another_name_is_told(fired, tmp_path, name, way):
    """An interpreter below /usr that has the name of a trusted program is not one."""
    if not Path(PERL).exists():
        skip_or_fail("logins", "perl is missing")
    program = tmp_path / name
    if way == "link":
        program.symlink_to(PERL)
        run(program, "-e", READS)
    elif way == "script":
        program.write_text(f"#!{PERL}\n{READS}\n")
        program.chmod(0o755)
        run(program)
    else:
        run(PERL, "-e", f"$0 = '{name}'; {READS}")

    # A process keeps, for rules, the name with which it was started.
    assert fired() == ({(FIRST, "perl"), (SHIPPED, "perl")} if way == "renamed" else {(FIRST, name), (BORROWED, name)})


@pytest.mark.parametrize("name", ["dpkg", "apt-get", "dnf", "unattended-upgr"])
def test_a_false_package_manager_is_told(fired, tmp_path, name):
    """Nor does the name of a package manager allow anything, to the program itself or to what it starts."""
    program = tmp_path / name
    program.symlink_to(PERL)
    run(program, "-e", READS)
    run(program, "-e", "system('/bin/cat /etc/shadow >/dev/null'); exit 0")

    assert fired() == {(FIRST, name), (SHIPPED, name), (FIRST, "cat"), (SHIPPED, "cat")}


@pytest.mark.parametrize("name", ["su", "sshd", "cron"])
def test_a_copied_interpreter_is_told(fired, name):
    """Nor is a copy of one that lies where administrators install programs."""
    copy = Path("/usr/local/lib") / f"falcohost-{os.getpid()}" / name
    copy.parent.mkdir()
    try:
        shutil.copy("/bin/cat", copy)
        run(copy, "/etc/shadow")
        assert fired() == {(FIRST, name), (BORROWED, name)}
    finally:
        shutil.rmtree(copy.parent)


def test_cron_is_quiet(fired, tmp_path):
    """The real cron, which asks PAM about the account of each job, fires nothing."""
    if not shutil.which("cron"):
        skip_or_fail("logins", "cron is missing")
    done, table = tmp_path / "done", Path("/etc/cron.d/falcohost-test")
    Path("/run/crond.reboot").unlink(missing_ok=True)  # by which cron knows that it has run once
    table.write_text(f"@reboot root touch {done}\n")
    cron = subprocess.Popen(["cron", "-f"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: done.exists() or cron.poll() is not None)
    finally:
        table.unlink()
        cron.kill()
        cron.wait()
    if not done.exists():
        skip_or_fail("logins", "another cron is running")

    assert fired() == set()


def test_another_agent_is_quiet(fired, start_agent, rules):
    """An agent that starts looks at the files that its rules name, and reads none; its name is not told as news."""
    assert start_agent(*rules).stop() == 0

    assert fired() == set()


def test_path_descriptors_are_quiet(fired):
    """O_PATH reads nothing, neither by openat nor by openat2, and neither a file nor a disk."""
    for disk in Path("/dev").glob("loop[0-7]"):
        run(sys.executable, "-c", f"import os; os.open('{disk}', {os.O_PATH})")
    run(sys.executable, "-c", f"import os; os.open('/etc/shadow', {os.O_PATH})")
    run(sys.executable, "-c", OPENAT2, "/etc/shadow", str(os.O_PATH))

    assert fired() == set()


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR])
def test_reading_by_openat2_is_told(fired, tmp_path, flags):
    """Openat2 without O_PATH reads."""
    program = tmp_path / "opener"
    program.symlink_to(sys.executable)
    run(program, "-c", OPENAT2, "/etc/shadow", str(flags))

    assert {rule for rule, _ in fired()} >= {FIRST, SHIPPED}
