"""Records in one array: the place and the text of each, whatever stands around and between them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog.split import Cutter

RECORDS = st.lists(st.dictionaries(st.sampled_from("ab"), st.integers() | st.text(max_size=3), max_size=2), max_size=5)
BETWEEN = st.sampled_from([b",", b", ", b",\n", b" ,"])


def cut(text, offset=0):
    """Return offset and text of each record of *text*."""
    return [(piece.offset, piece.raw) for piece in Cutter(("Records",)).cut(text, offset, lambda cause, at: None)]


@given(RECORDS, BETWEEN, BETWEEN, st.sampled_from([b'{"Records":[', b' {"a":[1,{}],"Records": [', b'{"Records":[\n']))
def test_places(records, first, other, before):
    """Each record is where its offset says, also where the distances between them differ."""
    raws = [msgspec.json.encode(record) for record in records]
    text, places = before, []
    for number, raw in enumerate(raws):
        text += (b"" if number == 0 else first if number == 1 else other) + raw
        places.append((7 + len(text) - len(raw), raw))

    found = cut(text + b'],"rest":{}}', 7)

    assert [raw for _, raw in places] == [raw for _, raw in found]
    if records[:1] != [{}]:  # which stands before the records, too
        assert places == found


@pytest.mark.parametrize("between", [b",", b",  "])
def test_same_records(between):
    """Records with the same text have different places, also if one of them contains the text of another."""
    inner = b'{"a":1}'
    raws = [inner, b'{"b":' + inner + b"}", inner, inner]

    found = cut(b'{"Records":[' + between.join(raws) + b"]}")

    assert raws == [raw for _, raw in found]
    assert len(raws) == len({place for place, _ in found})


def test_part_of_the_pieces():
    """A part of the records can be had, and one from the end."""
    pieces = Cutter(("Records",)).cut(b'{"Records":[{"a":1},{"a":2},{"a":3}]}', 0, lambda cause, at: None)

    assert [b'{"a":2}', b'{"a":3}'] == [piece.raw for piece in pieces[1:]]
    assert b'{"a":3}' == pieces[-1].raw


def test_several_documents():
    """Documents one after the other are all split."""
    text = b'{"Records":[{"a":1},{"a":2}]}\n{"Records":[{"a":3}]}\n'

    assert [b'{"a":1}', b'{"a":2}', b'{"a":3}'] == [raw for _, raw in cut(text)]
