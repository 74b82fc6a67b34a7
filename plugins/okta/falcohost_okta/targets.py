"""The targets of an event of the System Log as resources of its alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falcohost import ResourceSubject
from falcohost_okta.values import targets


def resources(record: dict[str, Any]) -> Iterator[ResourceSubject]:
    """Yield each target by its type (``okta.AppInstance``) and id."""
    for target in targets(record):
        kind, ident = target.get("type"), target.get("id")
        if isinstance(kind, str) and isinstance(ident, str) and ident:
            yield ResourceSubject(f"okta.{kind}", ident)
