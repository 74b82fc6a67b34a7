"""Reads the object's address and the number of transferred bytes from S3 requests."""

from __future__ import annotations

from typing import Any

from falcohost.jsonlog import lookup
from falcohost_cloudtrail.values import MOST, as_count

BUCKET = "requestParameters.bucketName"
KEY = "requestParameters.key"
_IN = "additionalEventData.bytesTransferredIn"
_OUT = "additionalEventData.bytesTransferredOut"

URI_READS = (BUCKET, KEY)
IN_READS = (_IN,)
OUT_READS = (_OUT,)

_bucket = lookup(BUCKET)
_key = lookup(KEY)
_in = lookup(_IN)
_out = lookup(_OUT)


def uri(record: dict[str, Any]) -> str | None:
    """Return ``s3://bucket/key``, if the request names both."""
    bucket, key = _bucket(record), _key(record)
    return f"s3://{bucket}/{key}" if isinstance(bucket, str) and isinstance(key, str) else None


def bytes_in(record: dict[str, Any]) -> int | None:
    """Return the number of bytes that were sent to S3."""
    return as_count(_in(record))


def bytes_out(record: dict[str, Any]) -> int | None:
    """Return the number of bytes that S3 sent."""
    return as_count(_out(record))


def bytes_both(record: dict[str, Any]) -> int | None:
    """Return the number of bytes in both directions."""
    counts = [count for count in (bytes_in(record), bytes_out(record)) if count is not None]
    return min(sum(counts), MOST) if counts else None
