"""The store process and the outputs process: starts them, connects them with each other and with workers, ends them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping

from falcohost.agent import Job
from falcohost.alert import Priority
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.facts import FactsByRule
from falcohost.host import wire
from falcohost.host.delivering import messages as delivering
from falcohost.host.delivering.process import Ends, OutputsGiven, run_outputs
from falcohost.host.jobs import outputs_job, store_job
from falcohost.host.numbers import OutputNumbers, StoreNumbers
from falcohost.host.sealed import unsealed
from falcohost.host.snapshot import OutputSnapshot, OutputState, StoreSnapshot, StoreState
from falcohost.host.storing import messages as storing
from falcohost.host.storing.carrying import TORN
from falcohost.host.storing.given import StoreGiven
from falcohost.host.storing.intake import GIVEN_UP
from falcohost.host.storing.process import Rules, run_store, seal_facts
from falcohost.host.summary import Summary
from falcohost.host.supervision.arrivals import Arrivals
from falcohost.host.supervision.broker import Broker
from falcohost.host.supervision.internal_link import InternalLink
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.process import ENDED, ForkedProcess, start_fork
from falcohost.host.supervision.service import Service
from falcohost.host.supervision.suspects import Suspects
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log
from falcohost.store.backlog import NOTHING
from falcohost.store.directory import size_of

#: Most characters of an accusation.
MOST_TEXT = 1024

_NOTHING_STORED = storing.StoreReport(False, StoreNumbers(), {})


class Services:
    """Both processes.

    :param facts: the facts of each source's rules.
    :param internal: the link for the supervisor's own alerts.
    :param accuse: called with a source that has sent what is not valid.
    :param attach_workers: gives all workers sockets to a new store.
    :param suspects: finds out whose messages end the store.
    :ivar opened: all outputs are open.
    :ivar carried: the memfd to which the store writes in the end what is only in memory; None: there is none.
    """

    def __init__(
        self,
        loop: Loop,
        store: StoreGiven,
        facts: Mapping[str, FactsByRule],
        outputs: OutputsGiven,
        internal: InternalLink,
        summary: Summary,
        accuse: Callable[[str, str], None],
        attach_workers: Callable[[], None],
        raise_alert: RaiseAlert,
        suspects: Suspects,
    ) -> None:
        self.opened = False
        self.carried: int | None = None
        self._loop = loop
        self._suspects = suspects
        self._given = store
        self._rules = Rules(facts, facts)
        self._outputs_given = outputs
        self._internal = internal
        self._raise_alert = raise_alert
        self._summary = summary
        self._accuse = accuse
        self._attach_workers = attach_workers
        self._jobs = {"store": store_job(store.directory), "outputs": outputs_job(outputs.files, outputs.connects)}
        self._broker = Broker(loop, outputs.files, outputs.rotations)
        self._drained = False
        self._counted: int | None = None
        self._stored = _NOTHING_STORED
        self._arrivals = Arrivals()
        self._waiting: list[Callable[[], None]] = []
        self._deliveries: list[delivering.Delivery] = []
        self._store: Service[storing.ToSupervisor] = Service(
            "store",
            loop,
            self._fork_store,
            storing.ToSupervisor,
            storing.Tell(),
            self._hear_store,
            self._store_begun,
            raise_alert,
            self._store_ended,
        )
        self._outputs: Service[delivering.ToSupervisor] = Service(
            "outputs",
            loop,
            self._fork_outputs,
            delivering.ToSupervisor,
            delivering.Tell(),
            self._hear_outputs,
            self._outputs_begun,
            raise_alert,
        )

    def start(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Start both; return when all outputs are open, or the run has ended.

        :param meanwhile: called when both have been started.
        """
        self._store.start()
        self._outputs.start()
        meanwhile()
        while not self.opened and self._loop.outcome is None:
            self._loop.turn()

    def attach(self, source: str) -> socket.socket:
        """Return a new socket to the store for a worker of *source*."""
        here, there = socket.socketpair()
        with here:
            self._store.send(storing.Attach(source), here.fileno())
        return there

    def attach_client(self, link: int) -> None:
        """Give a duplicate of the descriptor *link*, which leads to a command, to the store."""
        self._store.send(storing.AttachClient(), link)

    def go_over(self, number: int, facts: Mapping[str, FactsByRule]) -> None:
        """Have the store take alerts of new rules; *facts*: those of reload *number*, by source."""
        self._rules = Rules(self._rules.facts, facts, number)
        memfd = seal_facts(facts)
        self._store.send(storing.GoOver(number), memfd)
        os.close(memfd)

    def switched(self, source: str, number: int) -> None:
        """Take note that the worker of *source* has switched to the rules of reload *number*."""
        self._store.send(storing.Switched(source, number))

    def reopen(self) -> None:
        """Reopen all outputs before their next delivery."""
        self._outputs.send(delivering.Reopen())

    def hurry(self) -> None:
        """Have the store let no source wait, since workers are told to end."""
        self._store.send(storing.Hurry())

    def carry(self) -> None:
        """Have the store write in the end what is only in memory to a memfd, for the next run."""
        try:
            self.carried = unsealed("falcohost alerts")
        except OSError as error:
            log.error("what the store has only in memory cannot be carried over to the next run: %s", error.strerror)
            return
        self._store.send(storing.Carry(), self.carried)

    def finish(self) -> None:
        """Begin to end, since there are no more workers: store, then deliver what is left."""
        self._store.finishing = True
        self._internal.close()
        self._store.send(storing.Finish())
        if not self.opened:
            self._outputs.end()

    @property
    def over(self) -> bool:
        """Return whether both have ended."""
        return self._store.over and self._outputs.over

    def kill(self) -> None:
        """Kill both, since they are not to be waited for."""
        for service in (self._outputs, self._store):
            service.end()

    def refresh(self, then: Callable[[], None]) -> None:
        """Call *then* when the numbers of the store are those of now."""
        self._waiting.append(then)
        self._store.send(storing.Tell())

    def running(self) -> Iterator[tuple[str, int]]:
        """Yield which of them have a process, and its pid."""
        yield from ((one.name, one.pid) for one in (self._store, self._outputs) if one.alive)

    @property
    def alive(self) -> bool:
        """Return whether both have a process."""
        return self._store.alive and self._outputs.alive

    def restarts(self, name: str) -> int:
        """Return how often the process *name* was started again."""
        return max((self._store if name == self._store.name else self._outputs).restarts, 0)

    def job(self, name: str) -> Job | None:
        """Return the job of the process *name*; None: it still prepares it."""
        service = self._store if name == self._store.name else self._outputs
        return self._jobs[name] if service.answers else None

    def check(self) -> None:
        """Replace a process that is stopped, or does not answer."""
        self._store.check()
        self._outputs.check()

    def replace_stopped(self) -> None:
        """Replace at once a process that a signal has stopped."""
        self._store.replace_stopped()
        self._outputs.replace_stopped()

    def outputs(self) -> list[OutputSnapshot]:
        """Return the states and numbers of all outputs and subscribers."""
        return [self._output(one) for one in self._deliveries]

    def _output(self, one: delivering.Delivery) -> OutputSnapshot:
        last = self._stored.numbers.last
        mark = self._stored.marks.get(one.name, last)
        behind = self._stored.behind.get(one.name, NOTHING)
        lag = self._arrivals.lag(behind.first - 1, self._loop.clock.monotonic()) if behind.count else 0.0
        return OutputSnapshot(
            OutputState(one.name, one.busy, one.kind, lag, mark), OutputNumbers(behind.count, one.dropped, one.refused)
        )

    def store(self) -> StoreSnapshot:
        """Return the state and numbers of the store."""
        return StoreSnapshot(StoreState(self._stored.kept, self._size()), self._stored.numbers)

    @property
    def kept(self) -> bool:
        """Return whether the store is on disk, or has not said yet."""
        return self._stored.kept or self._stored is _NOTHING_STORED

    @property
    def usable(self) -> bool:
        """Return whether the store, which is in memory, could be on disk by now."""
        return self._stored.usable

    def _size(self) -> int:
        """Return how many bytes the files of the store have; 0 if it is in memory."""
        return 0 if self._given.directory is None else size_of(self._given.directory)

    def _fork_store(self) -> ForkedProcess:
        parent, caution = os.getpid(), self._suspects.caution()
        return start_fork(lambda link: run_store(self._given, self._rules, link, parent, self._counted, caution))

    def _store_ended(self, cause: str, *, hung: bool) -> None:
        """Without a store there is nothing to deliver: whatever becomes of the outputs, they are not started again."""
        self._suspects.ended(cause, hung=hung)
        if not (self._store.finishing or self.kept):
            self._tell_given_up()
        if self._store.finishing and cause == ENDED:
            self._outputs.give_up()

    def _tell_given_up(self) -> None:
        """Raise an alert about those that a store which was in memory has taken with it."""
        last = max(self._stored.numbers.last, self._counted or 0)  # of now, and marks of a moment ago
        if (count := last - min(self._stored.marks.values(), default=0)) > 0:
            text = f"the state was in memory only, and its process has ended; up to {count} alerts are given up"
            self._raise_alert(GIVEN_UP, Priority.CRITICAL, text, {"count": count})

    def _store_begun(self) -> None:
        self._internal.renew(self.attach(INTERNAL))
        self._attach_workers()
        if self._outputs.alive:
            with self._attach_outputs() as there:
                self._outputs.send(wire.NewStore(), there.fileno())
        if self._waiting:
            self._store.send(storing.Tell())
        if self._store.finishing:
            self._internal.close()
            if self.carried is not None:
                self._carry_again(self.carried)
            self._store.send(storing.Finish())

    def _carry_again(self, memfd: int) -> None:
        """Have the store carry what the former one has not; what is gone with that is told by the next run."""
        if os.fstat(memfd).st_size:
            return  # it is whole, or the next run finds that it is not
        if self.kept and not self._stored.numbers.unwritten:
            self._store.send(storing.Carry(), memfd)
        else:
            os.write(memfd, TORN)

    def _attach_outputs(self) -> socket.socket:
        here, there = socket.socketpair()
        with here:
            self._store.send(storing.AttachOutputs(), here.fileno())
        return there

    def _fork_outputs(self) -> ForkedProcess:
        parent = os.getpid()
        with self._attach_outputs() as store, self._broker.renew() as broker:
            return start_fork(lambda link: run_outputs(self._outputs_given, Ends(link, store, broker), parent))

    def _outputs_begun(self) -> None:
        if self._drained:
            self._outputs.send(delivering.Finish())

    def _hear_store(self, message: storing.ToSupervisor) -> None:
        if isinstance(message, storing.StoreReport):
            self._stored = message
            self._arrivals.note(message.numbers.last, self._loop.clock.monotonic())
            self._arrivals.forget(min(message.marks.values(), default=message.numbers.last))
            waiting, self._waiting = self._waiting, []
            for then in waiting:
                then()
        elif isinstance(message, storing.Counted):
            self._counted = message.until
            self._summary.count(message.rules, message.priorities)
        elif isinstance(message, storing.Drained):
            self._drained = self._outputs.finishing = True
            self._outputs.send(delivering.Finish())
        elif isinstance(message, storing.Accused) and message.source:
            self._accuse(message.source, message.error[:MOST_TEXT])
        elif isinstance(message, storing.Accused):
            self._outputs.kill(f"it sent the store an invalid message ({message.error[:MOST_TEXT]})")

    def _hear_outputs(self, message: delivering.ToSupervisor) -> None:
        if isinstance(message, delivering.Deliveries):
            self._deliveries = message.all
        elif isinstance(message, delivering.Opened):
            self.opened = True
        elif isinstance(message, delivering.NoneLeft):
            self._loop.end(Outcome.FAILED, message.error)
        elif isinstance(message, delivering.NotOpened) and self.opened:
            log.error("the outputs cannot be opened again: %s", message.error)
        elif isinstance(message, delivering.NotOpened):
            self._outputs.ending = True
            self._loop.end(Outcome.FAILED, message.error)
