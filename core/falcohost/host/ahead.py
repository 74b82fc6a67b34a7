"""A process that prepares, at a start while the rules are read, what a source's loader takes over, and then ends.

It has what the loader will have, but for what the rules ask for, and is confined as little, since it does the same. It
keeps nothing, so that what preparing takes of memory is nobody's afterwards.
"""

from __future__ import annotations

import os
import socket
from typing import NoReturn

from falcohost import log
from falcohost.events import EarlyLoader
from falcohost.host.forked import take_over
from falcohost.host.task import limit_environment, make_load_task
from falcohost.host.worker_data import unseal_for_loader


def prepare_ahead(data: int, link: socket.socket, parent: int) -> NoReturn:
    """Prepare what the loader takes over *link*; what is wrong is left for it to find, and to tell.

    :param data: the memfd with what the loader gets, without what the rules ask for.
    """
    status = 1
    try:
        take_over({data, link.fileno()}, parent)
        log.mute()
        given = unseal_for_loader(data)
        limit_environment(given)
        loader = make_load_task(given, parent).load()
        if isinstance(loader, EarlyLoader):
            loader.prepare_ahead(link)
        status = 0
    except Exception as error:
        log.log.debug("nothing is prepared ahead: %s: %s", type(error).__name__, error)
    finally:
        os._exit(status)
