"""What the rules ask of the kernel module, as plain data: so the process that opens it never has the rules."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers import ring_settings
from falcohost_syscall.drivers.asked_for import chosen, kept_true
from falcohost_syscall.drivers.kmod import interface
from falcohost_syscall.drivers.ring_settings import RingSettings

#: The tracepoints of events that are no calls.
_MOMENTS: Final = {
    "switch": (interface.SWITCH,),
    "page_fault": (interface.FAULT_USER, interface.FAULT_KERNEL),
    "signaldeliver": (interface.SIGNAL,),
}
#: Those without which processes are not known. On some processors, a begin and an exec have tracepoints of their own.
_ALWAYS: Final = (interface.SYS_ENTER, interface.SYS_EXIT, interface.PROCESS_EXIT, interface.FORK, interface.EXEC)


class Asked(msgspec.Struct, frozen=True):
    """What to collect.

    :ivar calls: the numbers of system calls on this machine; *tracepoints*: the module's numbers of those.
    :ivar snaplen: number of bytes that are collected of data; *only_successful*: failed calls are left out.
    """

    calls: list[int]
    tracepoints: list[int]
    snaplen: int
    only_successful: bool


def parsed(settings: Mapping[str, Any]) -> RingSettings:
    """Return the settings of the driver.

    :raises ConfigError: a value is not valid.
    """
    return ring_settings.parse(settings, "kmod", interface.LONGEST_SNAPLEN)


def ask(config: RingSettings, plan: Plan) -> bytes:
    """Return what *plan* asks for."""
    found = chosen(config.base, plan)
    wanted = {*(found.event_types or ()), *kept_true(found)}
    machine = platform.machine()
    numbers = {number for name in wanted for number in BY_NAME[name].numbers.get(machine, ())}
    tracepoints = {*_ALWAYS, *(number for name in wanted for number in _MOMENTS.get(name, ()))}
    return _encode(Asked(sorted(numbers), sorted(tracepoints), config.snaplen, config.only_successful))


def read(data: bytes) -> Asked:
    """Return what :func:`ask` encoded.

    :raises ValueError: it is something else.
    """
    return _decode(data)


_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode: Final = msgspec.msgpack.Decoder(Asked).decode
