"""Watches files for changes; a change counts once it has stayed the same for two checks.

Files are polled with stat(2) rather than inotify(7), because polling also works for renames by editors, for the
switched link of a mounted ConfigMap, and on network file systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Watch:
    """Watches *paths*, files or folders."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.go_over(paths)

    def go_over(self, paths: Iterable[str]) -> None:
        """Watch these *paths* from now on, starting from their present state."""
        self._paths = [Path(path) for path in paths]
        self._handled = self._seen = self._look()

    def changed(self) -> bool:
        """Return whether something differs from the last reported state, and is the same as at the previous call."""
        now = self._look()
        settled, self._seen = now == self._seen, now
        if not settled or now == self._handled:
            return False
        self._handled = now
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_signature(path) for path in self._paths]


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
