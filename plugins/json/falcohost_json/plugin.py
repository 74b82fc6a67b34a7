"""What this plugin offers to falcohost. Hooks only: what they return is made in the other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.jsonlog import JSON_FIELDS
from falcohost_json.config import NAME, read_sources
from falcohost_json.source import source_spec, unconfigured

#: The version of the plugin API that this is written for.
falcohost_api = 1


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Offer a source for each log that is configured; without one the source ``json``, for rules that are not run."""
    return [source_spec(config) for config in read_sources(settings)] or [unconfigured()]


@hookimpl
def falcohost_fields(source: str, settings: Mapping[str, Any]) -> Iterable[Field] | None:
    """Declare ``json.*`` for its own sources; other sources of JSON have them already."""
    own = [config.log.source for config in read_sources(settings)] or [NAME]
    return JSON_FIELDS if source in own else None


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Stand in for Falco's plugin of the same name."""
    return [StandsFor(name=NAME, version="0.7.4")]
