"""The second index, for rules that the first one finds often or many at once."""

from world import Happening, compiled

from falcohost.engine.index.direct import DirectSearch
from falcohost.engine.index.filing import INLINE
from falcohost.engine.index.tree import TOGETHER, make_index, refined


def second(*conditions):
    """Return what the second index files each of *conditions* under, by number; None if there is no second index."""
    given = {number: compiled(text) for number, text in enumerate(conditions)}
    index = refined(make_index(given, INLINE), given)
    return None if index is None else {number: str(found) for number, found in index.chosen.items()}


#: A value that the first index prefers, since it is long.
PODS = "the-longest-of-all-the-names-here"

#: Rules that other values find.
OTHERS = [f"s.text = other-{number} and s.other = x{number}" for number in range(30)]


def test_many_rules_of_one_value_are_told_apart():
    """Rules that one value finds together have a second witness, as rules on pods of one cluster have their verbs."""
    pods = [f"s.text = {PODS} and s.path = v{number}" for number in range(TOGETHER)]

    assert {n: f"s.path = v{n}" for n in range(TOGETHER)} == second(*pods, *OTHERS)


def test_few_rules_of_one_value_are_not():
    """Looking up another value costs more than it saves where the first one finds few rules."""
    pods = [f"s.text = {PODS} and s.path = v{number}" for number in range(TOGETHER - 1)]

    assert None is second(*pods, *OTHERS)


def test_what_nearly_all_rules_ask_for_is_no_second_witness():
    """What is rare is estimated from all rules, also where only some of them are told apart."""
    stage = "s.other = a-stage-with-a-name"
    pods = [f"s.text = {PODS} and s.path = v{number} and {stage}" for number in range(TOGETHER)]
    others = [f"s.text = other-{number} and {stage}" for number in range(30)]

    assert {n: f"s.path = v{n}" for n in range(TOGETHER)} == second(*pods, *others)


def test_rules_that_are_found_together_share_a_bit():
    """Rules with the same witnesses are found by one bit, and each still decides for itself; others have their own."""
    together = [f"s.text = {PODS} and not n.port = {number}" for number in range(40)]
    conditions = {number: compiled(text) for number, text in enumerate((*together, *OTHERS))}
    search = DirectSearch(conditions, [(number,) for number in conditions], frozenset())
    event = Happening({"s.text": PODS, "n.port": 7})

    assert list(range(40)) == search.candidates(event)
    assert tuple(number for number in range(40) if number != 7) == search.search(event)
    assert (41,) == search.search(Happening({"s.text": "other-1", "s.other": "x1"}))
