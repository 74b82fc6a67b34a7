"""A program that prints the log: ``program``, and when it is started again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import ConfigError
from falcohost.program import Program

PROGRAM = "program"
_RESTART = "restart"

KEYS = (PROGRAM, _RESTART)

#: When it is started again: what is said, and whether that is also after it has ended as it should.
_ALWAYS = {"on failure": False, "always": True}

#: What understands a command that is a text.
_SHELL = ("/bin/sh", "-c")


def read_program(entry: Mapping[str, Any], where: str) -> Program | None:
    """Return the program that *entry* names; None where it names none.

    :raises ConfigError: it is no command.
    """
    command, restart = entry.get(PROGRAM), entry.get(_RESTART, "on failure")
    if restart not in _ALWAYS:
        raise ConfigError(f"{where}: {_RESTART} has to be one of: {', '.join(_ALWAYS)}")
    if command is None:
        return None
    if isinstance(command, str) and command.strip():
        return Program((*_SHELL, command), _ALWAYS[restart])
    if isinstance(command, list) and command and all(isinstance(word, str) and word for word in command):
        return Program(tuple(command), _ALWAYS[restart])
    raise ConfigError(f"{where}: {PROGRAM} has to be a command: a text for the shell, or a list of its words")


def shown(program: Program | None) -> str:
    """Return the command, for people."""
    if program is None:
        return ""
    command = tuple(program.command)
    return " ".join(command[2:] if command[:2] == _SHELL else command)
