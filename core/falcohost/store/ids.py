"""The ids of stored alerts that may come a second time, each with the pack that its alert is in.

An id is stored with its source, since a source can make any id, and keeps out no alert of another one. Most ids are 32
hexadecimal digits, which take half as many bytes; of these, those of one time are neighbours.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

#: So many ids are written at once: to write each by itself takes longer.
_AT_ONCE: Final = 32

_DIGITS: Final = 32
_HEX, _TEXT = b"\x01", b"\x00"


def key_of(source: str, id: str) -> bytes:
    """Return by what the *id* of an alert of *source* is found. Capital digits are those that are not."""
    if len(id) == _DIGITS and (digits := _digits(id)) is not None:
        return _HEX + digits + source.encode()
    return _TEXT + id.encode() + b"\0" + source.encode()


def keys_of(source: str, ids: Sequence[str]) -> list[bytes]:
    """Return the keys of *ids* of alerts of *source*; it takes less than to ask for each by itself."""
    if {*map(len, ids)} == {_DIGITS} and (digits := _digits("".join(ids))) is not None:
        end, size = source.encode(), _DIGITS // 2
        return [_HEX + digits[at : at + size] + end for at in range(0, len(digits), size)]
    return [key_of(source, id) for id in ids]


def _digits(text: str) -> bytes | None:
    """Return the bytes of which *text* has the hexadecimal digits; None: there is anything else in it."""
    try:
        digits = bytes.fromhex(text)
    except ValueError:
        return None
    return digits if 2 * len(digits) == len(text) else None  # there may be spaces between them


def write_ids(connection: sqlite3.Connection, pack: int, keys: Sequence[bytes]) -> None:
    """Write of each key of an id that it is in *pack*."""
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        places = 1 << (len(some) - 1).bit_length()  # few texts, since the database keeps each prepared
        connection.execute(_writing(places), (pack, *some, *[some[0]] * (places - len(some))))


@functools.cache
def _writing(places: int) -> str:
    # OR REPLACE: what is there is of a pack that was lost.
    return f"INSERT OR REPLACE INTO ids (pack, id) VALUES {', '.join(f'(?1, ?{place + 2})' for place in range(places))}"


def forget(connection: sqlite3.Connection, pack: int, keys: Iterable[bytes]) -> None:
    """Forget these keys, whose alerts are in *pack* no longer."""
    connection.executemany("DELETE FROM ids WHERE id = ? AND pack = ?", [(key, pack) for key in keys])
