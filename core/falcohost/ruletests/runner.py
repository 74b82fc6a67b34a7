"""Runs tests offline: their events go through the source that the agent has, and meet all rules, also disabled ones.

A rule fires here if it matches, whatever rules precede it (``rule_matching: all``), so that each rule is tested by
itself. Nothing that the configuration names is opened, and no lookup is asked: the values of a lookup's fields are
those of the test's ``looked_up``, else absent.
"""

from __future__ import annotations

import dataclasses
import difflib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from falcohost.engine.catalog import Catalog
from falcohost.engine.code.module import compile_values
from falcohost.engine.ir import FieldRef
from falcohost.engine.render import json_value, text_renderer
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.errors import ConfigError, FalcohostError, UnknownValueError
from falcohost.events import Event, Source, complete
from falcohost.hookspecs import SourceSpec
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.parser import parse_operand
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import FieldNode
from falcohost.pipeline.rules import Rules
from falcohost.rules.loader import LoadOutcome
from falcohost.ruletests.cases import Case, Expected, Part
from falcohost.ruletests.looked_up import LookedUp
from falcohost.ruletests.records import reading, records
from falcohost.ruletests.verdicts import Difference, Verdict, at, differences

#: Most events of one test.
MOST_EVENTS = 1_000_000


class Loaded(Protocol):
    """Rules that were loaded without errors, and the sources that they are for."""

    @property
    def outcome(self) -> LoadOutcome:
        """Return the rules."""

    @property
    def catalogs(self) -> Mapping[str, Catalog]:
        """Return the fields of each source."""

    @property
    def sources(self) -> Mapping[str, SourceSpec]:
        """Return the sources by name."""


class Watcher(Protocol):
    """Sees the events of a test while they are there: a source may change what an event shows for the next one."""

    def take(self, case: Case, source: str, event: int, views: Sequence[Event]) -> None:
        """See an event."""

    def end(self, case: Case, verdict: Verdict) -> None:
        """See the end of the test."""


class Runner:
    """Runs tests with *loaded* rules.

    :ivar rules: the rules by name, as they are evaluated.
    :ivar looked_up: the values of fields of lookups.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.looked_up = LookedUp()
        self.rules = {rule.name: self._offline(rule) for rule in loaded.outcome.ruleset.rules}
        self._compiled: dict[str, Rules] = {}
        self._outputs: dict[str, Template] = {}
        self._refs: dict[tuple[str, str], Callable[[Any], object]] = {}

    def run(self, case: Case, watchers: Sequence[Watcher] = ()) -> Verdict:
        """Run *case*; what keeps it from being run is a difference too."""
        verdict, begun = Verdict(case.name, case.spot.file.name), time.monotonic()
        try:
            source = self.source_of(case)
            self._run(case, source, verdict, watchers)
        except (FalcohostError, OSError) as error:
            verdict.differences.append(Difference(str(error), where=at(case.spot)))
        for watcher in watchers:
            watcher.end(case, verdict)
        verdict.seconds = time.monotonic() - begun
        return verdict

    def source_of(self, case: Case) -> str:
        """Return the source of the events of *case*.

        :raises ConfigError: it is not said; or a rule that the test names does not exist, or is of another source.
        """
        named = [*(one.rule for one in case.expected), *case.never]
        for name in named:
            if name not in self.rules:
                near = difflib.get_close_matches(name, self.rules, n=1)
                raise ConfigError(f"no rule is called '{name}'{f'; did you mean {near[0]!r}?' if near else ''}")
        sources = {self.rules[name].source for name in named}
        if case.capture is not None or case.command:
            sources.add(DEFAULT_SOURCE)
        if case.source is not None:
            sources.add(case.source)
        sources = sources or {rule.source for rule in self.rules.values()}
        if len(sources) != 1:
            raise ConfigError(
                f"the test is of the sources {', '.join(sorted(sources))}; name one (source: NAME), and only its rules"
            )
        (source,) = sources
        if source not in self._loaded.sources:
            raise ConfigError(f"there is no source '{source}'; there are {', '.join(sorted(self._loaded.sources))}")
        return source

    def _run(self, case: Case, source: str, verdict: Verdict, watchers: Sequence[Watcher]) -> None:
        rules, told = self.compiled(source), _Told(self, case, source)
        self.looked_up.values = self._values(case, source)
        with self.events(case, source) as opened:
            for batch in opened.batches():
                for event in batch.events:
                    views = (event, *getattr(event, "alternatives", ())) if batch.views else (event,)
                    fired = self.fired(rules, views)
                    for watcher in watchers:
                        watcher.take(case, source, len(verdict.fired), views)
                    verdict.fired.append(list(dict.fromkeys(rule.name for rule, _ in fired)))
                    told.take(fired)
                    if len(verdict.fired) > MOST_EVENTS:
                        raise ConfigError(f"the test has more than {MOST_EVENTS:,} events; name a part (from, to)")
            dropped = opened.stats().dropped
        if not verdict.fired or (dropped and not case.capture):
            causes = ", ".join(f"{cause}: {count}" for cause, count in dropped.items())
            what = "some events cannot be read" if verdict.fired else "there is no event in it"
            raise ConfigError(f"{what}{f' ({causes})' if causes else ''}")
        verdict.differences += differences(case, [frozenset(names) for names in verdict.fired])
        verdict.differences += told.differences()

    def fired(self, rules: Rules, views: Sequence[Event]) -> Sequence[tuple[Rule, Event]]:
        """Return the rules that fire on an event, each with the view of it, as the agent's pipeline finds them."""
        try:
            return rules.match_views(views)
        except UnknownValueError:
            return rules.cut.decide(views).matches
        except Exception:
            return rules.single.ask(views).matches

    @contextmanager
    def events(self, case: Case, source: str) -> Iterator[Source]:
        """Open the events of *case*.

        :raises ConfigError: the source reads no such events.
        """
        spec = self._loaded.sources[source]
        with tempfile.TemporaryDirectory(prefix="falcohost-test-") as folder:
            if case.capture is not None:
                opening = reading(spec.make(_replay(case.capture)), source)
            else:
                path = Path(folder) / "events.jsonl"
                path.write_bytes(b"\n".join((*case.records, b"")))
                opening = records(spec, path, f"the source '{source}' reads no records from a file")
            with opening as opened:
                yield opened

    def ref(self, source: str, name: str) -> FieldRef:
        """Return the field *name* of *source*.

        :raises ConfigError: there is none.
        """
        try:
            node = parse_operand(name)
            if isinstance(node, FieldNode):
                return self._loaded.catalogs[source].resolve(node.name, node.arg)
        except (ConditionSyntaxError, FalcohostError):
            pass
        near = self._loaded.catalogs[source].near(name)
        raise ConfigError(f"'{name}' is not a field of source '{source}'{f'; did you mean {near}?' if near else ''}")

    def value(self, source: str, name: str, view: Event) -> tuple[object, str]:
        """Return the value of field *name* in JSON, and its text.

        :raises ConfigError: there is no such field.
        """
        ref = self.ref(source, name)
        key = (source, name)
        if key not in self._refs:
            self._refs[key] = compile_values([self.looked_up.operand(ref)])[0]
        try:
            found = self._refs[key](view)
        except UnknownValueError:
            found = None
        return (None, "<NA>") if found is None else (json_value(found), text_renderer(ref)(found))

    def message(self, rule: Rule, view: Event) -> str:
        """Return the text of the alert of a rule that fired, without what the configuration has appended."""
        complete(view)
        if rule.name not in self._outputs:
            definition = self._loaded.outcome.collector.rules[rule.name]
            self._outputs[rule.name] = Template.parse(definition.output.value, self._loaded.catalogs[rule.source])
        return self._outputs[rule.name].message(view)

    def spec(self, source: str) -> SourceSpec:
        """Return the source of that name."""
        return self._loaded.sources[source]

    def compiled(self, source: str) -> Rules:
        """Return the rules of *source*."""
        if source not in self._compiled:
            found = [rule for rule in self.rules.values() if rule.source == source]
            self._compiled[source] = Rules.compiled(source, found, first=False)
        return self._compiled[source]

    def _offline(self, rule: Rule) -> Rule:
        return dataclasses.replace(rule, condition=self.looked_up.condition(rule.condition))

    def _values(self, case: Case, source: str) -> dict[tuple[str, object], object]:
        from falcohost.engine.explain.values import EventValueError, value_of

        found: dict[tuple[str, object], object] = {}
        for name, raw in case.looked_up.items():
            ref = self.ref(source, name)
            try:
                found[ref.field.name, ref.arg] = value_of(ref, raw)
            except EventValueError as error:
                raise ConfigError(f"looked_up: {error}") from None
        return found


def _replay(part: Part) -> Mapping[str, Any]:
    replay = {"capture_file": part.path, "from": part.begin, "to": part.end}
    return {"engine": {"kind": "replay", "replay": replay}}


class _Told:
    """Compares fields and outputs of the alerts of one test with what it expects."""

    def __init__(self, runner: Runner, case: Case, source: str) -> None:
        self._runner, self._source = runner, source
        self._open = [one for one in case.expected if one.fields or one.output is not None]
        self._found: dict[int, str] = {}
        for one in self._open:
            for name in one.fields:
                runner.ref(source, name)

    def take(self, fired: Iterable[tuple[Rule, Event]]) -> None:
        """See the rules that fired on an event."""
        for rule, view in fired if self._open else ():
            for one in list(self._open):
                if one.rule == rule.name:
                    wrong = self._wrong(one, rule, view)
                    if wrong:
                        self._found.setdefault(id(one), wrong)
                    else:
                        self._open.remove(one)

    def differences(self) -> Iterator[Difference]:
        """Yield what no alert had."""
        for one in self._open:
            if id(one) in self._found:
                yield Difference(f"'{one.rule}' fires, but {self._found[id(one)]}", one.rule, where=at(one.spot))

    def _wrong(self, one: Expected, rule: Rule, view: Event) -> str:
        for name, wanted in one.fields.items():
            value, text = self._runner.value(self._source, name, view)
            if value != wanted and (wanted is None or isinstance(wanted, (list, dict)) or text != _text(wanted)):
                return f"{name} is {text}, not {_text(wanted)}"
        if one.output is not None:
            message = self._runner.message(rule, view)
            if message != one.output:
                return f"its output is {message!r}, not {one.output!r}"
        return ""


def _text(wanted: object) -> str:
    return "absent" if wanted is None else str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
