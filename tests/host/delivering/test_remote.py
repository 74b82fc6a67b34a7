"""The store at the other end of a socket: alerts come as they were stored, also when another store takes its place."""

import json
import socket
from threading import Thread

import msgspec
import pytest

from falcohost import Priority
from falcohost.engine.alerts import AlertMaker, JsonOptions
from falcohost.host import wire
from falcohost.host.storing import messages
from falcohost.outputs.file import FileOutput
from falcohost.outputs.lines import ConfiguredFormat
from falcohost.store.body import encode
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import wait_until


def ids(found):
    """Return the ids of alerts with numbers."""
    return [one.id for _, one in found]


def test_positions_and_alerts(seen):
    """Marks and states are kept, alerts come in order and as they are."""
    view = seen.view
    assert (0, None) == view.subscribe("a")
    assert (0, None) == view.subscribe("b")
    seen.begin()
    seen.served.put("x", "y", "z")
    view.answer("a", 2, [msgspec.structs.replace(alert("own"), id="own", source="a", depth=1)], b"state")
    wait_until(lambda: view.last == 4)

    assert ["x", "y", "z", "own"] == ids(view.read(0, 9))
    assert ["z", "own"] == ids(view.read(2, 9))
    assert ["y"] == ids(view.read(1, 1))
    assert seen.served.store.read(1, 2) == view.read(1, 2)
    view.answer("a", 3)
    wait_until(lambda: seen.served.store.marks["a"] == 3)
    assert (3, b"state") == seen.served.store.subscribe("a")


def test_alerts_from_before(seen):
    """Alerts that were stored before an outputs process was there are asked for, with their metadata."""
    seen.served.put("x", "y")
    view = seen.begin()
    view.sync()

    assert (2, ["x", "y"]) == (view.last, ids(view.read(0, 9)))
    assert ["y"] == ids(view.read(1, 9))


def test_more_than_fits(seen):
    """Alerts that came in too great a number to be passed on at once are asked for, none is left out."""
    seen.view.subscribe("b")
    view = seen.begin()
    names = [str(number) for number in range(1200)]
    seen.served.put(*names)
    wait_until(lambda: view.last == 1200)
    found, after = [], 0
    while page := view.read(after, 500):
        found += ids(page)
        after = page[-1][0]

    assert names == found


def test_read_once(seen, monkeypatch):
    """Alerts that one runner has asked for are not asked for by the next, also if both ask at the same time."""
    seen.served.put(*map(str, range(1200)))
    view = seen.begin()
    view.sync()
    asked = []
    ask = view._ask
    monkeypatch.setattr(view, "_ask", lambda question: asked.append(question) or ask(question))
    found = {}
    threads = [Thread(target=lambda n=n: found.setdefault(n, view.read(100, 500))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [[str(number) for number in range(100, 600)]] * 3 == [ids(found[n]) for n in range(3)]
    assert ["300", "301"] == ids(view.read(300, 2))
    assert 1 == len(asked)


def test_another_store(seen, served):
    """Another store in its place goes on with the numbers, knows the marks, and has what was answered meanwhile."""
    view = seen.view
    view.subscribe("a")
    view.subscribe("b")
    seen.begin()
    seen.served.put("x", "y")
    wait_until(lambda: view.last == 2)
    seen.lose()
    view.answer("b", 2)  # to nobody
    seen.served = served()
    view.answer("a", 2, [msgspec.structs.replace(alert("own"), id="own", source="a", depth=1)], b"state")
    seen.served.put("z")
    wait_until(lambda: view.last == 4)

    assert ["own", "z"] == ids(view.read(2, 9))
    wait_until(lambda: seen.served.store.marks == {"a": 2, "b": 2})
    assert b"state" == seen.served.store.subscribe("a").state


def test_a_store_that_has_lost_alerts(seen, served, tmp_path):
    """Alerts that an output has had, and that were never written, do not have their numbers used for others."""
    view = seen.view
    view.subscribe("b")
    seen.begin()
    seen.served.put("x", "y", "z")
    wait_until(lambda: view.last == 3)
    seen.lose()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    view.answer("b", 3)
    seen.served = served()
    view.sync()
    seen.served.put("new")
    wait_until(lambda: view.last == 4)

    assert ["new"] == ids(view.read(3, 9))


class Pairs:
    """Raises an alert for each two."""

    def __init__(self, settings, state):
        self._first = (state or b"").decode()

    def take(self, alerts):
        """Answer."""
        raised = []
        for one in alerts:
            if self._first:
                raised.append(NewAlert(rule="Pair", priority=Priority.NOTICE, message=f"{self._first} {one.id}"))
            self._first = "" if self._first else one.id
        return Answer(raised, self._first.encode())

    def close(self):
        """Do nothing."""


def test_a_subscriber_runs(seen, served):
    """A consumer on its runner answers the same as with a store in its process, also while stores come and go."""
    spec = SubscriberSpec(name="pairs", description="Pairs.", make=Pairs)
    runner = Runner("pairs", Consumer(spec, {}, None, AlertMaker("host")), seen.view, kind="subscriber")
    with Subscribers([], [runner], seen.view, timeout=60) as subscribers:
        seen.notify = subscribers.notify
        view = seen.begin()
        for names in ("ab", "c", "def", "g"):
            seen.served.put(*names)
            if names == "c":
                seen.lose()
                seen.served = served()
        view.sync()
        subscribers.notify()
        wait_until(lambda: runner.mark >= 7)

    raised = [one.message for _, one in seen.served.store.read(0, 99) if one.rule == "Pair"]
    assert (["a b", "c d", "e f"], b"g") == (raised, seen.served.store.subscribe("pairs").state)


def body(source):
    """Return an alert of *source*, encoded."""
    return encode(msgspec.structs.replace(alert("x"), source=source, depth=1))


@pytest.mark.parametrize(
    ("said", "accusation"),
    [
        (messages.Subscribe("nobody"), "an answer of nobody"),
        (messages.Hello(0, {"nobody": 3}), "an answer of nobody"),
        (messages.Answer("b", 0, 1, [body("b")]), "an answer of 'b', which raises no alerts"),
        (messages.Answer("b", 0, state=b"x"), "an answer of 'b', which raises no alerts"),
        (messages.Answer("a", 0, 1, [body("test")]), "an alert of another source"),
        (messages.Drained(), "it cannot be decoded"),
    ],
    ids=["no such name", "no such mark", "alerts of an output", "state of an output", "another's alert", "rubbish"],
)
def test_what_an_outputs_process_may_not_say(served, said, accusation):
    """An outputs process that says what it may not is accused and left; nothing of it is stored."""
    one = served()
    link = one.socket()
    link.sendall(wire.packed(said))
    wait_until(lambda: one.accused)
    link.settimeout(60)
    while link.recv(4096):
        pass

    ((name, why),) = one.accused
    assert "" == name
    assert accusation in why
    assert 0 == one.store.last


def test_an_outputs_process_that_only_asks(served):
    """One that asks for alerts and does not read them is left before it has the store run out of memory."""
    one = served()
    one.put(*[f"{number:0900}" for number in range(1000)])
    link = one.socket()
    link.sendall(wire.packed(messages.Hello(0, {})))
    question = wire.packed(messages.Read(1, 0, 1000))
    with pytest.raises(OSError, match=r"pipe|reset"):
        while True:
            link.sendall(question)

    assert "bytes that it does not read" in one.accused[0][1]


def test_an_outputs_process_that_does_not_read(served):
    """New alerts are only announced to an outputs process that does not read, so that nothing piles up."""
    one = served()
    link = one.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.sendall(wire.packed(messages.Hello(0, {})))
    for _ in range(40):
        one.put(*[str(number) for number in range(250)])
    wait_until(lambda: one.store.last == 10_000)
    unsent = one._intake._outputs._channel.unsent
    assert unsent < 3 << 20
    received, found = wire.Received(messages.ToOutputs), []
    link.settimeout(60)
    while not found or found[-1].last < 10_000:
        found += received.feed(link.recv(1 << 20))

    assert found[-1].last == 10_000


def test_outputs_of_lines(seen, tmp_path):
    """Outputs that write lines have the same alerts as others, in order, with and without others beside them."""
    form = ConfiguredFormat(JsonOptions(with_id=True))
    files = [tmp_path / "lines", tmp_path / "alerts"]
    lines = FileOutput(str(files[0]), True, form.line, form=form)
    takers = {"a": ToOutput(lines), "b": ToOutput(FileOutput(str(files[1]), True, form.line))}
    runners = [Runner(name, taker, seen.view) for name, taker in takers.items()]

    def wrote(file, last):
        return file.read_bytes().count(b"\n") == last

    assert [form, None] == [taker.form for taker in takers.values()]
    with Subscribers(runners, [], seen.view, timeout=5) as subscribers:
        seen.notify = subscribers.notify
        seen.begin()
        names = [str(number) for number in range(700)]
        seen.served.put(*names[:300])
        wait_until(lambda: wrote(files[0], 300) and wrote(files[1], 300))
        seen.served.put(*names[300:])
        wait_until(lambda: wrote(files[0], 700) and wrote(files[1], 700))
        wait_until(lambda: seen.served.store.marks == {"a": 700, "b": 700})

    assert files[0].read_bytes() == files[1].read_bytes()
    assert names == [json.loads(line)["id"] for line in files[0].read_text().splitlines()]
