"""What the kernel knows of containers: whether the event is of one, and what fields then say that nobody fills yet.

What such a field says follows from its getter. One that comes to ask a container runtime has another getter, and the
kernel no longer answers for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from falcohost_syscall.facts import processes
from falcohost_syscall.facts.kinds import Cases, Describe, Either, Fact, Otherwise, constant
from falcohost_syscall.fields import container as fields_container
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.condition import Number, Point, negate, within

# What user space has said of the container behind the task's cgroups.
_CONTAINER: Final = Number(layout.RECORD + layout.HEADER["cgroup"], 1, point=Point.MEMORY, unknown=0, cgroup=True)
_HOST: Final = within(_CONTAINER, (layout.ON_HOST, layout.ON_HOST))
_NAMED: Final = Otherwise(frozenset({"host"}))


def _by_place(host: Any, inside: Any) -> Fact:
    return Cases(((_HOST, host), (negate(_HOST), inside)))


_BY_GETTER: Final[dict[Callable[..., Any], Fact]] = {
    fields_container.nothing: constant(None),
    fields_container.metadata: _by_place("", None),
    fields_container.called: _by_place("host", None),
    fields_container.false_on_host: _by_place(False, None),
    fields_container.privileged: Either(_HOST, constant(False), processes.UNCONFINED),
}


def _always(fact: Fact) -> Describe:
    return lambda _, __: fact


FIELDS: Final[dict[str, Describe]] = {
    **dict.fromkeys(("container.id", "container.full_id", "container.type"), _always(_by_place("host", _NAMED))),
    **{
        field.name: _always(_BY_GETTER[field.get])
        for field in fields_container.FIELDS
        if field.get is not None and field.get in _BY_GETTER
    },
}
