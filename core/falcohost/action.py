"""Actions: what a plugin does about an alert, once (provisional).

An action is bound to rules in the configuration (``actions``), and off unless it is. It gets an alert at once, before
floods are folded and before any output has it, and each alert at most once: what fails is told, and not tried again.
It runs without privileges, in a process that all actions of plugins share with the types ``program`` and ``http``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from falcohost.alert import Alert
from falcohost.errors import FalcohostError

__all__ = ["Action", "ActionError", "ActionSpec"]


class ActionError(FalcohostError):
    """An action has failed; the text says what was not done, and why."""


class Action(Protocol):
    """Acts on alerts. Called from a single thread of its own."""

    def act(self, alert: Alert) -> str:
        """Act on *alert*; return what was done, in a few words: ``has locked the account``.

        :raises ActionError: it was not done. Any other exception counts as that, too.
        """

    def close(self) -> None:
        """Release everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """An action that a plugin offers.

    :ivar name: the ``type`` that selects it in ``actions.define``.
    :ivar description: one line that ends with a full stop.
    :ivar make: called with the action's block in the configuration; returns the action. It is called before the
        process gives up its rights, and, to check the block, where the configuration is read: it must change nothing.
        Raises :class:`ActionError` if the block is wrong.
    :ivar connects: called with that block; returns the addresses that the action connects to, as ``host:port``.
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any]], Action]
    connects: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
