"""Finds out what the processes of a running agent may do, from the kernel: for docs/security_page.py and its test."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import struct
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from sys import byteorder
from typing import NamedTuple

from falcohost.host.confine.calls import allowed
from falcohost.host.confine.capabilities import CAPABILITIES
from falcohost.host.confine.numbers import NEWEST, this_machine
from falcohost.host.confine.users import LOCKS
from falcohost.needs import ALL, CODE, INSPECT, PROGRAM
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Maps

# linux/ptrace.h
_SEIZE, _INTERRUPT, _DETACH, _GET_FILTER = 0x4206, 0x4207, 17, 0x420C
_WALL = 0x40000000
# linux/seccomp.h
_ALLOW = 0x7FFF0000

#: The helpers of the syscall source share a user. Those that are not always there are known by what they may call.
SYSCALL = "helpers of source syscall"
FURTHER = {"connect, threads, watch": "runtimes", "pause": "pauses", "write": "captures"}


class Confined(NamedTuple):
    """What a process may do.

    :ivar user: ``root``, or ``own``: a user that no other process has.
    :ivar calls: ``all``, or the needs whose system calls it may make besides those that all may make.
    :ivar left_out: which of its calls the probe leaves out: ``all``, those of ``its job``, or ``none``.
    :ivar memory: its proportional set size, in MiB.
    """

    user: str
    capabilities: tuple[str, ...]
    calls: str
    left_out: str
    memory: float


def processes(supervisor: int) -> dict[str, Confined]:
    """Return the processes of an agent by their roles."""
    family = [supervisor, *_descendants(supervisor)]
    users = [_status(pid)["Uid"].split()[0] for pid in family]
    ignored = set(_ignored(supervisor))
    found = {}
    for pid, user in zip(family, users, strict=True):
        role = "supervisor" if pid == supervisor else _role(int(user)) or f"process of user {user}"
        calls = _calls(pid)
        if role == SYSCALL and calls in FURTHER:
            role = f"{role}: {FURTHER[calls]}"
        assert role not in found or role.startswith("programs "), f"two processes are {role}"
        found[role] = Confined(
            "root" if user == "0" else "own",
            tuple(_capabilities(pid)),
            calls,
            "all" if pid in ignored else "its job" if has_job(role) else "none",
            _memory(pid),
        )
    return found


def has_job(role: str) -> bool:
    """Return whether the agent tells the probe's reader what the process with this *role* is there for."""
    return not role.startswith("programs ") and (not role.startswith("helpers ") or role.startswith(SYSCALL))


def _ignored(supervisor: int) -> Iterator[int]:
    """Yield the processes whose calls the probe leaves out, as its map has them."""
    maps = Maps(Library())
    get = maps.library.lib.bpf_map_get_fd_by_id
    for file in Path(f"/proc/{supervisor}/fdinfo").iterdir():
        number = re.search(r"^map_id:\s*(\d+)", file.read_text(), re.MULTILINE)
        if number is not None and _name(maps, fd := int(get(int(number[1])))) == "ignored_pids":
            yield from (int.from_bytes(key, byteorder) for key in maps.keys(fd, 4))


def _name(maps: Maps, map_fd: int) -> str:
    """Return the name of a map (struct bpf_map_info)."""
    info, size = ctypes.create_string_buffer(40), ctypes.c_uint32(40)
    maps.library.lib.bpf_obj_get_info_by_fd(map_fd, info, ctypes.byref(size))
    return info.raw[24:].rstrip(b"\0").decode()


def _descendants(pid: int) -> Iterator[int]:
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        yield child
        yield from _descendants(child)


def _role(user: int) -> str | None:
    """Return for what an agent has locked *user*."""
    for folder in LOCKS:
        with contextlib.suppress(OSError):
            return (folder / str(user)).read_text().removeprefix("falcohost: ").strip()
    return None


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _capabilities(pid: int) -> Iterator[str]:
    mask = int(_status(pid)["CapPrm"], 16)
    if mask >> CAPABILITIES.index("CAP_SETPCAP") & 1:
        yield "all"  # those that it was started with
    else:
        yield from (name for number, name in enumerate(CAPABILITIES) if mask >> number & 1)


def _memory(pid: int) -> float:
    found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def _calls(pid: int) -> str:
    if _status(pid)["Seccomp"] != "2":
        return "all"
    names = _allowed_by(filter_of(pid))
    if "execve" in names:
        return PROGRAM
    others = sorted(ALL - {PROGRAM, INSPECT, CODE})
    fitting = (
        needs for size in range(len(others) + 1) for needs in combinations(others, size) if names == {*_names(needs)}
    )
    return ", ".join(next(fitting))


def _names(needs: tuple[str, ...]) -> Iterator[str]:
    machine = this_machine()
    assert machine is not None
    yield from (name for name in allowed(needs, 1) if name in machine.calls)


def filter_of(pid: int) -> bytes:
    """Return the seccomp filter of the process, as the kernel has it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long

    def trace(request: int, address: int = 0, data: object = None) -> int:
        result = int(libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_long(address), data))
        if result < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")
        return result

    trace(_SEIZE)
    try:
        trace(_INTERRUPT)
        os.waitpid(pid, _WALL)
        buffer = ctypes.create_string_buffer(8 * trace(_GET_FILTER))
        trace(_GET_FILTER, 0, buffer)
        return buffer.raw
    finally:
        trace(_DETACH)


def _allowed_by(program: bytes) -> set[str]:
    """Return the names of the calls that *program* allows with some arguments."""
    machine = this_machine()
    assert machine is not None
    instructions = list(struct.iter_unpack("<HBBI", program))
    allowing = {number for number in range(NEWEST + 1) if _ALLOW in set(_results(instructions, machine.audit, number))}
    return {name for name, number in machine.calls.items() if number in allowing}


def _results(instructions: list[tuple[int, int, int, int]], audit: int, number: int) -> Iterator[int]:
    """Yield what the program can answer to a call, whatever its arguments are."""
    left: list[tuple[int, int | None]] = [(0, 0)]
    while left:
        place, value = left.pop()
        code, true, false, constant = instructions[place]
        place += 1
        if code == 0x06:
            yield constant
        elif code == 0x20:
            left.append((place, {0: number, 4: audit}.get(constant)))
        elif code == 0x54:
            left.append((place, None if value is None else value & constant))
        elif code == 0x05:
            left.append((place + constant, value))
        elif value is None:
            left += [(place + true, None), (place + false, None)]
        else:
            tests = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}
            left.append((place + (true if tests[code] else false), value))
