"""Keeps the environment that the agent was started with out of the memory of the supervisor and its forks.

The agent begins with its environment in memory, where whoever it forks would have it too. So it executes itself anew
with the few variables that the supervisor needs, and with all of them in a memfd. Only the reader reads that, for the
configuration (``${NAME}``) and for what sources need.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from falcohost.environment import BASE, SUPERVISOR, selected
from falcohost.errors import ConfigError, StateError
from falcohost.host.sealed import check_sealed, read_sealed, sealed
from falcohost.libc import name_process

#: The environment variable with the number of the memfd's descriptor, and the name that the process had in ``ps``.
VARIABLE = "FALCOHOST_ENVIRONMENT"

#: Descriptors from here on are no standard ones, even if those are closed.
_LOWEST = 10

#: The process's name in ``ps``, which would be that of the interpreter (proc(5)).
_COMM = Path("/proc/self/comm")


class _Kept:
    """The memfd with the environment of this process's start; None: there is none."""

    descriptor: int | None = None


def command() -> list[str]:
    """Return the command that started this process, with the whole path of its script, by which others know it."""
    options = sys.orig_argv[1:]
    if options and options[0] == sys.argv[0] and Path(options[0]).is_file():
        options[0] = os.path.abspath(options[0])  # noqa: PTH100 # links stay
    return [sys.executable, *options]


def begin(arguments: Sequence[str]) -> None:
    """Execute this process anew without the variables that the supervisor does not need, if *arguments* may start it.

    Called first of all, by a process that has its command line for itself.
    """
    if VARIABLE in os.environ:
        _take_over(os.environ.pop(VARIABLE))
    elif may_supervise(arguments) and not selected(os.environ, ("_FALCOHOST_COMPLETE",)):
        few = selected(os.environ, (*BASE, *SUPERVISOR))
        if len(few) < len(os.environ):
            try:
                execute(command(), few)
            except StateError as error:
                sys.exit(f"Error: {error}")


def may_supervise(arguments: Sequence[str]) -> bool:
    """Return whether *arguments* may be those of an agent; of other commands most are told apart."""
    one_process = {"-h", "--help", "--version", "--dry-run"}
    return not one_process & set(arguments) and (not arguments or arguments[0] == "run" or arguments[0][:1] == "-")


def keep() -> int:
    """Return the descriptor of the memfd with the environment that this process was started with."""
    if _Kept.descriptor is None:
        made = sealed("falcohost environment", json.dumps(dict(os.environ)).encode())
        _Kept.descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
        os.close(made)
    return _Kept.descriptor


def restore() -> None:
    """Give this process the whole environment. In the supervisor's place this would give it to all its forks.

    :raises ConfigError: the memfd holds something else.
    """
    if _Kept.descriptor is None:
        return
    try:
        os.environ.update(dict(json.loads(read_sealed(_Kept.descriptor))))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the environment variable {VARIABLE} is not falcohost's; unset it: {error}") from error


def execute(line: Sequence[str], few: Mapping[str, str]) -> NoReturn:
    """Execute falcohost's command *line* with *few* variables, and the others in the memfd."""
    descriptor, name = keep(), ""
    with contextlib.suppress(OSError):
        name = _COMM.read_text().strip()
    os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    try:
        os.execve(line[0], list(line), {**few, VARIABLE: f"{descriptor} {name}"})
    except OSError as error:
        sys.exit(f"Error: {line[0]} cannot be executed: {error.strerror}")


def _take_over(text: str) -> None:
    """Take over the memfd from before the execution; ignore whatever else the variable says."""
    number, _, name = text.partition(" ")
    try:
        descriptor = int(number)
        check_sealed(descriptor)
        os.set_inheritable(descriptor, False)
    except (ValueError, OSError):
        return
    _Kept.descriptor = descriptor
    with contextlib.suppress(OSError):
        name_process(name)  # writing to the file would be an alert of another agent's rules
