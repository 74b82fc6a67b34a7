"""``static_fields``: values of the configuration that rules and outputs use as fields of any event."""

import json

import pytest

RULES = """
- rule: In production
  desc: d
  condition: static.env = prod and number.value > 0
  output: Number %number.value in %static.env (%static.data.center)
  priority: INFO
  source: numbers
- rule: In tests
  desc: d
  condition: static.env startswith test and number.value > 0
  output: Number %number.value in tests
  priority: INFO
  source: numbers
"""

FIELDS = """
json_output: true
append_output: [{suggested_output: true}]
static_fields: {env: %s, data.center: 7}
falcohost: {watch_interval: 0.2}
"""


def printed(running):
    """Return the alerts so far, also behind the summary that a restart prints."""
    return [json.loads(line) for line in running.stdout.split("\n")[:-1] if line.startswith("{")]


def test_rules_and_outputs(agent, setup, until):
    """They are compared, printed and suggested as other fields are; a change of them is a new start with new values."""
    command = setup(FIELDS % "prod", RULES)
    running = agent(*command, "--enable-source", "numbers")
    first = running.wait_for_alerts(1)[0]
    setup(FIELDS % "test-1", RULES)
    second = until(lambda: [alert for alert in printed(running) if alert["rule"] == "In tests"])[0]

    number = first["output_fields"]["number.value"]
    assert first["output"].endswith(f"Number {number} in prod (7) static_env=prod static_data_center=7")
    assert ("prod", "7") == (first["output_fields"]["static.env"], first["output_fields"]["static.data.center"])
    assert "test-1" == second["output_fields"]["static.env"]


def test_new_rules(agent, setup, until, tmp_path):
    """Rules that a running agent goes over to have them too."""
    running = agent(*setup(FIELDS % "prod", RULES), "--enable-source", "numbers")
    running.wait_for_alerts(1)
    (tmp_path / "rules.yaml").write_text(RULES.replace("In production", "New rule"))
    until(lambda: running.alerts[-1]["rule"] == "New rule")

    assert "prod" == running.alerts[-1]["output_fields"]["static.env"]


def test_they_are_listed_and_validated(falcohost, setup, tmp_path):
    """``fields``, ``--list`` and ``-V`` know those of the configuration; without it there are none."""
    command = setup(FIELDS % "prod", RULES)

    assert "static.env" in falcohost(*command[:2], "--list=numbers").stdout
    assert 0 == falcohost(*command[:2], "-V", "rules.yaml").returncode
    assert "nonexistent field static.env" in falcohost("-o", "load_plugins[]=numbers", "-V", "rules.yaml").stderr


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            "{my-env: x}",
            "static_fields.my-env is no name of a field: use letters, digits and _, beginning with a letter",
        ),
        ("{env: [a]}", "static_fields.env has to be a single value"),
        ("text", "static_fields has to be a mapping (key: value)"),
    ],
)
def test_what_is_refused(falcohost, setup, fields, error):
    """A name that no rule could use, or a list, is refused with its place."""
    done = falcohost(*setup(f"static_fields: {fields}"), "--dry-run")

    assert (1, True) == (done.returncode, error in done.stderr)
    assert "falco.yaml:" in done.stderr.partition("Error: ")[2]
