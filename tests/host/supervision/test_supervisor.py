"""A whole run of the supervisor, with workers that the test plays: what it does in which order."""

import os
import signal
import time

import msgspec
import pytest

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.alerts import AlertMaker
from falcohost.engine.facts import RuleFacts
from falcohost.errors import OutputClosed, OutputError
from falcohost.host import wire
from falcohost.host.control import Control
from falcohost.host.delivering.process import OutputsGiven
from falcohost.host.drops import DropMonitor
from falcohost.host.numbers import Numbers
from falcohost.host.progress import Progress
from falcohost.host.stamps import stamps
from falcohost.host.storing.process import StoreGiven
from falcohost.host.summary import Summary
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.internal import InternalAlerts
from falcohost.host.supervision.internal_link import InternalLink
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.losses import Losses
from falcohost.host.supervision.orphans import Orphans
from falcohost.host.supervision.outages import Outages
from falcohost.host.supervision.reader import Reader
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.refusals import Refusals
from falcohost.host.supervision.reloading import Reloading
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.services import Services
from falcohost.host.supervision.watch import Watch
from falcohost.host.supervision.watchdog import Watchdog
from falcohost.host.supervisor import Supervisor
from falcohost.specs import DropPolicy
from falcohost.store.directory import claim
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.outputs import alert

#: Facts of the rules of alerts that tests make.
FACTS = {f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA) for name in "ab"}


class Sink:
    """An output that writes what happens to it into a file, since it runs in another process."""

    def __init__(self, path):
        self.path = path

    @property
    def told(self):
        """Return what has happened so far."""
        return self.path.read_text().splitlines() if self.path.exists() else []

    def deliver(self, alerts):
        """Accept them."""
        for one in alerts:
            self._write(one.rule)

    def reopen(self):
        """Take note of it."""
        self._write("reopened")

    def close(self):
        """Do nothing."""

    def _write(self, line):
        with self.path.open("a") as file:
            file.write(f"{line}\n")


class Closed(Sink):
    """An output without a reader."""

    def deliver(self, alerts):
        """Refuse them."""
        raise OutputClosed("nobody reads")


@pytest.fixture
def supervised(stage, tmp_path):
    """Return a function that sets up workers and their supervisor, with a store and outputs in real processes."""
    state = tmp_path / "state"
    lock = claim(state)

    def supervised(*names, actions=("ignore",), sink=Sink, watched=()):
        played, maker = stage(*names, begun=False), AlertMaker("localhost")
        loop, workers, summary = played.loop, played.workers, Summary(["rule a"])
        link = InternalLink(loop)
        internal = InternalAlerts(maker, link.send)
        output = sink(tmp_path / "sink")

        def make(store):
            if isinstance(output, Exception):
                raise output
            return Subscribers([Runner("sink", ToOutput(output), store)], [], store, timeout=1.0)

        services = Services(
            loop,
            StoreGiven(directory=state, lock=lock, limits=Limits(), user=None, takers={"sink": False}, maker=maker),
            dict.fromkeys(names, FACTS),
            OutputsGiven(make=make, keep=frozenset(), files=[], user=None),
            link,
            summary,
            workers.accuse,
            workers.attach_again,
            internal.raise_alert,
        )
        played.attach = services.attach
        played.sink = output
        reloading = Reloading(lambda: Reader(lambda _: signal.pause(), silent=True), lambda *_: None, loop, internal)
        policy = DropPolicy(
            what="drop", events="calls", threshold=0.1, actions=actions, key="drops", rate=1.0, burst=1.0
        )
        drops = {"syscall": DropMonitor(policy, internal.raise_alert)}
        return played, Supervisor(
            loop=loop,
            workers=workers,
            internal=internal,
            services=services,
            refusals=Refusals(internal.raise_alert),
            losses=Losses(workers.children, drops, loop),
            readiness=Readiness(workers.children, loop, 0, lambda _: None),
            watchdog=Watchdog(workers.children, 60, internal.raise_alert, played.clock),
            outages=Outages(workers.children, internal.raise_alert, played.clock),
            reloading=reloading,
            files=Files(Watch(stamps(watched)), Renewals(workers.children, loop), reloading, played.clock),
            control=Control(loop, None, services.refresh, lambda: None, workers.measure),
            summary=summary,
            progress=Progress(shown=False),
            orphans=Orphans(),
        )

    yield supervised
    os.close(lock)


@pytest.fixture
def stored(tmp_path):
    """Return a function that returns the ids of the alerts that are stored, with the cursor of a source."""

    def stored(source="one"):
        store = Store(tmp_path / "state" / "state.db", Limits())
        try:
            return [one.id for _, one in store.read(0, 99)], store.cursor(source)
        finally:
            store.close()

    return stored


def of(source, name):
    """Return an alert of a source."""
    return msgspec.structs.replace(alert(name), source=source)


def script(stage, *steps):
    """Have the steps done one after the other, each in a turn of its own; one that returns False is done again."""

    def do(rest):
        again = not all(stage.played.values()) or rest[0]() is False
        if not again:
            rest = rest[1:]
        if rest:
            stage.loop.after(0, lambda: do(rest))
        if again:
            time.sleep(0.01)

    stage.loop.after(0, lambda: do(steps))


def test_a_cursor_is_acknowledged_when_its_alerts_are_stored(supervised, stored):
    """A worker is told of its cursor when its alerts are stored; the cursor of a source that has ended is gone."""
    stage, supervisor = supervised("one")
    seen = []

    def look():
        stage.last().store.read()
        if (cursor := stage.last().store.written()) is None:
            return False
        seen.append((cursor, stored()))
        return True

    def end():
        stage.last().store_alerts(ended=True)
        stage.last().say(wire.Ended())

    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a"), cursor="1", rewinds=True),
        look,
        end,
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert [("1", (["id-a"], "1"))] == seen
    assert "   rule a: 1\n" in supervisor.summary.text()
    assert stored() == (["id-a"], None)  # who reads it again wants all of it again


def test_a_signal_ends_the_run(supervised, stored, caplog):
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
    assert ["id-a"] == stored()[0]
    assert ["rule a"] == stage.sink.told
    assert ["SIGINT received, exiting..."] == caplog.messages


def test_other_signals_change_something_and_the_run_goes_on(supervised, caplog):
    """SIGUSR1 reopens outputs, SIGHUP tries new rules; alerts are delivered meanwhile and until the end."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: os.kill(os.getpid(), signal.SIGUSR1),
        lambda: "reopened" in stage.sink.told,
        lambda: os.kill(os.getpid(), signal.SIGHUP),
        lambda: None,
        lambda: stage.last().store_alerts(of("one", "b")),
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert ["rule a", "rule b"] == [line for line in stage.sink.told if line != "reopened"]
    assert [
        "SIGUSR1 received, reopening outputs...",
        "SIGHUP received, checking configuration and rules...",
        "Event source 'one' has ended: 0 events received, 0 lost",
    ] == caplog.messages


def test_the_run_fails_when_no_output_is_left(supervised):
    """When nobody reads alerts any more there is nothing left to run for, and workers are told to end."""
    stage, supervisor = supervised("one", sink=Closed)

    def begin():
        stage.last().ends_by = signal.SIGTERM
        stage.last().say(wire.Ready())
        stage.last().store_alerts(of("one", "a"))

    script(stage, begin)

    assert supervisor.run() is Outcome.FAILED
    assert "no output is left: the reader of sink is gone" == supervisor.loop.error
    assert [signal.SIGTERM] == stage.last().signals


def test_an_output_that_cannot_be_opened(supervised):
    """The run does not begin, and says why."""
    stage, supervisor = supervised("one", sink=lambda _: OutputError("no such folder"))

    assert supervisor.run() is Outcome.FAILED
    assert ("no such folder", []) == (supervisor.loop.error, stage.played["one"])


def test_a_store_that_is_killed(supervised, stored, caplog):
    """Another takes its place at once; alerts that were on their way are stored once, and the loss is an alert."""
    stage, supervisor = supervised("one")
    killed = []

    def kill():
        killed.append(supervisor.services._store._process.pid)
        os.kill(killed[0], signal.SIGKILL)
        stage.last().store_alerts(of("one", "b"))

    def hear():
        stage.last().hear()
        stage.last().store.read()
        return stage.last().store.empty

    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        lambda: stage.clock.advance(2),
        kill,
        hear,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    ids, _ = stored()
    assert ["id-a", "id-b"] == [one for one in ids if one.startswith("id-")]
    assert ["rule a", "rule b"] == [line for line in stage.sink.told if line.startswith("rule")]
    assert "Falcohost internal: process restarted" in stage.sink.told
    assert f"the store process (pid {killed[0]}) has ended and is started again: killed by SIGKILL" in caplog.messages
    assert "   rule a: 1\n" in supervisor.summary.text()


@pytest.mark.parametrize("name", ["_store", "_outputs"])
def test_one_that_is_stopped(supervised, stored, caplog, name):
    """A store or outputs that somebody has stopped are replaced; alerts that were on their way are stored and told."""
    stage, supervisor = supervised("one")

    def stop():
        os.kill(getattr(supervisor.services, name)._process.pid, signal.SIGSTOP)
        stage.last().store_alerts(of("one", "b"))

    def look():
        if "is killed" not in caplog.text:
            stage.clock.advance(5.1)
        stage.last().hear()
        stage.last().store.read()
        return {"rule a", "rule b", "Falcohost internal: process restarted"} <= set(stage.sink.told)

    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        stop,
        look,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert "is killed: it was stopped by a signal" in caplog.text
    assert ["id-a", "id-b"] == [one for one in stored()[0] if one.startswith("id-")]


def test_outputs_that_are_killed(supervised, stored, caplog):
    """Another process takes its place at once, and goes on at the marks; the loss is an alert."""
    stage, supervisor = supervised("one")

    def kill():
        os.kill(supervisor.services._outputs._process.pid, signal.SIGKILL)
        stage.last().store_alerts(of("one", "b"))

    script(
        stage,
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        lambda: stage.clock.advance(2),
        kill,
        lambda: "rule b" in stage.sink.told,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert "Falcohost internal: process restarted" in stage.sink.told
    assert ["rule a", "rule b"] == sorted({line for line in stage.sink.told if line.startswith("rule")})


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
