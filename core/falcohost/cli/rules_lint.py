"""``falcohost rules lint``: finds mistakes in rules that are no errors."""

from __future__ import annotations

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load, load_configured
from falcohost.cli.rules_lint_text import findings_json, findings_sarif, findings_text
from falcohost.cli.trouble import as_trouble
from falcohost.errors import ConfigError
from falcohost.rules.lint.finding import CHECKS, Level
from falcohost.rules.lint.lint import lint
from falcohost.rules.lint.subject import Subject

_LEVELS = tuple(level.name.lower() for level in Level)

_EXAMPLE = """\b
Examples:
  falcohost rules lint rules.yaml
  falcohost rules lint rules/ --level warning --sarif > lint.sarif
  falcohost rules lint rules.yaml --only exempt-by-name
"""


@click.command(name="lint", epilog=_EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option(
    "--only", multiple=True, metavar="CHECK", shell_complete=complete.one_of(*CHECKS), help="Run only this check."
)
@click.option(
    "--skip", multiple=True, metavar="CHECK", shell_complete=complete.one_of(*CHECKS), help="Do not run this check."
)
@click.option(
    "--level", type=click.Choice(_LEVELS), default=_LEVELS[0], help="Least level of what is shown; default: note."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, which GitHub's code scanning reads.")
@click.option("--checks", "listed", is_flag=True, help="List the checks and exit.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    level: str,
    as_json: bool,
    sarif: bool,
    listed: bool,
) -> None:
    """Find mistakes in rules that are no errors: parts that are never true, exemptions that anybody can claim.

    A finding says where it is, what is wrong and what would mend it. A comment in the rules file ignores it:
    "# falcohost: ignore[CHECK] why", on its line, above it, or at the beginning of the rule, macro or list.

    Without FILEs, the rules are those of the configuration.

    The exit status is 0 if nothing is found, 1 if something is, and 2 if the rules cannot be loaded.
    """
    flags: Flags = ctx.obj
    if listed:
        for name, check in CHECKS.items():
            click.echo(f"{name:16} {check.level.name.lower():8} {check.summary}")
        return
    with as_trouble():
        if as_json and sarif:
            raise ConfigError("--json and --sarif are different outputs; choose one")
        for name in (*only, *skip):
            if name not in CHECKS:
                raise ConfigError(f"there is no check '{name}'; falcohost rules lint --checks lists them")
        loaded = load(flags, files) if files else load_configured(flags)
        first = not flags.configuration().rules.match_all
        found = lint(Subject(loaded.outcome, loaded.catalogs, loaded.sources, first=first))
    least = Level[level.upper()]
    found = [one for one in found if one.level >= least and (not only or one.check in only) and one.check not in skip]
    if as_json or sarif:
        import json

        click.echo(json.dumps(findings_sarif(found) if sarif else findings_json(found), indent=2))
    else:
        for line in findings_text(found, [result.name for result in loaded.outcome.results]):
            click.echo(line)
    ctx.exit(1 if found else 0)
