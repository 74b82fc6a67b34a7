"""An event source with a lookup: events say who did what on which machine, the lookup knows the machines' owners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from falcohost.alert import Alert, Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.errors import UnknownValueError
from falcohost.events import Batch
from falcohost.fields import Field, FieldType
from falcohost.host.lookup_fields import with_lookups
from falcohost.lang.parser import parse
from falcohost.lookups import PENDING, Key, LookupSpec
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.pipeline.pipeline import Pipeline
from falcohost.pipeline.rules import Rules
from falcohost.pipeline.settings import FoldConfig, PipelineConfig
from falcohost.testing.clock import ManualClock

WAIT = 2.0
T = FieldType


def row(name: str, kind: FieldType = T.CHARBUF, **more: Any) -> Field:
    """Return a field that reads an attribute of the event, or a key of the row."""
    last = name.rpartition(".")[2]

    def get(event: Any, arg: Any) -> Any:
        return event.get(last) if isinstance(event, dict) else getattr(event, last)

    return Field(name=name, type=kind, description=name, get=get, **more)


NOTE = Field(
    name="it.note",
    type=T.CHARBUF,
    description="A note, of which only the beginning may be known.",
    get=lambda event, _: event.whole_note,
    known=lambda event, _: event.note[: event.cut],
)


@dataclass
class Happening:
    """*who* did *what* on the machine *host*; *site* is known for some."""

    who: str | None = "ann"
    what: str = "login"
    host: str | None = "web"
    site: str | None = None
    num: int = 1
    type: str = "done"
    ts: int = 1_700_000_000_000_000_000
    others: Sequence[Any] = ()
    note: str = ""
    cut: int | None = None

    @property
    def whole_note(self) -> str:
        """The note.

        :raises UnknownValueError: only the first *cut* characters of it are known.
        """
        if self.cut is not None:
            raise UnknownValueError
        return self.note

    @property
    def key(self) -> str:
        """Names the event."""
        return str(self.num)

    @property
    def actor(self) -> str | None:
        """Who did it."""
        return self.who

    @property
    def alternatives(self) -> Sequence[Any]:
        """Its other views."""
        return self.others


class Machines:
    """The lookup: knows *rows* by machine, as far as :meth:`answer` has had them come."""

    def __init__(self) -> None:
        self.rows: dict[str, Mapping[str, str] | None] = {}
        self.asked: list[Key] = []
        self.made = self.closed = 0
        self.news = False
        self.descriptor: Any = None

    def make(self, settings: Mapping[str, Any]) -> Machines:
        """Open it."""
        self.made += 1
        return self

    def answer(self, host: str, **found: str) -> None:
        """Have the row of a machine come; without values there is none."""
        self.rows[host] = found or None
        self.news = True

    def find(self, key: Key) -> Any:
        """Return a row."""
        self.asked.append(key)
        return self.rows.get(key[0], PENDING)

    def poll(self) -> bool:
        """Tell whether a row has come."""
        came, self.news = self.news, False
        return came

    def fileno(self) -> Any:
        """Return the descriptor that says that a row has come."""
        return self.descriptor

    def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1


class Told:
    """A sink that keeps, in order, the messages of alerts and the cursors that were passed on.

    :ivar rewinding: for each alert, whether its source had cursors when it was added.
    """

    def __init__(self) -> None:
        self.rewinds = False
        self.rewinding: list[bool] = []
        self.alerts: list[Alert] = []
        self.told: list[str] = []
        self._last: str | None = None

    def add(self, alert: Alert) -> None:
        """Keep an alert."""
        self.alerts.append(alert)
        self.rewinding.append(self.rewinds)
        self.told.append(alert.message)

    def flush(self, cursor: str | None) -> None:
        """Keep a cursor."""
        if cursor is not None and cursor != self._last:
            self._last = cursor
            self.told.append(f"cursor {cursor}")

    def once_stored(self, call: Callable[[], object]) -> None:
        """Run *call*: what was told is stored."""
        call()


class Run:
    """A pipeline over the source; *conditions* are of rules that tell their number, who did it and the owner."""

    def __init__(self, *conditions: str, first: bool = False, wait: float = WAIT, output: str | None = None) -> None:
        self.machines = Machines()
        self.lookup = LoadedLookup(
            LookupSpec(
                name="machines",
                description="Knows the owners of machines.",
                key={"acts": ("it.host",)},
                make=self.machines.make,
                fields=(row("machine.owner"),),
                fills={"it.site": lambda found, arg: found.get("site")},
            ),
            {},
        )
        own = (*GENERIC_FIELDS, *map(row, ("it.who", "it.what", "it.host", "it.site")), NOTE)
        self.catalog = Catalog("acts", with_lookups("acts", own, [self.lookup]))
        self.clock = ManualClock()
        self.sink = Told()
        self.rules = self.compiled(*conditions, first=first, output=output)
        config = PipelineConfig(FoldConfig(), wait)
        self.pipeline = Pipeline(self.rules, AlertMaker("host").make, self.sink, config, clock=self.clock)
        self.pipeline.open_lookups(self.rules)

    def compiled(self, *conditions: str, first: bool = False, output: str | None = None) -> Rules:
        """Return rules, numbered from 1."""
        self.ruleset = [self._rule(number, text, output) for number, text in enumerate(conditions, 1)]
        return Rules.compiled("acts", self.ruleset, first=first)

    def _rule(self, number: int, condition: str, output: str | None) -> Rule:
        template = Template.parse(output or f"{number} %it.who %evt.num", self.catalog)
        expr = check(parse(condition), self.catalog).expr
        return Rule(
            name=f"rule {number}", source="acts", priority=Priority.NOTICE, tags=(), description="", condition=expr,
            output=template, event_types=None,
        )  # fmt: skip

    def take(self, *events: Happening, cursor: str | None = None, views: bool = False) -> list[str]:
        """Have a batch matched; return what was told since the last call."""
        self.pipeline.take(Batch(events, cursor, views))
        return self.since()

    def since(self) -> list[str]:
        """Return what was told since the last call."""
        told, self.sink.told = self.sink.told, []
        return told
