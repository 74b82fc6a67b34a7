"""Creates the supervisor and wires its parts; the only place where that happens."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence

from falcohost.engine.alerts import AlertMaker
from falcohost.host.agent_options import AgentOptions
from falcohost.host.assignment import SourceAssignment
from falcohost.host.claiming import Claiming
from falcohost.host.confine.programs import programs_of
from falcohost.host.confine.users import Users
from falcohost.host.control import Control
from falcohost.host.delivering.process import OutputsGiven, open_outputs
from falcohost.host.drops import DropMonitor
from falcohost.host.functions import function
from falcohost.host.health.given import HealthGiven
from falcohost.host.kept_counts import make_memory
from falcohost.host.memory import trim
from falcohost.host.progress import Progress
from falcohost.host.reader_link import Handed
from falcohost.host.response.given import ActionsGiven, ResponsesGiven
from falcohost.host.response.state import Switch, open_marks
from falcohost.host.restart import age
from falcohost.host.snapshot import Snapshot, snapshot
from falcohost.host.storing.given import StoreGiven
from falcohost.host.summary import Summary
from falcohost.host.supervision.accepted import Accepted
from falcohost.host.supervision.ahead import Ahead
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.condition import Condition
from falcohost.host.supervision.deaths import Deaths
from falcohost.host.supervision.downs import Downs
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.folder import Folder
from falcohost.host.supervision.forbidden import Forbidden
from falcohost.host.supervision.health import Health, Numbers
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.internal_link import InternalLink
from falcohost.host.supervision.keeping import Found, Keeping
from falcohost.host.supervision.lagging import Lagging
from falcohost.host.supervision.life import Life
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.losses import Losses
from falcohost.host.supervision.memory_only import MemoryOnly
from falcohost.host.supervision.notify import Notify, Status
from falcohost.host.supervision.orphans import Orphans
from falcohost.host.supervision.outages import Outages
from falcohost.host.supervision.places import Places
from falcohost.host.supervision.process import fork
from falcohost.host.supervision.reader import Load, Reader
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.refusals import Refusals
from falcohost.host.supervision.reloading import MORE, ROOM, Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.response import Response, ResponseGiven
from falcohost.host.supervision.roster import Roster
from falcohost.host.supervision.sentinels import Cause, Sentinels
from falcohost.host.supervision.services import Services
from falcohost.host.supervision.spares import Spares
from falcohost.host.supervision.stops import Stops
from falcohost.host.supervision.suspects import Suspects
from falcohost.host.supervision.tampering import Tampering
from falcohost.host.supervision.unstarted import Unstarted
from falcohost.host.supervision.watch import Watch
from falcohost.host.supervision.watchdog import Watchdog
from falcohost.host.supervision.workers import Workers
from falcohost.host.supervisor import Supervisor
from falcohost.host.trimming import EARLY
from falcohost.log import NOTICE, log


def wired(
    handed: Handed,
    options: AgentOptions,
    again: Callable[[int], Load],
    maker: AlertMaker,
    store: StoreGiven,
    users: Users,
    notify: Notify,
    found: dict[str, Found],
    claiming: Claiming,
    ahead: Ahead,
) -> Supervisor:
    """Return the supervisor of a run; see :func:`~falcohost.host.agent.run_agent`."""
    assignment, facts = handed.assignment, handed.assignment.facts
    loop, summary = Loop(), Summary(assignment.rules)
    link = InternalLink(loop)
    internal = InternalAlerts(maker, link.send)
    services = Services(
        loop,
        store,
        facts,
        OutputsGiven(
            make=functools.partial(open_outputs, handed.outputs, options.unbuffered),
            keep=frozenset({handed.outputs}),
            files=[os.fsdecode(path) for path in assignment.files],
            connects=assignment.connects,
            rotations={os.fsdecode(path): rotation for path, rotation in assignment.rotations},
            user=users.user("outputs"),
            only_log=assignment.only_log,
            programs=programs_of("outputs", users) if assignment.runs_programs else None,
        ),
        link,
        summary,
        lambda source, error: workers.accuse(source, error),
        lambda: workers.attach_again(),
        internal.raise_alert,
        suspects := Suspects(
            facts,
            internal.raise_alert,
            lambda source, error: workers.accuse(source, error),
            lambda source: next((child.pid for child in workers.children if child.name == source), 0),
        ),
    )
    spares = Spares(sum(2 if source.loads else 1 for source in assignment.sources))
    counts = {name: make_memory() for name in handed.workers}
    ahead.leave({source.name for source in assignment.sources if source.loads}, loop)
    forked = functools.partial(fork, users=users, counts=counts, take=spares.take, ahead=ahead.taken)
    keeping = Keeping(notify, found)
    keeping.let_go(found, handed.workers)
    children = [
        Child(
            source.name,
            handed.workers[source.name],
            forked,
            rules=facts[source.name].keys(),
            kept=found[source.name].kept if source.name in found else None,
            loads=source.loads,
        )
        for source in assignment.sources
    ]
    forbidden, refusals = Forbidden(internal.raise_alert), Refusals(internal.raise_alert)

    def buried(child: Child) -> None:
        forbidden.tell(child)
        refusals.tell(child)
        suspects.forget(child.name)

    deaths = Deaths(internal.raise_alert)
    workers = Workers(
        children,
        loop,
        services.attach,
        buried,
        died=deaths.tell,
        unread=deaths.tell_unread,
        begun=lambda child: response.attach(child),
        once=options.once,
        unstarted=Unstarted(internal.raise_alert),
    )
    response = Response(
        loop,
        _response(handed, users, store),
        lambda: workers.children,
        workers.send,
        workers.accuse,
        internal.raise_alert,
    )
    drops = {
        source.name: DropMonitor(source.drops, internal.raise_alert)
        for source in assignment.sources
        if source.drops is not None
    }
    watch = Watch(assignment.watched)

    def take(number: int, new: Handed) -> None:
        os.close(new.outputs)
        os.close(new.baseline)
        summary.take_rules(new.assignment.rules)
        watch.go_over(new.assignment.watched)
        files.wait_for(map(os.fsdecode, new.assignment.awaited))
        services.go_over(number, new.assignment.facts)
        health.go_over(new.health)
        response.go_over(new.actions)
        if new.responses is not None:
            os.close(new.responses)
        workers.go_over(number, new)

    status = Status(notify, children)
    life = Life(internal.raise_alert, assignment.version, assignment.heartbeat)

    def log_ready(sources: Sequence[str]) -> None:
        status.tell()
        notify.ready()
        rules = assignment.count(sources)
        life.started(sources, rules)
        if sources:
            for seconds in EARLY:
                loop.after(seconds, trim)
            log.log(NOTICE, "Ready after %.2f s: %s open, %d rules", age(), ", ".join(sources), rules)

    def load() -> Reader:
        return Reader(again(handed.baseline), silent=True, keep={handed.baseline})

    accepted = Accepted(assignment.files_read, len(assignment.rules), internal)
    sentinels = Sentinels(_causes(assignment.sources), children, internal.raise_alert, workers.mend)
    condition = Condition(children, services, sentinels, loop)

    def numbers() -> Snapshot:
        return snapshot(
            assignment.version,
            children,
            services.outputs(),
            services.store(),
            condition.processes(health, response),
            response.numbers(),
        )

    health = Health(
        loop,
        _health(handed, users),
        condition.state,
        Numbers(services.refresh, numbers),
        internal.raise_alert,
    )
    reloading = Reloading(
        load, take, loop, internal, watch.wait_for, accepted.tell, notify=notify, room=ROOM + MORE * len(children)
    )
    files = Files(
        watch,
        Renewals(children, loop, accept=accepted.renewed),
        reloading,
        assignment.watch_interval,
        awaited=map(os.fsdecode, assignment.awaited),
    )
    watchdog = Watchdog(children, assignment.source_timeout, internal.raise_alert)
    return Supervisor(
        loop=loop,
        spares=spares,
        workers=workers,
        internal=internal,
        services=services,
        refusals=refusals,
        losses=Losses(children, drops, loop),
        readiness=Readiness(children, loop, options.seconds, log_ready),
        watchdog=watchdog,
        stops=Stops(
            loop, (*(one.replace_stopped for one in (watchdog, services, health, response)), ahead.end_stopped)
        ),
        health=health,
        response=response,
        sentinels=sentinels,
        downs=Downs(children, internal.raise_alert),
        folder=Folder(loop, store.directory, store.lock, internal.raise_alert),
        memory_only=MemoryOnly(
            loop,
            claiming.directory,
            claiming.again if claiming.why and not claiming.contested else None,
            claiming.why,
            lambda: (services.kept, services.usable),
            internal.raise_alert,
        ),
        lagging=Lagging(services.outputs, services.store, internal.raise_alert),
        life=life,
        outages=Outages(children, internal.raise_alert),
        reloading=reloading,
        files=files,
        control=Control(
            loop,
            store.directory,
            services.refresh,
            numbers,
            workers.measure,
            reloading.upgrade,
            services.attach_client,
            response.turn,
        ),
        summary=summary,
        progress=Progress(shown=options.progress),
        orphans=Orphans(inherits=True, ours=users.gave),
        notify=notify,
        keeping=keeping,
        status=status,
        roster=Roster(workers, (services, health, response)),
        places=Places(internal.raise_alert),
        tampering=Tampering(internal.raise_alert),
    )


def _health(handed: Handed, users: Users) -> HealthGiven | None:
    assigned = handed.assignment.health
    if handed.health is None or assigned is None:
        return None
    return HealthGiven(
        data=handed.health,
        user=users.user("health"),
        only_log=handed.assignment.only_log,
        interval=assigned.interval,
        alerts=assigned.alerts,
        serves=assigned.serves,
        tls=assigned.tls,
    )


def _response(handed: Handed, users: Users, store: StoreGiven) -> ResponseGiven | None:
    assigned = handed.assignment.response
    if handed.actions is None or assigned is None:
        return None
    only_log, responses = handed.assignment.only_log, None
    if handed.responses is not None:
        responses = ResponsesGiven(
            data=handed.responses,
            user=users.user("responses"),
            only_log=only_log,
            programs=programs_of("responses", users) if assigned.programs else None,
            connects=tuple(assigned.connects),
            plugins=assigned.plugins,
            posts=assigned.posts,
        )
    return ResponseGiven(
        actions=ActionsGiven(
            data=handed.actions, marks=open_marks(store.directory), user=users.user("actions"), only_log=only_log
        ),
        responses=responses,
        names=assigned.names,
        switch=Switch(store.directory),
    )


def _causes(sources: Iterable[SourceAssignment]) -> dict[str, Cause]:
    """Return what causes the sentinel events of each source that has some."""
    found: dict[str, Cause] = {}
    for source in sources:
        if source.sentinel:
            try:
                found[source.name] = function(source.sentinel, "sentinel")
            except Exception as error:
                log.warning("event source '%s': nothing notices if its events stop: %s", source.name, error)
    return found
