"""The description of one kind of JSON log, which its plugin provides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from falcohost.subject import ResourceSubject, Subject

#: A decoded JSON object.
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLog:
    """One kind of log.

    :ivar source: name of the event source (``aws_cloudtrail``).
    :ivar plugin: value of ``evt.pluginname``.
    :ivar time: where a record's time is: a path to a value that :func:`~falcohost.jsonlog.parse_time` reads; several
        paths, of which the first that has a time is used; or a function of the whole record. A record without a time
        gets the time of reading.
    :ivar wrappers: keys under which a document holds an array of records (``Records``). The elements of a top-level
        array are always records.
    :ivar heads: the bytes with which each record in such an array begins, as servers write them; an optimisation. With
        types of members: if those that a record has are of these types, *skip* does not skip it, and *unwrap* finds
        nothing in it.
    :ivar skip: returns why a record is skipped and counted, or None.
    :ivar keeps: returns True if *skip* would skip none of several records, and *unwrap* would find nothing in any; an
        optimisation, which may return False when in doubt.
    :ivar skip_reads: JSON paths that *skip*, *keeps* and a memory of the source read.
    :ivar unwrap: returns the record that a document contains in another form, as a cloud's log does, or None.
    :ivar unwrap_marks: a text in which none of these stands has no such document.
    :ivar info: returns the value of ``evt.plugininfo``; None: the record as JSON.
    :ivar subject: returns who or what a whole record is about, for alerts (:func:`~falcohost.jsonlog.user_at`).
    :ivar resources: returns the resources that a whole record is about, the most important first, for alerts
        (:func:`~falcohost.jsonlog.resource_at`); no more than 16 are read.
    :ivar about_reads: all JSON paths that *subject* and *resources* read, which are decoded for each record; None: each
        record that they are asked about is decoded completely.
    :ivar about_apart: these paths are decoded for records of alerts only, again with what outputs read.
    """

    source: str
    plugin: str
    time: str | tuple[str, ...] | Callable[[Record], int | None] | None = None
    wrappers: tuple[str, ...] = ()
    heads: Mapping[bytes, Mapping[str, Any]] = field(default_factory=dict)
    skip: Callable[[Record], str | None] | None = None
    keeps: Callable[[list[Record]], bool] | None = None
    skip_reads: tuple[str, ...] = ()
    unwrap: Callable[[Record], Record | None] | None = None
    unwrap_marks: tuple[bytes, ...] = ()
    info: Callable[[Record], str] | None = None
    subject: Callable[[Record], Subject | None] | None = None
    resources: Callable[[Record], Iterable[ResourceSubject]] | None = None
    about_reads: tuple[str, ...] | None = None
    about_apart: bool = False

    @property
    def time_paths(self) -> tuple[str, ...] | None:
        """Return the paths at which a time may be; None if a function finds it."""
        if isinstance(self.time, str):
            return (self.time,)
        return None if callable(self.time) else self.time or ()
