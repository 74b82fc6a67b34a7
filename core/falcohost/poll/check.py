"""Checks for ``falcohost doctor`` that fetch a page once."""

from __future__ import annotations

from falcohost.errors import FalcohostError
from falcohost.hookspecs import RetriedProblem
from falcohost.jsonlog.refusals import Refusals
from falcohost.poll.page import Poller


def poll_problem(poller: Poller) -> str | None:
    """Return why the first page of *poller* cannot be fetched and how to fix that; None if it can."""
    try:
        try:
            poller.open(Refusals())
            poller.fetch(None)
        finally:
            poller.close()
    except FalcohostError as error:
        return RetriedProblem(error)
    return None
