"""The source ``aws_cloudtrail``: makes the input that the settings ask for, and tells events from other records."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from falcohost import Source
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import JsonLog, JsonSource, Limits, file_input, parse_time
from falcohost_cloudtrail import config, identity, resources, summary
from falcohost_cloudtrail.layout import SUFFIXES
from falcohost_cloudtrail.s3 import S3Input
from falcohost_cloudtrail.sqs import SqsInput

#: A finding of CloudTrail Insights about rates of requests; it is not a request.
_INSIGHT = "AwsCloudTrailInsight"


def _skip(record: dict[str, Any]) -> str | None:
    """Return why *record* is not an event. As in Falco, an event has a time and a type, and is not from Insights."""
    kind = record.get("eventType")
    if not isinstance(kind, str):
        return "record without eventType"
    if kind == _INSIGHT:
        return "record of CloudTrail Insights"
    return None if _is_time(record.get("eventTime")) else "record without a readable eventTime"


def _is_time(value: object) -> bool:
    return isinstance(value, str) and parse_time(value) is not None


_kind, _time = itemgetter("eventType"), itemgetter("eventTime")


def _keeps(records: list[dict[str, Any]]) -> bool:
    """Return whether all *records* are events. It is fast: they have few types, and many share a second."""
    try:
        kinds, times = set(map(_kind, records)), set(map(_time, records))
    except (KeyError, TypeError):
        return False  # a member is missing, or is an object or a list
    return all(type(kind) is str for kind in kinds) and _INSIGHT not in kinds and all(map(_is_time, times))


LOG = JsonLog(
    source="aws_cloudtrail",
    plugin="cloudtrail",
    time="eventTime",
    wrappers=("Records",),
    skip=_skip,
    keeps=_keeps,
    skip_reads=("eventType", "eventTime"),
    info=summary.line,
    subject=identity.subject,
    resources=resources.resources,
)


def make(settings: Mapping[str, Any], clock: Clock = SYSTEM) -> Source:
    """Return the source for *settings*; *clock* times its pauses.

    :raises ConfigError: a setting is not valid.
    :raises SourceError: the settings name nothing that can be read.
    """
    own = config.parse(settings)
    if own.s3 is not None:
        return JsonSource(LOG, S3Input(LOG.plugin, own.session, own.s3, Limits(), clock))
    if own.sqs is not None:
        return JsonSource(LOG, SqsInput(LOG.plugin, own.session, own.sqs, Limits(), clock))
    given = file_input(own.path, plugin=LOG.plugin, suffixes=SUFFIXES, recursive=True, follow=own.follow)
    return JsonSource(LOG, given)
