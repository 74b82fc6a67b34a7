"""The format of requests: JSON records, or a format that a plugin converts to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from falcohost.web.body import Rejected, problem

#: Converts a request's headers and body to a text of JSON values; raises :class:`Rejected`.
Read = Callable[[Mapping[str, str], bytes], bytes]


def _records(headers: Mapping[str, str], body: bytes) -> bytes:
    if cause := problem(body):
        raise Rejected(HTTPStatus.BAD_REQUEST, f"the body is {cause}", cause)
    return body


@dataclass(frozen=True, slots=True)
class Form:
    """The accepted format.

    :ivar read: called in the thread that serves all senders, so it must be fast.
    :ivar wrappers: keys under which a body in the usual format has its records in one array, as the log's; they are
        found while the body is checked then.
    :ivar types: the accepted content types.
    """

    read: Read = _records
    types: tuple[str, ...] = ("application/json", "application/x-ndjson")
    wrappers: tuple[str, ...] = ()
