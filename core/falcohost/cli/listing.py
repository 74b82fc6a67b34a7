"""``--list``: lists fields in Falco's layout, as text, Markdown or JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from falcohost.cli.jsonline import pretty_json
from falcohost.fields import ArgKind, Field

FORMATS = ("text", "markdown", "json")
_NAME_WIDTH = 30
_LINE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class FieldClass:
    """Fields with the same first part of their names, and the sources that have them."""

    name: str
    sources: tuple[str, ...]
    fields: tuple[Field, ...]


def chosen_format(name: str | None, markdown: bool) -> str:
    """Return the format that the flags choose.

    :raises UsageError: there is no such format, or both flags were given.
    """
    if markdown and name is not None:
        raise click.UsageError("Cannot specify both --markdown and --format options together")
    if markdown:
        click.echo("WARNING: --markdown is deprecated, use --format markdown instead.", err=True)
        return "markdown"
    chosen = (name or "text").lower()
    if chosen not in FORMATS:
        raise click.UsageError(f"Invalid format '{name}'. Valid values are: {', '.join(FORMATS)}")
    return chosen


def field_classes(fields: Mapping[str, Sequence[Field]]) -> list[FieldClass]:
    """Group the fields by the first part of their names; sources with the same group of fields share one entry."""
    found: dict[tuple[str, tuple[Field, ...]], list[str]] = {}
    for source, of_source in fields.items():
        by_name: dict[str, list[Field]] = {}
        for field in of_source:
            by_name.setdefault(field.name.partition(".")[0], []).append(field)
        for name, members in by_name.items():
            found.setdefault((name, tuple(members)), []).append(source)
    return [FieldClass(name, tuple(sources), members) for (name, members), sources in found.items()]


def list_fields(classes: Iterable[FieldClass], form: str, *, names_only: bool, types: bool) -> str:
    """Return the listing; *types* adds each field's type to the text."""
    if names_only:
        names = [field.name for one in classes for field in one.fields if not field.deprecated]
        return pretty_json({"fieldnames": names}) if form == "json" else "\n".join(names)
    if form == "json":
        return pretty_json({"fieldclasses": [_class_json(one) for one in classes]})
    if form == "markdown":
        return "\n".join(_class_markdown(one) for one in classes)
    return "\n".join(_class_text(one, types) for one in classes)


def _class_text(one: FieldClass, types: bool) -> str:
    lines = [
        "-------------------------------",
        f"Field Class:                  {one.name}",
        f"Event Sources:                {', '.join(one.sources)}",
        "",
    ]
    for field in one.fields:
        told = f"({', '.join(marks)}) " if (marks := _marks(field, types)) else ""
        wrapped = textwrap.wrap(told + field.description, _LINE_WIDTH - _NAME_WIDTH) or [""]
        lines.append(f"{field.name:<{_NAME_WIDTH - 1}} {wrapped[0]}")
        lines += [" " * _NAME_WIDTH + line for line in wrapped[1:]]
    return "\n".join(lines) + "\n"


def _marks(field: Field, types: bool) -> list[str]:
    marks = [f"Type: {'LIST of ' if field.is_list else ''}{field.type.value}"] if types else []
    if field.arg is not ArgKind.NONE:
        marks.append("ARG_REQUIRED" if field.arg_required else "ARG_ALLOWED")
    flags = (
        (field.filter_only, "FILTER ONLY"),
        (field.print_only, "PRINT ONLY"),
        (field.no_rhs, "EPF_NO_RHS"),
        (field.no_transform, "EPF_NO_TRANSFORMER"),
        (field.deprecated, "DEPRECATED"),
    )
    return marks + [name for flag, name in flags if flag]


def _class_markdown(one: FieldClass) -> str:
    rows = "".join(f"`{field.name}` | {field.type.value} | {field.description}\n" for field in one.fields)
    heading = f"## Field Class: {one.name}\n\nEvent Sources: {', '.join(one.sources)}\n"
    return f"{heading}\nName | Type | Description\n:----|:-----|:-----------\n{rows}"


def _class_json(one: FieldClass) -> dict[str, Any]:
    return {
        "desc": f"Fields whose names begin with '{one.name}.'.",
        "event_sources": list(one.sources),
        "fields": [field_json(field) for field in one.fields],
        "name": one.name,
    }


def field_json(field: Field) -> dict[str, Any]:
    """Return one field as an entry of Falco's JSON listing."""
    kinds = {ArgKind.INDEX: ["index"], ArgKind.KEY: ["key"], ArgKind.ANY: ["index", "key"]}
    argument = {"required": field.arg_required, "type": kinds[field.arg]} if field.arg in kinds else None
    return {
        "argument": argument,
        "desc": field.description,
        "is_list": field.is_list,
        "name": field.name,
        "type": field.type.value,
    }
