"""Ordered binary decision diagrams of conditions: two functions are equal if and only if their nodes are the same.

Bryant, "Graph-Based Algorithms for Boolean Function Manipulation", 1986. Values that no literal tells apart share one
variable, so that a list of thousands of items is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from falcohost.rules.difference.literals import Formula, Joined, Negated, OneOf, literals

#: Most nodes, and most variables, which limit the time and the depth of recursion.
MOST_NODES = 20_000
MOST_VARIABLES = 500

FALSE, TRUE = 0, 1


class TooLarge(Exception):
    """The functions need more nodes or variables than are allowed."""


class Diagram:
    """Functions of the literals of *formulas*.

    :raises TooLarge: there are too many literals.
    """

    def __init__(self, formulas: Iterable[Formula]) -> None:
        self._variables = _variables(formulas)
        self._nodes: list[tuple[int, int, int]] = [(-1, 0, 0), (-1, 1, 1)]
        self._made: dict[tuple[int, int, int], int] = {}
        self._chosen: dict[tuple[int, int, int], int] = {}

    def of(self, found: Formula) -> int:
        """Return the node of *found*.

        :raises TooLarge: it has too many nodes.
        """
        if isinstance(found, Negated):
            return self.negated(self.of(found.item))
        if isinstance(found, Joined):
            node = TRUE if found.all else FALSE
            for item in found.items:
                other = self.of(item)
                node = self._choice(node, other, FALSE) if found.all else self._choice(node, TRUE, other)
            return node
        node = FALSE
        for variable in sorted(self._variables[found], reverse=True):
            node = self._node(variable, TRUE, node)
        return node

    def negated(self, node: int) -> int:
        """Return the opposite of *node*."""
        return self._choice(node, FALSE, TRUE)

    def implies(self, node: int, other: int) -> bool:
        """Return whether *other* is true whenever *node* is."""
        return self._choice(node, other, TRUE) == TRUE

    def _node(self, variable: int, high: int, low: int) -> int:
        if high == low:
            return high
        key = variable, high, low
        if key not in self._made:
            if len(self._nodes) >= MOST_NODES:
                raise TooLarge
            self._nodes.append(key)
            self._made[key] = len(self._nodes) - 1
        return self._made[key]

    def _choice(self, node: int, high: int, low: int) -> int:
        """Return the function that is *high* where *node* is true, and else *low*."""
        if node == TRUE or high == low:
            return high
        if node == FALSE:
            return low
        if high == TRUE and low == FALSE:
            return node
        key = node, high, low
        if key not in self._chosen:
            variable = min(self._nodes[one][0] for one in key if one > TRUE)
            then = self._choice(*(self._branch(one, variable, 1) for one in key))
            other = self._choice(*(self._branch(one, variable, 2) for one in key))
            self._chosen[key] = self._node(variable, then, other)
        return self._chosen[key]

    def _branch(self, node: int, variable: int, which: int) -> int:
        return self._nodes[node][which] if node > TRUE and self._nodes[node][0] == variable else node


def _variables(formulas: Iterable[Formula]) -> Mapping[OneOf, frozenset[int]]:
    """Return by literal the variables of which it is an ``or``: one for the values that are in the same literals."""
    found = dict.fromkeys(one for whole in formulas for _, one in literals(whole))
    within: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(found):
        for value in one.values:
            within.setdefault((one.what, value), []).append(number)
    numbers: dict[tuple[str, tuple[int, ...]], int] = {}
    of: dict[OneOf, set[int]] = {one: set() for one in found}
    ordered = list(found)
    for (what, _), members in within.items():
        variable = numbers.setdefault((what, tuple(members)), len(numbers))
        for member in members:
            of[ordered[member]].add(variable)
    if len(numbers) > MOST_VARIABLES:
        raise TooLarge
    return {one: frozenset(variables) for one, variables in of.items()}
