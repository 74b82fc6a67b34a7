"""Reopens a source in a new worker when its certificate or secret changes.

The worker has dropped the right to read the files, so a process of its own checks them first. The new worker replaces
the old one within moments; a request that arrives meanwhile waits, or is told to try again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from falcohost.host.shortage import no_process
from falcohost.host.stamps import stamps
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.errand import Errand
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.watch import Watch
from falcohost.host.task import check_secrets
from falcohost.log import log

#: Seconds that a check may take.
PATIENCE = 60.0

#: Seconds until a check is begun again for which there could be no process.
AGAIN = 5.0


class Renewals:
    """Checks the files that the sources of *children* have read (``SourceSpec.secrets``).

    :param check: called with a memfd in a process of its own; raises if the files of that source cannot be used.
    :param accept: called with a source and its files before it is reopened.
    """

    def __init__(
        self,
        children: Iterable[Child],
        loop: Loop,
        check: Callable[[int], object] = check_secrets,
        accept: Callable[[str, Sequence[str]], object] = lambda source, files: None,
    ) -> None:
        self._children = list(children)
        self._loop = loop
        self._check = check
        self._accept = accept
        self._watches: dict[str, tuple[tuple[str, ...], Watch]] = {}
        self._checks: dict[str, Errand] = {}
        self._waiting: set[str] = set()

    def look(self) -> None:
        """Start a check of each source whose files have changed."""
        for child in self._children:
            if child.secrets and child.name not in self._checks.keys() | self._waiting and self._watch(child).changed():
                self._begin(child)

    def _watch(self, child: Child) -> Watch:
        files, watch = self._watches.get(child.name, ((), None))
        if watch is None or files != child.secrets:
            watch = Watch(stamps(child.secrets))
            self._watches[child.name] = child.secrets, watch
        return watch

    def _begin(self, child: Child) -> None:
        try:
            errand = Errand(functools.partial(self._check, child.data), {child.data})
        except OSError as error:
            if child.name not in self._waiting:
                text = "event source '%s' keeps its former certificate and secret for now: %s"
                log.error(text, child.name, no_process(error))
            self._waiting.add(child.name)
            self._loop.after(AGAIN, lambda: self._begin(child))
            return
        self._waiting.discard(child.name)
        self._checks[child.name] = errand
        limit = self._loop.after(PATIENCE, errand.kill)

        def finish() -> None:
            self._loop.forget(errand.finished)
            self._loop.cancel(limit)
            del self._checks[child.name]
            self._finish(child, errand.error())

        self._loop.watch(errand.finished, finish)

    def _finish(self, child: Child, error: str | None) -> None:
        """Have the worker replaced if its files can be used, and log it if not."""
        if error is not None:
            log.error("event source '%s' keeps its former certificate and secret: %s", child.name, error)
        else:
            log.info("event source '%s': its certificate or secret has changed; reopening it", child.name)
            self._accept(child.name, child.secrets)
            child.renew()
