"""Sends signals: to one process, to it and its descendants, or to all in its cgroup."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from falcohost.host.response.cgroups import members
from falcohost.host.response.processes import cgroup_of, everyone
from falcohost.host.response.protection import Image, Protection
from falcohost.host.response.target import Target, hold

#: How often it is looked for further processes. Those that are found are stopped, so that they start no others.
ROUNDS: Final = 128

#: Most processes that are signalled for one alert.
MOST: Final = 2048


class Killed:
    """What was signalled, and how many processes were spared.

    :ivar more: there are further processes, which were not signalled.
    """

    def __init__(self, targets: Sequence[Target], spared: int = 0, *, more: bool = False) -> None:
        self.targets = list(targets)
        self.spared = spared
        self.more = more


class Group(Protocol):
    """Processes that belong together."""

    def pids(self, held: Mapping[int, Target]) -> Iterable[int]:
        """Return those that are now seen to belong to those that are *held*."""

    def has(self, target: Target, held: Mapping[int, Target]) -> bool:
        """Return whether *target*, which is held now, belongs to them."""


class Tree:
    """A process and its descendants. Whoever has lost its parent has another, and does not belong to them."""

    def pids(self, held: Mapping[int, Target]) -> Iterable[int]:
        """Return the children of those that are *held*."""
        return [one.pid for one in everyone() if one.parent in held and not one.ended]

    def has(self, target: Target, held: Mapping[int, Target]) -> bool:
        """Return whether *target* is such a child."""
        return target.stat.parent in held


class Members:
    """The processes in the cgroup at *path*, and in those below it."""

    def __init__(self, root: Path, path: str) -> None:
        self._root = root
        self._path = path

    def pids(self, held: Mapping[int, Target]) -> Iterable[int]:
        """Return all of them."""
        return members(self._root, self._path)

    def has(self, target: Target, held: Mapping[int, Target]) -> bool:
        """Return whether *target* is among them."""
        path = cgroup_of(target.pid)
        return path is not None and (path == self._path or path.startswith(f"{self._path}/"))


class Killing:
    """Signals processes that *protection* does not protect.

    :param look: returns what the supervisor sees of processes.
    """

    def __init__(self, look: Callable[[Sequence[int]], Sequence[Image | None]], protection: Protection) -> None:
        self._look = look
        self._protection = protection

    def one(self, target: Target, number: signal.Signals) -> Killed:
        """Signal *target*, which is not protected.

        :raises OSError: it may not be signalled.
        """
        return Killed([target] if target.signal(number) else [])

    def all(self, first: Target, number: signal.Signals, group: Group) -> Killed:
        """Signal *first*, which is not protected, and all of its *group*.

        All are stopped before, so that none of them starts a further one meanwhile.

        :raises OSError: one may not be signalled.
        """
        held: dict[int, Target] = {}
        spared: set[int] = set()
        new = [first]
        for _ in range(ROUNDS):
            for target in new:
                target.signal(signal.SIGSTOP)
                held[target.pid] = target
            new = self._further(group, held, spared)
            if not new:
                break
        for target in new:
            target.close()
        sent = [target for target in held.values() if _send(target, number)]
        return Killed(sent, len(spared), more=bool(new) or len(held) >= MOST)

    def _further(self, group: Group, held: Mapping[int, Target], spared: set[int]) -> list[Target]:
        """Return those of *group* that were not found before; add those that are protected to *spared*."""
        fresh = [pid for pid in dict.fromkeys(group.pids(held)) if pid not in held and pid not in spared]
        targets = [target for pid in fresh[: MOST - len(held)] if (target := hold(pid)) is not None]
        found = []
        for target, image in zip(targets, self._look([one.pid for one in targets]), strict=True):
            why = self._protection.why(target, image)
            belongs = group.has(target, held) and not target.ended  # what was asked of its pid was asked of it
            if belongs and why is None:
                found.append(target)
                continue
            if belongs:
                spared.add(target.pid)
            target.close()
        return found


def _send(target: Target, number: signal.Signals) -> bool:
    """Signal *target*, which is stopped; return whether it was there."""
    sent = target.signal(number)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        target.signal(signal.SIGCONT)
    return sent
