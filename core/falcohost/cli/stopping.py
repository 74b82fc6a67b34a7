"""Ends what shows or records events of this host, at Ctrl-C and other signals, as if the events had ended."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from falcohost.cli.inspect_events import Inspection

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stopping(inspection: Inspection) -> Iterator[None]:
    """End the events of *inspection* at Ctrl-C and SIGTERM; the second time they do what they do elsewhere."""

    def stop(number: int, _: object) -> None:
        inspection.stopped = True
        signal.signal(number, before[signal.Signals(number)])

    before = {one: signal.signal(one, stop) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
