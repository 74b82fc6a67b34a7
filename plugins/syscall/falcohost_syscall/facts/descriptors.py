"""Facts about the descriptor of an event: its number, its file, its socket and both ends of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from falcohost import Arg
from falcohost_syscall.calls.rows import EXEC, Call
from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.header import RET
from falcohost_syscall.facts.kinds import (
    Cases,
    Describe,
    Either,
    Fact,
    OneOf,
    Otherwise,
    Untold,
    constant,
    truth,
)
from falcohost_syscall.facts.numbers import EndAddress, Numeric
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.filters.condition import Condition, Number, Point, View, negate, within
from falcohost_syscall.processes.open_files import NOT_TOLD
from falcohost_syscall.records import record
from falcohost_syscall.records.record import (
    FD_DIRECTORY,
    FD_FILE,
    FD_IPV4,
    FD_IPV6,
    FD_NETLINK,
    FD_NONE,
    FD_PIPE,
    FD_UNIX,
    L4_ICMP,
    L4_NONE,
    L4_RAW,
    L4_TCP,
    L4_UDP,
    WANT_FD,
    WANT_MESSAGES,
    WANT_MSGHDR,
    WANT_PAIR,
    WANT_PATH,
    WANT_SENDER,
    WANT_SOCKADDR,
)

_ADDRESS_ARGUMENT: Final = layout.argument(4)
_EINPROGRESS: Final = 115

_KIND: Final = layout.fact("kind", 1, Point.OBJECT, unknown=0)
#: Where the caller may pass an address, which decides what an IPv6 socket is.
_KIND_LATE: Final = replace(_KIND, late=Point.MEMORY)
_KINDS: Final = {
    FD_FILE: "file",
    FD_DIRECTORY: "directory",
    FD_PIPE: "pipe",
    FD_IPV4: "ipv4",
    FD_IPV6: "ipv6",
    FD_UNIX: "unix",
    FD_NETLINK: "netlink",
}
#: An open has a path whether it succeeded or not; sockets have names of other kinds.
IS_NAMED: Final = within(_KIND, (FD_NONE, FD_DIRECTORY))
IS_FILE: Final = within(_KIND, (FD_FILE, FD_DIRECTORY))
_L4PROTO: Final = layout.fact("l4proto", 1, Point.OBJECT, unknown=0)
IS_TCP: Final = within(_L4PROTO, (L4_TCP, L4_TCP))
_PROTOCOLS: Final = {L4_TCP: "tcp", L4_UDP: "udp", L4_ICMP: "icmp", L4_RAW: "raw", L4_NONE: NOT_TOLD}

# The ends of a socket: known only where it is certain which end is the client's.
_IP: Final = layout.fact("ip", 1, Point.MEMORY, unknown=0)
IS_IP: Final = within(_IP, (record.IP_YES, record.IP_YES))
LPORT: Final = layout.fact("lport", 2, Point.MEMORY)
RPORT: Final = layout.fact("rport", 2, Point.MEMORY)
_CONNECTED: Final = layout.fact("connected", 1, Point.OBJECT, unknown=0)
#: A connection that is open, and that a listener with a backlog accepted: its end is the server's, whatever its port.
IS_ACCEPTED: Final = within(_CONNECTED, (record.CONNECTED_ACCEPTED, record.CONNECTED_ACCEPTED))
_ADDRESSED: Final = layout.fact("addressed", 1, Point.MEMORY, unknown=0)
#: Calls that send to an address if one was passed; send(2) is sendto(2) without an address.
SENDS: Final = {
    "sendto": within(_ADDRESS_ARGUMENT, (1, _ADDRESS_ARGUMENT.highest)),
    "sendmsg": within(_ADDRESSED, (record.ADDRESSED_YES, record.ADDRESSED_YES)),
}
CONNECTS, ACCEPTS = frozenset({"connect"}), frozenset({"accept", "accept4"})
_SERVERS: Final = frozenset({"bind", "listen"})


def descriptor(row: Call, _: Arg) -> Fact | None:
    """Describe the number of the descriptor."""
    if row.creates_fd:
        return None if row.want & WANT_PAIR else Numeric(RET, least=-1)
    place = row.used_fd if row.used_fd is not None else row.dir_fd
    return constant(None) if place is None else Numeric(layout.argument(place, 4, signed=True))


def of_kind(shown: Callable[[str], str | None], without: Callable[[Call], str | None]) -> Describe:
    """Describe a field that follows from the kind of file; *without* gives its value if there is no file."""

    def describe(row: Call, _: Arg) -> Fact | None:
        if not row.has_fd:
            return constant(None)
        if row.want & WANT_PAIR or row.dir_fd is not None:
            return None
        if not row.want & WANT_FD:
            return constant(without(row))
        return Cases((*_by_kind(row, shown, without(row)), (within(_kind(row), (0, 0)), Otherwise())))

    return describe


def _by_kind(row: Call, shown: Callable[[str], str | None], without: str | None) -> list[tuple[Condition, object]]:
    """Return the condition and the shown value of each kind, and of events without a file."""
    kinds = {FD_NONE: without, **{number: shown(kind) for number, kind in _KINDS.items()}}
    return [(within(_kind(row), (number, number)), value) for number, value in kinds.items()]


def _kind(row: Call) -> Number:
    return _KIND_LATE if row.want & (WANT_SOCKADDR | WANT_SENDER | WANT_MSGHDR) else _KIND


def _family(kind: str) -> str | None:
    return {"ipv4": "ip", "ipv6": "ip", "unix": "unix"}.get(kind)


def socket_family(row: Call, _: Arg) -> Fact:
    """Describe the field that is ``ip`` or ``unix``."""
    if not row.want & WANT_FD:
        return constant(None)
    return Cases(tuple(_by_kind(row, _family, None)))


def l4proto(row: Call, _: Arg) -> Fact:
    """Describe the protocol by its name."""
    if not row.has_fd:
        return constant(None)
    if not row.want & WANT_FD:
        return constant(NOT_TOLD)
    return Cases(tuple((within(_L4PROTO, (number, number)), name) for number, name in _PROTOCOLS.items()))


def of_file(name: str, *, rooted: bool) -> Describe:
    """Describe the name of the descriptor's file, or a part of it. For a file that was not opened it is known later."""

    def describe(row: Call, _: Arg) -> Fact | None:
        if not row.has_fd:
            return constant(None)
        if not row.want & WANT_FD:
            return _of_directory(row) if name == "name" and row.dir_fd is not None else None
        return Textual(name_view(name, row), rooted=rooted)

    return describe


def _of_directory(row: Call) -> Fact:
    """Describe the name of the directory that was passed; it is empty for the working directory."""
    place = layout.argument(row.dir_fd or 0, 4, signed=True)
    working = within(place, (AT_FDCWD, AT_FDCWD))
    return Cases(((working, ""), (negate(working), Otherwise())))


def name_view(name: str, row: Call) -> View:
    """Return the view of the name of the descriptor's file, or of a part of it."""
    return layout.view(name, Point.OBJECT, late=Point.MEMORY if row.opens else None)


def passed_view(row: Call) -> View:
    """Return the view of the path as passed. An opened file is known by its real name, so its path comes with it."""
    return layout.view("path", Point.OBJECT if row.opens else Point.MEMORY, late=Point.MEMORY)


def other_name(which: str) -> Describe:
    """Describe one of the names of the descriptor's file, independent of the name under which rules are asked."""

    def describe(row: Call, _: Arg) -> Fact | None:
        if row.name == EXEC:
            return None if which in ("host", "watched") else constant(None)
        if not row.want & WANT_FD or (which == "requested" and not row.opens):
            return constant(None)
        return Textual(layout.file_name(which))

    return describe


def connected(row: Call, _: Arg) -> Fact | None:
    """Describe whether the socket is connected, or, of a connect, whether it succeeded or goes on; others are not."""
    if not row.has_fd:
        return constant(None)
    if row.want & (WANT_PAIR | WANT_MESSAGES):
        return None
    if not row.want & WANT_FD:
        return constant(False)
    if row.name in CONNECTS:
        return Either(within(RET, (0, 0), (-_EINPROGRESS, -_EINPROGRESS)), Untold(), constant(False))
    both = (record.CONNECTED_YES, record.CONNECTED_YES), (record.CONNECTED_ACCEPTED, record.CONNECTED_ACCEPTED)
    return truth(within(_CONNECTED, *both))


def name_changed(row: Call, _: Arg) -> Fact | None:
    """Describe whether the event changed the addresses of the socket."""
    if not row.has_fd:
        return constant(None)
    if row.name in ACCEPTS:
        return constant(True)
    if row.name in CONNECTS:
        return truth(within(RET, (0, 0), (-_EINPROGRESS, -_EINPROGRESS)))
    if row.name in SENDS:
        addressed = SENDS[row.name]
        return Cases(((addressed, Otherwise()), (negate(addressed), False)))
    return None if row.want & WANT_MESSAGES else constant(False)


def raw_name(row: Call, _: Arg) -> Fact:
    """Describe the path as passed by the caller."""
    if not row.has_fd or not row.want & WANT_PATH:
        return constant(None)
    return Textual(passed_view(row))


def _sides(row: Call, letter: str) -> str | None:
    """Return the ends (``l`` own, ``r`` other) that a field's letter stands for; "": none; None: not certain."""
    if row.name in CONNECTS:
        return {"c": "l", "s": "r", "l": "l", "r": "r", "": "lr"}[letter]
    if row.name in ACCEPTS:
        return {"c": "r", "s": "l", "l": "l", "r": "r", "": "lr"}[letter]
    if row.name in _SERVERS:  # there is no other end
        return {"s": "l", "l": "l", "": "l"}.get(letter, "")
    return None


def _of_ends(letter: str, fact: Callable[[str], Fact]) -> Describe:
    """Describe a field of the ends that *letter* stands for; *fact* describes it for ends that are known.

    For most calls they are not, if connect and accept of the socket were not seen.
    """
    either = letter if letter in ("l", "r") else "lr"

    def describe(row: Call, _: Arg) -> Fact | None:
        sides = _sides(row, letter)
        if sides is not None:
            return fact(sides) if sides else constant(None)
        if row.want & (WANT_PAIR | WANT_MESSAGES):
            return None
        return OneOf(tuple(map(fact, either))) if row.want & WANT_FD else constant(None)

    return describe


def address(letter: str) -> Describe:
    """Describe an end's address; no letter: the address of either end."""
    offsets = {"l": layout.FACTS + layout.MEMBERS["local"], "r": layout.FACTS + layout.MEMBERS["remote"]}
    return _of_ends(letter, lambda sides: EndAddress(tuple(offsets[side] for side in sides), IS_IP))


def port(letter: str) -> Describe:
    """Describe an end's port; no letter: the port of either end."""
    numbers = {"l": LPORT, "r": RPORT}
    return _of_ends(letter, lambda sides: Numeric(numbers[sides[0]], IS_IP, tuple(numbers[side] for side in sides[1:])))
