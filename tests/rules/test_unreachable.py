"""Rules that can never fire are told at load: their events never come, or they need a field that none has."""

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.typecheck import check
from falcohost.fields import Field, FieldType
from falcohost.lang.parser import parse
from falcohost.rules.unreachable import never_fires

FIELDS = (
    Field(name="evt.type", type=FieldType.CHARBUF, description="Type.", get=lambda event, arg: None),
    Field(name="proc.name", type=FieldType.CHARBUF, description="Name.", get=lambda event, arg: None),
    Field(name="x.gone", type=FieldType.CHARBUF, description="Gone.", get=lambda event, arg: None, absent=True),
    Field(name="x.lost", type=FieldType.UINT64, description="Lost.", get=lambda event, arg: None, absent=True),
)
PRODUCED = frozenset({"open", "close"})


def why(condition, types=None):
    """Return why a rule with this condition can never fire."""
    return never_fires(check(parse(condition), Catalog("syscall", FIELDS)).expr, types, PRODUCED)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("proc.name = a and x.gone = b", "x.gone is absent in every event"),
        ("x.gone exists and not x.lost > 1", "x.gone and x.lost are absent in every event"),
        ("x.gone != b", "x.gone is absent in every event"),
        ("(x.gone = a or x.lost = 1) and proc.name = b", "x.gone and x.lost are absent in every event"),
        ("not x.gone = b", ""),
        ("x.gone = a or proc.name = b", ""),
        ("proc.name = a", ""),
    ],
)
def test_absent_fields(condition, expected):
    """A check of an absent field never holds; its negation always does."""
    assert expected == why(condition)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"switch"}, "no event has the type switch"),
        ({"switch", "drop", "x"}, "no event has the type drop, switch or x"),
        ({"switch", "open"}, ""),
        (None, ""),
    ],
)
def test_types_that_never_come(types, expected):
    """A rule for types of which none comes can never fire; one for several needs only one that does."""
    assert expected == why("proc.name = a", None if types is None else frozenset(types))
