"""Silences: alerts of a rule that are stored, but delivered to nobody, until a certain time.

An end is kept by the clock of the store (:mod:`falcohost.store.age`) and by the time of day, whichever comes first: a
clock that somebody sets makes no silence longer.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec
from msgspec import Struct

from falcohost.errors import StateError
from falcohost.store.where import Where

#: Most silences at a time; most seconds of one; most ended ones that are remembered.
MOST: Final = 100
LONGEST: Final = 30 * 86_400
MOST_ENDED: Final = 500

#: Most characters of the name of a rule, of a condition, of a note, of a name.
MOST_RULE: Final = 1024
MOST_TEXT: Final = 4096
MOST_NOTE: Final = 1024
MOST_NAME: Final = 64

#: What the store process raises about silences can never be silenced.
RULE: Final = "Falcohost internal: silence"

#: A rule with one of these words in its name is about falcohost itself; it is silenced only by who says so plainly.
_OWN: Final = ("falcohost", "agent")


class Silence(Struct, frozen=True, kw_only=True):
    """A silence.

    :ivar number: identifies it; never used again.
    :ivar text: the condition as it was given; *where*: the same as data. Empty, and None: all alerts of the rule.
    :ivar by: who made it, as they call themselves; *uid*: as the kernel knows them.
    :ivar begun: when, in seconds since the epoch; *seconds*: for how long.
    :ivar until: its end by the clock of the store.
    :ivar ended: when it was ended, in seconds since the epoch; 0: it goes on. *why*: by what.
    :ivar count: number of alerts that it has silenced.
    :ivar untold: number of these that no later alert has told of; *since*: the time of the first of them in ns.
    :ivar announced: 0: nobody was told of it; 1: that it began was told; 2: that it ended was told.
    """

    number: int = 0
    rule: str
    text: str = ""
    where: Where | None = None
    note: str = ""
    by: str = ""
    uid: int = 0
    begun: int = 0
    seconds: int
    until: int = 0
    ended: int = 0
    why: str = ""
    count: int = 0
    untold: int = 0
    since: int = 0
    announced: int = 0

    def ends(self, age: int, now: int) -> bool:
        """Return whether its time is over at *age* by the store's clock, and *now* by the time of day."""
        return age >= self.until or now >= self.begun + self.seconds


def is_own(rule: str) -> bool:
    """Return whether *rule* is about falcohost itself."""
    words = rule.lower().replace(":", " ").split()
    return any(word in words for word in _OWN)


def told(silence: Silence, what: str) -> tuple[str, dict[str, object]]:
    """Return what an alert says of *silence*, of which *what* is told: that it ``began``, or that it ``ended``."""
    about = f" where {silence.text}" if silence.text else ""
    text = f"silence {silence.number} of the rule '{silence.rule}'{about}: "
    if what == "began":
        text += f"its alerts are delivered to nobody for {silence.seconds} s"
    else:
        text += f"it has ended ({silence.why}) and has silenced {silence.count} alerts"
    fields: dict[str, object] = {
        "silence": silence.number,
        "rule": silence.rule,
        "where": silence.text,
        "seconds": silence.seconds,
        "by": silence.by,
        "uid": silence.uid,
        "note": silence.note,
        "silenced": silence.count,
    }
    return text, fields


def add(connection: sqlite3.Connection, silence: Silence, *, own: bool) -> int:
    """Write the new *silence*, in the transaction that has begun; return its number.

    :param own: it may be about falcohost itself.
    :raises StateError: there may be no such silence.
    """
    if not 0 < silence.seconds <= LONGEST:
        raise StateError(f"a silence is for at least a second, and {LONGEST // 86_400} days at most")
    if silence.rule == RULE:
        raise StateError("what falcohost says about silences cannot be silenced")
    if is_own(silence.rule) and not own:
        raise StateError(f"'{silence.rule[:MOST_RULE]}' is about falcohost itself; add --own if that is to be silenced")
    sizes = ((silence.rule, MOST_RULE), (silence.text, MOST_TEXT), (silence.note, MOST_NOTE), (silence.by, MOST_NAME))
    if not silence.rule or any(len(text) > most for text, most in sizes):
        raise StateError("the rule, the condition, the note or the name of a silence is too long, or there is no rule")
    if len(load(connection)) >= MOST:
        raise StateError(f"there are {MOST} silences, which is the most; falcohost silence list shows them")
    cursor = connection.execute("INSERT INTO silences (ended, silence) VALUES (0, ?)", (_encode(silence),))
    _forget_ended(connection)
    return cursor.lastrowid or 0


def load(connection: sqlite3.Connection, *, ended: bool = False) -> list[Silence]:
    """Return the silences, by number; with *ended*, also those that have ended. What cannot be read is left out."""
    where = "" if ended else "WHERE ended = 0 "
    rows = connection.execute(f"SELECT number, silence FROM silences {where}ORDER BY number").fetchall()
    return [found for number, body in rows if (found := _decoded(number, body)) is not None]


def untold(connection: sqlite3.Connection) -> list[Silence]:
    """Return ended silences with alerts that no later alert has told of, or whose end nobody was told."""
    return [one for one in load(connection, ended=True) if one.ended and (one.untold or one.announced < 2)]


def write(connection: sqlite3.Connection, silence: Silence) -> None:
    """Write a *silence* that has changed, in the transaction that has begun."""
    sql = "UPDATE silences SET ended = ?, silence = ? WHERE number = ?"
    connection.execute(sql, (silence.ended, _encode(silence), silence.number))


def end(connection: sqlite3.Connection, number: int, why: str, now: int) -> Silence:
    """End the silence *number*, in the transaction that has begun.

    :raises StateError: there is none.
    """
    found = next((one for one in load(connection) if one.number == number), None)
    if found is None:
        raise StateError(f"there is no silence {number}; falcohost silence list shows them")
    ended = msgspec.structs.replace(found, ended=max(now, 1), why=why)
    write(connection, ended)
    return ended


def _forget_ended(connection: sqlite3.Connection) -> None:
    sql = "SELECT number FROM silences WHERE ended ORDER BY number DESC LIMIT 1 OFFSET ?"
    connection.execute(f"DELETE FROM silences WHERE ended AND number <= ({sql})", (MOST_ENDED,))


def _decoded(number: int, body: bytes) -> Silence | None:
    try:
        return msgspec.structs.replace(_decode(body), number=number)
    except msgspec.MsgspecError:
        return None


_encode: Any = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Silence).decode
