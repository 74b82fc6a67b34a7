"""A contract for the rules that a plugin ships: their tests pass, and each has an exemplar and a benign twin.

The tests are files that ``falcohost rules test`` runs too (docs/rule-tests.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from falcohost.engine.catalog import Catalog
from falcohost.hookspecs import SourceSpec
from falcohost.host.catalogs import catalogs, event_types
from falcohost.host.plugins import Plugins, ask
from falcohost.rules.loader import LoadOptions, LoadOutcome, load_rules, read_file
from falcohost.ruletests.cases import CaseFile
from falcohost.ruletests.coverage import Share, total
from falcohost.ruletests.probes import Probes
from falcohost.ruletests.reader import read_cases
from falcohost.ruletests.runner import Runner
from falcohost.testing.firing import requirements_met


class _Loaded(NamedTuple):
    outcome: LoadOutcome
    catalogs: Mapping[str, Catalog]
    sources: Mapping[str, SourceSpec]


class RuleTestsContract:
    """The tests of the rules that *plugin*, a module, ships; they are in the folder *tests*.

    :cvar rules: more rules files, whose macros and lists these use.
    :cvar beside: more plugins, as modules: those whose fields the rules read too.
    :cvar least: how many per cent of the conditions have to be decided both ways.
    """

    plugin: ClassVar[Any]
    tests: ClassVar[Path]
    rules: ClassVar[tuple[Path, ...]] = ()
    beside: ClassVar[tuple[Any, ...]] = ()
    least: ClassVar[int] = 0
    _found: ClassVar[Probes]

    def test_passes(self) -> None:
        """Every test passes."""
        runner = Runner(_loaded(self.plugin, self.rules, self.beside))
        verdicts = [runner.run(case) for file in self._files() for case in file.cases if not case.command]

        assert [f"{one.name}: {said.said}" for one in verdicts for said in one.differences] == []
        assert verdicts

    def test_every_rule_has_an_exemplar_and_a_benign_twin(self) -> None:
        """Each rule that is shipped is expected by a test, and another one says that it must not fire."""
        names = {rule.name for rule in _loaded(self.plugin, (), self.beside).outcome.ruleset.rules}
        cases = [case for file in self._files() for case in file.cases]

        assert set() == names - {one.rule for case in cases for one in case.expected}
        assert set() == names - {name for case in cases for name in case.never}

    def test_conditions_are_decided(self) -> None:
        """As much of the conditions is decided both ways as it was before."""
        found = self._probes().shares()
        assert self.least <= total(found.values()).percent, _least_covered(found)

    @classmethod
    def _probes(cls) -> Probes:
        """Return what the events of all tests have shown of the conditions."""
        if "_found" not in vars(cls):
            loaded = _loaded(cls.plugin, cls.rules, cls.beside)
            runner = Runner(loaded)
            names = [rule.name for rule in _loaded(cls.plugin, (), cls.beside).outcome.ruleset.rules]
            probes = Probes(loaded, names, runner.looked_up)
            for path in sorted(cls.tests.rglob("*_test.yaml")):
                for case in read_cases(str(path)).cases:
                    if not case.command:
                        runner.run(case, (probes,))
            cls._found = probes
        return cls._found

    def _files(self) -> Iterator[CaseFile]:
        for path in sorted(self.tests.rglob("*_test.yaml")):
            yield read_cases(str(path))


def _least_covered(found: Mapping[str, Share]) -> str:
    rows = sorted((one.percent, name) for name, one in found.items())
    return "\n".join(f"{percent:3} %  {name}" for percent, name in rows[:10])


@cache
def _loaded(plugin: Any, more: tuple[Path, ...], beside: tuple[Any, ...] = ()) -> _Loaded:
    """Return the rules of *plugin*, with all of them that *more* files have, and the fields of plugins *beside* it."""
    modules = {"tested": plugin} | {f"beside-{number}": one for number, one in enumerate(beside)}
    plugins = Plugins(tuple(ask(name, module, name, "0", {}) for name, module in modules.items()))
    fields = catalogs(plugins)
    files = [*more, *plugin.falcohost_rules()]
    options = LoadOptions(plugins=requirements_met(plugins), event_types=event_types(plugins))
    outcome = load_rules([read_file(str(path)) for path in files], fields, options)
    outcome.check()
    return _Loaded(outcome, fields, plugins.sources())
