"""Watches files for changes; a change counts once it has stayed the same for two checks.

Files are polled with stat(2) rather than inotify(7), because polling also works for renames by editors, for the
switched link of a mounted ConfigMap, and on network file systems.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.host.stamps import Stamps, stamps


class Watch:
    """Watches files and folders; *read*: their stat(2) results from when they were read."""

    def __init__(self, read: Stamps) -> None:
        self.go_over(read)

    def go_over(self, read: Stamps) -> None:
        """Watch these from now on. A change since they were read counts."""
        self._handled = self._seen = dict(read)

    def wait_for(self, paths: Iterable[str]) -> None:
        """Watch *paths* too, which are missing now; when one appears, that is a change."""
        if not self._handled:  # watching is off
            return
        missing = dict.fromkeys(paths)
        self._handled = missing | self._handled
        self._seen = missing | self._seen

    def changed(self) -> bool:
        """Return whether something changed since the last report and stayed the same since the last call."""
        now = stamps(self._handled)
        settled, self._seen = now == self._seen, now
        if not settled or now == self._handled:
            return False
        self._handled = now
        return True
