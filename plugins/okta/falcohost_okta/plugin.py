"""The plugin ``okta``: the hooks through which it offers its source, fields and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.jsonlog import PLUGIN_EVENT, capabilities
from falcohost.poll import ENVIRONMENT
from falcohost_okta.check import check
from falcohost_okta.fields import FIELDS
from falcohost_okta.login import TOKEN
from falcohost_okta.service_app import PRIVATE_KEY
from falcohost_okta.source import LOG, make
from falcohost_okta.wanted import pushed_down

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

_RULES = Path(__file__).parent / "rules"


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return the source."""
    return (
        SourceSpec(
            name=LOG.source,
            description="What happens in an Okta organization: its System Log, from Okta's API or from files.",
            make=make,
            check=check,
            event_types=frozenset({PLUGIN_EVENT}),
            platforms=frozenset({"Identity Provider", "SaaS"}),
            capabilities=capabilities(settings),
            environment=(TOKEN, PRIVATE_KEY, *ENVIRONMENT),
            pushed=pushed_down(settings),
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
    return (StandsFor(name="okta", version="0.12.0"), StandsFor(name="json", version="0.7.4"))
