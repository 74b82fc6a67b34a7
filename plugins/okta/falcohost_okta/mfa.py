"""Counts an actor's recent failures at the second factor over several events, for ``okta.mfa.*.countlast``.

It uses the times of the events, so a log gives the same counts whenever it is read. Memory is bounded: a number of
times for each actor, and a number of actors, of which the one not seen for longest is forgotten.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import Any

from falcohost_okta.values import both_cases, reader

SECOND = 1_000_000_000

#: Largest number of actors that are remembered, separately for denied pushes and for other failures.
ACTORS = 10_000

#: The members that :func:`attempt` reads.
READS = both_cases("eventType", "outcome.result", "actor.id")

DENIED = "user.mfa.okta_verify.deny_push"
BY_MFA = "user.authentication.auth_via_mfa"

_type = reader("eventType")
_result = reader("outcome.result")
_actor = reader("actor.id")


def attempt(record: dict[str, Any]) -> tuple[str, str] | None:
    """Return type and actor of a denied push or a failed second factor, None for any other event."""
    kind = _type(record)
    if kind != DENIED and not (kind == BY_MFA and _result(record) == "FAILURE"):
        return None
    actor = _actor(record)
    return kind, actor if isinstance(actor, str) else ""


class Attempts:
    """The times of failures. Two of one actor in the same nanosecond count once, so an event may be added twice.

    :param per_actor: number of times that are remembered of each actor.
    :param expiration: seconds without a failure after which those of an actor are forgotten.
    """

    def __init__(self, per_actor: int, expiration: int) -> None:
        self._per_actor = per_actor
        self._expiration = expiration * SECOND
        self._times: OrderedDict[tuple[str, str], array[int]] = OrderedDict()

    def add(self, who: tuple[str, str], ts: int) -> None:
        """Remember a failure of *who* (a result of :func:`attempt`) at *ts*."""
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
        """Return the number of failures in the *seconds* up to the failure *record*, including itself.

        Counts those of the same actor and event type. Returns None for an event that is not a failure.
        """
        who = attempt(record)
        times = None if who is None else self._times.get(who)
        if times is None:
            return None
        return bisect_right(times, ts) - bisect_right(times, ts - seconds * SECOND)
