"""A channel: brings alerts to one output by a thread of its own, in order, so that a slow output delays no other.

What an output did not accept is tried again with back-off. What does not fit into the queue is dropped and counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from itertools import islice

from falcohost.alert import Alert
from falcohost.errors import OutputError
from falcohost.hookspecs import Output
from falcohost.host.log import NOTICE, log
from falcohost.outputs.stdout import OutputClosed

#: Most alerts in one delivery.
MOST = 1000

#: Seconds for which a buffered channel gathers alerts.
GATHER = 1.0

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0

#: An unbounded queue is reported when it has grown to this, and each time it has doubled since.
LONG = 10_000


class Channel:
    """Delivers to *output*, which is called *name*.

    :param capacity: how many alerts may wait; 0 for any number.
    :param buffered: alerts may be gathered for up to :data:`GATHER` seconds.
    :ivar dropped: how many alerts did not fit into the queue, or were left when the channel was closed.
    :ivar gone: the output has no reader any more, and takes nothing.
    """

    def __init__(self, name: str, output: Output, *, capacity: int = 0, buffered: bool = False) -> None:
        self.name = name
        self.dropped = 0
        self.gone = False
        self._output = output
        self._capacity = capacity
        self._buffered = buffered
        self._queue: deque[Alert] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._reopening = False
        self._busy_since = 0.0
        self._report_at = LONG
        self._trouble = _Trouble(name)
        self._thread = threading.Thread(target=self._run, name=f"output {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, alerts: Iterable[Alert]) -> None:
        """Take alerts; never waits."""
        with self._changed:
            for alert in alerts:
                if self.gone or (self._capacity and len(self._queue) >= self._capacity):
                    self._drop(1)
                else:
                    self._queue.append(alert)
            waiting = len(self._queue)
            self._changed.notify()
        if not self._capacity and waiting >= self._report_at:
            self._report_at = 2 * waiting
            log.warning("%d alerts wait for the output '%s', which does not keep up", waiting, self.name)

    def reopen(self) -> None:
        """Have the output reopened before its next delivery."""
        with self._changed:
            self._reopening = True
            self._changed.notify()

    def busy(self) -> float:
        """Return for how many seconds the output has not come back from the delivery that it is at; 0 if it is idle."""
        since = self._busy_since
        return time.monotonic() - since if since else 0.0

    def close(self, timeout: float) -> None:
        """Deliver what is left, for at most *timeout* seconds, and close the output. What then is left is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        left = len(self._queue)
        if self._thread.is_alive() and left:
            log.error("the output '%s' is still blocked; %d alerts for it are discarded", self.name, left)
            self.dropped += left

    def _drop(self, count: int) -> None:
        if not self.dropped:
            log.error("Outputs queue out of memory. Drop event and continue on ... (output '%s')", self.name)
        self.dropped += count

    def _run(self) -> None:
        while self._wait():
            if self._reopening:
                self._reopen()
            if self._queue:
                self._deliver()
        try:
            self._output.close()
        except Exception as error:
            log.error("output '%s' cannot be closed: %s", self.name, error)

    def _wait(self) -> bool:
        """Wait for something to do; return whether there is any before the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._urgent())
            if self._buffered:
                self._changed.wait_for(lambda: len(self._queue) >= MOST or self._urgent(), GATHER)
            return bool(self._queue) or self._reopening or not self._closing

    def _urgent(self) -> bool:
        return self._closing or self._reopening

    def _deliver(self) -> None:
        """Deliver the first alerts of the queue; they stay in it, and count, until they are accepted."""
        with self._changed:
            alerts = list(islice(self._queue, MOST))
        delay = FIRST_DELAY
        while not self._accepted(alerts):
            with self._changed:
                hurried = self._changed.wait_for(self._urgent, delay)
            if self._reopening:
                self._reopen()
            delay = FIRST_DELAY if hurried else min(2 * delay, LONGEST_DELAY)
            if hurried:
                time.sleep(FIRST_DELAY)
        with self._changed:
            for _ in alerts:
                self._queue.popleft()

    def _accepted(self, alerts: list[Alert]) -> bool:
        """Return whether nothing is left to do about *alerts*: they are accepted, or nobody is there to take them."""
        self._busy_since = time.monotonic()
        try:
            self._output.deliver(alerts)
        except OutputClosed as error:
            self.gone = True
            self.dropped += len(alerts)
            log.error("output '%s': %s", self.name, error)
            return True
        except Exception as error:
            self._trouble.begins(error)
            return False
        finally:
            self._busy_since = 0.0
        self._trouble.ends()
        return True

    def _reopen(self) -> None:
        self._reopening = False
        try:
            self._output.reopen()
        except Exception as error:
            self._trouble.begins(error)


class _Trouble:
    """Says that an output fails, why if that changes, and that it works again; not more."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = ""

    def begins(self, error: Exception) -> None:
        text = str(error) if isinstance(error, OutputError) else f"{type(error).__name__}: {error}"
        if text != self._said:
            self._said = text
            log.error("output '%s': %s; trying again", self._name, text)

    def ends(self) -> None:
        if self._said:
            self._said = ""
            log.log(NOTICE, "output '%s' works again", self._name)
