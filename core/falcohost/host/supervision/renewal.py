"""Certificates and secrets that are new: a source that has read them is opened again, by a new worker.

Only the supervisor may read them, and the worker has given up that right. The new worker takes the place of the old one
within moments; whoever sends something just then waits for it, or is told to come again.
"""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.errors import FalcohostError
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.watch import Watch
from falcohost.log import log


class Renewals:
    """Looks at the files that the sources of *children* name in ``SourceSpec.secrets``."""

    def __init__(self, children: Iterable[Child]) -> None:
        self._children = [child for child in children if child.task.spec.secrets is not None]
        self._watches: dict[str, Watch] = {}
        for child in self._children:
            self._files(child)

    def look(self) -> None:
        """End the workers whose files are new and can be used, for the supervisor to start others."""
        for child in self._children:
            if child.name not in self._watches:
                self._files(child)
            elif self._watches[child.name].changed() and self._files(child):
                log.info("event source '%s': its certificate or secret is new, and it is opened again", child.name)
                child.renew()

    def _files(self, child: Child) -> bool:
        """Look at the files from now on; return whether they can be used, if not after it is told."""
        secrets, settings = child.task.spec.secrets, child.task.settings
        assert secrets is not None
        try:
            files = [str(path) for path in secrets(settings)]
        except FalcohostError as error:
            if child.name in self._watches:
                log.error("event source '%s' stays with its former certificate and secret: %s", child.name, error)
            return False
        self._watches.setdefault(child.name, Watch(files))
        return True
