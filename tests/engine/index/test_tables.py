"""Look-ups by value: everything that was filed under what fits, and nothing else."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.index import tables
from falcohost.engine.index.tables import table
from falcohost.engine.index.terms import Form, Kind

texts = st.text(st.sampled_from("ab/\0é\udc80𝄞"), max_size=6)
FITS = {
    Kind.EQUAL: lambda value, text: value == text,
    Kind.PREFIX: lambda value, text: value.startswith(text),
    Kind.SUFFIX: lambda value, text: value.endswith(text),
    Kind.SUBSTRING: lambda value, text: text in value,
}


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("few", [0, 1000])
@given(st.sets(texts.filter(bool), max_size=30), st.lists(texts, max_size=5))
def test_everything_that_fits_is_found(kind, few, filed, values):
    """A value finds what fits it, several values what fits any, whether texts are sought one by one or all at once."""
    bits = {text: 1 << number for number, text in enumerate(sorted(filed))}
    expected = [sum(bit for text, bit in bits.items() if FITS[kind](value, text)) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FEW", few)
        single = table(kind, Form.PLAIN, False, bits, 0, operator.or_)
        several = table(kind, Form.PLAIN, True, bits, 0, operator.or_)

    assert expected == [single(value) for value in values]
    assert tables.reduce(operator.or_, expected, 0) == several((*values, None))


def test_a_value_full_of_hits_costs_no_more_than_its_length():
    """An attacker's value that contains what is sought thousands of times finds it once."""
    filed = {"a" * length: (length,) for length in range(1, 21)}
    find = table(Kind.SUBSTRING, Form.PLAIN, False, filed, (), operator.add)

    assert tuple(range(1, 21)) == tuple(sorted(find("a" * 100_000)))
