"""``falcohost doctor``: runs every source's checks without starting it, and prints what is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click

from falcohost.cli.flags import Flags
from falcohost.errors import AddressTaken, StateError
from falcohost.hookspecs import SourceSpec
from falcohost.host.connection import Connection
from falcohost.host.listening import listens
from falcohost.host.plugins import Plugins, load_all
from falcohost.host.settings import source_settings
from falcohost.store.directory import state_directory


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    :ivar source: name of the source or plugin.
    :ivar what: what was checked, as a statement that is true if all is well.
    :ivar problem: what is wrong and how to fix it; None: nothing.
    """

    source: str
    what: str
    problem: str | None


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check whether this machine can run the sources, and say how to fix what is missing.

    Exits with status 1 if something is missing.
    """
    flags: Flags = ctx.obj
    config = flags.configuration()
    plugins = load_all(config.for_plugins, strict=False)
    agent = _running(config.state.directory)
    findings = list(_findings(plugins, source_settings(plugins), agent))
    if as_json:
        import json

        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    ctx.exit(1 if any(finding.problem for finding in findings) else 0)


def _running(state: str) -> int | None:
    """Return the process id of the agent that uses the state directory *state*; None if none is running."""
    try:
        connection = Connection(state_directory(state))
    except StateError:
        return None
    with contextlib.closing(connection):
        return connection.supervisor


def _findings(plugins: Plugins, settings: Mapping[str, Mapping[str, Any]], agent: int | None) -> Iterator[Finding]:
    for name, reason in plugins.left_out.items():
        yield Finding(name, "the plugin can be used", reason)
    for name, reason in plugins.refused.items():
        yield Finding(name, "its configuration is valid", reason)
    for name, spec in plugins.sources().items():
        yield from _check(spec, settings[name], agent)


def _check(spec: SourceSpec, settings: Mapping[str, Any], agent: int | None) -> Iterator[Finding]:
    if spec.check is None:
        return
    try:
        for what, problem in spec.check(settings):
            yield Finding(spec.name, what, problem)
    except AddressTaken as error:
        if agent is not None and listens(agent, error.port):
            yield Finding(spec.name, "its address is available: the running agent listens on it", None)
        else:
            yield Finding(spec.name, "its address is available", str(error))
    except Exception as error:
        yield Finding(spec.name, "its check runs", f"{type(error).__name__}: {error}")


def _print(findings: Iterable[Finding]) -> None:
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.problem is None else click.style("MISS", fg="red", bold=True)
        problem = "" if finding.problem is None else f": {finding.problem}"
        click.echo(f"{mark}  {finding.source}: {finding.what}{problem}")
    if not any(finding.problem for finding in findings):
        click.echo("Nothing is missing.")
