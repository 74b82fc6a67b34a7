"""Settings of the pipeline's stages, from the configuration."""

from __future__ import annotations

from msgspec import Struct, field


class FoldConfig(Struct, frozen=True):
    """When similar matches become one counted alert: *after* this many in *window* seconds."""

    enabled: bool = True
    after: int = 100
    window: float = 10.0


class PipelineConfig(Struct, frozen=True):
    """The settings of all stages.

    :ivar wait: most seconds that a match waits for the row of a lookup.
    """

    fold: FoldConfig = field(default_factory=FoldConfig)
    wait: float = 1.0
