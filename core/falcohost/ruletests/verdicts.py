"""What a test found: the rules that fired on its events, and in what that differs from what it expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from falcohost.ruletests.cases import Case


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected.

    :ivar said: what.
    :ivar rule: the rule that it is about; empty: none.
    :ivar fired: the rule fired, and should not have.
    :ivar event: the number of the event, from 0; None: it is about all of them.
    :ivar where: file, line and column of what is expected, or of the test.
    """

    said: str
    rule: str = ""
    fired: bool = False
    event: int | None = None
    where: str = ""


@dataclass(slots=True)
class Verdict:
    """The result of one test.

    :ivar fired: for each event, the rules that fired.
    :ivar killed: the faults that the test notices, as pairs of a rule and a number.
    :ivar skipped: why the test was not run; empty: it was.
    """

    name: str
    file: str
    differences: list[Difference] = field(default_factory=list)
    fired: list[list[str]] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""
    killed: set[tuple[str, int]] = field(default_factory=set)

    @property
    def passed(self) -> bool:
        """Return whether everything was as expected."""
        return not self.differences


def differences(case: Case, fired: Sequence[Set[str]]) -> Iterator[Difference]:
    """Yield in what the rules that *fired* on each event differ from what *case* expects."""
    groups: list[tuple[int | None, Set[str]]] = [(None, frozenset[str]().union(*fired))]
    if case.each:
        groups = list(enumerate(fired))
    wanted = {one.rule: one for one in case.expected}
    for event, names in groups:
        which = "" if event is None else f" on event {event + 1}"
        for name, one in wanted.items():
            if name not in names:
                yield Difference(f"'{name}' does not fire{which}", name, False, event, at(one.spot))
        unwanted = [name for name in case.never if name in names]
        if not case.others:
            unwanted += sorted(names - wanted.keys() - set(unwanted))
        for name in unwanted:
            yield Difference(f"'{name}' fires{which}", name, True, event, at(case.spot))


def notices(case: Case, fired: Sequence[Set[str]], rule: str, changed: Mapping[int, bool]) -> bool:
    """Return whether *case* fails if *rule* fires as *changed* says on some events."""
    faulty = list(fired)
    for event, fires in changed.items():
        faulty[event] = faulty[event] | {rule} if fires else faulty[event] - {rule}
    return next(differences(case, faulty), None) is not None


def at(spot: object) -> str:
    """Return *spot* as ``file:line:column``."""
    from falcohost.rules.results import Spot

    assert isinstance(spot, Spot)
    return f"{spot.file.name}:{spot.place.line + 1}:{spot.place.column + 1}"
