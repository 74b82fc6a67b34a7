"""Summarizes a record in one line: who did what from where, and whether it succeeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost.jsonlog import ABSENT, lookup
from falcohost_cloudtrail.identity import USER_READS, user
from falcohost_cloudtrail.transfers import BUCKET, IN_READS, KEY, OUT_READS, URI_READS, bytes_both, uri
from falcohost_cloudtrail.values import as_text, as_truth

_NAME = "eventName"
_ADDRESS = "sourceIPAddress"
_ERROR = "errorCode"
_READ_ONLY = "readOnly"
_HOST = "requestParameters.Host"
_BLOCKS = "requestParameters.PublicAccessBlockConfiguration"

READS = (_NAME, _ADDRESS, _ERROR, _READ_ONLY, _HOST, _BLOCKS, *USER_READS, *IN_READS, *OUT_READS, *URI_READS)

#: What can be blocked for a bucket, in the order of display.
_BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

_name = lookup(_NAME)
_address = lookup(_ADDRESS)
_error = lookup(_ERROR)
_read_only = lookup(_READ_ONLY)
_blocks = lookup(_BLOCKS)
_region = lookup("awsRegion")
_source = lookup("eventSource")


def _text_at(path: str) -> Callable[[dict[str, Any]], str | None]:
    read = lookup(path)
    return lambda record: as_text(read(record))


#: Possible objects of a request, with their labels; the first that is present is shown.
_ABOUT = (("URI", uri), ("Bucket", _text_at(BUCKET)), ("Key", _text_at(KEY)), ("Host", _text_at(_HOST)))


def short_source(record: dict[str, Any]) -> str | None:
    """Return the service's name without the common domain."""
    source = as_text(_source(record))
    return source.removesuffix(".amazonaws.com") or source if source else source


def info(record: dict[str, Any]) -> str:
    """Return who did what from where: ``alice via 203.0.113.7 !→ PutObject Size=12 URI=s3://bucket/key``.

    The arrow points right if the request changes something; ``!`` marks a failure.
    """
    who, where = user(record), as_text(_address(record))
    failed = "" if _error(record) is ABSENT else "!"
    arrow = "→" if as_truth(_read_only(record)) == "false" else "←"
    name = as_text(_name(record)) or ""
    parts = [
        who,
        f"via {where}" if where and where != who else None,
        f"{failed}{arrow}",
        name,
        *(_what_is_blocked(record) if name == "PutBucketPublicAccessBlock" else _what_it_is_about(record)),
    ]
    return " ".join(filter(None, parts))


def line(record: dict[str, Any]) -> str:
    """Return region, user, service and request, followed by :func:`info`."""
    parts = (as_text(_region(record)), user(record), short_source(record), as_text(_name(record)), info(record))
    return " ".join(filter(None, parts))


def _what_is_blocked(record: dict[str, Any]) -> list[str]:
    blocks = _blocks(record)
    if not isinstance(blocks, dict):
        return []
    return [f"{name}={'true' if blocks.get(name) is True else 'false'}" for name in _BLOCKED]


def _what_it_is_about(record: dict[str, Any]) -> list[str]:
    size = bytes_both(record)
    parts = [] if size is None else [f"Size={size}"]
    about = ((label, read(record)) for label, read in _ABOUT)
    return [*parts, *next(([f"{label}={value}"] for label, value in about if value is not None), [])]
