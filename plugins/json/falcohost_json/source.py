"""Makes the event sources that the configuration names."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from falcohost import ConfigError, Source, SourceSpec
from falcohost.jsonlog import (
    FOLLOW,
    PLUGIN_EVENT,
    Input,
    JsonSource,
    Limits,
    Origin,
    capabilities,
    file_input,
    files_check,
    pushed,
)
from falcohost.program import ProgramInput
from falcohost.settings import OPEN_PARAMS
from falcohost.web import Listener, WebhookInput, is_address, secret_files
from falcohost_json.config import NAME, Config, settings_of
from falcohost_json.webhook import read_listener


def source_spec(config: Config) -> SourceSpec:
    """Return the spec of one configured source."""
    listens = isinstance(config.open_params, str) and is_address(config.open_params)

    def listener() -> Listener | None:
        return read_listener(config.given, str(config.open_params), NAME) if listens else None

    def make(settings: Mapping[str, Any]) -> Source:
        return JsonSource(config.log, _input(config, listener()))

    return SourceSpec(
        name=config.log.source,
        description=config.description,
        make=make,
        check=files_check(make, always=True),
        event_types=frozenset({PLUGIN_EVENT}),
        capabilities=capabilities({OPEN_PARAMS: config.open_params, FOLLOW: config.follow}),
        secrets=lambda settings: secret_files(listener()),
        settings=functools.partial(settings_of, config.log.source),
        pushed=pushed,
    )


def unconfigured() -> SourceSpec:
    """Return the source ``json`` of a configuration that names no log: rules can be checked, and nothing opened."""

    def make(settings: Mapping[str, Any]) -> Source:
        raise ConfigError(f"there is nothing to read: name files in {OPEN_PARAMS}, or logs in init_config.sources")

    return SourceSpec(
        name=NAME,
        description="JSON records of any log.",
        make=make,
        event_types=frozenset({PLUGIN_EVENT}),
        pushed=pushed,
    )


def _input(config: Config, listener: Listener | None) -> Input:
    if config.program is not None:
        return ProgramInput(config.program, plugin=config.where)
    if listener is not None:
        origin = Origin(str(listener.address), "webhook", by_content=True, timeless=True)
        return WebhookInput(listener, Limits(), origin)
    return file_input(config.open_params, plugin=config.where, follow=config.follow)
