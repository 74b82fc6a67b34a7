"""Makes records of CloudTrail, on which rules fire or do not.

Names and members of requests are those of AWS's documentation of its APIs and of CloudTrail.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

ALICE = {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::123456789012:user/alice"}
ROOT = {"type": "Root", "arn": "arn:aws:iam::123456789012:root"}
ROLE = {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/deploy/session"}
INSTANCE = {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/web/i-0abcdef1234567890"}
SERVICE = {"sourceIPAddress": "autoscaling.amazonaws.com", "userAgent": "autoscaling.amazonaws.com"}
TERRAFORM = {"userAgent": "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io)"}
REFUSED = {"errorCode": "AccessDenied"}
EVERYBODY = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}'
OTHERS = (
    '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"sts:AssumeRole"}]}'
)
SERVICES = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
CONDITIONED = (
    '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",'
    '"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}'
)


def record(service: str, name: str, request: Any = None, **members: Any) -> Record:
    """Return the record of a request to a service."""
    return {
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "AwsApiCall",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.9",
        "userAgent": "aws-cli/2.15.0",
        "recipientAccountId": "123456789012",
        "userIdentity": ALICE,
        "requestParameters": request,
        **members,
    }


def login(result: str, mfa: str, who: Record = ALICE, **more: Any) -> Record:
    """Return the record of a login to the console."""
    return record(
        "signin",
        "ConsoleLogin",
        eventType="AwsConsoleSignIn",
        userIdentity=who,
        responseElements={"ConsoleLogin": result},
        additionalEventData={"MFAUsed": mfa, **more},
    )


def named(service: str, names: str, request: Any = None, **members: Any) -> list[Record]:
    """Return a record for each of the *names*, which are separated by blanks."""
    return [record(service, name, request, **members) for name in names.split()]


def rds(name: str, **request: Any) -> Record:
    """Return the record of a request about databases."""
    return record("rds", name, {"dBInstanceIdentifier": "orders", **request})


def bucket(name: str, **request: Any) -> Record:
    """Return the record of a request about a bucket."""
    return record("s3", name, {"bucketName": "orders", **request})
