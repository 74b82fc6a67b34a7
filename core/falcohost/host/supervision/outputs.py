"""The outputs' channels: started, told of new alerts, watched, closed."""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.log import log
from falcohost.outputs.channel import Channel


class Outputs:
    """Runs *channels* from its ``with`` to the end of that.

    :param timeout: seconds after which a delivery that has not come back is reported, and that closing one may take.
    """

    def __init__(self, channels: Sequence[Channel], timeout: float, loop: Loop) -> None:
        self.channels = channels
        self._timeout = timeout
        self._loop = loop
        self._blocked: set[str] = set()

    def __enter__(self) -> None:
        for channel in self.channels:
            channel.start()

    def __exit__(self, *_: object) -> None:
        for channel in self.channels:
            channel.close(self._timeout)
            if channel.dropped:
                log.error("%d alerts were not delivered to the output '%s'", channel.dropped, channel.name)

    def notify(self) -> None:
        """Tell them that there are new alerts in the store."""
        for channel in self.channels:
            channel.notify()

    def reopen(self) -> None:
        """Have each output reopened before its next delivery."""
        for channel in self.channels:
            channel.reopen()

    def check(self) -> None:
        """Report an output that blocks, once until it goes on; end the run when none is left."""
        for channel in self.channels:
            blocked = channel.busy() > self._timeout
            if blocked and channel.name not in self._blocked:
                log.critical('"%s" output timeout, the output is blocked', channel.name)
            (self._blocked.add if blocked else self._blocked.discard)(channel.name)
        if self.channels and all(channel.gone for channel in self.channels):
            names = ", ".join(channel.name for channel in self.channels)
            self._loop.end(Outcome.FAILED, f"no output is left: nobody reads {names} any more")
