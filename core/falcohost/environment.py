"""The environment of the processes that the agent starts: each gets the variables that it needs, and no others.

Variables often hold secrets, and a process's environment stays readable in ``/proc`` for as long as it lives.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

#: What every process of the agent has; none of these holds a secret.
BASE: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "FALCO_HOSTNAME",
    "TERM",
    "LD_*",
    "MALLOC_*",
    "GLIBC_TUNABLES",
    "OPENSSL_*",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PYTHON*",
    "VIRTUAL_ENV",
)

#: What programs have that sources start: where programs are, and how times and texts are written.
PROGRAMS: Final = ("PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR")

#: What the supervisor has besides: what it is told about its state, its cache, its terminal and by systemd.
SUPERVISOR: Final = (
    "FALCOHOST_STATE_DIR",
    "FALCOHOST_CACHE_DIR",
    "FALCOHOST_STARTED",
    "FALCOHOST_KEPT",
    "FALCOHOST_CARRIED",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "LISTEN_*",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "COLORTERM",
    "NO_COLOR",
)

#: What a client needs that may have to go through a proxy.
PROXIES: Final = ("*_PROXY", "*_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


# What stands for other characters in a pattern, besides its first asterisk.
_ODD: Final = frozenset("*?[")


class _Programs:
    also: tuple[str, ...] = ()


def selected(variables: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return those of *variables* that *names* name; ``*`` stands for any characters."""
    patterns = tuple(names)
    return {name: value for name, value in variables.items() if any(_names(one, name) for one in patterns)}


def without_base(variables: Mapping[str, str]) -> dict[str, str]:
    """Return *variables*, which another process has said, without those that a process has from its start.

    These have libraries load code, and whoever took over the other process could say so.
    """
    return {name: value for name, value in variables.items() if not any(_names(one, name) for one in BASE)}


def _names(pattern: str, name: str) -> bool:
    """Return whether *pattern* names the variable *name*; regular expressions, which are large, are for odd ones."""
    begin, star, end = pattern.partition("*")
    if not _ODD.isdisjoint(begin + end):
        return fnmatchcase(name, pattern)
    if not star:
        return name == pattern
    return len(name) >= len(begin) + len(end) and name.startswith(begin) and name.endswith(end)


def let_programs_have(names: Iterable[str]) -> None:
    """Have programs that this process starts get the variables *names*, too."""
    _Programs.also = tuple(names)


def for_programs() -> dict[str, str]:
    """Return the environment of a program that this process starts."""
    return selected(os.environ, (*PROGRAMS, *_Programs.also))
