"""Facts about containers: whether the event is from one, and whether that is privileged.

The kernel does not know what a runtime says of a container. Outside of containers that is the same for every event.
"""

from __future__ import annotations

from typing import Any, Final

from falcohost_syscall.facts import layout, processes
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.kinds import Cases, Describe, Either, Fact, Otherwise, always, constant
from falcohost_syscall.filters.condition import Number, Point, negate, within
from falcohost_syscall.processes.cgroup_names import HOST, Container
from falcohost_syscall.processes.users import Users

# User space stores what it knows of the container behind a task's cgroups.
_CONTAINER: Final = Number(layout.RECORD + layout.HEADER["cgroup"], 1, point=Point.MEMORY, unknown=0, keyed=True)
_HOST: Final = within(_CONTAINER, (layout.ON_HOST, layout.ON_HOST))


def _by_place(host: Any, inside: Any) -> Fact:
    return Cases(((_HOST, host), (negate(_HOST), inside)))


def only_outside(value: Any) -> Describe:
    """Describe a field that is *value* outside of containers and absent inside."""
    return always(_by_place(value, None))


#: Fields that identify the container, or are ``host``.
identity: Final = always(_by_place("host", Otherwise(frozenset({"host"}))))
privileged: Final = always(Either(_HOST, constant(False), processes.UNCONFINED))


def of_account(account: OfAccount, users: Users) -> Fact:
    """Return the fact that *account* is, given the accounts of this machine."""
    here, root = account.named(users), within(account.number, (0, 0))
    if account.inside is None:
        return here
    if not account.inside:
        return Either(_HOST, here, constant(Otherwise()))
    others = Otherwise(frozenset({account.inside}))
    return Either(_HOST, here, Cases(((root, account.inside), (negate(root), others))))


def told_of(container: Container) -> int:
    """Return what filters learn about the cgroups of *container*; 0 (nothing) if it has the host's name."""
    if container.is_host:
        return layout.ON_HOST
    return 0 if HOST.id in (container.id, container.full_id) else layout.IN_CONTAINER
