"""What the kernel knows of containers: whether the event is of one, and whether that is confined.

What a container runtime would say of a container the kernel does not know; outside of containers it is the same for
every event.
"""

from __future__ import annotations

from typing import Any, Final

from falcohost_syscall.facts import layout, processes
from falcohost_syscall.facts.kinds import Cases, Describe, Either, Fact, Otherwise, always, constant
from falcohost_syscall.filters.condition import Number, Point, negate, within
from falcohost_syscall.processes.containers import HOST, Container

# What user space has said of the container behind the task's cgroups.
_CONTAINER: Final = Number(layout.RECORD + layout.HEADER["cgroup"], 1, point=Point.MEMORY, unknown=0, keyed=True)
_HOST: Final = within(_CONTAINER, (layout.ON_HOST, layout.ON_HOST))


def _by_place(host: Any, inside: Any) -> Fact:
    return Cases(((_HOST, host), (negate(_HOST), inside)))


def only_outside(value: Any) -> Describe:
    """Describe what has a value outside of containers, and none inside."""
    return always(_by_place(value, None))


#: What names the container, or the host.
identity: Final = always(_by_place("host", Otherwise(frozenset({"host"}))))
privileged: Final = always(Either(_HOST, constant(False), processes.UNCONFINED))


def told_of(container: Container) -> int:
    """Return what filters are told of the cgroups of *container*; 0 for one that is called what the host is."""
    if container.is_host:
        return layout.ON_HOST
    return 0 if HOST.id in (container.id, container.full_id) else layout.IN_CONTAINER
