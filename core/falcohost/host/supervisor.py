"""The supervisor: starts a worker per source, stores its alerts, restarts what dies, and stops cleanly.

It parses no events. Everything happens in one loop over descriptors: the workers' links, their deaths, signals.
"""

from __future__ import annotations

import enum
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from falcohost.alert import Alert, Priority
from falcohost.engine.alerts import INTERNAL, AlertMaker
from falcohost.errors import FalcohostError
from falcohost.host import wire
from falcohost.host.child import Child
from falcohost.host.config.sections import DropsConfig
from falcohost.host.control import Control
from falcohost.host.drops import DropMonitor, LossLog
from falcohost.host.renewal import Renewals
from falcohost.host.signals import Signals
from falcohost.host.snapshot import Snapshot, snapshot
from falcohost.host.summary import Summary
from falcohost.host.task import Task
from falcohost.host.trial import Trial
from falcohost.host.watch import Watch
from falcohost.log import log
from falcohost.outputs.channel import Channel
from falcohost.store.arrival import Arrival
from falcohost.store.store import Store

if TYPE_CHECKING:
    from falcohost.host.reload import NewRules

#: Seconds that a worker has to end by itself when it is told to.
GRACE = 5.0

#: Seconds between two looks at the configuration and rules files.
LOOK = 1.0


class Outcome(enum.Enum):
    """How a run ended."""

    STOPPED = "stopped"
    RESTART = "restart"
    FAILED = "failed"


class Supervisor:
    """Runs *tasks* until they have ended, or it is told to stop.

    :param channels: the outputs; started and closed here.
    :param seconds: how long to run once everything is ready; 0 for ever.
    :param on_ready: called once, when every source is open or has failed to open.
    :param reload: loads new rules; returns None where only a restart can bring them about.
    :param watch: the files whose change calls for a reload.
    :ivar children: the workers.
    :ivar drops: what was made of lost system calls.
    :ivar error: why the run failed.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        channels: Sequence[Channel],
        store: Store,
        summary: Summary,
        drops: DropsConfig,
        maker: AlertMaker,
        *,
        output_timeout: float,
        seconds: float = 0,
        on_ready: Callable[[list[str]], None],
        reload: Callable[[], NewRules | None],
        watch: Watch,
        on_turn: Callable[[Sequence[Child]], None] = lambda _: None,
    ) -> None:
        self.children = [Child(task) for task in tasks]
        self.error = ""
        self._channels = channels
        self._store = store
        self._arrived: list[Arrival] = []
        self._summary = summary
        self.drops = DropMonitor(drops, maker, lambda alert: self.deliver([alert]))
        self._maker = maker
        self._output_timeout = output_timeout
        self._seconds = seconds
        self._on_ready = on_ready
        self._reload = reload
        self._watch = watch
        self._renewals = Renewals(self.children)
        self._on_turn = on_turn
        self._look_at = 0.0
        self._reloads = 0
        self._given_up = 0
        self._losses = {child.name: LossLog(child.name) for child in self.children}
        self._selector = selectors.DefaultSelector()
        self._control = Control(self._selector, store.directory, self._snapshot, self._measure)
        self._trial: Trial | None = None
        self._outcome: Outcome | None = None
        self._ready = False
        self._deadline = float("inf")
        self._blocked: set[str] = set()

    def run(self) -> Outcome:
        """Run to the end; return how it came."""
        for channel in self._channels:
            channel.start()
        with Signals(self._selector, self._signal), self._control:
            for child in self.children:
                self._start(child)
            while self._outcome is None:
                self._step(self._wait())
            self._stop()
            self._commit()
        for channel in self._channels:
            channel.close(self._output_timeout)
            if channel.dropped:
                log.error("%d alerts were not delivered to the output '%s'", channel.dropped, channel.name)
        for child in self.children:
            self._losses[child.name].tell(child.totals)
        if self._trial is not None:
            self._trial.cancel()
        return self._outcome

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Take alerts that falcohost raises about itself."""
        self._arrived.append(Arrival(INTERNAL, alerts))

    def _commit(self) -> None:
        """Store what has arrived since the last time in one transaction, and tell those who wait for it."""
        if not self._arrived and not self._store.behind:
            return
        stored = self._store.append(self._arrived)
        self._arrived = []
        self._summary.add(alert for alert in stored.alerts if alert.source != INTERNAL)
        for child in self.children:
            if child.name in stored.cursors:
                self._send(child, wire.Ack(stored.cursors[child.name]))
        for channel in self._channels:
            channel.notify()
        self._tell_given_up()

    def _tell_given_up(self) -> None:
        """Raise an alert about alerts that the store had no room for until every output had them."""
        count, self._given_up = self._store.lost - self._given_up, self._store.lost
        if count:
            rule = "Falcohost internal: alerts given up"
            text = f"{count} alerts were given up before every output had them"
            self.deliver([self._maker.internal(rule, Priority.CRITICAL, text, {"count": count}, time.time_ns())])

    # one turn of the loop

    def _wait(self) -> float:
        now = time.monotonic()
        due = [child.restart_at for child in self.children if child.restart_at is not None]
        return max(0.0, min([now + 1.0, self._deadline, *due]) - now)

    def _step(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            key.data()
        self._commit()
        now = time.monotonic()
        for child in self.children:
            if child.restart_at is not None and now >= child.restart_at:
                self._start(child)
        self._check_ready()
        self._check_outputs()
        self._check_files(now)
        self._on_turn(self.children)
        if now >= self._deadline:
            self._end(Outcome.STOPPED)

    def _end(self, outcome: Outcome, error: str = "") -> None:
        if self._outcome is None:
            self._outcome, self.error = outcome, error

    def _check_ready(self) -> None:
        waiting = any(child.alive and not child.ready for child in self.children)
        if self._ready or waiting or self._outcome is not None:
            return
        self._ready = True
        if self._seconds:
            self._deadline = time.monotonic() + self._seconds
        self._on_ready([child.name for child in self.children if child.ready or child.ended])

    def _check_outputs(self) -> None:
        for channel in self._channels:
            blocked = channel.busy() > self._output_timeout
            if blocked and channel.name not in self._blocked:
                log.critical('"%s" output timeout, the output is blocked', channel.name)
            (self._blocked.add if blocked else self._blocked.discard)(channel.name)
        if self._channels and all(channel.gone for channel in self._channels):
            names = ", ".join(channel.name for channel in self._channels)
            self._end(Outcome.FAILED, f"no output is left: nobody reads {names} any more")

    def _check_files(self, now: float) -> None:
        if now >= self._look_at and self._ready:
            self._look_at = now + LOOK
            if self._watch.changed():
                self._try_new_rules("Files have changed")
            self._renewals.look()

    # workers

    def _start(self, child: Child) -> None:
        try:
            link, death = child.start(self._store.cursor(child.name))
        except OSError as error:
            self._restart(child, f"no process can be started: {error.strerror}")
            return
        self._selector.register(link, selectors.EVENT_READ, lambda: self._serve(child))
        self._selector.register(death, selectors.EVENT_READ, lambda: self._died(child, link, death))
        if self._control.measuring:
            self._send(child, wire.Measure(True))

    def _send(self, child: Child, message: wire.Down) -> None:
        if child.alive:
            child.send(message)
            self._listen(child)

    def _serve(self, child: Child) -> None:
        if child.alive:  # its death may have been told in the same turn
            if child.waits_to_send:
                child.send_rest()
                self._listen(child)
            self._handle(child, child.read())

    def _listen(self, child: Child) -> None:
        """Have the loop come back when the worker says something, or reads what waits for it."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.waits_to_send else 0)
        key = self._selector.get_key(child.link)
        if key.events != events:
            self._selector.modify(child.link, events, key.data)

    def _handle(self, child: Child, messages: Iterable[wire.Up]) -> None:
        for message in messages:
            if isinstance(message, wire.Alerts):
                self._arrived.append(Arrival(child.name, message.alerts, message.cursor, message.rewinds))
            elif isinstance(message, wire.Ended) and not message.asked:
                self._arrived.append(Arrival(child.name, [], ended=True))
            elif isinstance(message, wire.Report):
                self._observe(child)
            elif isinstance(message, wire.RulesTaken):
                self._rules_taken(child, message)
            elif isinstance(message, wire.Ready) and self._ready:
                log.info("Event source '%s' is open again", child.name)
            elif isinstance(message, wire.LogLine):
                log.log(message.level, "%s: %s", child.name, message.text)

    def _snapshot(self) -> Snapshot:
        return snapshot(self.children, self._channels, self._store)

    def _measure(self, on: bool) -> None:
        for child in self.children:
            self._send(child, wire.Measure(on))

    def _rules_taken(self, child: Child, message: wire.RulesTaken) -> None:
        if message.error:
            log.error("event source '%s' stays with its former rules: %s", child.name, message.error)
        elif message.number == self._reloads:
            log.info("Event source '%s' has gone over to the new rules", child.name)

    def _observe(self, child: Child) -> None:
        self._losses[child.name].observe(child.totals)
        if child.is_syscall:
            self.drops.observe(child.totals)
            if self.drops.exiting:
                self._end(Outcome.FAILED, "system calls were dropped, and syscall_event_drops.actions has 'exit'")

    def _died(self, child: Child, link: object, death: int) -> None:
        self._handle(child, child.drain())
        self._selector.unregister(link)  # type: ignore[arg-type]
        self._selector.unregister(death)
        cause = child.bury()
        if child.trace:
            log.debug("%s", child.trace)
        if self._outcome is not None:
            return
        if child.renewing:
            child.renewing = child.ended = False
            self._start(child)
            return
        if child.ended:
            seen, lost = child.totals.received, child.totals.lost
            log.info("Event source '%s' has ended: %d events, %d of them left out", child.name, seen, lost)
        child.error = "" if child.ended else child.error or cause
        if not self._anything_left():
            self._end_of_sources()
        elif not child.ended:
            self._restart(child, cause)

    def _restart(self, child: Child, cause: str) -> None:
        delay = child.schedule()
        what = "worker failed" if child.was_ready else "cannot be opened"
        again = f"starting it again in {delay:.1f} s"
        log.error("event source '%s' (pid %d): %s: %s; %s", child.name, child.pid, what, cause.rstrip("."), again)

    def _anything_left(self) -> bool:
        """Return whether a source runs, or ran and has not ended; one that was never open is nothing to wait for."""
        return any(child.alive or (child.was_ready and not child.ended) for child in self.children)

    def _end_of_sources(self) -> None:
        errors = [child.error for child in self.children if not child.ended]
        self._end(Outcome.FAILED if errors else Outcome.STOPPED, "; ".join(errors))

    # the way down

    def _signal(self, number: int) -> None:
        if self._outcome is not None:
            self._kill()
        elif number in (signal.SIGINT, signal.SIGTERM):
            log.info("SIGINT received, exiting...")
            self._end(Outcome.STOPPED)
        elif number == signal.SIGUSR1:
            log.info("SIGUSR1 received, reopening outputs...")
            for channel in self._channels:
                channel.reopen()
        elif number == signal.SIGHUP:
            self._try_new_rules("SIGHUP received")

    def _try_new_rules(self, cause: str) -> None:
        if self._trial is None:
            log.info("%s, checking configuration and rules...", cause)
            self._trial = Trial(self._reload)
            self._selector.register(self._trial.finished, selectors.EVENT_READ, self._trial_finished)

    def _trial_finished(self) -> None:
        assert self._trial is not None
        self._selector.unregister(self._trial.finished)
        error = self._trial.error()
        self._trial = None
        if error is None:
            try:
                new = self._reload()
            except FalcohostError as failure:  # changed again since the trial
                error = str(failure)
            else:
                self._go_over(new)
        if error is not None:
            rule = "Falco internal: hot restart failure"
            log.error("%s: %s", rule, error)
            text, fields = f"{rule}: {error}", {"reason": error}
            self.deliver([self._maker.internal(rule, Priority.CRITICAL, text, fields, time.time_ns())])

    def _go_over(self, new: NewRules | None) -> None:
        if new is None:
            log.info("restarting...")
            self._end(Outcome.RESTART)
            return
        self._reloads += 1
        self._summary.take_rules(new.names)
        self._watch.go_over(new.files)
        for child in self.children:
            child.task = new.tasks[child.name]
            self._send(child, wire.NewRules(self._reloads, new.encoded[child.name], new.first))

    def _stop(self) -> None:
        for child in self.children:
            child.restart_at = None
            child.sockets.close()
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while any(child.alive for child in self.children):
            left = deadline - time.monotonic()
            for key, _ in self._selector.select(min(max(0.0, left), 1.0)):
                key.data()
            self._commit()
            if left <= 0:
                self._kill()
                deadline = float("inf")

    def _kill(self) -> None:
        for child in self.children:
            if child.alive:
                log.error("event source '%s' does not end by itself; its worker is killed", child.name)
                child.signal(signal.SIGKILL)
