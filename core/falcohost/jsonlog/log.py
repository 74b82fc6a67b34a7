"""What one kind of JSON log looks like: said once by its plugin, used by the source for every record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from falcohost.subject import Subject

#: A decoded JSON object.
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLog:
    """One kind of log.

    :ivar source: name of the event source (``aws_cloudtrail``).
    :ivar plugin: value of ``evt.pluginname``.
    :ivar time: where a record's time is: a path to what :func:`~falcohost.jsonlog.parse_time` reads, several of which
        the first that is a time counts, or a function of the whole record. A record without a time is served with that
        of reading.
    :ivar wrappers: names under which a document holds an array of records (``Records``). A document that is an array
        holds records in any case.
    :ivar skip: returns the cause for which a record is left out and counted, or None.
    :ivar keeps: returns whether *skip* leaves out none of several records, quicker than by asking for each; False also
        where that is not known.
    :ivar skip_reads: JSON paths of all that *skip*, *keeps*, and a memory of the source, look at.
    :ivar info: value of ``evt.plugininfo``; else the record as JSON.
    :ivar subject: returns who or what a whole record is about, for alerts (:func:`~falcohost.jsonlog.user_at`).
    """

    source: str
    plugin: str
    time: str | tuple[str, ...] | Callable[[Record], int | None] | None = None
    wrappers: tuple[str, ...] = ()
    skip: Callable[[Record], str | None] | None = None
    keeps: Callable[[list[Record]], bool] | None = None
    skip_reads: tuple[str, ...] = ()
    info: Callable[[Record], str] | None = None
    subject: Callable[[Record], Subject | None] | None = None

    @property
    def time_paths(self) -> tuple[str, ...] | None:
        """Return the paths at which a time may be; None where a function finds it."""
        if isinstance(self.time, str):
            return (self.time,)
        return None if callable(self.time) else self.time or ()
