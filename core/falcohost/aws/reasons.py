"""Explains errors of AWS and how to fix them, in sentences without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from falcohost.poll import PollError

T = TypeVar("T")

#: The permissions that operations need.
_PERMISSIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "GetQueueUrl": "sqs:GetQueueUrl",
    "GetQueueAttributes": "sqs:GetQueueAttributes",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "FilterLogEvents": "logs:FilterLogEvents",
    "AssumeRole": "sts:AssumeRole",
}

#: AWS's error codes, and how to fix them.
_MENDS = {
    "NoSuchBucket": "the bucket does not exist; check its name",
    "NoSuchKey": "the object does not exist; it may have been deleted",
    "PermanentRedirect": "the bucket is in another region; set aws.region to it",
    "ResourceNotFoundException": "the log group does not exist in this region; check cluster and region, and that "
    "the cluster's audit log is enabled",
    "InvalidAccessKeyId": "the access key is not known; check the credentials",
    "InvalidClientTokenId": "the access key is not known; check the credentials",
    "UnrecognizedClientException": "the access key is not known; check the credentials",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key; check the credentials",
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "InvalidToken": "the session token does not belong to the access key; check the credentials",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "SlowDown": "too many requests",
    "ThrottlingException": "too many requests",
    "RequestThrottled": "too many requests",
}

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AccessDenied.Exception",
    "403",
    "Forbidden",
    "UnauthorizedOperation",
}
_NO_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}

#: Codes of errors that concern a single object, not the bucket or the service.
_OF_OBJECT = {"NoSuchKey", "NoSuchVersion", "AccessDenied", "InvalidObjectState", "PreconditionFailed"}
_OF_OBJECT_PREFIX = "KMS."


class AwsError(PollError):
    """A request to AWS about *what* failed.

    :ivar reason: why, and how to fix it.
    :ivar code: AWS's error code; empty if there was no answer.
    """

    def __init__(self, what: str, reason: str, code: str = "") -> None:
        super().__init__(f"{what}: {reason}")
        self.reason = reason
        self.code = code


def asked(what: str, call: Callable[[], T]) -> T:
    """Run *call*, which sends a request to AWS about *what* (``s3://bucket``) and reads the answer; return its result.

    :raises AwsError: it failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        # A role that may not be assumed says nothing about *what*.
        code = "" if error.operation_name.startswith("AssumeRole") else _code(error)
        raise AwsError(what, sentence(error), code) from error
    except (BotoCoreError, OSError) as error:
        raise AwsError(what, sentence(error)) from error
    except (LookupError, ValueError) as error:  # something is missing, or a number is none
        raise AwsError(what, f"the answer is not as expected ({type(error).__name__})") from error


def clock(answer: Any) -> float:
    """Return the time in *answer* by the service's clock, in seconds since the epoch."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return time.time()


def is_about_the_object(error: AwsError) -> bool:
    """Return whether *error* concerns only the requested object, so that others may be available."""
    return error.code in _OF_OBJECT or error.code.startswith(_OF_OBJECT_PREFIX)


def sentence(error: Exception) -> str:
    """Return a sentence that explains *error*, which boto3 raised, and how to fix it."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _of_answer(error)
    if isinstance(error, exceptions.NoCredentialsError):
        return "AWS credentials are no longer available"
    if isinstance(error, exceptions.NoRegionError):
        return "the region is not set; set aws.region, or the environment variable AWS_REGION"
    if isinstance(error, exceptions.EndpointConnectionError):
        return f"{error.kwargs.get('endpoint_url')} cannot be reached; check the region, the network and DNS"
    if isinstance(error, exceptions.ProxyConnectionError):
        return "the proxy in the environment cannot be reached"
    if isinstance(error, exceptions.SSLError):
        return "cannot establish a TLS connection; check that the certificate's authority is trusted (AWS_CA_BUNDLE)"
    if isinstance(error, (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)):
        return "no answer in time"
    if isinstance(error, (exceptions.HTTPClientError, exceptions.IncompleteReadError, OSError)):
        return "the connection was lost"
    return str(error).rstrip(".")


def _of_answer(error: Any) -> str:
    code, operation = _code(error), error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in _DENIED:
        permission = "kms:Decrypt" if "kms:decrypt" in message.lower() else _PERMISSIONS.get(operation, operation)
        return f"access is denied; the user or role needs the permission {permission}"
    if code in _NO_QUEUE:
        return (
            "the queue does not exist in this region, or permission for it is missing (sqs:GetQueueUrl); "
            "check its name, the region and the account that owns it"
        )
    mend = _MENDS.get(code)
    return f"{mend} ({code})" if mend else f"{operation} failed: {code}: {message}".rstrip(": ")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
