"""A channel: brings alerts to one output by a thread of its own, in order, so that a slow output delays no other.

It reads them from the store, from the mark of its output on. What the output did not accept is tried again with
back-off; the mark moves when it has accepted.
"""

from __future__ import annotations

import threading
import time

from falcohost.alert import Alert
from falcohost.errors import OutputClosed, OutputError, StateError
from falcohost.hookspecs import Output
from falcohost.log import NOTICE, log
from falcohost.store.store import Store

#: Most alerts in one delivery.
MOST = 1000

#: Seconds for which a buffered channel gathers alerts.
GATHER = 1.0

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0

#: That so many alerts wait is reported, and each time that the number has doubled since.
LONG = 10_000


class Channel:
    """Delivers to *output*, which is called *name*, what is in *store*.

    :param buffered: alerts may be gathered for up to :data:`GATHER` seconds.
    :ivar dropped: how many alerts nobody will deliver any more.
    :ivar gone: the output has no reader any more, and takes nothing.
    """

    def __init__(self, name: str, output: Output, store: Store, *, buffered: bool = False) -> None:
        self.name = name
        self.dropped = 0
        self.gone = False
        self._output = output
        self._store = store
        self._buffered = buffered
        self._mark = store.subscribe(name).mark
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

    @property
    def waiting(self) -> int:
        """Return how many alerts the output has not accepted yet."""
        return self._store.last - self._mark

    def notify(self) -> None:
        """Take note that there are new alerts in the store; never waits for the output."""
        with self._changed:
            self._changed.notify()
        if self.waiting >= self._report_at:
            self._report_at = 2 * self.waiting
            log.warning("%d alerts wait for the output '%s', which does not keep up", self.waiting, self.name)

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
        """Deliver what is left, for at most *timeout* seconds, and close the output.

        What then is left is delivered by the next run, if the store outlives this one.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        left = self.waiting
        if not self._thread.is_alive() or not left:
            return
        if self._store.kept:
            log.error("the output '%s' is still blocked; the next run delivers %d alerts", self.name, left)
        else:
            log.error("the output '%s' is still blocked; %d alerts for it are discarded", self.name, left)
            self.dropped += left

    def _run(self) -> None:
        while self._wait():
            if self._reopening:
                self._reopen()
            if self.waiting:
                self._deliver()
        try:
            self._output.close()
        except Exception as error:
            log.error("output '%s' cannot be closed: %s", self.name, error)

    def _wait(self) -> bool:
        """Wait for something to do; return whether there is any before the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.waiting or self._urgent())
            if self._buffered:
                self._changed.wait_for(lambda: self.waiting >= MOST or self._urgent(), GATHER)
            return bool(self.waiting) or self._reopening or not self._closing

    def _urgent(self) -> bool:
        return self._closing or self._reopening

    def _deliver(self) -> None:
        """Deliver the next alerts; the mark moves, and they no longer count as waiting, when they are accepted."""
        until = self._store.last
        try:
            found = self._store.read(self._mark, MOST)
        except StateError:
            time.sleep(FIRST_DELAY)  # the store has said why
            return
        if found:
            until = found[-1][0]
            self._insist([alert for _, alert in found])
        self._mark = until
        self._store.answer(self.name, until)

    def _insist(self, alerts: list[Alert]) -> None:
        delay = FIRST_DELAY
        while not self._accepted(alerts):
            with self._changed:
                hurried = self._changed.wait_for(self._urgent, delay)
            if self._reopening:
                self._reopen()
            delay = FIRST_DELAY if hurried else min(2 * delay, LONGEST_DELAY)
            if hurried:
                time.sleep(FIRST_DELAY)

    def _accepted(self, alerts: list[Alert]) -> bool:
        """Return whether nothing is left to do about *alerts*: they are accepted, or nobody is there to take them."""
        if self.gone:
            self.dropped += len(alerts)
            return True
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
