"""Opens a store that one process has for itself, in the state directory or in memory."""

from __future__ import annotations

import os
import sqlite3

from falcohost.errors import StateError
from falcohost.log import log
from falcohost.store.directory import DATABASE, claim, state_directory
from falcohost.store.limits import Limits
from falcohost.store.store import Store


def open_store(configured: str, limits: Limits) -> Store:
    """Return the store in the *configured* directory; if that cannot be used, warn and return a store in memory."""
    try:
        directory = state_directory(configured)
        lock = claim(directory)
        try:
            return Store(directory / DATABASE, limits, lock)
        except BaseException:
            os.close(lock)
            raise
    except (StateError, sqlite3.Error, OSError) as error:
        log.warning("%s; keeping the state of this run in memory only", error)
        return Store(None, limits.in_memory)
