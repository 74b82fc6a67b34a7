"""Finds the subjects of a record for alerts."""

from __future__ import annotations

from collections.abc import Callable

from falcohost.engine.paths import at
from falcohost.jsonlog.log import Record
from falcohost.subject import ResourceSubject, UserSubject


def user_at(kind: str, *paths: str) -> Callable[[Record], UserSubject | None]:
    """Return the function from a record to a user of that *kind*, named by the first string at one of *paths*."""
    walks = [at(path) for path in paths]
    if len(walks) == 1:
        (only,) = walks

        def user_there(record: Record) -> UserSubject | None:
            name = only(record)
            return UserSubject(kind, name) if name and isinstance(name, str) else None

        return user_there

    def user(record: Record) -> UserSubject | None:
        for walk in walks:
            name = walk(record)
            if isinstance(name, str) and name:
                return UserSubject(kind, name)
        return None

    return user


def resource_at(kind: str, *paths: str) -> Callable[[Record], tuple[ResourceSubject, ...]]:
    """Return the function from a record to a resource of that *kind*, named by the first string at one of *paths*."""
    walks = [at(path) for path in paths]

    def resources(record: Record) -> tuple[ResourceSubject, ...]:
        for walk in walks:
            name = walk(record)
            if isinstance(name, str) and name:
                return (ResourceSubject(kind, name),)
        return ()

    return resources
