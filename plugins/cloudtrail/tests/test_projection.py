"""Fields look at nothing but what they say they read, so that decoding no more than that changes no alert."""

from __future__ import annotations

from falcohost.testing import projection_problems
from falcohost_cloudtrail.fields import FIELDS

RECORD = {
    "eventTime": "2026-03-01T12:00:00Z",
    "eventType": "AwsApiCall",
    "eventSource": "s3.amazonaws.com",
    "eventName": "PutObject",
    "userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::123456789012:assumed-role/deploy/alice",
        "principalId": "AROAX:alice",
        "userName": "alice",
        "invokedBy": "ec2.amazonaws.com",
        "sessionContext": {"sessionIssuer": {"userName": "deploy"}},
    },
    "requestParameters": {
        "bucketName": "b",
        "key": "k",
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [{"key": "Name", "value": "web"}]}]},
    },
    "responseElements": {"instancesSet": {"items": [{"imageId": "ami-1"}]}},
    "additionalEventData": {"bytesTransferredIn": 12, "bytesTransferredOut": 3.0},
    "resources": [{"ARN": "a"}],
}


def test_fields_read_what_they_say():
    """Each field has the same value in the members that it reads and in the whole record, odd ones among them."""
    assert [] == projection_problems(FIELDS, [RECORD, {}])
