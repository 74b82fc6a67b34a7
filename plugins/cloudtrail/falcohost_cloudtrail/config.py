"""Settings of the source ``aws_cloudtrail``, parsed once: those of Falco's plugin ``cloudtrail``, and some of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost import ConfigError, aws, jsonlog
from falcohost.aws import AwsSettings
from falcohost.jsonlog import FOLLOW
from falcohost.settings import OPEN_PARAMS, Settings
from falcohost_cloudtrail.s3 import CONCURRENCY, LATE, S3Settings
from falcohost_cloudtrail.sqs import SqsSettings

NAME = "cloudtrail"

_AWS, _CONCURRENCY, _INTERVAL, _ACCOUNTS = "aws", "s3DownloadConcurrency", "s3Interval", "s3AccountList"
_DELETE, _OWNER = "sqsDelete", "sqsOwnerAccount"

#: Ours: seconds between two listings of a bucket that is followed, and for which an object may be late.
_EVERY, _LATE = "s3PollInterval", "s3Overlap"

#: Ours: seconds for which a message in hand is kept from others, and deliveries after which it is put aside.
_HIDDEN, _TRIES = "sqsVisibilityTimeout", "sqsMaxReceiveCount"

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"

#: Of Falco's keys, useAsync is about how Falco calls its plugin, and useS3SNS says what is seen anyway.
_WITHOUT_EFFECT = ("useAsync", "useS3SNS")

_OF_S3 = (_CONCURRENCY, _INTERVAL, _ACCOUNTS, _EVERY, _LATE)
_OF_SQS = (_DELETE, _OWNER, _HIDDEN, _TRIES)
KEYS = (FOLLOW, _AWS, *_OF_S3, *_OF_SQS, *_WITHOUT_EFFECT)

_S3 = re.compile(r"s3://([^/]+)/?(.*)", re.IGNORECASE)
_SQS = re.compile(r"sqs://([\w-]+(?:\.fifo)?)", re.IGNORECASE)
_AWS_SCHEME = re.compile(r"(s3|sqs)://", re.IGNORECASE)
_ACCOUNT_LIST = re.compile(r"\s*(\d{12}\s*(,\s*\d{12}\s*)*,?\s*)?")


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar path: files or folders that are read, unless objects are.
    :ivar follow: what is added there is read as it comes.
    :ivar s3: the objects that are read.
    :ivar sqs: the queue that names those that are read.
    """

    path: str | list[str]
    follow: bool
    session: AwsSettings
    s3: S3Settings | None = None
    sqs: SqsSettings | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    """
    values = Settings(NAME, settings, (*KEYS, JSON))
    path, follow = values.open_params(), values.truth(FOLLOW)
    session = aws.read_aws(Settings(f"{NAME}: {_AWS}", values.block(_AWS), aws.KEYS))
    where = _one(path)
    bucket, queue = _S3.fullmatch(where), _SQS.fullmatch(where)
    if bucket is None and queue is None and _AWS_SCHEME.match(where):
        forms = "s3://BUCKET/PREFIX does, and sqs://QUEUE"
        raise ConfigError(f"plugin '{NAME}': open_params '{where}' names no bucket or queue; {forms}")
    return Config(
        path,
        follow,
        session,
        None if bucket is None else _s3(values, bucket, follow=follow),
        None if queue is None else _sqs(values, queue[1]),
    )


def is_remote(settings: Mapping[str, Any]) -> bool:
    """Return whether AWS is asked."""
    return _AWS_SCHEME.match(_one(settings.get(OPEN_PARAMS))) is not None


def _one(path: object) -> str:
    """Return what *path*, of ``open_params``, names if that is a single thing."""
    if isinstance(path, list) and len(path) == 1:
        path = path[0]
    return path.strip() if isinstance(path, str) else ""


def capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return what the source keeps of root's rights: to read what is written later, if that is read from files."""
    return aws.capabilities() if is_remote(settings) else jsonlog.capabilities(settings)


def _s3(values: Settings, found: re.Match[str], *, follow: bool) -> S3Settings:
    accounts = values.text(_ACCOUNTS)
    if not _ACCOUNT_LIST.fullmatch(accounts):
        raise ConfigError(f"plugin '{NAME}': {_ACCOUNTS} has to be account ids of 12 digits with commas between them")
    every = values.whole_number(_EVERY, 60, at_least=1)
    return S3Settings(
        bucket=found[1],
        prefix=found[2],
        interval=values.text(_INTERVAL),
        accounts=tuple(re.findall(r"\d+", accounts)),
        every=every if follow else 0,
        late=values.whole_number(_LATE, LATE),
        concurrency=values.whole_number(_CONCURRENCY, CONCURRENCY, at_least=1),
    )


def _sqs(values: Settings, queue: str) -> SqsSettings:
    return SqsSettings(
        queue=queue,
        owner=values.text(_OWNER),
        delete=values.truth(_DELETE, default=True),
        hidden=values.whole_number(_HIDDEN, 300, at_least=1),
        tries=values.whole_number(_TRIES, 5, at_least=1),
        concurrency=values.whole_number(_CONCURRENCY, CONCURRENCY, at_least=1),
    )
