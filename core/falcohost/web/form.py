"""What a request holds: JSON records as they are, or what a plugin makes records of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from falcohost.web.body import Rejected, problem

#: Makes of a request's headers and its body a text of JSON values; raises :class:`Rejected`.
Read = Callable[[Mapping[str, str], bytes], bytes]


def _records(headers: Mapping[str, str], body: bytes) -> bytes:
    if cause := problem(body):
        raise Rejected(HTTPStatus.BAD_REQUEST, f"the body is {cause}", cause)
    return body


@dataclass(frozen=True, slots=True)
class Form:
    """What is taken.

    :ivar read: called in the thread that talks to all senders, so that it must not take long.
    :ivar types: the content types that are taken.
    """

    read: Read = _records
    types: tuple[str, ...] = ("application/json", "application/x-ndjson")
