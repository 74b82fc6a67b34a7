"""Distinct values: all are listed up to a limit; in a sample, places with few values are safe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.ir import FieldRef
from falcohost.fields import Field, FieldType
from falcohost.pipeline import distinct
from falcohost.pipeline.distinct import MOST_CHARACTERS, MOST_VALUES, Distinct


def fields(*names):
    """Return fields with these names."""
    return [
        FieldRef(Field(name=name, type=FieldType.CHARBUF, description=name, get=lambda event, arg: None), None, name)
        for name in names
    ]


def sampled(names):
    """Return a sample of *names*."""
    found = Distinct(fields("file"), sampling=True)
    for name in names:
        found.add((name,))
    return found


@pytest.mark.parametrize(
    "decoy", ["/tmp/{}", "/tmp/{}/id_rsa", "/tmp/a/b/c/d/{}", "/home/me/{}", "/home/me/.ssh/{}", "/home/me/{}/{}"]
)
def test_nobody_pushes_out_what_is_elsewhere(decoy):
    """A key in a folder of somebody else stays, whatever is made below one's own, before it and after it."""
    keys = ["/home/victim/.ssh/id_rsa", "/root/.ssh/id_rsa", "/etc/shadow"]
    names = [decoy.format(number, number) for number in range(20_000)]
    names[10_000:10_000] = keys
    found = sampled(names)

    listed = found.listed()["file"]
    assert MOST_VALUES == len(listed)
    assert 20_003 - MOST_VALUES == found.left_out
    assert set(keys) <= set(listed)


@given(st.lists(st.text() | st.integers() | st.none() | st.lists(st.integers()), max_size=60))
def test_a_sample(values):
    """A sample has as many values as there is room for, each of which was there; the others are counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "MOST_VALUES", 10)
        found = Distinct(fields("a"), sampling=True)
        for value in values:
            found.add((value,))
        listed = found.listed().get("a", [])

    assert len(listed) == len(set(map(repr, listed))) <= 10
    assert len(set(map(repr, map(distinct._key, values)))) - found.left_out <= max(len(listed), 1)


def test_a_list_is_full():
    """So many values of one field, or so many characters of all, are to be told."""
    found = Distinct(fields("a", "b"))
    for number in range(MOST_VALUES):
        assert not found.full
        found.add((number, 1))
    assert found.full

    found = Distinct(fields("a"))
    for number in range(MOST_CHARACTERS // 500):
        found.add((f"{number}{'x' * 600}",))
    assert found.full
