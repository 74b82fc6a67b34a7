"""Parameters that rules may name: all of Falco's, also those that the probe does not send."""

import pytest

from falcohost.engine.catalog import Catalog, FieldArgumentError, TypeCheckError
from falcohost.engine.typecheck import check
from falcohost.fields import FieldType
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.parameters.types import PARAMETERS

CATALOG = Catalog("syscall", FIELDS)


def test_what_the_probe_sends_is_among_them():
    """Every parameter of the probe's own table has Falco's name."""
    assert {param.name for row in CALLS for param in row.params} <= PARAMETERS


@pytest.mark.parametrize("name", ["evt.arg.dqi_flags", "evt.arg.container_id", "evt.rawarg.vm_size", "evt.rawarg.addr"])
def test_all_can_be_named(name):
    """A rule loads that names a parameter which no event of ours carries."""
    check(parse(f"{name} exists"), CATALOG)


@pytest.mark.parametrize(
    ("name", "kind"), [("flags", FieldType.INT64), ("name", FieldType.CHARBUF), ("trusted_exepath", FieldType.CHARBUF)]
)
def test_raw_values_have_the_type_of_their_parameter(name, kind):
    """``evt.rawarg`` is a number for most parameters and text for some, with the operators of each."""
    assert kind is CATALOG.resolve(f"evt.rawarg.{name}").field.type
    check(parse(f"evt.rawarg.{name} {'contains x' if kind is FieldType.CHARBUF else '> 3'}"), CATALOG)


@pytest.mark.parametrize("condition", ["evt.rawarg.addr = x", "evt.rawarg.args contains x", "evt.rawarg.ID in (3)"])
def test_what_falco_does_not_compare(condition):
    """Raw values of addresses, buffers and the like are not compared with constants."""
    with pytest.raises(TypeCheckError):
        check(parse(condition), CATALOG)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("evt.arg.nothing = x", "unknown event argument nothing"),
        ("evt.arg[fd] = x", "fd is not a valid number"),
        ("evt.rawarg[fd] = 1", "evt.arg fields must be expressed explicitly"),
        ("evt.type.is[open] = 1", "filter syntax error: evt.type.is[open]"),
        ("thread.cgroup[cpu] = x", "filter syntax error: thread.cgroup[cpu]"),
    ],
)
def test_what_is_refused(condition, message):
    """Unknown names are refused, and names in brackets where Falco wants a dot; in Falco's words."""
    with pytest.raises(FieldArgumentError) as caught:
        check(parse(condition), CATALOG)

    assert message == caught.value.message
