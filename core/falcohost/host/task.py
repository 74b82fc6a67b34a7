"""The task of a worker, as the supervisor gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.hookspecs import SourceSpec
from falcohost.host import wire
from falcohost.pipeline.fold import Make
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import PipelineConfig


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does.

    :ivar settings: the plugin's own configuration.
    :ivar make: returns the alert of a rule that matched.
    :ivar decode: returns the rules that a message of the supervisor holds.
    :ivar config: what the configuration says of the pipeline.
    """

    spec: SourceSpec
    settings: Mapping[str, Any]
    rules: Rules
    make: Make
    decode: Callable[[wire.NewRules], Rules]
    config: PipelineConfig
