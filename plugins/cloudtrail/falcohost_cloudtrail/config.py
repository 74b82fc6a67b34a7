"""Parses the settings of the source ``aws_cloudtrail``: those of Falco's plugin ``cloudtrail``, and some of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from falcohost import ConfigError, aws, jsonlog
from falcohost.aws import AwsSettings
from falcohost.jsonlog import FOLLOW
from falcohost.settings import OPEN_PARAMS, Settings
from falcohost_cloudtrail.interval import read_interval
from falcohost_cloudtrail.s3 import CONCURRENCY, LATE, S3Settings
from falcohost_cloudtrail.sqs import SqsSettings

NAME = "cloudtrail"

_AWS, _CONCURRENCY, _INTERVAL, _ACCOUNTS = "aws", "s3DownloadConcurrency", "s3Interval", "s3AccountList"
_DELETE, _OWNER = "sqsDelete", "sqsOwnerAccount"

#: Ours: seconds between two listings of a bucket that is followed, and by which an object may be late.
_EVERY, _LATE = "s3PollInterval", "s3Overlap"

#: Ours: seconds for which a received message stays hidden, and deliveries after which it is put aside.
_HIDDEN, _TRIES = "sqsVisibilityTimeout", "sqsMaxReceiveCount"

#: Falco's plugin ``json``, which this plugin replaces too; its block may be present.
JSON = "json"

#: Falco's useAsync concerns how Falco calls its plugin; what useS3SNS says is detected anyway.
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
    """The settings of the source.

    :ivar path: files or folders to read, unless *s3* or *sqs* is set.
    :ivar follow: what is added there is read as it comes.
    :ivar s3: the objects to read.
    :ivar sqs: the queue whose messages name the objects to read.
    """

    path: str | list[str]
    follow: bool
    session: AwsSettings
    s3: S3Settings | None = None
    sqs: SqsSettings | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the configuration in *settings*; unknown keys cause a warning.

    :raises ConfigError: a value is not valid.
    """
    values = Settings(NAME, settings, (*KEYS, JSON))
    path, follow = values.open_params(), values.truth(FOLLOW)
    session = aws.read_aws(Settings(f"{NAME}: {_AWS}", values.block(_AWS), aws.KEYS))
    where = _one(path)
    bucket, queue = _S3.fullmatch(where), _SQS.fullmatch(where)
    if bucket is None and queue is None and _AWS_SCHEME.match(where):
        forms = "s3://BUCKET/PREFIX or sqs://QUEUE"
        raise ConfigError(f"plugin '{NAME}': open_params '{where}' names no bucket or queue; use {forms}")
    return Config(
        path,
        follow,
        session,
        None if bucket is None else _s3(values, bucket, follow=follow),
        None if queue is None else _sqs(values, queue[1]),
    )


def is_remote(settings: Mapping[str, Any]) -> bool:
    """Return whether the source reads from AWS."""
    return _AWS_SCHEME.match(_one(settings.get(OPEN_PARAMS))) is not None


def _one(path: object) -> str:
    """Return the only item that *path*, the value of ``open_params``, names, or ""."""
    if isinstance(path, list) and len(path) == 1:
        path = path[0]
    return path.strip() if isinstance(path, str) else ""


def capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that the source keeps: those to read files that appear later, if it reads files."""
    return aws.capabilities() if is_remote(settings) else jsonlog.capabilities(settings)


def _s3(values: Settings, found: re.Match[str], *, follow: bool) -> S3Settings:
    accounts = values.text(_ACCOUNTS)
    if not _ACCOUNT_LIST.fullmatch(accounts):
        raise ConfigError(f"plugin '{NAME}': {_ACCOUNTS} is not a list of account ids; use 12 digits each, with commas")
    every = values.whole_number(_EVERY, 60, at_least=1)
    interval = values.text(_INTERVAL)
    read_interval(interval, datetime.now(UTC))  # an age counts from when the source is opened
    return S3Settings(
        bucket=found[1],
        prefix=found[2],
        interval=interval,
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
