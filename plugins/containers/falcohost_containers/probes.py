"""Whether a process is part of a container's health check or of a pod's probe: it was started from outside as one is.

Shells often replace themselves by the last command of the text that they are given (``sh -c 'a && b'``); the process
that came from outside is then that command. Whoever does the same by hand, word for word, cannot be told apart.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Sequence
from typing import Final, TypeAlias

#: A command as words.
Command: TypeAlias = tuple[str, ...]

#: What runs the text of a health check, unless docker's image has a shell of its own.
SHELL: Final = ("/bin/sh", "-c")

_BY_SHELL: Final = 3  # a shell, -c, and a text
_ENDS: Final = frozenset({";", "&", "&&", "|", "||"})
_REDIRECTED: Final = re.compile(r"\s\d*[<>]{1,2}(?:&\s*\d|\s*[^\s;|&<>()]+)")
_EXPANDED: Final = re.compile(r"[$`*?~({\[#!\\\n]")


def is_part(command: Command, entered: Sequence[str] | None) -> bool:
    """Return whether what came into the container was started with these words is *command*; None: nothing came."""
    words = tuple(entered or ())
    if words[:1] == ("sh",) and command[:1] == SHELL[:1]:
        words = (SHELL[0], *words[1:])  # podman 4
    return bool(words) and words in (command, _last(command))


@functools.lru_cache(256)
def _last(command: Command) -> Command:
    """Return the words of the command by which the shell in *command* replaces itself; empty: there is none."""
    if len(command) != _BY_SHELL or command[1] != "-c" or _EXPANDED.search(command[2]):
        return ()
    try:
        lexer = shlex.shlex(_REDIRECTED.sub(" ", f" {command[2]}"), posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words = [*lexer]
    except ValueError:
        return ()
    begin = max((place + 1 for place, word in enumerate(words) if word in _ENDS), default=0)
    last = words[begin:]
    return tuple(last[1:] if last[:1] == ["exec"] else last)


def command(test: Sequence[str], shell: Sequence[str] = SHELL) -> Command:
    """Return the words of a health check as docker and podman describe it; empty: there is none."""
    if len(test) > 1 and test[0] == "CMD":
        return tuple(test[1:])
    return (*shell, " ".join(test[1:])) if len(test) > 1 and test[0] == "CMD-SHELL" else ()
