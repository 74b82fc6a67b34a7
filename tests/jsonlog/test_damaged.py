"""Damage in one record: the others are served, and the loss is counted record by record."""

import gzip
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.events import Plan
from falcohost.jsonlog import JsonSource, Origin, Texts, file_input
from falcohost.jsonlog.brackets import is_paired
from falcohost.jsonlog.inputs import Limits
from falcohost.jsonlog.refusals import BAD_GZIP, NOT_AN_OBJECT, NOT_JSON, TOO_DEEP
from falcohost.testing.clock import ManualClock

from .conftest import LOG

DEEP = b'{"n":' + b"[" * 12_000 + b"]" * 12_000 + b"}"

#: Records that cannot be read, of which brackets and quotes are paired.
BAD = {b'{"n":01}': NOT_JSON, b'{"n":tru}': NOT_JSON, b'{"n" 1}': NOT_JSON, b'{"n":1,}': NOT_JSON, DEEP: TOO_DEEP,
       b"nul": NOT_JSON, b"7": NOT_AN_OBJECT}  # fmt: skip

#: Records with something that JSON does not allow, and what is read of them.
ODD = {b'{"n":NaN}': None, b'{"n":"\x01"}': "\x01", rb'{"n":"\q"}': r"\q", rb'{"n":"\ud800"}': "\ufffd"}

FORMS = {
    "lines": (b"", b"\n", b"\n"),
    "an array": (b"[", b",", b"]"),
    "a wrapper": (b'{"Records":[', b",", b"]}"),
    "a wrapper among others": (b'{"kind":"List","x":[1,{"y":"]"}],"Records": [', b" , ", b'],"z":{}}'),
    "an array over lines": (b"[\n  ", b",\n  ", b"\n]"),
    "a document over lines": (b'{\n "Records": [\n  ', b",\n  ", b"\n ]\n}\n"),
}


def numbers(events):
    return [event.record.get("n") for event in events]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("follow", [False, True], ids=["read", "followed"])
def test_only_the_damaged_are_lost(tmp_path, form, follow):
    """Of a document each damaged record is left out and counted, and every other one is served."""
    begin, between, end = FORMS[form]
    records = [b'{"n":1}', *BAD, b'{"n":2}', *ODD, b'{"n":3}']
    (tmp_path / "log").write_bytes(begin + between.join(records) + end)
    source = JsonSource(LOG, file_input(str(tmp_path / "log"), plugin="tester", follow=follow))
    source.open(Plan(source="app"), None)
    events = []
    for batch in source.batches():
        events += batch.events
        if len(events) >= len(ODD) + 3:
            break
    source.close()

    assert numbers(events) == [1, 2, *ODD.values(), 3]
    assert dict(source.stats().dropped) == {NOT_JSON: 5, TOO_DEEP: 1, NOT_AN_OBJECT: 1}
    assert len({event.key for event in events}) == len(events)


@pytest.mark.parametrize("form", FORMS)
def test_gzip_cut_off_within_a_document(tmp_path, read, form):
    """Of a packed document that is cut off all records before the cut are served, and the rest is counted once."""
    begin, between, end = FORMS[form]
    records = [b'{"n":%d,"x":"%s"}' % (number, b"y" * 300) for number in range(100)]
    text = begin + between.join(records) + end
    packed = gzip.compress(text, compresslevel=0)
    (tmp_path / "log.gz").write_bytes(packed[: len(packed) // 2])

    events, dropped = read(tmp_path / "log.gz")

    assert numbers(events) == list(range(len(events)))
    assert 40 < len(events) < 60
    assert dropped == {BAD_GZIP: 1}


def test_a_packed_file_that_is_completed_later(tmp_path):
    """A followed file that was read before it was complete is read on, and what was served has the same keys again."""
    packed = gzip.compress(b'{"Records":[' + b",".join(b'{"n":%d}' % n for n in range(3000)) + b"]}", compresslevel=0)
    log = tmp_path / "log.gz"
    log.write_bytes(packed[: len(packed) // 2])
    source = JsonSource(LOG, file_input(str(log), plugin="tester", follow=True, clock=ManualClock()))
    source.open(Plan(source="app"), None)
    keys, count = set(), 0
    for batch in source.batches():
        for event in batch.events:
            keys.add(event.key)
            count += 1
        if len(keys) == 3000:
            break
        if count and log.stat().st_size < len(packed):
            log.write_bytes(packed)
    source.close()

    assert count > 3000


def test_the_break_is_counted(tmp_path, read):
    """Where brackets are not paired, the records before the damage are served, and a loss is counted."""
    (tmp_path / "log").write_bytes(b'{"Records":[{"n":1},{"n":2},{"n":{"a":3},{"n":4}]}\n{"n":5}\n')

    events, dropped = read(tmp_path / "log")

    assert numbers(events) == [1, 2, 5]
    assert dropped == {NOT_JSON: 2}


def test_lines_with_breaks_hide_no_others(tmp_path, read):
    """Two damaged lines, of which one opens what the other closes, do not hide the lines between them."""
    (tmp_path / "log").write_bytes(b'{"n":1}\n{"n":"x\n{"n":2}\ny"}\n{"n":3}\n')

    events, dropped = read(tmp_path / "log")

    assert numbers(events) == [1, 2, 3]
    assert dropped == {NOT_JSON: 2}


class Given:
    """Texts that are there already."""

    limits = Limits()
    done = None

    def __init__(self, text):
        self.text = text

    def open(self, refusals, cursor):
        """There is nothing to open."""

    def texts(self):
        """Yield the text."""
        yield Texts(Origin("given", "0"), [(0, self.text)])


def served(text):
    source = JsonSource(LOG, Given(text))
    source.open(Plan(source="app"), None)
    (batch,) = source.batches()
    return [event.record for event in batch.events], source.stats().dropped


TEXTS = st.text(st.sampled_from('a"\\\\{}[],:\n\u2028é'), max_size=4)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"n": TEXTS | st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, st.integers(), max_size=2)}
    ),
    min_size=2,
    max_size=4,
)


def damaged(data, record):
    """Return the text of *record* with some of its bytes taken out, and others put in."""
    raw = json.dumps(record).encode()
    begin = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(begin, len(raw)))
    return raw[:begin] + data.draw(st.binary(max_size=6)) + raw[end:]


@settings(deadline=None, max_examples=200)
@given(RECORDS, st.data(), st.sampled_from(["lines", "an array", "a wrapper"]))
def test_any_damage_of_one_record(records, data, form):
    """Any damage of one record leaves the others, as long as its quotes and brackets stay paired, or it stays a line.

    In lines it may hold anything but a line break. In an array or below a wrapper's key, it has to be one item still:
    in brackets that are paired, or without any.
    """
    place = data.draw(st.integers(0, len(records) - 1))
    bad = damaged(data, records[place])
    others = records[:place] + records[place + 1 :]
    begin, between, end = FORMS[form]
    texts = [json.dumps(record).encode() for record in records]
    text = begin + between.join([*texts[:place], bad, *texts[place + 1 :]]) + end
    holds = b"\n" not in bad and b"\r" not in bad if form == "lines" else is_item(bad)

    found, dropped = served(text)

    if holds:
        assert [record for record in others if record in found] == others
    assert len(found) + sum(dropped.values()) >= (len(others) if holds else 0)


def is_item(text):
    """Return whether *text* within an array changes nothing of what is around it."""
    depth = least = 0
    rest = text
    while rest:
        mark, rest = rest[:1], rest[1:]
        if mark == b'"':
            while rest and rest[:1] != b'"':
                rest = rest[2:] if rest[:1] == b"\\" else rest[1:]
            if not rest:
                return False
            rest = rest[1:]
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        least = min(least, depth)
    return depth == 0 and least == 0


def test_depth_is_bounded():
    """A text of nothing but brackets is given up early; one that is too deep for the decoder is told from the next."""
    found, dropped = served(b"[" + DEEP + b',{"n":2}]')
    assert (found, dropped) == ([{"n": 2}], {TOO_DEEP: 1})

    begun = time.process_time()
    assert served(b'[{"n":1},' + b"[" * (16 << 20)) == ([{"n": 1}], {NOT_JSON: 1})
    assert time.process_time() - begun < 3


@given(st.binary(), st.booleans())
def test_any_bytes(raw, is_wrapped):
    """No bytes end the source, and the ends of values are where counting brackets by hand says."""
    text = b'{"Records":[' + raw + b"]}" if is_wrapped else b"[" + raw + b"]"
    served(text)

    assert is_paired(text) == is_item(text)
