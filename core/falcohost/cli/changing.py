"""Changes what is stored: through the running agent, whose store process alone writes, or else directly."""

from __future__ import annotations

import contextlib
import getpass
import os
import time
from pathlib import Path

from falcohost.engine.texts import valid
from falcohost.errors import StateError
from falcohost.host.config import Config
from falcohost.host.connection import PATIENCE, Connection, NoStore, NotRunning
from falcohost.store.directory import claim, database
from falcohost.store.orders import Done, Order, carry_out
from falcohost.store.store import Store


def change(directory: Path, config: Config, order: Order) -> Done:
    """Carry out *order* on the store in *directory*.

    :raises StateError: it is not carried out.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            done = _through_agent(directory, order)
        except NotRunning:
            return _change_directly(directory, config, order)
        except NoStore:  # a new one is started
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            break
    if done.problem:
        raise StateError(done.problem)
    return done


def _through_agent(directory: Path, order: Order) -> Done:
    connection = Connection(directory)
    try:
        return connection.order(order)
    finally:
        connection.close()


def _change_directly(directory: Path, config: Config, order: Order) -> Done:
    path = database(directory)
    lock = claim(directory, users=config.uids)
    try:
        store = Store(path, config.state.limits)
        try:
            return carry_out(store, order, os.getuid(), int(time.time()))
        finally:
            store.close()
    finally:
        os.close(lock)


def own_name() -> str:
    """Return what the caller is called: the user behind sudo(8), or the one of the process."""
    if os.geteuid() == 0 and (name := os.environ.get("SUDO_USER")):
        return valid(name)
    with contextlib.suppress(KeyError, OSError):
        return valid(getpass.getuser())
    return str(os.getuid())
