"""The plugin ``json``: the hooks through which it offers its sources and fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.jsonlog import JSON_FIELDS
from falcohost_json.config import NAME, read_sources
from falcohost_json.source import source_spec, unconfigured

#: Version of the plugin API that this plugin uses.
falcohost_api = 1


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return a source for each configured log, or without one the source ``json``, so that its rules can be checked."""
    return [source_spec(config) for config in read_sources(settings)] or [unconfigured()]


@hookimpl
def falcohost_fields(source: str, settings: Mapping[str, Any]) -> Iterable[Field] | None:
    """Return the fields ``json.*`` for its own sources; other JSON sources have them already."""
    own = [config.log.source for config in read_sources(settings)] or [NAME]
    return JSON_FIELDS if source in own else None


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Declare that this plugin replaces Falco's of the same name."""
    return [StandsFor(name=NAME, version="0.7.4")]
