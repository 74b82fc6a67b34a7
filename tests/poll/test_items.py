"""Answers that are arrays: cut into items, whatever is in one of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog import Refused
from falcohost.poll import array_items, texts_of

DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], b"[]"),
        ([], b" [ ] "),
        ([b'{"a": [1, 2]}', b"2"], b'[{"a": [1, 2]} , 2]'),
        ([b'{"a":"],["}', DEEP, b'"b\\"]"'], b'[{"a":"],["},' + DEEP + b', "b\\"]"]'),
        ([b'{"a":"\\ud800"}', b"1"], b'[{"a":"\\ud800"},1]'),
        ([b'{"a":\x01}', b"nonsense", b"1"], b'[{"a":\x01},nonsense,1]'),
        ([b'"\xff"', b"1"], b'["\xff",1]'),
    ],
    ids=range(7),
)
def test_items(items, text):
    """Each item is there as it was sent, also beside one that is no JSON."""
    assert items == array_items(text)


@pytest.mark.parametrize(
    "text", [b"", b"[", b"{}", b"1", b"[1", b"[[1]", b'["a]', b"[1]]", b"[1][2]", b"[" * 10_000, b"[}1]", b"<html>"]
)
def test_no_array(text):
    """Anything but an array is refused."""
    with pytest.raises(Refused):
        array_items(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.lists(VALUES), st.sampled_from([None, 1]))
def test_any_array(values, indent):
    """An array is cut as JSON says, also if one of its items is not JSON."""
    text = json.dumps(values, indent=indent).encode()
    odd = b"[\x01," + text.strip()[1:] if values else b"[\x01]"

    assert values == [json.loads(item) for item in array_items(text)]
    assert [b"\x01", *values] == [item if item == b"\x01" else json.loads(item) for item in array_items(odd)]


def test_texts():
    """Items stand together, but for large ones, and none is lost."""
    items = [b"%d" % number for number in range(9)] + [b'"%s"' % (b"x" * 200_000)] + [b"1"]

    assert [9, 1, 1] == [text.count(b"\n") + 1 for text in texts_of(items)]
    assert items == b"\n".join(texts_of(items)).split(b"\n")
    assert [] == texts_of([])
