"""What ``falcohost doctor`` finds out by asking once."""

from __future__ import annotations

from falcohost.errors import FalcohostError
from falcohost.jsonlog.refusals import Refusals
from falcohost.poll.page import Poller


def poll_problem(poller: Poller) -> str | None:
    """Return why *poller*'s first page cannot be had, and what mends it; None if it can."""
    try:
        try:
            poller.open(Refusals())
            poller.fetch(None)
        finally:
            poller.close()
    except FalcohostError as error:
        return str(error)
    return None
