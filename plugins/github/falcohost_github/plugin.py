"""The plugin ``github``: what it offers to falcohost, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.jsonlog import PLUGIN_EVENT, capabilities, pushed
from falcohost_github.check import check
from falcohost_github.fields import FIELDS
from falcohost_github.source import LOG, make, secrets

#: The version of the plugin API that this is written for.
falcohost_api = 1

_RULES = Path(__file__).parent / "rules"


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Offer the source."""
    return (
        SourceSpec(
            name=LOG.source,
            description="What happens on GitHub, as its webhooks and its audit log say it.",
            make=make,
            check=check,
            secrets=secrets,
            event_types=frozenset({PLUGIN_EVENT}),
            capabilities=capabilities(settings),
            pushed=pushed,
        ),
    )


@hookimpl
def falcohost_fields(source: str) -> Iterable[Field] | None:
    """Offer the fields of the source."""
    return FIELDS if source == LOG.source else None


@hookimpl
def falcohost_rules() -> Iterable[Path]:
    """Offer the rules files that are shipped."""
    return sorted(_RULES.glob("*.yaml"))


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Stand in for Falco's plugin of the same name, and for ``json``, whose fields are among ours."""
    return (StandsFor(name="github", version="0.10.1"), StandsFor(name="json", version="0.7.4"))
