"""An intake with a store in memory, and sources that a test plays at the other ends of real sockets."""

import socket

import msgspec
import pytest

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.facts import RuleFacts
from falcohost.host.store_link import StoreLink
from falcohost.host.storing.intake import Intake
from falcohost.host.supervision.loop import Loop
from falcohost.outputs.redaction import Redactor
from falcohost.outputs.redaction_settings import Redaction
from falcohost.store.admission import Admission
from falcohost.store.answers import AnswerAdmission
from falcohost.store.limits import IN_MEMORY
from falcohost.store.store import Store
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

#: Facts of the rules of alerts that tests make.
FACTS = {
    f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA)
    for name in map(str, [*"abcdefgh", *range(2000)])
}


class Admissions(dict):
    """What admits the alerts of any source."""

    def __missing__(self, source):
        """Return that of *source*."""
        self[source] = Admission(source, "localhost", FACTS)
        return self[source]


class Taking:
    """An intake in a loop.

    :ivar stored: the ids of alerts, by transaction.
    :ivar accused: what sources were accused of.
    """

    def __init__(self, store, **options):
        self.store = store
        self.clock = ManualClock()
        self.loop = Loop(self.clock)
        self.stored, self.accused = [], []
        self.intake = Intake(
            self.loop,
            store,
            AlertMaker("host"),
            Admissions(),
            AnswerAdmission({"stdout": False}),
            lambda alerts: self.stored.append([one.id for one in alerts]),
            lambda *told: self.accused.append(told),
            self.clock,
            **options,
        )

    def socket(self, name):
        """Return a socket of a new worker of the source *name*."""
        here, there = socket.socketpair()
        self.intake.attach(name, here)
        return there

    def source(self, name):
        """Return the link of a new worker of the source *name*."""
        return StoreLink(self.socket(name))

    def turn(self):
        """Take what is there, and store it."""
        self.loop.turn(0)
        self.intake.commit()


@pytest.fixture
def store():
    """Return an empty store in memory."""
    store = Store(None, IN_MEMORY)
    yield store
    store.close()


@pytest.fixture
def taking(store):
    """Return an intake."""
    taking = Taking(store)
    yield taking
    taking.intake.close()


@pytest.fixture
def paced(store):
    """Return an intake that takes 100 alerts a second of a source, and 2,000 at once."""
    taking = Taking(store, per_second=100)
    yield taking
    taking.intake.close()


@pytest.fixture
def redacting(store):
    """Return an intake that stores alerts without secrets."""
    taking = Taking(store, redact=Redactor(Redaction(store=True)))
    yield taking
    taking.intake.close()


@pytest.fixture
def of():
    """Return a function that returns an alert of a source."""
    return lambda source, name: msgspec.structs.replace(alert(name), source=source)
