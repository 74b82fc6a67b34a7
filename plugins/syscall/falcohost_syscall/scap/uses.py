"""What becomes of the events of each type: what only rules that nobody has loaded ask for is passed over unread."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from msgspec import structs

from falcohost import Plan
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.fields.field import Need
from falcohost_syscall.pushdown.needs import needs
from falcohost_syscall.scap.captured_rows import ROWS
from falcohost_syscall.scap.changes import CHANGES, MEMORY
from falcohost_syscall.scap.event_types import ENTERS, GENERIC, LARGE, MOST, OLD_TYPES, TYPES, EventType
from falcohost_syscall.scap.quick_changes import QUICK, Quick


class Use(NamedTuple):
    """What becomes of the events of a type.

    :ivar counts: they have a number in ``evt.num``.
    :ivar is_begin: they are starts of calls, and are remembered.
    :ivar is_read: their parameters are read.
    :ivar is_wanted: rules ask for them.
    :ivar named: of calls that have no type, the names of those that rules ask for.
    :ivar type: their type, if it is one of today's whose lengths have two bytes.
    :ivar quick: applies most of them to the tables in less time.
    """

    counts: bool = False
    is_begin: bool = False
    is_read: bool = False
    is_wanted: bool = False
    named: frozenset[str] | None = None
    type: EventType | None = None
    quick: Quick | None = None


_GENERIC_ROW: Final = next(row for row in ROWS.values() if row.generic)


def uses(plan: Plan | None) -> list[Use]:
    """Return what becomes of the events of each type, by its number; without a *plan*, rules ask for all."""
    wanted = frozenset(ROWS)
    is_told = plan is None or Need.RESOURCES in needs(plan)
    if plan is not None and plan.event_types is not None:
        wanted &= plan.event_types
    return [_use(code, wanted, is_told) for code in range(MOST)]


def _use(code: int, wanted: frozenset[str], is_told: bool) -> Use:
    if code in ENTERS:
        return Use(counts=ENTERS[code].counts, is_begin=True)
    if code in OLD_TYPES:
        return _use(OLD_TYPES[code].becomes, wanted, is_told)._replace(type=None)
    kind = TYPES.get(code)
    if kind is None:
        return Use()
    is_wanted = kind.name in wanted
    changes = code in CHANGES and (is_told or kind.name not in MEMORY)
    named = wanted if code == GENERIC else None
    plain = None if code in LARGE else kind
    return Use(True, False, is_wanted or changes or bool(named), is_wanted, named, plain, QUICK.get(code))


@cache
def row_of(name: str, count: int) -> Call:
    """Return the row of an event that has the first *count* parameters of its type.

    A negative number stands for a call without a type: what is known of its parameters elsewhere is not in the event.
    """
    known = ROWS[name]
    if count < 0:
        return known if known.generic else structs.replace(_GENERIC_ROW, name=name, numbers=known.numbers)
    if count >= len(known.params):
        return known
    params = known.params[:count]
    places = {param.name: place for place, param in enumerate(params)}
    return structs.replace(known, params=params, param_index=places, generic=not params and known.is_call)
