"""The command line: ``falcohost`` with Falco's flags, and its subcommands, one file each."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from falcohost.host.environment import begin


def main() -> NoReturn:
    """Run the command line of this process."""
    if os.getpid() == 1:  # to which the kernel delivers no signal without a handler
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    begin(sys.argv[1:])
    from falcohost.cli.app import run

    run()
