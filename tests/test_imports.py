"""Which modules loading imports, and which the supervisor: each costs time at start, some memory for good."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.drivers import modules

#: Libraries, and rooms of ours, that starting does not take, each with who imports it when it is needed.
NOT_AT_START = {
    "boto3": "a source of AWS, in its worker",
    "falcohost.cli.describe": "its command",
    "falcohost.engine.explain": "the commands that explain",
    "falcohost.engine.typecheck": "rules that are not in the cache",
    "falcohost.host.config.yaml_tree": "a configuration file",
    "falcohost.jsonlog": "a source of logs",
    "falcohost.rules.documents": "rules that are not in the cache",
    "falcohost.rules.loader": "rules that are not in the cache",
    "falcohost.testing": "tests",
    "falcohost.web": "a source with a listener",
    "falcohost_syscall.drivers.modern_ebpf": "the worker",
    "falcohost_syscall.drivers.replay": "the worker",
    "falcohost_syscall.scap": "the worker",
    "falcohost_syscall.kernel": "the worker",
    "falcohost_syscall.pushdown": "the worker",
    "falcohost_syscall.watched": "the worker",
    "re2": "a rule with such an operator or pattern",
    "yaml": "a configuration file, and rules that are not in the cache",
}

#: What the supervisor never imports, each with who does: it parses nothing, and loads no plugin. Of a plugin it imports
#: what its source names (SourceSpec.modules), which has to do without these as well.
NOT_IN_THE_SUPERVISOR = {
    "click": "other commands: the command line of a start is mostly plain",
    "falcohost.cli.app": "other commands",
    "falcohost.cli.configured": "the reader",
    "falcohost.host.assigning": "the reader",
    "falcohost.host.checks": "a dry run",
    "falcohost.host.config.yaml_tree": "the reader",
    "falcohost.host.loading": "the reader",
    "falcohost.rules.cache": "the reader",
    "hashlib": "who has need of OpenSSL, which is large (falcohost.digest)",
    "importlib.metadata": "the reader, which looks for plugins",
    "random": "nobody: it has a hook in each fork, which copies 40 pages",
    "shutil": "who packs files",
    "zipfile": "the reader",
    "falcohost.rules.loader": "the reader",
    "falcohost_rules": "the reader",
    "falcohost_syscall": "nobody where the source has no driver",
    "ssl": "a worker",
    "yaml": "the reader",
}

#: The command, that says at its end what it has imported.
PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules))
from falcohost.cli import main
main()
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Return what reading everything imports, with rules that are in the cache."""
    folder = tmp_path_factory.mktemp("imports")
    rules = folder / "rules.yaml"
    rules.write_text("- {rule: r, desc: d, condition: evt.type=execve, output: o, priority: INFO}\n")
    # A dry run has the checks of its sources run as well, which no start does: here, no source is left.
    command = [sys.executable, "-c", PROGRAM, "-r", str(rules), "--dry-run", "-o", "engine.kind=nodriver"]
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_what_is_measured(imported):
    """The list is that of a run that has come to choosing its sources."""
    assert {"falcohost.host.assigning", "falcohost_syscall.plugin"} <= imported


@pytest.mark.parametrize("module", NOT_AT_START)
def test_a_start_does_without(imported, module):
    """Nobody imports this before it is needed."""
    assert [name for name in sorted(imported) if name == module or name.startswith(f"{module}.")] == []


def handles(pid, number):
    """Return whether a process has a handler of a signal."""
    (caught,) = re.findall(r"^SigCgt:\t(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(caught, 16) >> number - 1 & 1


@pytest.fixture(scope="module")
def supervising(tmp_path_factory):
    """Return what the supervisor has imported at its end, with a configuration and rules that are not in the cache."""
    folder = tmp_path_factory.mktemp("supervising")
    (folder / "rules.yaml").write_text("- {rule: r, desc: d, condition: evt.type=execve, output: o, priority: INFO}\n")
    (folder / "falco.yaml").write_text("engine: {kind: nodriver}\nstdout_output: {enabled: true}\n")
    command = [sys.executable, "-c", PROGRAM, "-c", "falco.yaml", "-r", "rules.yaml"]
    environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache"), "FALCOHOST_STATE_DIR": "state"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=folder) as running:
        wait_until(lambda: handles(running.pid, signal.SIGTERM))
        running.terminate()
        return set(running.communicate(timeout=60)[0].split())


@pytest.mark.parametrize("module", NOT_IN_THE_SUPERVISOR)
def test_the_supervisor_does_without(supervising, module):
    """It imports none of this, so that neither it nor what it forks has read what comes from outside."""
    assert "falcohost.host.supervisor" in supervising
    assert [name for name in sorted(supervising) if name == module or name.startswith(f"{module}.")] == []


def test_what_is_imported_for_a_source_parses_nothing():
    """The modules that the source of system calls names bring nothing that the supervisor does without."""
    names = "', '".join(modules({}))
    program = f"import importlib, sys; [*map(importlib.import_module, ('{names}',))]; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    brought = set(done.stdout.split())

    assert "falcohost_syscall.drivers.modern_ebpf.driver" in brought
    assert brought & NOT_IN_THE_SUPERVISOR.keys() <= {"falcohost_syscall"}
