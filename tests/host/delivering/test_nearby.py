"""Alerts at hand: the newest and those that were read are found, nothing is left out, and they are bounded."""

from hypothesis import given
from hypothesis import strategies as st

from falcohost.alert import NO_METADATA
from falcohost.engine.alerts import JsonOptions
from falcohost.host.delivering import nearby
from falcohost.host.delivering.nearby import MOST_KEPT, MOST_KEPT_BYTES, MOST_READ_BYTES, Nearby, Stretch
from falcohost.outputs.lines import ConfiguredFormat
from falcohost.store.body import encode
from falcohost.store.metadata import NO_KEY
from falcohost.testing.outputs import alert

ALERT = alert("a")
BODY = encode(ALERT)
METADATA = {NO_KEY: NO_METADATA}
JSON = ConfiguredFormat(JsonOptions())


def stretch(after, until, *, held=(), size=0):
    """Return the alerts from *after* to *until* without those that are *held* back; *size*: bytes of them, if not 0."""
    bodies = [(number, BODY) for number in range(after + 1, until + 1) if number not in held]
    found = Stretch(after, until, bodies, METADATA)
    found.size = size or found.size
    return found


class Near(Nearby):
    """What is at hand, as alerts."""

    def find(self, after, most, last):
        """Return them."""
        return super().find(after, most, last, Stretch.alerts)


def numbers(rows):
    """Return the numbers of alerts."""
    return None if rows is None else [number for number, _ in rows]


@given(
    news=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.sets(st.integers(1, 60)))),
    read=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9))),
    ask=st.integers(0, 60),
    most=st.integers(1, 9),
    forget=st.integers(0, 30),
)
def test_nothing_is_left_out(news, read, ask, most, forget):
    """What is found are the next alerts that are delivered, whatever gaps there are between the news."""
    held = set().union(*(some for _, _, some in news))
    near, last = Near(), 0
    for gap, count, _ in news:
        after = last + gap
        last = after + count
        near.add(stretch(after, last, held=held))
    for after, count in read:
        near.add_read(stretch(after, min(after + count, last), held=held))
    near.forget(forget)
    found = numbers(near.find(ask, most, last))

    wanted = [number for number in range(ask + 1, last + 1) if number not in held]
    if found is not None:
        assert wanted[: len(found)] == found
        assert found or not wanted


def test_held_back():
    """That no alert is delivered is only said where all are known; the store may have more that are not here yet."""
    near = Near()
    near.add(stretch(0, 2, held={1, 2}))

    assert [] == near.find(0, 9, 2)
    assert near.find(0, 9, 3) is None


def test_newest():
    """The newest are kept, as many as may be, also if all that comes for long is held back."""
    near = Near()
    for number in range(2 * MOST_KEPT):
        near.add(stretch(number, number + 1))
    for number in range(2 * MOST_KEPT, 20 * MOST_KEPT):
        near.add(stretch(number, number + 1, held={number + 1}))

    assert MOST_KEPT == len(near._news)
    assert near.find(MOST_KEPT - 1, 9, 20 * MOST_KEPT) is None
    assert [MOST_KEPT + 1, MOST_KEPT + 2] == numbers(near.find(MOST_KEPT, 2, 20 * MOST_KEPT))
    near.add(stretch(20 * MOST_KEPT, 20 * MOST_KEPT + 1, size=MOST_KEPT_BYTES))
    assert 1 == len(near._news)


def test_read():
    """A few stretches that were read are kept, but no large ones."""
    near = Near()
    near.add_read(stretch(0, 5, size=MOST_READ_BYTES + 1))
    assert near.find(0, 9, 5) is None
    for begin in range(0, 10 * nearby.MOST_READ, 10):
        near.add_read(stretch(begin, begin + 10))

    assert [3, 4] == numbers(near.find(2, 2, 99))
    near.forget(10)
    assert near.find(2, 2, 99) is None
    assert [13] == numbers(near.find(12, 1, 99))


def test_lines():
    """Lines are the same whether or not the alerts are needed, too, and say the same in each form."""
    text = ConfiguredFormat(None)
    for form in (JSON, text, JSON):
        one, other = stretch(0, 3), stretch(0, 3)
        assert ALERT == other.alerts()[0][1]

        assert [(number, form.line(ALERT)) for number in (1, 2, 3)] == one.lines(form)
        assert one.lines(form) == other.lines(form)
        assert text.line(ALERT) == one.lines(text)[0][1]
        assert one.lines(form) is one.lines(form)


def test_damaged(caplog):
    """An alert that is damaged is left out, and its number is told."""
    bodies = [(1, BODY), (2, b"\xc1"), (3, BODY[:40]), (4, BODY)]
    for show in (Stretch.alerts, lambda one: one.lines(JSON)):
        caplog.clear()
        found = show(Stretch(0, 4, bodies, METADATA))

        assert [1, 4] == numbers(found)
        assert [2, 3] == [record.args[0] for record in caplog.records]
