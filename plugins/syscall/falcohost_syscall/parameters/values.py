"""Finds Falco's parameters of an event and converts their values to Falco's numbers.

Each driver has its own way to get the values; :mod:`falcohost_syscall.parameters.texts` renders them.
"""

from __future__ import annotations

from falcohost_syscall.calls import flags as names
from falcohost_syscall.calls.rows import Call, Param

#: Bit of an opened file's mode (``FMODE_CREATED``): the call created the file.
FMODE_CREATED = 0x100000
#: And ``FMODE_PATH``: the file was opened with O_PATH, which gives access to its name alone.
FMODE_PATH = 0x4000
#: The argument that holds the mode of a file that an open creates.
MODE_ARG = {"open": 2, "openat": 3, "openat2": 4}
#: The options of prctl(2) that set and get the name of a thread.
NAMES_A_THREAD = (15, 16)

#: How many bits of an argument count, by kind: unsigned kinds, then signed ones.
WIDTH = {"u32": 32, "reltime": 64, "hex": 64, "u64": 64, "uid": 32, "gid": 32, "oct": 32}
SIGNED = {"fd": 32, "i32": 32, "pid": 32, "errno": 64, "i64": 64, "sig": 32}


def number(param: Param, raw: int) -> int:
    """Return the value, in Falco's numbers, of a parameter whose system call argument is *raw*."""
    kind = param.kind
    if kind in SIGNED:
        return _signed(raw, SIGNED[kind])
    if kind in WIDTH:
        return raw & (1 << WIDTH[kind]) - 1
    if param.table is not None:
        table = names.TABLES[param.table]
        return table.convert_enum(raw) if kind == "enum" else table.convert(raw) & 0xFFFFFFFF
    return raw


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def find(row: Call, name: str | int) -> Param | None:
    """Return a parameter of an event type by name or index, or None."""
    if isinstance(name, int):
        return row.params[name] if 0 <= name < len(row.params) else None
    index = row.param_index.get(name)
    return None if index is None else row.params[index]
