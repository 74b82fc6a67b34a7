"""The source ``aws_cloudtrail``: makes the input that the settings ask for, and tells events from other records."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from falcohost import Source
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import JsonLog, JsonSource, Limits, file_input
from falcohost_cloudtrail import config, identity, resources, summary
from falcohost_cloudtrail.layout import SUFFIXES
from falcohost_cloudtrail.s3 import S3Input
from falcohost_cloudtrail.sqs import SqsInput

#: A finding of CloudTrail Insights about rates of requests; it is not a request.
_INSIGHT = "AwsCloudTrailInsight"


def _skip(record: dict[str, Any]) -> str | None:
    """Return why *record* is not an event. Records before version 1.02 have no type, but say what was asked of whom."""
    kind = record.get("eventType")
    if kind == _INSIGHT:
        return "record of CloudTrail Insights"
    named = all(isinstance(record.get(name), str) for name in ("eventName", "eventSource"))
    return None if named or isinstance(kind, str) else "record without eventType"


_kind = itemgetter("eventType")


def _keeps(records: list[dict[str, Any]]) -> bool:
    """Return whether all *records* are events. It is fast: they have few types."""
    try:
        kinds = set(map(_kind, records))
    except (KeyError, TypeError):
        return False  # a member is missing, or is an object or a list
    return all(type(kind) is str for kind in kinds) and _INSIGHT not in kinds


LOG = JsonLog(
    source="aws_cloudtrail",
    plugin="cloudtrail",
    time="eventTime",
    wrappers=("Records",),
    skip=_skip,
    keeps=_keeps,
    skip_reads=("eventType", "eventName", "eventSource"),
    info=summary.line,
    subject=identity.subject,
    resources=resources.resources,
    about_reads=(*identity.SUBJECT_READS, *resources.READS),
    about_apart=True,
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
