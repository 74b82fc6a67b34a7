"""The command line. ``falcohost`` alone takes Falco's flags; beside it there are commands, one file each."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process."""
    from falcohost.cli.app import run

    run()
