"""The rules that the plugin ships: each fires on its records and, alone, on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
import yaml
from aws_tactics import TACTICS

from falcohost.testing import rules_fired
from falcohost_cloudtrail import plugin

ALICE = {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::123456789012:user/alice"}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def record(service, name, request=None, **members):
    """Return the record of a request to a service."""
    return {
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "AwsApiCall",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "userIdentity": ALICE,
        "requestParameters": request,
        **members,
    }


def shared(group):
    """Return what a request adds to those who may use something."""
    return {"add": {"items": [{"userId": "123456789012"}, group]}}


PUBLIC = shared({"group": "all"})

#: For each rule records that fire it, and records that fire nothing.
RECORDS = {
    "Audit trail of AWS removed": (
        [record("cloudtrail", name) for name in ("DeleteTrail", "DeleteEventDataStore", "StopEventDataStoreIngestion")],
        [record("cloudtrail", "DeleteTrail", errorCode="AccessDenied"), record("cloudtrail", "DescribeTrails")],
    ),
    "AWS access key made for another user": (
        [
            record("iam", "CreateAccessKey", {"userName": "bob"}),
            record("iam", "CreateAccessKey", {"userName": "bob"}, userIdentity={"type": "Root"}),
        ],
        [
            record("iam", "CreateAccessKey", {"userName": "alice"}),
            record("iam", "CreateAccessKey"),
            record("iam", "CreateAccessKey", {"userName": "bob"}, errorCode="AccessDenied"),
        ],
    ),
    "AWS administrator rights granted": (
        [
            record("iam", f"Attach{whom}Policy", {"policyArn": ADMIN, f"{whom.lower()}Name": "x"})
            for whom in ("User", "Role", "Group")
        ],
        [
            record("iam", "AttachUserPolicy", {"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
            record("iam", "DetachUserPolicy", {"policyArn": ADMIN}),
        ],
    ),
    "AWS disk or database shared with everyone": (
        [
            record("ec2", "ModifySnapshotAttribute", {"createVolumePermission": PUBLIC}),
            record("ec2", "ModifyImageAttribute", {"launchPermission": PUBLIC}),
            record("rds", "ModifyDBSnapshotAttribute", {"attributeName": "restore", "valuesToAdd": ["all"]}),
            record("rds", "ModifyDBClusterSnapshotAttribute", {"attributeName": "restore", "valuesToAdd": ["all"]}),
        ],
        [
            record("ec2", "ModifySnapshotAttribute", {"createVolumePermission": shared({"userId": "210987654321"})}),
            record(
                "ec2", "ModifySnapshotAttribute", {"createVolumePermission": {"remove": {"items": [{"group": "all"}]}}}
            ),
            record("rds", "ModifyDBSnapshotAttribute", {"attributeName": "restore", "valuesToAdd": ["210987654321"]}),
        ],
    ),
    "AWS threat detection switched off": (
        [
            record("guardduty", "DeleteDetector"),
            record("guardduty", "UpdateDetector", {"enable": False}),
            record("securityhub", "DisableSecurityHub"),
            record("config", "StopConfigurationRecorder"),
            record("config", "DeleteConfigurationRecorder"),
            record("access-analyzer", "DeleteAnalyzer"),
        ],
        [record("guardduty", "UpdateDetector", {"enable": True}), record("config", "StartConfigurationRecorder")],
    ),
}


@pytest.fixture
def fired(tmp_path):
    """Return a function that returns the rules that fire on each of the records given."""

    def fired(records):
        path = tmp_path / "records.json"
        path.write_text(json.dumps({"Records": records}))
        return rules_fired(plugin, "aws_cloudtrail", plugin.falcohost_rules(), {"open_params": str(path)})

    return fired


def test_all_rules_are_here():
    """Every rule that is shipped has its records here."""
    items = [item for path in plugin.falcohost_rules() for item in yaml.safe_load(path.read_text())]

    assert set(RECORDS) | set(TACTICS) == {item["rule"] for item in items if "rule" in item}


@pytest.mark.parametrize("rule", RECORDS)
def test_fires(fired, rule):
    """The rule, and no other of these, fires on its records and on none of the close ones."""
    fires, close = RECORDS[rule]

    found = [[name for name in names if name in RECORDS] for names in fired([*fires, *close])]

    assert found == [[rule]] * len(fires) + [[]] * len(close)
