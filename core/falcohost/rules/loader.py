"""Rules files in, a ruleset out: what the host and the commands call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from falcohost.alert import Priority
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ruleset import Ruleset
from falcohost.engine.typecheck import check
from falcohost.errors import RulesError
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.collector import Collector
from falcohost.rules.compiler import Compiled, Compiler
from falcohost.rules.exceptions import FieldCheck
from falcohost.rules.people import for_people
from falcohost.rules.places import RulesFile
from falcohost.rules.reader import read_rules
from falcohost.rules.requirements import unmet_requirement
from falcohost.rules.results import FileResult
from falcohost.rules.selection import Selection, is_enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What, besides the fields, loading depends on.

    :ivar event_types: by source, all values that ``evt.type`` can have.
    :ivar plugins: the versions of the Falco plugins that are stood in for, by name.
    :ivar install_hints: by the name of a source or of a Falco plugin that is not there, what brings it.
    """

    append_output: Sequence[AppendOutput] = ()
    selections: Sequence[Selection] = ()
    minimum_priority: Priority = Priority.DEBUG
    event_types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    install_hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What loading came to.

    :ivar results: one for each file, in order.
    :ivar unmet: what is wrong about a plugin that the rules require, if something is.
    :ivar ruleset: the rules that could be compiled; only to be used if :attr:`ok`.
    """

    results: tuple[FileResult, ...]
    unmet: str | None
    ruleset: Ruleset
    collector: Collector
    compiled: Compiled

    @property
    def ok(self) -> bool:
        """Return whether every file was accepted and every requirement is met."""
        return self.unmet is None and all(result.ok for result in self.results)

    def check(self) -> None:
        """Do nothing if all is well.

        :raises RulesError: a requirement is not met, or a file was refused; the text is for people.
        """
        if self.unmet is not None:
            raise RulesError(self.unmet)
        if not self.ok:
            raise RulesError("\n\n".join(for_people(result) for result in self.results if not result.ok))


def read_file(name: str) -> RulesFile:
    """Return the rules file *name*.

    :raises RulesError: it cannot be read.
    """
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise RulesError(f"Could not open file {name} for reading: {error.strerror}") from None
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return RulesFile(name, content.decode("utf-16" if utf16 else "utf-8-sig", errors="replace"))


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
        return lambda text: _is_field(text, catalog)


def _is_field(text: str, catalog: Catalog) -> bool:
    if text != text.strip():
        return False
    try:
        check(parse(f"{text} exists"), catalog)
    except (ConditionSyntaxError, TypeCheckError):
        return False
    return True
