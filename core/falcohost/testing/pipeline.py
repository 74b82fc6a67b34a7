"""Runs one source with its rules and the store in this process: an agent without processes of its own.

For tests of which events a source reads, which rules fire and which alerts are stored. Privileges, signals, kills and
sockets that outlive a worker need :class:`falcohost.testing.agent.Agent`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost.alert import Alert
from falcohost.engine.alerts import AlertMaker
from falcohost.events import Source
from falcohost.host.plugins import Plugins, ask
from falcohost.pipeline import pipeline
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.pipeline.waker import Waker
from falcohost.store.arrival import Arrival
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.opened import open_store
from falcohost.store.store import Store
from falcohost.testing.firing import enabled_rules
from falcohost.testing.waiting import PATIENCE, wait_until


class Pipeline:
    """Reads the only source of *plugin* in a thread, matches *rules*, stores alerts in *state*, and acknowledges.

    :param plugin: the plugin's module.
    :param settings: the plugin's configuration, with the place that the source reads.
    :param first: report only the first rule that an event matches.
    :param beside: modules of other plugins, which the rules use.
    :ivar over: set when it has been told to end.
    """

    def __init__(
        self,
        plugin: Any,
        rules: Iterable[Path],
        settings: Mapping[str, Any],
        state: Path,
        *,
        first: bool = True,
        beside: Iterable[Any] = (),
    ) -> None:
        tested = ask("tested", plugin, "tested", "0", settings)
        plugins = Plugins((tested, *(ask(other.__name__, other, "tested", "0") for other in beside)))
        (self._spec,) = tested.sources
        self._settings = tested.settings
        self._rules = Rules.compiled(self._spec.name, enabled_rules(plugins, self._spec.name, rules), first=first)
        self._maker = AlertMaker("tested")
        self._state = state
        self.begin()

    def begin(self) -> None:
        """Open the source at the stored cursor, and read."""
        self._store: Store = open_store(str(self._state), Limits())
        self._source: Source = self._spec.make(self._settings)
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._dead = self._closed = False
        self._error: Exception | None = None
        told_one_by_one = PipelineConfig(FoldConfig(enabled=False))
        self._pipeline = pipeline.Pipeline(self._rules, self._maker.make, _Sink(self._keep), told_one_by_one)
        try:
            self._source.open(self._rules.plan, self._store.cursor(self._spec.name))
            self._pipeline.open_lookups(self._rules)
        except Exception:
            self._source.close()
            self._store.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"pipeline {self._spec.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End as after SIGTERM: store the alerts of what was read, and close the source."""
        self.over.set()
        self.wait()

    def kill(self) -> None:
        """End as if killed: from now on nothing is stored or acknowledged."""
        with self._lock:
            self._dead = True
        self.stop()

    def wait(self) -> None:
        """Wait until the source has ended by itself or was told to; raise the error if it has failed."""
        if self._closed:
            return
        self._closed = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the source does not end"
        self._source.close()
        self._store.close()
        if self._error is not None:
            raise self._error

    @property
    def passed(self) -> int:
        """Return the number of events that the source has passed on since it was opened."""
        return self._source.stats().passed

    @property
    def dropped(self) -> dict[str, int]:
        """Return the number of records that the source has skipped, by cause."""
        return dict(self._source.stats().dropped)

    @property
    def alerts(self) -> list[Alert]:
        """Return the stored alerts, each as often as it is stored."""
        history = History(self._state)
        try:
            return list(history.alerts(Wanted()))
        finally:
            history.close()

    @property
    def messages(self) -> list[str]:
        """Return the messages of the stored alerts."""
        return [alert.message for alert in self.alerts]

    def wait_until_stored(self, count: int) -> list[str]:
        """Wait until this many alerts are stored; return their messages."""
        wait_until(lambda: self._error or len(self.messages) >= count, lambda: self.messages)
        if self._error is not None:
            raise self._error
        return self.messages

    def _run(self) -> None:
        try:
            with Waker(self._pipeline) as waker:
                self._read(waker)
            self._pipeline.finish()
            if not self.over.is_set():
                self._append(Arrival(self._spec.name, [], ended=True))
        except _Killed:
            pass
        except Exception as error:
            self._error = error

    def _read(self, waker: Waker) -> None:
        for batch in self._source.batches():
            with waker.held():
                self._pipeline.take(batch)
                waker.watch()
            if self.over.is_set():
                break

    def _keep(self, alerts: list[Alert], cursor: str | None, rewinds: bool) -> None:
        """Store *alerts*, and acknowledge to the source what is stored."""
        cursors = self._append(Arrival(self._spec.name, alerts, cursor, rewinds))
        if cursors is None:
            raise _Killed
        for stored in cursors.values():
            self._source.ack(stored)

    def _append(self, arrival: Arrival) -> Mapping[str, str] | None:
        """Return the cursors that are stored now; None if the pipeline was killed before."""
        with self._lock:
            return None if self._dead else self._store.append([arrival]).cursors


class _Killed(Exception):
    """The pipeline was killed: nothing more is stored."""


class _Sink:
    """Passes the alerts between two flushes to *keep*."""

    def __init__(self, keep: Callable[[list[Alert], str | None, bool], None]) -> None:
        self.rewinds = False
        self._keep = keep
        self._alerts: list[Alert] = []

    def add(self, alert: Alert) -> None:
        """Take an alert."""
        self._alerts.append(alert)

    def flush(self, cursor: str | None) -> None:
        """Pass on the alerts and the cursor."""
        if self._alerts or cursor is not None:
            alerts, self._alerts = self._alerts, []
            self._keep(alerts, cursor, self.rewinds)

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call*: what was passed on is stored."""
        call()
