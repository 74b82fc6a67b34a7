"""The filters with which a start begins; the others are loaded after the agent is ready.

The kernel takes half a second to check all filters of many rules. Until it has, more events are sent to the worker,
which leaves out what no rule matches, as the filters would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from falcohost_syscall.filters.condition import TRUE, Condition, Point, literals, up_to

#: Calls that programs do not make in loops of thousands a second.
NAMES: Final = frozenset(
    {
        "creat",
        "open_by_handle_at",
        "openat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "rename",
        "renameat",
        "renameat2",
        "mknod",
        "mknodat",
        "mkdir",
        "mkdirat",
        "rmdir",
        "truncate",
        "chown",
        "lchown",
        "fchownat",
        "setxattr",
        "lsetxattr",
        "fsetxattr",
        "removexattr",
        "lremovexattr",
        "fremovexattr",
        "mount",
        "umount",
        "umount2",
        "move_mount",
        "open_tree",
        "mount_setattr",
        "fsconfig",
        "fsmount",
        "fsopen",
        "fspick",
        "pivot_root",
        "chroot",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "swapon",
    }
)
#: Those of them that programs make in bursts, when they unpack or build something.
_IN_BURSTS: Final = frozenset(
    {
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "rename",
        "renameat",
        "renameat2",
        "mkdir",
        "mkdirat",
        "rmdir",
        "chown",
        "lchown",
        "fchownat",
    }
)
#: Calls whose filters need not save anything at points before the last: checking these takes longer than they save.
SELDOM: Final = NAMES - _IN_BURSTS
SELDOM_POINTS: Final = (Point.CALL, Point.MEMORY, Point.ANCESTORS)
#: Until which point filters of other calls are there at first: what is left of opens after that is little.
FIRST: Final = Point.MEMORY
#: With fewer tests than this a filter, and all that could come later, take the kernel a few milliseconds.
_LEAST, _LEAST_LATER = 60, 200


#: What is compiled ahead is made by so many threads.
SHARES: Final = 2


class Parted(NamedTuple):
    """Conditions at first, and those, of some of the same event types or of others, that come later."""

    first: dict[str, Condition]
    later: dict[str, Condition]


def parted(conditions: Mapping[str, Condition]) -> Parted:
    """Return what is loaded at first and later, calls in bursts soonest; nothing is later if that would be little."""
    others = {condition for name, condition in conditions.items() if name not in NAMES}
    found = Parted({}, {})
    for name, condition in conditions.items():
        seldom = name in NAMES and condition not in others
        early = TRUE if seldom else condition if weight(condition) < _LEAST else up_to(condition, FIRST)
        if early != TRUE:
            found.first[name] = early
        if early != condition:
            found.later[name] = condition
    little = sum(map(weight, set(found.later.values()))) < _LEAST_LATER
    soonest = dict(sorted(found.later.items(), key=lambda one: one[0] not in _IN_BURSTS))
    return Parted(dict(conditions), {}) if little else Parted(found.first, soonest)


def shares(conditions: Mapping[str, Condition], count: int) -> list[dict[str, Condition]]:
    """Deal the conditions out to at most *count*; event types with the same one stay together: they share a program."""
    types: dict[Condition, list[str]] = {}
    for name, condition in conditions.items():
        types.setdefault(condition, []).append(name)
    weights, places = [0] * count, {}
    for condition in sorted(types, key=weight, reverse=True):
        places[condition] = lightest = weights.index(min(weights))
        weights[lightest] += 1 + weight(condition)
    dealt: list[dict[str, Condition]] = [{} for _ in range(count)]
    for condition, names in types.items():
        dealt[places[condition]].update(dict.fromkeys(names, condition))
    return [share for share in dealt if share]


def weight(condition: Condition) -> int:
    """Return the number of tests, by which the time that a filter takes can be told."""
    return sum(1 for _ in literals(condition))
