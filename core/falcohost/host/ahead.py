"""A process that prepares, at a start while the rules are read, what a source's loader takes over, and then ends.

It has what the loader will have, what the rules ask for as soon as that is known, and is confined as little, since it
does the same. It keeps nothing, so that what preparing takes of memory is nobody's afterwards.
"""

from __future__ import annotations

import os
import socket
from typing import NoReturn

from falcohost import log
from falcohost.events import EarlyLoader
from falcohost.host.descriptors import receive_with
from falcohost.host.forked import take_over
from falcohost.host.task import limit_environment, make_load_task
from falcohost.host.worker_data import unseal_for_loader
from falcohost.readable import readable
from falcohost.rules.cache_files import prepared_directory


class Asked:
    """Returns what the rules ask for, once the supervisor has sent over *link* what the worker gets."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._asked: bytes | None = None
        self._ended = False

    def __call__(self, wait: float | None) -> bytes | None:
        """Return it; None: the supervisor has not sent it for so many seconds (None: without end), or never will."""
        if self._asked is None and not self._ended and readable([self._link], wait):
            _, descriptors = receive_with(self._link, 1, 1)
            self._ended = not descriptors
            for descriptor in descriptors:
                self._asked = unseal_for_loader(descriptor).asked
                os.close(descriptor)
        return self._asked


def prepare_ahead(data: int, link: socket.socket, parent: int) -> NoReturn:
    """Prepare what the loader takes over *link*; what is wrong is left for it to find, and to tell.

    :param data: the memfd with what the loader gets, without what the rules ask for.
    """
    status = 1
    try:
        take_over({data, link.fileno()}, parent)
        log.mute()
        given = unseal_for_loader(data)
        directory = prepared_directory() if given.keeps else None
        limit_environment(given)
        loader = make_load_task(given, parent).load()
        if isinstance(loader, EarlyLoader):
            from falcohost.host.kept_prepared import KeptPrepared  # of no use to processes that go on

            loader.prepare_ahead(link, Asked(link), KeptPrepared(directory, given.source))
            link.shutdown(socket.SHUT_WR)  # that this process ends takes 10 ms more
        status = 0
    except Exception as error:
        log.log.debug("nothing is prepared ahead: %s: %s", type(error).__name__, error)
    finally:
        os._exit(status)
