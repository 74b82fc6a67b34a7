"""Falco's public rules for CloudTrail, all of them, each with a record that fires it and a close one that does not."""

from __future__ import annotations

import json

import pytest
import yaml

from falcohost.testing import rules_fired
from falcohost_cloudtrail import plugin

#: Fires on every record, so that it has no twin.
ALL = "All Cloudtrail Events"


def record(name, **members):
    """Return a record of the request *name* by a user."""
    return {
        "eventVersion": "1.08",
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "AwsApiCall",
        "eventSource": "iam.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "accountId": "123456789012"},
        **members,
    }


def login(mfa, identity, outcome="Success"):
    """Return the record of a login to the console."""
    return record(
        "ConsoleLogin",
        eventType="AwsConsoleSignIn",
        userIdentity={"type": identity, "arn": f"arn:aws:iam::123456789012:{identity}"},
        responseElements={"ConsoleLogin": outcome},
        additionalEventData={"MFAUsed": mfa},
    )


def public_access(blocked):
    """Return the record of a request that sets what of a bucket may be public."""
    return record(
        "PutBucketPublicAccessBlock",
        requestParameters={
            "publicAccessBlock": "",
            "bucketName": "invoices",
            "PublicAccessBlockConfiguration": {
                "RestrictPublicBuckets": blocked,
                "BlockPublicPolicy": True,
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
            },
        },
    )


def pair(name, **members):
    """Return the record of a request, and that of the same request when it is denied."""
    return record(name, **members), record(name, errorCode="AccessDenied", **members)


ECS = {"eventSource": "ecs.amazonaws.com"}

RECORDS = {
    "Console Login Through Assume Role": (login("No", "AssumedRole"), login("No", "AssumedRole", "Failure")),
    "Console Login Without MFA": (login("No", "IAMUser"), login("Yes", "IAMUser")),
    "Console Root Login Without MFA": (login("No", "Root"), login("No", "IAMUser")),
    "Deactivate MFA for Root User": (
        record(
            "DeactivateMFADevice",
            userIdentity={"type": "Root"},
            requestParameters={"userName": "AWS ROOT USER", "serialNumber": "arn:aws:iam::123456789012:mfa/root"},
        ),
        record("DeactivateMFADevice", userIdentity={"type": "Root"}, requestParameters={"userName": "alice"}),
    ),
    "Create AWS user": pair("CreateUser", requestParameters={"userName": "bob"}),
    "Create Group": pair("CreateGroup", requestParameters={"groupName": "admins"}),
    "Delete Group": pair("DeleteGroup", requestParameters={"groupName": "admins"}),
    "ECS Service Created": (record("CreateService", **ECS), record("CreateService")),
    "ECS Task Run or Started": (record("StartTask", **ECS), record("StopTask", **ECS)),
    "Create Lambda Function": pair("CreateFunction20150331"),
    "Update Lambda Function Code": pair("UpdateFunctionCode20150331v2"),
    "Update Lambda Function Configuration": pair("UpdateFunctionConfiguration20150331v2"),
    "Run Instances": pair("RunInstances"),
    "Run Instances in Non-approved Region": (
        record("RunInstances", awsRegion="us-east-1"),
        record("RunInstances", awsRegion="us-east-0"),
    ),
    "Delete Bucket Encryption": pair("DeleteBucketEncryption", requestParameters={"bucketName": "invoices"}),
    "Delete Bucket Public Access Block": (public_access(blocked=False), public_access(blocked=True)),
    "List Buckets": pair("ListBuckets", requestParameters={"Host": "s3.amazonaws.com"}),
    "Put Bucket ACL": pair("PutBucketAcl", requestParameters={"bucketName": "invoices"}),
    "Put Bucket Policy": pair("PutBucketPolicy", requestParameters={"bucketName": "invoices"}),
    "CloudTrail Trail Created": pair("CreateTrail", requestParameters={"name": "main"}),
    "CloudTrail Logging Disabled": pair("StopLogging", requestParameters={"name": "main"}),
}


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the rules file."""
    return corpus / "rules" / "aws_cloudtrail_rules.yaml"


@pytest.fixture(scope="module")
def fired(rules_file, tmp_path_factory):
    """Return for each rule what its record and its twin fire, read as one file of CloudTrail."""
    path = tmp_path_factory.mktemp("log") / "records.json"
    path.write_text(json.dumps({"Records": [one for both in RECORDS.values() for one in both]}))
    found = iter(rules_fired(plugin, "aws_cloudtrail", [rules_file], {"open_params": str(path)}))
    return {rule: (next(found), next(found)) for rule in RECORDS}


def test_all_rules_are_here(rules_file):
    """Every rule of the public set has its records here, but for the one that fires on all."""
    names = {item["rule"] for item in yaml.safe_load(rules_file.read_text()) if "rule" in item}

    assert names == {ALL, *RECORDS}


@pytest.mark.parametrize("rule", RECORDS)
def test_fires(fired, rule):
    """The rule fires on its record, and so does the one that fires on all."""
    fires, _ = fired[rule]

    assert {ALL, rule} <= set(fires)


@pytest.mark.parametrize("rule", RECORDS)
def test_twin_does_not_fire(fired, rule):
    """The rule does not fire on the twin, which is read all the same."""
    _, twin = fired[rule]

    assert ALL in twin
    assert rule not in twin
