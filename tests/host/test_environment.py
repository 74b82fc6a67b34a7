"""The supervisor executes itself without the environment that it was started with, and keeps that in a memfd."""

import json
import os
import subprocess
import sys

import pytest

from falcohost.host.environment import VARIABLE, may_supervise
from falcohost.host.sealed import sealed

#: Begins as the agent does, and says what its environment is: at first, in /proc, and once it is restored.
PROGRAM = """
import json, os, sys
from falcohost.host import environment
environment.begin(json.loads(sys.argv[1]))
few = dict(os.environ)
now = open("/proc/self/environ").read()
opened = os.popen(f"ls -l /proc/{os.getpid()}/fd").read().splitlines()
inherited = os.popen("ls -l /proc/self/fd").read()
environment.restore()
print(json.dumps([few, now, dict(os.environ), opened, inherited]))
"""


def begun(arguments=("run",), close_all=False, **variables):
    """Return what the program says."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    if close_all:
        command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", *command]
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("close_all", [False, True])
def test_the_agent_begins_without_it(close_all):
    """Neither Python nor /proc shows more than the few variables; the others are there when they are restored."""
    few, now, restored, opened, inherited = begun(close_all=close_all, LANG="C", SECRET="\udcff secret")

    assert {"PATH", "LANG"} == few.keys() - {"LC_CTYPE"}
    assert "SECRET" not in now.replace(VARIABLE, "")
    assert "\udcff secret" == restored["SECRET"]
    assert VARIABLE not in restored
    assert 1 == sum("memfd:falcohost environment" in one for one in opened)
    assert "memfd" not in inherited


def test_it_keeps_its_name(tmp_path):
    """In ps it is called as before, and not as the interpreter."""
    script = tmp_path / "namedagent"
    script.write_text(
        f"#!{sys.executable}\nfrom falcohost.host import environment\nenvironment.begin([])\n"
        "print(open('/proc/self/comm').read().strip())\n"
    )
    script.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "SECRET": "secret"}

    assert "namedagent\n" == subprocess.run([script], env=environment, stdout=subprocess.PIPE, text=True).stdout


def test_nothing_to_leave_out():
    """Without such variables the process is not executed anew."""
    few, now, _, opened, _ = begun(LANG="C")

    assert {"PATH", "LANG"} == few.keys() - {"LC_CTYPE"}
    assert VARIABLE not in now
    assert not [one for one in opened if "memfd" in one]


@pytest.mark.parametrize("arguments", [["rules"], ["run", "--dry-run"], ["-h"], ["alerts", "-n", "1"]])
def test_other_commands_keep_it(arguments):
    """What runs no agent has its environment as it was."""
    few, _, _, opened, _ = begun(arguments, SECRET="secret")

    assert "secret" == few["SECRET"]
    assert not [one for one in opened if "memfd" in one]


def test_what_may_run_an_agent():
    """Without a command, and with Falco's options, it is the agent."""
    assert [True] * 3 == [may_supervise(one) for one in ([], ["run", "x"], ["-c", "falco.yaml"])]


@pytest.mark.parametrize("text", ["", "x", "-1", "1", "99999"])
def test_a_variable_that_says_nonsense(text):
    """It is dropped."""
    few, _, restored, _, _ = begun(**{VARIABLE: text})

    assert VARIABLE not in few
    assert VARIABLE not in restored


def test_a_memfd_that_can_be_changed():
    """It is not the agent's."""
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    good = sealed("test", json.dumps({"SECRET": "secret"}).encode())
    found = []
    for one in (descriptor, good):
        command = [sys.executable, "-c", PROGRAM, "[]"]
        environment = {"PATH": os.environ["PATH"], VARIABLE: str(one)}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=60, check=True, pass_fds=[one])
        found.append(json.loads(done.stdout)[2].get("SECRET"))
        os.close(one)

    assert [None, "secret"] == found


@pytest.mark.parametrize("data", [b"", b"[]x", b"1", b'["a"]', b'{"A": 1}', b'{"A": "\\u0000"}', b"\xff"])
def test_a_memfd_with_something_else(data):
    """Whoever sets the variable reads what is wrong, and no traceback."""
    descriptor = sealed("test", data)
    environment = {"PATH": os.environ["PATH"], VARIABLE: str(descriptor)}
    command = [sys.executable, "-m", "falcohost", "alerts"]
    done = subprocess.run(
        command, env=environment, stderr=subprocess.PIPE, timeout=60, pass_fds=[descriptor], text=True
    )
    os.close(descriptor)

    assert f"Error: the environment variable {VARIABLE} is not falcohost's; unset it: " in done.stderr
    assert 1 == done.returncode
