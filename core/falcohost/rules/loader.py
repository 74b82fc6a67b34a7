"""Loads rules files into a ruleset; called by the host and the commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import NOWHERE
from falcohost.rules.collector import Collector
from falcohost.rules.compiler import Compiled, Compiler
from falcohost.rules.exceptions import FieldCheck
from falcohost.rules.loaded import Loaded, LoadOptions, read_file
from falcohost.rules.places import RulesFile
from falcohost.rules.reader import read_rules
from falcohost.rules.requirements import unmet_requirement
from falcohost.rules.results import FileResult
from falcohost.rules.rule_compiler import Universes
from falcohost.rules.selection import is_enabled


@dataclass(frozen=True, slots=True)
class LoadOutcome(Loaded):
    """The result of loading with the intermediate results, from which descriptions and reports are made."""

    collector: Collector
    compiled: Compiled


def load_rules(
    files: Iterable[RulesFile], catalogs: Mapping[str, Catalog], options: LoadOptions | None = None
) -> LoadOutcome:
    """Load *files* in order, with the fields of *catalogs*.

    Errors in the rules are part of the outcome; nothing is raised. As in Falco, everything is compiled again after each
    file, so the result of a file also has the warnings of the files before it. An error is reported once, for the first
    file that has it.
    """
    options = options or LoadOptions()
    collector = Collector(_FieldChecks(catalogs), catalogs, options.install_hints)
    compiler = Compiler(catalogs, Universes(options.event_types, options.costly), options.append_output, options.lists)
    results: list[FileResult] = []
    compiled = Compiled()
    for file in files:
        result = FileResult(file.name, file)
        read_rules(result, collector)
        compiled = compiler.compile(collector, result)
        told = [problem for former in results for problem in former.errors]
        result.errors = [problem for problem in result.errors if problem not in told]
        results.append(result)
    unmet = unmet_requirement(collector.plugin_requirements, options.plugins, options.install_hints)
    ruleset = Ruleset(
        tuple(
            _switched(found.rule, is_enabled(found.definition, options.selections, options.minimum_priority))
            for found in compiled.rules
            if found.rule is not None
        )
    )
    return LoadOutcome(tuple(results), unmet, ruleset, collector, compiled)


def _switched(rule: Rule, enabled: bool) -> Rule:
    return rule if rule.enabled == enabled else replace(rule, enabled=enabled)


class _FieldChecks:
    """Checks that exceptions use only fields of their source."""

    def __init__(self, catalogs: Mapping[str, Catalog]) -> None:
        self._catalogs = catalogs

    def __call__(self, source: str) -> FieldCheck | None:
        catalog = self._catalogs.get(source)
        if catalog is None:
            return None
        return lambda text: _no_field(text, catalog)


def _no_field(text: str, catalog: Catalog) -> TypeCheckError | ConditionSyntaxError | None:
    """Return why *text* is not a field, or None if it is one."""
    if text != text.strip():
        return ConditionSyntaxError("blanks around a field", NOWHERE)
    try:
        check(parse(f"{text} exists"), catalog)
    except (ConditionSyntaxError, TypeCheckError) as error:
        return error
    return None


__all__ = ["LoadOptions", "LoadOutcome", "load_rules", "read_file"]
