"""As whom programs run that a source starts: the agent decides, and what runs them asks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias


class Way(Protocol):
    """How one program runs."""

    def keep(self) -> None:
        """Confine this process, which starts the program and ends it."""

    def become(self) -> None:
        """Become who the program is. Called in its process, which executes it next."""


class AsNow:
    """A program runs as the process that starts it: where there is no agent."""

    def keep(self) -> None:
        """Do nothing."""

    def become(self) -> None:
        """Do nothing."""


#: Returns how a program runs as the user with this name (empty: one of its own), in these further groups.
#: Raises :class:`~falcohost.errors.SourceError` if there is no such user or group.
Choose: TypeAlias = Callable[[str, Sequence[str]], Way]


class _Chosen:
    choose: Choose | None = None


def run_programs(choose: Choose) -> None:
    """Have *choose* decide how programs run that this process starts."""
    _Chosen.choose = choose


@contextlib.contextmanager
def programs_run(choose: Choose) -> Iterator[None]:
    """Have *choose* decide so for a while."""
    before, _Chosen.choose = _Chosen.choose, choose
    try:
        yield
    finally:
        _Chosen.choose = before


def way_for(user: str, groups: Sequence[str]) -> Way:
    """Return how a program runs as *user*, in these further *groups*.

    :raises SourceError: there is no such user or group.
    """
    return AsNow() if _Chosen.choose is None else _Chosen.choose(user, groups)


def are_chosen() -> bool:
    """Return whether this process has been told how programs run."""
    return _Chosen.choose is not None
