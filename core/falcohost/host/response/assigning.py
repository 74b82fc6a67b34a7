"""Decides in the reader what the processes that act on alerts get; and whether there are any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from msgspec import Struct

from falcohost.host.given import Configured
from falcohost.host.plugins import Plugins
from falcohost.host.response.binding import addresses, bound_actions, check_actions
from falcohost.host.response.data import ActionsData, ResponsesData, actions_data, is_signal, responses_data
from falcohost.lang.default_source import DEFAULT_SOURCE

#: The value of ``engine.kind`` with which system calls are those of a capture.
_REPLAY = "replay"


class ResponseParts(Struct, frozen=True):
    """What both processes get.

    :ivar responses: None: all actions are signals.
    :ivar kinds: the types of the actions that are none; *connects*: the addresses to which these connect.
    """

    actions: ActionsData
    responses: ResponsesData | None
    kinds: Set[str]
    connects: tuple[str, ...]


def response_parts(given: Configured, plugins: Plugins, sources: Iterable[str], hostname: str) -> ResponseParts | None:
    """Return what the processes get; None: actions are switched off, or this agent reads only what has happened before.

    :param sources: the sources whose alerts may cause actions.
    :raises ConfigError: an action is bound to what there is not, or has settings that it does not take.
    """
    response = given.config.response
    live = [name for name in sources if name != DEFAULT_SOURCE or not replays(given.config.others)]
    if not response.enabled or not live:
        return None
    check_actions(response, plugins)
    bound = bound_actions(response, given.ruleset, live)
    names = [name for name, one in response.actions.items() if not is_signal(one.kind)]
    return ResponseParts(
        actions_data(given, bound, hostname),
        responses_data(given, plugins, names) if names else None,
        {response.actions[name].kind for name in names},
        tuple(addresses(response, plugins, names)),
    )


def replays(others: Mapping[str, object]) -> bool:
    """Return whether the source of system calls reads a capture, by the rest of the configuration."""
    engine = others.get("engine")
    return isinstance(engine, Mapping) and engine.get("kind") == _REPLAY
