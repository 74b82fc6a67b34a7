"""Workers: what they say, what they are told, and what they are given."""

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.facts import RuleFacts
from falcohost.host import data, wire
from falcohost.host.numbers import Numbers
from falcohost.store.admission import Admission
from falcohost.testing.outputs import alert

#: Facts of the rules of alerts that tests make.
FACTS = {f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA) for name in "ab"}

#: A large message.
LARGE = wire.Secrets(["x" * 4000] * 100)


def test_messages_are_heard_in_order(stage):
    """A worker's messages are passed on with its source, also those just before its end."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready(), wire.LogLine(20, "c"))
    stage.last("two").say(wire.Ready())
    stage.turn()
    stage.last("two").say(wire.LogLine(20, "the last"))
    stage.last("two").end()
    stage.turn()

    assert [wire.Ready(), wire.LogLine(20, "c")] == [message for name, message in stage.heard if name == "one"]
    assert [wire.Ready(), wire.LogLine(20, "the last")] == [message for name, message in stage.heard if name == "two"]


def test_a_large_message_before_the_end(stage):
    """A message that is too large to be read at once, and what is behind it, is not lost when its worker ends."""
    stage = stage()
    messages = [LARGE, wire.LogLine(20, "the last")]
    stage.last().say(*messages)

    assert messages == list(stage.child().drain())


def test_what_a_worker_said_last_is_heard(stage):
    """All that a worker had sent when it ended is received, even if that takes several reads."""
    stage = stage()
    messages = [LARGE, wire.Ready(), wire.LogLine(20, "the last")]
    stage.last().say(*messages)
    stage.last().end()
    stage.turn()

    assert messages == [message for _, message in stage.heard]
    assert not stage.child().alive


def test_each_worker_has_a_link_to_the_store(stage):
    """Each process is given a socket of its own, by which the store knows the source; nobody keeps a copy."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.fails()
    stage.let_pass(0.2)
    (_, former), (name, now) = stage.attached
    stage.last().store_alerts(alert("a"))

    assert "one" == name
    assert b"" == former.recv(1000)
    assert b"rule a" in now.recv(1000)


def test_a_new_store(stage):
    """Workers that run are given sockets to a store that has taken the place of another; their alerts go there."""
    stage = stage()
    stage.last().store_alerts(alert("a"))
    stage.workers.attach_again()
    (_, former), (name, now) = stage.attached
    former.close()
    assert [wire.NewStore()] == stage.last().hear()
    stage.last().store_alerts(alert("b"))
    messages = data.FromSource(Admission("test", "localhost", FACTS)).feed(now.recv(9999))

    assert "one" == name
    assert [["id-a"], ["id-b"]] == [[one.id for one in message.alerts] for message in messages]


def test_numbers_of_all_lives(stage):
    """A source's numbers are the sum over its workers, also while there is none."""
    stage = stage()
    stage.last().say(wire.Ready(), wire.Report(Numbers(5, 4, {"full": 1}), 1.0))
    stage.turn()
    stage.let_pass(2.5)
    stage.fails()
    assert Numbers(5, 4, {"full": 1}) == stage.child().totals
    stage.let_pass(1.0)
    stage.last().say(wire.Ready(), wire.Report(Numbers(1, 1, {"full": 2}), 2.0))
    stage.let_pass(3.0)

    assert Numbers(6, 5, {"full": 3}) == stage.child().totals
    assert (2, 5.5) == (stage.child().lives, round(stage.child().seconds, 3))


def test_a_worker_that_does_not_read_is_not_waited_for(stage):
    """Data that does not fit into the socket is sent when the worker reads."""
    stage = stage()
    count = 0
    while not stage.child().link.waits_to_send:
        stage.workers.measure(count % 2 == 0)
        count += 1
    found = []
    while len(found) < count:
        found += stage.last().hear()
        stage.turn()

    assert [wire.Measure(number % 2 == 0) for number in range(count)] == found
    assert not stage.child().link.waits_to_send


def test_measuring(stage):
    """Workers that are there measure when they are told to, and those that are started later too."""
    stage = stage()
    stage.workers.measure(True)
    assert [wire.Measure(True)] == stage.last().hear()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.fails()
    stage.let_pass(0.2)
    assert [wire.Measure(True)] == stage.last().hear()
    stage.workers.measure(False)
    assert [wire.Measure(False)] == stage.last().hear()
