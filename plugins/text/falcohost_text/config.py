"""Parses the settings of the plugin: a list of sources, each with a log of its own."""

from __future__ import annotations

import re
import time
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from falcohost import ConfigError, FieldType
from falcohost.jsonlog import FOLLOW
from falcohost.program import PROGRAM, PROGRAM_KEYS, Program, read_program, shown_program
from falcohost.settings import OPEN_PARAMS, Settings
from falcohost_text.event import OWN
from falcohost_text.formats import FORMATS, Format
from falcohost_text.parsing import compiled, named_groups
from falcohost_text.times import read_time
from falcohost_text.values import Column, address, decimal, number, text

NAME = "text"

_FORMAT, _PATTERN, _TYPES, _TIME, _ZONE = "format", "pattern", "types", "time", "timezone"
_FIRST = "first_line"
_KEYS = ("name", OPEN_PARAMS, FOLLOW, _FORMAT, _PATTERN, _TYPES, _TIME, _ZONE, _FIRST, "description", *PROGRAM_KEYS)

_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Config:
    """One source: the form of its lines, and its input.

    :ivar zone: of times without one; None: that of this machine.
    :ivar first_line: pattern of the first line of a record; empty: each line is one.
    :ivar open_params: files and folders; empty if a program prints the log.
    """

    name: str
    description: str
    format: Format
    zone: tzinfo | None = None
    first_line: str = ""
    open_params: str | list[str] = ""
    follow: bool = False
    program: Program | None = None

    @property
    def where(self) -> str:
        """The name of the source in messages."""
        return where(self.name)


def where(name: str) -> str:
    """Return how messages name the source *name*."""
    return f"{NAME}: the source '{name}'"


def read_sources(settings: Mapping[str, Any]) -> list[Config]:
    """Return the sources in *settings*: those in ``sources``, and the block itself if it opens something.

    :raises ConfigError: an entry is malformed.
    """
    entries = settings.get("sources", [])
    if not isinstance(entries, list):
        raise ConfigError(f"{NAME}: init_config.sources is not a list; use a list of sources")
    if OPEN_PARAMS in settings or PROGRAM in settings:
        own = {key: settings[key] for key in _KEYS if key in settings}
        entries = [{"name": NAME, **own}, *entries]
    sources = [_read(entry) for entry in entries]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{NAME}: two sources have the name '{name}'; rename one")
    return sources


def settings_of(source: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of *settings* that is about *source*."""
    own = [entry for entry in settings.get("sources", []) if entry["name"] == source]
    return {"sources": own} if own else {key: value for key, value in settings.items() if key != "sources"}


def _read(entry: Any) -> Config:
    if not isinstance(entry, Mapping):
        raise ConfigError(
            f"{NAME}: an entry of init_config.sources is not a mapping; use one with a name and open_params"
        )
    name = entry.get("name")
    if not isinstance(name, str) or not _SOURCE.fullmatch(name):
        raise ConfigError(
            f"{where(str(name))}: the name is not valid; use letters, digits and _ . -, beginning with a letter"
        )
    given = Settings(NAME, entry, _KEYS)
    params, runs = given.open_params(), read_program(entry, where(name))
    if bool(params) == (runs is not None):
        what = "both" if params else "neither"
        raise ConfigError(
            f"{where(name)} has {what} {OPEN_PARAMS} {'and' if params else 'nor'} {PROGRAM}; set exactly one of them"
        )
    shown = params if isinstance(params, str) else ", ".join(params)
    usual = f"Lines of {shown or shown_program(runs)}."
    description = str(entry.get("description") or usual).replace("\n", " ")
    zone = _zone(given, where(name))
    form, first = _format(given, zone, where(name)), _first_line(given, where(name))
    return Config(name, description, form, zone, first, params, given.truth(FOLLOW), runs)


def _first_line(given: Settings, place: str) -> str:
    pattern = given.text(_FIRST)
    if pattern and (form := given.text(_FORMAT)).startswith("journald"):
        raise ConfigError(f"{place}: {_FIRST} has no meaning for the format {form}, whose records show where they end")
    try:
        compiled(pattern)
    except ConfigError as error:
        raise ConfigError(f"{place}: {_FIRST} is not a regular expression of RE2: {error}") from None
    return pattern


def _format(given: Settings, zone: tzinfo | None, place: str) -> Format:
    form, pattern, group = given.text(_FORMAT), given.text(_PATTERN), given.text(_TIME)
    if form and pattern:
        raise ConfigError(f"{place} has both {_FORMAT} and {_PATTERN}; set one of them")
    if form:
        if form not in FORMATS:
            raise ConfigError(f"{place}: {_FORMAT} {form!r} is not valid; use one of: {', '.join(FORMATS)}")
        return FORMATS[form]
    if not pattern:
        return FORMATS["lines"]
    columns = _columns(pattern, given.block(_TYPES), zone, place)
    names = [column.name for column in columns]
    if group and group not in names:
        raise ConfigError(f"{place}: {_TIME} {group!r} is not a group of {_PATTERN}; use one of: {', '.join(names)}")
    return replace(FORMATS["lines"], patterns=(pattern,), columns=tuple(columns), time=group or "time")


def _columns(pattern: str, types: Mapping[str, Any], zone: tzinfo | None, place: str) -> list[Column]:
    try:
        groups = [name for name, _ in named_groups(compiled(pattern))]
    except ConfigError as error:
        raise ConfigError(f"{place}: {_PATTERN} is not a regular expression of RE2: {error}") from None
    for name in groups:
        if name in OWN:
            raise ConfigError(f"{place}: every source has a field text.{name}; give the group {name} another name")
    for name, kind in types.items():
        if name not in groups:
            raise ConfigError(f"{place}: {_TYPES} names {name!r}, which is not a group of {_PATTERN}")
        if kind not in _CONVERTERS:
            raise ConfigError(f"{place}: type {kind!r} is not valid; use one of: {', '.join(_CONVERTERS)}")
    return [_column(name, types.get(name, "string"), zone) for name in groups]


_CONVERTERS = {
    "string": (FieldType.CHARBUF, text),
    "number": (FieldType.INT64, number),
    "decimal": (FieldType.DOUBLE, decimal),
    "ip": (FieldType.IPADDR, address),
    "net": (FieldType.IPNET, address),
    "time": (FieldType.ABSTIME, text),
}


def _column(name: str, kind: str, zone: tzinfo | None) -> Column:
    field_type, convert = _CONVERTERS[kind]
    if field_type is FieldType.ABSTIME:
        convert = lambda raw: read_time(text(raw), zone, time.time_ns())  # noqa: E731
    return Column(name, field_type, f"Group {name} of the pattern.", convert)


def _zone(given: Settings, place: str) -> tzinfo | None:
    name = given.text(_ZONE)
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{place}: {_ZONE} {name!r} is not known; use a name such as Europe/Berlin or UTC") from None
