"""What calls change about sockets, as far as events of a capture tell."""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET, AF_INET6, AF_UNIX
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from falcohost_syscall.events.sockets import CLIENT, LISTENING, SERVER, Endpoint, parse_sockaddr, render_sockaddr
from falcohost_syscall.processes.open_files import NOT_TOLD
from falcohost_syscall.scap.addresses import Tuple, as_sockaddr, read_tuple, unix_name, unmapped
from falcohost_syscall.scap.descriptors import CLOEXEC, FAMILIES, KINDS, Descriptor
from falcohost_syscall.scap.events import CapturedCall
from falcohost_syscall.scap.sockets import NO_PROTOCOL, Ends
from falcohost_syscall.scap.tables import Thread

if TYPE_CHECKING:
    from falcohost_syscall.scap.changes import State

_STREAM, _DGRAM, _RAW = 1, 2, 3
_TYPE: Final = 0xFF
_TCP, _UDP, _ICMP, _RAW_IP = 6, 17, 1, 255
_IN_PROGRESS: Final = -115
#: Protocols without ports.
_NO_PORTS: Final = ("icmp", "raw")
_UNKNOWN: Final = Ends()
#: Bytes of an IPv4 address.
_IPV4: Final = 4


def _protocol(kind: int, protocol: int) -> str:
    """Return the protocol of an IP socket, by its type and the number of the protocol."""
    if protocol == 0:
        return {_STREAM: "tcp", _DGRAM: "udp"}.get(kind & _TYPE, NO_PROTOCOL)
    named = {_TCP: "tcp", _UDP: "udp", _ICMP: "icmp", _RAW_IP: "raw"}.get(protocol, NO_PROTOCOL)
    return "raw" if kind == _RAW and named != NO_PROTOCOL else named


def _socket(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    if fd < 0:
        return
    family = call.number("domain") or 0
    kind = KINDS.get(family, NOT_TOLD)
    protocol = _protocol(call.number("type") or 0, call.number("proto") or 0) if kind in ("ipv4", "ipv6") else ""
    ends = Ends(protocol or NO_PROTOCOL) if kind in FAMILIES else None
    thread.descriptors[fd] = Descriptor(kind, flags=call.number("flags") or 0, ends=ends)


def _pair(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    first, second = call.number("fd1"), call.number("fd2")
    if returned >= 0 and first is not None and second is not None and first != second:
        thread.descriptors[first] = thread.descriptors[second] = Descriptor("unix", ends=Ends())


def _bind(_: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    fd = call.number("fd")
    address = as_sockaddr(call.raw("addr") or b"")
    found = None if address is None else parse_sockaddr(address)
    known = None if fd is None else thread.descriptors.get(fd)
    if returned < 0 or fd is None or known is None or known.ends is None or address is None or found is None:
        return
    family, end = found
    ends, known = known.ends, replace(known, name=render_sockaddr(address) or "")
    if family in (AF_INET, AF_INET6) and end.port > 0:
        end = unmapped(end)
        kind = "ipv4" if len(end.ip) == _IPV4 else "ipv6"
        known = replace(known, kind=kind, ends=replace(ends, source=end, role=LISTENING))
    thread.descriptors[fd] = known


def _connect(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    fd = call.number("fd")
    known = None if fd is None else thread.descriptors.get(fd)
    if fd is None or known is None or (returned < 0 and returned != _IN_PROGRESS):
        return
    ends = replace(known.ends or Ends(), connected=True)
    found = read_tuple(call.raw("tuple") or b"")
    if found is None:
        thread.descriptors[fd] = _towards(replace(known, ends=ends), state.started(call).get("addr"))
        return
    if found.family == AF_UNIX and known.kind != "unix":
        return
    role = ends.role if ends.role in (CLIENT, SERVER) else CLIENT
    source, destination = found.source, found.destination
    if role == SERVER and ends.protocol == "udp":
        source, destination = destination, source
    ends = replace(ends, source=source, destination=destination, role=role)
    name = _between(ends)
    if found.family == AF_UNIX:
        name = unix_name(found.objects, found.destination.path or "")
    thread.descriptors[fd] = replace(known, kind=KINDS[found.family], name=name, ends=ends)


def _towards(known: Descriptor, passed: bytes | None) -> Descriptor:
    """Return a socket whose other end is the address that was passed, as far as it is known."""
    address = as_sockaddr(passed or b"")
    found = None if address is None else parse_sockaddr(address)
    if found is None or known.ends is None or found[0] not in (AF_INET, AF_INET6):
        return known
    end = unmapped(found[1])
    kind = "ipv4" if len(end.ip) == _IPV4 else "ipv6"
    return replace(known, kind=kind, ends=replace(known.ends, destination=end))


def _between(ends: Ends) -> str:
    """Return what Falco calls an IP socket: protocols that have no ports show none."""
    if ends.protocol in _NO_PORTS:
        return f"{ends.source.address}->{ends.destination.address}"
    return f"{ends.source}->{ends.destination}"


def _accept(_: State, thread: Thread, call: CapturedCall, fd: int) -> None:
    found = read_tuple(call.raw("tuple") or b"")
    if fd < 0 or found is None:
        return
    protocol = NO_PROTOCOL if found.family == AF_UNIX else "tcp"
    ends = Ends(protocol, found.source, found.destination, SERVER, connected=True)
    bits = (call.number("flags") or 0) & CLOEXEC if call.name == "accept4" else 0
    thread.descriptors[fd] = Descriptor(KINDS[found.family], str(found), flags=bits, ends=ends)


def _send(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    _use(state, thread, call, returned, incoming=False)


def _receive(state: State, thread: Thread, call: CapturedCall, returned: int) -> None:
    _use(state, thread, call, returned, incoming=True)


def _use(state: State, thread: Thread, call: CapturedCall, returned: int, *, incoming: bool) -> None:
    """Note the ends between which something was sent, for sockets that may have others each time.

    A descriptor that is no socket, or one of another family, is another one by now: what made it was lost.
    """
    fd = call.number("fd")
    if returned < 0 or fd is None:
        return
    known = thread.descriptors.get(fd)
    if known is not None and known.kind == "ipv4" and known.name and (known.ends or _UNKNOWN).protocol == "tcp":
        return
    found = read_tuple(call.raw("tuple") or b"")
    if found is None:
        return
    if known is None:
        if incoming or found.family == AF_UNIX or call.name == "sendmmsg":
            return
        known = Descriptor(KINDS[found.family], ends=Ends("udp"))
    thread.descriptors[fd] = _updated(state, known, found, incoming)


def _updated(state: State, known: Descriptor, found: Tuple, incoming: bool) -> Descriptor:
    """Return a socket with other ends; it stays as it is if these are its ends already."""
    ends = known.ends or Ends()
    if found.family == AF_UNIX:
        return replace(known, kind="unix", name=str(found), ends=ends)
    if known.kind == KINDS[found.family] and ends.role != LISTENING:
        pair = (ends.source, ends.destination)
        if pair in ((found.source, found.destination), (found.destination, found.source)):
            return known
    source, destination = _completed(state, found.source, found.destination)
    role = ends.role
    if role is None:
        role = _guessed(destination, incoming)
    if (role == CLIENT) if incoming else (role in (SERVER, LISTENING)):
        source, destination = destination, source
    protocol = "udp" if ends.protocol == NO_PROTOCOL else ends.protocol
    made = replace(ends, protocol=protocol, source=source, destination=destination, role=role, connected=True)
    if role == LISTENING:
        made = replace(made, role=SERVER)
    return replace(known, kind=KINDS[found.family], name=_between(made), ends=made)


def _completed(state: State, source: Endpoint, destination: Endpoint) -> tuple[Endpoint, Endpoint]:
    """Return both ends; one without an address has that of the machine from which it would reach the other."""
    if any(source.ip) and any(destination.ip):
        return source, destination
    empty, other = (destination, source) if any(source.ip) else (source, destination)
    own = Endpoint(state.tables.interfaces.own(other.ip), empty.port)
    if own == other:
        return source, destination
    return (source, own) if empty is destination else (own, destination)


def _guessed(destination: Endpoint, incoming: bool) -> str:
    """Return the role of a socket whose connect or accept was not seen, as Falco does: servers begin by receiving."""
    return SERVER if incoming and len(destination.ip) == _IPV4 else CLIENT


CHANGES: Final[dict[str, Callable[[State, Thread, CapturedCall, int], None]]] = {
    **dict.fromkeys(("accept", "accept4"), _accept),
    **dict.fromkeys(("send", "sendto", "sendmsg", "sendmmsg"), _send),
    **dict.fromkeys(("recv", "recvfrom", "recvmsg", "recvmmsg"), _receive),
    "socket": _socket,
    "socketpair": _pair,
    "connect": _connect,
    "bind": _bind,
}
