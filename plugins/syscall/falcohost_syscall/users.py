"""Names of users and groups, from this machine's own files; read anew when they have changed."""

from __future__ import annotations

import time
from pathlib import Path

#: Files are looked at again after this many seconds.
INTERVAL = 1.0
UNKNOWN = "<NA>"


class Accounts:
    """The lines of a file such as ``/etc/passwd``, by the number in its third column."""

    def __init__(self, path: Path, default: dict[int, list[str]]) -> None:
        self._path = path
        self._default = default
        self._rows: dict[int, list[str]] = default
        self._stamp: tuple[int, int, int] | None = None
        self._due = 0.0

    def row(self, number: int) -> list[str] | None:
        """Return the columns of the account with this *number*, or None."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + INTERVAL
            self._refresh()
        return self._rows.get(number)

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._rows = self._default | self._parse(self._path.read_text(errors="backslashreplace"))
                self._stamp = stamp
        except OSError:
            self._rows, self._stamp = self._default, None

    @staticmethod
    def _parse(content: str) -> dict[int, list[str]]:
        rows: dict[int, list[str]] = {}
        for line in content.splitlines():
            columns = line.split(":")
            if len(columns) >= 3 and columns[2].isdecimal():
                rows.setdefault(int(columns[2]), columns)
        return rows


class Users:
    """Users and groups of this machine. A process in a container is looked up here too, as its number is the host's."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._users = Accounts(root / "etc/passwd", {0: ["root", "x", "0", "0", "", "/root", ""]})
        self._groups = Accounts(root / "etc/group", {0: ["root", "x", "0", ""]})

    def name(self, uid: int) -> str:
        """Return the name of a user, ``<NA>`` where it has none."""
        row = self._users.row(uid)
        return row[0] if row else UNKNOWN

    def home(self, uid: int) -> str:
        """Return a user's home directory, ``<NA>`` where it has none."""
        return self._column(uid, 5)

    def shell(self, uid: int) -> str:
        """Return a user's login shell, ``<NA>`` where it has none."""
        return self._column(uid, 6)

    def group(self, gid: int) -> str:
        """Return the name of a group, ``<NA>`` where it has none."""
        row = self._groups.row(gid)
        return row[0] if row else UNKNOWN

    def _column(self, uid: int, column: int) -> str:
        row = self._users.row(uid)
        return row[column] if row and len(row) > column else UNKNOWN
