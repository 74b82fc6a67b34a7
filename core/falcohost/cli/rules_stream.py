"""Evaluates the rules of each source for a stream of events that the user gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO

from falcohost.cli.rules_events import Given, Readers, as_path, name_of, read_lines
from falcohost.cli.rules_files import LoadedRules
from falcohost.engine.explain.trace import Reading, detached
from falcohost.errors import ConfigError
from falcohost.rules.statistics_events import StreamCosts

#: Lines at the beginning of a file, the first JSON object among which says what kind of events it has.
_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """The result for a stream of events.

    :ivar costs: by source.
    :ivar partial: the events had values for some fields only; all other fields counted as absent.
    :ivar left_out: number of events that were skipped, by cause.
    """

    costs: Mapping[str, StreamCosts]
    partial: bool
    left_out: Counter[str] = field(default_factory=Counter)


def put(file: IO[bytes], source: str | None, loaded: LoadedRules) -> StreamOutcome:
    """Evaluate the rules for the events in *file*; *source* is the source of events that do not name one.

    :raises ConfigError: a line is not an event, or its source is not known.
    """
    name, stream = name_of(file), _Stream(source, loaded)
    with as_path(file) as path:
        with path.open("rb") as content:
            begin = list(islice(read_lines(content, name), _LOOKED_AT))
        if not begin:
            raise ConfigError(f"{name}: the file holds no event")
        first = next((given for given in begin if given.data is not None), begin[0])
        return stream.of_fields(path, name) if stream.says_fields(first) else stream.of_records(path, first)


class _Stream:
    def __init__(self, source: str | None, loaded: LoadedRules) -> None:
        self._ruleset = loaded.outcome.ruleset
        self._sources = list(self._ruleset.sources())
        self._source = source
        self._readers = Readers(loaded)
        if source is not None and source not in self._sources:
            have = ", ".join(self._sources)
            raise ConfigError(f"no enabled rule is of source '{source}'; there are rules of: {have}")

    def says_fields(self, first: Given) -> bool:
        return first.is_alert or self._readers.says_fields(first, self._source_of(first))

    def of_fields(self, path: Path, name: str) -> StreamOutcome:
        outcome = StreamOutcome({source: self._detached(source) for source in self._sources}, partial=True)
        with path.open("rb") as content:
            for given in read_lines(content, name):
                source = self._source_of(given)
                if source not in outcome.costs:
                    outcome.left_out[f"there are no rules of source '{source}'"] += 1
                    continue
                values = self._readers.known(given, source).values
                outcome.costs[source].take(Reading(values, type=str(values.get(("evt.type", None), ""))))
        return outcome

    def of_records(self, path: Path, first: Given) -> StreamOutcome:
        source = self._source_of(first)
        costs = StreamCosts(self._ruleset.enabled(source))
        with self._readers.records(path, source, first) as opened:
            for batch in opened.batches():
                for event in batch.events:
                    costs.take(event)
            return StreamOutcome({source: costs}, partial=False, left_out=Counter(opened.stats().dropped))

    def _detached(self, source: str) -> StreamCosts:
        rules = self._ruleset.enabled(source)
        return StreamCosts([replace(rule, condition=detached(rule.condition)) for rule in rules])

    def _source_of(self, given: Given) -> str:
        source = given.source or self._source
        if source is None and len(self._sources) != 1:
            raise ConfigError(f"{given.where}: name the event's source: --source {' or '.join(self._sources)}")
        return self._sources[0] if source is None else source
