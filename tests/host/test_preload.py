"""What the supervisor imports is shared by all processes of the agent, so that it has to be little."""

import subprocess
import sys

from falcohost.host.preload import _import

IMPORTS = """
import sys
import falcohost.cli.plain, falcohost.cli.ending, falcohost.cli.start, falcohost.host.agent
from falcohost.host.preload import preload
from falcohost_syscall.drivers.drivers import DRIVERS
preload(name for driver in DRIVERS for name in driver.modules)
print(*sys.modules)
"""

#: OpenSSL, and what brings it; packages for other sources; what is used now and then.
LARGE = {"_hashlib", "hashlib", "hmac", "secrets", "ssl", "_ssl", "http", "email", "tempfile", "shutil", "yaml"}


def test_nothing_large_is_imported():
    """For system calls, neither OpenSSL nor what only single commands need is imported before the processes are."""
    assert set() == LARGE & {name.partition(".")[0] for name in imported()}


def test_what_reads_the_configuration_and_rules_is_not_imported():
    """That is for the process that reads, and ends."""
    readers = ("falcohost.host.config", "falcohost.rules.loaded", "falcohost.outputs.syslog", "lark")

    assert [] == [name for name in imported() if name.startswith(readers)]


def imported():
    """Return the modules that the supervisor has imported when it forks the processes."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_module_that_exits(tmp_path, monkeypatch):
    """It is left to the process that needs it, as any other that cannot be imported, and the supervisor goes on."""
    (tmp_path / "a_module_that_exits.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))

    _import(["a_module_that_exits", "no_such_module_at_all"])
