"""Which alerts an output gets: by their priority, rule, tags and source."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct

from falcohost.alert import Priority


class Selected(Protocol):
    """What of an alert decides."""

    @property
    def priority(self) -> Priority:
        """Return its priority."""

    @property
    def rule(self) -> str:
        """Return the name of its rule."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Return its rule's tags."""

    @property
    def source(self) -> str:
        """Return its source."""


class Selection(Struct, frozen=True, omit_defaults=True):
    """What has to be true of an alert; an empty part is true of all.

    :ivar priority: the lowest priority.
    :ivar rules: patterns for the rule's name, one of which has to match it all: ``*``, ``?``, ``[…]``.
    :ivar tags: the rule has one of these.
    :ivar sources: it comes from one of these.
    """

    priority: Priority = Priority.DEBUG
    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def wants(self, alert: Selected) -> bool:
        """Return whether the output gets *alert*."""
        return (
            alert.priority <= self.priority
            and (not self.sources or alert.source in self.sources)
            and (not self.tags or not set(self.tags).isdisjoint(alert.tags))
            and (not self.rules or any(fnmatchcase(alert.rule, pattern) for pattern in self.rules))
        )


EVERYTHING = Selection()
