"""Shares of a store that is full: who has written little keeps it, whatever others write.

Room is divided by sources; the room of each source by priorities; the room of each priority by rules. A part that needs
less than an equal share keeps all it has, and the others share the rest (max-min fairness). So a flood of one rule
deletes alerts of that rule, and nobody's who has less than a share.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Place(NamedTuple):
    """Where an alert counts."""

    source: str
    priority: int
    rule: str


def surplus(used: Mapping[Place, int], room: int) -> dict[Place, int]:
    """Return the bytes by which each place that has *used* more than its part of *room* is above it."""
    kept = _divided(used, room, 0)
    return {place: used[place] - part for place, part in kept.items() if part < used[place]}


def fair(used: Mapping[K, int], room: int) -> dict[K, int]:
    """Return the part of *room* that each gets: what it has used, or else an equal share of what others leave."""
    parts, left = {}, room
    for number, (key, size) in enumerate(sorted(used.items(), key=lambda one: one[1])):
        parts[key] = min(size, left // (len(used) - number))
        left -= parts[key]
    return parts


def _divided(used: Mapping[Place, int], room: int, level: int) -> dict[Place, int]:
    if level == len(Place._fields):
        return dict.fromkeys(used, room)
    groups: dict[Hashable, dict[Place, int]] = {}
    for place, size in used.items():
        groups.setdefault(place[level], {})[place] = size
    rooms = fair({name: _sum(group.values()) for name, group in groups.items()}, room)
    return {
        place: part for name, group in groups.items() for place, part in _divided(group, rooms[name], level + 1).items()
    }


def _sum(sizes: Iterable[int]) -> int:
    return sum(sizes)
