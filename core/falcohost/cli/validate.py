"""``-V``: loads rules files and says of each whether it is valid, in Falco's text or JSON."""

from __future__ import annotations

import click

from falcohost.cli.flags import Flags
from falcohost.errors import RulesError
from falcohost.host.config import Config
from falcohost.host.loading import load_files
from falcohost.host.log import log
from falcohost.host.plugins import load_all
from falcohost.rules import report


def validate(flags: Flags, config: Config) -> int:
    """Validate ``-V``'s files over all plugins that are installed; print the verdicts; return 0.

    :raises RulesError: a file was refused, or cannot be read, or requires a plugin that is not there.
    """
    log.info("Validating rules file(s):")
    for file in flags.validate:
        log.info("   %s", file)
    plugins = load_all()
    for reason in plugins.left_out.values():
        log.error("%s", reason)
    outcome = load_files(flags.validate, plugins, config.rules, flags.suffix)
    if outcome.unmet is not None:
        raise RulesError(outcome.unmet)
    described = None
    if outcome.ok and (flags.describe_all or flags.describe is not None):
        from falcohost.cli import describe

        described = describe.document(outcome, flags.describe)
    summary = "\n".join(_told(result) for result in outcome.results)
    if config.alerts.json:
        found: dict[str, object] = {"falco_load_results": [report.as_json(result) for result in outcome.results]}
        if described is not None:
            found["falco_describe_results"] = described
        click.echo(_json(found))
    else:
        click.echo(summary)
        if described is not None:
            from falcohost.cli import describe

            click.echo("\n" + describe.as_text(described), nl=False)
    if not outcome.ok:
        raise RulesError(summary)
    return 0
