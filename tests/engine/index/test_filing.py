"""Under which of its witnesses a rule is filed: rare ones, as long as enough rules share the look-up."""

from world import compiled

from falcohost.engine.index.filing import INLINE
from falcohost.engine.index.tree import make_index


def filed(*conditions):
    """Return what each of *conditions* is filed under, when they are filed together."""
    index = make_index({number: compiled(text) for number, text in enumerate(conditions)}, INLINE)
    return [str(found) for found in index.chosen.values()]


def test_one_rule_is_not_worth_a_look_up():
    """Asking one rule costs less than reading a text for the index and looking it up."""
    assert ["None"] == filed("s.text = abc and s.other = abc")


def test_many_rules_share_a_look_up():
    """Rules that are told apart by one field are filed under it; what they all have in common tells nothing."""
    texts = [f"b.flag = true and s.other = file and s.text = /some/path-{number}" for number in range(100)]

    assert [f"s.text = /some/path-{number}" for number in range(100)] == filed(*texts)


def test_a_look_up_for_one_of_many_rules_is_given_up():
    """A rule that alone would be found by another field is filed with the others, even where that is less rare."""
    texts = [f"s.text = path-{number}" for number in range(100)]
    alone = "s.text in (ab, path-1) and s.other startswith /a/very/long/path/that/is/rare"

    assert "s.text in (ab, path-1)" == filed(*texts, alone)[-1]


def test_a_check_that_many_rules_have_is_asked_once_for_all():
    """Where nothing can be looked up, rules wait for a test that they have in common."""
    texts = [f"n.int64 > 5 and s.text != name-{number}" for number in range(50)]
    index = make_index({number: compiled(text) for number, text in enumerate(texts)}, 0.7)

    assert [tuple(range(50))] == [test.numbers for test in index.tests]
    assert () == index.always


def test_rules_without_a_witness_are_always_asked():
    """A rule that only says what must not be stays with the index's own; one that never matches is nowhere."""
    index = make_index({3: compiled("not s.text = a"), 5: compiled("s.text in ()")}, INLINE)

    assert ((3,), 0, {}) == (index.always, len(index.tests), dict(index.drawers))
