"""Whom a record of CloudTrail is about."""

import pytest

from falcohost import UserSubject
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
