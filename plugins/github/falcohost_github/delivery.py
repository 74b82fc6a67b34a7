"""Turns a request of a GitHub webhook into the record that rules see.

The record is the payload with the event from the header as ``webhook_type``, as in Falco's plugin. Two more members are
the id of the delivery, which is the same when it is sent again, and the webhook that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from falcohost.jsonlog import NOT_AN_OBJECT, NOT_JSON, TOO_DEEP, Origin, Refused, whole_record
from falcohost.web import Form, Rejected

TYPE, GUID, HOOK = "webhook_type", "webhook_delivery", "webhook_hook"

#: The event and the delivery, in GitHub's headers.
_EVENT, _DELIVERY = "X-GitHub-Event", "X-GitHub-Delivery"

#: The type of the webhook's owner (repository, organization), and the webhook's id.
_TARGET, _HOOK = "X-GitHub-Hook-Installation-Target-Type", "X-GitHub-Hook-ID"

_URLENCODED = "application/x-www-form-urlencoded"

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


class _Named(msgspec.Struct):
    webhook_delivery: str | None = None


def guid_of(text: bytes) -> str | None:
    """Return the id of the delivery in the record *text*."""
    return _named(text).webhook_delivery


_named = msgspec.json.Decoder(_Named).decode

#: A delivery is identified by its id, which is the same when GitHub sends it again.
ORIGIN = Origin("a delivery", "delivery", id_of=guid_of)


def read(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the record of a request.

    :raises Rejected: the request is not from a GitHub webhook.
    """
    event, guid = headers.get(_EVENT), headers.get(_DELIVERY)
    if not event or not guid:
        raise Rejected(HTTPStatus.BAD_REQUEST, f"the headers {_EVENT} and {_DELIVERY} of a GitHub webhook are missing")
    hook = f"{headers.get(_TARGET, '')}/{headers.get(_HOOK, '')}"
    payload = _payload(body) if _URLENCODED in headers.get("Content-Type", "").lower() else body
    try:
        return record(payload, event, guid, hook)
    except msgspec.ValidationError:
        raise _not(NOT_AN_OBJECT) from None
    except RecursionError:
        raise _not(TOO_DEEP) from None
    except ValueError:
        raise _not(NOT_JSON) from None


def record(payload: bytes, event: str, guid: str, hook: str) -> bytes:
    """Return the record of the delivery *guid* of an *event* with its *payload*, by *hook*: ``repository/42``.

    :raises ValueError: the payload is not a JSON object.
    :raises RecursionError: it is nested too deeply.
    """
    return _encode({**_read_members(payload), TYPE: event, GUID: guid, HOOK: hook})


def extended(text: bytes, members: Mapping[str, Any]) -> bytes:
    """Return the record *text* with *members* added."""
    return _encode({**_members(text), **members})


def _read_members(payload: bytes) -> Mapping[str, Any]:
    try:
        return _members(payload)
    except msgspec.ValidationError:
        raise
    except ValueError:
        pass
    try:
        return whole_record(payload)  # half a surrogate pair in a commit's message hides no push
    except Refused as refused:
        raise ValueError(str(refused)) from None


FORM = Form(read, ("application/json", _URLENCODED))


def _payload(body: bytes) -> bytes:
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=16)).get("payload", "").encode()
    except ValueError:
        raise _not(NOT_JSON) from None


def _not(cause: str) -> Rejected:
    return Rejected(HTTPStatus.BAD_REQUEST, f"the payload is {cause}", cause)
