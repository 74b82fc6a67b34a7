"""Ends a worker that stands still with its last numbers: the supervisor's signal is an exception where it stands.

Where the signal cannot be handled, for example in C code, the worker is killed a moment later.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final

#: The signal with which the supervisor asks a worker that has stalled to end.
ASKS_TO_END: Final = signal.SIGUSR2

#: Modules that send; an exception there would leave half a message behind.
_SEND: Final = ("falcohost.host.uplink", "falcohost.host.store_link", "falcohost.host.wire")


class Stalled(BaseException):
    """The process has to end, since it stands still. Not an ``Exception``, so that no source retries."""


def end_when_asked() -> None:
    """Have the signal raise :class:`Stalled` in the main thread."""
    signal.signal(ASKS_TO_END, _raise)


def end_by_signal() -> None:
    """End this process as if it had been killed, so that its successor is started at once."""
    signal.raise_signal(signal.SIGKILL)


def _raise(number: int, frame: FrameType | None) -> None:
    here = frame
    while here is not None:
        if here.f_globals.get("__name__") in _SEND:
            return
        here = here.f_back
    signal.signal(ASKS_TO_END, signal.SIG_IGN)
    raise Stalled
