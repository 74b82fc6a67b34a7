"""The record in one line: ``ct.info`` and ``evt.plugininfo``."""

from __future__ import annotations

import pytest

from falcohost.jsonlog import event_of
from falcohost_cloudtrail.source import LOG

ALICE = {"type": "IAMUser", "userName": "alice"}


@pytest.mark.parametrize(
    ("members", "info"),
    [
        ({"eventName": "ListUsers", "readOnly": True}, "alice via 203.0.113.7 ← ListUsers"),
        ({"eventName": "CreateUser", "readOnly": False}, "alice via 203.0.113.7 → CreateUser"),
        ({"eventName": "CreateUser"}, "alice via 203.0.113.7 ← CreateUser"),
        ({"eventName": "ListUsers", "errorCode": "AccessDenied"}, "alice via 203.0.113.7 !← ListUsers"),
        (
            {
                "eventName": "PutObject",
                "readOnly": False,
                "requestParameters": {"bucketName": "b", "key": "k"},
                "additionalEventData": {"bytesTransferredIn": 12, "bytesTransferredOut": 0},
            },
            "alice via 203.0.113.7 → PutObject Size=12 URI=s3://b/k",
        ),
        (
            {"eventName": "GetBucketAcl", "requestParameters": {"bucketName": "b", "Host": "h"}},
            "alice via 203.0.113.7 ← GetBucketAcl Bucket=b",
        ),
        ({"eventName": "Any", "requestParameters": {"key": "k"}}, "alice via 203.0.113.7 ← Any Key=k"),
        (
            {"eventName": "ListBuckets", "requestParameters": {"Host": "h"}},
            "alice via 203.0.113.7 ← ListBuckets Host=h",
        ),
        (
            {
                "eventName": "PutBucketPublicAccessBlock",
                "readOnly": False,
                "requestParameters": {"bucketName": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
            },
            "alice via 203.0.113.7 → PutBucketPublicAccessBlock BlockPublicAcls=true BlockPublicPolicy=false "
            "IgnorePublicAcls=false RestrictPublicBuckets=false",
        ),
    ],
)
def test_info(value, members, info):
    """The line says who, from where, whether it failed, which way, what, and what it was about."""
    assert info == value("ct.info", {"userIdentity": ALICE, "sourceIPAddress": "203.0.113.7", **members})


def test_info_of_a_service(value):
    """An address that is the user is not repeated."""
    identity = {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}

    assert "ec2.amazonaws.com ← AssumeRole" == value(
        "ct.info", {"userIdentity": identity, "sourceIPAddress": "ec2.amazonaws.com", "eventName": "AssumeRole"}
    )


def test_info_of_nothing(value):
    """Members that the record lacks are left out of the line."""
    assert "←" == value("ct.info", {})


def test_plugininfo():
    """The line of evt.plugininfo says region, user, service and request before."""
    record = {
        "awsRegion": "eu-central-1",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "userIdentity": ALICE,
        "sourceIPAddress": "203.0.113.7",
    }

    assert "eu-central-1 alice iam ListUsers alice via 203.0.113.7 ← ListUsers" == event_of(LOG, record).plugininfo
