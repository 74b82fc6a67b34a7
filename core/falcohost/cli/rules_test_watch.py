"""``falcohost rules test --watch``: runs the tests again whenever a file of tests or of rules changes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NoReturn, TypeAlias

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_test_run import Asked, run_tests, test_files
from falcohost.engine.texts import printable_lines
from falcohost.errors import FalcohostError

#: Seconds between two looks at the files.
_PAUSE = 0.3

_State: TypeAlias = dict[str, tuple[int, int, int] | None]


def watch(flags: Flags, asked: Asked) -> NoReturn:
    """Run the tests again and again, until the user ends it."""
    files = list[str]()
    while True:
        before = _state(flags, asked, files)
        try:
            files = run_tests(flags, asked).files
        except FalcohostError as error:
            click.echo(f"Error: {printable_lines(str(error))}", err=True)
        click.echo(click.style("Waiting for a change; Ctrl-C ends", dim=True), err=True)
        before |= {name: state for name, state in _state(flags, asked, files).items() if name not in before}
        while _state(flags, asked, files) == before:
            time.sleep(_PAUSE)
        click.echo()


def _state(flags: Flags, asked: Asked, files: Iterable[str]) -> _State:
    """Return what tells a changed file from the former one, of the files of tests and of the rules that were read."""
    try:
        tests = test_files(asked.files)
    except FalcohostError:
        tests = []
    return {name: _version(name) for name in (*tests, *flags.rules, *files)}


def _version(name: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116 # it may be a name that no file can have
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
