"""Tells the lookup of containers that are made with names that others may have had, of which it may still have rows.

Most runtimes give each container an id of its own. With ctr, runc and crun, whoever starts a container chooses it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Final

#: An id that no other container has.
_OWN: Final = re.compile("[0-9a-f]{64}")

#: Most names that have not been told; beyond that, all are told as one that is empty.
MOST: Final = 1024


class Again:
    """Answers one question with one name: the lookup asks again when it has taken it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}
        self._tells: list[Callable[[str], None]] = []

    def made(self, container: str) -> None:
        """Tell that *container* is made, if its name may have been another's."""
        if not _OWN.fullmatch(container):
            with self._lock:
                if len(self._names) >= MOST:
                    self._names = {"": None}
                elif "" not in self._names:
                    self._names[container] = None
                self._answer()

    def ask(self, tell: Callable[[str], None]) -> None:
        """Call *tell* with a name, at once or when there is one."""
        with self._lock:
            self._tells = [tell]
            self._answer()

    def _answer(self) -> None:
        if self._names and self._tells:
            self._tells.pop()(name := next(iter(self._names)))
            del self._names[name]
