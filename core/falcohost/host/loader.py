"""A loader: the process that prepares in the kernel what its source's worker reads, and keeps it as the rules ask.

It is a worker's process whose source has :attr:`~falcohost.hookspecs.SourceSpec.load`, when nothing is prepared yet. It
keeps the rights that preparing takes; it gets no event. The worker, which parses what strangers do, gets descriptors.
"""

from __future__ import annotations

from falcohost.agent import KnowsAgent
from falcohost.events import Plan, SourceLoader
from falcohost.host import wire
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.jobs import job_of
from falcohost.host.memory import settle
from falcohost.host.task import Task
from falcohost.host.uplink import Uplink
from falcohost.needs import needs_of

#: Seconds between two looks at what may change by itself.
PAUSE = 0.5


def run_loader(
    loader: SourceLoader, task: Task, uplink: Uplink, parent: int, user: int | None, *, only_log: bool
) -> None:
    """Prepare what the rules of *task* ask for; then follow the supervisor's messages until it is gone.

    :raises SystemExit: the supervisor is gone.
    :raises SourceError: it cannot be prepared.
    """
    loader.open(task.rules.plan)
    loader.hand_up()
    uplink.send_descriptors()
    capabilities = task.spec.load_capabilities or frozenset()
    needs = needs_of(loader)
    confine(Confinement(user=user, capabilities=capabilities, needs=needs, only_log=only_log), parent)
    settle()
    uplink.send(wire.Confined(job_of(needs)))
    uplink.send(wire.Loaded())
    while True:
        for message in uplink.wait(PAUSE):
            if isinstance(message, wire.Measure):
                loader.measure(message.on)
            elif isinstance(message, wire.NewRules):
                _go_over(message, loader, task, uplink)
            elif isinstance(message, wire.Processes) and isinstance(loader, KnowsAgent):
                loader.agent(message.processes)
        for found in loader.look():
            uplink.send(wire.Tampered(wire.shortened(found, wire.MOST_TEXT)))


def _go_over(message: wire.NewRules, loader: SourceLoader, task: Task, uplink: Uplink) -> None:
    try:
        loader.update(_plan(task, uplink))
    except Exception as error:
        uplink.send(wire.RulesTaken(message.number, f"{type(error).__name__}: {error}"))
    else:
        uplink.send(wire.RulesTaken(message.number))


def _plan(task: Task, uplink: Uplink) -> Plan:
    return task.decode(uplink.new_data()).plan
