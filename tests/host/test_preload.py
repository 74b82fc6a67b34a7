"""What the supervisor imports is shared by all processes of the agent, so that it has to be little."""

import subprocess
import sys

IMPORTS = """
import sys
import falcohost.cli.app, falcohost.cli.start, falcohost.cli.falco, falcohost.host.agent
from falcohost.host.preload import preload
from falcohost_syscall.drivers.drivers import DRIVERS
preload(name for driver in DRIVERS for name in driver.modules)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

#: OpenSSL, and what brings it; packages for other sources; what is used now and then.
LARGE = {"_hashlib", "hashlib", "hmac", "secrets", "ssl", "_ssl", "http", "email", "tempfile", "shutil", "yaml"}


def test_nothing_large_is_imported():
    """For system calls, neither OpenSSL nor what only single commands need is imported before the processes are."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)

    assert set() == LARGE & set(done.stdout.split())
