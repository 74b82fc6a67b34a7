"""Lists of events: decoding each just before it is matched gives the same events as looking at all of them first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falcohost.engine.ir import Exists, FieldRef
from falcohost.events import Plan
from falcohost.fields import Field, FieldType
from falcohost.jsonlog import JsonSource, Limits, Origin, Texts
from falcohost.jsonlog.apart import Lists, places
from falcohost.jsonlog.decode import whole_record
from falcohost.web.body import problem
from falcohost_k8saudit.source import HEADS, LOG
from falcohost_k8saudit.webhook import WRAPPERS

FRAME = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
EVENT, SENT = b'{"kind":"Event","verb":"get"}', b'{"level":"Metadata","verb":"get"}'

HIDDEN = b'"{\\"kind\\":\\"Event\\",\\"verb\\":\\"hidden\\"}"'
FRAMES = st.sampled_from([FRAME] * 6 + [
    b'{"items":[', b'{"records":[', b'{"records":[],"items":[', b'{"items":[],"records":[', b'{"\\"items":[',
    b'{"a":1,"items":[', b'{"items":"x","items":[', b' {"items":[', b'{"user":"x","items":[', b"[",
])  # fmt: skip
ENDS = st.sampled_from([b"]}"] * 6 + [
    b"]}\n", b"]} ", b'],"items":[]}', b"]", b"", b"}]}", b" ]}", b']}\n{"items":[' + EVENT + b"]}", b"]}" + EVENT,
])  # fmt: skip
BETWEEN = st.sampled_from([b","] * 12 + [b", ", b",\n", b"", b"]", b",,", b"\n"])
BEGINNINGS = st.sampled_from([b'{"kind":"Event"', b'{"level":"Metadata"'] * 4 + [
    b'{ "kind":"Event"', b'{"verb":"x"', b'{"kind":"Pod"', b'{"level":5', b'[{"kind":"Event"', b'"kind"',
])  # fmt: skip
MEMBERS = st.sampled_from([
    b'"verb":"get"', b'"stage":"Panic"', b'"verb":5', b'"verb":"\xff"', b'"x":"\xff"', b'"verb":"\\ud800"',
    b'"x":"\\q"',
    b'"verb":"a\tb"', b'"verb":NaN', b'"user":{"username":"me"}', b'"user":[]', b'"user":"x"', b'"kind":"Event"',
    b'"kind":"Pod"', b'"kind":null', b'"category":"kube-audit","properties":{"log":' + HIDDEN + b"}",
    b'"category":"x"', b'"message":' + HIDDEN + b',"timestamp":1', b'"protoPayload":{"serviceName":"k8s.io"}',
    b'"y":[' + EVENT + b"," + EVENT + b"]", b'"y":[' + SENT + b"," + SENT + b"]", b'"y":[' + EVENT + b",", EVENT + b"]",
    b'"y":"},{\\"kind\\":\\"Event\\""', b'"y":{"level":"},{"}', b'"a" : 1', b'"a":\n1', b'"a":01', b'"a":',
    b'"y":' + b"[" * 300 + b"]" * 300, b'"y":[', b'"y":]', b'"y',
])  # fmt: skip
RECORDS = st.builds(
    lambda begin, members, end: b",".join([begin, *members]) + end,
    BEGINNINGS, st.lists(MEMBERS, max_size=3), st.sampled_from([b"}"] * 9 + [b" }", b"}}", b"", b"\n}"]),
)  # fmt: skip
LISTS = st.builds(
    lambda frame, first, others, end: frame + first + b"".join(map(b"".join, others)) + end,
    FRAMES, RECORDS, st.lists(st.tuples(BETWEEN, RECORDS), max_size=6), ENDS,
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.binary(max_size=1)), max_size=2)
VERB = FieldRef(Field(name="k.verb", type=FieldType.CHARBUF, description="", path="verb"), None, "k.verb")
PLAN = Plan("k8s_audit", condition=Exists(VERB))


class Given:
    """Texts out of memory, the first of which is an event."""

    limits = Limits()
    done = None

    def __init__(self, text):
        self._text = text
        self.is_refused = False

    def open(self, refusals, cursor):
        """There is nothing to open."""

    def texts(self):
        """Yield an event, and then the text, as a webhook does."""
        origin = Origin("memory", "1", by_content=True)
        yield Texts(origin, [(0, EVENT)])
        yield Texts(origin, [(7, self._text)], accepts=self._accepts)

    def _accepts(self, place):
        self.is_refused = problem(self._text) is not None
        return not self.is_refused

    def ack(self, cursor):
        """There are no cursors."""

    def close(self):
        """There is nothing to close."""


def read(text, log, plan=PLAN):
    """Return the events of *text*, and what their source says at the end; what is decoded of each, and where it is."""
    given = Given(text)
    source = JsonSource(log, given)
    source.open(plan, None)
    found = []
    for batch in source.batches():
        for event in batch.events:
            of_rules = {key: event.record[key] for key in ("kind", "verb", "user") if key in event.record}
            key, place = event.key, str(event)
            event.whole()
            found.append((event.num, of_rules, key, place, event.raw, bytes(event.text.raw(event.index)), event.record))
    return found, source.stats(), given.is_refused


key_of, raw_of = itemgetter(2), itemgetter(4)


def is_json(text):
    """Return whether *text* is JSON values one after the other."""
    try:
        msgspec.json.Decoder(msgspec.Raw).decode_lines(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def changed(text, changes):
    """Return *text* with some bytes inserted, replaced or removed."""
    for at, length, new in changes:
        at = min(at, len(text))
        text = text[:at] + new + text[at + length :]
    return text


@given(LISTS, CHANGES)
@example(FRAME + EVENT + b"," + EVENT + b"]}", [])
@example(FRAME + EVENT + b',{"kind":"Event","y":[' + EVENT + b"," + EVENT + b"]}]}", [])
def test_the_same_events(text, changes):
    """Whatever a sender writes, the events are those that are found if all of a text is looked at first.

    Of a text that is no JSON, those before the damage may be events, too.
    """
    text = changed(text, changes)
    expected, stats, is_refused = read(text, replace(LOG, heads={}))

    found, own_stats, own_refused = read(text, LOG)

    assert is_refused == own_refused
    if is_json(text):
        assert expected == found
        assert stats == own_stats
    else:
        assert not Counter(map(key_of, expected)) - Counter(map(key_of, found))
        assert all(isinstance(whole_record(raw), dict) for raw in map(raw_of, found))
        assert stats.dropped == own_stats.dropped


@given(LISTS, CHANGES)
@example(b'{"items":"x","items":[' + EVENT + b"," + EVENT + b"]}", [])
def test_events_that_are_decoded_whole(text, changes):
    """Rules that read whole events get the same ones."""
    text = changed(text, changes)

    expected, found = (read(text, LOG, plan) for plan in (PLAN, Plan("k8s_audit")))

    if is_json(text):
        assert [one[2:6] for one in expected[0]] == [one[2:6] for one in found[0]]
        assert expected[1] == found[1]


@pytest.mark.parametrize("event", [EVENT, SENT])
@pytest.mark.parametrize("end", [b"]}", b"]}\n"])
def test_lists_of_api_servers_are_known(event, end):
    """A list is known as such if it is as API servers write it, and its events are where the places say."""
    text = FRAME + b",".join([event, event + b"}", event]) + end
    head, begin = Lists(WRAPPERS, HEADS).head(text)

    found = places(text, head, begin)

    assert [event, event + b"}", event] == [text[at : after - 1] for at, after in pairwise(found)]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        EVENT,
        FRAME + b"]}",
        b'{"metadata":{"a":1},"items":[' + EVENT + b"]}",
        b'{"items":{},"items":[' + EVENT + b"]}",
        FRAME + b'{"verb":"get"}]}',
        FRAME + EVENT + b"],}",
    ],
)
def test_nothing_else_is_known(text):
    """What may be something else is looked at whole."""
    assert Lists(WRAPPERS, HEADS).head(text) is None


def test_far_places():
    """A record is found wherever it begins, also far behind the one before."""
    for size in [*range(16300, 16420), 32_700, 100_000]:
        long = b'{"kind":"Event","x":"' + b"y" * size + b'"}'
        text = FRAME + long + b"," + EVENT + b"]}"

        assert [len(FRAME), len(FRAME + long) + 1, len(text) - 1] == places(text, b'{"kind":"Event"', len(FRAME))


def test_events_before_damage_count():
    """Events before the place from which on a text is no JSON are matched, though their sender is told of that."""
    text = FRAME + EVENT + b"," + EVENT + b',{"kind":"Event","y":[}]}'

    found, stats, is_refused = read(text, LOG)

    assert is_refused
    assert [2, 3] == [one[0] for one in found][1:]
    assert (3, {}) == (stats.passed, stats.dropped)
