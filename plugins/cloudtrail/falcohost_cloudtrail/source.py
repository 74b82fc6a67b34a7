"""The source ``aws_cloudtrail``: files of ``{"Records": [...]}`` or of single records, and which are no events."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from falcohost.events import Source
from falcohost.jsonlog import JsonLog, JsonSource, Limits, file_input, parse_time
from falcohost_cloudtrail import config, summary
from falcohost_cloudtrail.layout import SUFFIXES
from falcohost_cloudtrail.s3 import S3Input
from falcohost_cloudtrail.sqs import SqsInput

#: What CloudTrail Insights found out about rates of requests; nobody made a request.
_INSIGHT = "AwsCloudTrailInsight"


def _skip(record: dict[str, Any]) -> str | None:
    """Return why *record* is no event: as in Falco, it has a time and a type, and is no finding of Insights."""
    kind = record.get("eventType")
    if not isinstance(kind, str):
        return "record without eventType"
    if kind == _INSIGHT:
        return "record of CloudTrail Insights"
    time = record.get("eventTime")
    return None if isinstance(time, str) and _is_time(time) else "record without a readable eventTime"


# Every record is asked, and many are of the same second.
@functools.lru_cache(maxsize=4096)
def _is_time(text: str) -> bool:
    return parse_time(text) is not None


LOG = JsonLog(
    source="aws_cloudtrail",
    plugin="cloudtrail",
    time="eventTime",
    wrappers=("Records",),
    skip=_skip,
    skip_reads=("eventType", "eventTime"),
    info=summary.line,
)


def make(settings: Mapping[str, Any]) -> Source:
    """Return the source that reads what *settings* name.

    :raises ConfigError: a setting cannot be.
    :raises SourceError: they name nothing that can be read.
    """
    own = config.parse(settings)
    if own.s3 is not None:
        return JsonSource(LOG, S3Input(LOG.plugin, own.session, own.s3, Limits()))
    if own.sqs is not None:
        return JsonSource(LOG, SqsInput(LOG.plugin, own.session, own.sqs, Limits()))
    given = file_input(own.path, plugin=LOG.plugin, suffixes=SUFFIXES, recursive=True, follow=own.follow)
    return JsonSource(LOG, given)
