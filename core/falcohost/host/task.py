"""The task that the supervisor gives to a worker."""

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
    """Everything that a worker needs to run one source.

    :ivar settings: the source's settings.
    :ivar make: returns the alert of a rule that matched.
    :ivar decode: returns the rules in a message from the supervisor.
    :ivar config: the pipeline's configuration.
    """

    spec: SourceSpec
    settings: Mapping[str, Any]
    rules: Rules
    make: Make
    decode: Callable[[wire.NewRules], Rules]
    config: PipelineConfig
