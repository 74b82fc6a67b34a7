"""Records the events of a source as a capture."""

from __future__ import annotations

from typing import Final

from falcohost_syscall.captured import FIELDS
from falcohost_syscall.events.event import Context, SyscallEvent
from falcohost_syscall.processes.users import Users
from falcohost_syscall.scap.tables import Tables
from falcohost_syscall.scap.writing import frames, lists, machine
from falcohost_syscall.scap.writing.descriptors import Descriptors
from falcohost_syscall.scap.writing.present import list_all
from falcohost_syscall.scap.writing.processes import Processes
from falcohost_syscall.scap.writing.teller import Teller
from falcohost_syscall.scap.writing.values import BY_NAME, of_event

#: Event types so frequent that only filters that name them get them.
ON_REQUEST: Final = frozenset({"switch", "page_fault"})
_DROP: Final = BY_NAME["drop"]
_MOST_DROPPED: Final = 0xFFFFFFFF


class Recorder:
    """Turns events into the bytes of a capture (:class:`falcohost.recording.Recorder`).

    It keeps the tables of a reader of the capture, so that a capture can begin anew at any time.
    """

    fields: tuple[str, ...] = FIELDS
    on_request = ON_REQUEST

    def __init__(self, context: Context, surroundings: bytes | None = None) -> None:
        """Record events that will share *context*.

        :param surroundings: what files begin with before processes; None: find it now.
        """
        self._tables = Tables()
        self._teller = Teller(self._tables)
        self._processes = Processes(self._teller, context.containers)
        self._descriptors = Descriptors(self._teller)
        self._context = context
        self._is_first = True
        self._surroundings = _surroundings() if surroundings is None else surroundings

    def begin(self, *, within: float | None = None) -> bytes:
        """Return what a capture begins with: the machine, its users and addresses, processes and descriptors."""
        if self._is_first:
            list_all(self._tables, self._context, within)
            self._is_first = False
        return b"".join((self._surroundings, lists.processes(self._tables), *lists.descriptors(self._tables)))

    def anew(self) -> Recorder:
        """Return a recorder of the same events that knows nothing yet of processes."""
        return Recorder(self._context, self._surroundings)

    def record(self, event: SyscallEvent) -> bytes:
        """Return an event, behind those that tell a reader what it lacks for this one."""
        teller = self._teller
        teller.ts, teller.cpu = max(event.ts, 0), event.cpu
        self._processes.before(event)
        self._descriptors.before(event)
        kind, values = of_event(event)
        teller.write(kind, event.tid, values)
        return teller.take()

    def lost(self, ts: int, number: int) -> bytes:
        """Return an event ``drop`` that tells how many events were lost."""
        number = min(number, _MOST_DROPPED)
        return frames.event(_DROP.code, ts, frames.NOBODY, 0, [number.to_bytes(4, "little")])


def _surroundings() -> bytes:
    """Return the begin of a file with the machine, its addresses and users: what a confined process cannot read."""
    users = Users()
    users.refresh()
    return b"".join(
        (
            frames.section(),
            machine.machine_info(),
            lists.interfaces(machine.interfaces()),
            lists.users(machine.users(users)),
        )
    )
