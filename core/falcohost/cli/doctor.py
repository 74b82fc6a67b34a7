"""``falcohost doctor``: checks what a start with this configuration checks, and prints what is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import click

from falcohost.cli.flags import Flags
from falcohost.engine.ruleset import Ruleset
from falcohost.errors import FalcohostError, PluginError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.checks import Finding, start_findings
from falcohost.host.code import code_findings
from falcohost.host.config import Config
from falcohost.host.loading import files_to_load, load_to_run, plugin_names
from falcohost.host.plugins import Plugins, load_plugins
from falcohost.host.trusted import configuration_problems, rules_problems


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check whether falcohost can start as it is configured, and say how to fix what is missing.

    Exits with status 1 if something is missing.
    """
    flags: Flags = ctx.obj
    findings = list(_findings(flags))
    if as_json:
        import json

        rows = [{"source": one.source, "what": one.what, "problem": one.problem} for one in findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        _print(findings)
    ctx.exit(1 if any(finding.problem for finding in findings) else 0)


def _findings(flags: Flags) -> Iterator[Finding]:
    try:
        config = flags.configuration()
    except FalcohostError as error:  # nothing else can be checked then
        yield Finding("configuration", "it is valid", str(error))
        return
    yield Finding("configuration", "it is valid", None)
    yield from _of_configuration(flags, config)


def _of_configuration(flags: Flags, config: Config) -> Iterator[Finding]:
    """Yield what a start with this *config* needs."""
    names = plugin_names(config)
    try:
        plugins = load_plugins(names, config.for_plugins, strict=False)
    except PluginError as error:
        yield Finding("plugins", "those that are configured can be loaded", str(error))
        plugins = load_plugins((), config.for_plugins, strict=False)
    for name, reason in plugins.left_out.items():
        yield Finding(name, "the plugin can be used", reason)
    for name, reason in plugins.refused.items():
        yield Finding(name, "its configuration is valid", reason)
    yield from _trust(flags, config, plugins)
    rules = _rules(flags, config, plugins)
    if isinstance(rules, FalcohostError):
        yield Finding("rules", "they are valid", str(rules))
    else:
        yield Finding("rules", "they are valid", None)
    options = AgentOptions(
        enable_sources=flags.enable_source, disable_sources=flags.disable_source, pidfile=flags.pidfile
    )
    yield from code_findings(plugins, web=config.health.web is not None)
    yield from start_findings(config, plugins, None if isinstance(rules, FalcohostError) else rules, options)


def _trust(flags: Flags, config: Config, plugins: Plugins) -> Iterator[Finding]:
    """Yield whether other users could change what falcohost reads."""
    problems = [*configuration_problems(config)]
    with contextlib.suppress(FalcohostError):  # reported with the rules
        files = files_to_load(config.rules, plugins, flags.rules, flags.wants)
        problems += rules_problems(config, files, flags.rules or config.rules.files or ())
    yield Finding("files", "only root, and falcohost's user, can change them", "; ".join(problems) or None)


def _rules(flags: Flags, config: Config, plugins: Plugins) -> Ruleset | FalcohostError:
    """Return the rules, or why they are refused."""
    try:
        files = files_to_load(config.rules, plugins, flags.rules, flags.wants)
        loaded = load_to_run(config, plugins, files, flags.suffix)
        loaded.check()
    except FalcohostError as error:
        return error
    return loaded.ruleset


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.problem is None else click.style("MISS", fg="red", bold=True)
        problem = "" if finding.problem is None else f": {finding.problem}"
        click.echo(f"{mark}  {finding.source}: {finding.what}{problem}")
    missing = sum(finding.problem is not None for finding in findings)
    click.echo(f"{missing} of {len(findings)} checks failed." if missing else "Nothing is missing.")
