"""Records in one array: the place and the text of each, whatever stands around and between them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog.split import Cutter, Wrapped
from falcohost.web.body import problem

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


WRAPPED = Wrapped(("items", "Records"))
DOCUMENTS = st.one_of(
    st.dictionaries(
        st.sampled_from(["items", "Records", "a"]),
        st.lists(st.dictionaries(st.sampled_from("ab"), st.text(max_size=400), max_size=2), max_size=4) | st.integers(),
        max_size=3,
    ).map(msgspec.json.encode),
    st.sampled_from(
        [b"[]", b"{}", b'{"items":[{}]} {}', b'{"items":[', b'{"items":[1,2]}', b"x", b"", b'{"items":null}']
    ),
)


@given(DOCUMENTS, BETWEEN)
def test_records_that_were_found_before_are_those_that_are_cut(text, between):
    """What is found while a document is checked does not change how it is split, and is found in JSON alone."""
    text = text.replace(b"},{", b"}" + between + b"{")
    cutter, refused = Cutter(("items", "Records")), []
    raws = WRAPPED.records(text)

    found = cutter.cut(text, 3, lambda *what: refused.append(what), raws=raws)

    assert [*cutter.cut(text, 3, lambda *what: None)] == [*found]
    assert raws is None or not refused
    assert raws is None or problem(text) is None


def test_few_small_records_are_known_of_a_document():
    """Where many small values are, they are not kept, and a large document is not looked through: it takes memory."""
    large = b"x" * Wrapped.LEAST
    many = msgspec.json.encode({"items": [0] * 1000})

    assert 1 == len(WRAPPED.records(msgspec.json.encode({"items": [{"a": large.decode()}]})))
    assert [] == WRAPPED.records(many)
    assert WRAPPED.records(many + b" " * Wrapped.LARGEST) is None
