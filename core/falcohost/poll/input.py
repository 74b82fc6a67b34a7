"""The input of a JSON log that fetches pages with a poller, in a thread, and retries; a run on demand gives up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import SourceError
from falcohost.jsonlog.inputs import Limits, Origin, Texts
from falcohost.jsonlog.refusals import Refusals
from falcohost.needs import CONNECT, THREADS, Needs, needs_of
from falcohost.poll.failures import BackOff, Failures
from falcohost.poll.page import Page, Poller

#: Pages that are fetched in advance.
AHEAD = 2

#: Seconds between two checks while there is nothing.
IDLE = 0.25

#: Seconds to wait for the end of a fetch when closing.
_LAST = 1.0


class PollInput:
    """Delivers the pages of *poller* for the plugin *plugin*; all records have the origin *origin*.

    :param idle: seconds to wait for a page; short if several inputs are read in turns.
    :param clock: the clock for waiting between two fetches.
    """

    def __init__(
        self,
        poller: Poller,
        limits: Limits,
        *,
        plugin: str,
        origin: Origin,
        back_off: BackOff | None = None,
        idle: float = IDLE,
        clock: Clock = SYSTEM,
    ) -> None:
        self._idle = idle
        self._clock = clock
        self._poller = poller
        self._limits = limits
        self._plugin = plugin
        self._origin = origin
        self._failures = Failures(origin.name, back_off or BackOff(), clock)
        self._pages: queue.Queue[Page] = queue.Queue(AHEAD)
        self._changed = threading.Condition()
        self._stopped = False
        self._cursor: str | None = None
        self._thread: threading.Thread | None = None
        self._given_up: SourceError | None = None

    @property
    def limits(self) -> Limits:
        """Limits on the size of texts."""
        return self._limits

    @property
    def done(self) -> float | None:
        """Return None: it never ends."""
        return None

    @property
    def needs(self) -> Needs:
        """Return that a thread makes connections, and what the poller needs."""
        own = needs_of(self._poller)
        named = own.connects if CONNECT in own.calls else None
        return Needs(frozenset({CONNECT, THREADS}), connects=named) | own

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Open the poller; an unreachable server is not an error, since fetches are retried.

        :raises SourceError: it can never be fetched from: a file or a package is missing.
        """
        self._cursor = cursor
        self._poller.open(refusals)

    def texts(self) -> Iterator[Texts]:
        """Yield pages; while there are none, empty texts.

        :raises SourceError: it is given up; or the thread has ended, which is a bug.
        """
        # Started here, since a thread keeps the privileges with which it was started.
        self._thread = threading.Thread(target=self._fetch, name=f"{self._plugin} poll", daemon=True)
        self._thread.start()
        while self._thread.is_alive():
            try:
                page = self._pages.get(timeout=self._idle)
            except queue.Empty:
                yield Texts(self._origin, [])
            else:
                yield Texts(self._origin, [(0, item) for item in page.items], page.cursor)
        raise self._given_up or SourceError(f"{self._plugin}: the thread that fetches pages has ended")

    def ack(self, cursor: str) -> None:
        """Do nothing: pages can be fetched again."""

    def close(self) -> None:
        """Stop fetching."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_LAST)
        self._poller.close()

    def _fetch(self) -> None:
        while not self._stopped:
            try:
                page = self._poller.fetch(self._cursor)
            except Exception as error:
                try:
                    seconds = self._failures.failed(error)
                except SourceError as given_up:
                    self._given_up = given_up
                    return
                self._wait(seconds)
                continue
            self._failures.succeeded()
            self._cursor = page.cursor
            self._hand_on(page)
            self._wait(page.wait)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._clock.wait_for(self._changed, lambda: self._stopped, seconds)

    def _hand_on(self, page: Page) -> None:
        while not self._stopped:
            try:
                self._pages.put(page, timeout=IDLE)
                break
            except queue.Full:
                continue
