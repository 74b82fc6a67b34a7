"""``-V``: validates rules files and prints a verdict for each, in Falco's text or JSON."""

from __future__ import annotations

import sys

import click

from falcohost.cli.describe import describe
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line
from falcohost.engine.texts import printable_lines
from falcohost.errors import RulesError
from falcohost.host.config import Config
from falcohost.host.loading import load_files
from falcohost.host.plugins import Plugins, load_all
from falcohost.host.trusted import rules_problems
from falcohost.log import log
from falcohost.rules import report
from falcohost.rules.describe import description_table
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.results import FileResult


def validate(flags: Flags, config: Config) -> int:
    """Validate the files of ``-V`` with all installed plugins; print the verdicts; return 0.

    :raises RulesError: a file is not valid, cannot be read, or requires a plugin that is not installed.
    """
    log.info("Validating rules file(s):")
    for file in flags.validate:
        log.info("   %s", file)
    for problem in rules_problems(config, flags.validate, ()):
        log.warning("an agent would not start with this file: %s", problem)
    plugins = load_all(config.for_plugins)
    for reason in plugins.left_out.values():
        log.error("%s", reason)
    outcome = load_files(flags.validate, plugins, config, flags.suffix)
    if outcome.unmet is not None:
        raise RulesError(outcome.unmet)
    described = _described(flags, outcome, plugins)
    summary = "\n".join(_told(result) for result in outcome.results)
    readable = sys.stderr.isatty()
    if config.alerts.json:
        results = {"falco_load_results": [report.as_json(result) for result in outcome.results]}
        click.echo(json_line(results | ({"falco_describe_results": described} if described else {})))
    else:
        # On a terminal the errors follow once, in the readable form.
        short = readable and sys.stdout.isatty() and not outcome.ok
        click.echo("\n".join(map(report.verdict, outcome.results)) if short else printable_lines(summary))
        if described is not None:
            click.echo(f"\n{description_table(described)}")
    _refuse(outcome, summary, readable=readable)
    return 0


def _told(result: FileResult) -> str:
    """Return the verdict and any errors; warnings go to the log."""
    if result.ok and result.warnings:
        hints = dict.fromkeys(f"{one.message}: {one.hint}" for one in result.warnings if one.hint)
        log.warning("%s", "\n".join((report.verbose_text(result).rstrip("\n"), *hints)))
        return report.verdict(result)
    return report.verbose_text(result)


def _described(flags: Flags, outcome: LoadOutcome, plugins: Plugins) -> dict[str, object] | None:
    if not outcome.ok or not (flags.describe_all or flags.describe is not None):
        return None
    return describe(outcome, plugins, flags.describe, flags.configuration().response)


def _refuse(outcome: LoadOutcome, summary: str, *, readable: bool) -> None:
    """Raise if a file is not valid: with the text of stdout, as Falco does, or a readable form on a terminal."""
    if outcome.ok:
        return
    if readable:
        outcome.check()
    raise RulesError(summary)
