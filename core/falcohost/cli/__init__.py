"""The command line: ``falcohost`` with Falco's flags, and its subcommands, one file each."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process."""
    from falcohost.cli.app import run

    run()
