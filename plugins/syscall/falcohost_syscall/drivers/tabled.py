"""What drivers share that have only events: threads, processes and descriptors are kept here, in tables in Python.

They are listed from ``/proc`` at the start, and change from then on by what calls do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from falcohost import Plan
from falcohost.agent import AgentProcess
from falcohost.helpers import HELPERS, Helper
from falcohost.needs import CONNECT, THREADS, Needs
from falcohost_syscall.calls.base_syscalls import BaseSyscalls
from falcohost_syscall.drivers.drivers import PROC
from falcohost_syscall.drivers.own import OwnProcesses
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.hosts import HOSTS
from falcohost_syscall.processes.proc_helper import Remote
from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.scap.applying import Applying
from falcohost_syscall.scap.event import CapturedEvent
from falcohost_syscall.scap.interfaces import OwnAddresses
from falcohost_syscall.scap.live import LiveEvent, LiveTables

#: Seconds between two looks at the rings; rings that fill up are read sooner.
PERIOD: Final = 0.03
#: Seconds after which an idle driver yields an empty batch.
IDLE: Final = 0.5
#: Least number of seconds between two comparisons of the tables with /proc after a loss.
SWEEP: Final = 10.0
#: For so many seconds after a loss, no thread is looked up before its event.
_CALM: Final = 1.0
# Where users and groups are; their files are replaced there.
_ACCOUNTS: Final = (Path("/etc"),)
#: All that it connects to, to look up the host names in rules.
_NAME_SERVERS: Final = ("*:53",)

_log = logging.getLogger("falcohost")


class RingSet(Protocol):
    """The rings of a driver."""

    @property
    def is_filling(self) -> bool:
        """Whether so much is waiting in a ring that it is better read at once."""


class TabledDriver:
    """The common part of such drivers.

    :param base: calls to collect besides those that rules ask for, and not to collect; *agent_pid*: the supervisor.
    """

    def __init__(self, settings: Mapping[str, Any], base: BaseSyscalls, agent_pid: int | None) -> None:
        helpers: Mapping[str, Helper] = settings.get(HELPERS, {})
        helper = helpers.get(PROC)
        self._remote = None if helper is None else Remote(helper.link)
        if self._remote is not None:
            READING.reader = self._remote
        self._base = base
        self._own = OwnProcesses(agent_pid, helpers)
        self._applying = Applying(LiveTables, LiveEvent)
        self._addresses = OwnAddresses()
        self._lost_before, self._lost_at = 0, -_CALM
        self._swept, self._swept_at = 0, 0.0

    @property
    def tables(self) -> LiveTables:
        """The threads, processes and descriptors of this machine."""
        found = self._applying.tables
        assert isinstance(found, LiveTables)
        return found

    @property
    def context(self) -> Context:
        """The tables that its events share, as a recording needs them."""
        return self.tables.context

    @property
    def needs(self) -> Needs:
        """Return that it reads accounts, and looks up the host names in rules."""
        names = {CONNECT, THREADS} if HOSTS.wanted else set()
        return Needs(frozenset(names), _ACCOUNTS, connects=_NAME_SERVERS)

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Take note that these are the agent's processes."""
        self._own.take(processes)
        self.tables.context.agent.take(processes)

    def _take(self, plan: Plan, chosen: Plan) -> None:
        """Return from now on what *chosen* asks for, of what *plan* does."""
        HOSTS.start()
        for remark in self._base.remarks(plan):
            _log.warning("%s", remark)
        self._applying.update(chosen)

    def _list(self, between: Callable[[], object] | None = None) -> None:
        """List what runs; call *between* after each process."""
        self._addresses.tell(self.tables.interfaces)
        self.tables.list_running(between)

    def _refresh(self) -> None:
        """Read again what may have changed.

        :raises HelperEnded: what reads ``/proc`` has ended.
        """
        self.tables.own_users.refresh()
        self._addresses.tell(self.tables.interfaces)
        if self._remote is not None:
            self._remote.check()

    def _look_up(self, rings: RingSet, lost: int, now: float) -> None:
        """Look up threads only as far as the rings are read in time: else looking up causes the losses that ask for it.

        :param lost: number of events that were lost so far.
        """
        if lost > self._lost_before:
            self._lost_before, self._lost_at = lost, now
        tables = self.tables
        tables.is_behind = rings.is_filling or now - self._lost_at < _CALM
        if not rings.is_filling:
            tables.look_up_later()
            if lost > self._swept and now - self._swept_at > SWEEP:
                self._swept, self._swept_at = lost, now
                tables.sweep()

    def _told(self, event: CapturedEvent | None) -> bool:
        """Return whether rules get this event; decide of its container first."""
        if event is None or self._own.have(event):
            return False
        containers = self.tables.context.containers
        if containers.undecided and event.thread.cgroup in containers.undecided:
            containers.decide(event.thread.cgroup, event.proc)
        return True

    def _rest(self, rings: RingSet) -> None:
        if not rings.is_filling:
            time.sleep(PERIOD)
