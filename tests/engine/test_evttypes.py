"""Event types that a condition can match (filter grammar reference, §10)."""

import pytest
from world import TYPES, compiled

from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Exists, FieldRef, Not
from falcohost.fields import Field, FieldType

OTHERS = TYPES - {"open", "close"}


@pytest.mark.parametrize(
    ("condition", "types"),
    [
        ("evt.type = open", {"open"}),
        ("evt.type == open", {"open"}),
        ("evt.type in (open, close)", {"open", "close"}),
        ("evt.type in ()", set()),
        ("evt.type != open", TYPES - {"open"}),
        ("not evt.type = open", TYPES - {"open"}),
        ("not evt.type != open", {"open"}),
        ("not not evt.type = open", {"open"}),
        ("not evt.type in (open, close)", OTHERS),
        ("evt.type exists", None),
        ("not evt.type exists", set()),
        ("evt.type startswith open", None),
        ("evt.type = anyof (open)", None),
        ("evt.type = val(s.text)", None),
        ("tolower(evt.type) = open", None),
        ("s.text = a", None),
        ("not s.text = a", None),
        ("evt.type = open and s.text = a", {"open"}),
        ("evt.type = open or s.text = a", None),
        ("evt.type = open or evt.type = close", {"open", "close"}),
        ("evt.type = open and evt.type = close", set()),
        ("not (evt.type = open and s.text = a)", None),
        ("not (evt.type = open or s.text = a)", TYPES - {"open"}),
        ("not (evt.type in (open, close) or evt.type = clone)", OTHERS - {"clone"}),
        ("evt.type != open and evt.type in (open, close)", {"close"}),
        ("(evt.type = open or evt.type = close) and not evt.type = close", {"open"}),
        ("evt.type = open and evt.num = 0", set()),
        ("evt.num < 1", set()),
        ("evt.num <= 0", set()),
        ("evt.num in (0)", set()),
        ("evt.num in (0, 1)", None),
        ("evt.num > 0", None),
        ("not evt.num > 0", set()),
        ("not evt.num = 0 and evt.type = open", {"open"}),
        ("evt.num = 5", None),
        ("evt.num < 2", None),
    ],
)
def test_event_types(condition, types):
    """Checks of evt.type with ``=``, ``!=`` and ``in`` restrict, negated ones too; everything else admits all types."""
    assert types == event_types(compiled(condition), TYPES)


def test_a_field_may_tell_the_type():
    """A source's own field restricts as evt.type does if its row says so, but for whether it is there."""
    told, other = (
        FieldRef(Field(name="s.type", type=FieldType.CHARBUF, description="", tells_type=tells), None, "s.type")
        for tells in (True, False)
    )
    check = Check(told, "in", ("open", "close"))

    assert {"open", "close"} == event_types(check, TYPES)
    assert OTHERS == event_types(Not(check), TYPES)
    assert {"open"} == event_types(And((check, Check(told, "!=", "close"))), TYPES)
    assert None is event_types(Exists(told), TYPES)
    assert None is event_types(Check(other, "=", "open"), TYPES)


def test_without_a_universe_a_complement_is_any():
    """All but these cannot be listed where nobody says what there is; an intersection with a list can."""
    assert event_types(compiled("evt.type != open")) is None
    assert {"close"} == event_types(compiled("evt.type != open and evt.type in (open, close)"))
