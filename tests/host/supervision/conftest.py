"""A supervisor's parts with a clock that a test turns on and workers that a test plays, and a whole supervisor."""

import os
import signal
import sys
from pathlib import Path

import pytest

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.facts import RuleFacts
from falcohost.host.control import Control
from falcohost.host.delivering.process import OutputsGiven
from falcohost.host.drops import DropMonitor
from falcohost.host.health.messages import State
from falcohost.host.progress import Progress
from falcohost.host.stamps import stamps
from falcohost.host.storing.given import StoreGiven
from falcohost.host.summary import Summary
from falcohost.host.supervision.downs import Downs
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.folder import Folder
from falcohost.host.supervision.health import Health, Numbers
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.internal_link import InternalLink
from falcohost.host.supervision.keeping import Keeping
from falcohost.host.supervision.lagging import Lagging
from falcohost.host.supervision.life import STOPPED, Life
from falcohost.host.supervision.losses import Losses
from falcohost.host.supervision.memory_only import MemoryOnly
from falcohost.host.supervision.notify import Notify, Status
from falcohost.host.supervision.orphans import Orphans
from falcohost.host.supervision.outages import Outages
from falcohost.host.supervision.places import Places
from falcohost.host.supervision.reader import Reader
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.refusals import Refusals
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.response import Response
from falcohost.host.supervision.roster import Roster
from falcohost.host.supervision.sentinels import Sentinels
from falcohost.host.supervision.services import Services
from falcohost.host.supervision.spares import Spares
from falcohost.host.supervision.stops import Stops
from falcohost.host.supervision.suspects import Suspects
from falcohost.host.supervision.tampering import Tampering
from falcohost.host.supervision.watch import Watch
from falcohost.host.supervision.watchdog import Watchdog
from falcohost.host.supervisor import Supervisor
from falcohost.specs import DropPolicy
from falcohost.store.directory import claim
from falcohost.store.limits import IN_MEMORY, Limits
from falcohost.store.store import Store
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.clock import ManualClock

sys.path.insert(0, str(Path(__file__).parent))
from played import Sink, Stage

#: Facts of the rules of alerts that tests make.
FACTS = {f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA) for name in "ab"}


@pytest.fixture
def stage():
    """Return a function that sets up workers; they are taken leave of in the end."""
    stages = []

    def stage(*names, begun=True, loads=True):
        stages.append(Stage(*(names or ("one",)), loads=loads))
        if begun:
            stages[-1].begin()
        return stages[-1]

    yield stage
    for one in stages:
        one.close()


@pytest.fixture
def store():
    """Return an empty store in memory."""
    store = Store(None, IN_MEMORY)
    yield store
    store.close()


class Raised:
    """Keeps the alerts about falcohost itself."""

    def __init__(self):
        self.alerts = []
        self.internal = InternalAlerts(AlertMaker("host"), self.alerts.append, ManualClock())


@pytest.fixture
def raised():
    """Return the alerts about falcohost itself."""
    return Raised()


@pytest.fixture
def supervised(stage, tmp_path):
    """Return a function that sets up workers and their supervisor, with a store and outputs in real processes."""
    state = tmp_path / "state"
    lock = claim(state)

    def supervised(*names, actions=("ignore",), sink=Sink, watched=()):
        played, maker = stage(*names, begun=False), AlertMaker("localhost", off={STOPPED})
        loop, workers, summary = played.loop, played.workers, Summary(["rule a"])
        link = InternalLink(loop)
        internal = InternalAlerts(maker, link.send)
        output = sink(tmp_path / "sink")

        def make(store):
            if isinstance(output, Exception):
                raise output
            return Subscribers([Runner("sink", ToOutput(output), store)], [], store, timeout=1.0)

        services = Services(
            loop,
            StoreGiven(directory=state, lock=lock, limits=Limits(), user=None, takers={"sink": False}, maker=maker),
            dict.fromkeys(names, FACTS),
            OutputsGiven(make=make, keep=frozenset(), files=[], user=None),
            link,
            summary,
            workers.accuse,
            workers.attach_again,
            internal.raise_alert,
            suspects := Suspects(names, internal.raise_alert, workers.accuse, lambda name: played.child(name).pid),
        )
        played.suspects = suspects
        played.attach = services.attach
        played.sink = output
        reloading = Reloading(lambda: Reader(lambda _: signal.pause(), silent=True), lambda *_: None, loop, internal)
        policy = DropPolicy(
            what="drop", events="calls", threshold=0.1, actions=actions, key="drops", rate=1.0, burst=1.0
        )
        drops = {"syscall": DropMonitor(policy, internal.raise_alert)}
        watchdog = Watchdog(workers.children, 60, internal.raise_alert, played.clock)
        return played, Supervisor(
            loop=loop,
            spares=Spares(0),
            workers=workers,
            internal=internal,
            services=services,
            refusals=Refusals(internal.raise_alert),
            losses=Losses(workers.children, drops, loop),
            readiness=Readiness(workers.children, loop, 0, lambda _: None),
            watchdog=watchdog,
            stops=Stops(loop, (watchdog.replace_stopped, services.replace_stopped)),
            health=Health(
                loop,
                None,
                lambda: State(ready=True, works=True),
                Numbers(services.refresh, lambda: None),
                internal.raise_alert,
            ),
            response=Response(
                loop,
                None,
                lambda: workers.children,
                workers.send,
                workers.accuse,
                internal.raise_alert,
            ),
            sentinels=Sentinels({}, workers.children, internal.raise_alert, workers.mend, played.clock),
            downs=Downs(workers.children, internal.raise_alert, played.clock),
            folder=Folder(played.loop, None, None, internal.raise_alert),
            memory_only=MemoryOnly(loop, None, None, "", lambda: (True, False), internal.raise_alert),
            lagging=Lagging(services.outputs, services.store, internal.raise_alert, played.clock),
            life=Life(internal.raise_alert, "1", 0, played.clock, lambda: 0.0),
            outages=Outages(workers.children, internal.raise_alert, played.clock),
            reloading=reloading,
            files=Files(Watch(stamps(watched)), Renewals(workers.children, loop), reloading, 1.0, played.clock),
            control=Control(loop, None, services.refresh, lambda: None, workers.measure),
            summary=summary,
            progress=Progress(shown=False),
            orphans=Orphans(),
            notify=Notify(),
            keeping=Keeping(Notify(), {}),
            status=Status(Notify(), workers.children),
            roster=Roster(workers, (services,)),
            places=Places(internal.raise_alert, played.clock, lambda pid, before: b""),
            tampering=Tampering(internal.raise_alert, played.clock),
        )

    yield supervised
    os.close(lock)


@pytest.fixture
def stored(tmp_path):
    """Return a function that returns the ids of the alerts that are stored, with the cursor of a source."""

    def stored(source="one"):
        store = Store(tmp_path / "state" / "state.db", Limits())
        try:
            return [one.id for _, one in store.read(0, 99)], store.cursor(source)
        finally:
            store.close()

    return stored
