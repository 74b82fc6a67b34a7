"""How often an actor was refused at the second factor lately: ``okta.mfa.*.countlast`` counts over several events.

The times are those of the events, so that a log that is read later is counted as it would have been when it was
written. Memory is bounded: so many times for each actor, and so many actors, of whom the one not seen for longest goes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import Any

from falcohost_okta.values import both_cases, reader

SECOND = 1_000_000_000

#: Most actors that are remembered, each once for denied pushes and once for other failures.
ACTORS = 10_000

#: What :func:`attempt` looks at.
READS = both_cases("eventType", "outcome.result", "actor.id")

DENIED = "user.mfa.okta_verify.deny_push"
BY_MFA = "user.authentication.auth_via_mfa"

_type = reader("eventType")
_result = reader("outcome.result")
_actor = reader("actor.id")


def attempt(record: dict[str, Any]) -> tuple[str, str] | None:
    """Return type and actor of an event that is a denied push or a failed second factor, None for any other."""
    kind = _type(record)
    if kind != DENIED and not (kind == BY_MFA and _result(record) == "FAILURE"):
        return None
    actor = _actor(record)
    return kind, actor if isinstance(actor, str) else ""


class Attempts:
    """The times of refusals. Two of one actor at the same nanosecond are one, so that an event may be added twice.

    :param per_actor: how many times are remembered of each actor.
    :param expiration: seconds without a refusal after which an actor's times are forgotten.
    """

    def __init__(self, per_actor: int, expiration: int) -> None:
        self._per_actor = per_actor
        self._expiration = expiration * SECOND
        self._times: OrderedDict[tuple[str, str], array[int]] = OrderedDict()

    def add(self, who: tuple[str, str], ts: int) -> None:
        """Remember that *who*, as :func:`attempt` says it, was refused at *ts*."""
        times = self._times.setdefault(who, array("q"))
        self._times.move_to_end(who)
        if times and ts - times[-1] > self._expiration:
            del times[:]
        place = bisect_left(times, ts)
        if place == len(times) or times[place] != ts:
            times.insert(place, ts)
        if len(times) > self._per_actor:
            del times[0]
        if len(self._times) > ACTORS:
            self._times.popitem(last=False)

    def count(self, record: dict[str, Any], ts: int, seconds: int) -> int | None:
        """Return how many refusals there were within *seconds* up to the refusal *record*, which counts itself.

        They are those of the same actor and the same type of event. None for an event that is no refusal.
        """
        who = attempt(record)
        times = None if who is None else self._times.get(who)
        if times is None:
            return None
        return bisect_right(times, ts) - bisect_right(times, ts - seconds * SECOND)
