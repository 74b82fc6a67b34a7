"""Verdicts about alerts: what somebody who has looked into an alert found, who that was, and when.

They stay longer than the alerts, so that the share of false alarms of a rule can be told.
"""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from falcohost.errors import StateError
from falcohost.store.body import brief_of
from falcohost.store.packs import with_id

#: ``true``: it was what the rule looks for. ``false``: it was not. ``benign``: it was, and somebody was allowed to.
Kind: TypeAlias = Literal["true", "false", "benign"]
KINDS: Final[tuple[Kind, ...]] = ("true", "false", "benign")

#: Most verdicts; the oldest are given up. Most characters of a note, and of a name.
MOST: Final = 100_000
MOST_NOTE: Final = 1024
MOST_NAME: Final = 64

_ADD: Final = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_BOUND: Final = "DELETE FROM verdicts WHERE seq <= (SELECT seq FROM verdicts ORDER BY seq DESC LIMIT 1 OFFSET ?)"


class Verdict(Struct, frozen=True):
    """A verdict about one alert.

    :ivar by: who gave it, as they call themselves; *uid*: as the kernel knows them (unix(7), SO_PEERCRED).
    :ivar at: seconds since the epoch.
    """

    verdict: Kind
    note: str
    by: str
    uid: int
    at: int


class Judged(Struct, frozen=True):
    """How many alerts of a rule have each verdict."""

    true: int = 0
    false: int = 0
    benign: int = 0

    @property
    def share(self) -> float:
        """Return the share of false alarms among the alerts with a verdict; there is at least one."""
        return self.false / (self.true + self.false + self.benign)


def no_alert(alert: str) -> str:
    """Return the message that no alert has the id *alert*."""
    return f"no alert has the id '{alert[:MOST_NAME]}'; falcohost alerts --ids prints the ids of alerts"


def add(connection: sqlite3.Connection, alert: str, verdict: Verdict) -> int:
    """Write *verdict* about the alert with this id, in the transaction that has begun; return the alert's number.

    Of several alerts with this id, it is about the last.

    :raises StateError: there is no such alert.
    """
    if len(verdict.note) > MOST_NOTE or len(verdict.by) > MOST_NAME:
        raise StateError(f"a note has {MOST_NOTE} characters at most, a name {MOST_NAME}")
    found = with_id(connection, alert)
    if found is None or (brief := brief_of(found[1])) is None:
        raise StateError(no_alert(alert))
    seq, _ = found
    values = verdict.verdict, verdict.note, verdict.by, verdict.uid, verdict.at
    connection.execute(_ADD, (seq, brief.rule, brief.source, *values))
    connection.execute(_BOUND, (MOST,))
    return seq
