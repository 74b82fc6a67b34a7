"""The fields that events of all sources have: ``evt.num``, ``evt.time`` and the like.

They read the attributes of :class:`falcohost.events.Event` and of :class:`falcohost.events.Described`.
"""

from __future__ import annotations

import functools
import os
import socket
from typing import Any

from falcohost.engine.times import SECOND, iso8601, local_time
from falcohost.fields import Arg, Field, FieldType


@functools.cache
def hostname() -> str:
    """Return the name of this host; the environment variable FALCO_HOSTNAME overrides it."""
    return os.environ.get("FALCO_HOSTNAME") or socket.gethostname()


def _nanoseconds(event: Any, arg: Arg) -> int:
    ts: int = event.ts
    return ts


def _relative(event: Any) -> int | None:
    start = getattr(event, "start_ts", None)
    return None if start is None else max(event.ts - start, 0)


def _relative_part(event: Any, *, seconds: bool) -> int | None:
    relative = _relative(event)
    if relative is None:
        return None
    return relative // SECOND if seconds else relative % SECOND


def _hostname(event: Any, arg: Arg) -> str:
    captured: str | None = getattr(event, "hostname", None)
    return hostname() if captured is None else captured


GENERIC_FIELDS: tuple[Field, ...] = (
    Field(
        name="evt.num",
        type=FieldType.UINT64,
        description="Number of the event; the source's first event is 1.",
        get=lambda event, arg: event.num,
    ),
    Field(
        name="evt.time",
        type=FieldType.CHARBUF,
        description="Local time of the event, with nanoseconds; in JSON, nanoseconds since the epoch.",
        get=lambda event, arg: local_time(event.ts),
        json=_nanoseconds,
    ),
    Field(
        name="evt.time.s",
        type=FieldType.CHARBUF,
        description="Local time of the event, in seconds.",
        get=lambda event, arg: local_time(event.ts, fraction=False),
        json=_nanoseconds,
    ),
    Field(
        name="evt.time.iso8601",
        type=FieldType.CHARBUF,
        description="Time of the event in ISO 8601, UTC, with nanoseconds.",
        get=lambda event, arg: iso8601(event.ts),
        json=_nanoseconds,
    ),
    Field(
        name="evt.datetime",
        type=FieldType.CHARBUF,
        description="Date and local time of the event, with nanoseconds.",
        get=lambda event, arg: local_time(event.ts, date=True),
        json=_nanoseconds,
    ),
    Field(
        name="evt.datetime.s",
        type=FieldType.CHARBUF,
        description="Date and local time of the event, in seconds.",
        get=lambda event, arg: local_time(event.ts, date=True, fraction=False),
        json=_nanoseconds,
    ),
    Field(
        name="evt.rawtime",
        type=FieldType.ABSTIME,
        description="Time of the event in nanoseconds since the epoch.",
        get=_nanoseconds,
    ),
    Field(
        name="evt.rawtime.s",
        type=FieldType.ABSTIME,
        description="Time of the event in whole seconds since the epoch.",
        get=lambda event, arg: event.ts // SECOND,
    ),
    Field(
        name="evt.rawtime.ns",
        type=FieldType.ABSTIME,
        description="Nanoseconds within the second of evt.rawtime.",
        get=lambda event, arg: event.ts % SECOND,
    ),
    Field(
        name="evt.reltime",
        type=FieldType.RELTIME,
        description="Nanoseconds since the first event of the source.",
        get=lambda event, arg: _relative(event),
    ),
    Field(
        name="evt.reltime.s",
        type=FieldType.RELTIME,
        description="Whole seconds since the first event of the source.",
        get=lambda event, arg: _relative_part(event, seconds=True),
    ),
    Field(
        name="evt.reltime.ns",
        type=FieldType.RELTIME,
        description="Nanoseconds within the second of evt.reltime.",
        get=lambda event, arg: _relative_part(event, seconds=False),
    ),
    Field(
        name="evt.pluginname",
        type=FieldType.CHARBUF,
        description="Name of the plugin that the event comes from; absent for system calls.",
        get=lambda event, arg: getattr(event, "pluginname", None),
    ),
    Field(
        name="evt.plugininfo",
        type=FieldType.CHARBUF,
        description="One line about the event, written by its plugin; absent for system calls.",
        get=lambda event, arg: getattr(event, "plugininfo", None),
    ),
    Field(
        name="evt.source",
        type=FieldType.CHARBUF,
        description="Name of the event source.",
        get=lambda event, arg: getattr(event, "source", None),
    ),
    Field(
        name="evt.is_async",
        type=FieldType.BOOL,
        description="Whether the event is asynchronous: no call is the cause of it.",
        get=lambda event, arg: getattr(event, "async_name", None) is not None,
    ),
    Field(
        name="evt.asynctype",
        type=FieldType.CHARBUF,
        description="Name of the asynchronous event; absent for other events.",
        get=lambda event, arg: getattr(event, "async_name", None),
    ),
    Field(
        name="evt.hostname",
        type=FieldType.CHARBUF,
        description="Name of the host, or of the one whose capture is replayed; FALCO_HOSTNAME overrides this one's.",
        get=_hostname,
    ),
)
