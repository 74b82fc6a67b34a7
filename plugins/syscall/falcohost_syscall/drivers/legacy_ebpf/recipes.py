"""Says for each call what the program has to read of it, from the table of calls.

A call is covered if the values of all its parameters are known from its arguments, what it returned, up to three
texts, an address, some bytes, and the file of a descriptor; a few parameters that rules do without are absent.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Final, NamedTuple

from falcohost_syscall.calls.rows import BY_NAME, EXIT, FORKS, Call
from falcohost_syscall.records.record import (
    NO_ARG,
    RET_ARG,
    WANT_BUFFER,
    WANT_IOV,
    WANT_MESSAGES,
    WANT_MSGHDR,
    WANT_SENDER,
    WANT_SOCKADDR,
)
from falcohost_syscall.scap.event_types import GENERIC
from falcohost_syscall.scap.writing.values import BY_NAME as TYPES

#: Numbers in the program: a table of so many calls; no argument; what the call returned; from here on, sizes in bytes.
CALLS: Final = 512
NOTHING, RETURNED, BYTES = 255, 254, 128
_ON, _IS_FORK, _FAILED_ONLY, _SUCCESSFUL_ONLY = 1, 2, 4, 8
#: The twin of ``struct recipe``.
RECIPE: Final = Struct("=BB3BBBBB7x")
#: Numbers of events that are no calls in the program, behind those of calls.
EXECUTED, ENDED = 1000, 1001

_TEXTS: Final = ("path", "path2", "str")
#: What is not told: the lengths of queues, a process's memory, layers and inodes of what has no name, control messages.
ABSENT: Final = frozenset(
    {"queuepct", "queuelen", "queuemax", "pages", "resident", "swapped", "layer", "ownend", "otherend", "control"}
)
_KNOWN: Final = frozenset(
    {
        *(
            "ret",
            "path",
            "path2",
            "str",
            "sockaddr",
            "tuple",
            "dev",
            "ino",
            "openmode",
            "data",
            "zero",
            "pair0",
            "pair1",
        ),
        *("pair1", "got", "prctlname", "prctlint", "v0.text", "inheritable", "permitted", "cap_effective"),
    }
)
#: What is not told of calls that pass data in several pieces is the data; its size is what the call returned.
_IN_PIECES: Final = WANT_IOV | WANT_MSGHDR | WANT_MESSAGES | WANT_BUFFER
#: Calls of which further texts and bytes are read: the text, or the bytes and their size.
_MORE_TEXTS: Final = {"prctl": 1, "getcwd": 0}
_MORE_DATA: Final = {"capset": (1, BYTES + 24), "clone3": (0, 1), "openat2": (2, 3)}
_EXECS: Final = frozenset({"execve", "execveat"})


class Recipe(NamedTuple):
    """What is read of a call; members are arguments, or :data:`NOTHING`."""

    flags: int = _ON
    fd: int = NOTHING
    texts: tuple[int, int, int] = (NOTHING,) * 3
    address: int = NOTHING
    length: int = NOTHING
    data: int = NOTHING
    size: int = NOTHING

    def packed(self) -> bytes:
        """Return it as the program takes it."""
        return RECIPE.pack(self.flags, self.fd, *self.texts, self.address, self.length, self.data, self.size)


def is_covered(row: Call) -> bool:
    """Return whether the driver tells of the events of this type."""
    if row.name == EXIT or row.name in FORKS | _EXECS:
        return True
    if row.generic or row.name not in TYPES or not row.numbers.get(platform.machine()):
        return row.generic and bool(row.numbers.get(platform.machine()))
    return all(is_known(param.source) for param in row.params)


def is_known(source: str) -> bool:
    """Return whether the value of a parameter with this source is known."""
    return source.isdigit() or source in _KNOWN or source in ABSENT


#: The names of all event types of which the driver tells.
COVERED: Final = frozenset(name for name, row in BY_NAME.items() if is_covered(row))


def in_pieces(row: Call) -> bool:
    """Return whether a call passes data in several pieces, which are not read."""
    return bool(row.want & _IN_PIECES)


def recipe(row: Call) -> Recipe:
    """Return the recipe of a call."""
    sources = {param.source for param in row.params}
    flags = _ON | (_IS_FORK if row.name in FORKS else 0) | (_FAILED_ONLY if row.name in _EXECS else 0)
    pair, more = "pair0" in sources, _MORE_DATA.get(row.name)
    text = NOTHING if pair or row.name == "clone3" else _MORE_TEXTS.get(row.name, _place(row.str_arg))
    made = Recipe(flags, texts=(_place(row.path_arg), _place(row.path2_arg), text))
    if "tuple" in sources:
        made = made._replace(fd=RETURNED if row.creates_fd else row.used_fd or 0)
    elif sources & {"ino", "dev"} and row.creates_fd and not pair:
        made = made._replace(fd=RETURNED)
    if row.want & (WANT_SOCKADDR | WANT_SENDER):
        made = made._replace(address=row.addr_arg, length=NOTHING if row.want & WANT_SENDER else row.addr_arg + 1)
    if pair:
        return made._replace(data=row.str_arg, size=BYTES + 8)
    if more is not None:
        return made._replace(data=more[0], size=more[1])
    if "data" in sources and row.data_arg != NO_ARG and not in_pieces(row):
        made = made._replace(data=row.data_arg, size=RETURNED if row.io == "read" else 2)
    return made


def _place(argument: int) -> int:
    return NOTHING if argument in (NO_ARG, RET_ARG) else argument


def numbers(names: Iterable[str], tables: Iterable[str] = ()) -> dict[int, Recipe]:
    """Return the recipes of these event types by the numbers of their calls on this machine.

    :param tables: those that only change tables, which calls that failed do not.
    """
    machine, wanted = platform.machine(), set(names)
    found = {}
    for name in sorted({*wanted, *tables} & COVERED):
        made = recipe(BY_NAME[name])
        if name not in wanted:
            made = made._replace(flags=made.flags | _SUCCESSFUL_ONLY)
        found.update(dict.fromkeys((one for one in BY_NAME[name].numbers.get(machine, ()) if one < CALLS), made))
    return found


#: The type of calls that have no parameters.
GENERIC_TYPE: Final = GENERIC
_FORK_NUMBERS: Final = frozenset(
    number for name in FORKS for number in BY_NAME[name].numbers.get(platform.machine(), ())
)


def numbers_of(names: Callable[[str], bool]) -> frozenset[int]:
    """Return the numbers on this machine of all calls for whose name *names* is true; not those of forks and execs."""
    machine = platform.machine()
    rows = (row for row in BY_NAME.values() if row.name not in FORKS | _EXECS and names(row.name))
    return frozenset(number for row in rows for number in row.numbers.get(machine, ()))


def is_fork(number: int) -> bool:
    """Return whether the call with this number makes a thread."""
    return number in _FORK_NUMBERS
