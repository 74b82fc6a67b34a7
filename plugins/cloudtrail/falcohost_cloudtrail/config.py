"""Settings of the source ``aws_cloudtrail``, parsed once: those of Falco's plugin ``cloudtrail``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.jsonlog import FOLLOW
from falcohost.plugin_settings import Settings

#: Keys of Falco's ``init_config``. They are about S3 and SQS, and about how Falco calls its plugin, so that reading
#: files needs none of them.
KEYS = (
    "s3DownloadConcurrency",
    "s3Interval",
    "sqsDelete",
    "useAsync",
    "useS3SNS",
    "s3AccountList",
    "sqsOwnerAccount",
    "aws",
)

#: Falco's plugin ``json``, whose block comes along because this plugin stands in for it too.
JSON = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """What the source is set to.

    :ivar path: file or folder that is read.
    :ivar follow: what is added there is read as it comes.
    """

    path: str | list[str]
    follow: bool = False


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in *settings*; a key that is unknown is warned of.

    :raises ConfigError: a value cannot be.
    """
    values = Settings("cloudtrail", settings, (*KEYS, JSON, FOLLOW))
    return Config(values.open_params(), values.truth(FOLLOW))
