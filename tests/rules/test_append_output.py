"""Tests the configured additions to outputs."""

from falcohost.engine.catalog import Catalog
from falcohost.engine.codec.decode import ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.loader import LoadOptions, load_rules
from falcohost.rules.places import RulesFile


def _output(load, text, *extras):
    outcome = load(text, append_output=extras)
    assert outcome.ok, outcome.results[0].errors
    return outcome.ruleset.rules[0].output


def test_extra_output(load, rule):
    """A text is appended with a blank."""
    assert "out (%proc.name)" == _output(load, rule(), AppendOutput(extra_output="(%proc.name)")).text


def test_suggested_fields(load, rule):
    """Fields that plugins suggest are appended with their names."""
    assert "out container_id=%container.id" == _output(load, rule(), AppendOutput(suggested=True)).text


def test_only_matching_rules(load, rule):
    """Source, name and all tags have to match."""
    text = rule("evt.type=open", "tags: [a, b]")
    extras = (
        AppendOutput(source="okta", extra_output="1"),
        AppendOutput(rule="other", extra_output="2"),
        AppendOutput(tags=("a", "c"), extra_output="3"),
        AppendOutput(source="syscall", rule="r", tags=("b",), extra_output="4"),
    )

    assert "out 4" == _output(load, text, *extras).text


def test_extra_fields(load, rule):
    """Fields for JSON alone are one field each, or a text that is made of several."""
    extra = AppendOutput(extra_fields=(("proc.name", None), ("who", "%proc.name of %proc.pname")))
    output = _output(load, rule(), extra)

    assert "out" == output.text
    assert {"proc.name": "cat", "who": "cat of sh"} == output.values({"proc.name": "cat", "proc.pname": "sh"})


def test_an_extra_field_without_its_argument(rule):
    """A field that needs an argument has no value without one, and is no error, also out of the rules cache."""
    param = Field(
        name="ka.uri.param",
        type=FieldType.CHARBUF,
        description="A parameter.",
        get=lambda event, arg: event[arg],
        arg=ArgKind.KEY,
        arg_required=True,
    )
    catalogs = {"syscall": Catalog("syscall", (*GENERIC_FIELDS, param))}
    options = LoadOptions(append_output=[AppendOutput(extra_fields=(("ka.uri.param", None),))])
    rules = load_rules([RulesFile("rules.yaml", rule("evt.num > 0"))], catalogs, options).ruleset
    again = ruleset(ruleset_row(rules), catalogs)

    assert {"ka.uri.param": None} == rules.rules[0].output.values({"a": "x"})
    assert {"ka.uri.param": None} == again.rules[0].output.values({"a": "x"})


def test_bad_extra_output(errors, rule):
    """An unknown field in what is appended is an error of each rule that it is appended to."""
    ((code, _),) = errors(rule(), append_output=(AppendOutput(extra_output="%proc.nope"),))

    assert "LOAD_ERR_COMPILE_OUTPUT" == code
