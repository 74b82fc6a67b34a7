"""Finds the files of tests, loads the rules that they name, runs the tests and prints what was found."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import LoadedRules, find_rules, load, load_configured, named
from falcohost.errors import ConfigError, FalcohostError, RulesError
from falcohost.ruletests.cases import Case, CaseFile
from falcohost.ruletests.coverage import Share, total
from falcohost.ruletests.probes import Probes
from falcohost.ruletests.reader import read_cases
from falcohost.ruletests.runner import Runner
from falcohost.ruletests.verdicts import Verdict
from falcohost.ruletests.workers import processors, run_all

#: How the names of files of tests end.
ENDS = ("_test.yaml", "_test.yml")
#: Most files that a folder is searched for, and most failed tests that are explained.
_MOST_FILES, _EXPLAINED = 100_000, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user has asked for; the names are those of the options."""

    files: Sequence[str] = ()
    names: Sequence[str] = ()
    jobs: int | None = None
    coverage: bool = False
    fail_under: int | None = None
    mutate: bool = False
    mutants: int = 200
    rule: str | None = None
    watch: bool = False
    junit: str | None = None
    as_json: bool = False
    full: bool = False
    run_commands: bool = False

    @property
    def probed(self) -> bool:
        """Whether conditions are looked at in parts."""
        return self.coverage or self.mutate or self.fail_under is not None


@dataclass(slots=True)
class Group:
    """The tests that are run with the same rules.

    :ivar rules: the rules files that they name; empty: those of the command line.
    """

    rules: tuple[str, ...]
    loaded: LoadedRules
    cases: list[Case]
    verdicts: list[Verdict] = field(default_factory=list)
    probes: Probes | None = None
    runner: Runner | None = None
    _shares: dict[str, Share] | None = None

    def shares(self) -> dict[str, Share]:
        """Return how much of each rule is covered."""
        if self.probes is None:
            return {}
        if self._shares is None:
            self._shares = self.probes.shares()
        return self._shares

    def killed(self) -> set[tuple[str, int]]:
        """Return the faults that some test notices."""
        return set[tuple[str, int]]().union(*(verdict.killed for verdict in self.verdicts))


@dataclass(slots=True)
class Outcome:
    """What all tests found.

    :ivar files: the files of tests and rules that were read.
    :ivar status: the exit status.
    """

    groups: list[Group]
    files: list[str]
    seconds: float = 0.0
    status: int = 0

    @property
    def verdicts(self) -> list[Verdict]:
        """Return the verdicts of all tests."""
        return [verdict for group in self.groups for verdict in group.verdicts]

    def covered(self) -> Share:
        """Return how much of all rules is covered."""
        return total(one for group in self.groups for one in group.shares().values())


def run_tests(flags: Flags, asked: Asked) -> Outcome:
    """Run the tests and print what was found.

    :raises ConfigError: a file cannot be used, or there is no test.
    """
    from falcohost.cli.rules_test_text import print_outcome

    begun = time.monotonic()
    outcome = gathered(flags, asked)
    with _progress(sum(len(group.cases) for group in outcome.groups), quiet=asked.as_json) as told:
        for group in outcome.groups:
            _run(flags, asked, group, told)
    outcome.seconds = time.monotonic() - begun
    outcome.status = _status(asked, outcome)
    if asked.junit is not None:
        from falcohost.cli.rules_test_junit import write_junit

        write_junit(Path(asked.junit), outcome)
    if asked.as_json:
        from falcohost.cli.rules_test_json import outcome_json

        click.echo(outcome_json(outcome, asked))
    else:
        print_outcome(outcome, asked, _EXPLAINED)
    return outcome


def gathered(flags: Flags, asked: Asked) -> Outcome:
    """Read the files of tests, and load the rules that they name.

    :raises ConfigError: one has a mistake; all of them are told.
    """
    read, mistakes = list[CaseFile](), list[str]()
    for path in test_files(asked.files):
        try:
            read.append(read_cases(path))
        except RulesError as error:
            mistakes.append(str(error))
    groups: dict[tuple[str, ...], Group] = {}
    for rules in dict.fromkeys(one.rules for one in read):
        try:
            loaded = load(flags, rules) if rules else load_configured(flags)
        except FalcohostError as error:
            by = next(one.path for one in read if one.rules == rules)
            mistakes.append(f"{by}: the rules cannot be used: {error}" if rules else str(error))
            continue
        cases = [case for one in read if one.rules == rules for case in one.cases if _chosen(case, asked.names)]
        groups[rules] = Group(rules, loaded, cases)
    if mistakes:
        raise ConfigError("\n\n".join(mistakes))
    if not any(group.cases for group in groups.values()):
        what = f"has {' or '.join(map(repr, asked.names))} in its name" if asked.names else "is there"
        raise ConfigError(f"no test {what}, among {len(read)} files whose names end in {ENDS[0]}")
    rules_read = [result.name for group in groups.values() for result in group.loaded.outcome.results]
    return Outcome([*groups.values()], [*(one.path for one in read), *dict.fromkeys(rules_read)])


def test_files(given: Sequence[str]) -> list[str]:
    """Return the files of tests that the user names; folders are searched.

    :raises ConfigError: one is not there.
    """
    found: dict[str, None] = {}
    for path in given or (".",):
        if not os.path.isdir(path):  # noqa: PTH112 # a path that cannot be a file's is refused where it is read
            found[path] = None
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.endswith(ENDS):
                    found[os.path.normpath(os.path.join(folder, name))] = None  # noqa: PTH118
            if len(found) > _MOST_FILES:
                raise ConfigError(f"there are more than {_MOST_FILES:,} files of tests in {path}; name fewer")
    return list(found)


def complete_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a test of the files that precede it, or else of those in the current folder."""
    found = list[str]()
    with contextlib.suppress(Exception):
        for path in test_files(ctx.params.get("arguments") or ctx.args):
            with contextlib.suppress(FalcohostError):
                found += [case.name for case in read_cases(path).cases]
    return named(found, incomplete)


def _chosen(case: Case, names: Iterable[str]) -> bool:
    wanted = [name.lower() for name in names]
    return not wanted or any(name in case.name.lower() for name in wanted)


def _run(flags: Flags, asked: Asked, group: Group, told: Iterator[None]) -> None:
    runner = group.runner = Runner(group.loaded)
    if asked.probed:
        rules = find_rules(group.loaded.outcome, asked.rule or "*")
        concerned = _concerned(group, runner)
        names = [one.definition.name for one in rules if one.definition.source in concerned]
        group.probes = Probes(group.loaded, names, runner.looked_up, asked.mutants if asked.mutate else 0)
    offline = [case for case in group.cases if not case.command]
    verdicts = run_all(runner, offline, group.probes, asked.jobs or processors(), lambda verdict: next(told, None))
    by_case = dict(zip(map(id, offline), verdicts, strict=True))
    for case in group.cases:
        if case.command and asked.run_commands:
            from falcohost.cli.rules_test_live import run_command

            by_case[id(case)] = run_command(flags, runner, case)
        elif case.command:
            by_case[id(case)] = Verdict(case.name, case.spot.file.name, skipped="--run-commands is not given")
    group.verdicts = [by_case[id(case)] for case in group.cases]


def _concerned(group: Group, runner: Runner) -> set[str]:
    """Return the sources of the tests."""
    found = set()
    for case in group.cases:
        with contextlib.suppress(FalcohostError):
            found.add(runner.source_of(case))
    return found


def _status(asked: Asked, outcome: Outcome) -> int:
    if not all(verdict.passed for verdict in outcome.verdicts):
        return 1
    if asked.fail_under is not None and outcome.covered().percent < asked.fail_under:
        return 3
    return 0


@contextlib.contextmanager
def _progress(count: int, *, quiet: bool) -> Iterator[Iterator[None]]:
    """Show on a terminal how many tests were run; a line is begun anew at most ten times a second."""
    shown = sys.stderr.isatty() and not quiet

    def steps() -> Iterator[None]:
        last = 0.0
        for done in range(1, count + 1):
            if shown and time.monotonic() - last > 0.1:
                last = time.monotonic()
                click.echo(f"\r{done} of {count} tests\x1b[K", nl=False, err=True)
            yield

    try:
        yield steps()
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)
