"""Candidates: copies of the values that a rule reads from an event, so that the rule can be decided later.

A candidate never reads again from the event, or from the process that it is about. Only pending rows of lookups are
requested again, by keys that were copied too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from falcohost.engine.code.module import Condition, compile_condition, compile_values
from falcohost.engine.condition_values import ConditionValues
from falcohost.engine.ir import And, FieldRef, fields
from falcohost.engine.known import known
from falcohost.engine.lookup_fields import LookupField
from falcohost.engine.paths import Getter
from falcohost.engine.ruleset import Rule
from falcohost.engine.substitution import in_condition, in_template
from falcohost.engine.unknown import certain, possible, reads_lookup
from falcohost.events import Event, actor_of, complete, own_time_of, resources_of, subject_of
from falcohost.fields import Field
from falcohost.lookups import GIVEN_UP, PENDING, Key


class Question(NamedTuple):
    """A value that waits for its row. *told*: the output contains it."""

    place: int
    ref: FieldRef
    field: LookupField
    key: Key
    told: bool


class Frozen:
    """The event of a candidate: the attributes of an event, and the *values* that the rule reads.

    :ivar questions: the values that are not known yet.
    :ivar missing: fields whose values did not arrive in time, as written in the rule.
    :ivar read: the values that the condition read (:attr:`falcohost.alert.Alert.read`), if it is decided already.
    """

    __slots__ = (
        "actor",
        "key",
        "missing",
        "num",
        "own_time",
        "questions",
        "read",
        "resources",
        "subject",
        "ts",
        "type",
        "values",
    )

    def __init__(self, event: Event, values: list[Any], questions: list[Question], read: bytes = b"") -> None:
        self.type = event.type
        self.ts = event.ts
        self.num = event.num
        self.key = event.key
        self.own_time = own_time_of(event)
        self.actor = actor_of(event)
        self.subject = subject_of(event)
        self.resources = resources_of(event)
        self.values = values
        self.questions = questions
        self.missing: tuple[str, ...] = ()
        self.read = read

    def ask(self) -> None:
        """Fill in the values of rows that have arrived."""
        if self.questions:
            self.questions = [question for question in self.questions if not self._answered(question)]

    def give_up(self) -> None:
        """Treat the missing values as absent."""
        for question in self.questions:
            self._miss(question)
        self.questions = []

    def _miss(self, question: Question) -> None:
        self.values[question.place] = None
        question.field.finder.miss()
        self.missing += (question.ref.text,)

    def _answered(self, question: Question) -> bool:
        value = question.field.asked(question.key, question.ref.arg)
        if value is GIVEN_UP:
            self._miss(question)
            return True
        self.values[question.place] = value
        return value is not PENDING


@dataclass(frozen=True, slots=True)
class PossibleMatch:
    """A rule that may match, and the copied event."""

    freezer: Freezer
    event: Frozen

    @property
    def rule(self) -> Rule:
        """Return the rule, changed to read the copies."""
        return self.freezer.rule

    def decided(self) -> bool | None:
        """Return whether the rule matches; None while that, or a value in its output, is not known yet."""
        self.event.ask()
        answer = self.freezer.answer(self.event)
        return None if answer and any(question.told for question in self.event.questions) else answer


class Freezer:
    """Makes the candidates of *rule*.

    :ivar rule: the same rule, changed to read the copies; its condition is true if *rule* has been decided.
    """

    def __init__(self, rule: Rule) -> None:
        self._decided = rule
        self._condition_values: ConditionValues | None = None
        shown = {ref: known(ref) for ref in rule.output.fields}
        rule = replace(rule, output=in_template(rule.output, shown))
        told = frozenset(rule.output.fields)
        self._is_open = reads_lookup(rule.condition)
        self._asked = tuple(dict.fromkeys(fields(rule.condition))) if self._is_open else ()
        refs = tuple(dict.fromkeys((*self._asked, *rule.output.fields)))
        self._readers: list[Callable[[Any], Any]] = compile_values(refs)
        copies = {ref: replace(ref, field=self._copied(ref, place)) for place, ref in enumerate(refs)}
        self._questions = [
            (place, ref, ref.field, ref in told) for place, ref in enumerate(refs) if isinstance(ref.field, LookupField)
        ]
        self.rule = replace(
            rule,
            condition=in_condition(rule.condition, copies) if self._is_open else And(()),
            output=in_template(rule.output, copies),
        )

    @property
    def _values(self) -> ConditionValues:
        """Keeps the values of conditions; made for the first event that needs it."""
        if self._condition_values is None:
            self._condition_values = ConditionValues(self._decided)
        return self._condition_values

    def freeze(self, event: Event) -> PossibleMatch:
        """Return the candidate of *event*."""
        complete(event)
        values = [read(event) for read in self._readers]
        questions = []
        for place, ref, field, told in self._questions:
            if values[place] is PENDING and (key := field.key_of(event)) is not None:
                questions.append(Question(place, ref, field, key, told))
        read = b"" if self._is_open else self._values.of(event)
        return PossibleMatch(self, Frozen(event, values, questions, read))

    def unknown(self, event: Frozen) -> tuple[str, ...]:
        """Return the condition's fields whose values are not known, as the rule writes them."""
        found = (ref.text for place, ref in enumerate(self._asked) if event.values[place] is PENDING)
        asked = {ref.text for ref in self._asked}
        return tuple(dict.fromkeys((*found, *(name for name in event.missing if name in asked))))

    def answer(self, event: Frozen) -> bool | None:
        """Return whether the condition is true; None if that depends on values that are not known yet."""
        if not self._is_open or self._certain(event):
            return True
        return None if self._possible(event) else False

    @functools.cached_property
    def _certain(self) -> Condition:
        return compile_condition(certain(self.rule.condition))

    @functools.cached_property
    def _possible(self) -> Condition:
        return compile_condition(possible(self.rule.condition))

    def _copied(self, ref: FieldRef, place: int) -> Field:
        """Return the field of *ref* changed to read the copy; differing values for outputs and JSON are copied too."""
        field = ref.field
        json = None if field.json is None else self._also(field.json, ref)
        shown = None if field.shown is None or ref.arg is not None else self._also(field.shown, ref)
        return replace(field, get=_reader(place), path=None, json=json, shown=shown)

    def _also(self, get: Getter, ref: FieldRef) -> Getter:
        self._readers.append(lambda event: get(event, ref.arg))
        return _reader(len(self._readers) - 1)


def _reader(place: int) -> Getter:
    return lambda event, arg: event.values[place]
