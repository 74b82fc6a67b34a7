"""Rows of the event types that only captures have: what a reader learned of containers and accounts, calls of i386.

Falco writes these events between those of the kernel. Rules name them as any other type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from falcohost_syscall.calls.rows import BY_NAME, Call, Param
from falcohost_syscall.scap.event_types import TYPES

#: Their categories in Falco.
_CATEGORIES: Final = {
    **dict.fromkeys(("container", "useradded", "userdeleted", "groupadded", "groupdeleted"), "process"),
    **dict.fromkeys(("asyncevent", "infra", "notification"), "other"),
    **dict.fromkeys(("cpu_hotplug", "drop", "procinfo", "scapevent"), "internal"),
}
#: Calls with a type of their own that a machine of 64 bits does not have, and the call that does the same.
_LIKE: Final = {"send": "sendto", "recv": "recvfrom"}
_KINDS: Final = {"buf": "bytes", "u8": "u32", "u16": "u32"}


def _rows() -> Iterator[Call]:
    for kind in TYPES.values():
        if kind.name in _CATEGORIES:
            params = tuple(Param(name, _KINDS.get(form, form), name) for name, form in kind.params)
            made = structs.replace(BY_NAME["switch"], name=kind.name, call=0, category=_CATEGORIES[kind.name])
        elif kind.name in _LIKE:
            made = BY_NAME[_LIKE[kind.name]]
            params = tuple(made.params[made.param_index[name]] for name, _ in kind.params)
        else:
            continue
        places = {param.name: place for place, param in enumerate(params)}
        yield structs.replace(made, name=kind.name, params=params, param_index=places)


#: The types of which no thread is the cause; procinfo is about one that may be known.
NO_CALLS: Final = frozenset(_CATEGORIES)
#: All rows of events in captures by the name of their type.
ROWS: Final[dict[str, Call]] = BY_NAME | {row.name: row for row in _rows()}
