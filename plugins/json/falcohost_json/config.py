"""Parses the settings of the plugin: a list of sources, each with a log of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost import ConfigError
from falcohost.jsonlog import FOLLOW, JsonLog, path_keys
from falcohost.program import PROGRAM, PROGRAM_KEYS, Program, read_program, shown_program
from falcohost.settings import OPEN_PARAMS, Settings
from falcohost_json import webhook

NAME = "json"

_KEYS = ("name", OPEN_PARAMS, FOLLOW, "time", "records", "description", *PROGRAM_KEYS, *webhook.KEYS)

_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Config:
    """One source: its log, the input of that, and a description.

    :ivar given: its settings.
    :ivar open_params: files and folders, which are followed or not, or an address; empty if a program prints the log.
    """

    log: JsonLog
    description: str
    given: Settings
    open_params: str | list[str]
    follow: bool
    program: Program | None

    @property
    def where(self) -> str:
        """The name of the source in messages."""
        return where(self.log.source)


def where(name: str) -> str:
    """Return how messages name the source *name*."""
    return f"{NAME}: the source '{name}'"


def read_sources(settings: Mapping[str, Any]) -> list[Config]:
    """Return the sources in *settings*: those in ``sources``, and the block itself if it opens something.

    :raises ConfigError: an entry is malformed.
    """
    entries = settings.get("sources", [])
    if not isinstance(entries, list):
        raise ConfigError("json: init_config.sources is not a list; use a list of sources")
    if OPEN_PARAMS in settings or PROGRAM in settings:
        own = {key: settings[key] for key in _KEYS if key in settings}
        entries = [{"name": NAME, **own}, *entries]
    sources = [_read(entry) for entry in entries]
    names = [source.log.source for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"json: two sources have the name '{name}'; rename one")
    return sources


def settings_of(source: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of *settings* that is about *source*."""
    own = [entry for entry in settings.get("sources", []) if entry["name"] == source]
    return {"sources": own} if own else {key: value for key, value in settings.items() if key != "sources"}


def _read(entry: Any) -> Config:
    if not isinstance(entry, Mapping):
        raise ConfigError("json: an entry of init_config.sources is not a mapping; use one with a name and open_params")
    name = _text(entry, "name", "json: a source in init_config.sources")
    if not _SOURCE.fullmatch(name):
        raise ConfigError(
            f"{where(name)}: the name is not valid; use letters, digits and _ . -, beginning with a letter"
        )
    time, records = entry.get("time"), entry.get("records")
    for path in (time, records):
        if path is not None:
            path_keys(str(path))
    log = JsonLog(
        source=name,
        plugin=NAME,
        time=None if time is None else str(time),
        wrappers=() if records is None else (str(records),),
    )
    return _with_input(log, entry, Settings(NAME, entry, _KEYS))


def _with_input(log: JsonLog, entry: Mapping[str, Any], given: Settings) -> Config:
    params, runs = given.open_params(), read_program(entry, where(log.source))
    if bool(params) == (runs is not None):
        what = "both" if params else "neither"
        raise ConfigError(
            f"{where(log.source)} has {what} {OPEN_PARAMS} {'and' if params else 'nor'} {PROGRAM}; "
            "set exactly one of them"
        )
    shown = params if isinstance(params, str) else ", ".join(params)
    usual = f"JSON records of {shown or shown_program(runs)}."
    description = str(entry.get("description") or usual).replace("\n", " ")
    return Config(log, description, given, params, given.truth(FOLLOW), runs)


def _text(entry: Mapping[Any, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} has no {key}")
    return value
