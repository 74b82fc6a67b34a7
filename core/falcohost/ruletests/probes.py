"""Watches the events of tests for coverage and for faults that no test notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from falcohost.events import Event
from falcohost.rules.outline import outline
from falcohost.ruletests.cases import Case
from falcohost.ruletests.conditions import Compiled, Condition, Node
from falcohost.ruletests.coverage import Coverage, Share, open_sides, share
from falcohost.ruletests.looked_up import LookedUp
from falcohost.ruletests.mutants import Changed, Mutant, mutants
from falcohost.ruletests.possible import Possible
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
        self._possible: dict[str, Possible] = {}
        self._sources = loaded.sources
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

    def shares(self) -> dict[str, Share]:
        """Return how much of each rule is covered."""
        return {
            name: share(name, self.conditions, self.coverage, self.possible(source))
            for source, names in self._of.items()
            for name in names
        }

    def never(self, name: str) -> list[tuple[Node, bool]]:
        """Return the checks of the rule *name* with the answers that no event can have decide it."""
        source = next(source for source, names in self._of.items() if name in names)
        left = open_sides(name, self.conditions, self.coverage)
        possible, condition = self.possible(source), self.conditions[name]
        return [(node, answer) for node, answer in left if not possible.decides(condition, node, answer=answer)]

    def possible(self, source: str) -> Possible:
        """Return what judges which answers can decide a rule of *source*."""
        if source not in self._possible:
            spec = self._sources[source]
            self._possible[source] = Possible(spec.event_types, None if spec.certain is None else spec.certain())
        return self._possible[source]

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
