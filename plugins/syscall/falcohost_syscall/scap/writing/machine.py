"""Tells of the machine on which a capture is taken: its size, name, addresses and users."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, error
from typing import Final

from falcohost_syscall.processes.boot_clock import boot_time
from falcohost_syscall.processes.users import HOME, NAME, SHELL, Users
from falcohost_syscall.scap.lists import ListedInterface, ListedUser
from falcohost_syscall.scap.writing.frames import block

_MACHINE: Final = 0x201
_LAYOUT: Final = Struct("<IQQ128sQQQQ")
_LONGEST_NAME: Final = 127
_GROUP: Final = 3
_MOST_GROUP: Final = 0xFFFFFFFF

# rtnetlink(7)
_GET_ADDRESSES, _ADDRESS, _DONE = 22, 20, 3
_REQUEST: Final = 0x1 | 0x300
_MESSAGE: Final = Struct("=IHHII")
_OF_LINK: Final = Struct("=BBBBi")
_ATTRIBUTE: Final = Struct("=HH")
_PEER, _LOCAL = 1, 2
_SIZES: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}


def machine_info() -> bytes:
    """Return the block that describes the machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    name = socket.gethostname().encode()[:_LONGEST_NAME]
    most = int(Path("/proc/sys/kernel/pid_max").read_text())
    return block(_MACHINE, _LAYOUT.pack(os.cpu_count() or 1, memory, most, name, boot_time(), 0, 0, 0))


def interfaces() -> list[ListedInterface]:
    """Return the addresses of the machine's interfaces; none if the kernel does not tell them."""
    try:
        return [*_interfaces()]
    except (OSError, error):
        return []


def _interfaces() -> Iterator[ListedInterface]:
    names = {index: name.encode() for index, name in socket.if_nameindex()}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(1)
        request = _OF_LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        asked.send(_MESSAGE.pack(_MESSAGE.size + len(request), _GET_ADDRESSES, _REQUEST, 1, 0) + request)
        while True:
            data = asked.recv(1 << 16)
            while len(data) >= _MESSAGE.size:
                size, kind, *_ = _MESSAGE.unpack_from(data)
                if kind == _DONE or size < _MESSAGE.size:
                    return
                if kind == _ADDRESS and (found := _address(data[_MESSAGE.size : size], names)) is not None:
                    yield found
                data = data[(size + 3) & ~3 :]


def _address(data: bytes, names: dict[int, bytes]) -> ListedInterface | None:
    family, length, _, _, index = _OF_LINK.unpack_from(data)
    size = _SIZES.get(family)
    if size is None:
        return None
    told: dict[int, bytes] = {}
    place = _OF_LINK.size
    while place + _ATTRIBUTE.size <= len(data):
        taken, kind = _ATTRIBUTE.unpack_from(data, place)
        if taken < _ATTRIBUTE.size:
            break
        told[kind] = data[place + _ATTRIBUTE.size : place + taken]
        place += (taken + 3) & ~3
    address = told.get(_LOCAL, told.get(_PEER, b""))
    if len(address) != size:
        return None
    mask = ((1 << length) - 1 << 8 * size - length).to_bytes(size, "big")
    return ListedInterface(address, mask, names.get(index, b""))


def users(known: Users) -> list[ListedUser]:
    """Return the users and groups in the machine's files."""
    found = []
    for number, name in known.users.columns(NAME).items():
        columns = known.users.row(number)
        group = int(columns[_GROUP]) if len(columns) > _GROUP and columns[_GROUP].isdecimal() else number
        home, shell = (known.users.column(number, place).encode() for place in (HOME, SHELL))
        if max(number, group) <= _MOST_GROUP:
            found.append(ListedUser(number, name.encode(), home, shell, group=group))
    found += [
        ListedUser(number, name.encode(), is_group=True)
        for number, name in known.groups.columns(NAME).items()
        if number <= _MOST_GROUP
    ]
    return found
