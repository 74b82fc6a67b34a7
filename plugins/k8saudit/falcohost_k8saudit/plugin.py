"""The plugin ``k8saudit``: the hooks through which it offers its source, fields and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falcohost import Field, SourceSpec, StandsFor, hookimpl
from falcohost.aws import ENVIRONMENT
from falcohost.jsonlog import PLUGIN_EVENT, pushed
from falcohost.web import secret_files
from falcohost_k8saudit.check import check
from falcohost_k8saudit.config import NAME, read_config
from falcohost_k8saudit.fields import FIELDS
from falcohost_k8saudit.log_group import EKS, capabilities, is_in_cloudwatch
from falcohost_k8saudit.source import LOG, make_source
from falcohost_k8saudit.webhook import TOKEN

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

_RULES = Path(__file__).parent / "rules"


@hookimpl
def falcohost_sources(settings: Mapping[str, Any]) -> Iterable[SourceSpec]:
    """Return the source ``k8s_audit``."""
    return [
        SourceSpec(
            name=LOG.source,
            description="The audit log of a Kubernetes API server.",
            make=make_source,
            check=check,
            secrets=lambda settings: secret_files(read_config(settings).listener),
            event_types=frozenset({PLUGIN_EVENT}),
            platforms=frozenset({"Containers"}),
            capabilities=capabilities(settings),
            environment=ENVIRONMENT if is_in_cloudwatch(settings) else (TOKEN,),
            pushed=pushed,
        )
    ]


@hookimpl
def falcohost_fields(source: str) -> Iterable[Field] | None:
    """Return the fields ``ka.*`` and ``json.*`` for its own source."""
    return FIELDS if source == LOG.source else None


@hookimpl
def falcohost_rules() -> Iterable[Path]:
    """Return the rules files that come with the plugin."""
    return sorted(_RULES.glob("*.yaml"))


@hookimpl
def falcohost_stands_for() -> Iterable[StandsFor]:
    """Declare that this plugin replaces Falco's of the same name, the one for EKS, and the one for ``json.*``."""
    return [
        StandsFor(name=NAME, version="0.18.0"),
        StandsFor(name=EKS, version="0.12.0"),
        StandsFor(name="json", version="0.7.4"),
    ]
