"""The plugin is held to the contracts that falcohost has for every plugin, on a file as CloudTrail delivers it."""

from __future__ import annotations

import gzip
import json

import pytest
import trail

from falcohost.testing import PluginContract, SourceContract
from falcohost_cloudtrail import plugin

RECORD = {
    "eventTime": "2026-03-01T12:00:00Z",
    "eventType": "AwsApiCall",
    "eventSource": "s3.amazonaws.com",
    "eventName": "PutObject",
    "userIdentity": {"type": "IAMUser", "userName": "alice"},
    "requestParameters": {"bucketName": "b", "key": "k"},
    "responseElements": None,
    "additionalEventData": {"bytesTransferredIn": 12, "bytesTransferredOut": 0},
}
ODD = {name: ["odd"] for name in RECORD} | {"eventTime": "2026-03-01T12:00:01Z", "eventType": "AwsApiCall"}


class TestPlugin(PluginContract):
    """Its hooks and fields are sound."""

    plugin = plugin


class TestSource(SourceContract):
    """Its source keeps the contract."""

    plugin = plugin
    source = "aws_cloudtrail"

    @pytest.fixture
    def config(self, tmp_path):
        """Return the settings for a packed file of records, among them an odd one."""
        path = tmp_path / "123456789012_CloudTrail_eu-central-1_20260301T1205Z_x.json.gz"
        path.write_bytes(gzip.compress(json.dumps({"Records": [RECORD, ODD, *[RECORD] * 10]}).encode()))
        return {"open_params": str(path)}


class TestBucket(SourceContract):
    """So does the one that reads a bucket."""

    plugin = plugin
    source = "aws_cloudtrail"

    @pytest.fixture
    def config(self, aws, bucket):
        """Return the settings for a bucket with one object, of records that differ."""
        bucket.put(trail.key(), trail.packed(*range(100)))
        return {"open_params": f"s3://{trail.BUCKET}/", "aws": aws.settings}
