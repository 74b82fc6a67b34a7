"""Facts about a call's arguments: Falco's parameters, and how a file was opened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from falcohost import Arg
from falcohost_syscall.calls import flags
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.facts import accounts, descriptors, layout
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.header import RET
from falcohost_syscall.facts.kinds import (
    Cases,
    Decimal,
    Describe,
    Either,
    Fact,
    Untold,
    constant,
    truth,
)
from falcohost_syscall.facts.numbers import BitNames, DecimalText, Numeric, Shown
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.filters.condition import (
    Bits,
    Condition,
    Literal,
    Number,
    Point,
    View,
    all_of,
    any_of,
    negate,
    within,
)
from falcohost_syscall.parameters import values
from falcohost_syscall.parameters.paths import EXEC_BITS, OPENS_WITH_FLAGS
from falcohost_syscall.records import record

_FLAGS: Final = layout.fact("flags", 4, Point.CALL)
_MADE: Final = layout.fact("made", 1, Point.OBJECT, unknown=record.MADE_UNKNOWN)
_CLONE_FLAGS: Final = {
    "clone": layout.argument(0),
    "clone3": layout.fact("structure", 8, Point.MEMORY, unknown=record.UNKNOWN_BITS),
}
#: Flags with which open(2) may create a file.
_MAKES: Final = any_of((Literal(Bits(_FLAGS, flags.O_CREAT)), Literal(Bits(_FLAGS, flags.O_TMPFILE))))


def opened_to(mode: int) -> Describe:
    """Describe whether a file was opened with the access mode *mode* or with read and write access."""

    def describe(row: Call, _: Arg) -> Fact:
        if row.open_flags is None:
            return constant(False)
        return truth(within(layout.fact("flags", 4, Point.CALL, mask=3), (mode, mode), (2, 2)))

    return describe


def made(row: Call, _: Arg) -> Fact:
    """Describe whether an open created the file.

    It can only with a flag that allows it. Registers tell that for open and openat; the flags of openat2 are in memory,
    which may have changed since.
    """
    if row.name not in OPENS_WITH_FLAGS:
        return constant(False)
    nameless = all_of((Literal(Bits(_FLAGS, flags.O_TMPFILE)), within(RET, (0, RET.highest))))
    told = truth(any_of((nameless, within(_MADE, (record.MADE_YES, record.MADE_YES)))))
    return Either(_MAKES, told, constant(False)) if row.name in ("open", "openat") else told


def made_executable(row: Call, _: Arg) -> Fact:
    """Describe whether an open would create a file that is executable."""
    if row.name == "creat":
        return truth(_any_bit(layout.argument(1), EXEC_BITS))
    if row.name not in values.MODE_ARG:
        return constant(False)
    return truth(all_of((_MAKES, _any_bit(layout.argument(values.MODE_ARG[row.name]), EXEC_BITS))))


def _any_bit(number: Number, bits: int) -> Condition:
    return any_of(Literal(Bits(number, 1 << bit)) for bit in range(bits.bit_length()) if bits >> bit & 1)


def parameter(row: Call, arg: Arg) -> Fact | OfAccount | None:
    """Describe one of Falco's parameters."""
    index = arg if isinstance(arg, int) else row.param_index.get(str(arg))
    if index is None or not 0 <= index < len(row.params):
        return constant(None)
    param = row.params[index]
    if param.kind in accounts.PASSED:
        return accounts.passed(param)
    if param.kind in ("path", "relpath"):
        names = {"path": "seen", "path2": "seen2"} if row.leads else {"path": "path", "path2": "path2"}
        name = names.get(param.source)
        return None if name is None else Textual(replace(_passed(name, row), absolute=True))
    if param.source == "prctlname":
        option = layout.argument(0)
        told = within(option, *((number, number) for number in values.NAMES_A_THREAD))
        return Either(told, Untold(), constant("<NA>"))
    if param.kind == "str":
        name = {"path": "path", "path2": "path2", "str": "str"}.get(param.source)
        return None if name is None else Textual(_passed(name, row))
    if param.kind == "oct":
        return _octal(row, param)
    if param.source == "cloneflags" and row.name in _CLONE_FLAGS:
        return BitNames(_CLONE_FLAGS[row.name], _bit_names(param))
    if not param.source.isdigit():
        return None
    if param.kind == "open":
        return BitNames(_FLAGS, _OPEN_NAMES if row.name in ("open", "openat") else _OPEN_NAMES_IN_MEMORY)
    if param.kind in ("flags", "mode"):
        return BitNames(layout.argument(int(param.source)), _bit_names(param))
    if param.kind in ("i32", "u32", "u64", "i64"):
        number = raw(row, arg)
        return DecimalText(number.number) if isinstance(number, Numeric) else None
    return _enumeration(param) if param.kind == "enum" else None


def _passed(name: str, row: Call) -> View:
    return descriptors.passed_view(row) if name == "path" else layout.view(name, Point.MEMORY)


def raw(row: Call, arg: Arg) -> Fact | None:
    """Describe the raw value of a parameter, if it is an argument as passed."""
    param = values.find(row, arg if arg is not None else "")
    if param is None:
        return constant(None)
    if not param.source.isdigit():
        return None
    place = int(param.source)
    if param.kind in values.SIGNED:
        return Numeric(layout.argument(place, values.SIGNED[param.kind] // 8, signed=True))
    if param.kind in values.WIDTH:
        return Numeric(layout.argument(place, values.WIDTH[param.kind] // 8))
    same = param.kind in ("flags", "mode") and not flags.TABLES[param.table or ""].kernel
    return Numeric(layout.argument(place, 4)) if same else None


def _octal(row: Call, param: Param) -> Fact:
    """Describe the mode of a file; it is zero if an open cannot create one."""
    if param.source.isdigit():
        return Shown(layout.argument(int(param.source), 4), _modes())
    mode = Shown(layout.argument(values.MODE_ARG[row.name], 4), _modes())
    return Either(_MAKES, mode, constant("0"))


@cache
def _modes() -> tuple[tuple[int, str], ...]:
    """Return the text of each mode: permissions with the set-uid, set-gid and sticky bits; larger numbers are none."""
    return tuple((mode, f"0{mode:o}" if mode else "0") for mode in range(0o10000))


def _alone(table: flags.Flags, bits: int) -> bool:
    """Return whether no other name of the table shares a bit with these."""
    return bits != 0 and sum(bool(other & bits) for _, other in table.names) == 1


def _bit_names(param: Param) -> tuple[tuple[str, int | None], ...]:
    table = flags.TABLES[param.table or ""]
    kernel = {falco: own for own, falco in table.kernel}
    own = {bits: kernel.get(bits) if table.kernel else bits for _, bits in table.names}
    return tuple((name, own[bits] if _alone(table, bits) else None) for name, bits in table.names)


def _open_names() -> Iterable[tuple[str, int | None]]:
    """Yield the names of open(2)'s flags, each with the bit of the call's flags that stands for it, or None."""
    table = flags.TABLES["open"]
    for name, falco in table.names:
        bits = [1 << bit for bit in range(32) if flags.open_flags(1 << bit) & ~1 & falco]
        yield name, bits[0] if len(bits) == 1 and _alone(table, falco) else None


_OPEN_NAMES: Final = tuple(_open_names())
# The flags of openat2 may change in memory after the kernel read them. Whether they had O_PATH, only the file tells.
_OPEN_NAMES_IN_MEMORY: Final = tuple((name, None if name == "O_PATH" else bit) for name, bit in _OPEN_NAMES)


def _enumeration(param: Param) -> Fact:
    """Describe a number that is shown by name; numbers without a name are shown as they are."""
    table = flags.TABLES[param.table or ""]
    place = layout.argument(int(param.source), 4)
    pairs = dict(table.kernel) if table.kernel else {number: number for _, number in table.names}
    cases: list[tuple[Condition, Any]] = [
        (within(place, (own, own)), table.enum(falco) or str(falco)) for own, falco in pairs.items()
    ]
    rest = negate(any_of(condition for condition, _ in cases))
    return Cases((*cases, (rest, (table.enum(0) or "0") if table.kernel else Decimal())))
