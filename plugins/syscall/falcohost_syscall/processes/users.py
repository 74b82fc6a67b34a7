"""Looks up names of users and groups in this machine's files, which are read again when they change.

Name services (LDAP, sssd, systemd-homed) are not asked: a process with the kernel's records makes no connections. What
they know may stand in files of the same form in ``/etc/falcohost``.
"""

from __future__ import annotations

import os
import time
from collections import ChainMap
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from falcohost.regular import read_regular

#: Seconds between two looks at the files.
INTERVAL = 1.0
UNKNOWN = "<NA>"

#: Most bytes of a file; of a larger one nothing is known.
MOST = 64 << 20

#: Most digits of the number of a user or group.
LONGEST_NUMBER = 10

#: Columns of /etc/passwd and /etc/group.
NAME, HOME, SHELL = 0, 5, 6


#: When a file was changed, its size and its inode; None: there is none.
Stamp: TypeAlias = tuple[int, int, int] | None

#: Below this folder are the files with accounts.
ROOT = Path("/")
#: The first one counts, where several have a number.
_USERS = ("etc/passwd", "etc/falcohost/passwd")
_GROUPS = ("etc/group", "etc/falcohost/group")


def stamps() -> list[Stamp]:
    """Return the states of the files with accounts."""
    return [_stamp(f"{ROOT}/{name}") for name in (*_USERS, *_GROUPS)]


def _stamp(path: str) -> Stamp:
    try:
        stat = os.stat(path)  # noqa: PTH116 # it is asked all the time
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def contents() -> list[bytes | None]:
    """Return what is in the files with accounts; None for one that cannot be read."""
    return [_content(ROOT / name) for name in (*_USERS, *_GROUPS)]


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path, MOST)
    except OSError:
        return None


class Accounts:
    """The lines of files such as ``/etc/passwd``, by the number in the third column."""

    def __init__(self, paths: Sequence[Path], default: dict[int, list[str]]) -> None:
        self._default = default
        self._files: dict[str, tuple[Stamp, dict[int, list[str]]]] = {str(path): (None, {}) for path in paths}
        self._rows: dict[int, list[str]] = default
        self.refresh()

    def column(self, number: int, place: int) -> str:
        """Return a column of the account *number*, or ``<NA>`` if there is none."""
        row = self._rows.get(number)
        return row[place] if row and len(row) > place else UNKNOWN

    def row(self, number: int) -> list[str]:
        """Return all columns of an account; none if there is none."""
        return self._rows.get(number, [])

    def columns(self, place: int) -> dict[int, str]:
        """Return a column of every account, by number."""
        return {number: self.column(number, place) for number in self._rows}

    def refresh(self) -> bool:
        """Read the files that have changed; return whether the accounts have."""
        before, known = self._rows, [stamp for stamp, _ in self._files.values()]
        self._files = {path: _read(path, *one) for path, one in self._files.items()}
        if before is not self._default and known == [stamp for stamp, _ in self._files.values()]:
            return False
        own, *others = [rows for _, rows in self._files.values()]
        self._rows = dict(ChainMap(own, self._default, *others))
        return self._rows != before


def _read(path: str, known: Stamp, rows: dict[int, list[str]]) -> tuple[Stamp, dict[int, list[str]]]:
    """Return the state and the lines of a file; *rows* if they are those of its state."""
    try:
        if (stamp := _stamp(path)) is None:
            return None, {}
        if stamp == known:
            return known, rows
        return stamp, parse(read_regular(path, MOST).decode(errors="backslashreplace"))
    except OSError:
        return None, {}


def parse(content: str) -> dict[int, list[str]]:
    """Return the lines of a file such as ``/etc/passwd`` by the number in the third column."""
    rows: dict[int, list[str]] = {}
    for line in content.splitlines():
        columns = line.split(":")
        number = columns[2] if len(columns) > 2 else ""
        if number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER:
            rows.setdefault(int(number), columns)
    return rows


class Users:
    """Users and groups of this machine; containers have their own (``container_accounts``)."""

    def __init__(self, root: Path | None = None) -> None:
        root = ROOT if root is None else root
        self.users = Accounts([root / name for name in _USERS], {0: ["root", "x", "0", "0", "", "/root", ""]})
        self.groups = Accounts([root / name for name in _GROUPS], {0: ["root", "x", "0", ""]})
        self._due = time.monotonic() + INTERVAL

    def name(self, uid: int) -> str:
        """Return the name of a user, or ``<NA>``."""
        return self.users.column(uid, NAME)

    def home(self, uid: int) -> str:
        """Return a user's home directory, or ``<NA>``."""
        return self.users.column(uid, HOME)

    def shell(self, uid: int) -> str:
        """Return a user's login shell, or ``<NA>``."""
        return self.users.column(uid, SHELL)

    def group(self, gid: int) -> str:
        """Return the name of a group, or ``<NA>``."""
        return self.groups.column(gid, NAME)

    def refresh(self) -> bool:
        """Read changed files again, at most once per :data:`INTERVAL`; return whether an account changed."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + INTERVAL
        changed = [accounts.refresh() for accounts in (self.users, self.groups)]
        return any(changed)
