"""Orders: what commands have the store change, the same whether an agent runs or not."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from falcohost.store import verdicts
from falcohost.store.store import Store


class GiveVerdict(Struct, tag=True, frozen=True, forbid_unknown_fields=True):
    """Keep a verdict about the alert with the id *alert*; *by*: who gives it, as they call themselves."""

    alert: str
    verdict: verdicts.Kind
    note: str = ""
    by: str = ""


Order: TypeAlias = GiveVerdict


class Done(Struct, frozen=True):
    """What has come of an order. *number*: that of the alert.

    :ivar problem: why nothing was changed; empty if it was.
    """

    number: int = 0
    problem: str = ""


def carry_out(store: Store, order: Order, uid: int, now: int) -> Done:
    """Carry out *order* of the user *uid* at *now*, in seconds since the epoch.

    :raises StateError: it cannot be carried out; nothing was changed.
    """
    verdict = verdicts.Verdict(order.verdict, order.note, order.by, uid, now)
    return Done(store.change(lambda connection: verdicts.add(connection, order.alert, verdict)))
