"""Fields of the two ends of a socket (``fd.cip``, ``fd.rport``, ``fd.net`` …)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from falcohost import Arg, Compare, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.events.hosts import HOSTS
from falcohost_syscall.events.services import service
from falcohost_syscall.events.sockets import LISTENING, Endpoint, Socket
from falcohost_syscall.facts import descriptors as facts
from falcohost_syscall.fields.field import Get, SyscallField, row

T = FieldType
End = Callable[[Socket], Endpoint | None]


def _ip_socket(event: SyscallEvent) -> Socket | None:
    socket = event.socket
    return socket if socket is not None and socket.is_ip and socket.role is not None else None


def _client(socket: Socket) -> Endpoint | None:
    return None if socket.role == LISTENING else socket.source


def _server(socket: Socket) -> Endpoint | None:
    return socket.local if socket.role == LISTENING else socket.destination


def _local(socket: Socket) -> Endpoint | None:
    return socket.local


def _remote(socket: Socket) -> Endpoint | None:
    return None if socket.role == LISTENING else socket.remote


ENDS: tuple[tuple[str, str, End], ...] = (
    ("c", "client's end", _client),
    ("s", "server's end", _server),
    ("l", "own end", _local),
    ("r", "other end", _remote),
)


def _address(end: End) -> Get:
    def get(event: SyscallEvent, _: Arg) -> IPv4Address | IPv6Address | None:
        socket = _ip_socket(event)
        found = end(socket) if socket is not None else None
        return None if found is None else found.address

    return get


def _port(end: End) -> Get:
    def get(event: SyscallEvent, _: Arg) -> int | None:
        socket = _ip_socket(event)
        found = end(socket) if socket is not None else None
        return None if found is None else found.port

    return get


def _service(end: End) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        socket = _ip_socket(event)
        found = end(socket) if socket is not None else None
        if socket is None or found is None:
            return None
        return service(found.port, socket.l4proto if socket.l4proto in ("tcp", "udp") else "tcp")

    return get


def _host_names(end: End) -> Get:
    address = _address(end)

    def get(event: SyscallEvent, arg: Arg) -> tuple[str, ...] | None:
        found = address(event, arg)
        return None if found is None else HOSTS.names(found)

    return get


def _note_name(name: str) -> None:
    HOSTS.want(name)


def _both(part: Callable[[Endpoint], Any]) -> Get:
    def get(event: SyscallEvent, _: Arg) -> tuple[Any, ...] | None:
        socket = _ip_socket(event)
        if socket is None:
            return None
        if socket.role == LISTENING:
            return (part(socket.local),)
        return part(socket.source), part(socket.destination)

    return get


def _services(event: SyscallEvent, _: Arg) -> tuple[str, ...] | None:
    socket = _ip_socket(event)
    if socket is None:
        return None
    ends = (socket.local,) if socket.role == LISTENING else (socket.source, socket.destination)
    protocol = socket.l4proto if socket.l4proto in ("tcp", "udp") else "tcp"
    return tuple(service(end.port, protocol) for end in ends)


def _endpoints() -> Iterator[SyscallField]:
    for letter, what, end in ENDS:
        address, port = facts.address(letter), facts.port(letter)
        yield row(f"fd.{letter}ip", T.IPADDR, f"Address of the {what}.", _address(end), address)
        yield row(f"fd.{letter}port", T.PORT, f"Port of the {what}.", _port(end), port)
        yield row(f"fd.{letter}proto", T.CHARBUF, f"Service of the {what}'s port.", _service(end))
        yield SyscallField(
            name=f"fd.{letter}net",
            type=T.IPNET,
            description=f"Address of the {what}, to compare with networks.",
            get=_address(end),
            fact=address,
            filter_only=True,
            no_rhs=True,
            no_transform=True,
        )
        yield SyscallField(
            name=f"fd.{letter}ip.name",
            type=T.CHARBUF,
            description=f"Host name of the {what}: a name that a rule compares with and that resolves to its address.",
            get=_host_names(end),
            untold="host names are looked up in DNS",
            check_value=_note_name,
            compare=Compare.ANY_OF,
            no_rhs=True,
            no_transform=True,
        )
    addresses, either = _both(lambda end: end.address), facts.address("")
    for name, kind, what, get, fact in (
        ("fd.ip", T.IPADDR, "Address of either end.", addresses, either),
        ("fd.port", T.PORT, "Port of either end.", _both(lambda end: end.port), facts.port("")),
        ("fd.proto", T.CHARBUF, "Service of either end's port.", _services, None),
        ("fd.net", T.IPNET, "Address of either end, to compare with networks.", addresses, either),
    ):
        yield SyscallField(
            name=name,
            type=kind,
            description=what,
            get=get,
            fact=fact,
            compare=Compare.ENDPOINTS,
            filter_only=True,
            no_rhs=True,
            no_transform=True,
        )


FIELDS: tuple[SyscallField, ...] = tuple(_endpoints())
