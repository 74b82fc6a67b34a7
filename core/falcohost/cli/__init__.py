"""The command line: ``falcohost`` with Falco's flags, and its subcommands, one file each."""

from __future__ import annotations

import sys
from typing import NoReturn

from falcohost.host.environment import begin


def main() -> NoReturn:
    """Run the command line of this process."""
    begin(sys.argv[1:])
    from falcohost.cli.app import run

    run()
