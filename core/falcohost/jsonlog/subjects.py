"""Finds the subjects of a record for alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcohost.engine.paths import at
from falcohost.jsonlog.log import Record
from falcohost.subject import ResourceSubject, UserSubject


def user_at(kind: str, *paths: str) -> Callable[[Record], UserSubject | None]:
    """Return the function from a record to a user of that *kind*, named by the first string at one of *paths*."""
    find = _first_at(paths)

    def user(record: Record) -> UserSubject | None:
        name = find(record)
        return None if name is None else UserSubject(kind, name)

    return user


def resource_at(kind: str, *paths: str) -> Callable[[Record], tuple[ResourceSubject, ...]]:
    """Return the function from a record to a resource of that *kind*, named by the first string at one of *paths*."""
    find = _first_at(paths)

    def resources(record: Record) -> tuple[ResourceSubject, ...]:
        name = find(record)
        return () if name is None else (ResourceSubject(kind, name),)

    return resources


def _first_at(paths: Sequence[str]) -> Callable[[Record], str | None]:
    """Return the function from a record to the first string that is not empty at one of *paths*."""
    walks = [at(path) for path in paths]

    def first(record: Record) -> str | None:
        for walk in walks:
            value = walk(record)
            if isinstance(value, str) and value:
                return value
        return None

    return first
