"""Fields of the descriptors that poll(2) and ppoll(2) wait for (``fdlist.*``), of the first 64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost import Arg, FieldType
from falcohost_syscall.events.event import POLLS, OpenDescriptor, SyscallEvent
from falcohost_syscall.events.sockets import LISTENING, Socket
from falcohost_syscall.fields.field import Get, Need, SyscallField, row
from falcohost_syscall.processes.open_files import NOT_TOLD

#: Shows a descriptor; None: it is left out.
Show = Callable[[int, OpenDescriptor | None], str | None]


def _joined(show: Show) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        if POLLS not in event.row.param_index:
            return None
        shown = (show(number, of) for number, of in event.polled)
        return ",".join(one for one in shown if one is not None)

    return get


def _of_socket(read: Callable[[Socket], object]) -> Show:
    def show(_: int, of: OpenDescriptor | None) -> str | None:
        if of is None or of.socket is None or not of.socket.is_ip or of.socket.role is None:
            return None
        found = read(of.socket)
        return None if found is None else str(found)

    return show


_OF_EACH: Final[dict[str, tuple[str, Show]]] = {
    "nums": ("Numbers", lambda number, _: str(number)),
    "names": ("Names", lambda _, of: (of.name if of is not None else "") or NOT_TOLD),
    "cips": (
        "Clients' addresses",
        _of_socket(lambda socket: None if socket.role == LISTENING else socket.source.address),
    ),
    "sips": (
        "Servers' addresses",
        _of_socket(lambda socket: (socket.local if socket.role == LISTENING else socket.destination).address),
    ),
    "cports": ("Clients' ports", _of_socket(lambda socket: None if socket.role == LISTENING else socket.source.port)),
    "sports": (
        "Servers' ports",
        _of_socket(lambda socket: (socket.local if socket.role == LISTENING else socket.destination).port),
    ),
}

FIELDS: tuple[SyscallField, ...] = tuple(
    row(
        f"fdlist.{name}",
        FieldType.CHARBUF,
        f"{what} of the descriptors that a poll waits for, separated by commas.",
        _joined(show),
        None,
        Need.POLLED,
    )
    for name, (what, show) in _OF_EACH.items()
)
