"""Marks the functions that a process of the agent calls because another one has named them (provisional).

Which function loads a source, and which one serves as a helper, the process says that reads configuration and rules. It
is confined, and the processes that call the function are not yet: whoever took the first one over could name any
function of Python's library. So only functions of plugins are called that have a mark, and with no more rights than it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

__all__ = ["Called", "Kind", "called_by_name", "how_called"]

_Function = TypeVar("_Function", bound=Callable[..., object])

#: What a function is called as: :attr:`falcohost.SourceSpec.load` or ``sentinel`` of it, or
#: :attr:`falcohost.helpers.HelperSpec.serve` or ``opens`` of it.
Kind: TypeAlias = Literal["load", "sentinel", "serve", "opens"]

_MARK: Final = "__falcohost_called__"


class Called(NamedTuple):
    """What a function may be called as, and the most rights of the process that goes on with it.

    :ivar capabilities: Linux capabilities that it keeps; *calls*: what it does (:attr:`falcohost.needs.Needs.calls`).
    """

    kind: Kind
    capabilities: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()


def called_by_name(
    kind: Kind, *, capabilities: frozenset[str] = frozenset(), calls: frozenset[str] = frozenset()
) -> Callable[[_Function], _Function]:
    """Return a decorator that lets processes call a function as *kind* if another one names it.

    :param capabilities: the most capabilities that the process may keep; *calls*: the most that it may do.
    """

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, Called(kind, capabilities, calls))
        return function

    return mark


def how_called(function: Callable[..., Any]) -> Called | None:
    """Return what *function* may be called as; None: it has no mark."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Called) else None
