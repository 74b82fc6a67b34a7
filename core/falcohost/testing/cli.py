"""Runs the command line in the test's own process, which costs a tenth of a new one.

For commands that print something and end. What is about signals, pipes or a running agent needs a process of its own:
:class:`falcohost.testing.agent.Agent`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from falcohost.cli.app import run


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit status, and what it has printed."""

    returncode: int
    stdout: str
    stderr: str


def run_cli(
    *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Done:
    """Run ``falcohost`` with *arguments* to its end, in *folder* and with this *environment* (default: as they are)."""
    out, err = _stream(), _stream()
    with _surroundings(folder, os.environ if environment is None else environment):
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = _stream(stdin), out, err
        try:
            run(arguments)
        except SystemExit as ending:
            status = ending.code
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
    return Done(status if isinstance(status, int) else int(status is not None), _text(out), _text(err))


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _surroundings(folder: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Change folder, environment and time zone; in the end put them back, and the log as well."""
    root = logging.getLogger()
    logs = root.handlers[:], root.level, logging.raiseExceptions
    variables = dict(os.environ)
    with contextlib.chdir(folder or Path.cwd()):
        try:
            _set_environment(environment)
            yield
        finally:
            _set_environment(variables)
            root.handlers[:], level, logging.raiseExceptions = logs
            root.setLevel(level)


def _set_environment(variables: Mapping[str, str]) -> None:
    wanted = dict(variables)
    os.environ.clear()
    os.environ.update(wanted)
    time.tzset()
