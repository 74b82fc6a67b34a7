"""Orders: what commands have the store change, the same whether an agent runs or not."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from falcohost.errors import StateError
from falcohost.store import silences, verdicts
from falcohost.store.store import Store
from falcohost.store.where import Where, WhereError


class GiveVerdict(Struct, tag=True, frozen=True, forbid_unknown_fields=True):
    """Keep a verdict about the alert with the id *alert*; *by*: who gives it, as they call themselves."""

    alert: str
    verdict: verdicts.Kind
    note: str = ""
    by: str = ""


class AddSilence(Struct, tag=True, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Silence alerts of *rule* for so many *seconds*: those for which *where* holds, or (None) all.

    :ivar text: *where* as it was given.
    :ivar own: the rule may be about falcohost itself.
    """

    rule: str
    seconds: int
    text: str = ""
    where: Where | None = None
    note: str = ""
    by: str = ""
    own: bool = False


class EndSilence(Struct, tag=True, frozen=True, forbid_unknown_fields=True):
    """End the silence *number*; *by*: who does, as they call themselves."""

    number: int
    by: str = ""


Order: TypeAlias = GiveVerdict | AddSilence | EndSilence


class Done(Struct, frozen=True):
    """What has come of an order. *number*: that of the alert, or of the silence.

    :ivar problem: why nothing was changed; empty if it was.
    """

    number: int = 0
    problem: str = ""


def carry_out(store: Store, order: Order, uid: int, now: int) -> Done:
    """Carry out *order* of the user *uid* at *now*, in seconds since the epoch.

    :raises StateError: it cannot be carried out; nothing was changed.
    """
    if isinstance(order, GiveVerdict):
        verdict = verdicts.Verdict(order.verdict, order.note, order.by, uid, now)
        return Done(store.change(lambda connection: verdicts.add(connection, order.alert, verdict)))
    if isinstance(order, EndSilence):
        who = f"{order.by[: silences.MOST_NAME]} (uid {uid})"
        return Done(store.change(lambda connection: silences.end(connection, order.number, f"by {who}", now)).number)
    silence = silences.Silence(
        rule=order.rule,
        text=order.text,
        where=order.where,
        note=order.note,
        by=order.by,
        uid=uid,
        begun=now,
        seconds=order.seconds,
        until=store.age + order.seconds,
    )
    if order.where is not None:
        _check(order.where)
    return Done(store.change(lambda connection: silences.add(connection, silence, own=order.own)))


def _check(where: Where) -> None:
    from falcohost.store.where_code import compiled

    try:
        compiled(where)
    except WhereError as error:
        raise StateError(str(error)) from error
