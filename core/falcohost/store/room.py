"""Gives room that the file of a store does not need any more back to the file system, a little at a time.

Deleted alerts leave free pages, which the next ones fill. There are many more of them where the limit was lowered, or
where single transactions were larger than the limit.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from falcohost.store.database import one

#: The part of the limit that may be free: a check deletes less than that at once.
_PART: Final = 4

#: Bytes of pages that are given back at once, which takes a few milliseconds.
_AT_ONCE: Final = 2 << 20


def give_back(connection: sqlite3.Connection, megabytes: int) -> bool:
    """Give some of the free pages back if there are too many for a limit of *megabytes*; return whether it was done.

    A file that an earlier version has made cannot do that, and stays as it is.
    """
    size = one(connection, "PRAGMA page_size")
    pages = min(one(connection, "PRAGMA freelist_count") - (megabytes << 20) // _PART // size, _AT_ONCE // size)
    if pages <= 0 or not one(connection, "PRAGMA auto_vacuum"):
        return False
    # With execute(), Python 3.11 gives a single page back.
    connection.executescript(f"PRAGMA incremental_vacuum({pages})")
    return True
