"""Reopens a source in a new worker when its certificate or secret changes.

Only the supervisor can still read the files; the worker has dropped that privilege. The new worker replaces the old one
within moments; a request that arrives meanwhile waits, or is told to try again.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.errors import FalcohostError
from falcohost.host.stamps import stamps
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.watch import Watch
from falcohost.log import log


class Renewals:
    """Checks the files that the sources of *children* name in ``SourceSpec.secrets``."""

    def __init__(self, children: Iterable[Child]) -> None:
        self._children = [child for child in children if child.task.spec.secrets is not None]
        self._watches: dict[str, Watch] = {}
        for child in self._children:
            self._files(child)

    def look(self) -> None:
        """Tell workers whose files have changed to end, if the files are valid; the supervisor starts new workers."""
        for child in self._children:
            if child.name not in self._watches:
                self._files(child)
            elif self._watches[child.name].changed() and self._files(child):
                log.info("event source '%s': its certificate or secret has changed; reopening it", child.name)
                child.renew()

    def _files(self, child: Child) -> bool:
        """Watch the source's files; return whether they are valid, and log it if files that were valid are not."""
        secrets, settings = child.task.spec.secrets, child.task.settings
        assert secrets is not None
        try:
            files = [str(path) for path in secrets(settings)]
        except FalcohostError as error:
            if child.name in self._watches:
                log.error("event source '%s' keeps its former certificate and secret: %s", child.name, error)
            return False
        self._watches.setdefault(child.name, Watch(stamps(files)))
        return True
