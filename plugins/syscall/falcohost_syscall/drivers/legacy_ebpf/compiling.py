"""Says, while BCC compiles, that it does, and for how long: this takes seconds, on slow processors minutes.

The supervisor takes a source for stalled that says nothing while it is opened, so this also keeps the worker from being
replaced. It ends after :data:`LONGEST`: a compiler that hangs is not work.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Final

#: Seconds between two messages; less than any ``falcohost.source_timeout``.
PAUSE: Final = 4.0
#: Seconds after which nothing is said any more.
LONGEST: Final = 900.0
_log = logging.getLogger("falcohost")


@contextlib.contextmanager
def told(what: str, pause: float = PAUSE, longest: float = LONGEST) -> Iterator[None]:
    """Log that *what* is being compiled, every *pause* seconds for at most *longest*, and how long it took."""
    begun, done = time.monotonic(), threading.Event()
    _log.info("BCC is compiling %s; on a slow machine this takes minutes", what)

    def tell() -> None:
        while not done.wait(pause) and (passed := time.monotonic() - begun) < longest:
            _log.info("BCC is still compiling %s, for %.0f s now", what, passed)

    thread = threading.Thread(target=tell, name="compiling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # before the worker is confined, which it has to be without threads
    _log.info("BCC has compiled %s in %.1f s", what, time.monotonic() - begun)
