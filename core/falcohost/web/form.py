"""The format of requests: JSON records, or a format that a plugin converts to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from falcohost.web.body import Rejected, problem

#: Converts a request's headers and body to a text of JSON values; raises :class:`Rejected`.
Read = Callable[[Mapping[str, str], bytes], bytes]


def check_records(body: bytes) -> None:
    """Check that *body* contains records.

    :raises Rejected: it contains none.
    """
    if cause := problem(body):
        raise Rejected(HTTPStatus.BAD_REQUEST, f"the body is {cause}", cause)


@dataclass(frozen=True, slots=True)
class Form:
    """The accepted format.

    :ivar read: called in the thread that serves all senders, so it must be fast. None: a body is records as they are.
    :ivar types: the accepted content types.
    """

    read: Read | None = None
    types: tuple[str, ...] = ("application/json", "application/x-ndjson")
