"""``falcohost fields``: lists the fields that rules can use, for one source or all, filtered by a pattern."""

from __future__ import annotations

import fnmatch

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.listing import field_json
from falcohost.errors import ConfigError
from falcohost.fields import ArgKind, Field
from falcohost.host.catalogs import all_fields
from falcohost.host.plugins import Plugins, installed, load_all

_ARGUMENT = {ArgKind.NONE: "", ArgKind.INDEX: "[n]", ArgKind.KEY: "[key]", ArgKind.ANY: "[n or key]"}


@click.command(name="fields")
@click.argument("source", required=False, shell_complete=complete.sources_or_fields)
@click.argument("pattern", required=False, shell_complete=complete.fields)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(flags: Flags, source: str | None, pattern: str | None, as_json: bool) -> None:
    """List the fields of SOURCE (default: of all sources) whose names contain PATTERN.

    PATTERN may have wildcards: 'proc.*name'. A single argument that is not a source is the pattern.
    """
    plugins = load_all(flags.configuration().for_plugins, strict=False)
    for reason in plugins.refused.values():
        click.echo(f"WARNING: {reason}", err=True)
    fields = all_fields(plugins)
    if source is not None and source not in fields and pattern is None:
        source, pattern = None, source
    if source is not None and source not in fields:
        known = ", ".join(sorted(fields))
        raise ConfigError(f"there is no event source '{source}'; the sources are: {known}{_idle(plugins)}")
    found = [
        (name, field)
        for name, of_source in fields.items()
        for field in of_source
        if source in (None, name) and _matches(field, pattern)
    ]
    if as_json:
        import json

        click.echo(json.dumps([{"source": name, **field_json(field)} for name, field in found], indent=2))
        return
    if not found:
        raise ConfigError(f"no field name contains '{pattern}'{_idle(plugins)}")
    _print(found, with_source=source is None and len(fields) > 1)


def _idle(plugins: Plugins) -> str:
    """Return which installed plugins were not asked, for a message; empty if all were."""
    names = [name for name in installed() if name not in (plugin.name for plugin in plugins.loaded)]
    names = [name for name in names if name not in plugins.left_out]
    if not names:
        return ""
    return f"; not asked, since the configuration does not name them: {', '.join(names)} (-o load_plugins[]={names[0]})"


def _matches(field: Field, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatch.fnmatchcase(field.name, pattern if "*" in pattern or "?" in pattern else f"*{pattern}*")


def _print(found: list[tuple[str, Field]], *, with_source: bool) -> None:
    width = max(len(field.name + _ARGUMENT[field.arg]) for _, field in found)
    kinds = max(len(field.type.value) for _, field in found)
    of_source = ""
    for source, field in found:
        if with_source and source != of_source:
            click.echo(click.style(f"{'' if not of_source else chr(10)}source {source}", bold=True))
            of_source = source
        name = click.style(field.name, fg="cyan") + _ARGUMENT[field.arg]
        pad = " " * (width - len(field.name + _ARGUMENT[field.arg]))
        click.echo(f"{name}{pad}  {click.style(f'{field.type.value:<{kinds}}', dim=True)}  {field.description}")
