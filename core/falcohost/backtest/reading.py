"""Puts the events of logs and captures to the enabled rules, without an agent.

Nothing that the configuration names is opened, and no lookup is asked: their fields count as absent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from falcohost.backtest.tally import Tally
from falcohost.errors import ConfigError
from falcohost.events import Plan, RecordSource, Source
from falcohost.pipeline.rules import Rules
from falcohost.ruletests.runner import Loaded, Runner

#: Most files that folders are searched for.
MOST_FILES = 1_000_000


class EventReader:
    """Counts matches of events in *tallies*, by rule; those before *since* (ns since the epoch) are left out.

    :ivar events: number of events that were read; *first* and *last*: the times of the first and the last of them.
    :ivar dropped: number of records that could not be read, by cause.
    """

    def __init__(self, loaded: Loaded, tallies: Mapping[str, Tally], since: int) -> None:
        self._runner = Runner(loaded)
        self._tallies = tallies
        self._since = since
        self._rules: dict[str, Rules] = {}
        self.events = self.first = self.last = 0
        self.dropped: dict[str, int] = {}

    def incomplete(self) -> list[str]:
        """Return the rules whose conditions read fields of lookups."""
        ruleset = {tally.rule.name: tally.rule for tally in self._tallies.values()}
        return [name for name, rule in ruleset.items() if self._runner.rules[name].condition != rule.condition]

    def log(self, path: Path, source: str) -> None:
        """Read the log at *path*.

        :raises ConfigError: the source reads no files.
        """
        made = self._runner.spec(source).make({"open_params": str(path)})
        if not isinstance(made, RecordSource):
            raise ConfigError(f"the source '{source}' reads no log from a file; --captures is for captures")
        self._read(made.reading(path), source)

    def capture(self, path: str, source: str) -> None:
        """Read the capture at *path*."""
        settings: Mapping[str, Any] = {
            "engine": {"kind": "replay", "replay": {"capture_file": path, "from": "", "to": ""}}
        }
        self._read(self._runner.spec(source).make(settings), source)

    def _read(self, opened: Source, source: str) -> None:
        rules = self._of(source)
        opened.open(Plan(source), None)
        try:
            for batch in opened.batches():
                for event in batch.events:
                    if event.ts >= self._since:
                        views = (event, *getattr(event, "alternatives", ())) if batch.views else (event,)
                        self._take(rules, source, views)
            for cause, count in opened.stats().dropped.items():
                self.dropped[cause] = self.dropped.get(cause, 0) + count
        finally:
            opened.close()

    def _take(self, rules: Rules, source: str, views: Sequence[Any]) -> None:
        time = views[0].ts
        self.events += 1
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        seen: set[str] = set()
        for rule, view in self._runner.fired(rules, views):
            if rule.name in seen:
                continue
            tally = self._tallies[rule.name]
            tally.add(time, [self._runner.value(source, name, view)[1] for name in tally.fields], hidden=bool(seen))
            seen.add(rule.name)
            if tally.wants_sample:
                tally.sample(time, self._runner.message(rule, view))

    def _of(self, source: str) -> Rules:
        if source not in self._rules:
            found = [rule for rule in self._runner.rules.values() if rule.source == source and rule.enabled]
            self._rules[source] = Rules.compiled(source, found, first=False)
        return self._rules[source]


def files_in(paths: Sequence[str]) -> list[Path]:
    """Return the files *paths*, and those in folders among them, sorted; hidden ones are left out.

    :raises ConfigError: one of them does not exist, or there are too many.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(_walk(path))
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError(f"{path} is not there")
        if len(found) > MOST_FILES:
            raise ConfigError(f"{path} has more than {MOST_FILES:,} files")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in names if not name.startswith(".") and Path(here, name).is_file())
