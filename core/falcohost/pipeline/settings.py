"""Settings of the pipeline's stages, from the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoldConfig:
    """When similar matches become one counted alert: *after* this many in *window* seconds."""

    enabled: bool = True
    after: int = 100
    window: float = 10.0


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """The settings of all stages.

    :ivar wait: most seconds that a match waits for the row of a lookup.
    """

    fold: FoldConfig = field(default_factory=FoldConfig)
    wait: float = 1.0
