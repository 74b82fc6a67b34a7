"""What went wrong at AWS, and what mends it, in a sentence that shows no secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from falcohost.poll import PollError

T = TypeVar("T")

#: The permission that an operation needs, where it is not named as the operation is.
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

#: Codes of AWS's errors, and what mends them.
_MENDS = {
    "NoSuchBucket": "there is no such bucket; is its name right?",
    "NoSuchKey": "there is no such object; it may have been deleted",
    "PermanentRedirect": "the bucket is in another region; set aws.region to it",
    "ResourceNotFoundException": "there is no such log group in this region; are cluster and region right, and is "
    "the cluster's audit log switched on?",
    "InvalidAccessKeyId": "the access key is not known; are the credentials right?",
    "InvalidClientTokenId": "the access key is not known; are the credentials right?",
    "UnrecognizedClientException": "the access key is not known; are the credentials right?",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key; are the credentials right?",
    "ExpiredToken": "the credentials have run out",
    "ExpiredTokenException": "the credentials have run out",
    "InvalidToken": "the session token does not belong to the access key; are the credentials right?",
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

#: Codes that are about one object, not about the bucket or the service.
_OF_OBJECT = {"NoSuchKey", "NoSuchVersion", "AccessDenied", "InvalidObjectState", "PreconditionFailed"}
_OF_OBJECT_PREFIX = "KMS."


class AwsError(PollError):
    """AWS did not do what was asked about *what*.

    :ivar reason: why, and what mends it.
    :ivar code: AWS's code of the error; empty where there was no answer.
    """

    def __init__(self, what: str, reason: str, code: str = "") -> None:
        super().__init__(f"{what}: {reason}")
        self.reason = reason
        self.code = code


def asked(what: str, call: Callable[[], T]) -> T:
    """Return what *call* does, which asks AWS about *what*: ``s3://bucket``.

    :raises AwsError: it failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        # A role that may not be assumed is no fault of what was asked about.
        code = "" if error.operation_name.startswith("AssumeRole") else _code(error)
        raise AwsError(what, sentence(error), code) from error
    except (BotoCoreError, OSError) as error:
        raise AwsError(what, sentence(error)) from error


def clock(answer: Any) -> float:
    """Return the time, in seconds since the epoch, by the clock of the service that gave *answer*."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return time.time()


def is_about_the_object(error: AwsError) -> bool:
    """Return whether *error* is about the one object that was asked for, so that the next may be had."""
    return error.code in _OF_OBJECT or error.code.startswith(_OF_OBJECT_PREFIX)


def sentence(error: Exception) -> str:
    """Return what *error*, which boto3 raised, is and what mends it."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _of_answer(error)
    if isinstance(error, exceptions.NoCredentialsError):
        return "there are no AWS credentials any more"
    if isinstance(error, exceptions.NoRegionError):
        return "it is not known which region to ask; set aws.region, or the environment variable AWS_REGION"
    if isinstance(error, exceptions.EndpointConnectionError):
        return f"{error.kwargs.get('endpoint_url')} cannot be reached; are the region, the network and DNS right?"
    if isinstance(error, exceptions.ProxyConnectionError):
        return "the proxy that the environment names cannot be reached"
    if isinstance(error, exceptions.SSLError):
        return "no TLS connection is made; is the certificate's authority known (AWS_CA_BUNDLE)?"
    if isinstance(error, (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)):
        return "there is no answer in time"
    if isinstance(error, (exceptions.HTTPClientError, exceptions.IncompleteReadError, OSError)):
        return "the connection broke off"
    return str(error).rstrip(".")


def _of_answer(error: Any) -> str:
    code, operation = _code(error), error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in _DENIED:
        permission = "kms:Decrypt" if "kms:decrypt" in message.lower() else _PERMISSIONS.get(operation, operation)
        return f"access is denied; the user or role needs the permission {permission}"
    if code in _NO_QUEUE:
        return (
            "there is no such queue in this region, or it may not be asked for (sqs:GetQueueUrl); "
            "are its name, the region and the account that owns it right?"
        )
    mend = _MENDS.get(code)
    return f"{mend} ({code})" if mend else f"{operation} fails: {code}: {message}".rstrip(": ")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
