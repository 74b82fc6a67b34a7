"""The event sources that the configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import Source, SourceSpec
from falcohost.jsonlog import FOLLOW, PLUGIN_EVENT, JsonSource, capabilities, file_input, files_check, pushed
from falcohost.plugin_settings import OPEN_PARAMS
from falcohost_json.config import NAME, Config


def source_spec(config: Config) -> SourceSpec:
    """Return the offer of one configured source."""

    def make(settings: Mapping[str, Any]) -> Source:
        where = f"{NAME}: the source '{config.log.source}'"
        return JsonSource(config.log, file_input(config.open_params, plugin=where, follow=config.follow))

    return SourceSpec(
        name=config.log.source,
        description=config.description,
        make=make,
        check=files_check(make, always=True),
        event_types=frozenset({PLUGIN_EVENT}),
        capabilities=capabilities({OPEN_PARAMS: config.open_params, FOLLOW: config.follow}),
        pushed=pushed,
    )
