"""``falcohost rules test``: runs the tests of rules, shows which conditions they cover, and records tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import complete_rule
from falcohost.cli.rules_test_run import Asked, complete_names, run_tests
from falcohost.errors import ConfigError, FalcohostError

_EXAMPLE = """\b
Examples:
  falcohost rules test
  falcohost rules test shadow_test.yaml -k cat --coverage
  falcohost -r shadow.yaml rules test --record 'cat reads the hashes' --into shadow_test.yaml -- cat /etc/shadow
\b
Exit status: 0 all tests passed; 1 one failed; 2 the tests or their rules cannot be used, or none is chosen;
3 the conditions are covered less than --fail-under says.
"""


@click.command(name="test", epilog=_EXAMPLE)
@click.argument("arguments", nargs=-1, metavar="[FILE]... | -- COMMAND...", type=click.Path())
@click.option(
    "-k",
    "names",
    multiple=True,
    metavar="TEXT",
    shell_complete=complete_names,
    help="Run only tests with TEXT in their name; may be repeated.",
)
@click.option(
    "-j", "jobs", type=click.IntRange(1, 256), metavar="N", help="Run in N processes. Default: as many as CPUs."
)
@click.option("--coverage", is_flag=True, help="Show which parts of the conditions were true, false, and decided.")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="Exit with 3 if the conditions are covered less.",
)
@click.option("--mutate", is_flag=True, help="Try faults in the conditions; show those that no test notices.")
@click.option(
    "--mutants", type=click.IntRange(1, 100_000), default=200, metavar="N", help="Most faults of a rule. Default: 200."
)
@click.option(
    "--rule",
    "rule",
    metavar="RULE",
    shell_complete=complete_rule,
    help="Cover and mutate only this rule; * matches any text.",
)
@click.option("--watch", is_flag=True, help="Run again whenever a file of tests or rules changes.")
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Also write a JUnit report.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--full", is_flag=True, help="Print long lists, and conditions that are covered, in full.")
@click.option("--run-commands", is_flag=True, help="Also run tests with a command, under a live agent, as root.")
@click.option(
    "--record", "record", metavar="NAME", help="Run COMMAND under a live agent, as root; write what happens as a test."
)
@click.option(
    "--into", type=click.Path(dir_okay=False), metavar="FILE", help="Add the recorded test to FILE. Default: print it."
)
@click.pass_obj
def command(flags: Flags, /, arguments: tuple[str, ...], record: str | None, into: str | None, **given: Any) -> None:
    """Run the tests of rules in FILEs; a folder stands for the files in it whose names end in _test.yaml.

    Without FILEs, those of the current folder are run. A file names the rules that it tests; else they are those of -r
    or of the configuration.
    """
    if record is not None:
        if not arguments:
            raise click.UsageError("Say which command is to be recorded: --record NAME -- COMMAND")
        from falcohost.cli.rules_test_record import record_test

        try:
            record_test(flags, record, arguments, Path(into) if into is not None else None)
        except FalcohostError as error:
            raise _Unusable(str(error)) from None
        return
    if into is not None:
        raise click.UsageError("--into is for --record")
    if given["watch"] and given["as_json"]:
        raise click.UsageError("--watch and --json do not go together")
    asked = Asked(files=arguments, **given)
    try:
        if asked.watch:
            from falcohost.cli.rules_test_watch import watch

            watch(flags, asked)
        status = run_tests(flags, asked).status
    except FalcohostError as error:
        raise _Unusable(str(error)) from None
    if status:
        click.get_current_context().exit(status)


class _Unusable(ConfigError):
    exit_status = 2
