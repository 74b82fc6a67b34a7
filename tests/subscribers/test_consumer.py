"""A plugin's subscriber: what it is given, what its answers become, and how it begins anew after an error."""

import msgspec
import pytest
from msgspec.structs import replace

from falcohost import PluginError, Priority, UserSubject
from falcohost.subscriber import LONGEST_CHAIN, MOST_ANSWERED, MOST_STATE, Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.testing.outputs import alert

NEW = NewAlert(rule="r", priority=Priority.NOTICE, message="m")
TIME = 1_700_000_000_123_456_789


class Counting:
    """Counts alerts; raises one for each, and an error when it meets the rule ``rule bad`` for the first time."""

    bad = True
    made = 0
    closed = 0

    def __init__(self, settings, state):
        self.given = []
        self.count = int(state or settings.get("begin", 0))
        type(self).made += 1

    def take(self, alerts):
        """Answer."""
        self.given.append([one.rule for one in alerts])
        raised = []
        for one in alerts:
            self.count += 1
            if one.rule == "rule bad" and type(self).bad:
                type(self).bad = False
                raise ValueError("a bug")
            raised.append(NewAlert(rule="Counted", priority=Priority.NOTICE, message=f"{self.count}: {one.rule}"))
        return Answer(raised, str(self.count).encode())

    def close(self):
        """Count."""
        type(self).closed += 1


class Answering:
    """Answers what it was made with."""

    def __init__(self, answer):
        self._answer = answer
        self.given = []

    def take(self, alerts):
        """Answer."""
        self.given.append([one.rule for one in alerts])
        return self._answer

    def close(self):
        """Do nothing."""


@pytest.fixture
def consumer(maker):
    """Return a function that makes a consumer of a subscriber that is called ``counting``."""

    def consumer(make, state=None, **settings):
        return Consumer(SubscriberSpec(name="counting", description="Counts.", make=make), settings, state, maker)

    return consumer


@pytest.fixture
def counting():
    """Return the class of a subscriber that has not failed yet."""
    return type("Fresh", (Counting,), {})


def raised(name, depth, source="other"):
    """Return an alert that a subscriber has raised."""
    return msgspec.structs.replace(alert(name), source=source, depth=depth)


def test_an_answers_alerts_are_whole(consumer):
    """The host gives an alert of a subscriber its id, source, hostname, line and depth, and keeps what it says."""
    new = NewAlert(
        rule="Many",
        priority=Priority.CRITICAL,
        message="7 of\x1bthem",
        fields={"number": 2**70, "who": "a\udcff"},
        tags=("t",),
        subjects=(UserSubject("u", "a"),),
        description="Why",
    )
    (found,) = consumer(lambda *_: Answering(Answer([new]))).take(0, [alert("a")]).alerts

    assert ("Many", Priority.CRITICAL, "counting", "host", ("t",)) == (
        found.rule, found.priority, found.source, found.hostname, found.tags
    )  # fmt: skip
    assert "22:13:20.123456789: Critical 7 of\ufffdthem" == found.output
    assert {"number": str(2**70), "who": "a\ufffd"} == found.fields
    assert ((UserSubject("u", "a"),), "Why", TIME, 1) == (
        found.subjects, found.metadata.description, found.time, found.depth
    )  # fmt: skip
    assert msgspec.msgpack.encode(found)


def test_ids_are_the_same_when_alerts_are_taken_again(consumer, counting):
    """The same alerts from the same mark give the same ids, also where more come with them; no two have the same."""
    first = consumer(counting).take(5, [alert("a"), alert("b")]).alerts
    again = consumer(counting).take(5, [alert("a"), alert("b"), alert("c")]).alerts
    later = consumer(counting).take(7, [alert("a"), alert("b")]).alerts

    assert [one.id for one in first] == [one.id for one in again[:2]]
    assert 5 == len({one.id for one in (*first, *again, *later)})


def test_its_own_alerts_are_left_out(consumer, counting):
    """A subscriber is given the alerts of rules and of other subscribers, and not those that it has raised."""
    one = consumer(counting)

    taken = one.take(0, [alert("a"), raised("own", 1, "counting"), alert("b"), raised("other", 1)])

    assert [["rule a", "rule b"], ["rule other"]] == one._subscriber.given
    assert [1, 1, 2] == [found.depth for found in taken.alerts]


def test_chains_end(consumer, counting):
    """An alert that has come through the most subscribers is not given to another one."""
    one = consumer(counting)

    taken = one.take(0, [raised("a", LONGEST_CHAIN - 1), raised("b", LONGEST_CHAIN)])

    assert [["rule a"]] == one._subscriber.given
    assert [LONGEST_CHAIN] == [found.depth for found in taken.alerts]


def test_begins_with_its_settings_and_state(consumer, counting):
    """A subscriber is made with the plugin's settings; with a state, where one was stored."""
    assert b"6" == consumer(counting, begin=5).take(0, [alert("a")]).state
    assert b"8" == consumer(counting, b"7", begin=5).take(0, [alert("a")]).state


def test_begins_anew_after_an_error(consumer, counting):
    """A subscriber that raised is closed, made again with the state that was stored, and given all of it again."""
    one = consumer(counting)
    assert b"1" == one.take(0, [alert("a")]).state

    with pytest.raises(ValueError, match="a bug"):
        one.take(1, [alert("b"), alert("bad")])
    one.recover()
    taken = one.take(1, [alert("b"), alert("bad")])

    assert (b"3", ["2: rule b", "3: rule bad"]) == (taken.state, [found.message for found in taken.alerts])
    assert (2, 1) == (counting.made, counting.closed)


def test_is_closed_once(consumer, counting):
    """Closing closes the subscriber; one that has failed was closed already."""
    one, failed = consumer(counting), consumer(counting)
    one.close()
    assert 1 == counting.closed
    failed.recover()
    failed.close()
    assert 2 == counting.closed


def test_one_that_cannot_be_made_again_is_tried_again(consumer, counting):
    """When making it anew fails that is an error like any other, until it can be made."""
    broken = [False]

    def make(settings, state):
        if broken[0]:
            raise OSError("no")
        return counting(settings, state)

    one = consumer(make)
    one.recover()
    broken[0] = True
    with pytest.raises(OSError, match="no"):
        one.take(0, [alert("a")])
    one.recover()
    broken[0] = False

    assert b"1" == one.take(0, [alert("a")]).state


def test_nothing_is_an_answer(consumer):
    """None, and an answer without anything in it, store nothing but the mark."""
    for answer in (None, Answer()):
        taken = consumer(lambda *_, answer=answer: Answering(answer)).take(0, [alert("a")])
        assert ([], None) == (taken.alerts, taken.state)


def test_answers_are_bounded(consumer, caplog):
    """Of too many alerts the first are taken, and that is said; a state that is too large is an error."""
    taken = consumer(lambda *_: Answering(Answer([NEW] * (MOST_ANSWERED + 1)))).take(0, [alert("a")])
    assert MOST_ANSWERED == len(taken.alerts)
    assert "subscriber 'counting' raised too many alerts at once; 1 were dropped" in caplog.text

    with pytest.raises(PluginError, match=f"its state has {MOST_STATE + 1} bytes"):
        consumer(lambda *_: Answering(Answer((), bytes(MOST_STATE + 1)))).take(0, [alert("a")])


@pytest.mark.parametrize(
    "answer",
    [
        "text",
        [NEW],
        Answer([NEW], "text"),
        Answer([{"rule": "r"}]),
        Answer([replace(NEW, time=1.5)]),
        Answer([replace(NEW, time=2**70)]),
        Answer([replace(NEW, priority="NOTICE")]),
        Answer([replace(NEW, tags=(1,))]),
        Answer([replace(NEW, subjects=("me",))]),
    ],
)
def test_what_is_no_answer_is_an_error(consumer, answer):
    """An alert that the store could not keep never reaches it: the subscriber gets an error, and is tried again."""
    one = consumer(lambda *_: Answering(answer))

    with pytest.raises(PluginError):
        one.take(0, [alert("a")])
