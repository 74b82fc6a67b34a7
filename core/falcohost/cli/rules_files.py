"""Loads rules files with all installed plugins, for the commands of ``falcohost rules``."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import click
from click.shell_completion import CompletionItem

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.engine.catalog import Catalog
from falcohost.engine.ruleset import Rule
from falcohost.errors import FalcohostError, RulesError
from falcohost.hookspecs import SourceSpec
from falcohost.rules.definitions import RuleDef
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.people import problem_for_people
from falcohost.rules.results import Problem
from falcohost.rules.rule_compiler import CompiledRule

#: Most files that a message names.
_FILES = 3


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Rules that were loaded without errors, and the sources that they are for."""

    outcome: LoadOutcome
    catalogs: Mapping[str, Catalog]
    sources: Mapping[str, SourceSpec]


def load(flags: Flags, files: Sequence[str]) -> LoadedRules:
    """Load *files*; a folder stands for the rules files in it.

    :raises FalcohostError: there are none, or one has an error.
    """
    from falcohost.host.config.rules import rules_files

    names = rules_files(files)
    if not names:
        raise RulesError(f"there is no rules file in {', '.join(files)}: names of rules files end in .yaml or .yml")
    return _load(flags, names)


def load_each(flags: Flags, groups: Iterable[Sequence[str]]) -> list[LoadOutcome]:
    """Load each group of files by itself, over the same fields, so that conditions of one and another can be compared.

    :raises FalcohostError: a group has no file, or a file has an error.
    """
    from falcohost.host.config.rules import rules_files
    from falcohost.host.loading import load_files
    from falcohost.host.plugins import load_all

    config = flags.configuration()
    plugins = load_all(config.for_plugins)
    found = []
    for files in groups:
        names = rules_files(files)
        if not names:
            raise RulesError(f"there is no rules file in {', '.join(files)}: names of rules files end in .yaml or .yml")
        outcome = load_files(names, plugins, config)
        outcome.check()
        found.append(outcome)
    return found


def load_configured(flags: Flags, more: Sequence[str] = ()) -> LoadedRules:
    """Load the rules files that ``-r`` names, or else those that an agent with this configuration would load.

    :param more: files to load behind these.
    :raises FalcohostError: there are none, or one has an error.
    """
    return _load(flags, None, more)


def _load(flags: Flags, names: Sequence[str] | None, more: Sequence[str] = ()) -> LoadedRules:
    from falcohost.host.catalogs import catalogs
    from falcohost.host.loading import files_to_load, load_files
    from falcohost.host.plugins import load_all

    config = flags.configuration()
    plugins = load_all(config.for_plugins)
    files = names or files_to_load(config.rules, plugins, flags.rules)
    outcome = load_files([*files, *more], plugins, config)
    outcome.check()
    return LoadedRules(outcome, catalogs(plugins), plugins.sources())


def exact_rule(outcome: LoadOutcome, name: str, others: Iterable[str] = ()) -> Rule:
    """Return the rule that is called *name*.

    :param others: names of rules that are known otherwise, for the message.
    :raises RulesError: there is none, or loading skipped it.
    """
    found = next((rule for rule in outcome.ruleset.rules if rule.name == name), None)
    if found is None:
        why = _why_left_out(outcome, name) if name in outcome.collector.rules else None
        raise RulesError(why or _no_rule(outcome, name, others))
    return found


def _no_rule(outcome: LoadOutcome, name: str, others: Iterable[str]) -> str:
    files = [result.name for result in outcome.results]
    read = f"{', '.join(files[:_FILES])}{f' and {len(files) - _FILES} more' if len(files) > _FILES else ''}"
    near = _near(name, {**outcome.collector.rules, **dict.fromkeys(others)})
    return f"no rule is called '{name}'{near} (read: {read}; -c FILE names the agent's configuration, -r FILE rules)"


def find_rules(outcome: LoadOutcome, pattern: str) -> list[CompiledRule]:
    """Return the rules whose names match *pattern*, in order; ``*`` matches any text.

    :raises RulesError: there is none, or loading skipped all of them.
    """
    matches = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL).fullmatch
    found = [rule for rule in outcome.compiled.rules if matches(rule.definition.name)]
    if found:
        return found
    left_out = [name for name in outcome.collector.rules if matches(name)]
    if left_out:
        raise RulesError("\n".join(_why_left_out(outcome, name) for name in left_out))
    raise RulesError(f"no rule is called '{pattern}'{_near(pattern, outcome.collector.rules)}")


def _near(pattern: str, names: Mapping[str, object]) -> str:
    small = {name.lower(): name for name in names}
    wanted = pattern.lower()
    close = [small[name] for name in difflib.get_close_matches(wanted, small, n=3)]
    close = close or [name for name in names if wanted.strip("*") in name.lower()][:3]
    if close:
        return f"; did you mean {' or '.join(repr(name) for name in close)}?"
    return f"; there are {len(names)} rules" if names else "; there are no rules"


def _why_left_out(outcome: LoadOutcome, name: str) -> str:
    """Return the warning that says why loading skipped the rule: its source or one of its fields is unknown."""
    told = next((problem for problem in _warnings(outcome) if problem.context.named("rule") == name), None)
    return f"the rule '{name}' was skipped: {problem_for_people(told) if told else 'it cannot be compiled'}"


def _warnings(outcome: LoadOutcome) -> list[Problem]:
    return [problem for result in outcome.results for problem in result.warnings]


def complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a rule from the files that precede it on the command line, or else the configured ones."""
    # While the option has no value yet, click has not assigned the files to their parameter.
    given = _files_so_far(ctx.params.get("files") or ctx.args)
    return named_rules(read_definitions(given), incomplete) if given else complete.rules(ctx, param, incomplete)


def read_definitions(files: Iterable[str]) -> Collection[RuleDef]:
    """Return the rules that are defined in *files*; a file that cannot be read has none."""
    from falcohost.rules.collector import Collector
    from falcohost.rules.loader import read_file
    from falcohost.rules.reader import read_rules
    from falcohost.rules.results import FileResult

    collector = Collector(lambda source: None, (), {})
    for name in files:
        try:
            file = read_file(name)
            read_rules(FileResult(name, file), collector)
        except FalcohostError:
            continue
    return collector.rules.values()


def named_rules(rules: Iterable[RuleDef], incomplete: str) -> list[CompletionItem]:
    """Return what completes *incomplete* to the name of one of *rules*."""
    return named((rule.name for rule in rules), incomplete)


def named(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return what completes *incomplete* to one of *names*, which may have blanks."""
    return [CompletionItem(_escaped(name)) for name in names if name.lower().startswith(incomplete.lower())]


def _files_so_far(paths: Sequence[str]) -> list[str]:
    from falcohost.host.config.rules import rules_files

    try:
        return rules_files(paths)
    except RulesError:
        return []


def _escaped(name: str) -> str:
    """Return *name* escaped for bash outside of quotes; other shells escape completions themselves.

    The script that click makes for bash reads the answer with ``read``, which removes one backslash.
    """
    in_quotes = re.search(r"""(^|\s)['"][^'"]*$""", os.environ.get("COMP_WORDS", ""))
    if os.environ.get("_FALCOHOST_COMPLETE") != "bash_complete" or in_quotes:
        return name
    return re.sub(r"([^\w@%+=:,./-])", r"\\\\\1", name)
