"""Records what the sources of this process try again, for statistics, and whether somebody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from weakref import WeakKeyDictionary

#: Seconds of failures in a row after which a source is given up that somebody waits for.
GIVE_UP = 60.0

#: Longest wait of such a source before another attempt, in seconds.
ON_DEMAND_WAIT = 10.0


class _Retries:
    """The failing attempts of this process, by the object that counts them: what fails, and how often in a row."""

    def __init__(self) -> None:
        self.on_demand = False
        self.lock = threading.Lock()  # some attempts are made in threads
        self.failing: WeakKeyDictionary[object, tuple[str, int]] = WeakKeyDictionary()


_here = _Retries()


def run_on_demand(on: bool) -> None:
    """Set whether somebody waits for the sources of this process and of those that it forks."""
    _here.on_demand = on


def is_on_demand() -> bool:
    """Return whether somebody waits for the sources of this process."""
    return _here.on_demand


def note(counter: object, what: str, count: int) -> None:
    """Record that *what* has failed *count* times in a row."""
    with _here.lock:
        _here.failing[counter] = what, count


def forget(counter: object) -> None:
    """Record that it has not failed."""
    with _here.lock:
        _here.failing.pop(counter, None)


def failing() -> Mapping[str, int]:
    """Return what fails at the moment, with the number of attempts in a row."""
    with _here.lock:
        return dict(_here.failing.values())
