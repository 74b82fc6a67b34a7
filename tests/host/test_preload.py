"""What the supervisor imports is shared by all processes of the agent, so that it has to be little."""

import subprocess
import sys

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
