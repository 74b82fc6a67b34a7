"""Watching the configuration and the rules files: a change counts when it has been there for a while.

Files are looked at, not subscribed to: that sees an editor's rename, a mounted ConfigMap's switched link and a network
file system alike, for a few stat(2) a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Watch:
    """Looks at *paths*, files or folders."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.go_over(paths)

    def go_over(self, paths: Iterable[str]) -> None:
        """Look at these *paths* from now on; as they are is how they shall be."""
        self._paths = [Path(path) for path in paths]
        self._handled = self._seen = self._look()

    def changed(self) -> bool:
        """Return whether something is other than when it was last told of, and the same as at the last call."""
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
