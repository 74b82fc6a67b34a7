"""The hooks of this plugin; the other files make what they return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from falcohost import Field, SourceSpec, hookimpl
from falcohost_text.config import read_sources
from falcohost_text.event import fields_of
from falcohost_text.source import UNCONFIGURED, source_spec, unconfigured

#: The version of the plugin API that this is written for.
falcohost_api = 1


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Offer a source for each configured log."""
    return [source_spec(config) for config in read_sources(settings)] or [unconfigured()]


@hookimpl
def falcohost_fields(source: str, settings: Mapping[str, Any]) -> Iterable[Field] | None:
    """Declare the fields of its own sources, which depend on each one's format."""
    sources = read_sources(settings) or [UNCONFIGURED]
    return next((fields_of(config.format.columns) for config in sources if config.name == source), None)
