"""A whole run of the supervisor, with workers that the test plays: what it does in which order."""

import os
import signal
import socket
import threading

import msgspec
import pytest

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.alerts import INTERNAL, AlertMaker
from falcohost.engine.facts import RuleFacts
from falcohost.errors import OutputClosed
from falcohost.host import wire
from falcohost.host.control import Control
from falcohost.host.drops import DropMonitor
from falcohost.host.numbers import Numbers
from falcohost.host.progress import Progress
from falcohost.host.stamps import stamps
from falcohost.host.storing.intake import Intake
from falcohost.host.summary import Summary
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.loader import Loader
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.losses import Losses
from falcohost.host.supervision.orphans import Orphans
from falcohost.host.supervision.outages import Outages
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.refusals import Refusals
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.watch import Watch
from falcohost.host.supervision.watchdog import Watchdog
from falcohost.host.supervisor import Supervisor
from falcohost.specs import DropPolicy
from falcohost.store.admission import Admission
from falcohost.store.arrival import Arrival
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import wait_until

#: Facts of the rules of alerts that tests make.
FACTS = {f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA) for name in "ab"}


@pytest.fixture
def supervised(stage, store):
    """Return a function that sets up workers and their supervisor."""

    def supervised(*names, actions=("ignore",), outputs=(), watched=()):
        played = stage(*names, begun=False)
        loop, workers, summary = played.loop, played.workers, Summary(["rule a"])
        runners = [Runner("sink", ToOutput(one), store) for one in outputs]
        subscribers = Subscribers(runners, [], store, timeout=1.0)

        def stored(alerts):
            summary.add(alerts)
            subscribers.notify()

        admissions = {name: Admission(name, "localhost", FACTS) for name in names}
        intake = Intake(loop, store, AlertMaker("host"), admissions, stored, workers.accuse)
        internal = InternalAlerts(AlertMaker("host"), lambda alert: intake.take(Arrival(INTERNAL, [alert])))

        def attach(name):
            here, there = socket.socketpair()
            intake.attach(name, here)
            return there

        played.attach = attach
        reloading = Reloading(lambda: Loader(lambda _: signal.pause(), silent=True), lambda *_: None, loop, internal)
        policy = DropPolicy(
            what="drop", events="calls", threshold=0.1, actions=actions, key="drops", rate=1.0, burst=1.0
        )
        drops = {"syscall": DropMonitor(policy, internal.raise_alert)}
        return played, Supervisor(
            loop=loop,
            workers=workers,
            intake=intake,
            internal=internal,
            subscribers=subscribers,
            refusals=Refusals(internal.raise_alert),
            losses=Losses(workers.children, drops, loop),
            readiness=Readiness(workers.children, loop, 0, lambda _: None),
            watchdog=Watchdog(workers.children, 60, internal.raise_alert, played.clock),
            outages=Outages(workers.children, internal.raise_alert, played.clock),
            reloading=reloading,
            files=Files(Watch(stamps(watched)), Renewals(workers.children, loop), reloading, played.clock),
            control=Control(loop, None, lambda: None, workers.measure),
            summary=summary,
            progress=Progress(shown=False),
            orphans=Orphans(),
        )

    return supervised


def of(source, name):
    """Return an alert of a source."""
    return msgspec.structs.replace(alert(name), source=source)


def script(stage, *steps):
    """Have the steps done one after the other, each in a turn of its own."""

    def do(rest):
        rest[0]()
        if rest[1:]:
            stage.loop.after(0, lambda: do(rest[1:]))

    stage.loop.after(0, lambda: do(steps))


def test_a_cursor_is_acknowledged_when_its_alerts_are_stored(supervised, store):
    """A worker is told of its cursor in the turn in which its alerts arrived, and not before they are stored."""
    stage, supervisor = supervised("one")
    seen = []

    def look():
        stage.last().store.read()
        seen.append((store.last, stage.last().store.written()))

    def end():
        stage.last().store_alerts(ended=True)
        stage.last().say(wire.Ended())

    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a"), cursor="1", rewinds=True),
        look,
        look,
        end,
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert [(0, None), (1, "1")] == seen
    assert "   rule a: 1\n" in supervisor.summary.text()
    assert store.cursor("one") is None  # who reads it again wants all of it again


def test_a_signal_ends_the_run(supervised, store, caplog):
    """Workers are told to end, and what they say until then is stored."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one", "two")

    def begin():
        stage.last("one").say(wire.Ready())
        stage.last("two").say(wire.Ready())
        stage.last("two").store_alerts(of("two", "a"))
        stage.last("one").ends_by = stage.last("two").ends_by = signal.SIGTERM

    script(stage, begin, lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert supervisor.run() is Outcome.STOPPED
    assert [[signal.SIGTERM]] * 2 == [stage.last(name).signals for name in ("one", "two")]
    assert 1 == store.last
    assert ["SIGINT received, exiting..."] == caplog.messages


class Sink:
    """An output that takes note of what happens to it."""

    def __init__(self):
        self.rules = []
        self.reopened = threading.Event()

    def deliver(self, alerts):
        """Accept them."""
        self.rules += [one.rule for one in alerts]

    def reopen(self):
        """Take note of it."""
        self.reopened.set()

    def close(self):
        """Do nothing."""


def test_other_signals_change_something_and_the_run_goes_on(supervised, caplog):
    """SIGUSR1 reopens outputs, SIGHUP tries new rules; alerts are delivered meanwhile and until the end."""
    caplog.set_level("INFO")
    sink = Sink()
    stage, supervisor = supervised("one", outputs=[sink])
    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: os.kill(os.getpid(), signal.SIGUSR1),
        lambda: sink.reopened.wait(60),
        lambda: os.kill(os.getpid(), signal.SIGHUP),
        lambda: None,
        lambda: stage.last().store_alerts(of("one", "b")),
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert sink.reopened.is_set()
    assert ["rule a", "rule b"] == sink.rules
    assert [
        "SIGUSR1 received, reopening outputs...",
        "SIGHUP received, checking configuration and rules...",
        "Event source 'one' has ended: 0 events received, 0 lost",
    ] == caplog.messages


def test_the_run_fails_when_no_output_is_left(supervised):
    """When nobody reads alerts any more there is nothing left to run for, and workers are told to end."""

    class Closed(Sink):
        def deliver(self, alerts):
            raise OutputClosed("nobody reads")

    stage, supervisor = supervised("one", outputs=[Closed()])
    (runner,) = supervisor.subscribers.runners

    def begin():
        stage.last().ends_by = signal.SIGTERM
        stage.last().say(wire.Ready())
        stage.last().store_alerts(of("one", "a"))

    script(stage, begin, lambda: None, lambda: wait_until(lambda: runner.gone))

    assert supervisor.run() is Outcome.FAILED
    assert "no output is left: the reader of sink is gone" == supervisor.loop.error
    assert [signal.SIGTERM] == stage.last().signals


def test_files_are_looked_at_when_everything_is_ready(supervised, tmp_path, caplog):
    """A changed file begins a reload, but not before every source is open."""
    caplog.set_level("INFO")
    rules = tmp_path / "rules.yaml"
    stage, supervisor = supervised("one", watched=[str(rules)])

    def second():
        stage.clock.advance(1)

    def ready():
        assert [] == caplog.messages
        stage.last().say(wire.Ready())

    script(
        stage, lambda: rules.write_text("new"), second, second, ready,
        second, second, second, lambda: stage.last().say(wire.Ended()), lambda: stage.last().end(""),
    )  # fmt: skip

    assert supervisor.run() is Outcome.STOPPED
    assert ["Files have changed, checking configuration and rules..."] == caplog.messages[:1]


def test_a_second_signal_kills(supervised, caplog):
    """A worker that does not end is killed by the second signal."""
    stage, supervisor = supervised("one")

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    def hang():
        stage.last().ends_by = signal.SIGKILL

    script(stage, hang, interrupt, lambda: None, lambda: None, interrupt)

    assert supervisor.run() is Outcome.STOPPED
    assert [signal.SIGTERM, signal.SIGKILL] == stage.last().signals
    assert "event source 'one' does not end; killing its worker" in caplog.messages


def test_lost_system_calls_can_end_the_run(supervised, caplog):
    """With the action exit the run fails when system calls are lost; of each source the log says what it has lost."""
    stage, supervisor = supervised("syscall", "other", actions=("exit",))

    def begin():
        for name in ("syscall", "other"):
            stage.last(name).ends_by = signal.SIGTERM
        stage.last("other").say(wire.Ready(), wire.Report(Numbers(0, 0, {"full": 1})))

    report = wire.Report(Numbers(10, 10, {"full": 9}))
    script(stage, begin, lambda: stage.last("syscall").say(wire.Ready(), report))

    assert supervisor.run() is Outcome.FAILED
    assert "calls were dropped, and drops contains 'exit'" == stage.loop.error
    assert "source 'other' has lost 1 events (full: 1); 1 in total" in caplog.messages
    assert "source 'syscall' has lost 9 events (full: 9); 9 in total" in caplog.messages


def test_a_source_that_is_open_again_is_told_of(supervised, caplog):
    """That a source is open again is told, once everything was ready before."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().say(wire.LogLine(20, "hello")),
        lambda: stage.last().end(),
        lambda: None,
        lambda: stage.clock.advance(0.2),
        lambda: None,
        lambda: stage.last().say(wire.Ready(), wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert 2 == len(stage.played["one"])
    assert "one: hello" == caplog.messages[0]
    assert ["Event source 'one' is open again", "Event source 'one' has ended: 0 events received, 0 lost"] == (
        caplog.messages[-2:]
    )


def test_a_signal_ends_a_run_that_would_restart(supervised, caplog):
    """Who stops the agent while it ends for a restart has it stopped; other signals then change nothing."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    script(
        stage,
        lambda: stage.loop.end(Outcome.RESTART),
        lambda: os.kill(os.getpid(), signal.SIGHUP),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: None,
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert [signal.SIGTERM] == stage.last().signals
    assert ["SIGHUP received, which is too late: the run ends", "SIGINT received, exiting..."] == caplog.messages
