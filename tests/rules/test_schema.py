"""The check against the schema, which only warns."""

import json

import pytest

from falcohost.rules.documents import read_documents
from falcohost.rules.schema import SCHEMA, check_document

TYPE = "Value type not permitted by 'type' constraint."
PROPERTY = "Failed to validate against schema associated with property name"
UNKNOWN = (
    "Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints"
)


def _check(text):
    (document,) = read_documents(text)
    return [verdict.removeprefix("failed for <root>") for verdict in check_document(document)]


@pytest.mark.parametrize(
    "text",
    [
        "- list: a\n  items: [1, b, '5', 1.5]\n",
        "- rule: r\n  priority: INFO\n  enabled: 'true'\n  capture_duration: '12'\n",
        "- required_engine_version: 5\n- required_plugin_versions: [{name: a, version: 1}]\n",
        "- rule: r\n  override: {desc: append}\n  exceptions: [{name: e, fields: x, values: {a: b}}]\n",
    ],
)
def test_good_documents(text):
    """Types are weak: a text that reads as a number or a truth value is one, and a number is a text."""
    assert ["ok"] == _check(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b", [f": {TYPE}"]),
        ("- 5", [f"[0]: {TYPE}", ": Failed to validate item #0 in array."]),
        (
            "- priority: info",
            [
                "[0][priority]: Failed to match against any enum values.",
                f"[0]: {PROPERTY} 'priority'.",
                ": Failed to validate item #0 in array.",
            ],
        ),
        (
            "- enabled: yes",
            [f"[0][enabled]: {TYPE}", f"[0]: {PROPERTY} 'enabled'.", ": Failed to validate item #0 in array."],
        ),
        ("- foo: 1\n  bar: 2", [f"[0]: {UNKNOWN}: 'foo'.", ": Failed to validate item #0 in array."]),
        (
            "- items: [[a]]",
            [
                f"[0][items][0]: {TYPE}",
                "[0][items][0]: Failed to validate against child schema #0.",
                f"[0][items][0]: {TYPE}",
                "[0][items][0]: Failed to validate against child schema #1.",
                "[0][items][0]: Failed to validate against any schemas allowed by anyOf constraint.",
                "[0][items]: Failed to validate item #0 in array.",
                f"[0]: {PROPERTY} 'items'.",
                ": Failed to validate item #0 in array.",
            ],
        ),
        (
            "- override: {}",
            [
                "[0][override]: Object should have no fewer than 1 properties.",
                f"[0]: {PROPERTY} 'override'.",
                ": Failed to validate item #0 in array.",
            ],
        ),
        (
            "- exceptions: [{fields: a}]",
            [
                "[0][exceptions][0]: Missing required property 'name'.",
                "[0][exceptions]: Failed to validate item #0 in array.",
                f"[0]: {PROPERTY} 'exceptions'.",
                ": Failed to validate item #0 in array.",
            ],
        ),
    ],
)
def test_bad_documents(text, expected):
    """Errors are reported from the inside out, in Falco's words."""
    assert expected == _check(text)


def test_schema_can_be_printed():
    """The schema is JSON, and knows every kind of item."""
    rule = json.loads(json.dumps(SCHEMA))["definitions"]["FalcoRule"]["properties"]

    assert {"rule", "macro", "list", "required_engine_version", "required_plugin_versions"} <= rule.keys()


def test_schema_warnings_do_not_refuse_a_file(load, rule):
    """A file that the schema does not like is loaded all the same."""
    result = load(rule(priority="info")).results[0]

    assert (True, False) == (result.ok, result.schema_status == "ok")
