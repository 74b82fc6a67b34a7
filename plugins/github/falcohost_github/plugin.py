"""The plugin ``github``: the hooks through which it offers its source, fields and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.jsonlog import PLUGIN_EVENT, capabilities, pushed
from falcohost.poll import ENVIRONMENT
from falcohost_github.check import check
from falcohost_github.config import SECRET_VARIABLE, TOKEN_VARIABLE
from falcohost_github.fields import FIELDS
from falcohost_github.source import LOG, make, secrets

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

_RULES = Path(__file__).parent / "rules"


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return the source."""
    return (
        SourceSpec(
            name=LOG.source,
            description="Activity on GitHub, from its webhooks and its audit log.",
            make=make,
            check=check,
            secrets=secrets,
            event_types=frozenset({PLUGIN_EVENT}),
            platforms=frozenset({"SaaS"}),
            capabilities=capabilities(settings),
            environment=(SECRET_VARIABLE, TOKEN_VARIABLE, *ENVIRONMENT),
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
    return (StandsFor(name="github", version="0.10.1"), StandsFor(name="json", version="0.7.4"))
