"""Makes exceptions of a rule from its stored alerts, and evaluates the alerts with the rule that has each of them."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from msgspec import Struct

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import exact_rule, load_configured
from falcohost.cli.stored_json import stored_json
from falcohost.cli.tune_proposals import Proposal, Row, proposals
from falcohost.engine.explain.trace import trace
from falcohost.engine.explain.values import EventReader, EventValueError, KnownValues
from falcohost.engine.ruleset import Rule
from falcohost.errors import RulesError
from falcohost.store.history import StoredAlert
from falcohost.store.where_code import is_readable

_VALUES = "falcohost.values."


class Checked(Struct, frozen=True):
    """A proposal, and what it does to the stored alerts.

    :ivar text: the rules file with it.
    :ivar removed: number of alerts that the changed rule does not match, by verdict; empty: without one.
    :ivar undecided: number of alerts that do not have all values that the changed rule asks for.
    """

    proposal: Proposal
    text: str
    removed: Counter[str]
    undecided: int

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        kinds = {"true": "true", "false": "false", "benign": "benign", "": "without_verdict"}
        return {
            "fields": list(self.proposal.fields),
            "values": [list(values) for values in self.proposal.values],
            "removed": {name: self.removed[kind] for kind, name in kinds.items()},
            "undecided": self.undecided,
            "yaml": self.text,
        }


class Tuner:
    """Tunes the rule *name* of the configured rules.

    :raises FalcohostError: there is no such rule, or the rules have an error.
    """

    def __init__(self, flags: Flags, name: str) -> None:
        self._flags = flags
        self._loaded = load_configured(flags)
        self._rule = exact_rule(self._loaded.outcome, name)
        spec = self._loaded.sources[self._rule.source]
        self._reader = EventReader(self._loaded.catalogs[self._rule.source], spec.event_types)

    def checked(self, stored: Sequence[StoredAlert], noise: Set[str]) -> list[Checked]:
        """Return proposals that remove alerts with a verdict among *noise*, each checked; the best first."""
        data = [json.loads(stored_json(one)) for one in stored]
        verdicts = [one.verdict.verdict if one.verdict else "" for one in stored]
        rows = [self._row(one, verdict) for one, verdict in zip(data, verdicts, strict=True)]
        known = [self._known(one) for one in data]
        found = []
        for proposal in proposals(rows, noise, set(self._loaded.outcome.collector.lists)):
            text = self._text(proposal)
            answers = list(self._answers(self._changed(text), known))
            for place, row in enumerate(rows):  # what is known is only the first of its matches
                if answers[place] is False and row.verdict != "true" and row.has(proposal.fields) is None:
                    answers[place] = None
            removed = Counter(v for v, answer in zip(verdicts, answers, strict=True) if answer is False)
            if not removed["true"]:
                found.append(Checked(proposal, text, removed, sum(answer is None for answer in answers)))
        return found

    def _row(self, data: dict[str, Any], verdict: str) -> Row:
        given = {**data.get("condition_fields", {}), **data["output_fields"]}
        shown = dict.fromkeys(ref.text for ref in self._rule.output.plain if is_readable(ref))
        values = {name: str(given[name]) for name in shown if type(given.get(name)) in (str, int)}
        several = {
            name.removeprefix(_VALUES): [str(one) for one in listed]
            for name, listed in given.items()
            if name.startswith(_VALUES) and isinstance(listed, list)
        }
        unknown = any(name in given for name in ("falcohost.left_out", "falcohost.cut", "falcohost.missing"))
        return Row(values, verdict, several, unknown)

    def _known(self, data: dict[str, Any]) -> KnownValues | None:
        """Return the values of an alert; None: those of an earlier version of the rule's fields."""
        try:
            return self._reader.read(data)
        except EventValueError:
            return None

    def _answers(self, rule: Rule, known: Sequence[KnownValues | None]) -> Iterator[bool | None]:
        """Yield for each alert whether *rule* matches it; None: that is not known."""
        for one in known:
            yield None if one is None else trace(rule.condition, one.value).answer

    def _changed(self, text: str) -> Rule:
        """Return the rule as it is with the rules file *text*.

        :raises RulesError: the file does not load.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tuned_rules.yaml"
            path.write_text(text)
            return exact_rule(load_configured(self._flags, [str(path)]).outcome, self._rule.name)

    def _text(self, proposal: Proposal) -> str:
        """Return the rules file that adds *proposal* to the rule; its form is also Falco's."""
        name = "tuned_" + "_".join(field.replace(".", "_") for field in proposal.fields).translate(_LETTERS)
        taken = set(self._rule.exceptions)
        names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
        free = next(one for one in names if one not in taken)
        quoted = json.dumps
        lines = [
            f"- rule: {quoted(self._rule.name)}",
            "  exceptions:",
            f"    - name: {free}",
            f"      fields: [{', '.join(map(quoted, proposal.fields))}]",
            f"      comps: [{', '.join([quoted('=')] * len(proposal.fields))}]",
            "      values:",
            *(f"        - [{', '.join(map(quoted, values))}]" for values in proposal.values),
            "  override:",
            "    exceptions: append",
        ]
        if not self._rule.name.isprintable():
            raise RulesError("the name of the rule cannot be written to a rules file")
        return "\n".join(lines) + "\n"


_LETTERS = str.maketrans({"[": "_", "]": "", "'": "", " ": "_"})
