"""Whom and what a record of CloudTrail is about."""

import pytest

from falcohost import ResourceSubject, UserSubject
from falcohost.jsonlog import event_of
from falcohost_cloudtrail.source import LOG

ROLE = "arn:aws:sts::1:assumed-role/admin/ann"


@pytest.mark.parametrize(
    ("identity", "subject"),
    [
        ({"arn": ROLE, "principalId": "AROA:ann"}, UserSubject("aws.arn", ROLE)),
        ({"principalId": "AIDA"}, UserSubject("aws.principal", "AIDA")),
        ({"type": "AWSService", "invokedBy": "s3.amazonaws.com"}, UserSubject("aws.service", "s3.amazonaws.com")),
        ({}, None),
    ],
)
def test_who_acted_is_the_subject(identity, subject):
    """It is named by its ARN, else by its id; a service of AWS by its name."""
    assert subject == event_of(LOG, {"userIdentity": identity, "eventTime": "2024-01-01T00:00:00Z"}).subject


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        ([{"ARN": "arn:aws:s3:::logs", "type": "AWS::S3::Bucket", "accountId": "1"}], ["arn:aws:s3:::logs"]),
        (
            [{"type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::logs/"}, {"ARN": "arn:aws:s3:::logs"}],
            ["arn:aws:s3:::logs/*", "arn:aws:s3:::logs"],
        ),
        ([{"ARN": f"arn:{number}"} for number in range(100)], [f"arn:{number}" for number in range(16)]),
        ([{"ARN": ""}, {"ARN": 7}, "arn", None, {}], []),
        ("arn", []),
        (None, []),
    ],
)
def test_resources_are_named_by_their_arns(resources, names):
    """Each is named by its ARN or the prefix of several; no more than an alert keeps."""
    found = event_of(LOG, {"resources": resources, "eventTime": "2024-01-01T00:00:00Z"}).resources

    assert [ResourceSubject("aws.arn", name) for name in names] == list(found)
