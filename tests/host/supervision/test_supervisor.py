"""A whole run of the supervisor, with workers that the test plays: what it does in which order."""

import os
import signal

import msgspec
from played import of

from falcohost.host import wire
from falcohost.host.numbers import Numbers
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.readiness import Readiness
from falcohost.host.supervision.signals import SAME


def test_a_signal_ends_the_run(supervised, stored, caplog):
    """Workers are told to end, and what they say until then is stored."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one", "two")

    def begin():
        stage.last("one").say(wire.Ready())
        stage.last("two").say(wire.Ready())
        stage.last("two").store_alerts(of("two", "a"))
        stage.last("one").ends_by = stage.last("two").ends_by = signal.SIGTERM

    stage.script(begin, lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert supervisor.run() is Outcome.STOPPED
    assert [[signal.SIGTERM]] * 2 == [stage.last(name).signals for name in ("one", "two")]
    assert ["id-a"] == stored()[0]
    assert ["rule a"] == stage.sink.told
    assert ["SIGINT received, exiting..."] == caplog.messages


def test_other_signals_change_something_and_the_run_goes_on(supervised, caplog):
    """SIGUSR1 reopens outputs, SIGHUP tries new rules; alerts are delivered meanwhile and until the end."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    stage.script(
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

    stage.script(
        lambda: rules.write_text("new"), second, second, ready,
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

    stage.script(hang, interrupt, lambda: None, lambda: stage.clock.advance(SAME), interrupt)

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
    stage.script(begin, lambda: stage.last("syscall").say(wire.Ready(), report))

    assert supervisor.run() is Outcome.FAILED
    assert "calls were dropped, and drops contains 'exit'" == stage.loop.error
    assert "source 'other' has lost 1 events (full: 1); 1 in total" in caplog.messages
    assert "source 'syscall' has lost 9 events (full: 9); 9 in total" in caplog.messages


def test_a_source_that_is_open_again_is_told_of(supervised, caplog):
    """That a source is open again is told, once everything was ready before."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    stage.script(
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
    stage.script(
        lambda: stage.loop.end(Outcome.RESTART),
        lambda: os.kill(os.getpid(), signal.SIGHUP),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: None,
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert [signal.SIGTERM] == stage.last().signals
    assert ["SIGHUP received, which is too late: the run ends", "SIGINT received, exiting..."] == caplog.messages


def test_a_run_whose_source_ends_at_once_was_ready(supervised, caplog):
    """That it is ready is told before its end, also if both arrive together."""
    caplog.set_level("INFO")
    stage, supervisor = supervised("one")
    told = []
    readiness = Readiness(
        stage.workers.children, stage.loop, 0, lambda names: told.append((*names, len(caplog.messages)))
    )

    def end():
        stage.last().say(wire.Ready(), wire.Ended())
        stage.last().end("")

    stage.script(end)

    assert Outcome.STOPPED is msgspec.structs.replace(supervisor, readiness=readiness).run()
    assert [("one", 0)] == told
    assert ["Event source 'one' has ended: 0 events received, 0 lost"] == caplog.messages
