"""The plugin ``cloudtrail``: the hooks through which it offers its source, fields and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.aws import ENVIRONMENT
from falcohost.jsonlog import PLUGIN_EVENT, pushed
from falcohost_cloudtrail.check import check
from falcohost_cloudtrail.config import capabilities, is_remote
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG, make

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

_RULES = Path(__file__).parent / "rules"


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return the source."""
    return (
        SourceSpec(
            name=LOG.source,
            description="Requests to AWS, as CloudTrail records them.",
            make=make,
            check=check,
            event_types=frozenset({PLUGIN_EVENT}),
            platforms=frozenset({"IaaS"}),
            capabilities=capabilities(settings),
            environment=ENVIRONMENT if is_remote(settings) else (),
            pushed=pushed,
        ),
    )


@hookimpl
def falcohost_fields(source: str) -> Iterable[Field] | None:
    """Return the fields of the source."""
    return FIELDS if source == LOG.source else None


@hookimpl
def falcohost_rules() -> Iterable[Path]:
    """Return the rules files that come with the plugin."""
    return sorted(_RULES.glob("*.yaml"))


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Declare that this plugin replaces Falco's of the same name, and ``json``, whose fields are among its own."""
    return (StandsFor(name="cloudtrail", version="0.17.1"), StandsFor(name="json", version="0.7.4"))
