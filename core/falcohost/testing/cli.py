"""Runs the command line in the test's own process, in a tenth of the time that a new process takes.

For commands that print something and end. A test of signals, pipes or a running agent needs a process of its own:
:class:`falcohost.testing.agent.Agent`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from falcohost.cli.app import run


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command: its exit status and its output."""

    returncode: int
    stdout: str
    stderr: str


def run_cli(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Done:
    """Run ``falcohost`` with *arguments* to its end, in *folder* and with *environment* (default: the test's own)."""
    out, err = _stream(), _stream()
    status = _run(arguments, folder, environment, _stream(stdin), out, err)
    return Done(status, _text(out), _text(err))


def run_cli_on_terminal(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Done:
    """Run ``falcohost`` as :func:`run_cli` does, with a terminal as its standard output."""
    ours, theirs = pty.openpty()
    shown = io.BytesIO()
    reader = threading.Thread(target=_read, args=(ours, shown))
    reader.start()
    err = _stream()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as out:
            status = _run(arguments, folder, environment, _stream(), out, err)
    finally:
        reader.join()
        os.close(ours)
    return Done(status, shown.getvalue().decode(), _text(err))


def _run(
    arguments: tuple[str, ...],
    folder: Path | None,
    environment: Mapping[str, str] | None,
    stdin: TextIO,
    out: TextIO,
    err: TextIO,
) -> int:
    with _surroundings(folder, os.environ if environment is None else environment):
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = stdin, out, err
        try:
            run(arguments)
        except SystemExit as ending:
            status = ending.code
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
    return status if isinstance(status, int) else int(status is not None)


def _read(terminal: int, into: io.BytesIO) -> None:
    """Read from *terminal* until its other end is closed."""
    with contextlib.suppress(OSError):
        while block := os.read(terminal, 1 << 16):
            into.write(block)


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _surroundings(folder: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Change folder, environment and time zone; at the end restore them, the log settings and the precedence too."""
    root = logging.getLogger()
    logs = root.handlers[:], root.level, logging.raiseExceptions
    variables = dict(os.environ)
    precedence = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.chdir(folder or Path.cwd()):
        try:
            _set_environment(environment)
            yield
        finally:
            _set_environment(variables)
            root.handlers[:], level, logging.raiseExceptions = logs
            root.setLevel(level)
            if os.getpriority(os.PRIO_PROCESS, 0) < precedence:  # an agent has taken it, so this process may
                os.setpriority(os.PRIO_PROCESS, 0, precedence)


def _set_environment(variables: Mapping[str, str]) -> None:
    wanted = dict(variables)
    os.environ.clear()
    os.environ.update(wanted)
    time.tzset()
