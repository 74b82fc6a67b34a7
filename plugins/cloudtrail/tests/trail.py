"""Makes the objects that CloudTrail puts into a bucket, for tests: their keys and records."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

BUCKET = "trail"
ACCOUNT, OTHER = "123456789012", "210987654321"
#: Names that have to be quoted in a URL, and signed as they are quoted.
ODD = ["a", "AWSLogs/a b+c~(1)/ü%41.json.gz", "a//b/../c", "'\"*&=?#", "x" * 900]

RULES = """
- rule: asked
  desc: Fires on every request.
  condition: ct.name exists
  output: '%ct.id'
  priority: INFO
  source: aws_cloudtrail
"""


def record(ident, **members):
    """Return a record, whose id is *ident*, as CloudTrail writes them."""
    return {
        "eventVersion": "1.09", "userIdentity": {"type": "IAMUser", "userName": "alice", "accountId": ACCOUNT},
        "eventTime": "2026-11-25T12:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
        "awsRegion": "eu-central-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2",
        "eventID": str(ident), "eventType": "AwsApiCall", "managementEvent": True,
    } | members  # fmt: skip


def packed(*idents):
    """Return an object as CloudTrail delivers it, with a record for each of *idents*."""
    return gzip.compress(json.dumps({"Records": [record(ident) for ident in idents]}).encode(), 1)


def key(time="2026-11-25T12:05", name="a", account=ACCOUNT, region="eu-central-1", root="AWSLogs/"):
    """Return the key of an object that CloudTrail delivers at a *time*."""
    at = datetime.fromisoformat(time).replace(tzinfo=UTC)
    folder = f"{root}{account}/CloudTrail/{region}/{at:%Y/%m/%d}"
    return f"{folder}/{account}_CloudTrail_{region}_{at:%Y%m%dT%H%M}Z_{name}.json.gz"


def ids(events):
    """Return the ids of the records."""
    return [event.record["eventID"] for event in events]
