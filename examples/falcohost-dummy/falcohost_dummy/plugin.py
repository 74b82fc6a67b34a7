"""The plugin's hooks. Only hooks: the objects that they return are defined in the other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcohost import CommandSpec, ConfigKey, Field, FieldType, OutputSpec, SourceSpec, hookimpl
from falcohost_dummy.output import MarkedFile
from falcohost_dummy.source import Counter, parity

if TYPE_CHECKING:
    import click

#: The version of the plugin API that this is written for.
falcohost_api = 1


@hookimpl
def falcohost_config_keys() -> Iterable[ConfigKey]:
    """Bring the key ``dummy.step``."""
    return [
        ConfigKey(
            key="dummy.step",
            type=int,
            default=1,
            help="by how much the source counts on",
            check=lambda step: None if step > 0 else f"dummy.step has to be 1 or more, not {step}",
        )
    ]


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
    """Declare the fields of ``dummy``."""
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
        Field(
            name="dummy.type",
            type=FieldType.CHARBUF,
            description="What the event is, which is always 'tick'.",
            get=lambda tick, _: tick.type,
            tells_type=True,
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
            name="dummy",
            description="Writes alerts to a file, with a mark before each.",
            make=MarkedFile.from_config,
            files=MarkedFile.files,
        )
    ]


@hookimpl
def falcohost_commands() -> Iterable[CommandSpec]:
    """Bring the command ``falcohost count``."""
    return [CommandSpec(name="count", help="Print the numbers that the source dummy counts.", make=_count)]


def _count(settings: Mapping[str, Any]) -> click.Command:
    from falcohost_dummy.count import command  # only who calls it waits for it

    return command(settings)
