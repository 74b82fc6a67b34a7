"""Parses a message in a queue: which objects are new.

S3 has a format for SQS, for SNS and for EventBridge; CloudTrail has a format of its own for SNS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from falcohost_cloudtrail.layout import is_log

#: Sent by CloudTrail through SNS when a trail is set up, instead of JSON.
_VALIDATION = "CloudTrail validation message."

_NO_JSON = "it is not JSON"
_NO_OBJECTS = "it names no objects in a known format"


class Unknown(Exception):
    """A message that names no objects in a known format; the text says why."""


@dataclass(frozen=True, slots=True)
class Named:
    """A new object."""

    bucket: str
    key: str


def named(body: str) -> list[Named]:
    """Return the logs that the message *body* names; none if it is about another action of S3.

    :raises Unknown: it is not a message of S3, SNS, EventBridge or CloudTrail.
    """
    try:
        message = _inner(body)
        found = [] if message is None else list(_objects(message))
    except (KeyError, TypeError, AttributeError):
        raise Unknown(_NO_OBJECTS) from None
    except (ValueError, RecursionError):
        raise Unknown(_NO_JSON) from None
    return [one for one in dict.fromkeys(found) if is_log(one.key)]


def _inner(body: str) -> dict[str, Any] | None:
    """Return the message without its SNS envelope; None for CloudTrail's test message."""
    message = json.loads(body)
    if message.get("Type") == "Notification":
        text = message["Message"]
        message = None if text == _VALIDATION else json.loads(text)
    if message is not None and not isinstance(message, dict):
        raise TypeError
    return message


def _objects(message: dict[str, Any]) -> Iterator[Named]:
    if "Records" in message:
        for record in message["Records"]:
            if record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
                where = record["s3"]
                yield _named(where["bucket"]["name"], unquote_plus(where["object"]["key"]))
    elif "s3ObjectKey" in message:
        for key in message["s3ObjectKey"]:
            yield _named(message["s3Bucket"], key)
    elif message.get("source") == "aws.s3":
        if message["detail-type"] == "Object Created":
            where = message["detail"]
            yield _named(where["bucket"]["name"], where["object"]["key"])
    elif message.get("Event") != "s3:TestEvent":
        raise KeyError


def _named(bucket: object, key: object) -> Named:
    if not (isinstance(bucket, str) and bucket and isinstance(key, str)):
        raise TypeError
    try:
        (bucket + key).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may have, and no name in S3
        raise TypeError from None
    return Named(bucket, key)
