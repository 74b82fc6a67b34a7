"""Opens the store in its process, which has no rights any more but to the state directory."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from falcohost.errors import StateError
from falcohost.host.confine.confinement import Confinement, confine, import_lazy
from falcohost.host.packed import pack, packed_of
from falcohost.host.storing.aside import Aside
from falcohost.host.storing.given import StoreGiven
from falcohost.log import log
from falcohost.needs import NOTHING, WRITE, Needs
from falcohost.store.age import boot_id
from falcohost.store.directory import DATABASE
from falcohost.store.store import Store
from falcohost.subscribers.selection import EVERYTHING


class Opened(Struct, frozen=True):
    """The store, what keeps messages aside, and whether a store that is in memory could be on disk by now."""

    store: Store
    aside: Aside
    usable: Callable[[], bool] = lambda: False


def opened(given: StoreGiven, parent: int) -> Opened:
    """Open the store in a process that has no other files any more."""
    directory = shown = given.directory
    needs = NOTHING if directory is None else Needs(frozenset({WRITE}), (directory,), (directory,))
    boot_id()  # while /proc is there
    pack(packed_of("falcohost"))  # which silences need some of
    if directory is not None and given.user is not None:
        import_lazy()
        try:
            os.chroot(directory)
            os.chdir("/")
        except OSError as error:
            log.warning("the store process is not confined to %s: %s", directory, error.strerror)
        else:
            directory = Path("/")
            needs = Needs(frozenset({WRITE}), None, None)  # there is nothing else that it could open
    confine(Confinement(user=given.user, needs=needs, only_log=given.only_log, outlives=True), parent)
    wants = {name: one.wants for name, one in given.selections.items() if one != EVERYTHING}
    if directory is None or shown is None:
        return Opened(Store(None, given.limits.in_memory, wants=wants), Aside(None))
    open_file = functools.partial(Store, directory / DATABASE, given.limits, shown=shown / DATABASE, wants=wants)
    try:
        return Opened(open_file(), Aside(directory))
    except (StateError, sqlite3.Error, OSError) as error:
        log.warning("%s; keeping the state in memory only, until that is mended", error)
        return Opened(Store(None, given.limits.in_memory, wants=wants), Aside(None), lambda: _opens(open_file))


def _opens(open_file: Callable[[], Store]) -> bool:
    """Return whether the file of a store can be opened now."""
    try:
        open_file().close()
    except (StateError, sqlite3.Error, OSError) as error:
        log.debug("the state is still in memory only: %s", error)
        return False
    return True
