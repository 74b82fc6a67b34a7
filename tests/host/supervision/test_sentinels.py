"""Sentinel events that do not come back are an alert, which says why; what is only late is none."""

import pytest

from falcohost.host import wire
from falcohost.host.numbers import NOTHING
from falcohost.host.supervision.process import Times
from falcohost.host.supervision.sentinels import Sentinels, suspended
from falcohost.sentinel import Heard

MISSING = "Falcohost internal: events do not arrive"
BACK = "Falcohost internal: events arrive again"
CHANGED = "the probe does not see calls"


class Source:
    """A source that a test plays: its sentinel events, and what it says of them."""

    def __init__(self, played):
        self.played = played
        self.clock = played.clock
        self.caused, self.alerts, self.mended = [], [], []
        self.slept = 0.0
        self.sentinels = Sentinels(
            {"one": self.caused.append},
            played.workers.children,
            lambda *alert: self.alerts.append(alert),
            lambda child: self.mended.append(child.name),
            played.clock,
            lambda: self.slept,
        )

    def says(self, arrived, *, behind=0.0, cause="", overloaded=False):
        """Have the worker report that this many have arrived, and that it has read all up to so many seconds ago."""
        now = self.clock.monotonic()
        number = self.caused[arrived - 1] if arrived else 0
        heard = Heard(number, int((now - behind) * 1e9), cause, overloaded)
        self.played.last().say(wire.Report(NOTHING, now, heard=heard))
        self.played.turn()

    def passes(self, seconds=1):
        """Let seconds pass, in each of which the supervisor looks."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.played.turn()
            self.sentinels.check()

    def goes_well(self, seconds):
        """Let seconds pass in which all is well."""
        for _ in range(seconds):
            self.says(len(self.caused))
            self.passes()

    def misses(self, seconds, **what):
        """Let seconds pass in which the worker has read everything, and nothing comes."""
        arrived = len(self.caused)
        for _ in range(seconds):
            self.says(arrived, **what)
            self.passes()

    def rules(self):
        """Return the rules of the alerts."""
        return [rule for rule, *_ in self.alerts]


@pytest.fixture
def source(stage):
    """Return a source that is open, and whose sentinels have come back for a while."""
    found = Source(stage("one", "two"))
    found.played.last().say(wire.Ready())
    found.passes()
    found.goes_well(5)
    return found


def test_all_is_well(source):
    """Each second causes an event, with the time as its number; nobody else's are looked at."""
    assert [] == source.alerts
    assert source.caused == sorted(set(source.caused))
    assert source.caused[-1] == int(source.clock.monotonic() * 1e9)


def test_two_are_missing(source):
    """It is one alert, which says the cause in the source's words; and what was changed is mended."""
    source.misses(2, cause=CHANGED)
    assert [] == source.alerts
    source.goes_well(1)
    source.misses(3, cause=CHANGED)
    ((rule, priority, text, fields),) = source.alerts

    assert (MISSING, "CRITICAL") == (rule, priority.name)
    assert "events of source 'one' do not arrive: the last 2 sentinel events are missing: " + CHANGED == text
    assert "one" == fields["source"]
    assert ["one"] == source.mended
    source.misses(5, cause=CHANGED)
    assert [MISSING] == source.rules()


def test_one_is_missing(source):
    """One that is missing alone is none."""
    for _ in range(10):
        source.says(len(source.caused) - 1, cause=CHANGED)
        source.passes()
    assert [] == source.alerts


def test_it_is_back(source):
    """Three that have come back are an alert, too, and what comes then is another one."""
    source.misses(5, cause=CHANGED)
    source.goes_well(2)
    assert [MISSING] == source.rules()
    source.goes_well(1)
    assert [MISSING, BACK] == source.rules()
    assert "NOTICE" == source.alerts[-1][1].name
    source.goes_well(10)
    source.misses(5, cause=CHANGED)
    assert [MISSING, BACK, MISSING] == source.rules()


def test_mended_again_and_again(source):
    """As long as they are missing, what was changed is mended, ever more seldom."""
    source.misses(100, cause=CHANGED)
    assert 3 <= len(source.mended) <= 5
    assert [MISSING] == source.rules()


def test_a_loss_is_not_mended(source):
    """If the source lacks room, it is an alert, and nothing is changed."""
    source.misses(5, cause="overload: no room", overloaded=True)
    assert [MISSING] == source.rules()
    assert "overload" in source.alerts[0][2]
    assert [] == source.mended


def test_another_cause(source):
    """It is another alert."""
    source.misses(5, cause=CHANGED)
    source.misses(5, cause="something else")
    assert [MISSING, MISSING] == source.rules()


def test_a_worker_that_is_behind(source):
    """What it has not read yet is not missing; when it is ten seconds behind, it is an alert about that."""
    arrived = len(source.caused)
    for second in range(1, 10):
        source.says(arrived, behind=second)
        source.passes()
    assert [] == source.alerts
    for second in range(10, 14):
        source.says(arrived, behind=second)
        source.passes()
    (alert,) = source.alerts

    assert "overload: its worker is 11 s behind with reading" in alert[2]
    assert [] == source.mended


def test_a_worker_that_hangs(source):
    """One that neither runs nor waits for a processor does not read."""
    source.passes(10)
    (alert,) = source.alerts

    assert "its worker does not read: it has reported nothing for 5 s" in alert[2]


def test_a_worker_without_processor(source):
    """One that waits for a processor has three times as long, and is overloaded."""
    for _ in range(13):
        source.played.last().waited += 0.9
        source.passes()
    assert [] == source.alerts
    for _ in range(5):
        source.played.last().waited += 0.9
        source.passes()
    (alert,) = source.alerts

    assert "overload: its worker has got no processor time for 15 s" in alert[2]


def test_new_rules_take_long(source):
    """While a worker compiles new rules it is not expected to read."""
    source.played.child().speech.expect(1, ["rule"])
    source.passes(60)
    assert [] == source.alerts


def test_another_worker(source):
    """It is not asked for what was caused before it."""
    source.misses(1)
    source.played.last().end("killed by SIGKILL")
    source.passes(3)
    assert 2 == len(source.played.played["one"])
    source.played.last().say(wire.Ready())
    source.passes()
    source.says(0, cause=CHANGED)
    assert [] == source.alerts
    source.misses(3, cause=CHANGED)
    assert [MISSING] == source.rules()


def test_the_machine_was_suspended(source):
    """What was caused before does not count, nor the silence since."""
    source.misses(1)
    source.slept += 3600
    source.misses(1)
    assert [] == source.alerts
    source.misses(3)
    assert [MISSING] == source.rules()


def test_the_supervisor_did_not_run(source):
    """After it had no processor itself, it begins anew."""
    source.misses(1)
    source.clock.advance(30)
    source.sentinels.check()
    source.passes(3)
    assert [] == source.alerts


def test_a_source_that_cannot_be_watched(source):
    """One that says nothing of its events is asked for none."""
    for _ in range(20):
        source.played.last().say(wire.Report(NOTHING, source.clock.monotonic()))
        source.passes()
    assert [] == source.alerts


def test_suspended():
    """It is the difference of two clocks."""
    assert -0.1 < suspended()


def test_times_of_a_process(stage):
    """A process that was played has run for no time."""
    assert Times() == stage("one").last().times()
