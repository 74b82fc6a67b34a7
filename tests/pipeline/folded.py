"""Events, rules and a fold for the tests of floods."""

from dataclasses import dataclass

from falcohost.alert import Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.ir import And
from falcohost.engine.ruleset import Rule
from falcohost.engine.template import Template
from falcohost.engine.times import SECOND
from falcohost.fields import Field, FieldType
from falcohost.pipeline.fold import Fold
from falcohost.pipeline.settings import FoldConfig
from falcohost.subject import ProcessSubject
from falcohost.testing.clock import ManualClock

START = 1_700_000_000 * SECOND
FILE = Field(name="it.file", type=FieldType.CHARBUF, description="its file", get=lambda event, arg: event.file)
WHO = Field(name="it.actor", type=FieldType.INT64, description="its actor", get=lambda event, arg: event.actor)
CATALOG = Catalog("test", (*GENERIC_FIELDS, FILE, WHO))


@dataclass
class Opened:
    """An event: *actor* opened *file*."""

    num: int
    ts: int = START
    file: object = "/etc/shadow"
    actor: object = 1
    type: str = "open"

    @property
    def key(self):
        """Names the event."""
        return str(self.num)

    @property
    def subject(self):
        """The process that did it."""
        return None if self.actor is None else ProcessSubject(self.actor, 0)


def rule(name="opened", output="opened | file=%it.file number=%evt.num"):
    """Return a rule of that name and output."""
    template = Template.parse(output, CATALOG)
    more = {"tags": (), "description": "", "condition": And(()), "event_types": None}
    return Rule(name=name, source="test", priority=Priority.NOTICE, output=template, **more)


class Told:
    """A fold whose alerts are kept in *alerts*, by a *clock* that stands still."""

    def __init__(self, after=3, window=10.0):
        self.alerts = []
        self.made = 0
        self.clock = ManualClock()
        self.maker = AlertMaker("host")
        self.tell = self.alerts.append
        self.fold = Fold(
            FoldConfig(True, after, window),
            self._make,
            self.alerts.append,
            lambda alert: self.tell(alert),
            clock=self.clock,
        )

    def _make(self, rule, event):
        self.made += 1
        return self.maker.make(rule, event)

    @property
    def counts(self):
        """Return for how many matches each alert stands."""
        return [alert.count for alert in self.alerts]

    def take(self, events, by=None):
        """Have them match a rule."""
        by = by or rule()
        for event in events:
            self.fold.take(by, event)
        return self
