"""The printer: what it writes is read as the same tree."""

from hypothesis import given
from hypothesis import strategies as st

from falcohost.lang.parser import parse
from falcohost.lang.printer import to_text
from falcohost.lang.tree import AndNode, CheckNode, FieldNode, IdentifierNode, ListNode, NotNode, OrNode, ValueNode

# Brackets and commas are not quoted, and a backslash cannot stand last in quotes; both as in Falco.
values = st.builds(ValueNode, st.text(st.sampled_from("abc09 ='\"\n\t-./*é"), min_size=1, max_size=8))
names = st.sampled_from(["a", "b1", "or_", "not_x"])
fields = st.builds(
    FieldNode, st.sampled_from(["proc.name", "fd.num"]), st.none() | st.sampled_from(["1", "a b", "x'y"])
)
texts = st.builds(CheckNode, fields, st.sampled_from(["=", "contains", "!="]), values)
members = st.builds(CheckNode, fields, st.just("in"), st.lists(values, max_size=3).map(lambda x: ListNode(tuple(x))))
leaves = st.builds(IdentifierNode, names) | st.builds(CheckNode, fields, st.just("exists")) | texts | members


def _chains(items):
    several = st.lists(items, min_size=2, max_size=3).map(tuple)
    once = items.filter(lambda item: not isinstance(item, NotNode))
    return st.builds(AndNode, several) | st.builds(OrNode, several) | st.builds(NotNode, once)


@given(st.recursive(leaves, _chains, max_leaves=8))
def test_round_trip(node):
    """The canonical form of a tree is parsed as that tree, and has that form again."""
    text = to_text(node)

    assert text == to_text(parse(text))
