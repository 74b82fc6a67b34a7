"""Finds the subject of a record for alerts."""

from __future__ import annotations

from collections.abc import Callable

from falcohost.engine.paths import at
from falcohost.jsonlog.log import Record
from falcohost.subject import UserSubject


def user_at(kind: str, *paths: str) -> Callable[[Record], UserSubject | None]:
    """Return the function from a record to a user of that *kind*, named by the first string at one of *paths*."""
    walks = [at(path) for path in paths]

    def user(record: Record) -> UserSubject | None:
        names = (walk(record) for walk in walks)
        return next((UserSubject(kind, name) for name in names if isinstance(name, str) and name), None)

    return user
