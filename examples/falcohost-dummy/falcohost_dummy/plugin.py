"""What this plugin offers to falcohost. Hooks only: what they return is made in the other files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from falcohost import Field, FieldType, OutputSpec, SourceSpec, hookimpl
from falcohost_dummy.output import MarkedFile
from falcohost_dummy.source import Counter, parity


@hookimpl
def falcohost_sources() -> Iterable[SourceSpec]:
    """Offer the source ``dummy``."""
    return [
        SourceSpec(
            name="dummy",
            description="Counts from 1 to the number that is configured.",
            make=Counter.from_config,
            event_types=frozenset({"tick"}),
        )
    ]


@hookimpl
def falcohost_fields(source: str) -> Iterable[Field] | None:
    """Declare the two fields of ``dummy``."""
    if source != "dummy":
        return None
    return [
        Field(
            name="dummy.number",
            type=FieldType.UINT64,
            description="The number that was counted.",
            get=lambda tick, _: tick.number,
        ),
        Field(
            name="dummy.parity",
            type=FieldType.CHARBUF,
            description="Whether the number is even or odd.",
            get=lambda tick, _: parity(tick.number),
        ),
    ]


@hookimpl
def falcohost_rules() -> Iterable[Path]:
    """Ship the rule."""
    return [Path(__file__).parent / "rules" / "dummy_rules.yaml"]


@hookimpl
def falcohost_outputs() -> Iterable[OutputSpec]:
    """Offer the output that is configured as ``dummy_output``."""
    return [
        OutputSpec(
            name="dummy", description="Writes alerts to a file, with a mark before each.", make=MarkedFile.from_config
        )
    ]
