"""Parses the settings of a program that prints the log: the command, and when it is restarted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost.errors import ConfigError
from falcohost.program.input import Program

#: The setting that names the command.
PROGRAM = "program"
_RESTART, _GROUPS, _USER = "restart", "groups", "user"

#: All settings of a program.
PROGRAM_KEYS = (PROGRAM, _RESTART, _GROUPS, _USER)

#: Values of ``restart``, and whether the program is also restarted after it ended successfully.
_ALWAYS = {"on failure": False, "always": True}

_ROOT = ("root", "0")

#: Runs a command that is given as a text.
_SHELL = ("/bin/sh", "-c")


def read_program(entry: Mapping[str, Any], where: str) -> Program | None:
    """Return the program in *entry*, or None if there is none.

    :raises ConfigError: it is not a command.
    """
    command, restart = entry.get(PROGRAM), entry.get(_RESTART, "on failure")
    if restart not in _ALWAYS:
        raise ConfigError(f"{where}: {_RESTART} {restart!r} is not valid; use one of: {', '.join(_ALWAYS)}")
    groups = entry.get(_GROUPS, [])
    if not isinstance(groups, list) or not all(isinstance(name, str) and name for name in groups):
        raise ConfigError(f"{where}: {_GROUPS} is not a list of names of groups, such as [systemd-journal]")
    user = entry.get(_USER, "")
    if not isinstance(user, str) or user in _ROOT:
        raise ConfigError(f"{where}: {_USER} is not the name of a user other than root")
    if command is None:
        return None
    if isinstance(command, str) and command.strip():
        return Program((*_SHELL, command), _ALWAYS[restart], tuple(groups), user)
    if isinstance(command, list) and command and all(isinstance(word, str) and word for word in command):
        return Program(tuple(command), _ALWAYS[restart], tuple(groups), user)
    raise ConfigError(f"{where}: {PROGRAM} is not a command; use a text for the shell, or a list of words")


def shown_program(program: Program | None) -> str:
    """Return the command as text, for messages."""
    if program is None:
        return ""
    command = tuple(program.command)
    return " ".join(command[2:] if command[:2] == _SHELL else command)
