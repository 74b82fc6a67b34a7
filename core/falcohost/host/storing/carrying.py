"""Carries what the store has only in memory from one run of the agent to the next, in a memfd.

The supervisor makes it and never reads it. It is written by the last store process of a run that ends in a restart in
place, and read by the first one after that.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from falcohost.alert import Priority
from falcohost.errors import StateError
from falcohost.host.storing.intake import GIVEN_UP
from falcohost.log import NOTICE, log
from falcohost.store.store import Store

#: Seconds between two attempts at the file of a store that is in memory since that could not be opened.
TRIES: Final = 10.0

#: What nobody takes for whole: stands in place of what a killed process has not written.
TORN: Final = b"\0"


def take_carried(
    store: Store, memfd: int, raise_alert: Callable[[str, Priority, str, Mapping[str, object]], None]
) -> None:
    """Store what the run before had only in memory; a second call finds nothing any more."""
    if not (data := os.pread(memfd, os.fstat(memfd).st_size, 0)):
        return
    try:
        count = store.take_carried(data)
        log.log(NOTICE, "%d alerts that were only in memory are carried over to this run", count)
    except StateError as error:
        text = f"what the run before had only in memory cannot be stored ({error}); it is given up"
        log.critical("%s", text)
        raise_alert(GIVEN_UP, Priority.CRITICAL, text, {})
    os.ftruncate(memfd, 0)


def carry_over(store: Store, memfd: int) -> None:
    """Write what *store* has only in memory to *memfd*, for the next run."""
    try:
        for part in store.carry():
            view = memoryview(part)
            while view:
                view = view[os.write(memfd, view) :]
    except (sqlite3.Error, OSError, MemoryError) as error:
        os.ftruncate(memfd, 0)
        log.critical("what is only in memory cannot be carried over to the next run: %s", error)
