"""Rules files in, a ruleset out: what the host and the commands call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ruleset import Ruleset
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
from falcohost.rules.selection import is_enabled


@dataclass(frozen=True, slots=True)
class LoadOutcome(Loaded):
    """What loading came to, with what it went through: what descriptions and reports are made from."""

    collector: Collector
    compiled: Compiled


def load_rules(
    files: Iterable[RulesFile], catalogs: Mapping[str, Catalog], options: LoadOptions | None = None
) -> LoadOutcome:
    """Return the rules in *files*, which are loaded in order, over the sources of *catalogs*.

    What is wrong with the rules is in the outcome; nothing is raised. As in Falco, everything is compiled again after
    each file, so each result also tells the warnings of the files before it.
    """
    options = options or LoadOptions()
    collector = Collector(_FieldChecks(catalogs), catalogs, options.install_hints)
    compiler = Compiler(catalogs, options.event_types, options.append_output)
    results = []
    compiled = Compiled()
    for file in files:
        result = FileResult(file.name, file)
        read_rules(result, collector)
        compiled = compiler.compile(collector, result)
        results.append(result)
    unmet = unmet_requirement(collector.plugin_requirements, options.plugins, options.install_hints)
    ruleset = Ruleset(
        tuple(
            replace(found.rule, enabled=is_enabled(found.definition, options.selections, options.minimum_priority))
            for found in compiled.rules
            if found.rule is not None
        )
    )
    return LoadOutcome(tuple(results), unmet, ruleset, collector, compiled)


class _FieldChecks:
    """Tells whether exceptions of a source name fields that it has."""

    def __init__(self, catalogs: Mapping[str, Catalog]) -> None:
        self._catalogs = catalogs

    def __call__(self, source: str) -> FieldCheck | None:
        catalog = self._catalogs.get(source)
        if catalog is None:
            return None
        return lambda text: _no_field(text, catalog)


def _no_field(text: str, catalog: Catalog) -> TypeCheckError | ConditionSyntaxError | None:
    """Return why *text* is no field, or None if it is one."""
    if text != text.strip():
        return ConditionSyntaxError("blanks around a field", NOWHERE)
    try:
        check(parse(f"{text} exists"), catalog)
    except (ConditionSyntaxError, TypeCheckError) as error:
        return error
    return None


__all__ = ["LoadOptions", "LoadOutcome", "load_rules", "read_file"]
