"""Watches the events of tests for coverage and for faults that no test notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from falcohost.events import Event
from falcohost.rules.outline import outline
from falcohost.ruletests.cases import Case
from falcohost.ruletests.conditions import Compiled, Condition
from falcohost.ruletests.coverage import Coverage
from falcohost.ruletests.looked_up import LookedUp
from falcohost.ruletests.mutants import Changed, Mutant, mutants
from falcohost.ruletests.runner import Loaded
from falcohost.ruletests.verdicts import Verdict, notices


class Probes:
    """What is watched of the rules *names*.

    :param most: the most faults of a rule that are tried; 0: none.
    :ivar conditions: the rules' conditions, in parts.
    :ivar faults: the faults of each rule, and how many there would be.
    :ivar coverage: what has been seen since the last :meth:`begin`.
    """

    def __init__(self, loaded: Loaded, names: Iterable[str], looked_up: LookedUp, most: int = 0) -> None:
        self._compiled = Compiled()
        self.conditions: dict[str, Condition] = {}
        self.faults: dict[str, tuple[list[Mutant], int]] = {}
        self._of: dict[str, list[str]] = {}
        definitions = {one.definition.name: one.definition for one in loaded.outcome.compiled.rules}
        for name in names:
            definition = definitions[name]
            catalog = loaded.catalogs[definition.source]
            self.conditions[name] = Condition(outline(definition, loaded.outcome, catalog), self._compiled, looked_up)
            self._of.setdefault(definition.source, []).append(name)
            if most:
                self.faults[name] = mutants(self.conditions[name], catalog, most)
        self.begin()

    def begin(self) -> None:
        """Forget what has been seen."""
        self.coverage = Coverage()
        self._changed = Changed()

    def take(self, case: Case, source: str, event: int, views: Sequence[Event]) -> None:
        """See an event of *source*."""
        for name in self._of.get(source, ()):
            condition = self.conditions[name]
            found = [answers for view in views if (answers := condition.answers(view)) is not None]
            for answers in found:
                self.coverage.take(name, answers)
            if found and (faults := self.faults.get(name)):
                self._changed.take(name, faults[0], event, found, self._compiled)

    def end(self, case: Case, verdict: Verdict) -> None:
        """Find out which faults the test notices."""
        changed, self._changed = self._changed, Changed()
        if verdict.passed:
            fired = [frozenset(names) for names in verdict.fired]
            for (rule, number), events in changed.events.items():
                if notices(case, fired, rule, events):
                    verdict.killed.add((rule, number))

    def close(self, source: str, views: Sequence[Event]) -> list[str]:
        """Return the checks that alone keep a rule of *source* from firing on an event, as rule and number."""
        found: dict[str, None] = {}
        for name in self._of.get(source, ()):
            condition = self.conditions[name]
            for view in views:
                answers = condition.answers(view)
                if answers is not None and not answers.fires:
                    deciding = (node for node in answers.decisive() if node.kind == "check")
                    found |= dict.fromkeys(f"{name} {node.number}" for node in deciding)
        return list(found)
