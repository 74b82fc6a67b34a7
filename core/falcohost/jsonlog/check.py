"""What ``falcohost doctor`` says of a source that reads files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from falcohost.errors import AddressTaken, FalcohostError
from falcohost.events import Plan, Source

Check: TypeAlias = Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]]


def files_check(make: Callable[[Mapping[str, Any]], Source], *, always: bool = False) -> Check:
    """Return the check that opens the source that *make* makes; *always*, or only where ``open_params`` is set."""

    def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        if always or settings.get("open_params"):
            yield "what open_params names can be read", open_problem(make, settings)

    return check


def open_problem(make: Callable[[Mapping[str, Any]], Source], settings: Mapping[str, Any]) -> str | None:
    """Return why the source that *make* makes cannot be opened, and what mends it; None if it can.

    :raises AddressTaken: somebody listens already, who may be the agent that runs.
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
