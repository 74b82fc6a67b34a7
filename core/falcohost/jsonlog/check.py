"""Checks for ``falcohost doctor`` of sources that read files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from falcohost.errors import AddressTaken, FalcohostError
from falcohost.events import Plan, Source

Check: TypeAlias = Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]]


def files_check(make: Callable[[Mapping[str, Any]], Source], *, always: bool = False) -> Check:
    """Return a check that opens the source from *make*; without *always*, only if ``open_params`` is set."""

    def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        if always or settings.get("open_params"):
            yield "open_params can be read", open_problem(make, settings)

    return check


def open_problem(make: Callable[[Mapping[str, Any]], Source], settings: Mapping[str, Any]) -> str | None:
    """Return why the source from *make* cannot be opened and how to fix that; None if it can be opened.

    :raises AddressTaken: its address is in use, perhaps by the running agent.
    """
    try:
        source = make(settings)
        try:
            source.open(Plan(source=""), None)
        finally:
            source.close()
    except AddressTaken:
        raise
    except FalcohostError as error:
        return str(error)
    return None
