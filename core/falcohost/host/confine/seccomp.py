"""Installs a filter of system calls (seccomp(2)), whose program is made here from the names of calls.

The kernel asks the program at each call of each thread. A call of another machine (32-bit programs) and a call that is
not allowed end the process with SIGSYS; the supervisor raises an alert about that.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from falcohost.host.confine.calls import DANGEROUS, PROCESS, Argument, Conditions, allowed
from falcohost.host.confine.numbers import NEWEST, Machine, this_machine
from falcohost.libc import LIBC
from falcohost.needs import PROGRAM

# linux/seccomp.h
_ALLOW, _KILL, _LOG, _ERRNO = 0x7FFF0000, 0x80000000, 0x7FFC0000, 0x00050000
_SET_MODE_FILTER: Final = 1
_TSYNC, _SPEC_ALLOW = 1, 4
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
# The offsets in struct seccomp_data.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16

# linux/bpf_common.h: load a word; jump if equal, at least, any bit set; jump always; bits in common; return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _JUMP, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x05, 0x54, 0x06
_FARTHEST: Final = 255
_INSTRUCTION: Final = struct.Struct("<HBBI")

# The calls that change a process's user, the number of users that they are given, and what leaves one as it is.
_CHANGES_USER: Final = {"setuid": 1, "setreuid": 2, "setresuid": 3, "setfsuid": 1}
_UNCHANGED: Final = 0xFFFFFFFF

#: One instruction: code, how far to jump if true, if false, constant.
Instruction: TypeAlias = tuple[int, int, int, int]
Block: TypeAlias = tuple[Instruction, ...]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def restrict(
    needs: frozenset[str], *, log: bool = False, also: str = "", without: str = "", refuse: bool = False
) -> None:
    """Allow this process, with all its threads, only the system calls that jobs with these *needs* make.

    The process has to have set ``no_new_privs`` before.

    :param log: forbidden calls are made, and only logged by the kernel.
    :param also: names of further system calls that are allowed; *without*: of those that are not, though such jobs make
        them; *refuse*: forbidden calls fail with EPERM.
    :raises OSError: the kernel has no such filters, or there is none for this machine (ENOSYS).
    """
    machine = this_machine()
    if machine is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    install(program_for(needs, machine, os.getpid(), log=log, also=also, without=without, refuse=refuse))


def program_for(
    needs: frozenset[str],
    machine: Machine,
    pid: int,
    *,
    log: bool = False,
    also: str = "",
    without: str = "",
    refuse: bool = False,
) -> bytes:
    """Return the filter of process *pid*."""
    if PROGRAM in needs:
        other, denied = _ALLOW, _ERRNO | errno.EPERM
        blocks = {name: _result(denied) for name in DANGEROUS.split()} | {"clone": _checked((PROCESS,), denied)}
    else:
        other = denied = _LOG if log else _ERRNO | errno.EPERM if refuse else _KILL
        blocks = {name: _checked(conditions, denied) for name, conditions in allowed(needs, pid).items()}
    too_new = _result(_ERRNO | errno.ENOSYS)
    blocks |= dict.fromkeys(also.split(), _result(_ALLOW)) | dict.fromkeys(without.split(), _result(denied))
    # Arguments of these are in memory; libraries use clone and openat then.
    blocks["clone3"] = too_new
    blocks.setdefault("openat2", too_new if PROGRAM not in needs else _result(_ALLOW))
    known = {machine.calls[name]: block for name, block in blocks.items() if name in machine.calls}
    return _decided(machine, known, _result(other), too_new)


def _decided(machine: Machine, blocks: Mapping[int, Block], other: Block, too_new: Block) -> bytes:
    """Return the filter in which *blocks* decide about calls by number, and *other* and *too_new* about the rest."""
    return _packed(
        (
            (_LOAD, 0, 0, _MACHINE),
            (_EQUAL, 1, 0, machine.audit),
            *_result(_KILL),
            (_LOAD, 0, 0, _NUMBER),
            *_search(_intervals(blocks, other, too_new)),
        )
    )


def only_become(user: int) -> None:
    """Allow this process, and what it starts, to become *user* and no other; whoever tries gets EPERM.

    :raises OSError: as for :func:`restrict`.
    """
    machine = this_machine()
    if machine is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    for place in range(max(_CHANGES_USER.values())):  # a filter looks at one argument; all filters count
        install(only_this_user(user, place, machine))


def only_this_user(user: int, place: int, machine: Machine) -> bytes:
    """Return the filter that looks at the argument in this *place* of the calls that change the user."""
    changes = _checked((Argument(place, frozenset({user, _UNCHANGED})),), _ERRNO | errno.EPERM)
    known = {machine.calls[name]: changes for name, count in _CHANGES_USER.items() if place < count}
    return _decided(machine, known, _result(_ALLOW), _result(_ALLOW))


def install(program: bytes) -> None:
    """Have the kernel filter the calls of all threads of this process.

    :raises OSError: the kernel has no such filters, or refuses this one.
    """
    number = _SECCOMP[os.uname().machine]
    buffer = ctypes.create_string_buffer(program, len(program))
    given = _Program(len(program) // _INSTRUCTION.size, ctypes.addressof(buffer))
    # Without _SPEC_ALLOW (4.17), kernels before 5.16 slow the process down, against attacks that are not ours.
    for flags in (_TSYNC | _SPEC_ALLOW, _TSYNC):
        result = LIBC.syscall(number, _SET_MODE_FILTER, flags, ctypes.byref(given))
        if result == 0:
            return
        if result > 0:
            raise OSError(errno.EBUSY, f"thread {result} has another filter")
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _result(value: int) -> Block:
    return ((_RETURN, 0, 0, value),)


def _checked(conditions: Conditions, denied: int) -> Block:
    """Return what allows a call of which one of the *conditions* is true, or any if there are none."""
    if not conditions:
        return _result(_ALLOW)
    block = _result(denied)
    for argument in reversed(conditions):
        block = _if_so(argument, block)
    return block


def _if_so(argument: Argument, otherwise: Block) -> Block:
    """Return what allows a call if its *argument* is as it has to be; if not, *otherwise* decides."""
    load = (_LOAD, 0, 0, _ARGUMENTS + 8 * argument.place)  # the low half, on little-endian machines
    allow, rest = _result(_ALLOW), len(otherwise)
    if argument.values:
        values = sorted(argument.values)
        tests = [(_EQUAL, len(values) - place - 1 + rest, 0, value) for place, value in enumerate(values)]
        return (load, *tests, *otherwise, *allow)
    return (
        load,
        (_ANY_BIT, 2, 0, argument.without),
        (_AND, 0, 0, argument.within),
        (_EQUAL, rest, 0, argument.within),
        *otherwise,
        *allow,
    )


def _intervals(blocks: Mapping[int, Block], other: Block, too_new: Block) -> list[tuple[int, Block]]:
    """Return what applies from which number on."""
    found = [(0, blocks.get(0, other))]
    for number in range(1, NEWEST + 2):
        block = too_new if number > NEWEST else blocks.get(number, other)
        if block != found[-1][1]:
            found.append((number, block))
    return found


def _search(intervals: Sequence[tuple[int, Block]]) -> Block:
    """Return a binary search of the number, which is loaded, in *intervals*."""
    if len(intervals) == 1:
        return intervals[0][1]
    middle = len(intervals) // 2
    below, above = _search(intervals[:middle]), _search(intervals[middle:])
    start = intervals[middle][0]
    if len(below) <= _FARTHEST:
        return ((_AT_LEAST, len(below), 0, start), *below, *above)
    return ((_AT_LEAST, 0, 1, start), (_JUMP, 0, 0, len(below)), *below, *above)


def _packed(instructions: Sequence[Instruction]) -> bytes:
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)
