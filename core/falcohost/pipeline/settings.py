"""What the configuration says of the pipeline's stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoldConfig:
    """When matches that are alike become one counted alert: *after* so many of them in *window* seconds."""

    enabled: bool = True
    after: int = 100
    window: float = 10.0
