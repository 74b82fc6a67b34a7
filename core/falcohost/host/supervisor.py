"""The supervisor: runs a worker per source, the store and the outputs, switches to new rules, and stops cleanly.

It parses no events. Everything happens in one loop, :meth:`Supervisor.run`; each task is an object of
:mod:`falcohost.host.supervision`.
"""

from __future__ import annotations

import signal

from msgspec import Struct

from falcohost.host import wire
from falcohost.host.control import Control
from falcohost.host.progress import Progress
from falcohost.host.summary import Summary
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.downs import Downs
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.folder import Folder
from falcohost.host.supervision.health import Health
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.keeping import Keeping
from falcohost.host.supervision.lagging import Lagging
from falcohost.host.supervision.life import Life
from falcohost.host.supervision.loop import TURN, Loop, Outcome
from falcohost.host.supervision.losses import Losses
from falcohost.host.supervision.memory_only import MemoryOnly
from falcohost.host.supervision.notify import Notify, Status
from falcohost.host.supervision.orphans import Orphans
from falcohost.host.supervision.outages import Outages
from falcohost.host.supervision.places import Places
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.refusals import Refusals
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.response import Response
from falcohost.host.supervision.roster import Roster
from falcohost.host.supervision.sentinels import Sentinels
from falcohost.host.supervision.services import Services
from falcohost.host.supervision.signals import Signals
from falcohost.host.supervision.spares import Spares
from falcohost.host.supervision.stops import Stops
from falcohost.host.supervision.tampering import Tampering
from falcohost.host.supervision.watchdog import Watchdog
from falcohost.host.supervision.workers import Workers
from falcohost.log import log


class Supervisor(Struct, frozen=True, kw_only=True):
    """Runs its parts until the sources have ended or it is told to stop."""

    loop: Loop
    spares: Spares
    workers: Workers
    internal: InternalAlerts
    services: Services
    health: Health
    response: Response
    refusals: Refusals
    losses: Losses
    readiness: Readiness
    watchdog: Watchdog
    stops: Stops
    outages: Outages
    downs: Downs
    folder: Folder
    memory_only: MemoryOnly
    lagging: Lagging
    life: Life
    sentinels: Sentinels
    reloading: Reloading
    files: Files
    control: Control
    summary: Summary
    progress: Progress
    orphans: Orphans
    notify: Notify
    keeping: Keeping
    status: Status
    roster: Roster
    places: Places
    tampering: Tampering

    def run(self) -> Outcome:
        """Run to the end; return how the run ended."""
        with self.spares, self.reloading, self.losses, Signals(self.loop, self._signal), self.control:
            self.notify.keep_alive(self.loop)
            self.health.start()
            self.response.start()
            self.services.start(self.spares.fork)
            if self.loop.outcome is None:
                self.workers.start(self._hear)
            while self.loop.outcome is None:
                self.loop.turn(min(TURN, self.files.interval))
                self._look()
            restarts = self.loop.outcome is Outcome.RESTART
            self.notify.ending(restarts=restarts)
            self.health.end()
            self.response.end()
            self.services.hurry()
            self.workers.stop(keeps=restarts)
            while self.workers.any_alive:
                self.loop.turn()
            if restarts:
                self.services.carry()
            self.services.finish()
            while not (self.services.over and self.health.over and self.response.over):
                self.loop.turn()
            self.orphans.end()
        return self.loop.outcome

    def _look(self) -> None:
        self.readiness.check()
        self.watchdog.check()
        self.outages.check()
        self.downs.check()
        self.lagging.check()
        self.folder.look()
        self.memory_only.look()
        self.life.look()
        self.sentinels.check()
        self.services.check()
        self.health.look()
        self.response.look()
        self.roster.look()
        self.places.look(self.roster.running)
        if self.readiness.reached:
            self.files.look()
        self.orphans.reap()
        self.keeping.look(self.workers.children)
        self.status.look()
        self.progress.show(self.workers.children)

    def _hear(self, child: Child, message: wire.Up) -> None:
        """Pass a worker's message to the part that handles it."""
        if isinstance(message, wire.Report):
            self.losses.observe(child)
            self.refusals.look(child)
        elif isinstance(message, wire.Failed) and message.tampered:
            self.tampering.tell(child, message.error)
        elif isinstance(message, wire.Tampered):
            self.tampering.tell(child, message.found)
        elif isinstance(message, wire.Undecided):
            self.internal.raise_undecided(child.name, message)
        elif isinstance(message, wire.Captured):
            self.internal.raise_captured(child.name, message)
        elif isinstance(message, wire.RulesTaken):
            if message.renew:
                log.info(
                    "Event source '%s' is opened again: the new rules need more than its worker may do", child.name
                )
                child.renew()
            else:
                if not message.error:
                    self.services.switched(child.name, message.number)
                self.reloading.taken(child.name, message)
        elif isinstance(message, wire.Ready) and self.readiness.reached:
            log.info("Event source '%s' is open again", child.name)
            if child.next_preparation is None:  # else it is the last that reads what the former loader has prepared
                self.reloading.opened(child.name)
        elif isinstance(message, wire.Ready):
            self.readiness.check()  # now: with its end, which may be the next message, the run may end
        elif isinstance(message, wire.LogLine):
            log.log(message.level, "%s: %s", child.name, message.text)

    def _signal(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stop(signal.Signals(number).name)
        elif number == signal.SIGCHLD:
            self.stops.child_changed()
        elif self.loop.outcome is not None:
            log.info("%s received, which is too late: the run ends", signal.Signals(number).name)
        elif number == signal.SIGUSR1:
            log.info("SIGUSR1 received, reopening outputs...")
            self.services.reopen()
        elif number == signal.SIGHUP:
            self.reloading.begin("SIGHUP received")

    def _stop(self, name: str) -> None:
        """End the run, also one that would end in a restart; where it ends already, wait for nothing."""
        if self.loop.outcome in (None, Outcome.RESTART):
            log.info("SIGINT received, exiting...")
            self.life.stopped(name)
        else:
            (self.workers if self.workers.any_alive else self.services).kill()
        self.loop.end(Outcome.STOPPED)
