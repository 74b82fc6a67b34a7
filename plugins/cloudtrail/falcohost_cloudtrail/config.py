"""Settings of the source ``aws_cloudtrail``, parsed once: those of Falco's plugin ``cloudtrail``, and some of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost import aws, jsonlog
from falcohost.aws import AwsSettings
from falcohost.errors import ConfigError
from falcohost.jsonlog import FOLLOW
from falcohost.plugin_settings import OPEN_PARAMS, Settings
from falcohost_cloudtrail.s3 import CONCURRENCY, LATE, S3Settings

NAME = "cloudtrail"

_AWS, _CONCURRENCY, _INTERVAL, _ACCOUNTS = "aws", "s3DownloadConcurrency", "s3Interval", "s3AccountList"

#: Ours: seconds between two listings of a bucket that is followed, and for which an object may be late.
_EVERY, _LATE = "s3PollInterval", "s3Overlap"

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"

#: Of Falco's keys, useAsync is about how Falco calls its plugin, and useS3SNS says what is seen anyway.
KEYS = (_AWS, _CONCURRENCY, _INTERVAL, _ACCOUNTS, "sqsDelete", "sqsOwnerAccount", "useAsync", "useS3SNS", _EVERY, _LATE)

_S3 = re.compile(r"s3://([^/]+)/?(.*)", re.IGNORECASE)
_ACCOUNT_LIST = re.compile(r"\s*(\d{12}\s*(,\s*\d{12}\s*)*,?\s*)?")


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar path: files or folders that are read, unless objects are.
    :ivar follow: what is added there is read as it comes.
    :ivar s3: the objects that are read.
    """

    path: str | list[str]
    follow: bool
    session: AwsSettings
    s3: S3Settings | None = None


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    """
    values = Settings(NAME, settings, (*KEYS, JSON, FOLLOW))
    path, follow = values.open_params(), values.truth(FOLLOW)
    session = aws.read_aws(Settings(f"{NAME}: {_AWS}", _block(settings, _AWS), aws.KEYS))
    found = _S3.fullmatch(path.strip()) if isinstance(path, str) else None
    return Config(path, follow, session, None if found is None else _s3(values, found, follow=follow))


def is_remote(settings: Mapping[str, Any]) -> bool:
    """Return whether AWS is asked."""
    path = settings.get(OPEN_PARAMS)
    return isinstance(path, str) and _S3.fullmatch(path.strip()) is not None


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


def _block(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = settings.get(key) or {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"plugin '{NAME}': {key} has to be a block of settings, not {value!r}.")
    return value
